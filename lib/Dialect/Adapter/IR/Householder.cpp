//===- Householder.cpp - products of reflections -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "LeafTypes.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using leaf::Emit;

using Loops = SmallVector<unsigned>;

void HouseholderOp::build(OpBuilder &builder, OperationState &state, Value u,
                          bool orthonormalize) {
  build(builder, state,
        typing::inferOrEmpty(u.getType(), typing::inferMapOfReflections), u,
        orthonormalize ? builder.getUnitAttr() : UnitAttr());
}

// (A33)
LogicalResult HouseholderOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapOfReflections([&] { return emitOpError(); },
                                    getU().getType()),
      "A33");
}

MapCost HouseholderOp::getOwnCost(int64_t rows) {
  uint64_t n = getU().getType().getDimSize(0),
           r = getU().getType().getDimSize(1);
  uint64_t once = getOrthonormalize() ? 4 * n * r * r : 3 * n * r;
  return {format::getStoredBytes(getU().getType()),
          4 * uint64_t(rows) * n * r + once};
}

//===----------------------------------------------------------------------===//
// Directions
//===----------------------------------------------------------------------===//

/// The columns of u with norm 1, as rows.
static Value buildDirections(OpBuilder &builder, Location loc, Value u) {
  Value plain = buildDecoded(builder, loc, u);
  auto type = cast<RankedTensorType>(plain.getType());
  int64_t n = type.getDimSize(0), r = type.getDimSize(1);
  Value squares = leaf::buildLoops(
      builder, loc, plain, leaf::buildZeros(builder, loc, {r}),
      {Loops{1, 0}, Loops{0}}, {1}, [](const Emit &e, ValueRange args) {
        return e.add(args[1], e.mul(args[0], args[0]));
      });
  Value init = tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>{r, n},
                                       builder.getF32Type());
  return leaf::buildLoops(
      builder, loc, {plain, squares}, init,
      {Loops{1, 0}, Loops{0}, Loops{0, 1}}, {},
      [](const Emit &e, ValueRange args) {
        return e.div(args[0], math::SqrtOp::create(e.b, e.loc, args[1]));
      });
}

/// The orthonormal basis of the columns of u, as rows: each direction is taken
/// out of those behind it when it is finished (the modified process of Gram and
/// Schmidt). In f64, because columns that are nearly dependent lose digits.
static Value buildBasis(OpBuilder &builder, Location loc, Value u) {
  Value plain = buildDecoded(builder, loc, u);
  auto type = cast<RankedTensorType>(plain.getType());
  int64_t n = type.getDimSize(0), r = type.getDimSize(1);
  Type f64 = builder.getF64Type();
  Value start = leaf::buildGenerated(
      builder, loc, {r, n},
      [&](const Emit &e, ArrayRef<Value> place) {
        return arith::ExtFOp::create(e.b, e.loc, f64,
                                     e.extract(plain, {place[1], place[0]}))
            .getResult();
      },
      f64);
  Value basis = leaf::buildFor(
      builder, loc, Emit{builder, loc}.index(r), start,
      [&](OpBuilder &b, Value step, Value q) {
        Value row = leaf::buildCopyAt(b, loc, q, 0, step);
        Value zeros = leaf::buildZeros(
            b, loc, tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{r}, f64));
        Value products = leaf::buildLoops(
            b, loc, {q, row}, zeros, {Loops{0, 1}, Loops{1}, Loops{0}}, {1},
            [](const Emit &e, ValueRange args) {
              return e.add(args[2], e.mul(args[0], args[1]));
            });
        return leaf::buildLoops(
            b, loc, {row, products}, q, {Loops{1}, Loops{0}, Loops{0, 1}}, {},
            [&](const Emit &e, ValueRange args) {
              Value i = linalg::IndexOp::create(e.b, e.loc, 0);
              Value square = e.extract(products, step);
              Value unit =
                  e.div(args[0], math::SqrtOp::create(e.b, e.loc, square));
              Value rest =
                  e.sub(args[2], e.mul(e.div(args[1], square), args[0]));
              return e.select(e.equal(i, step), unit,
                              e.select(e.less(step, i), rest, args[2]));
            });
      });
  return leaf::buildGenerated(
      builder, loc, {r, n}, [&](const Emit &e, ArrayRef<Value> place) {
        return arith::TruncFOp::create(e.b, e.loc, e.b.getF32Type(),
                                       e.extract(basis, place))
            .getResult();
      });
}

/// A transposed plain matrix.
static Value buildColumnsOf(OpBuilder &builder, Location loc, Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  Value init = tensor::EmptyOp::create(
      builder, loc, ArrayRef<int64_t>{type.getDimSize(1), type.getDimSize(0)},
      type.getElementType());
  return linalg::TransposeOp::create(builder, loc, rows, init,
                                     ArrayRef<int64_t>{1, 0})
      ->getResult(0);
}

//===----------------------------------------------------------------------===//
// Reflections
//===----------------------------------------------------------------------===//

