//===- Combinators.cpp - maps made of maps --------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapTypes.h"
#include "StructuredBuild.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::structured;

/// Outputs of a map, those of all members of a bank.
static uint64_t numOutputs(MapType type) {
  return uint64_t(numMembers(type)) * uint64_t(type.getOut());
}

//===----------------------------------------------------------------------===//
// SumOp
//===----------------------------------------------------------------------===//

// (A7) SameOperandsAndResultType checks the types; it also refuses an empty
// sum, but in other words.
LogicalResult SumOp::verify() {
  if (getMaps().empty())
    return emitOpError() << "a sum has at least one map (A7)";
  return success();
}

OpFoldResult SumOp::fold(FoldAdaptor) {
  return getMaps().size() == 1 ? OpFoldResult(getMaps().front())
                               : OpFoldResult();
}

void SumOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                        MLIRContext *) {
  patterns.add(+[](SumOp op, PatternRewriter &rewriter) -> LogicalResult {
    SmallVector<Value> maps;
    if (!flatten(op, maps))
      return failure();
    rewriter.replaceOpWithNewOp<SumOp>(op, op.getResult().getType(), maps);
    return success();
  });
  patterns.add(+[](SumOp op, PatternRewriter &rewriter) -> LogicalResult {
    SmallVector<Value> maps = llvm::filter_to_vector(
        op.getMaps(), [](Value map) { return !isZero(map); });
    if (maps.size() == op.getMaps().size())
      return failure();
    if (maps.empty())
      rewriter.replaceOp(op, op.getMaps().front());
    else
      rewriter.replaceOpWithNewOp<SumOp>(op, op.getResult().getType(), maps);
    return success();
  });
}

MapCost SumOp::getOwnCost(int64_t rows) {
  return {0, uint64_t(rows) * numOutputs(getResult().getType()) *
                 (getMaps().size() - 1)};
}

Value SumOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  Value total;
  for (Value map : getMaps()) {
    Value y = buildApplied(builder, loc, map, x);
    total =
        total ? arith::AddFOp::create(builder, loc, total, y).getResult() : y;
  }
  return total;
}

Value SumOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Value total;
  for (Value map : getMaps()) {
    Value matrix = buildMaterialized(builder, loc, map);
    total = total
                ? arith::AddFOp::create(builder, loc, total, matrix).getResult()
                : matrix;
  }
  return total;
}

LogicalResult SumOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                   DenseMatrix &result) {
  if (failed(typing::checkCount(*this, operands)))
    return failure();
  MapType type = getResult().getType();
  result = DenseMatrix(numMembers(type) * type.getOut(), type.getIn());
  for (const DenseMatrix &operand : operands) {
    if (operand.values.size() != result.values.size())
      return emitOpError() << "is evaluated with matrices of different sizes";
    for (size_t i = 0; i < result.values.size(); ++i)
      result.values[i] += operand.values[i];
  }
  return success();
}

Value SumOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                        int64_t offset, int64_t size) {
  SmallVector<Value> slices;
  for (Value map : getMaps()) {
    LinearMapOpInterface op = definition(map);
    Value slice =
        op ? op.buildSlice(builder, loc, axis, offset, size) : Value();
    if (!slice)
      return {};
    slices.push_back(slice);
  }
  return SumOp::create(builder, loc, slices.front().getType(), slices);
}

Value SumOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  SmallVector<Value> maps = buildTransposedMaps(builder, loc, getMaps());
  return SumOp::create(builder, loc, maps.front().getType(), maps);
}

Value SumOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  Value total;
  for (Value map : getMaps()) {
    Value rows = buildGathered(builder, loc, map, ids);
    total = total ? arith::AddFOp::create(builder, loc, total, rows).getResult()
                  : rows;
  }
  return total;
}

void SumOp::collectTerms(double scale, MapTerms &terms) {
  for (Value map : getMaps()) {
    if (LinearMapOpInterface op = definition(map))
      op.collectTerms(scale, terms);
    else
      terms.others.push_back({map, scale});
  }
}

int64_t SumOp::getRankBound(ArrayRef<int64_t> operands) {
  return saturatingSum(operands);
}

MapFactors SumOp::buildFactors(OpBuilder &builder, Location loc) {
  // The columns of all B beside one another, the rows of all A below one
  // another.
  SmallVector<Value> bs, as;
  for (Value map : getMaps()) {
    LinearMapOpInterface op = definition(map);
    MapFactors factors = op ? op.buildFactors(builder, loc) : MapFactors();
    if (!factors)
      return {};
    bs.push_back(factors.b);
    as.push_back(factors.a);
  }
  return {buildConcatenated(builder, loc, 1, bs),
          buildConcatenated(builder, loc, 0, as)};
}

//===----------------------------------------------------------------------===//
// ComposeOp
//===----------------------------------------------------------------------===//

