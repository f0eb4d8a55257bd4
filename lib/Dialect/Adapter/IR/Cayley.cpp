//===- Cayley.cpp - skew-symmetric maps and the orthogonal ones of them -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "LeafTypes.h"
#include "StructuredBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using leaf::Emit;

//===----------------------------------------------------------------------===//
// SkewOp
//===----------------------------------------------------------------------===//

void SkewOp::build(OpBuilder &builder, OperationState &state, Value vector) {
  build(builder, state,
        typing::inferOrEmpty(vector.getType(), typing::inferMapOfTriangle),
        vector);
}

// (A32)
LogicalResult SkewOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapOfTriangle([&] { return emitOpError(); },
                                 getVector().getType()),
      "A32");
}

MapCost SkewOp::getOwnCost(int64_t rows) {
  MapType type = getResult().getType();
  return {format::getStoredBytes(getVector().getType()),
          2 * uint64_t(rows) * uint64_t(type.getOut()) *
              uint64_t(type.getIn())};
}

Value SkewOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  return leaf::buildAppliedMatrix(builder, loc, *this, x);
}

Value SkewOp::buildMaterialization(OpBuilder &builder, Location loc) {
  MapType type = getResult().getType();
  int64_t n = type.getOut();
  Value vector = buildDecoded(builder, loc, getVector());
  return leaf::buildGenerated(
      builder, loc, type.getShape(), [&](const Emit &e, ArrayRef<Value> place) {
        Value i = place[place.size() - 2], j = place.back();
        // The rows before row i < j have i (2 n - i - 1) / 2 entries. On the
        // diagonal any entry will do.
        Value low = e.min(i, j), high = e.max(i, j);
        Value before =
            e.div(e.mul(low, e.sub(e.index(2 * n - 1), low)), e.index(2));
        Value at = e.add(before, e.sub(e.sub(high, low), e.index(1)));
        SmallVector<Value> from(place.drop_back(2));
        from.push_back(e.max(at, e.index(0)));
        Value value = e.extract(vector, from);
        Value zero = e.number(0, e.b.getF32Type());
        Value below = e.select(e.less(j, i), e.sub(zero, value), value);
        return e.select(e.equal(i, j), zero, below);
      });
}

LogicalResult SkewOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                    DenseMatrix &result) {
  if (failed(typing::checkOperands(*this, operands)))
    return failure();
  MapType type = getResult().getType();
  int64_t n = type.getOut(), members = structured::numMembers(type);
  result = DenseMatrix(members * n, n);
  size_t next = 0;
  for (int64_t m = 0; m < members; ++m)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = i + 1; j < n; ++j) {
        double value = operands[0].values[next++];
        result(m * n + i, j) = value;
        result(m * n + j, i) = -value;
      }
  return success();
}

Value SkewOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  return ScaleOp::create(builder, loc, getResult().getType(), getResult(),
                         builder.getF64FloatAttr(-1));
}

Value SkewOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

// By the entry at (i, j) what the two places have together.
LogicalResult SkewOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                               const llvm::SmallBitVector &wanted,
                               MutableArrayRef<Value> operands) {
  if (failed(leaf::refuseEncoded(*this, wanted, getVectorMutable(),
                                 "its triangle")))
    return failure();
  if (!wanted.test(0))
    return success();
  Location loc = getLoc();
  int64_t n = getResult().getType().getOut();
  std::vector<int64_t> places[2];
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i + 1; j < n; ++j) {
      places[0].push_back(i);
      places[1].push_back(j);
    }
  Value tables[2];
  for (int k : {0, 1}) {
    auto type = RankedTensorType::get({int64_t(places[k].size())},
                                      builder.getIndexType());
    tables[k] = arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(type, ArrayRef(places[k])));
  }
  operands[0] =
      leaf::buildGenerated(builder, loc, getVector().getType().getShape(),
                           [&](const Emit &e, ArrayRef<Value> place) {
                             Value i = e.extract(tables[0], place.back()),
                                   j = e.extract(tables[1], place.back());
                             SmallVector<Value> above(place.drop_back()),
                                 below = above;
                             above.append({i, j});
                             below.append({j, i});
                             return e.sub(e.extract(results[0], above),
                                          e.extract(results[0], below));
                           });
  return success();
}

//===----------------------------------------------------------------------===//
// CayleyOp
//===----------------------------------------------------------------------===//

/// Each term is a product in the program.
static constexpr int64_t kMostTerms = 128;

void CayleyOp::build(OpBuilder &builder, OperationState &state, Value map,
                     std::optional<int64_t> terms) {
  build(builder, state, map.getType(), map,
        terms ? builder.getI64IntegerAttr(*terms) : IntegerAttr());
}

// (A31)
LogicalResult CayleyOp::verify() {
  MapType type = getMap().getType();
  if (type.getOut() != type.getIn())
    return emitOpError() << "takes a square map, but got " << type << " (A31)";
  if (IntegerAttr terms = getTermsAttr())
    if (terms.getInt() < 1 || terms.getInt() > kMostTerms)
      return emitOpError() << "the number of terms is 1 .. " << kMostTerms
                           << ", but got " << terms.getInt() << " (A31)";
  return success();
}