/// Reflects the rows of x at one direction after the other, from the last to
/// the first or with `forward` from the first to the last.
static Value buildReflected(OpBuilder &builder, Location loc, Value x,
                            Value directions, bool forward) {
  int64_t count = cast<RankedTensorType>(directions.getType()).getDimSize(0);
  unsigned last = cast<RankedTensorType>(x.getType()).getRank() - 1;
  Loops leading = llvm::to_vector(llvm::seq(0u, last)), all = leading;
  all.push_back(last);
  return leaf::buildFor(
      builder, loc, Emit{builder, loc}.index(count), x,
      [&](OpBuilder &b, Value step, Value y) {
        Emit e{b, loc};
        Value which = forward ? step : e.sub(e.index(count - 1), step);
        Value direction = leaf::buildSliceAt(b, loc, directions, 0, which);
        SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, y);
        sizes.pop_back();
        Value zeros = leaf::buildZeros(
            b, loc, tensor::EmptyOp::create(b, loc, sizes, b.getF32Type()));
        Value products = leaf::buildLoops(
            b, loc, {y, direction}, zeros, {all, Loops{last}, leading}, {last},
            [](const Emit &f, ValueRange args) {
              return f.add(args[2], f.mul(args[0], args[1]));
            });
        return leaf::buildLoops(b, loc, {products, direction}, y,
                                {leading, Loops{last}, all}, {},
                                [](const Emit &f, ValueRange args) {
                                  Value twice = f.add(args[0], args[0]);
                                  return f.sub(args[2], f.mul(twice, args[1]));
                                });
      });
}

Value HouseholderOp::buildDistributed(OpBuilder &builder, Location loc) {
  // I - 2 Q Q^T; of one direction Q is that.
  if (!getOrthonormalize() && getU().getType().getDimSize(1) != 1)
    return {};
  Value basis = getOrthonormalize() ? buildBasis(builder, loc, getU())
                                    : buildDirections(builder, loc, getU());
  Value projection = LowRankOp::create(
      builder, loc, buildColumnsOf(builder, loc, basis), basis);
  MapType type = getResult().getType();
  Value scaled =
      ScaleOp::create(builder, loc, projection, builder.getF64FloatAttr(-2));
  Value identity = IdentityOp::create(builder, loc, type.getOut());
  return SumOp::create(builder, loc, type, ValueRange{identity, scaled});
}

Value HouseholderOp::buildApplication(OpBuilder &builder, Location loc,
                                      Value x) {
  if (!getOrthonormalize())
    return buildReflected(builder, loc, x,
                          buildDirections(builder, loc, getU()),
                          /*forward=*/false);
  Value basis = buildBasis(builder, loc, getU());
  Value projection = LowRankOp::create(
      builder, loc, buildColumnsOf(builder, loc, basis), basis);
  Value part = buildApplied(builder, loc, projection, x);
  return arith::AddFOp::create(builder, loc, x,
                               buildScaled(builder, loc, part, -2));
}

Value HouseholderOp::buildMaterialization(OpBuilder &builder, Location loc) {
  int64_t n = getResult().getType().getOut();
  if (getOrthonormalize()) {
    Value basis = buildBasis(builder, loc, getU());
    Value projection =
        buildMatmul(builder, loc, buildColumnsOf(builder, loc, basis), basis);
    return leaf::buildAddedDiagonal(
        builder, loc, buildScaled(builder, loc, projection, -2), 1);
  }
  // Rows of the matrix are what the transposed product does to unit vectors.
  Value identity = leaf::buildAddedDiagonal(
      builder, loc, leaf::buildZeros(builder, loc, {n, n}), 1);
  return buildReflected(builder, loc, identity,
                        buildDirections(builder, loc, getU()),
                        /*forward=*/true);
}

LogicalResult HouseholderOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                           DenseMatrix &result) {
  if (failed(typing::checkOperands(*this, operands)))
    return failure();
  DenseMatrix u = operands[0];
  int64_t n = u.rows, r = u.columns;
  result = DenseMatrix(n, n);
  for (int64_t i = 0; i < n; ++i)
    result(i, i) = 1;
  for (int64_t k = 0; k < r; ++k) {
    if (getOrthonormalize())
      for (int64_t before = 0; before < k; ++before) {
        double product = 0;
        for (int64_t i = 0; i < n; ++i)
          product += u(i, before) * u(i, k);
        for (int64_t i = 0; i < n; ++i)
          u(i, k) -= product * u(i, before);
      }
    double square = 0;
    for (int64_t i = 0; i < n; ++i)
      square += u(i, k) * u(i, k);
    for (int64_t i = 0; i < n; ++i)
      u(i, k) /= std::sqrt(square);
    // result (I - 2 u u^T); of orthogonal directions the order is no matter.
    for (int64_t i = 0; i < n; ++i) {
      double product = 0;
      for (int64_t j = 0; j < n; ++j)
        product += result(i, j) * u(j, k);
      for (int64_t j = 0; j < n; ++j)
        result(i, j) -= 2 * product * u(j, k);
    }
  }
  return success();
}

// The product in the other order.
Value HouseholderOp::buildTransposed(OpBuilder &builder, Location loc,
                                     bool structureOnly) {
  int64_t count = getU().getType().getDimSize(1);
  if (getOrthonormalize() || count == 1)
    return getResult();
  if (structureOnly)
    return {};
  Value plain = buildDecoded(builder, loc, getU());
  Value reversed = leaf::buildGenerated(
      builder, loc, getU().getType().getShape(),
      [&](const Emit &e, ArrayRef<Value> place) {
        return e.extract(plain,
                         {place[0], e.sub(e.index(count - 1), place[1])});
      });
  return HouseholderOp::create(builder, loc, reversed);
}

Value HouseholderOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}
