//===- AdapterBuild.h - upstream ops around maps ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small builders that the map ops and their expansion share. All values are f32
// tensors; leading dimensions may be dynamic.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_ADAPTERBUILD_H
#define ALLOT_DIALECT_ADAPTER_IR_ADAPTERBUILD_H

#include "allot/Interfaces/LinearMapInterfaces.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace allot::adapter {

/// `type` without encoding and with `last` as its last dimension.
mlir::RankedTensorType withLastDimension(mlir::RankedTensorType type,
                                         int64_t last);

/// `tensor.empty` of shape `[leading dimensions of x, last]`, or `[shape of x,
/// last]` with `append`.
mlir::Value buildEmptyLike(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value x, int64_t last, bool append = false);

/// The plain numbers of a tensor: itself, or `format.decode` of it where it is
/// encoded.
mlir::Value buildDecoded(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value tensor);

/// An encoded tensor of the same numbers: itself, or where it is plain
/// `format.encode` to f32.
mlir::Value buildEncoded(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value tensor);

/// An encoded or plain matrix transposed: an encoded tensor. Undoes a
/// transposition that this function made before.
mlir::Value buildTransposedMatrix(mlir::OpBuilder &builder, mlir::Location loc,
                                  mlir::Value tensor);

/// factor * x, elementwise; x itself for a factor of 1.
mlir::Value buildScaled(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value x, double factor);

/// result[..., i] = x[..., i] * vector[i]; the vector may be encoded.
mlir::Value buildMultipliedByVector(mlir::OpBuilder &builder,
                                    mlir::Location loc, mlir::Value x,
                                    mlir::Value vector);

/// result[..., i] = x[..., i] + vector[i]; the vector may be encoded.
mlir::Value buildAddedVector(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::Value x, mlir::Value vector);

/// Product of two static matrices.
mlir::Value buildMatmul(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value lhs, mlir::Value rhs);

/// `adapter.materialize` of a map.
mlir::Value buildMaterialized(mlir::OpBuilder &builder, mlir::Location loc,
                              mlir::Value map);

/// `adapter.apply` of a map to x, without bias and site.
mlir::Value buildApplied(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value map, mlir::Value x);

/// `adapter.gather` of rows `ids` of a map.
mlir::Value buildGathered(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value map, mlir::Value ids);

/// The composition of maps, the last of which meets the input first; of one the
/// map itself.
mlir::Value buildComposed(mlir::OpBuilder &builder, mlir::Location loc,
                          llvm::ArrayRef<mlir::Value> maps);

/// Rows `ids` of the dense matrix of a map: what maps do that have no rows of
/// their own.
mlir::Value buildGatherOfMaterialized(mlir::OpBuilder &builder,
                                      mlir::Location loc, mlir::Value map,
                                      mlir::Value ids);

/// The composition of maps; of none the identity of `size`.
mlir::Value buildComposed(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::ValueRange maps, int64_t size);

/// The map that is the sum of terms; null where there are none.
mlir::Value buildMapOfTerms(mlir::OpBuilder &builder, mlir::Location loc,
                            const MapTerms &terms);

/// `[OUT, IN]` rows or columns `[offset, offset + size)` of a matrix, plain.
mlir::Value buildMatrixSlice(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::Value tensor, unsigned axis, int64_t offset,
                             int64_t size);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_IR_ADAPTERBUILD_H
