//===- LeafBuild.h - what the leaves build their code of -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to the dialect: leaves whose numbers are computed build them with
// these.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_ADAPTER_IR_LEAFBUILD_H
#define ALLOT_LIB_DIALECT_ADAPTER_IR_LEAFBUILD_H

#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"

namespace allot::adapter::leaf {

/// Emits scalar code at one place.
struct Emit {
  mlir::OpBuilder &b;
  mlir::Location loc;

  mlir::Value index(int64_t value) const;
  mlir::Value number(double value, mlir::Type type) const;
  mlir::Value add(mlir::Value x, mlir::Value y) const;
  mlir::Value sub(mlir::Value x, mlir::Value y) const;
  mlir::Value mul(mlir::Value x, mlir::Value y) const;
  mlir::Value div(mlir::Value x, mlir::Value y) const;
  mlir::Value rem(mlir::Value x, mlir::Value y) const;
  mlir::Value min(mlir::Value x, mlir::Value y) const;
  mlir::Value max(mlir::Value x, mlir::Value y) const;
  mlir::Value equal(mlir::Value x, mlir::Value y) const;
  mlir::Value less(mlir::Value x, mlir::Value y) const;
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) const;
  mlir::Value extract(mlir::Value tensor, mlir::ValueRange place) const;
};

using Compute =
    llvm::function_ref<mlir::Value(const Emit &, llvm::ArrayRef<mlir::Value>)>;

/// A tensor like `init` whose elements `compute` gives, out of their place.
mlir::Value buildGenerated(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value init, Compute compute);

/// The same, of a static shape.
mlir::Value buildGenerated(mlir::OpBuilder &builder, mlir::Location loc,
                           llvm::ArrayRef<int64_t> shape, Compute compute,
                           mlir::Type elementType = {});

/// A `linalg.generic` over `inputs` and the one output `init`. `maps` say which
/// loops each has, inputs first; the body gets their elements, the output's
/// last, and the loops.
mlir::Value buildLoops(
    mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs,
    mlir::Value init, llvm::ArrayRef<llvm::SmallVector<unsigned>> maps,
    llvm::ArrayRef<unsigned> reductions,
    llvm::function_ref<mlir::Value(const Emit &, mlir::ValueRange)> body);

/// The same with several outputs, of which the body gives the elements.
llvm::SmallVector<mlir::Value> buildLoopsTo(
    mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs,
    mlir::ValueRange inits, llvm::ArrayRef<llvm::SmallVector<unsigned>> maps,
    llvm::ArrayRef<unsigned> reductions,
    llvm::function_ref<llvm::SmallVector<mlir::Value>(const Emit &,
                                                      mlir::ValueRange)>
        body);

/// A tensor of zeros with the sizes of `empty`.
mlir::Value buildZeros(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value empty);
mlir::Value buildZeros(mlir::OpBuilder &builder, mlir::Location loc,
                       llvm::ArrayRef<int64_t> shape);

/// The slice at `index` of dimension `dim`, without that dimension.
mlir::Value buildSliceAt(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value tensor, int64_t dim, mlir::Value index);
/// A copy of it, which later changes of the tensor do not touch.
mlir::Value buildCopyAt(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value tensor, int64_t dim, mlir::Value index);

/// `for i = 0 .. count - 1: value = body(i, value)`.
mlir::Value buildFor(
    mlir::OpBuilder &builder, mlir::Location loc, mlir::Value count,
    mlir::Value value,
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Value, mlir::Value)>
        body);

/// matrix + diagonal * I, for the last two dimensions.
mlir::Value buildAddedDiagonal(mlir::OpBuilder &builder, mlir::Location loc,
                               mlir::Value matrix, double diagonal);

/// Product of two square matrices, or of each two of a bank, either transposed
/// before where it is said so.
mlir::Value buildProduct(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value lhs, mlir::Value rhs,
                         bool transposeLhs = false, bool transposeRhs = false);

/// Fails, with an error at the op, where the gradient of an encoded tensor is
/// asked for: its numbers are no continuous ones.
llvm::LogicalResult refuseEncoded(mlir::Operation *op,
                                  const llvm::SmallBitVector &wanted,
                                  mlir::OpOperand &operand,
                                  llvm::StringRef name);

/// The application of a map by its matrix, which is computed and encoded so
/// that it may be hoisted.
mlir::Value buildAppliedMatrix(mlir::OpBuilder &builder, mlir::Location loc,
                               LinearMapOpInterface map, mlir::Value x);

/// N as a product of two numbers, the first one not larger and as large as it
/// can be: 1 for a prime.
std::pair<int64_t, int64_t> splitTransform(int64_t n);

/// cos(2 pi i j / n) or sin(2 pi i j / n).
double transformEntry(int64_t i, int64_t j, int64_t n, bool sine);

/// The sums of x_j cos(2 pi i j / N) and of x_j sin(2 pi i j / N) along the
/// last dimension of x; those that are not wanted are null.
struct Transformed {
  mlir::Value cosine, sine;
};
Transformed buildTransform(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value x, bool wantsCosine, bool wantsSine);

} // namespace allot::adapter::leaf

#endif // ALLOT_LIB_DIALECT_ADAPTER_IR_LEAFBUILD_H
