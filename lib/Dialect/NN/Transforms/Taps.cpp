//===- Taps.cpp - nn-strip-taps, nn-expose-taps -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/NN/Transforms/Passes.h"
#include "allot/Dialect/NN/Transforms/Transforms.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace allot::nn {
#define GEN_PASS_DEF_NNSTRIPTAPS
#define GEN_PASS_DEF_NNEXPOSETAPS
#include "allot/Dialect/NN/Transforms/Passes.h.inc"
} // namespace allot::nn

using namespace mlir;
using namespace allot;
using namespace allot::nn;

void nn::populateStripTapsPatterns(RewritePatternSet &patterns) {
  patterns.add(+[](TapOp op, PatternRewriter &rewriter) -> LogicalResult {
    rewriter.replaceOp(op, op.getX());
    return success();
  });
}

LogicalResult nn::exposeTaps(func::FuncOp function,
                             ArrayRef<std::string> names) {
  SmallVector<TapOp> taps;
  WalkResult walked = function.walk([&](TapOp tap) {
    if (llvm::none_of(names, [&](StringRef name) {
          return tap.getName().starts_with(name);
        }))
      return WalkResult::advance();
    if (tap->getParentOp() != function) {
      tap.emitOpError() << "cannot become a result of " << function.getName()
                        << ", because it is inside of another op";
      return WalkResult::interrupt();
    }
    taps.push_back(tap);
    return WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return failure();
  if (taps.empty())
    return success();
  if (!function.getBody().hasOneBlock())
    return function.emitError() << "taps of " << function.getName()
                                << " cannot become results, because its body "
                                   "has more than one block";

  Builder builder(function.getContext());
  SmallVector<Type> types(function.getResultTypes());
  SmallVector<DictionaryAttr> attributes;
  function.getAllResultAttrs(attributes);
  attributes.resize(types.size(), builder.getDictionaryAttr({}));
  Operation *end = function.getBody().front().getTerminator();
  SmallVector<Value> values(end->getOperands());
  for (TapOp tap : taps) {
    types.push_back(tap.getResult().getType());
    values.push_back(tap.getResult());
    NamedAttrList named;
    named.append("allot.name", tap.getNameAttr());
    if (ArrayAttr sites = tap.getSitesAttr())
      named.append("allot.sites", sites);
    attributes.push_back(named.getDictionary(function.getContext()));
  }
  end->setOperands(values);
  function.setType(builder.getFunctionType(function.getArgumentTypes(), types));
  function.setAllResultAttrs(attributes);
  return success();
}

namespace {

struct NNStripTaps : nn::impl::NNStripTapsBase<NNStripTaps> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populateStripTapsPatterns(set);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};

struct NNExposeTaps : nn::impl::NNExposeTapsBase<NNExposeTaps> {
  using NNExposeTapsBase::NNExposeTapsBase;

  void runOnOperation() override {
    SmallVector<std::string> wanted(names.begin(), names.end());
    if (llvm::is_contained(wanted, "")) {
      getOperation().emitError() << "nn-expose-taps: a name is empty";
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isExternal())
        continue;
      unsigned results = function.getNumResults();
      if (failed(exposeTaps(function, wanted)))
        return signalPassFailure();
      if (function.getNumResults() == results)
        continue;
      if (auto uses = SymbolTable::getSymbolUses(function, getOperation());
          uses && !uses->empty()) {
        InFlightDiagnostic diagnostic =
            function.emitError()
            << "taps of " << function.getName()
            << " cannot become results, because another op calls it";
        diagnostic.attachNote(uses->begin()->getUser()->getLoc())
            << "used here";
        diagnostic.report();
        return signalPassFailure();
      }
    }
    RewritePatternSet patterns(&getContext());
    populateStripTapsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
