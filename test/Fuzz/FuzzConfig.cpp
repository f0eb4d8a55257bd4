//===- FuzzConfig.cpp - JSON, and config.json of a model ----------- -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "allot/Import/ModelConfig.h"

using namespace allot;
using namespace allot::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto document = take(archive::JsonDocument::parse(text(data, size), "input"));
  if (!document)
    return 0;
  readAll((*document)->root());
  take(importer::readConfig(**document));
  return 0;
}
