//===- StructuredEntries.cpp - by the entries of matrices -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products entry by entry, and rows or columns divided by their norms.
//
//===----------------------------------------------------------------------===//

#include "MapTypes.h"
#include "Masks.h"
#include "StructuredBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::structured;

static Value multiply(OpBuilder &builder, Location loc, Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}

//===----------------------------------------------------------------------===//
// HadamardOp
//===----------------------------------------------------------------------===//

OpFoldResult HadamardOp::fold(FoldAdaptor) {
  return getMaps().size() == 1 ? OpFoldResult(getMaps().front())
                               : OpFoldResult();
}

void HadamardOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *) {
  patterns.add(+[](HadamardOp op, PatternRewriter &rewriter) -> LogicalResult {
    if (llvm::any_of(op.getMaps(), isZero)) {
      rewriter.replaceOpWithNewOp<ZeroOp>(op, op.getResult().getType());
      return success();
    }
    SmallVector<Value> maps;
    if (!flatten(op, maps))
      return failure();
    rewriter.replaceOpWithNewOp<HadamardOp>(op, maps);
    return success();
  });
  patterns.add(shrinkByMask);
}

namespace {
/// A product of two maps of which one is a pair of factors, and what it costs
/// to apply it rank by rank.
struct ByRank {
  Value other;
  MapTerms::Factors factors;
  int64_t rank;

  MapCost cost(int64_t rows) const {
    uint64_t n = rows, r = rank;
    auto type = cast<MapType>(other.getType());
    MapCost cost = getExpressionCost(other, rows * rank);
    cost.bytesRead +=
        format::getStoredBytes(cast<RankedTensorType>(factors.a.getType())) +
        format::getStoredBytes(cast<RankedTensorType>(factors.b.getType()));
    cost.flops +=
        n * r * (uint64_t(type.getIn()) + 2 * uint64_t(type.getOut()));
    if (factors.gate)
      cost.flops += r * uint64_t(type.getOut());
    return cost;
  }
};
} // namespace

static MapCost costByMatrix(HadamardOp op, int64_t rows) {
  MapType type = op.getResult().getType();
  uint64_t entries = uint64_t(numMembers(type)) * uint64_t(type.getOut()) *
                     uint64_t(type.getIn());
  // Matrices are computed about as maps are applied to the columns of the
  // identity; the product is written and read.
  MapCost cost{2 * sizeof(float) * entries,
               (op.getMaps().size() - 1 + 2 * uint64_t(rows)) * entries};
  llvm::SmallSetVector<Value, 4> maps(op.getMaps().begin(), op.getMaps().end());
  for (Value map : maps)
    cost += getExpressionCost(map, type.getIn());
  return cost;
}

/// The cheapest of the ways rank by rank, or none where the matrix takes less:
/// that is the one of a single row, so that one program serves any number.
static std::optional<ByRank> chooseByRank(HadamardOp op) {
  if (op.getMaps().size() != 2 || op.getResult().getType().isBank())
    return {};
  auto time = [](const MapCost &cost) {
    return std::max<uint64_t>(cost.bytesRead, cost.flops / 8);
  };
  uint64_t best = time(costByMatrix(op, 1));
  std::optional<ByRank> chosen;
  for (unsigned i = 0; i < 2; ++i) {
    MapTerms terms;
    if (LinearMapOpInterface map = definition(op.getMaps()[i]))
      map.collectTerms(1.0, terms);
    if (terms.factors.size() != 1 || !terms.matrices.empty() ||
        !terms.others.empty())
      continue;
    const MapTerms::Factors &factors = terms.factors.front();
    ByRank way{op.getMaps()[1 - i], factors,
               cast<RankedTensorType>(factors.a.getType()).getDimSize(0)};
    uint64_t estimate = time(way.cost(1));
    if (estimate < best) {
      best = estimate;
      chosen = way;
    }
  }
  return chosen;
}

