//===- FuseEpilogue.cpp - what follows a kernel goes into it ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace allot::adapter {
#define GEN_PASS_DEF_ADAPTERFUSEEPILOGUE
#include "allot/Dialect/Adapter/Transforms/Passes.h.inc"
} // namespace allot::adapter

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

/// A kernel whose only use is `user` in the same block, so that it may move
/// there (into a loop it would run more often).
static LinearOp getFusible(Value value, Operation *user) {
  auto linear = value.getDefiningOp<LinearOp>();
  return linear && linear.getResult() && linear.getResult().hasOneUse() &&
                 linear->getBlock() == user->getBlock()
             ? linear
             : LinearOp();
}

/// Replaces `op` by a copy of `linear` there, changed by `change`.
static void fuse(RewriterBase &rewriter, LinearOp linear, Operation *op,
                 llvm::function_ref<void(LinearOp)> change) {
  rewriter.setInsertionPoint(op);
  auto fused = cast<LinearOp>(rewriter.clone(*linear));
  change(fused);
  rewriter.replaceOp(op, fused.getResult());
  rewriter.eraseOp(linear);
}

namespace {

struct FuseActivation : OpRewritePattern<nn::ActivationOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ActivationOp op,
                                PatternRewriter &rewriter) const override {
    LinearOp linear = getFusible(op.getX(), op);
    if (!linear || linear.getActivation() != Activation::None ||
        linear.getMultiplier() || linear.getResidual())
      return rewriter.notifyMatchFailure(op, "no kernel that can take it");
    // The two enumerations use the same names.
    std::optional<Activation> activation =
        symbolizeActivation(nn::stringifyActivationKind(op.getKind()));
    if (!activation)
      return rewriter.notifyMatchFailure(op, "kernels lack this function");
    fuse(rewriter, linear, op,
         [&](LinearOp fused) { fused.setActivation(*activation); });
    return success();
  }
};

/// `combine` of a kernel's result and another value of the same type.
template <typename Op>
struct FuseBinary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    constexpr bool isResidual = std::is_same_v<Op, arith::AddFOp>;
    auto takes = [&](LinearOp linear) {
      return linear && !linear.getResidual() &&
             (isResidual || !linear.getMultiplier());
    };
    if (!isa<RankedTensorType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "no tensors");
    LinearOp left = getFusible(op.getLhs(), op),
             right = getFusible(op.getRhs(), op);
    // Of two kernels the one that has an activation already goes on.
    bool useRight = !takes(left) ||
                    (takes(right) && right.getActivation() != Activation::None);
    LinearOp linear = useRight ? right : left;
    if (!takes(linear) || op.getLhs() == op.getRhs())
      return rewriter.notifyMatchFailure(op, "no kernel that can take it");
    Value other = useRight ? op.getLhs() : op.getRhs();
    fuse(rewriter, linear, op, [&](LinearOp fused) {
      if (isResidual)
        fused.getResidualMutable().assign(other);
      else
        fused.getMultiplierMutable().assign(other);
    });
    return success();
  }
};

struct AdapterFuseEpilogue
    : adapter::impl::AdapterFuseEpilogueBase<AdapterFuseEpilogue> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateFuseEpiloguePatterns(patterns);
    // In the order of the program: an activation is taken in before the product
    // that follows it.
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal();
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace

void adapter::populateFuseEpiloguePatterns(RewritePatternSet &patterns) {
  patterns.add<FuseActivation, FuseBinary<arith::MulFOp>,
               FuseBinary<arith::AddFOp>>(patterns.getContext());
}
