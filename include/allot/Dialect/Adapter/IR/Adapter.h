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

namespace allot::adapter {

/// An upper bound of the rank of a map, of a bank that of each member, from the
/// structure of its expression: no number of a tensor is looked at.
int64_t getRankBound(mlir::Value map);

/// Sum of the costs of all ops that make a map, each once; a map that no op
/// makes counts as a matrix of f32.
MapCost getExpressionCost(mlir::Value map, int64_t rows);

/// What is known of a map expression without looking at a number.
struct MapFacts {
  /// Numbers, and bytes as they are stored, of the tensors that the expression
  /// comes from (arguments, globals, constants), each once.
  int64_t parameters = 0;
  uint64_t storedBytes = 0;
  int64_t rankBound = 0;
  /// Of all terms but the stored matrices: what merging them adds to these.
  /// That of the map where it has no stored matrix.
  int64_t deltaRankBound = 0;
};
MapFacts getFacts(mlir::Value map);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_IR_ADAPTER_H
