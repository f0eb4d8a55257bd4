//===- Expand.cpp - how map expressions are evaluated -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Computed.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
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

/// The sum of the terms of a map at x; null where a term cannot be applied.
static Value buildTerms(RewriterBase &rewriter, Location loc, MapTerms &terms,
                        Value x, Value bias, StringAttr site) {
  SmallVector<Value> parts;
  // Pairs without a gate go into the kernel of the first plain matrix.
  SmallVector<MapTerms::Factors> fused, apart;
  for (MapTerms::Factors &pair : terms.factors)
    (pair.gate ? apart : fused).push_back(pair);
  bool biasDone = !bias;
  for (MapTerms::Matrix &matrix : terms.matrices) {
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
  for (MapTerms::Other &other : terms.others) {
    auto op = other.map.getDefiningOp<LinearMapOpInterface>();
    Value y = op ? op.buildApplication(rewriter, loc, x) : Value();
    if (!y)
      return {};
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

LogicalResult adapter::expandApply(RewriterBase &rewriter, ApplyOp op,
                                   const ExpandOptions &options) {
  if (!isExpandable(op.getMap()))
    return rewriter.notifyMatchFailure(op, "the map is not made by ops");
  auto map = op.getMap().getDefiningOp<LinearMapOpInterface>();
  Location loc = op.getLoc();
  Evaluation evaluation = chooseEvaluation(op, options);
  MapTerms terms;
  map.collectTerms(1.0, terms);
  Value y;
  if (evaluation == Evaluation::Merged && !isOneMatrix(terms)) {
    Value dense = options.hoisted
                      ? buildMaterialized(rewriter, loc, op.getMap())
                      : map.buildMaterialization(rewriter, loc);
    y = buildLinear(rewriter, loc, dense, op.getX(), {}, op.getBias(),
                    op.getSiteAttr());
  } else {
    // Applications inside ask for the same evaluation as the whole.
    Operation *before = op->getPrevNode();
    y = buildTerms(rewriter, loc, terms, op.getX(), op.getBias(),
                   op.getSiteAttr());
    if (op.getEvaluate())
      for (Operation *inner = before ? before->getNextNode()
                                     : &op->getBlock()->front();
           inner != op.getOperation(); inner = inner->getNextNode())
        if (auto apply = dyn_cast<ApplyOp>(inner))
          apply.setEvaluateAttr(op.getEvaluateAttr());
  }
  if (!y)
    return op.emitOpError() << "has a map that gives no way to apply it";
  if (y.getType() != op.getType())
    y = tensor::CastOp::create(rewriter, loc, op.getType(), y);
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

/// Whether a value is computed from weights and constants alone, by ops without
/// regions.
bool dependsOnWeightsAlone(Value value) {
  llvm::SetVector<Operation *> ops;
  SmallVector<Value> pending{value};
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val().getDefiningOp();
    if (!op || op->getNumRegions())
      return false;
    if (op->hasTrait<OpTrait::ConstantLike>() ||
        isa<ml_program::GlobalLoadConstOp>(op) || !ops.insert(op))
      continue;
    if (!isMemoryEffectFree(op))
      return false;
    llvm::append_range(pending, op->getOperands());
  }
  return true;
}

struct ExpandMaterializePattern : OpRewritePattern<MaterializeOp> {
  ExpandMaterializePattern(MLIRContext *context, const ExpandOptions &options)
      : OpRewritePattern(context), options(options) {}
  LogicalResult matchAndRewrite(MaterializeOp op,
                                PatternRewriter &rewriter) const override {
    if (options.hoisted && dependsOnWeightsAlone(op.getMap()))
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
    if (!evaluation) {
      getOperation().emitError()
          << "adapter-expand: unknown evaluation '" << evaluate
          << "', expected auto, factored or merged";
      return signalPassFailure();
    }
    if (rows < 1 || flopsPerByte < 1) {
      getOperation().emitError()
          << "adapter-expand: rows and flops-per-byte are at least 1, but got "
          << rows.getValue() << " and " << flopsPerByte.getValue();
      return signalPassFailure();
    }
    WalkResult opaque = getOperation().walk([](Operation *op) {
      if (!isa<ApplyOp, GatherOp, MaterializeOp>(op) ||
          isExpandable(op->getOperand(0)))
        return WalkResult::advance();
      op->emitOpError() << "cannot be expanded: its map contains one that is "
                           "not made by an op of the algebra";
      return WalkResult::interrupt();
    });
    if (opaque.wasInterrupted())
      return signalPassFailure();
    ExpandOptions options{*evaluation, rows, flopsPerByte, hoisted, remarks};
    RewritePatternSet patterns(&getContext());
    populateExpandPatterns(patterns, options);
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal();
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns),
                                     config))) {
      getOperation().emitError()
          << "adapter-expand: some maps could not be expanded";
      return signalPassFailure();
    }
    if (!hoisted && failed(refuseComputed()))
      signalPassFailure();
  }

private:
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
