//===- NN.h - what stands around the maps -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_NN_IR_NN_H
#define ALLOT_DIALECT_NN_IR_NN_H

#include "allot/Interfaces/VJPInterfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "allot/Dialect/NN/IR/NNDialect.h.inc"
#include "allot/Dialect/NN/IR/NNEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/NN/IR/NNAttrs.h.inc"

#define GET_OP_CLASSES
#include "allot/Dialect/NN/IR/NNOps.h.inc"

#endif // ALLOT_DIALECT_NN_IR_NN_H