/// The degree of the series; that of three terms is as of four.
static int64_t degreeOf(CayleyOp op) {
  int64_t terms = *op.getTerms();
  return terms == 3 ? 3 : terms - 1;
}

MapCost CayleyOp::getOwnCost(int64_t rows) {
  MapType type = getResult().getType();
  uint64_t n = type.getOut(), members = structured::numMembers(type),
           product = 2 * uint64_t(rows) * members * n * n;
  if (!getTerms())
    return {0, product + 4 * members * n * n * n};
  // The operand counts as one product itself.
  int64_t degree = degreeOf(*this);
  return {0, degree > 1 ? (degree - 1) * product : 0};
}

/// The series at what `times` multiplies by K, in the scheme of Horner: with
/// d = degree > 1, x + K (2 x + K (2 x + .. K (2 x + K x))).
static Value buildSeries(OpBuilder &builder, Location loc, int64_t degree,
                         Value x, function_ref<Value(Value)> times,
                         function_ref<Value(Value, double)> plusX) {
  if (degree == 0)
    return x;
  if (degree == 1)
    return plusX(buildScaled(builder, loc, times(x), 2), 1);
  Value z = plusX(times(x), 2);
  for (int64_t i = 2; i < degree; ++i)
    z = plusX(times(z), 2);
  return plusX(times(z), 1);
}

Value CayleyOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  if (!getTerms())
    return leaf::buildAppliedMatrix(builder, loc, *this, x);
  return buildSeries(
      builder, loc, degreeOf(*this), x,
      [&](Value z) { return buildApplied(builder, loc, getMap(), z); },
      [&](Value z, double factor) -> Value {
        return arith::AddFOp::create(builder, loc, z,
                                     buildScaled(builder, loc, x, factor));
      });
}

/// (I + K)^-1 (I - K), which is (I - K) (I + K)^-1 since both are functions of
/// K: elimination by Gauss and Jordan on [I + K | I - K], of all members of a
/// bank together, without pivots. In f64, because the matrices are small.
static Value buildExact(OpBuilder &builder, Location loc, Value k) {
  auto type = cast<RankedTensorType>(k.getType());
  bool isBank = type.getRank() == 3;
  int64_t n = type.getShape().back(), members = isBank ? type.getDimSize(0) : 1;
  Type f64 = builder.getF64Type();
  Value start = leaf::buildGenerated(
      builder, loc, {members, n, 2 * n},
      [&](const Emit &e, ArrayRef<Value> place) {
        Value isLeft = e.less(place[2], e.index(n));
        Value column = e.select(isLeft, place[2], e.sub(place[2], e.index(n)));
        SmallVector<Value> from{place[1], column};
        if (isBank)
          from.insert(from.begin(), place[0]);
        Value entry =
            arith::ExtFOp::create(e.b, e.loc, f64, e.extract(k, from));
        Value diagonal = e.select(e.equal(place[1], column), e.number(1, f64),
                                  e.number(0, f64));
        return e.select(isLeft, e.add(diagonal, entry), e.sub(diagonal, entry));
      },
      f64);
  Value solved = leaf::buildFor(
      builder, loc, Emit{builder, loc}.index(n), start,
      [&](OpBuilder &b, Value step, Value a) {
        Value row = leaf::buildCopyAt(b, loc, a, 1, step),
              column = leaf::buildCopyAt(b, loc, a, 2, step);
        // The pivot's row is divided by the pivot, the others lose what they
        // have in the pivot's column.
        return leaf::buildLoops(
            b, loc, {row, column}, a, {{0, 2}, {0, 1}, {0, 1, 2}}, {},
            [&](const Emit &e, ValueRange args) {
              Value member = linalg::IndexOp::create(e.b, e.loc, 0),
                    i = linalg::IndexOp::create(e.b, e.loc, 1);
              Value isPivot = e.equal(i, step);
              Value divided = e.div(args[0], e.extract(column, {member, step}));
              return e.select(isPivot, divided,
                              e.sub(args[2], e.mul(args[1], divided)));
            });
      });
  return leaf::buildGenerated(
      builder, loc, type.getShape(), [&](const Emit &e, ArrayRef<Value> place) {
        Value i = place[place.size() - 2], j = place.back();
        Value member = isBank ? place[0] : e.index(0);
        Value entry = e.extract(solved, {member, i, e.add(j, e.index(n))});
        return arith::TruncFOp::create(e.b, e.loc, e.b.getF32Type(), entry)
            .getResult();
      });
}

Value CayleyOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Value k = buildMaterialized(builder, loc, getMap());
  if (!getTerms())
    return buildExact(builder, loc, k);
  // The series at I: K * I is K.
  Value zeros = leaf::buildZeros(builder, loc, getMap().getType().getShape());
  Value identity = leaf::buildAddedDiagonal(builder, loc, zeros, 1);
  return buildSeries(
      builder, loc, degreeOf(*this), identity,
      [&](Value z) {
        return z == identity ? k : leaf::buildProduct(builder, loc, k, z);
      },
      [&](Value z, double factor) {
        return leaf::buildAddedDiagonal(builder, loc, z, factor);
      });
}

