//===- InitAllPasses.cpp - registration of all passes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/InitAllPasses.h"
#include "allot/Dialect/Format/Transforms/Passes.h"
#include "allot/Pipelines/Pipelines.h"

void allot::registerAllPasses() {
  format::registerFormatPasses();
  pipelines::registerPipelines();
}
