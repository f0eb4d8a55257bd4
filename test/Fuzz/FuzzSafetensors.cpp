//===- FuzzSafetensors.cpp --------------------------------------- -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "allot/Archive/Safetensors.h"

using namespace allot;
using namespace allot::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = take(archive::SafetensorsFile::parse(buffer(data, size)));
  if (!file)
    return 0;
  uint64_t sum = 0;
  for (const archive::TensorEntry &entry : (*file)->tensors()) {
    for (uint8_t byte : (*file)->data(entry))
      sum += byte;
    take((*file)->readFloat(entry));
    take((*file)->readInt64(entry));
    take((*file)->readInt32(entry));
    if ((*file)->find(entry.name) != &entry)
      __builtin_trap();
  }
  take((*file)->readFloat("weight"));
  for (auto &entry : (*file)->metadata())
    sum += entry.getValue().size();
  [[maybe_unused]] static volatile uint64_t sink;
  sink = sum;
  return 0;
}
