//===- DescribeEntries.cpp - what each entry takes and gives ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Pipelines/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"

namespace allot::pipelines {
#define GEN_PASS_DEF_PROGRAMDESCRIBEENTRIES
#include "allot/Pipelines/Passes.h.inc"
} // namespace allot::pipelines

using namespace mlir;
using namespace allot;

namespace {

/// Rows of the smallest table in which `ids` are looked up, following reshapes,
/// casts and calls; 0 if there is none.
int64_t boundOfIds(Value ids, SymbolTableCollection &symbols,
                   SmallPtrSetImpl<void *> &seen) {
  if (!seen.insert(ids.getAsOpaquePointer()).second)
    return 0;
  int64_t bound = 0;
  auto narrow = [&](int64_t other) {
    if (other > 0)
      bound = bound > 0 ? std::min(bound, other) : other;
  };
  for (OpOperand &use : ids.getUses()) {
    Operation *user = use.getOwner();
    if (auto gather = dyn_cast<adapter::GatherOp>(user)) {
      narrow(gather.getMap().getType().getOut());
    } else if (auto call = dyn_cast<func::CallOp>(user)) {
      auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
          call, call.getCalleeAttr());
      if (callee && !callee.isExternal() &&
          use.getOperandNumber() < callee.getNumArguments())
        narrow(boundOfIds(callee.getArgument(use.getOperandNumber()), symbols,
                          seen));
    } else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                   tensor::CastOp, tensor::ExtractSliceOp, arith::ExtSIOp,
                   arith::TruncIOp>(user)) {
      narrow(boundOfIds(user->getResult(0), symbols, seen));
    }
  }
  return bound;
}

/// Members of the smallest bank of which `ids` choose, following what spreads
/// them over rows; 0 if there is none.
int64_t membersOfIds(Value ids, SymbolTableCollection &symbols,
                     SmallPtrSetImpl<void *> &seen) {
  if (!seen.insert(ids.getAsOpaquePointer()).second)
    return 0;
  int64_t members = 0;
  auto narrow = [&](int64_t other) {
    if (other > 0)
      members = members > 0 ? std::min(members, other) : other;
  };
  for (OpOperand &use : ids.getUses()) {
    Operation *user = use.getOwner();
    if (auto apply = dyn_cast<adapter::ApplyOp>(user)) {
      if (apply.getIds() == ids)
        narrow(apply.getMap().getType().getShape().front());
    } else if (auto call = dyn_cast<func::CallOp>(user)) {
      auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
          call, call.getCalleeAttr());
      if (callee && !callee.isExternal() &&
          use.getOperandNumber() < callee.getNumArguments())
        narrow(membersOfIds(callee.getArgument(use.getOperandNumber()), symbols,
                            seen));
    } else if (auto spread = dyn_cast<linalg::LinalgOp>(user)) {
      // A broadcast.
      Operation *yield = spread.getBlock()->getTerminator();
      if (spread->getNumResults() == 1 && spread.isDpsInput(&use) &&
          yield->getOperand(0) == spread.getMatchingBlockArgument(&use))
        narrow(membersOfIds(spread->getResult(0), symbols, seen));
    } else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                   tensor::CastOp, tensor::ExtractSliceOp>(user)) {
      narrow(membersOfIds(user->getResult(0), symbols, seen));
    }
  }
  return members;
}

struct ProgramDescribeEntries
    : pipelines::impl::ProgramDescribeEntriesBase<ProgramDescribeEntries> {
  void runOnOperation() override {
    SymbolTableCollection symbols;
    // Upstream leaves a dimension that is not there undefined; here it would be
    // read from behind a descriptor.
    WalkResult walked = getOperation().walk([](tensor::DimOp dim) {
      auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
      std::optional<int64_t> index = dim.getConstantIndex();
      if (!type || !index || (*index >= 0 && *index < type.getRank()))
        return WalkResult::advance();
      dim.emitOpError() << "asks for dimension " << *index
                        << " of a tensor of rank " << type.getRank();
      return WalkResult::interrupt();
    });
    if (walked.wasInterrupted())
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      // What a file claims about itself counts for nothing.
      for (StringRef name :
           {"allot.signature", "allot.results", "allot.takes_weights"})
        function->removeAttr(name);
      if (function.isPublic() && !function.isExternal() &&
          failed(describe(function, symbols)))
        return signalPassFailure();
    }
  }

  LogicalResult describe(func::FuncOp function,
                         SymbolTableCollection &symbols) {
    Builder b(&getContext());
    SmallVector<Attribute> inputs, outputs;
    llvm::StringSet<> inputNames, outputNames;
    auto add = [&](SmallVectorImpl<Attribute> &list, llvm::StringSet<> &names,
                   StringAttr given, const Twine &fallback, StringRef what,
                   Type type, int64_t ids, int64_t members) -> LogicalResult {
      StringAttr name = given ? given : b.getStringAttr(fallback);
      auto tensor = dyn_cast<RankedTensorType>(type);
      Type element = tensor ? tensor.getElementType() : Type();
      if (!tensor || tensor.getEncoding() ||
          !(element.isF32() || element.isF16() || element.isInteger(32) ||
            element.isInteger(64)))
        return function.emitError()
               << what << " '" << name.getValue() << "' of entry '"
               << function.getName()
               << "' is no plain tensor of f32, f16, i32 or i64: " << type;
      if (!names.insert(name.getValue()).second)
        return function.emitError()
               << "entry '" << function.getName() << "' has two " << what
               << "s called '" << name.getValue() << "'";
      NamedAttrList fields;
      fields.append("name", name);
      fields.append("type", TypeAttr::get(type));
      if (ids > 0)
        fields.append("ids", b.getI64IntegerAttr(ids));
      if (members > 0)
        fields.append("members", b.getI64IntegerAttr(members));
      list.push_back(fields.getDictionary(&getContext()));
      return success();
    };
    for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
      int64_t ids = 0, members = 0;
      if (getElementTypeOrSelf(argument.getType()).isInteger()) {
        SmallPtrSet<void *, 16> seen;
        ids = boundOfIds(argument, symbols, seen);
        seen.clear();
        members = membersOfIds(argument, symbols, seen);
      }
      if (failed(add(inputs, inputNames,
                     function.getArgAttrOfType<StringAttr>(i, "allot.name"),
                     "arg" + Twine(i), "input", argument.getType(), ids,
                     members)))
        return failure();
    }
    for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
      if (failed(add(outputs, outputNames,
                     function.getResultAttrOfType<StringAttr>(i, "allot.name"),
                     "result" + Twine(i), "output", type, 0, 0)))
        return failure();
    function->setAttr(
        "allot.signature",
        b.getDictionaryAttr(
            {b.getNamedAttr("inputs", b.getArrayAttr(inputs)),
             b.getNamedAttr("outputs", b.getArrayAttr(outputs))}));
    return success();
  }
};

} // namespace
