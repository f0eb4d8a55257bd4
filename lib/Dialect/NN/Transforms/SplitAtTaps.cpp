//===- SplitAtTaps.cpp - an entry in parts ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/NN/Transforms/Passes.h"
#include "allot/Dialect/NN/Transforms/Transforms.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace allot::nn {
#define GEN_PASS_DEF_NNSPLITATTAPS
#include "allot/Dialect/NN/Transforms/Passes.h.inc"
} // namespace allot::nn

using namespace mlir;
using namespace allot;
using namespace allot::nn;

/// The taps that cut a function, in order.
static SmallVector<TapOp> getCuts(func::FuncOp function, StringRef prefix) {
  SmallVector<TapOp> cuts;
  function.walk([&](TapOp tap) {
    if (tap.getName().starts_with(prefix))
      cuts.push_back(tap);
  });
  return cuts;
}

/// Keeps the part of `function` between cut `part - 1` and cut `part`.
static LogicalResult keepPart(func::FuncOp function, StringRef prefix,
                              unsigned part) {
  SmallVector<TapOp> cuts = getCuts(function, prefix);
  Builder builder(function.getContext());
  auto named = [&](TapOp tap) {
    return builder.getDictionaryAttr(
        builder.getNamedAttr("allot.name", tap.getNameAttr()));
  };
  for (TapOp tap : cuts)
    if (tap->getParentRegion() != &function.getBody())
      return tap.emitOpError("lies inside another op, where its function "
                             "cannot be cut");
  Block &body = function.getBody().front();
  auto terminator = cast<func::ReturnOp>(body.getTerminator());
  if (part < cuts.size()) {
    terminator->setOperands(cuts[part].getX());
    function.setType(builder.getFunctionType(function.getArgumentTypes(),
                                             cuts[part].getType()));
    function.setAllResultAttrs(ArrayRef<DictionaryAttr>{named(cuts[part])});
  }
  if (part > 0) {
    TapOp before = cuts[part - 1];
    if (failed(function.insertArgument(function.getNumArguments(),
                                       before.getType(), named(before),
                                       before.getLoc())))
      return failure();
    before.getResult().replaceAllUsesWith(
        function.getArgument(function.getNumArguments() - 1));
  }
  function.walk([](TapOp tap) {
    tap.getResult().replaceAllUsesWith(tap.getX());
    tap.erase();
  });
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      op.erase();
  return success();
}

FailureOr<SmallVector<func::FuncOp>> nn::splitAtTaps(func::FuncOp function,
                                                     StringRef prefix) {
  unsigned cuts = getCuts(function, prefix).size();
  if (cuts == 0)
    return function.emitError("has no tap whose name starts with '")
           << prefix << "'";
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError("has several blocks and cannot be cut");
  SymbolTable symbols(function->getParentOfType<ModuleOp>());
  SmallVector<func::FuncOp> parts;
  Operation *last = function;
  for (unsigned part = 0; part <= cuts; ++part) {
    func::FuncOp clone = function.clone();
    clone.setName((function.getName() + ".part." + Twine(part)).str());
    symbols.insert(clone, std::next(Block::iterator(last)));
    if (failed(keepPart(clone, prefix, part)))
      return failure();
    parts.push_back(clone);
    last = clone;
  }
  return parts;
}

namespace {
struct NNSplitAtTaps : nn::impl::NNSplitAtTapsBase<NNSplitAtTaps> {
  using NNSplitAtTapsBase::NNSplitAtTapsBase;

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>(entry);
    if (!function || function.isExternal()) {
      getOperation().emitError()
          << "nn-split-at-taps: there is no function @" << entry;
      return signalPassFailure();
    }
    if (failed(splitAtTaps(function, prefix)))
      return signalPassFailure();
    // The parts stand for it.
    function.setPrivate();
  }
};
} // namespace