MapCost HadamardOp::getOwnCost(int64_t rows) {
  // What the maps cost on `rows` rows is counted at themselves.
  std::optional<ByRank> byRank = chooseByRank(*this);
  MapCost cost = byRank ? byRank->cost(rows) : costByMatrix(*this, rows);
  llvm::SmallSetVector<Value, 4> maps(getMaps().begin(), getMaps().end());
  for (Value map : maps) {
    MapCost counted = getExpressionCost(map, rows);
    cost.bytesRead = saturatingSubtract(cost.bytesRead, counted.bytesRead);
    cost.flops = saturatingSubtract(cost.flops, counted.flops);
  }
  return cost;
}

// y = sum_r diag(B[:, r]) M (diag(A[r, :]) x), M applied to all r as rows.
static Value buildByRank(OpBuilder &builder, Location loc, const ByRank &way,
                         Value x) {
  MLIRContext *context = builder.getContext();
  auto type = cast<MapType>(way.other.getType());
  unsigned rank = cast<RankedTensorType>(x.getType()).getRank(),
           loops = rank + 1;
  SmallVector<unsigned> leading = llvm::to_vector(llvm::seq(0u, rank - 1)),
                        withLast = leading;
  withLast.push_back(rank);
  auto mapOf = [&](ArrayRef<unsigned> targets) {
    return AffineMap::getMultiDimMapWithTargets(loops, targets, context);
  };
  AffineMap identity = AffineMap::getMultiDimIdentityMap(loops, context);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.insert(sizes.end() - 1, builder.getIndexAttr(way.rank));
  Value a = buildDecoded(builder, loc, way.factors.a),
        b = buildDecoded(builder, loc, way.factors.b);
  if (way.factors.gate)
    b = buildMultipliedByVector(builder, loc, b, way.factors.gate);
  Value inputs = vjp::buildStructured(
      builder, loc, {x, a},
      {mapOf(withLast), mapOf({rank - 1, rank}), identity},
      vjp::buildEmpty(builder, loc, sizes, builder.getF32Type()),
      [](OpBuilder &nested, Location l, ValueRange args) {
        return multiply(nested, l, args[0], args[1]);
      });
  Value outputs = buildApplied(builder, loc, way.other, inputs);
  sizes.erase(sizes.end() - 2);
  sizes.back() = builder.getIndexAttr(type.getOut());
  // By B transposed: the innermost loop is over neighbours in memory.
  Value y = vjp::buildReduction(
      builder, loc, {outputs, buildSwappedLast(builder, loc, b)},
      {identity, mapOf({rank - 1, rank}), mapOf(withLast)}, sizes,
      [](OpBuilder &nested, Location l, ValueRange args) {
        return multiply(nested, l, args[0], args[1]);
      });
  return buildScaled(builder, loc, y, way.factors.scale);
}

Value HadamardOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  if (std::optional<ByRank> way = chooseByRank(*this))
    return buildByRank(builder, loc, *way, x);
  return buildApplied(builder, loc,
                      buildDenseOfMaterialized(builder, loc, getResult()), x);
}

Value HadamardOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Value product;
  for (Value map : getMaps()) {
    Value matrix = buildMaterialized(builder, loc, map);
    product = product ? multiply(builder, loc, product, matrix) : matrix;
  }
  return product;
}

int64_t HadamardOp::getRankBound(ArrayRef<int64_t> operands) {
  int64_t bound = 1;
  for (int64_t operand : operands)
    bound = saturatingProduct(bound, operand);
  return bound;
}

/// result[i, (r, s)] = b[i, r] * c[i, s], or with `axis` 0
/// result[(r, s), i] = b[r, i] * c[s, i].
static Value buildProductOfRanks(OpBuilder &builder, Location loc, Value b,
                                 Value c, unsigned axis) {
  MLIRContext *context = builder.getContext();
  b = buildDecoded(builder, loc, b);
  c = buildDecoded(builder, loc, c);
  auto bType = cast<RankedTensorType>(b.getType()),
       cType = cast<RankedTensorType>(c.getType());
  SmallVector<int64_t> sizes{bType.getDimSize(axis), cType.getDimSize(axis)};
  SmallVector<unsigned> ofB{0, 2}, ofC{1, 2};
  SmallVector<ReassociationIndices> groups{{0, 1}, {2}};
  if (axis == 1) {
    sizes.insert(sizes.begin(), bType.getDimSize(0));
    ofB = {0, 1};
    ofC = {0, 2};
    groups = {{0}, {1, 2}};
  } else {
    sizes.push_back(bType.getDimSize(1));
  }
  Value product = vjp::buildStructured(
      builder, loc, {b, c},
      {AffineMap::getMultiDimMapWithTargets(3, ofB, context),
       AffineMap::getMultiDimMapWithTargets(3, ofC, context),
       AffineMap::getMultiDimIdentityMap(3, context)},
      vjp::buildEmpty(builder, loc, getAsIndexOpFoldResult(context, sizes),
                      builder.getF32Type()),
      [](OpBuilder &nested, Location l, ValueRange args) {
        return multiply(nested, l, args[0], args[1]);
      });
  return tensor::CollapseShapeOp::create(builder, loc, product, groups);
}

