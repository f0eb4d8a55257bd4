//===- StructuredBuild.h - what structured maps share -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_ADAPTER_IR_STRUCTUREDBUILD_H
#define ALLOT_LIB_DIALECT_ADAPTER_IR_STRUCTUREDBUILD_H

#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "mlir/IR/PatternMatch.h"

namespace allot::adapter::structured {

/// The interface of the op that makes a map, or null for one from elsewhere.
LinearMapOpInterface definition(mlir::Value map);

/// The operands with those defined by the same op replaced by its operands, in
/// place.
template <typename OpT>
bool flatten(OpT op, llvm::SmallVectorImpl<mlir::Value> &maps) {
  bool changed = false;
  for (mlir::Value map : op.getMaps()) {
    if (auto inner = map.getDefiningOp<OpT>()) {
      llvm::append_range(maps, inner.getMaps());
      changed = true;
    } else {
      maps.push_back(map);
    }
  }
  return changed;
}

/// The transposes of the maps, in their order.
llvm::SmallVector<mlir::Value> buildTransposedMaps(mlir::OpBuilder &builder,
                                                   mlir::Location loc,
                                                   mlir::ValueRange maps);

/// True for `identity` and for permutations that move nothing.
bool isIdentity(mlir::Value map);
bool isZero(mlir::Value map);

/// Maps in a bank, 1 for a single map.
int64_t numMembers(MapType type);

/// a - b, or 0 where b is larger.
uint64_t saturatingSubtract(uint64_t a, uint64_t b);

/// Of numbers that are not negative; the largest number where it is larger.
int64_t saturatingSum(llvm::ArrayRef<int64_t> numbers);
int64_t saturatingProduct(int64_t a, int64_t b);

/// Matrices, plain or encoded, one below the other (`axis` 0) or side by side
/// (1), plain.
mlir::Value buildConcatenated(mlir::OpBuilder &builder, mlir::Location loc,
                              unsigned axis, mlir::ValueRange matrices);

/// Rows (`axis` 0) or columns of a map: what its op makes, else `slice` of it.
mlir::Value buildSliceOfMap(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value map, unsigned axis, int64_t offset,
                            int64_t size);

/// True if `[offset, offset + size)` are rows or columns of a single map.
bool isInside(MapType type, unsigned axis, int64_t offset, int64_t size);

/// Places `[offset, offset + size)` of the last dimension of x.
mlir::Value buildLastSlice(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value x, int64_t offset, int64_t size);

/// Writes `part` to places `[offset, ..)` of the last dimension of `whole`.
mlir::Value buildLastInserted(mlir::OpBuilder &builder, mlir::Location loc,
                              mlir::Value part, mlir::Value whole,
                              int64_t offset);

/// The last dimension of x, of outer * inner, as two; two as one.
mlir::Value buildSplitLast(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value x, int64_t outer, int64_t inner);
mlir::Value buildMergedLast(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value x);

/// The last two dimensions of x exchanged.
mlir::Value buildSwappedLast(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::Value x);

/// Zeros of shape `[leading dimensions of x, last]`, or `[shape of x, last]`
/// with `append`.
mlir::Value buildZerosLike(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value x, int64_t last, bool append = false);

/// `compute(id)` for each id, in the type of the ids.
mlir::Value
buildOfIds(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value ids,
           llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                          mlir::Value)>
               compute);

/// A constant in the type of ids.
mlir::Value buildIdConstant(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value ids, int64_t value);

/// The map that an op computes by its matrix: `dense` of it, encoded as f32.
mlir::Value buildDenseOfMaterialized(mlir::OpBuilder &builder,
                                     mlir::Location loc, mlir::Value map);

/// Rewrites of applications of banks that need no ids (Bank.cpp).
void populateBankApplyPatterns(mlir::RewritePatternSet &patterns);

/// `part`, a map with `size` rows (`axis` 0) or columns (1), between as many
/// columns or rows of zeros.
mlir::Value buildBetweenZeros(mlir::OpBuilder &builder, mlir::Location loc,
                              unsigned axis, int64_t size, int64_t before,
                              mlir::Value part, int64_t after);

} // namespace allot::adapter::structured

#endif // ALLOT_LIB_DIALECT_ADAPTER_IR_STRUCTUREDBUILD_H
