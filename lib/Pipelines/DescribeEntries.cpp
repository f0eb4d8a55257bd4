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

/// What a use of ids says of them: a bound of its own (0: none), or a value
/// that holds them too.
struct IdUse {
  int64_t bound = 0;
  Value same;
};

/// Reshapes and casts hold the same ids.
bool keepsIds(Operation *user) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp,
             tensor::ExtractSliceOp>(user);
}

/// The number of rows of the table in which a use looks ids up.
IdUse useAsRows(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto gather = dyn_cast<adapter::GatherOp>(user))
    return {gather.getMap().getType().getOut(), {}};
  if (keepsIds(user) || isa<arith::ExtSIOp, arith::TruncIOp>(user))
    return {0, user->getResult(0)};
  return {};
}

/// The number of members of the bank of which a use chooses. What spreads ids
/// over rows holds them.
IdUse useAsMembers(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto apply = dyn_cast<adapter::ApplyOp>(user))
    return {apply.getIds() == use.get()
                ? apply.getMap().getType().getShape().front()
                : 0,
            {}};
  if (auto spread = dyn_cast<linalg::LinalgOp>(user)) {
    // A broadcast.
    Operation *yield = spread.getBlock()->getTerminator();
    bool passes = spread->getNumResults() == 1 && spread.isDpsInput(&use) &&
                  yield->getOperand(0) == spread.getMatchingBlockArgument(&use);
    return {0, passes ? spread->getResult(0) : Value()};
  }
  return {0, keepsIds(user) ? user->getResult(0) : Value()};
}

/// The smallest bound that the uses of `ids` give, through calls too; 0 if
/// there is none.
int64_t boundOfIds(Value ids, IdUse (*meaning)(OpOperand &),
                   SymbolTableCollection &symbols,
                   SmallPtrSetImpl<void *> &seen) {
  if (!seen.insert(ids.getAsOpaquePointer()).second)
    return 0;
  int64_t bound = 0;
  for (OpOperand &use : ids.getUses()) {
    IdUse found = meaning(use);
    if (auto call = dyn_cast<func::CallOp>(use.getOwner())) {
      auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
          call, call.getCalleeAttr());
      if (callee && !callee.isExternal() &&
          use.getOperandNumber() < callee.getNumArguments())
        found.same = callee.getArgument(use.getOperandNumber());
    }
    if (found.same)
      found.bound = boundOfIds(found.same, meaning, symbols, seen);
    if (found.bound > 0)
      bound = bound > 0 ? std::min(bound, found.bound) : found.bound;
  }
  return bound;
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

  /// Copies what `attributes` of an argument say of its sizes and of what it is
  /// where the caller gives none. `earlier` describes the inputs before it.
  LogicalResult describeSizes(func::FuncOp function, StringRef name,
                              RankedTensorType type, DictionaryAttr attributes,
                              ArrayRef<Attribute> earlier,
                              NamedAttrList &fields) {
    auto refuse = [&](const Twine &why) {
      return function.emitError() << "input '" << name << "' of entry '"
                                  << function.getName() << "': " << why;
    };
    auto isName = [](Attribute name) { return isa<StringAttr>(name); };
    Attribute sizes = attributes.get("allot.sizes");
    auto names = dyn_cast_or_null<ArrayAttr>(sizes);
    if (sizes && (!names || int64_t(names.size()) != type.getRank() ||
                  !llvm::all_of(names, isName)))
      return refuse("allot.sizes has a name for each dimension");
    if (names)
      fields.append("sizes", names);
    if (Attribute given = attributes.get("allot.limits")) {
      auto limits = dyn_cast<DenseI64ArrayAttr>(given);
      if (!limits || limits.size() != type.getRank() ||
          llvm::any_of(limits.asArrayRef(), [](int64_t n) { return n < 0; }))
        return refuse("allot.limits has a number for each dimension");
      fields.append("limits", limits);
    }
    Attribute given = attributes.get("allot.default");
    if (!given)
      return success();
    auto number = dyn_cast<IntegerAttr>(given);
    if (!number || !type.getElementType().isInteger())
      return refuse("allot.default is an integer, of an input of integers");
    auto first =
        earlier.empty()
            ? ArrayAttr()
            : cast<DictionaryAttr>(earlier[0]).getAs<ArrayAttr>("sizes");
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.isDynamicDim(d) &&
          (!names || !first || cast<StringAttr>(names[d]).empty() ||
           !llvm::is_contained(first, names[d])))
        return refuse("with allot.default its sizes are static, or named as "
                      "some of the first input");
    fields.append("default", number);
    return success();
  }

  LogicalResult describe(func::FuncOp function,
                         SymbolTableCollection &symbols) {
    Builder b(&getContext());
    SmallVector<Attribute> inputs, outputs;
    llvm::StringSet<> inputNames, outputNames;
    auto add = [&](SmallVectorImpl<Attribute> &list, llvm::StringSet<> &names,
                   StringAttr given, const Twine &fallback, StringRef what,
                   Type type, int64_t ids, int64_t members,
                   DictionaryAttr attributes) -> LogicalResult {
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
      if (attributes && failed(describeSizes(function, name.getValue(), tensor,
                                             attributes, list, fields)))
        return failure();
      list.push_back(fields.getDictionary(&getContext()));
      return success();
    };
    for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
      int64_t ids = 0, members = 0;
      if (getElementTypeOrSelf(argument.getType()).isInteger()) {
        SmallPtrSet<void *, 16> seen;
        ids = boundOfIds(argument, useAsRows, symbols, seen);
        seen.clear();
        members = boundOfIds(argument, useAsMembers, symbols, seen);
      }
      if (failed(add(inputs, inputNames,
                     function.getArgAttrOfType<StringAttr>(i, "allot.name"),
                     "arg" + Twine(i), "input", argument.getType(), ids,
                     members, function.getArgAttrDict(i))))
        return failure();
    }
    for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
      if (failed(add(outputs, outputNames,
                     function.getResultAttrOfType<StringAttr>(i, "allot.name"),
                     "result" + Twine(i), "output", type, 0, 0, {})))
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
