//===- Routed.h - which tokens meet which maps ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ROUTED_IR_ROUTED_H
#define ALLOT_DIALECT_ROUTED_IR_ROUTED_H

#include "allot/Interfaces/RoutingInterfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "allot/Dialect/Routed/IR/RoutedDialect.h.inc"
#include "allot/Dialect/Routed/IR/RoutedEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/Routed/IR/RoutedAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "allot/Dialect/Routed/IR/RoutedTypes.h.inc"

#define GET_OP_CLASSES
#include "allot/Dialect/Routed/IR/RoutedOps.h.inc"

#endif // ALLOT_DIALECT_ROUTED_IR_ROUTED_H
