//===- Plan.h - allocation problems and their answers -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_PLAN_IR_PLAN_H
#define ALLOT_DIALECT_PLAN_IR_PLAN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "allot/Dialect/Plan/IR/PlanDialect.h.inc"

#define GET_OP_CLASSES
#include "allot/Dialect/Plan/IR/PlanOps.h.inc"

#endif // ALLOT_DIALECT_PLAN_IR_PLAN_H
