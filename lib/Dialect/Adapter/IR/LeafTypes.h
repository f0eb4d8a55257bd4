//===- LeafTypes.h - result types of leaves -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_ADAPTER_IR_LEAFTYPES_H
#define ALLOT_LIB_DIALECT_ADAPTER_IR_LEAFTYPES_H

#include "MapTypes.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"

namespace allot::adapter::typing {

/// The n >= 2 of a matrix with `entries` numbers above its diagonal; 0 where
/// there is none.
int64_t triangleSize(int64_t entries);

/// (A32) `skew`.
MapType inferMapOfTriangle(EmitError emitError, mlir::Type vector);
/// (A33) `householder`.
MapType inferMapOfReflections(EmitError emitError, mlir::Type matrix);
/// (A34) `circulant`.
MapType inferMapOfCirculants(EmitError emitError, mlir::Type kernels);

/// (A42) .. (A46) `contract`.
MapType inferMapOfNetwork(EmitError emitError, llvm::StringRef network,
                          mlir::TypeRange cores);

/// For builders: the type that `infer` gives, or one that the verifier reports.
template <typename Infer>
MapType inferOrEmpty(mlir::Type operand, Infer infer) {
  if (MapType type = infer([] { return mlir::InFlightDiagnostic(); }, operand))
    return type;
  return MapType::get(operand.getContext(), {0, 0},
                      mlir::Float32Type::get(operand.getContext()));
}

/// Fails unless the reference evaluation of `op` got its operands, each with as
/// many numbers as its type has.
llvm::LogicalResult checkOperands(mlir::Operation *op,
                                  llvm::ArrayRef<DenseMatrix> operands);

} // namespace allot::adapter::typing

#endif // ALLOT_LIB_DIALECT_ADAPTER_IR_LEAFTYPES_H
