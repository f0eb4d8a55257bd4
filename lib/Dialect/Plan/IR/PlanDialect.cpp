//===- PlanDialect.cpp - registration of the dialect -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Plan/IR/Plan.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace allot;
using namespace allot::plan;

#include "allot/Dialect/Plan/IR/PlanDialect.cpp.inc"

#define GET_OP_CLASSES
#include "allot/Dialect/Plan/IR/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Plan/IR/PlanOps.cpp.inc"
      >();
}
