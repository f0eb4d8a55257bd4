//===- ExpandMath.cpp - math functions as polynomials -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Pipelines/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace allot::pipelines {
#define GEN_PASS_DEF_PROGRAMEXPANDMATH
#include "allot/Pipelines/Passes.h.inc"
} // namespace allot::pipelines

using namespace mlir;

namespace {

struct ProgramExpandMath
    : allot::pipelines::impl::ProgramExpandMathBase<ProgramExpandMath> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    auto wanted = [](StringRef name) {
      return llvm::is_contained(
          {math::ExpOp::getOperationName(), math::Exp2Op::getOperationName(),
           math::ExpM1Op::getOperationName(), math::TanhOp::getOperationName(),
           math::ErfOp::getOperationName(), math::LogOp::getOperationName(),
           math::Log1pOp::getOperationName(), math::Log2Op::getOperationName()},
          name);
    };
    populateMathPolynomialApproximationPatterns(set, [&](StringRef name) {
      // The predicate is asked for mnemonics with or without the dialect's
      // name.
      return wanted(name) || wanted(("math." + name).str());
    });
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};

} // namespace
