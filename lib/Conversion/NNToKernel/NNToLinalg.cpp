//===- NNToLinalg.cpp - nn ops to linalg.generic ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Conversion/NNToKernel/NNToKernel.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <limits>

namespace allot::conversion {
#define GEN_PASS_DEF_CONVERTNNTOLINALG
#include "allot/Conversion/NNToKernel/Passes.h.inc"
} // namespace allot::conversion

using namespace mlir;
using namespace allot;

namespace {

/// The activation of one scalar.
Value buildActivation(OpBuilder &b, Location loc, nn::ActivationKind kind,
                      Value x) {
  Type type = x.getType();
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  };
  auto mul = [&](Value l, Value r) -> Value {
    return arith::MulFOp::create(b, loc, l, r);
  };
  auto add = [&](Value l, Value r) -> Value {
    return arith::AddFOp::create(b, loc, l, r);
  };
  // Half of x times one plus a function between -1 and 1: both forms of GELU.
  auto halved = [&](Value sign) {
    return mul(mul(constant(0.5), x), add(constant(1.0), sign));
  };
  switch (kind) {
  case nn::ActivationKind::SiLU: {
    Value decay = math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, x));
    return arith::DivFOp::create(b, loc, x, add(constant(1.0), decay));
  }
  case nn::ActivationKind::GELU:
    return halved(
        math::ErfOp::create(b, loc, mul(x, constant(0.70710678118654752440))));
  case nn::ActivationKind::GELUTanh: {
    Value cube = mul(mul(x, x), x);
    Value inner = mul(constant(0.79788456080286535588),
                      add(x, mul(constant(0.044715), cube)));
    return halved(math::TanhOp::create(b, loc, inner));
  }
  case nn::ActivationKind::ReLU:
    return arith::MaximumFOp::create(b, loc, x, constant(0.0));
  }
  llvm_unreachable("all kinds are above");
}

struct ActivationToGeneric : OpRewritePattern<nn::ActivationOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ActivationOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getType());
    Location loc = op.getLoc();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, op.getX());
    Value init =
        tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
    SmallVector<AffineMap> maps(
        2, rewriter.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> iterators(type.getRank(),
                                               utils::IteratorType::parallel);
    auto body = [&](OpBuilder &b, Location bodyLoc, ValueRange args) {
      linalg::YieldOp::create(
          b, bodyLoc, buildActivation(b, bodyLoc, op.getKind(), args[0]));
    };
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, TypeRange{type}, ValueRange{op.getX()}, ValueRange{init}, maps,
        iterators, body);
    return success();
  }
};

/// Maximum, sum of exponentials below it, and the score of the label, row by
/// row.
struct CrossEntropyToGeneric : OpRewritePattern<nn::CrossEntropyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::CrossEntropyOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getResult())
      return rewriter.notifyMatchFailure(op, "not on tensors");
    Location loc = op.getLoc();
    Value logits = op.getLogits();
    unsigned rank = cast<RankedTensorType>(logits.getType()).getRank();
    AffineMap element = rewriter.getMultiDimIdentityMap(rank);
    AffineMap row = AffineMap::get(rank, 0, element.getResults().drop_back(),
                                   rewriter.getContext());
    AffineMap each = rewriter.getMultiDimIdentityMap(rank - 1);
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, logits);
    ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back();
    Type f32 = rewriter.getF32Type();
    Value largest = vjp::buildStructured(
        rewriter, loc, {logits}, {element, row},
        vjp::buildFilled(rewriter, loc, rows, f32,
                         -std::numeric_limits<float>::infinity()),
        [](OpBuilder &b, Location l, ValueRange a) -> Value {
          return arith::MaximumFOp::create(b, l, a[0], a[1]);
        });
    Value total = vjp::buildReduction(
        rewriter, loc, {logits, largest}, {element, row, row}, rows,
        [](OpBuilder &b, Location l, ValueRange a) -> Value {
          return math::ExpOp::create(b, l,
                                     arith::SubFOp::create(b, l, a[0], a[1]));
        });
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
    Value vocabulary =
        getValueOrCreateConstantIndexOp(rewriter, loc, sizes.back());
    rewriter.replaceOp(
        op,
        vjp::buildStructured(
            rewriter, loc, {op.getLabels(), largest, total},
            {each, each, each, each}, vjp::buildEmpty(rewriter, loc, rows, f32),
            [&](OpBuilder &b, Location l, ValueRange a) -> Value {
              Value label =
                  arith::IndexCastOp::create(b, l, b.getIndexType(), a[0]);
              Value isReal = arith::AndIOp::create(
                  b, l,
                  arith::CmpIOp::create(b, l, arith::CmpIPredicate::sge, label,
                                        zero),
                  arith::CmpIOp::create(b, l, arith::CmpIPredicate::slt, label,
                                        vocabulary));
              SmallVector<Value> place;
              for (size_t i = 0; i < rows.size(); ++i)
                place.push_back(linalg::IndexOp::create(b, l, i));
              place.push_back(
                  arith::SelectOp::create(b, l, isReal, label, zero));
              Value picked = tensor::ExtractOp::create(b, l, logits, place);
              Value loss = arith::AddFOp::create(
                  b, l, math::LogOp::create(b, l, a[2]),
                  arith::SubFOp::create(b, l, a[1], picked));
              Value none =
                  arith::ConstantOp::create(b, l, b.getF32FloatAttr(0.0f));
              return arith::SelectOp::create(b, l, isReal, loss, none);
            }));
    return success();
  }
};

struct ConvertNNToLinalg
    : conversion::impl::ConvertNNToLinalgBase<ConvertNNToLinalg> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    conversion::populateNNToLinalgPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

void conversion::populateNNToLinalgPatterns(RewritePatternSet &patterns) {
  patterns.add<ActivationToGeneric, CrossEntropyToGeneric>(
      patterns.getContext());
}
