//===- Concat.cpp - maps side by side ---------------------------*- C++ -*-===//
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

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

namespace {
/// One map of a concatenation and its place along the dimension.
struct Part {
  Value map;
  int64_t offset, size;
};
} // namespace

static SmallVector<Part> partsOf(ConcatOp op) {
  SmallVector<Part> parts;
  int64_t offset = 0;
  for (Value map : op.getMaps()) {
    int64_t size = cast<MapType>(map.getType()).getShape()[op.getDim()];
    parts.push_back({map, offset, size});
    offset += size;
  }
  return parts;
}

void ConcatOp::build(OpBuilder &builder, OperationState &state, int64_t dim,
                     ValueRange maps) {
  // The verifier reports an empty or ill-matched concatenation.
  SmallVector<int64_t> shape{0, 0};
  if (!maps.empty() && (dim == 0 || dim == 1)) {
    shape = llvm::to_vector(cast<MapType>(maps.front().getType()).getShape());
    for (Value map : maps.drop_front())
      shape[dim] += cast<MapType>(map.getType()).getShape()[dim];
  }
  build(builder, state,
        MapType::get(builder.getContext(), shape, builder.getF32Type()), dim,
        maps);
}

// (A18)
LogicalResult ConcatOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapOfParts([&] { return emitOpError(); }, getDim(),
                              getMaps().getTypes()),
      "A18");
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getMaps().size() == 1 ? OpFoldResult(getMaps().front())
                               : OpFoldResult();
}

void ConcatOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *) {
  patterns.add(+[](ConcatOp op, PatternRewriter &rewriter) -> LogicalResult {
    SmallVector<Value> maps;
    for (Value map : op.getMaps()) {
      auto inner = map.getDefiningOp<ConcatOp>();
      if (inner && inner.getDim() == op.getDim())
        llvm::append_range(maps, inner.getMaps());
      else
        maps.push_back(map);
    }
    if (maps.size() == op.getMaps().size())
      return failure();
    rewriter.replaceOpWithNewOp<ConcatOp>(op, op.getDim(), maps);
    return success();
  });
}

MapCost ConcatOp::getOwnCost(int64_t rows) {
  // Along the inputs the parts are added.
  return {0, getDim() == 0
                 ? 0
                 : uint64_t(rows) * uint64_t(getResult().getType().getOut()) *
                       (getMaps().size() - 1)};
}

/// Columns `[offset, offset + size)` of the last dimension of x.
static Value buildLastSlice(OpBuilder &builder, Location loc, Value x,
                            int64_t offset, int64_t size) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      strides(sizes.size(), builder.getIndexAttr(1));
  offsets.back() = builder.getIndexAttr(offset);
  sizes.back() = builder.getIndexAttr(size);
  auto type = withLastDimension(cast<RankedTensorType>(x.getType()), size);
  return tensor::ExtractSliceOp::create(builder, loc, type, x, offsets, sizes,
                                        strides);
}

/// Writes `part` to places `[offset, ...)` of `dim` of `whole`.
static Value buildInserted(OpBuilder &builder, Location loc, Value part,
                           Value whole, int64_t dim, int64_t offset) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, part);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      strides(sizes.size(), builder.getIndexAttr(1));
  offsets[dim] = builder.getIndexAttr(offset);
  return tensor::InsertSliceOp::create(builder, loc, part, whole, offsets,
                                       sizes, strides);
}

Value ConcatOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  int64_t last = cast<RankedTensorType>(x.getType()).getRank() - 1;
  if (getDim() == 0) {
    Value y = buildEmptyLike(builder, loc, x, getResult().getType().getOut());
    for (const Part &part : partsOf(*this))
      y = buildInserted(builder, loc, buildApplied(builder, loc, part.map, x),
                        y, last, part.offset);
    return y;
  }
  Value total;
  for (const Part &part : partsOf(*this)) {
    Value y =
        buildApplied(builder, loc, part.map,
                     buildLastSlice(builder, loc, x, part.offset, part.size));
    total =
        total ? arith::AddFOp::create(builder, loc, total, y).getResult() : y;
  }
  return total;
}

Value ConcatOp::buildMaterialization(OpBuilder &builder, Location loc) {
  MapType type = getResult().getType();
  Value matrix = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                         type.getElementType());
  for (const Part &part : partsOf(*this))
    matrix =
        buildInserted(builder, loc, buildMaterialized(builder, loc, part.map),
                      matrix, getDim(), part.offset);
  return matrix;
}

