//===- Expand.cpp - how map expressions are evaluated -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandBank.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Computed.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

namespace allot::adapter {
#define GEN_PASS_DEF_ADAPTEREXPAND
#include "allot/Dialect/Adapter/Transforms/Passes.h.inc"
} // namespace allot::adapter

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

/// One kernel: y = tensor x + sum of factor pairs + bias.
static Value buildLinear(OpBuilder &builder, Location loc, Value tensor,
                         Value x, ArrayRef<MapTerms::Factors> factors,
                         Value bias, StringAttr site) {
  Value weight = buildEncoded(builder, loc, tensor);
  int64_t out = cast<RankedTensorType>(tensor.getType()).getDimSize(0);
  SmallVector<Value> pairs;
  SmallVector<double> scales;
  for (const MapTerms::Factors &pair : factors) {
    pairs.push_back(buildEncoded(builder, loc, pair.b));
    pairs.push_back(buildEncoded(builder, loc, pair.a));
    scales.push_back(pair.scale);
  }
  Value init = buildEmptyLike(builder, loc, x, out);
  return LinearOp::create(
             builder, loc, init.getType(), weight, x, pairs, bias,
             /*multiplier=*/Value(), /*residual=*/Value(), init,
             builder.getDenseF64ArrayAttr(scales),
             ActivationAttr::get(builder.getContext(), Activation::None),
             ArithmeticAttr::get(builder.getContext(), Arithmetic::F32),
             /*stored=*/ArrayAttr(), site)
      .getResult();
}

/// The matrix of a map as a tensor: left for later where it is hoisted.
static Value buildMatrix(RewriterBase &rewriter, Location loc, Value map) {
  return buildMaterialized(rewriter, loc, map);
}

/// The sum of the terms of a map at x; null where a term cannot be applied.
static Value buildTerms(RewriterBase &rewriter, Location loc,
                        const MapTerms &terms, WayAttr way, Value x, Value bias,
                        StringAttr site) {
  SmallVector<Value> parts;
  SmallVector<MapTerms::Matrix> matrices = llvm::to_vector(terms.matrices);
  // Pairs without a gate go into the kernel of the first plain matrix.
  SmallVector<MapTerms::Factors> fused, apart;
  for (const MapTerms::Factors &pair : terms.factors)
    (pair.gate ? apart : fused).push_back(pair);
  SmallVector<std::pair<MapTerms::Other, WayAttr>> others;
  for (auto [i, other] : llvm::enumerate(terms.others)) {
    WayAttr part = way.getPart(i);
    auto op = other.map.getDefiningOp<LinearMapOpInterface>();
    if (part.getKind() == WayKind::Merged) {
      matrices.push_back(
          {buildScaled(rewriter, loc, buildMatrix(rewriter, loc, other.map),
                       other.scale),
           1});
    } else if (part.getKind() == WayKind::Pair) {
      MapFactors factors = op ? op.buildFactors(rewriter, loc) : MapFactors();
      if (!factors)
        return {};
      fused.push_back({factors.b, factors.a, Value(), other.scale});
    } else {
      others.push_back({other, part});
    }
  }
  bool biasDone = !bias;
  for (MapTerms::Matrix &matrix : matrices) {
    bool plain = matrix.scale == 1.0;
    Value y =
        buildLinear(rewriter, loc, matrix.tensor, x,
                    plain ? ArrayRef(fused) : ArrayRef<MapTerms::Factors>(),
                    plain && !biasDone ? bias : Value(), site);
    if (plain) {
      fused.clear();
      biasDone = true;
    }
    parts.push_back(buildScaled(rewriter, loc, y, matrix.scale));
  }
  llvm::append_range(apart, fused);
  for (MapTerms::Factors &pair : apart) {
    Value z = buildLinear(rewriter, loc, pair.a, x, {}, Value(), site);
    if (pair.gate)
      z = buildMultipliedByVector(rewriter, loc, z, pair.gate);
    z = buildScaled(rewriter, loc, z, pair.scale);
    parts.push_back(buildLinear(rewriter, loc, pair.b, z, {}, Value(), site));
  }
  for (auto &[other, part] : others) {
    auto type = withLastDimension(cast<RankedTensorType>(x.getType()),
                                  cast<MapType>(other.map.getType()).getOut());
    Value y = ApplyOp::create(rewriter, loc, type, other.map, x, Value(),
                              StringAttr(), EvaluationAttr(), part);
    parts.push_back(buildScaled(rewriter, loc, y, other.scale));
  }
  if (parts.empty())
    return {};
  Value sum = parts.front();
  for (Value part : ArrayRef(parts).drop_front())
    sum = arith::AddFOp::create(rewriter, loc, sum, part);
  return biasDone ? sum : buildAddedVector(rewriter, loc, sum, bias);
}

