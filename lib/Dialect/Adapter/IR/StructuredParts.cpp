//===- StructuredParts.cpp - maps along a diagonal, parts -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapTypes.h"
#include "StructuredBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::structured;

//===----------------------------------------------------------------------===//
// BlockDiagonalOp
//===----------------------------------------------------------------------===//

namespace {
/// A map, or bank of maps, along the diagonal, and its place: offset and size
/// of its rows (0) and columns (1).
struct Part {
  Value map;
  int64_t members, offset[2], size[2];

  int64_t end(unsigned axis) const { return offset[axis] + size[axis]; }
};
} // namespace

static SmallVector<Part> blocksOf(ValueRange maps) {
  SmallVector<Part> blocks;
  int64_t row = 0, column = 0;
  for (Value map : maps) {
    auto type = cast<MapType>(map.getType());
    int64_t members = numMembers(type);
    blocks.push_back({map,
                      members,
                      {row, column},
                      {members * type.getOut(), members * type.getIn()}});
    row = blocks.back().end(0);
    column = blocks.back().end(1);
  }
  return blocks;
}

static bool isBank(Value map) { return cast<MapType>(map.getType()).isBank(); }

OpFoldResult BlockDiagonalOp::fold(FoldAdaptor) {
  if (getMaps().size() == 1 && !isBank(getMaps().front()))
    return getMaps().front();
  return {};
}

void BlockDiagonalOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                  MLIRContext *) {
  patterns.add(
      +[](BlockDiagonalOp op, PatternRewriter &rewriter) -> LogicalResult {
        MapType type = op.getResult().getType();
        if (llvm::all_of(op.getMaps(), isZero)) {
          rewriter.replaceOpWithNewOp<ZeroOp>(op, type);
          return success();
        }
        if (llvm::all_of(op.getMaps(), isIdentity)) {
          rewriter.replaceOpWithNewOp<IdentityOp>(op, type);
          return success();
        }
        SmallVector<Value> maps;
        if (!flatten(op, maps))
          return failure();
        rewriter.replaceOpWithNewOp<BlockDiagonalOp>(op, maps);
        return success();
      });
}

MapCost BlockDiagonalOp::getOwnCost(int64_t rows) {
  // Maps that stand alone are applied as they are; a bank is materialized,
  // about as its members are applied to the columns of the identity, and
  // contracted.
  MapCost cost;
  llvm::SmallSetVector<Value, 4> counted;
  for (const Part &block : blocksOf(getMaps())) {
    if (block.members == 1 && !isBank(block.map))
      continue;
    auto type = cast<MapType>(block.map.getType());
    uint64_t entries = uint64_t(block.size[0]) * uint64_t(type.getIn());
    cost += {2 * sizeof(float) * entries, 2 * uint64_t(rows) * entries};
    if (counted.insert(block.map))
      cost.flops = saturatingSubtract(cost.flops,
                                      getExpressionCost(block.map, rows).flops);
  }
  return cost;
}

/// y[.., k, o] = sum_i bank[k, o, i] x[.., k, i], by the transposed matrices:
/// the innermost loop is then over neighbours in memory and no sum, so it
/// becomes vectors.
static Value buildBankApplied(OpBuilder &builder, Location loc, Value map,
                              Value x) {
  auto type = cast<MapType>(map.getType());
  MLIRContext *context = builder.getContext();
  Value split = buildSplitLast(builder, loc, x, numMembers(type), type.getIn());
  unsigned rank = cast<RankedTensorType>(split.getType()).getRank(),
           member = rank - 2, input = rank - 1, output = rank;
  SmallVector<unsigned> leading = llvm::to_vector(llvm::seq(0u, member)),
                        withIn = leading, withOut = leading;
  withIn.append({member, input});
  withOut.append({member, output});
  auto mapOf = [&](ArrayRef<unsigned> loops) {
    return AffineMap::getMultiDimMapWithTargets(rank + 1, loops, context);
  };
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, split);
  sizes.back() = builder.getIndexAttr(type.getOut());
  Value transposed =
      buildMaterialized(builder, loc, TransposeOp::create(builder, loc, map));
  Value y = vjp::buildReduction(
      builder, loc, {transposed, split},
      {mapOf({member, input, output}), mapOf(withIn), mapOf(withOut)}, sizes,
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(b, l, args[0], args[1]);
      });
  return buildMergedLast(builder, loc, y);
}

Value BlockDiagonalOp::buildApplication(OpBuilder &builder, Location loc,
                                        Value x) {
  Value whole;
  for (const Part &block : blocksOf(getMaps())) {
    Value part =
        buildLastSlice(builder, loc, x, block.offset[1], block.size[1]);
    part = isBank(block.map) ? buildBankApplied(builder, loc, block.map, part)
                             : buildApplied(builder, loc, block.map, part);
    if (getMaps().size() == 1)
      return part;
    if (!whole)
      whole = buildEmptyLike(builder, loc, x, getResult().getType().getOut());
    whole = buildLastInserted(builder, loc, part, whole, block.offset[0]);
  }
  return whole;
}

