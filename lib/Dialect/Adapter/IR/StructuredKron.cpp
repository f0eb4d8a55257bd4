//===- StructuredKron.cpp - Kronecker product of maps -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StructuredBuild.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::structured;

OpFoldResult KronOp::fold(FoldAdaptor) {
  auto isOne = [](Value map) {
    return isIdentity(map) && cast<MapType>(map.getType()).getOut() == 1;
  };
  if (isOne(getA()))
    return getB();
  if (isOne(getB()))
    return getA();
  return {};
}

void KronOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *) {
  patterns.add(+[](KronOp op, PatternRewriter &rewriter) -> LogicalResult {
    MapType type = op.getResult().getType();
    if (isZero(op.getA()) || isZero(op.getB()))
      rewriter.replaceOpWithNewOp<ZeroOp>(op, type);
    else if (isIdentity(op.getA()) && isIdentity(op.getB()))
      rewriter.replaceOpWithNewOp<IdentityOp>(op, type);
    else
      return failure();
    return success();
  });
}

namespace {
/// Rows that each map meets for one row of x, b applied first or a.
struct Order {
  bool bFirst;
  int64_t aRows, bRows;
};
} // namespace

static Order chooseOrder(KronOp op) {
  MapType a = op.getA().getType(), b = op.getB().getType();
  auto cost = [&](const Order &order) {
    return getExpressionCost(op.getA(), order.aRows).flops +
           getExpressionCost(op.getB(), order.bRows).flops;
  };
  Order bFirst{true, b.getOut(), a.getIn()},
      aFirst{false, b.getIn(), a.getOut()};
  return cost(aFirst) < cost(bFirst) ? aFirst : bFirst;
}

MapCost KronOp::getOwnCost(int64_t rows) {
  // What the maps cost on `rows` rows is counted at themselves, what they cost
  // on more of them here.
  Order order = chooseOrder(*this);
  auto more = [&](Value map, int64_t times) {
    return saturatingSubtract(getExpressionCost(map, rows * times).flops,
                              getExpressionCost(map, rows).flops);
  };
  return {0, more(getA(), order.aRows) + more(getB(), order.bRows)};
}

Value KronOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  MapType a = getA().getType(), b = getB().getType();
  Value y = buildSplitLast(builder, loc, x, a.getIn(), b.getIn());
  auto applyA = [&] {
    if (isIdentity(getA()))
      return;
    y = buildSwappedLast(builder, loc, y);
    y = buildApplied(builder, loc, getA(), y);
    y = buildSwappedLast(builder, loc, y);
  };
  bool bFirst = chooseOrder(*this).bFirst;
  if (!bFirst)
    applyA();
  y = buildApplied(builder, loc, getB(), y);
  if (bFirst)
    applyA();
  return buildMergedLast(builder, loc, y);
}

/// result[.., i1, i2] = a[.., i1] * b[.., i2], as one dimension.
static Value buildOuterProduct(OpBuilder &builder, Location loc, Value a,
                               Value b) {
  auto aType = cast<RankedTensorType>(a.getType()),
       bType = cast<RankedTensorType>(b.getType());
  unsigned rank = aType.getRank() + 1;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, a);
  sizes.push_back(builder.getIndexAttr(bType.getShape().back()));
  SmallVector<unsigned> leading = llvm::to_vector(llvm::seq(0u, rank - 2)),
                        withA = leading, withB = leading;
  withA.push_back(rank - 2);
  withB.push_back(rank - 1);
  MLIRContext *context = builder.getContext();
  Value product = vjp::buildStructured(
      builder, loc, {a, b},
      {AffineMap::getMultiDimMapWithTargets(rank, withA, context),
       AffineMap::getMultiDimMapWithTargets(rank, withB, context),
       AffineMap::getMultiDimIdentityMap(rank, context)},
      vjp::buildEmpty(builder, loc, sizes, aType.getElementType()),
      [](OpBuilder &nested, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(nested, l, args[0], args[1]);
      });
  return buildMergedLast(builder, loc, product);
}