/// True if the terms are one stored matrix and nothing else, so that there is
/// nothing to choose.
static bool isOneMatrix(const MapTerms &terms) {
  return terms.matrices.size() == 1 && terms.matrices[0].scale == 1.0 &&
         terms.factors.empty() && terms.others.empty();
}

/// True if the one term is the map itself: no sum.
static bool isOwnTerm(const MapTerms &terms, Value map) {
  return terms.others.size() == 1 && terms.others[0].map == map &&
         terms.others[0].scale == 1.0 && terms.matrices.empty() &&
         terms.factors.empty();
}

/// Joins the terms that depend on weights alone in one matrix.
static MapTerms joinTerms(RewriterBase &rewriter, Location loc, Value map,
                          const MapTerms &terms) {
  MapTerms rest;
  SmallVector<Value> joined;
  auto join = [&](Value term, double scale) {
    joined.push_back(scale == 1.0
                         ? term
                         : ScaleOp::create(rewriter, loc, term,
                                           rewriter.getF64FloatAttr(scale))
                               .getResult());
  };
  for (const MapTerms::Matrix &matrix : terms.matrices) {
    if (dependsOnWeightsAlone(matrix.tensor))
      join(DenseOp::create(rewriter, loc, matrix.tensor), matrix.scale);
    else
      rest.matrices.push_back(matrix);
  }
  for (const MapTerms::Factors &pair : terms.factors) {
    if (dependsOnWeightsAlone(pair.b) && dependsOnWeightsAlone(pair.a) &&
        (!pair.gate || dependsOnWeightsAlone(pair.gate)))
      join(LowRankOp::create(rewriter, loc, pair.b, pair.a, pair.gate),
           pair.scale);
    else
      rest.factors.push_back(pair);
  }
  for (const MapTerms::Other &other : terms.others) {
    if (dependsOnWeightsAlone(other.map))
      join(other.map, other.scale);
    else
      rest.others.push_back(other);
  }
  if (!joined.empty()) {
    Value sum = SumOp::create(rewriter, loc, map.getType(), joined);
    rest.matrices.insert(rest.matrices.begin(),
                         {buildMatrix(rewriter, loc, sum), 1});
  }
  return rest;
}

/// A chain as groups of neighbours, each applied in its own way.
static Value buildSplit(RewriterBase &rewriter, Location loc,
                        LinearMapOpInterface map, WayAttr way, ApplyOp op) {
  SmallVector<Value> chain = map.getChain();
  ArrayRef<int64_t> sizes = way.getSizes();
  int64_t total = 0;
  for (int64_t size : sizes)
    if (size > static_cast<int64_t>(chain.size()) - total)
      return {};
    else
      total += size;
  if (total != static_cast<int64_t>(chain.size()))
    return {};
  Value y = op.getX();
  for (unsigned group = sizes.size(); group-- > 0; total -= sizes[group]) {
    Value part = buildComposed(
        rewriter, loc,
        ArrayRef(chain).slice(total - sizes[group], sizes[group]));
    bool isLast = group == 0;
    auto type = withLastDimension(cast<RankedTensorType>(y.getType()),
                                  cast<MapType>(part.getType()).getOut());
    y = ApplyOp::create(rewriter, loc, type, part, y,
                        isLast ? op.getBias() : Value(),
                        isLast ? op.getSiteAttr() : StringAttr(),
                        EvaluationAttr(), way.getPart(group));
  }
  return y;
}

