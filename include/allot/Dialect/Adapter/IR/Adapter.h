//===- Adapter.h - an algebra of linear maps --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_ADAPTER_H
#define ALLOT_DIALECT_ADAPTER_IR_ADAPTER_H

#include "allot/Interfaces/LinearMapInterfaces.h"
#include "allot/Interfaces/VJPInterfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "allot/Dialect/Adapter/IR/AdapterDialect.h.inc"
#include "allot/Dialect/Adapter/IR/AdapterEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterTypes.h.inc"

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterOps.h.inc"

#endif // ALLOT_DIALECT_ADAPTER_IR_ADAPTER_H
