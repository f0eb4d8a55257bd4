//===- ShareFactors.cpp - one A x for several maps --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Maps that meet the same x, as those of queries, keys and values do: the
// factors A of their pairs stand below one another as one matrix, each once.
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

namespace {

/// An application apart from its pairs of factors.
struct Member {
  ApplyOp op;
  SmallVector<MapTerms::Factors> pairs;
  /// What is left of the map, and its way; null for nothing.
  Value rest;
  WayAttr way;
};

} // namespace

/// Moves what a value is computed by before an op of the same block; false
/// where that is impossible.
static bool moveBefore(Value value, Operation *place) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != place->getBlock() || op->isBeforeInBlock(place))
    return true;
  if (op == place || op->getNumRegions() || !isMemoryEffectFree(op))
    return false;
  for (Value operand : op->getOperands())
    if (!moveBefore(operand, place))
      return false;
  op->moveBefore(place);
  return true;
}

/// The pairs of an application, built before it; none where it has none.
static Member takeApart(RewriterBase &rewriter, ApplyOp op,
                        const ExpandOptions &options) {
  Member member{op, {}, {}, {}};
  WayAttr way = getWay(op, options);
  auto map = op.getMap().getDefiningOp<LinearMapOpInterface>();
  if (!map || way.getKind() != WayKind::Factored)
    return member;
  MapTerms terms;
  map.collectTerms(1.0, terms);
  Location loc = op.getLoc();
  SmallVector<Value> rest;
  SmallVector<Attribute> parts;
  auto scaled = [&](Value term, double scale) -> Value {
    return scale == 1.0 ? term
                        : ScaleOp::create(rewriter, loc, term,
                                          rewriter.getF64FloatAttr(scale))
                              .getResult();
  };
  for (const MapTerms::Matrix &matrix : terms.matrices)
    rest.push_back(
        scaled(DenseOp::create(rewriter, loc, matrix.tensor), matrix.scale));
  member.pairs.assign(terms.factors.begin(), terms.factors.end());
  for (auto [i, other] : llvm::enumerate(terms.others)) {
    auto part = other.map.getDefiningOp<LinearMapOpInterface>();
    if (way.getPart(i).getKind() == WayKind::Pair && part)
      if (MapFactors factors = part.buildFactors(rewriter, loc)) {
        member.pairs.push_back({factors.b, factors.a, Value(), other.scale});
        continue;
      }
    rest.push_back(scaled(other.map, other.scale));
    parts.push_back(way.getPart(i));
  }
  if (rest.size() > 1)
    member.rest = SumOp::create(rewriter, loc, rest.front().getType(), rest);
  else if (!rest.empty())
    member.rest = rest.front();
  // Of one term that is no sum the way is its own.
  bool isSum =
      rest.size() > 1 || parts.empty() || rest.front().getDefiningOp<ScaleOp>();
  member.way = isSum ? WayAttr::get(op.getContext(), WayKind::Factored,
                                    ArrayRef<int64_t>(), parts)
                     : cast<WayAttr>(parts.front());
  return member;
}

/// Places `[offset, offset + size)` of the last dimension.
static Value buildPart(OpBuilder &builder, Location loc, Value z,
                       int64_t offset, int64_t size) {
  auto type = cast<RankedTensorType>(z.getType());
  if (type.getShape().back() == size)
    return z;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, z),
                            offsets(sizes.size(), builder.getIndexAttr(0)),
                            strides(sizes.size(), builder.getIndexAttr(1));
  offsets.back() = builder.getIndexAttr(offset);
  sizes.back() = builder.getIndexAttr(size);
  return tensor::ExtractSliceOp::create(
      builder, loc, withLastDimension(type, size), z, offsets, sizes, strides);
}

static void expandGroup(RewriterBase &rewriter, ArrayRef<Member> members) {
  // Before the first one; what factors are computed by moves there.
  ApplyOp first = members.front().op;
  llvm::SetVector<Value> factors;
  for (const Member &member : members)
    for (const MapTerms::Factors &pair : member.pairs) {
      if (!moveBefore(pair.a, first))
        return;
      factors.insert(pair.a);
    }
  rewriter.setInsertionPoint(first);
  Location loc = first.getLoc();
  SmallVector<Value> maps;
  llvm::DenseMap<Value, int64_t> offsets;
  int64_t total = 0;
  for (Value a : factors) {
    maps.push_back(DenseOp::create(rewriter, loc, a));
    offsets[a] = total;
    total += cast<ShapedType>(a.getType()).getDimSize(0);
  }
  Value all = maps.front();
  if (maps.size() > 1) {
    Value stacked = ConcatOp::create(rewriter, loc, 0, maps);
    all = DenseOp::create(
        rewriter, loc,
        buildEncoded(rewriter, loc, buildMaterialized(rewriter, loc, stacked)));
  }
  Value products = buildApplied(rewriter, loc, all, first.getX());
  for (const Member &member : members) {
    ApplyOp op = member.op;
    rewriter.setInsertionPoint(op);
    Value y;
    auto add = [&](Value part) {
      y = y ? arith::AddFOp::create(rewriter, op.getLoc(), y, part).getResult()
            : part;
    };
    if (member.rest)
      add(ApplyOp::create(rewriter, op.getLoc(), op.getType(), member.rest,
                          op.getX(), op.getBias(), op.getSiteAttr(),
                          EvaluationAttr(), member.way));
    for (const MapTerms::Factors &pair : member.pairs) {
      int64_t rank = cast<ShapedType>(pair.a.getType()).getDimSize(0);
      Value z =
          buildPart(rewriter, op.getLoc(), products, offsets[pair.a], rank);
      if (pair.gate)
        z = buildMultipliedByVector(rewriter, op.getLoc(), z, pair.gate);
      z = buildScaled(rewriter, op.getLoc(), z, pair.scale);
      add(buildApplied(rewriter, op.getLoc(),
                       DenseOp::create(rewriter, op.getLoc(), pair.b), z));
    }
    if (!member.rest && op.getBias())
      y = buildAddedVector(rewriter, op.getLoc(), y, op.getBias());
    if (y.getType() != op.getType())
      y = tensor::CastOp::create(rewriter, op.getLoc(), op.getType(), y);
    rewriter.replaceOp(op, y);
  }
}

void adapter::expandShared(RewriterBase &rewriter, Block &block,
                           const ExpandOptions &options) {
  llvm::MapVector<std::pair<Value, int64_t>, SmallVector<ApplyOp>> groups;
  for (ApplyOp op : block.getOps<ApplyOp>())
    if (op.getShare())
      groups[{op.getX(), *op.getShare()}].push_back(op);
  for (auto &[key, ops] : groups) {
    SmallVector<Member> members;
    for (ApplyOp op : ops) {
      rewriter.modifyOpInPlace(op, [&] { op.removeShareAttr(); });
      if (!isExpandable(op.getMap()))
        continue;
      rewriter.setInsertionPoint(op);
      Member member = takeApart(rewriter, op, options);
      if (!member.pairs.empty())
        members.push_back(std::move(member));
    }
    if (!members.empty())
      expandGroup(rewriter, members);
  }
}