/// A branch on the number of rows. What depends on weights alone is moved out
/// of it by the pass.
static Value buildSwitch(RewriterBase &rewriter, Location loc, WayAttr way,
                         ApplyOp op) {
  Value x = op.getX(), rows = arith::ConstantIndexOp::create(rewriter, loc, 1);
  for (int64_t axis = 0, rank = op.getX().getType().getRank(); axis + 1 < rank;
       ++axis)
    rows = arith::MulIOp::create(rewriter, loc, rows,
                                 tensor::DimOp::create(rewriter, loc, x, axis));
  Value most =
      arith::ConstantIndexOp::create(rewriter, loc, way.getSizes().front());
  Value few = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::ule,
                                    rows, most);
  auto branch = [&](unsigned part) {
    return [&, part](OpBuilder &b, Location l) {
      Value y = ApplyOp::create(b, l, op.getType(), op.getMap(), x,
                                op.getBias(), op.getSiteAttr(),
                                EvaluationAttr(), way.getPart(part));
      scf::YieldOp::create(b, l, y);
    };
  };
  return scf::IfOp::create(rewriter, loc, few, branch(0), branch(1))
      .getResult(0);
}

WayAttr adapter::getWay(ApplyOp op, const ExpandOptions &options) {
  if (WayAttr way = op.getWayAttr())
    return way;
  Evaluation asked = op.getEvaluate().value_or(Evaluation::Auto);
  if (asked == Evaluation::Auto)
    asked = options.evaluate;
  return WayAttr::get(op.getContext(), asked == Evaluation::Merged
                                           ? WayKind::Merged
                                           : WayKind::Factored);
}

/// y = map(x) + bias in a way; null where the way does not fit the map.
static Value buildWay(RewriterBase &rewriter, ApplyOp op, WayAttr way) {
  auto map = op.getMap().getDefiningOp<LinearMapOpInterface>();
  Location loc = op.getLoc();
  MapTerms terms;
  map.collectTerms(1.0, terms);
  auto apply = [&](const MapTerms &applied) {
    return buildTerms(rewriter, loc, applied, way, op.getX(), op.getBias(),
                      op.getSiteAttr());
  };
  switch (way.getKind()) {
  case WayKind::Switch:
    return buildSwitch(rewriter, loc, way, op);
  case WayKind::Split:
    return buildSplit(rewriter, loc, map, way, op);
  case WayKind::Distributed: {
    Value sum = map.buildDistributed(rewriter, loc);
    return sum ? ApplyOp::create(rewriter, loc, op.getType(), sum, op.getX(),
                                 op.getBias(), op.getSiteAttr(),
                                 EvaluationAttr(), way.getPart(0))
                     .getResult()
               : Value();
  }
  case WayKind::Pair: {
    MapFactors factors = map.buildFactors(rewriter, loc);
    if (!factors)
      return {};
    MapTerms pair;
    pair.factors.push_back({factors.b, factors.a, Value(), 1});
    return apply(pair);
  }
  case WayKind::Merged: {
    if (isOneMatrix(terms))
      return apply(terms);
    MapTerms matrix;
    matrix.matrices.push_back({buildMatrix(rewriter, loc, op.getMap()), 1});
    return apply(matrix);
  }
  case WayKind::Joined:
    return apply(joinTerms(rewriter, loc, op.getMap(), terms));
  case WayKind::Factored:
    break;
  }
  if (!isOwnTerm(terms, op.getMap()))
    return apply(terms);
  // What it is applied by is applied in the ways of the parts.
  Operation *before = op->getPrevNode();
  Value y = map.buildApplication(rewriter, loc, op.getX());
  if (!y)
    return {};
  unsigned index = 0;
  for (Operation *inner = before ? before->getNextNode()
                                 : &op->getBlock()->front();
       inner != op.getOperation(); inner = inner->getNextNode())
    inner->walk([&](ApplyOp part) {
      if (!part.getWayAttr())
        part.setWayAttr(way.getPart(index));
      ++index;
    });
  return op.getBias() ? buildAddedVector(rewriter, loc, y, op.getBias()) : y;
}