/// The matrices of a bank along the diagonal of one.
static Value buildDiagonalOfBank(OpBuilder &builder, Location loc, Value bank) {
  auto type = cast<RankedTensorType>(bank.getType());
  int64_t members = type.getDimSize(0), out = type.getDimSize(1),
          in = type.getDimSize(2);
  MLIRContext *context = builder.getContext();
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  Value spread = vjp::buildStructured(
      builder, loc, {bank},
      {AffineMap::getMultiDimMapWithTargets(4, {0, 1, 3}, context),
       AffineMap::getMultiDimIdentityMap(4, context)},
      vjp::buildEmpty(
          builder, loc,
          getAsIndexOpFoldResult(context,
                                 ArrayRef<int64_t>{members, out, members, in}),
          builder.getF32Type()),
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value own = arith::CmpIOp::create(b, l, arith::CmpIPredicate::eq,
                                          linalg::IndexOp::create(b, l, 0),
                                          linalg::IndexOp::create(b, l, 2));
        return arith::SelectOp::create(b, l, own, args[0], zero);
      });
  return tensor::CollapseShapeOp::create(
      builder, loc, spread, SmallVector<ReassociationIndices>{{0, 1}, {2, 3}});
}

Value BlockDiagonalOp::buildMaterialization(OpBuilder &builder, Location loc) {
  MapType type = getResult().getType();
  Value whole;
  for (const Part &block : blocksOf(getMaps())) {
    Value part = buildMaterialized(builder, loc, block.map);
    if (isBank(block.map))
      part = buildDiagonalOfBank(builder, loc, part);
    if (getMaps().size() == 1)
      return part;
    if (!whole)
      whole = vjp::buildFilled(
          builder, loc,
          getAsIndexOpFoldResult(builder.getContext(), type.getShape()),
          builder.getF32Type(), 0.0);
    SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
    whole = tensor::InsertSliceOp::create(
        builder, loc, part, whole,
        getAsIndexOpFoldResult(builder.getContext(), block.offset),
        getAsIndexOpFoldResult(builder.getContext(), block.size), strides);
  }
  return whole;
}

LogicalResult BlockDiagonalOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                             DenseMatrix &result) {
  if (failed(typing::checkCount(*this, operands)))
    return failure();
  MapType type = getResult().getType();
  result = DenseMatrix(type.getOut(), type.getIn());
  for (auto [block, operand] : llvm::zip(blocksOf(getMaps()), operands)) {
    auto blockType = cast<MapType>(block.map.getType());
    // The matrices of a bank stand one below the other.
    if (operand.rows != block.size[0] || operand.columns != blockType.getIn())
      return emitOpError() << "is evaluated with a matrix of " << operand.rows
                           << "x" << operand.columns << " for " << blockType;
    for (int64_t i = 0; i < operand.rows; ++i) {
      int64_t member = i / blockType.getOut();
      for (int64_t j = 0; j < operand.columns; ++j)
        result(block.offset[0] + i,
               block.offset[1] + member * operand.columns + j) = operand(i, j);
    }
  }
  return success();
}

Value BlockDiagonalOp::buildSlice(OpBuilder &builder, Location loc,
                                  unsigned axis, int64_t offset, int64_t size) {
  MapType type = getResult().getType();
  if (!isInside(type, axis, offset, size))
    return {};
  // The blocks that are met, between zeros along the other axis.
  SmallVector<Value> met;
  int64_t first = -1, last = 0;
  for (const Part &block : blocksOf(getMaps())) {
    int64_t from = std::max(offset, block.offset[axis]),
            to = std::min(offset + size, block.end(axis));
    if (from >= to)
      continue;
    Value part = block.map;
    if (to - from < block.size[axis]) {
      if (isBank(block.map))
        return {};
      part = buildSliceOfMap(builder, loc, block.map, axis,
                             from - block.offset[axis], to - from);
    }
    met.push_back(part);
    if (first < 0)
      first = block.offset[1 - axis];
    last = block.end(1 - axis);
  }
  return buildBetweenZeros(builder, loc, axis, size, first,
                           BlockDiagonalOp::create(builder, loc, met),
                           type.getShape()[1 - axis] - last);
}

int64_t BlockDiagonalOp::getRankBound(ArrayRef<int64_t> operands) {
  int64_t bound = 0;
  for (auto [map, operand] : llvm::zip(getMaps(), operands))
    bound = saturatingSum(
        {bound,
         saturatingProduct(numMembers(cast<MapType>(map.getType())), operand)});
  return bound;
}