LogicalResult ConcatOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                      DenseMatrix &result) {
  if (failed(typing::checkCount(*this, operands)))
    return failure();
  MapType type = getResult().getType();
  result = DenseMatrix(type.getOut(), type.getIn());
  for (auto [part, operand] : llvm::zip(partsOf(*this), operands)) {
    auto partType = cast<MapType>(part.map.getType());
    if (operand.rows != partType.getOut() ||
        operand.columns != partType.getIn())
      return emitOpError() << "is evaluated with a matrix of " << operand.rows
                           << "x" << operand.columns << " for " << partType;
    int64_t row = getDim() == 0 ? part.offset : 0,
            column = getDim() == 1 ? part.offset : 0;
    for (int64_t i = 0; i < operand.rows; ++i)
      for (int64_t j = 0; j < operand.columns; ++j)
        result(row + i, column + j) = operand(i, j);
  }
  return success();
}

Value ConcatOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                           int64_t offset, int64_t size) {
  if (axis > 1 || offset < 0 || size <= 0 ||
      offset > getResult().getType().getShape()[axis] - size)
    return {};
  SmallVector<Value> slices;
  for (const Part &part : partsOf(*this)) {
    int64_t first = offset, count = size;
    if (int64_t(axis) == int64_t(getDim())) {
      first = std::max(offset - part.offset, int64_t(0));
      count = std::min(offset + size - part.offset, part.size) - first;
      if (count <= 0)
        continue;
    }
    auto op = part.map.getDefiningOp<LinearMapOpInterface>();
    Value slice =
        op ? op.buildSlice(builder, loc, axis, first, count) : Value();
    if (!slice)
      return {};
    slices.push_back(slice);
  }
  return slices.empty()
             ? Value()
             : ConcatOp::create(builder, loc, getDim(), slices).getResult();
}

Value ConcatOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  SmallVector<Value> maps =
      structured::buildTransposedMaps(builder, loc, getMaps());
  return ConcatOp::create(builder, loc, 1 - getDim(), maps);
}

/// An elementwise computation over `ids` and tensors `[ids..., IN]`; the result
/// is like `init`.
static Value
buildPerId(OpBuilder &builder, Location loc, Value ids, ValueRange rows,
           Value init,
           function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  MLIRContext *context = builder.getContext();
  unsigned rank = cast<RankedTensorType>(init.getType()).getRank(),
           idRank = cast<RankedTensorType>(ids.getType()).getRank();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, context);
  SmallVector<AffineMap> maps(rows.size() + 2, identity);
  maps.front() = identity.getMajorSubMap(idRank);
  SmallVector<Value> inputs{ids};
  llvm::append_range(inputs, rows);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{init.getType()}, inputs, ValueRange{init},
             maps, iterators,
             [&](OpBuilder &b, Location l, ValueRange args) {
               linalg::YieldOp::create(b, l, body(b, l, args.drop_back()));
             })
      .getResult(0);
}

Value ConcatOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  int64_t in = getResult().getType().getIn();
  auto idsType = cast<RankedTensorType>(ids.getType());
  Value init = buildEmptyLike(builder, loc, ids, in, /*append=*/true);
  if (getDim() == 1) {
    for (const Part &part : partsOf(*this))
      init = buildInserted(builder, loc,
                           buildGathered(builder, loc, part.map, ids), init,
                           idsType.getRank(), part.offset);
    return init;
  }
  // Each part is asked for all ids, those of other parts moved to its nearest
  // row; of the rows that come back the right ones are taken.
  Type idType = idsType.getElementType();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getIntegerAttr(idType, value));
  };
  SmallVector<Part> parts = partsOf(*this);
  SmallVector<Value> rows, firsts;
  Value zero = constant(0);
  for (const Part &part : parts) {
    Value first = constant(part.offset), last = constant(part.size - 1);
    Value empty = tensor::EmptyOp::create(
        builder, loc, tensor::getMixedSizes(builder, loc, ids), idType);
    Value own =
        buildPerId(builder, loc, ids, {}, empty,
                   [&](OpBuilder &b, Location l, ValueRange args) -> Value {
                     Value id = arith::SubIOp::create(b, l, args[0], first);
                     id = arith::MaxSIOp::create(b, l, id, zero);
                     return arith::MinSIOp::create(b, l, id, last);
                   });
    rows.push_back(buildGathered(builder, loc, part.map, own));
    firsts.push_back(first);
  }
  if (rows.size() == 1)
    return rows.front();
  return buildPerId(
      builder, loc, ids, rows, init,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value value = args[1];
        for (size_t i = 1; i < parts.size(); ++i) {
          Value reached = arith::CmpIOp::create(b, l, arith::CmpIPredicate::sge,
                                                args[0], firsts[i]);
          value = arith::SelectOp::create(b, l, reached, args[i + 1], value);
        }
        return value;
      });
}

int64_t ConcatOp::getRankBound(ArrayRef<int64_t> operands) {
  return structured::saturatingSum(operands);
}