void ComposeOp::build(OpBuilder &builder, OperationState &state,
                      ValueRange maps) {
  // The verifier reports an empty or ill-matched chain.
  SmallVector<int64_t> shape{0, 0};
  if (!maps.empty())
    shape = {cast<MapType>(maps.front().getType()).getOut(),
             cast<MapType>(maps.back().getType()).getIn()};
  build(builder, state,
        MapType::get(builder.getContext(), shape, builder.getF32Type()), maps);
}

// (A8)
LogicalResult ComposeOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapOfChain([&] { return emitOpError(); },
                              getMaps().getTypes()),
      "A8");
}

OpFoldResult ComposeOp::fold(FoldAdaptor) {
  return getMaps().size() == 1 ? OpFoldResult(getMaps().front())
                               : OpFoldResult();
}

void ComposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *) {
  patterns.add(+[](ComposeOp op, PatternRewriter &rewriter) -> LogicalResult {
    SmallVector<Value> maps;
    if (!flatten(op, maps))
      return failure();
    rewriter.replaceOpWithNewOp<ComposeOp>(op, maps);
    return success();
  });
  patterns.add(+[](ComposeOp op, PatternRewriter &rewriter) -> LogicalResult {
    SmallVector<Value> maps = llvm::filter_to_vector(
        op.getMaps(), [](Value map) { return !isIdentity(map); });
    if (maps.size() == op.getMaps().size())
      return failure();
    if (maps.empty())
      rewriter.replaceOp(op, op.getMaps().front());
    else
      rewriter.replaceOpWithNewOp<ComposeOp>(op, maps);
    return success();
  });
  patterns.add(+[](ComposeOp op, PatternRewriter &rewriter) -> LogicalResult {
    if (llvm::none_of(op.getMaps(), isZero))
      return failure();
    rewriter.replaceOpWithNewOp<ZeroOp>(op, op.getResult().getType());
    return success();
  });
}

MapCost ComposeOp::getOwnCost(int64_t) { return {}; }

Value ComposeOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  for (Value map : llvm::reverse(getMaps()))
    x = buildApplied(builder, loc, map, x);
  return x;
}

Value ComposeOp::buildMaterialization(OpBuilder &builder, Location loc) {
  // From the side where the intermediate products stay smaller.
  MapType type = getResult().getType();
  bool fromLeft = type.getOut() <= type.getIn();
  SmallVector<Value> maps(getMaps());
  if (!fromLeft)
    std::reverse(maps.begin(), maps.end());
  Value product;
  for (Value map : maps) {
    Value matrix = buildMaterialized(builder, loc, map);
    if (!product)
      product = matrix;
    else
      product = fromLeft ? buildMatmul(builder, loc, product, matrix)
                         : buildMatmul(builder, loc, matrix, product);
  }
  return product;
}

LogicalResult ComposeOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                       DenseMatrix &result) {
  if (failed(typing::checkCount(*this, operands)))
    return failure();
  result = operands.front();
  for (const DenseMatrix &next : operands.drop_front()) {
    if (result.columns != next.rows)
      return emitOpError() << "is evaluated with a matrix of " << result.columns
                           << " columns before one of " << next.rows << " rows";
    DenseMatrix product(result.rows, next.columns);
    for (int64_t i = 0; i < result.rows; ++i)
      for (int64_t k = 0; k < result.columns; ++k)
        for (int64_t j = 0; j < next.columns; ++j)
          product(i, j) += result(i, k) * next(k, j);
    result = std::move(product);
  }
  return success();
}

Value ComposeOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  SmallVector<Value> reversed = llvm::to_vector(llvm::reverse(getMaps()));
  return ComposeOp::create(builder, loc,
                           buildTransposedMaps(builder, loc, reversed));
}

Value ComposeOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  // Row i of M1 M2 .. is .. M2^T (row i of M1).
  Value rows = buildGathered(builder, loc, getMaps().front(), ids);
  for (Value map : getMaps().drop_front())
    rows = buildApplied(builder, loc, TransposeOp::create(builder, loc, map),
                        rows);
  return rows;
}

SmallVector<Value> ComposeOp::getChain() {
  return SmallVector<Value>(getMaps());
}

int64_t ComposeOp::getRankBound(ArrayRef<int64_t> operands) {
  return *llvm::min_element(operands);
}