Value BlockDiagonalOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  SmallVector<Value> maps = buildTransposedMaps(builder, loc, getMaps());
  return BlockDiagonalOp::create(builder, loc, maps);
}

Value BlockDiagonalOp::buildGather(OpBuilder &builder, Location loc,
                                   Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

//===----------------------------------------------------------------------===//
// SliceOp
//===----------------------------------------------------------------------===//

int64_t SliceOp::getRankBound(ArrayRef<int64_t> operands) {
  return operands.front();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getResult().getType() == getMap().getType())
    return getMap();
  return {};
}

namespace {
/// Ranges of rows and of columns.
struct Ranges {
  std::pair<int64_t, int64_t> of[2];
  explicit Ranges(SliceOp op) : of{op.getRange(0), op.getRange(1)} {}
  bool meets(unsigned axis, int64_t offset, int64_t size) const {
    return of[axis].first < offset + size &&
           offset < of[axis].first + of[axis].second;
  }
};
} // namespace

static void replaceBySlice(PatternRewriter &rewriter, SliceOp op, Value map,
                           const Ranges &r) {
  rewriter.replaceOpWithNewOp<SliceOp>(op, map, r.of[0].first, r.of[0].second,
                                       r.of[1].first, r.of[1].second);
}

static LogicalResult mergeSlices(SliceOp op, PatternRewriter &rewriter) {
  auto inner = op.getMap().getDefiningOp<SliceOp>();
  if (!inner)
    return failure();
  Ranges ranges(op);
  for (unsigned axis : {0, 1})
    ranges.of[axis].first += inner.getRange(axis).first;
  replaceBySlice(rewriter, op, inner.getMap(), ranges);
  return success();
}

static LogicalResult sliceOfZero(SliceOp op, PatternRewriter &rewriter) {
  if (!isZero(op.getMap()))
    return failure();
  rewriter.replaceOpWithNewOp<ZeroOp>(op, op.getResult().getType());
  return success();
}

// The first map makes the outputs of a composition, the last one takes its
// inputs.
static LogicalResult sliceEndsOfChain(SliceOp op, PatternRewriter &rewriter) {
  auto chain = op.getMap().getDefiningOp<ComposeOp>();
  if (!chain || chain.getMaps().size() < 2)
    return failure();
  SmallVector<Value> maps(chain.getMaps());
  Ranges ranges(op);
  auto slice = [&](Value map, unsigned axis) -> Value {
    return SliceOp::create(rewriter, op.getLoc(), map, axis,
                           ranges.of[axis].first, ranges.of[axis].second);
  };
  maps.front() = slice(maps.front(), 0);
  maps.back() = slice(maps.back(), 1);
  rewriter.replaceOpWithNewOp<ComposeOp>(op, maps);
  return success();
}

static LogicalResult dropConcatenated(SliceOp op, PatternRewriter &rewriter) {
  auto concat = op.getMap().getDefiningOp<ConcatOp>();
  if (!concat)
    return failure();
  unsigned axis = concat.getDim();
  Ranges ranges(op);
  SmallVector<Value> met;
  int64_t offset = 0, dropped = 0;
  for (Value map : concat.getMaps()) {
    int64_t size = cast<MapType>(map.getType()).getShape()[axis];
    if (ranges.meets(axis, offset, size))
      met.push_back(map);
    else if (met.empty())
      dropped += size;
    offset += size;
  }
  if (met.size() == concat.getMaps().size())
    return failure();
  ranges.of[axis].first -= dropped;
  replaceBySlice(rewriter, op,
                 ConcatOp::create(rewriter, op.getLoc(), axis, met), ranges);
  return success();
}

// Blocks at the ends of which neither rows nor columns are asked for.
static LogicalResult dropBlocks(SliceOp op, PatternRewriter &rewriter) {
  auto diagonal = op.getMap().getDefiningOp<BlockDiagonalOp>();
  if (!diagonal)
    return failure();
  Ranges ranges(op);
  SmallVector<Part> blocks = blocksOf(diagonal.getMaps());
  auto isMet = [&](const Part &block) {
    return ranges.meets(0, block.offset[0], block.size[0]) ||
           ranges.meets(1, block.offset[1], block.size[1]);
  };
  auto *first = llvm::find_if(blocks, isMet);
  auto *last = blocks.end();
  while (last != first && !isMet(last[-1]))
    --last;
  if (last - first == static_cast<int64_t>(blocks.size()))
    return failure();
  SmallVector<Value> maps;
  for (const Part &block : llvm::make_range(first, last))
    maps.push_back(block.map);
  for (unsigned axis : {0, 1})
    ranges.of[axis].first -= first->offset[axis];
  replaceBySlice(rewriter, op,
                 BlockDiagonalOp::create(rewriter, op.getLoc(), maps), ranges);
  return success();
}