LogicalResult adapter::expandApply(RewriterBase &rewriter, ApplyOp op,
                                   const ExpandOptions &options) {
  if (!isExpandable(op.getMap()) ||
      (op.getOtherwise() && !isExpandable(op.getOtherwise())))
    return rewriter.notifyMatchFailure(op, "the map is not made by ops");
  if (op.getIds()) {
    rewriter.setInsertionPoint(op);
    Evaluation asked = op.getEvaluate().value_or(Evaluation::Auto);
    if (asked == Evaluation::Auto)
      asked = options.evaluate;
    Value y = buildBankApplication(rewriter, op, asked == Evaluation::Merged);
    if (y.getType() != op.getType())
      y = tensor::CastOp::create(rewriter, op.getLoc(), op.getType(), y);
    rewriter.replaceOp(op, y);
    return success();
  }
  WayAttr way = getWay(op, options);
  rewriter.setInsertionPoint(op);
  Value y = buildWay(rewriter, op, way);
  if (!y) {
    if (way.getKind() == WayKind::Factored)
      return op.emitOpError() << "has a map that gives no way to apply it";
    op.emitOpError() << "has the way " << way
                     << ", which its map does not have";
    // So that there is an end to it, after the error.
    rewriter.modifyOpInPlace(op, [&] {
      op.setWayAttr(WayAttr::get(op.getContext(), WayKind::Factored));
    });
    return success();
  }
  if (y.getType() != op.getType())
    y = tensor::CastOp::create(rewriter, op.getLoc(), op.getType(), y);
  rewriter.replaceOp(op, y);
  return success();
}

LogicalResult adapter::expandGather(RewriterBase &rewriter, GatherOp op) {
  if (!isExpandable(op.getMap()))
    return rewriter.notifyMatchFailure(op, "the map is not made by ops");
  auto map = op.getMap().getDefiningOp<LinearMapOpInterface>();
  Location loc = op.getLoc();
  Value rows = map.buildGather(rewriter, loc, op.getIds());
  if (!rows) {
    // A leaf whose rows kernels look up.
    MapTerms terms;
    map.collectTerms(1.0, terms);
    if (terms.matrices.size() != 1 || !terms.factors.empty() ||
        !terms.others.empty())
      return rewriter.notifyMatchFailure(op, "rows of the map are not stored");
    Value table = buildEncoded(rewriter, loc, terms.matrices[0].tensor);
    Value init = buildEmptyLike(rewriter, loc, op.getIds(),
                                op.getMap().getType().getIn(), /*append=*/true);
    rows = LookupOp::create(rewriter, loc, init.getType(), table, op.getIds(),
                            init, /*stored=*/TypeAttr(), op.getSiteAttr())
               .getResult();
    rows = buildScaled(rewriter, loc, rows, terms.matrices[0].scale);
  }
  if (rows.getType() != op.getType())
    rows = tensor::CastOp::create(rewriter, loc, op.getType(), rows);
  rewriter.replaceOp(op, rows);
  return success();
}

bool adapter::staysForLoading(MaterializeOp op, const ExpandOptions &options) {
  return options.hoisted && dependsOnWeightsAlone(op.getMap());
}

LogicalResult adapter::expandMaterialize(RewriterBase &rewriter,
                                         MaterializeOp op) {
  if (!isExpandable(op.getMap()))
    return rewriter.notifyMatchFailure(op, "the map is not made by ops");
  auto map = op.getMap().getDefiningOp<LinearMapOpInterface>();
  rewriter.replaceOp(op, map.buildMaterialization(rewriter, op.getLoc()));
  return success();
}

namespace {

struct ExpandApplyPattern : OpRewritePattern<ApplyOp> {
  ExpandApplyPattern(MLIRContext *context, const ExpandOptions &options)
      : OpRewritePattern(context), options(options) {}
  LogicalResult matchAndRewrite(ApplyOp op,
                                PatternRewriter &rewriter) const override {
    return expandApply(rewriter, op, options);
  }
  ExpandOptions options;
};

struct ExpandGatherPattern : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op,
                                PatternRewriter &rewriter) const override {
    return expandGather(rewriter, op);
  }
};

