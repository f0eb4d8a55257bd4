//===- MapTypes.h - result types of map ops ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The type of a map follows from its operands. Parsers and verifiers both ask
// here, so an error reads the same in custom and in generic syntax.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_ADAPTER_IR_MAPTYPES_H
#define ALLOT_LIB_DIALECT_ADAPTER_IR_MAPTYPES_H

#include "allot/Dialect/Adapter/IR/Adapter.h"

namespace allot::adapter::typing {

using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// (A3) `dense`.
MapType inferMapOfTensor(EmitError emitError, mlir::Type tensor);
/// (A4) `lowrank`, without the gate.
MapType inferMapOfFactors(EmitError emitError, mlir::Type b, mlir::Type a);
/// (A5) `diagonal`.
MapType inferMapOfVector(EmitError emitError, mlir::Type vector);
/// (A8) `compose`.
MapType inferMapOfChain(EmitError emitError, mlir::TypeRange maps);
/// (A18) `concat`.
MapType inferMapOfParts(EmitError emitError, int64_t dim, mlir::TypeRange maps);
/// (A10) `transpose`.
MapType inferMapTransposed(EmitError emitError, mlir::Type map);

/// Fails unless the reference evaluation has a matrix for each operand.
llvm::LogicalResult checkCount(mlir::Operation *op,
                               llvm::ArrayRef<DenseMatrix> operands);

/// Fails unless `result` is `expected` (null: the reason was reported already).
llvm::LogicalResult checkResult(mlir::Operation *op, MapType expected,
                                llvm::StringRef label);

} // namespace allot::adapter::typing

#endif // ALLOT_LIB_DIALECT_ADAPTER_IR_MAPTYPES_H