/// The product of two n x n matrices.
static DenseMatrix multiply(const DenseMatrix &a, const DenseMatrix &b) {
  DenseMatrix product(a.rows, b.columns);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t l = 0; l < a.columns; ++l)
      for (int64_t j = 0; j < b.columns; ++j)
        product(i, j) += a(i, l) * b(l, j);
  return product;
}

/// The solution of a x = b by elimination with pivots; false where a is
/// singular.
static bool solve(DenseMatrix a, DenseMatrix &b) {
  int64_t n = a.rows;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i)
      if (std::abs(a(i, k)) > std::abs(a(pivot, k)))
        pivot = i;
    if (a(pivot, k) == 0)
      return false;
    for (int64_t j = 0; j < n; ++j) {
      std::swap(a(k, j), a(pivot, j));
      std::swap(b(k, j), b(pivot, j));
    }
    for (int64_t i = k + 1; i < n; ++i) {
      double factor = a(i, k) / a(k, k);
      for (int64_t j = 0; j < n; ++j) {
        a(i, j) -= factor * a(k, j);
        b(i, j) -= factor * b(k, j);
      }
    }
  }
  for (int64_t k = n - 1; k >= 0; --k)
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t l = k + 1; l < n; ++l)
        b(k, j) -= a(k, l) * b(l, j);
      b(k, j) /= a(k, k);
    }
  return true;
}

LogicalResult CayleyOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                      DenseMatrix &result) {
  if (failed(typing::checkOperands(*this, operands)))
    return failure();
  MapType type = getResult().getType();
  int64_t n = type.getOut(), members = structured::numMembers(type);
  result = DenseMatrix(members * n, n);
  for (int64_t m = 0; m < members; ++m) {
    DenseMatrix k(n, n), identity(n, n), q(n, n);
    std::copy_n(operands[0].values.begin() + m * n * n, n * n,
                k.values.begin());
    for (int64_t i = 0; i < n; ++i)
      identity(i, i) = 1;
    if (getTerms()) {
      q = identity;
      DenseMatrix power = identity;
      int64_t degree = degreeOf(*this);
      for (int64_t d = 1; d <= degree; ++d) {
        power = multiply(power, k);
        double factor = d == degree && d > 1 ? 1 : 2;
        for (size_t i = 0; i < q.values.size(); ++i)
          q.values[i] += factor * power.values[i];
      }
    } else {
      DenseMatrix sum = identity;
      q = identity;
      for (size_t i = 0; i < q.values.size(); ++i) {
        sum.values[i] += k.values[i];
        q.values[i] -= k.values[i];
      }
      if (!solve(sum, q))
        return emitOpError() << "I + K is singular: K is not skew-symmetric";
    }
    std::copy_n(q.values.begin(), n * n, result.values.begin() + m * n * n);
  }
  return success();
}

// A function of the transposed map.
Value CayleyOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  Value transposed = TransposeOp::create(builder, loc, getMap());
  return CayleyOp::create(builder, loc, transposed.getType(), transposed,
                          getTermsAttr());
}

Value CayleyOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

// Exact: with (I + K)^-1 = (I + Q) / 2, dQ = -(I + Q) dK (I + Q) / 2. The
// series backwards through its steps z' = c I + K z.
LogicalResult CayleyOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                 const llvm::SmallBitVector &wanted,
                                 MutableArrayRef<Value> operands) {
  if (!wanted.test(0))
    return success();
  Location loc = getLoc();
  Value gradient = results[0];
  auto add = [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(builder, loc, x, y);
  };
  if (!getTerms()) {
    Value plus = leaf::buildAddedDiagonal(
        builder, loc, buildMaterialized(builder, loc, getResult()), 1);
    Value left = leaf::buildProduct(builder, loc, plus, gradient, true);
    operands[0] = buildScaled(
        builder, loc, leaf::buildProduct(builder, loc, left, plus, false, true),
        -0.5);
    return success();
  }
  int64_t degree = degreeOf(*this);
  if (degree == 0) {
    operands[0] = leaf::buildZeros(builder, loc, getMap().getType().getShape());
    return success();
  }
  if (degree == 1) {
    operands[0] = buildScaled(builder, loc, gradient, 2);
    return success();
  }
  Value k = buildMaterialized(builder, loc, getMap());
  SmallVector<Value> steps{leaf::buildAddedDiagonal(builder, loc, k, 2)};
  for (int64_t i = 2; i < degree; ++i)
    steps.push_back(leaf::buildAddedDiagonal(
        builder, loc, leaf::buildProduct(builder, loc, k, steps.back()), 2));
  Value total;
  for (Value z : llvm::reverse(steps)) {
    Value own = leaf::buildProduct(builder, loc, gradient, z, false, true);
    total = total ? add(total, own) : own;
    gradient = leaf::buildProduct(builder, loc, k, gradient, true);
  }
  operands[0] = add(total, gradient);
  return success();
}