struct ExpandMaterializePattern : OpRewritePattern<MaterializeOp> {
  ExpandMaterializePattern(MLIRContext *context, const ExpandOptions &options)
      : OpRewritePattern(context), options(options) {}
  LogicalResult matchAndRewrite(MaterializeOp op,
                                PatternRewriter &rewriter) const override {
    if (staysForLoading(op, options))
      return rewriter.notifyMatchFailure(op, "is computed when weights are "
                                             "loaded");
    return expandMaterialize(rewriter, op);
  }
  ExpandOptions options;
};

struct AdapterExpand : adapter::impl::AdapterExpandBase<AdapterExpand> {
  using AdapterExpandBase::AdapterExpandBase;

  void runOnOperation() override {
    std::optional<Evaluation> evaluation = symbolizeEvaluation(evaluate);
    if (!evaluation || *evaluation == Evaluation::Auto) {
      getOperation().emitError()
          << "adapter-expand: unknown evaluation '" << evaluate
          << "', expected factored or merged";
      return signalPassFailure();
    }
    // Errors of a way are told at its op, by patterns.
    bool hasErrors = false;
    ScopedDiagnosticHandler handler(&getContext(), [&](Diagnostic &diagnostic) {
      hasErrors |= diagnostic.getSeverity() == DiagnosticSeverity::Error;
      return failure();
    });
    WalkResult opaque = getOperation().walk([](Operation *op) {
      if (!isa<ApplyOp, GatherOp, MaterializeOp>(op) ||
          llvm::all_of(op->getOperands(), [](Value operand) {
            return !isa<MapType>(operand.getType()) || isExpandable(operand);
          }))
        return WalkResult::advance();
      op->emitOpError() << "cannot be expanded: its map contains one that is "
                           "not made by an op of the algebra";
      return WalkResult::interrupt();
    });
    if (opaque.wasInterrupted())
      return signalPassFailure();
    ExpandOptions options{*evaluation, hoisted};
    IRRewriter rewriter(&getContext());
    getOperation().walk(
        [&](Block *block) { expandShared(rewriter, *block, options); });
    RewritePatternSet patterns(&getContext());
    populateExpandPatterns(patterns, options);
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal();
    // Ways are those of the maps as they are written: a sum of one map is not
    // that map.
    config.enableFolding(false);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns),
                                     config))) {
      getOperation().emitError()
          << "adapter-expand: some maps could not be expanded";
      return signalPassFailure();
    }
    moveOutOfBranches();
    if (hasErrors || (!hoisted && failed(refuseComputed())))
      signalPassFailure();
  }

private:
  /// What depends on weights alone is computed before a branch on the number of
  /// rows, so that it can be hoisted.
  void moveOutOfBranches() {
    getOperation().walk([](scf::IfOp branch) {
      for (Region &region : branch->getRegions())
        if (!region.empty())
          for (Operation &op :
               llvm::make_early_inc_range(region.front().without_terminator()))
            if (op.getNumResults() == 1 &&
                dependsOnWeightsAlone(op.getResult(0)))
              op.moveBefore(branch);
    });
  }

  /// Nothing makes code for tensors that are computed when weights are loaded,
  /// and what follows would not say so.
  LogicalResult refuseComputed() {
    WalkResult left = getOperation().walk([](Operation *op) {
      if (!op->hasTrait<EvaluatedAtLoad>())
        return WalkResult::advance();
      op->emitOpError() << "is computed when weights are loaded: it must "
                           "depend on weights alone and be hoisted "
                           "(program-hoist-constants)";
      return WalkResult::interrupt();
    });
    return failure(left.wasInterrupted());
  }
};

} // namespace

void adapter::populateExpandPatterns(RewritePatternSet &patterns,
                                     const ExpandOptions &options) {
  patterns.add<ExpandApplyPattern, ExpandMaterializePattern>(
      patterns.getContext(), options);
  patterns.add<ExpandGatherPattern>(patterns.getContext());
}