MapFactors ComposeOp::buildFactors(OpBuilder &builder, Location loc) {
  // Cut where it is thinnest: between two maps, or inside of one.
  int64_t best = std::numeric_limits<int64_t>::max();
  size_t at = 0;
  bool isInside = false;
  for (auto [i, map] : llvm::enumerate(getMaps())) {
    if (i && cast<MapType>(map.getType()).getOut() < best) {
      best = cast<MapType>(map.getType()).getOut();
      at = i;
      isInside = false;
    }
    if (int64_t bound = adapter::getRankBound(map); bound < best) {
      best = bound;
      at = i;
      isInside = true;
    }
  }
  SmallVector<Value> left(getMaps().take_front(at)),
      right(getMaps().drop_front(at));
  if (isInside) {
    LinearMapOpInterface op = definition(right.front());
    MapFactors factors = op ? op.buildFactors(builder, loc) : MapFactors();
    if (!factors)
      return {};
    if (getMaps().size() == 1)
      return factors;
    left.push_back(DenseOp::create(builder, loc, factors.b));
    right.front() = DenseOp::create(builder, loc, factors.a);
  }
  if (left.empty() || right.empty())
    return {};
  auto matrix = [&](ArrayRef<Value> maps) {
    auto dense =
        maps.size() == 1 ? maps.front().getDefiningOp<DenseOp>() : DenseOp();
    return dense ? Value(dense.getTensor())
                 : buildMaterialized(builder, loc,
                                     buildComposed(builder, loc, maps));
  };
  return {matrix(left), matrix(right)};
}

/// The terms of a map that is a sum or can be multiplied out to one, else the
/// map alone.
static void collectSummands(OpBuilder &builder, Location loc, Value map,
                            SmallVectorImpl<Value> &summands) {
  if (auto sum = map.getDefiningOp<SumOp>()) {
    llvm::append_range(summands, sum.getMaps());
    return;
  }
  LinearMapOpInterface op = definition(map);
  Value distributed = op ? op.buildDistributed(builder, loc) : Value();
  if (distributed)
    collectSummands(builder, loc, distributed, summands);
  else
    summands.push_back(map);
}

Value ComposeOp::buildDistributed(OpBuilder &builder, Location loc) {
  // Products grow as the numbers of summands multiply.
  constexpr size_t mostProducts = 8;
  SmallVector<SmallVector<Value>> products{{}};
  for (Value map : getMaps()) {
    SmallVector<Value> summands;
    collectSummands(builder, loc, map, summands);
    if (products.size() * summands.size() > mostProducts)
      summands.assign({map});
    SmallVector<SmallVector<Value>> longer;
    for (const SmallVector<Value> &product : products)
      for (Value summand : summands) {
        longer.push_back(product);
        if (!isIdentity(summand))
          longer.back().push_back(summand);
      }
    products = std::move(longer);
  }
  if (products.size() == 1)
    return {};
  SmallVector<Value> terms;
  for (ArrayRef<Value> product : products)
    terms.push_back(
        product.empty()
            ? IdentityOp::create(builder, loc, getResult().getType().getOut())
                  .getResult()
            : buildComposed(builder, loc, product));
  return SumOp::create(builder, loc, terms.front().getType(), terms);
}

//===----------------------------------------------------------------------===//
// ScaleOp
//===----------------------------------------------------------------------===//

// (A9)
LogicalResult ScaleOp::verify() {
  if (!getFactor().isFinite())
    return emitOpError() << "the factor of a scale is finite, but got "
                         << getFactorAttr() << " (A9)";
  return success();
}

OpFoldResult ScaleOp::fold(FoldAdaptor) {
  return getFactor().convertToDouble() == 1.0 || isZero(getMap())
             ? OpFoldResult(getMap())
             : OpFoldResult();
}

void ScaleOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                          MLIRContext *) {
  patterns.add(+[](ScaleOp op, PatternRewriter &rewriter) -> LogicalResult {
    auto inner = op.getMap().getDefiningOp<ScaleOp>();
    if (!inner)
      return failure();
    double product =
        op.getFactor().convertToDouble() * inner.getFactor().convertToDouble();
    if (!std::isfinite(product))
      return rewriter.notifyMatchFailure(
          op, "the product of the factors is not finite");
    rewriter.replaceOpWithNewOp<ScaleOp>(op, inner.getMap(),
                                         rewriter.getF64FloatAttr(product));
    return success();
  });
}

MapCost ScaleOp::getOwnCost(int64_t rows) {
  return {0, uint64_t(rows) * numOutputs(getResult().getType())};
}

Value ScaleOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  return buildScaled(builder, loc, buildApplied(builder, loc, getMap(), x),
                     getFactor().convertToDouble());
}

Value ScaleOp::buildMaterialization(OpBuilder &builder, Location loc) {
  return buildScaled(builder, loc, buildMaterialized(builder, loc, getMap()),
                     getFactor().convertToDouble());
}

LogicalResult ScaleOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                     DenseMatrix &result) {
  if (failed(typing::checkCount(*this, operands)))
    return failure();
  result = operands.front();
  for (double &value : result.values)
    value *= getFactor().convertToDouble();
  return success();
}

