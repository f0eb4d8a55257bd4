//===- FuzzGGUF.cpp - the container, and a model's configuration ---- -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "allot/Archive/GGUF.h"
#include "allot/Import/ModelConfig.h"

using namespace allot;
using namespace allot::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = take(archive::GGUFFile::parse(buffer(data, size)));
  if (!file)
    return 0;
  const archive::GGUFFile &gguf = **file;
  uint64_t sum = 0;
  for (const archive::GGUFTensor &tensor : gguf.tensors()) {
    for (uint8_t byte : gguf.data(tensor))
      sum += byte;
    if (gguf.find(tensor.name) != &tensor)
      __builtin_trap();
  }
  for (const archive::GGUFValue &value : gguf.metadata()) {
    take(gguf.getU32(value.key));
    take(gguf.getU64(value.key));
    take(gguf.getI64(value.key));
    take(gguf.getF32(value.key));
    take(gguf.getF64(value.key));
    take(gguf.getBool(value.key));
    take(gguf.getString(value.key));
    take(gguf.getI64Array(value.key));
    take(gguf.getF64Array(value.key));
    take(gguf.getBoolArray(value.key));
    take(gguf.getStringArray(value.key));
  }
  take(importer::readConfig(gguf));
  [[maybe_unused]] static volatile uint64_t sink;
  sink = sum;
  return 0;
}