MapFactors HadamardOp::buildFactors(OpBuilder &builder, Location loc) {
  if (getResult().getType().isBank())
    return {};
  MapFactors product;
  for (Value map : getMaps()) {
    LinearMapOpInterface op = definition(map);
    MapFactors factors = op ? op.buildFactors(builder, loc) : MapFactors();
    if (!factors)
      return {};
    if (!product) {
      product = factors;
      continue;
    }
    product.b = buildProductOfRanks(builder, loc, product.b, factors.b, 1);
    product.a = buildProductOfRanks(builder, loc, product.a, factors.a, 0);
  }
  return product;
}

LogicalResult HadamardOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                        DenseMatrix &result) {
  if (failed(typing::checkCount(*this, operands)))
    return failure();
  result = operands.front();
  for (const DenseMatrix &operand : operands.drop_front()) {
    if (operand.values.size() != result.values.size())
      return emitOpError() << "is evaluated with matrices of different sizes";
    for (size_t i = 0; i < result.values.size(); ++i)
      result.values[i] *= operand.values[i];
  }
  return success();
}

Value HadamardOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                             int64_t offset, int64_t size) {
  if (!isInside(getResult().getType(), axis, offset, size))
    return {};
  SmallVector<Value> maps;
  for (Value map : getMaps())
    maps.push_back(buildSliceOfMap(builder, loc, map, axis, offset, size));
  return HadamardOp::create(builder, loc, maps);
}

Value HadamardOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  SmallVector<Value> maps = buildTransposedMaps(builder, loc, getMaps());
  return HadamardOp::create(builder, loc, maps);
}

Value HadamardOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  Value product;
  for (Value map : getMaps()) {
    Value rows = buildGathered(builder, loc, map, ids);
    product = product ? multiply(builder, loc, product, rows) : rows;
  }
  return product;
}

//===----------------------------------------------------------------------===//
// NormalizeOp
//===----------------------------------------------------------------------===//

/// 1 / max(2-norm, floor) of x along the dimension `reduced`, which the result
/// has no more.
static Value buildInverseNorms(OpBuilder &builder, Location loc, Value x,
                               unsigned reduced, double floor) {
  MLIRContext *context = builder.getContext();
  unsigned rank = cast<RankedTensorType>(x.getType()).getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.erase(sizes.begin() + reduced);
  SmallVector<unsigned> kept = llvm::to_vector(llvm::seq(0u, rank));
  kept.erase(kept.begin() + reduced);
  Value sums = vjp::buildReduction(
      builder, loc, {x},
      {AffineMap::getMultiDimIdentityMap(rank, context),
       AffineMap::getMultiDimMapWithTargets(rank, kept, context)},
      sizes, [](OpBuilder &b, Location l, ValueRange args) {
        return multiply(b, l, args[0], args[0]);
      });
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank - 1, context);
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(
        builder, loc, builder.getF32FloatAttr(static_cast<float>(value)));
  };
  Value least = constant(floor), one = constant(1);
  return vjp::buildStructured(
      builder, loc, {sums}, {identity, identity},
      vjp::buildEmpty(builder, loc, sizes, builder.getF32Type()),
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value norm = math::SqrtOp::create(b, l, args[0]);
        norm = arith::MaximumFOp::create(b, l, norm, least);
        return arith::DivFOp::create(b, l, one, norm);
      });
}

