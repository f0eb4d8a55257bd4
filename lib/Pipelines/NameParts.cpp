//===- NameParts.cpp - the part of a model that an op belongs to -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Pipelines/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace allot::pipelines {
#define GEN_PASS_DEF_PROGRAMNAMEPARTS
#include "allot/Pipelines/Passes.h.inc"
} // namespace allot::pipelines

using namespace mlir;

namespace {

/// Where a value comes from: the last op in program order, among those that it
/// depends on, which has a name of its own.
struct Origin {
  /// The place of that op; 0 for none.
  unsigned place = 0;
  StringRef name;
  /// It is a weight, not what was made with one.
  bool isWeight = false;

  /// The part that an op without a name of its own belongs to. A norm is called
  /// after its weight; what comes after a matrix belongs to the module that the
  /// matrix is in.
  StringRef part() const {
    return isWeight || !name.contains('.') ? name : name.rsplit('.').first;
  }
};

class Namer {
public:
  explicit Namer(SymbolTable &symbols) : symbols(symbols) {}

  void visit(Operation *op) {
    ++place;
    Origin origin = ownOrigin(op);
    StringRef part = origin.name;
    if (!origin.place) {
      for (Value operand : op->getOperands())
        if (Origin other = origins.lookup(operand); other.place > origin.place)
          origin = other;
      part = origin.part();
    }
    for (Value result : op->getResults())
      origins[result] = origin;
    if (part.empty())
      return;
    Builder b(op->getContext());
    auto name = b.getDictionaryAttr(
        {b.getNamedAttr("op", op->getName().getIdentifier()),
         b.getNamedAttr("site", b.getStringAttr(part))});
    op->setLoc(FusedLoc::get({op->getLoc()}, name, op->getContext()));
  }

private:
  Origin ownOrigin(Operation *op) const {
    if (auto site = op->getAttrOfType<StringAttr>("site"))
      return {place, site.getValue(), /*isWeight=*/false};
    for (NamedAttribute attribute : op->getAttrs())
      if (auto symbol = dyn_cast<SymbolRefAttr>(attribute.getValue()))
        if (symbols.lookup<ml_program::GlobalOp>(symbol.getRootReference()))
          return {place, symbol.getRootReference().getValue(),
                  /*isWeight=*/true};
    return {};
  }

  SymbolTable &symbols;
  DenseMap<Value, Origin> origins;
  unsigned place = 0;
};

struct ProgramNameParts
    : allot::pipelines::impl::ProgramNamePartsBase<ProgramNameParts> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      function->setAttr("allot.timed", UnitAttr::get(&getContext()));
      Namer namer(symbols);
      function.getBody().walk<WalkOrder::PreOrder>(
          [&](Operation *op) { namer.visit(op); });
    }
  }
};

} // namespace
