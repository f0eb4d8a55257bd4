//===- AppendLoss.cpp - nn-append-loss --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/NN/Transforms/Passes.h"
#include "allot/Dialect/NN/Transforms/Transforms.h"
#include "mlir/IR/SymbolTable.h"

namespace allot::nn {
#define GEN_PASS_DEF_NNAPPENDLOSS
#include "allot/Dialect/NN/Transforms/Passes.h.inc"
} // namespace allot::nn

using namespace mlir;
using namespace allot;
using namespace allot::nn;

LogicalResult nn::appendLoss(func::FuncOp function) {
  auto type = function.getNumResults() == 1
                  ? dyn_cast<RankedTensorType>(function.getResultTypes()[0])
                  : RankedTensorType();
  if (!type || type.getRank() < 1 || type.getEncoding() ||
      !type.getElementType().isF32() ||
      !llvm::hasSingleElement(function.getBody()))
    return function.emitError()
           << function.getName()
           << " has no loss: its one result must be logits, a tensor of f32 "
              "with a dimension for the labels, made in one block";
  if (auto uses = SymbolTable::getSymbolUses(
          function, function->getParentOfType<ModuleOp>());
      uses && !uses->empty())
    return function.emitError() << function.getName()
                                << " cannot give its loss instead, because "
                                   "another op calls it";
  Builder names(function.getContext());
  auto named = [&](StringRef name) {
    return names.getDictionaryAttr(
        names.getNamedAttr("allot.name", names.getStringAttr(name)));
  };
  auto labels =
      RankedTensorType::get(type.getShape().drop_back(), names.getI32Type());
  if (failed(function.insertArgument(function.getNumArguments(), labels,
                                     named("labels"), function.getLoc())))
    return failure();
  Block &body = function.getBody().front();
  Operation *end = body.getTerminator();
  Value logits = end->getOperand(0);
  OpBuilder builder(end);
  Location loc = logits.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, logits);
  sizes.pop_back();
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, builder.getF32Type());
  auto loss = CrossEntropyOp::create(builder, loc, init.getType(), logits,
                                     body.getArguments().back(), init);
  end->setOperands(loss.getResult());
  function.setType(
      builder.getFunctionType(function.getArgumentTypes(), init.getType()));
  function.setAllResultAttrs(ArrayRef<DictionaryAttr>{named("nll")});
  return success();
}

namespace {
struct NNAppendLoss : nn::impl::NNAppendLossBase<NNAppendLoss> {
  using NNAppendLossBase::NNAppendLossBase;

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>(entry);
    if (!function || function.isExternal()) {
      getOperation().emitError()
          << "nn-append-loss: there is no function @" << entry;
      return signalPassFailure();
    }
    if (failed(appendLoss(function)))
      signalPassFailure();
  }
};
} // namespace