/// x with each row, along all dimensions but the last, times one factor.
static Value buildScaledRows(OpBuilder &builder, Location loc, Value x,
                             Value factors) {
  MLIRContext *context = builder.getContext();
  unsigned rank = cast<RankedTensorType>(x.getType()).getRank();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, context);
  return vjp::buildStructured(
      builder, loc, {x, factors},
      {identity, identity.getMajorSubMap(rank - 1), identity},
      vjp::buildEmpty(builder, loc, tensor::getMixedSizes(builder, loc, x),
                      builder.getF32Type()),
      [](OpBuilder &b, Location l, ValueRange args) {
        return multiply(b, l, args[0], args[1]);
      });
}

/// One over the norms of the rows or columns.
static Value buildInverseNorms(OpBuilder &builder, Location loc,
                               NormalizeOp op) {
  return buildInverseNorms(builder, loc,
                           buildMaterialized(builder, loc, op.getMap()),
                           1 - op.getAxis(), op.getFloor().convertToDouble());
}

int64_t NormalizeOp::getRankBound(ArrayRef<int64_t> operands) {
  return operands.front();
}

MapCost NormalizeOp::getOwnCost(int64_t rows) {
  // The matrix is computed about as the map is applied to the columns of the
  // identity, then read.
  MapType type = getResult().getType();
  uint64_t out = type.getOut(), in = type.getIn();
  return {sizeof(float) * out * in,
          getExpressionCost(getMap(), type.getIn()).flops + 2 * out * in +
              uint64_t(rows) * (getAxis() == 0 ? out : in)};
}

Value NormalizeOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  Value factors = buildInverseNorms(builder, loc, *this);
  if (getAxis() == 1)
    x = buildMultipliedByVector(builder, loc, x, factors);
  Value y = buildApplied(builder, loc, getMap(), x);
  return getAxis() == 0 ? buildMultipliedByVector(builder, loc, y, factors) : y;
}

Value NormalizeOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Value matrix = buildMaterialized(builder, loc, getMap());
  Value factors = buildInverseNorms(builder, loc, matrix, 1 - getAxis(),
                                    getFloor().convertToDouble());
  return getAxis() == 0
             ? buildScaledRows(builder, loc, matrix, factors)
             : buildMultipliedByVector(builder, loc, matrix, factors);
}

LogicalResult NormalizeOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                         DenseMatrix &result) {
  MapType type = getResult().getType();
  if (operands.size() != 1 || operands[0].rows != type.getOut() ||
      operands[0].columns != type.getIn())
    return emitOpError() << "is evaluated with a matrix of another size";
  result = operands.front();
  std::vector<double> squares(getAxis() == 0 ? result.rows : result.columns);
  for (int64_t i = 0; i < result.rows; ++i)
    for (int64_t j = 0; j < result.columns; ++j)
      squares[getAxis() == 0 ? i : j] += result(i, j) * result(i, j);
  double floor = getFloor().convertToDouble();
  for (int64_t i = 0; i < result.rows; ++i)
    for (int64_t j = 0; j < result.columns; ++j)
      result(i, j) /=
          std::max(std::sqrt(squares[getAxis() == 0 ? i : j]), floor);
  return success();
}

Value NormalizeOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                              int64_t offset, int64_t size) {
  // Part of a row has another norm.
  if (axis != getAxis() || !isInside(getResult().getType(), axis, offset, size))
    return {};
  return NormalizeOp::create(
      builder, loc, getAxis(),
      buildSliceOfMap(builder, loc, getMap(), axis, offset, size),
      getFloor().convertToDouble());
}

Value NormalizeOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  return NormalizeOp::create(builder, loc, 1 - int64_t(getAxis()),
                             TransposeOp::create(builder, loc, getMap()),
                             getFloor().convertToDouble());
}

Value NormalizeOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  Value rows = buildGathered(builder, loc, getMap(), ids);
  if (getAxis() == 1)
    return buildMultipliedByVector(builder, loc, rows,
                                   buildInverseNorms(builder, loc, *this));
  unsigned last = cast<RankedTensorType>(rows.getType()).getRank() - 1;
  return buildScaledRows(builder, loc, rows,
                         buildInverseNorms(builder, loc, rows, last,
                                           getFloor().convertToDouble()));
}
