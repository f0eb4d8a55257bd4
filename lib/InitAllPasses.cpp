//===- InitAllPasses.cpp - registration of all passes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/InitAllPasses.h"

void allot::registerAllPasses() {}
