//===- Architectures.cpp - models outside of the table of families*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"
#include "llvm/ADT/STLExtras.h"

using namespace allot;
using namespace allot::importer;

static constexpr Architecture table[] = {{"gpt2", buildGpt2},
                                         {"bert", buildBert},
                                         {"vit", buildVit},
                                         {"t5", buildT5},
                                         {"switch_transformers", buildSwitch}};

llvm::ArrayRef<Architecture> importer::architectures() { return table; }

const Architecture *importer::findArchitecture(llvm::StringRef modelType) {
  const Architecture *found = llvm::find_if(
      table, [&](const Architecture &a) { return a.modelType == modelType; });
  return found == std::end(table) ? nullptr : found;
}