Value KronOp::buildMaterialization(OpBuilder &builder, Location loc) {
  // Rows (o1, o2) of the product from rows o1 of a and o2 of b.
  Value a = buildMaterialized(builder, loc, getA()),
        b = buildMaterialized(builder, loc, getB());
  MapType aType = getA().getType(), bType = getB().getType();
  MLIRContext *context = builder.getContext();
  SmallVector<int64_t> shape{aType.getOut(), bType.getOut(), aType.getIn(),
                             bType.getIn()};
  Value product = vjp::buildStructured(
      builder, loc, {a, b},
      {AffineMap::getMultiDimMapWithTargets(4, {0, 2}, context),
       AffineMap::getMultiDimMapWithTargets(4, {1, 3}, context),
       AffineMap::getMultiDimIdentityMap(4, context)},
      vjp::buildEmpty(builder, loc, getAsIndexOpFoldResult(context, shape),
                      builder.getF32Type()),
      [](OpBuilder &nested, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(nested, l, args[0], args[1]);
      });
  return tensor::CollapseShapeOp::create(
      builder, loc, product, SmallVector<ReassociationIndices>{{0, 1}, {2, 3}});
}

LogicalResult KronOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                    DenseMatrix &result) {
  MapType aType = getA().getType(), bType = getB().getType();
  if (operands.size() != 2 || operands[0].rows != aType.getOut() ||
      operands[0].columns != aType.getIn() ||
      operands[1].rows != bType.getOut() ||
      operands[1].columns != bType.getIn())
    return emitOpError() << "is evaluated with operands of other sizes";
  const DenseMatrix &a = operands[0], &b = operands[1];
  result = DenseMatrix(a.rows * b.rows, a.columns * b.columns);
  for (int64_t i = 0; i < result.rows; ++i)
    for (int64_t j = 0; j < result.columns; ++j)
      result(i, j) =
          a(i / b.rows, j / b.columns) * b(i % b.rows, j % b.columns);
  return success();
}

int64_t KronOp::getRankBound(ArrayRef<int64_t> operands) {
  return saturatingProduct(operands[0], operands[1]);
}

MapFactors KronOp::buildFactors(OpBuilder &builder, Location loc) {
  // The products of the factors of both; a map of full rank is one with the
  // identity.
  SmallVector<Value, 2> left, right;
  for (Value map : {getA(), getB()}) {
    auto type = cast<MapType>(map.getType());
    LinearMapOpInterface op = definition(map);
    int64_t bound = adapter::getRankBound(map);
    if (bound < std::min(type.getOut(), type.getIn())) {
      MapFactors factors = op ? op.buildFactors(builder, loc) : MapFactors();
      if (!factors)
        return {};
      left.push_back(DenseOp::create(builder, loc, factors.b));
      right.push_back(DenseOp::create(builder, loc, factors.a));
      continue;
    }
    bool isTall = type.getOut() >= type.getIn();
    Value identity = IdentityOp::create(builder, loc, bound);
    left.push_back(isTall ? map : identity);
    right.push_back(isTall ? identity : map);
  }
  auto product = [&](ArrayRef<Value> maps) {
    return buildMaterialized(builder, loc,
                             KronOp::create(builder, loc, maps[0], maps[1]));
  };
  return {product(left), product(right)};
}

Value KronOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  return KronOp::create(builder, loc, TransposeOp::create(builder, loc, getA()),
                        TransposeOp::create(builder, loc, getB()));
}

Value KronOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  Value count = buildIdConstant(builder, loc, ids, getB().getType().getOut());
  auto rowsOf = [&](Value map, auto create) {
    return buildGathered(builder, loc, map,
                         buildOfIds(builder, loc, ids, create));
  };
  Value a = rowsOf(getA(), [&](OpBuilder &b, Location l, Value id) -> Value {
    return arith::DivSIOp::create(b, l, id, count);
  });
  Value b = rowsOf(getB(), [&](OpBuilder &b, Location l, Value id) -> Value {
    return arith::RemSIOp::create(b, l, id, count);
  });
  return buildOuterProduct(builder, loc, a, b);
}