Value ScaleOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                          int64_t offset, int64_t size) {
  LinearMapOpInterface op = definition(getMap());
  Value slice = op ? op.buildSlice(builder, loc, axis, offset, size) : Value();
  return slice
             ? ScaleOp::create(builder, loc, slice, getFactorAttr()).getResult()
             : Value();
}

Value ScaleOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  return ScaleOp::create(builder, loc,
                         TransposeOp::create(builder, loc, getMap()),
                         getFactorAttr());
}

Value ScaleOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildScaled(builder, loc, buildGathered(builder, loc, getMap(), ids),
                     getFactor().convertToDouble());
}

void ScaleOp::collectTerms(double scale, MapTerms &terms) {
  double product = scale * getFactor().convertToDouble();
  if (LinearMapOpInterface op = definition(getMap()))
    op.collectTerms(product, terms);
  else
    terms.others.push_back({getMap(), product});
}

int64_t ScaleOp::getRankBound(ArrayRef<int64_t> operands) {
  return operands.front();
}

MapFactors ScaleOp::buildFactors(OpBuilder &builder, Location loc) {
  LinearMapOpInterface op = definition(getMap());
  MapFactors factors = op ? op.buildFactors(builder, loc) : MapFactors();
  if (factors)
    factors.b = buildScaled(builder, loc, buildDecoded(builder, loc, factors.b),
                            getFactor().convertToDouble());
  return factors;
}

//===----------------------------------------------------------------------===//
// TransposeOp
//===----------------------------------------------------------------------===//

void TransposeOp::build(OpBuilder &builder, OperationState &state, Value map) {
  auto type = cast<MapType>(map.getType());
  SmallVector<int64_t> shape(type.getShape());
  std::swap(shape[shape.size() - 2], shape[shape.size() - 1]);
  build(builder, state,
        MapType::get(builder.getContext(), shape, type.getElementType()), map);
}

// (A10)
LogicalResult TransposeOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapTransposed([&] { return emitOpError(); },
                                 getMap().getType()),
      "A10");
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (auto inner = getMap().getDefiningOp<TransposeOp>())
    return inner.getMap();
  return {};
}

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *) {
  patterns.add(+[](TransposeOp op, PatternRewriter &rewriter) -> LogicalResult {
    LinearMapOpInterface map = definition(op.getMap());
    Value transposed =
        map ? map.buildTransposed(rewriter, op.getLoc(), /*structureOnly=*/true)
            : Value();
    if (!transposed)
      return failure();
    rewriter.replaceOp(op, transposed);
    return success();
  });
}

MapCost TransposeOp::getOwnCost(int64_t) { return {}; }

Value TransposeOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  if (LinearMapOpInterface op = definition(getMap()))
    if (Value transposed =
            op.buildTransposed(builder, loc, /*structureOnly=*/false))
      return buildApplied(builder, loc, transposed, x);
  Value matrix =
      buildEncoded(builder, loc, buildMaterialized(builder, loc, getResult()));
  return buildApplied(builder, loc, DenseOp::create(builder, loc, matrix), x);
}

Value TransposeOp::buildMaterialization(OpBuilder &builder, Location loc) {
  MapType type = getResult().getType();
  Value matrix = buildMaterialized(builder, loc, getMap());
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType());
  SmallVector<int64_t> order{1, 0};
  if (type.isBank())
    order = {0, 2, 1};
  return linalg::TransposeOp::create(builder, loc, matrix, init, order)
      ->getResult(0);
}

LogicalResult TransposeOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                         DenseMatrix &result) {
  if (failed(typing::checkCount(*this, operands)))
    return failure();
  const DenseMatrix &operand = operands.front();
  // The matrices of a bank stand one below the other, each is transposed.
  MapType type = getResult().getType();
  int64_t members = numMembers(type), rows = operand.rows / members;
  result = DenseMatrix(members * operand.columns, rows);
  for (int64_t i = 0; i < operand.rows; ++i)
    for (int64_t j = 0; j < operand.columns; ++j)
      result(i / rows * operand.columns + j, i % rows) = operand(i, j);
  return success();
}

Value TransposeOp::buildTransposed(OpBuilder &, Location, bool) {
  return getMap();
}

Value TransposeOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  if (LinearMapOpInterface op = definition(getMap()))
    if (Value transposed =
            op.buildTransposed(builder, loc, /*structureOnly=*/false))
      return buildGathered(builder, loc, transposed, ids);
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

int64_t TransposeOp::getRankBound(ArrayRef<int64_t> operands) {
  return operands.front();
}

MapFactors TransposeOp::buildFactors(OpBuilder &builder, Location loc) {
  LinearMapOpInterface op = definition(getMap());
  MapFactors factors = op ? op.buildFactors(builder, loc) : MapFactors();
  if (!factors)
    return {};
  return {buildTransposedMatrix(builder, loc, factors.a),
          buildTransposedMatrix(builder, loc, factors.b)};
}