// A leaf that holds no tensor: its slice moves no number.
static LogicalResult sliceStructure(SliceOp op, PatternRewriter &rewriter) {
  Value map = op.getMap();
  Ranges ranges(op);
  for (unsigned axis : {0, 1}) {
    LinearMapOpInterface leaf = definition(map);
    if (!leaf || leaf->getNumOperands() != 0 ||
        ranges.of[axis].second == cast<MapType>(map.getType()).getShape()[axis])
      continue;
    if (Value slice =
            leaf.buildSlice(rewriter, op.getLoc(), axis, ranges.of[axis].first,
                            ranges.of[axis].second)) {
      map = slice;
      ranges.of[axis].first = 0;
    }
  }
  if (map == op.getMap())
    return failure();
  replaceBySlice(rewriter, op, map, ranges);
  return success();
}

void SliceOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                          MLIRContext *) {
  patterns.add(mergeSlices);
  patterns.add(sliceOfZero);
  patterns.add(sliceEndsOfChain);
  patterns.add(dropConcatenated);
  patterns.add(dropBlocks);
  patterns.add(sliceStructure);
}

MapCost SliceOp::getOwnCost(int64_t) { return {}; }

/// Whether a part of a map, which is that share of its rows or columns, costs
/// no more than the map: its tensors are plain, or round each number on its own
/// and a part as f32 takes no more bytes.
static bool isWorthSlicing(Value map, double share) {
  LinearMapOpInterface op = definition(map);
  return op && llvm::all_of(op->getOperands(), [&](Value operand) {
           auto tensor = dyn_cast<RankedTensorType>(operand.getType());
           if (!tensor)
             return isWorthSlicing(operand, share);
           FormatAttrInterface format = format::getFormat(tensor);
           return !format || (format.getCodeGrid().bits == 0 &&
                              share * double(sizeof(float)) *
                                      double(tensor.getNumElements()) <=
                                  double(format::getStoredBytes(tensor)));
         });
}

Value SliceOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  Value map = getMap();
  bool done[2] = {};
  for (unsigned axis : {0, 1}) {
    auto [offset, size] = getRange(axis);
    int64_t whole = cast<MapType>(map.getType()).getShape()[axis];
    done[axis] = size == whole;
    if (done[axis] || !isWorthSlicing(map, double(size) / double(whole)))
      continue;
    if (Value slice =
            definition(map).buildSlice(builder, loc, axis, offset, size)) {
      map = slice;
      done[axis] = true;
    }
  }
  // The other inputs are zero, the other outputs are left.
  if (!done[1]) {
    Value whole =
        buildZerosLike(builder, loc, x, cast<MapType>(map.getType()).getIn());
    x = buildLastInserted(builder, loc, x, whole, getRange(1).first);
  }
  Value y = buildApplied(builder, loc, map, x);
  if (done[0])
    return y;
  auto [offset, size] = getRange(0);
  return buildLastSlice(builder, loc, y, offset, size);
}

Value SliceOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Value matrix = buildMaterialized(builder, loc, getMap());
  for (unsigned axis : {0, 1}) {
    auto [offset, size] = getRange(axis);
    matrix = buildMatrixSlice(builder, loc, matrix, axis, offset, size);
  }
  return matrix;
}

LogicalResult SliceOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                     DenseMatrix &result) {
  MapType map = getMap().getType();
  if (operands.size() != 1 || operands[0].rows != map.getOut() ||
      operands[0].columns != map.getIn())
    return emitOpError() << "is evaluated with a matrix of another size";
  auto [row, rows] = getRange(0);
  auto [column, columns] = getRange(1);
  result = DenseMatrix(rows, columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      result(i, j) = operands[0](row + i, column + j);
  return success();
}

Value SliceOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                          int64_t offset, int64_t size) {
  if (!isInside(getResult().getType(), axis, offset, size))
    return {};
  Ranges ranges(*this);
  ranges.of[axis] = {ranges.of[axis].first + offset, size};
  return SliceOp::create(builder, loc, getMap(), ranges.of[0].first,
                         ranges.of[0].second, ranges.of[1].first,
                         ranges.of[1].second);
}

Value SliceOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  auto [row, rows] = getRange(0);
  auto [column, columns] = getRange(1);
  return SliceOp::create(builder, loc,
                         TransposeOp::create(builder, loc, getMap()), column,
                         columns, row, rows);
}

Value SliceOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  auto [row, rows] = getRange(0);
  auto [column, columns] = getRange(1);
  if (row != 0) {
    Value first = buildIdConstant(builder, loc, ids, row);
    ids = buildOfIds(builder, loc, ids,
                     [&](OpBuilder &b, Location l, Value id) -> Value {
                       return arith::AddIOp::create(b, l, id, first);
                     });
  }
  return buildLastSlice(builder, loc,
                        buildGathered(builder, loc, getMap(), ids), column,
                        columns);
}
