//===- ApplierRewrite.cpp - the module reads the archive --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Applier.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace allot;
using namespace allot::plan;

/// Erases `op` and what only it needed.
static void eraseDead(Operation *op) {
  if (!op || !isOpTriviallyDead(op))
    return;
  SmallVector<Operation *> operands;
  for (Value operand : op->getOperands())
    if (Operation *definition = operand.getDefiningOp();
        definition && !llvm::is_contained(operands, definition))
      operands.push_back(definition);
  op->erase();
  for (Operation *operand : operands)
    eraseDead(operand);
}

static Value loadGlobal(OpBuilder &builder, Location loc, SymbolTable &symbols,
                        StringRef name) {
  auto global = symbols.lookup<ml_program::GlobalOp>(name);
  return ml_program::GlobalLoadConstOp::create(
      builder, loc, global.getType(),
      FlatSymbolRefAttr::get(global.getSymNameAttr()));
}

/// Makes uses of a base read base + B A.
void Applier::addLowRank(StringRef site, StringRef kind, Operation *base) {
  OpBuilder builder(module.getContext());
  builder.setInsertionPointAfter(base);
  Location loc = base->getLoc();
  Value b = loadGlobal(builder, loc, symbols, factorName(site, kind, "B")),
        a = loadGlobal(builder, loc, symbols, factorName(site, kind, "A"));
  Value lowRank = adapter::LowRankOp::create(builder, base->getLoc(), b, a);
  Value baseMap = base->getResult(0);
  auto sum = adapter::SumOp::create(builder, base->getLoc(), baseMap.getType(),
                                    ValueRange{baseMap, lowRank});
  baseMap.replaceAllUsesExcept(sum.getResult(), sum);
}

/// Makes uses of a base read its pieces.
void Applier::concatenate(ArrayRef<Piece> pieces, Operation *base) {
  OpBuilder builder(base);
  Location loc = base->getLoc();
  SmallVector<Value> maps;
  for (const Piece &piece : pieces)
    maps.push_back(adapter::DenseOp::create(
        builder, loc, loadGlobal(builder, loc, symbols, piece.name())));
  Value whole = adapter::ConcatOp::create(builder, base->getLoc(), 0, maps);
  StringRef site = pieces.front().site->name;
  if (isOrdered(*pieces.front().site))
    whole = adapter::ReorderOp::create(
        builder, base->getLoc(), whole,
        loadGlobal(builder, loc, symbols, positionsName(site)));
  base->getResult(0).replaceAllUsesWith(whole);
  eraseDead(base);
}

void Applier::rewrite(StringRef archiveName, StringRef digest,
                      ArrayRef<archive::TensorEntry> entries) {
  OpBuilder builder(module.getContext());
  llvm::StringMap<const archive::TensorEntry *> byName;
  for (const archive::TensorEntry &entry : entries)
    byName[entry.name] = &entry;
  auto stored = [&](StringRef name) {
    const archive::TensorEntry *entry = byName.lookup(name);
    return format::StoredAttr::get(
        module.getContext(), builder.getStringAttr(archiveName),
        builder.getStringAttr(name), entry->offset, entry->bytes,
        builder.getStringAttr(digest), /*rowInterleave=*/0, /*restBytes=*/0,
        /*restOffset=*/0);
  };
  Operation *last = nullptr;
  for (const Output &output : outputs) {
    auto global = symbols.lookup<ml_program::GlobalOp>(output.name);
    if (!global) {
      if (last)
        builder.setInsertionPointAfter(last);
      else
        builder.setInsertionPointToStart(module.getBody());
      global = ml_program::GlobalOp::create(
          builder, last ? last->getLoc() : module.getLoc(), output.name,
          output.type, /*is_mutable=*/false, stored(output.name),
          builder.getStringAttr("private"));
      symbols.insert(global);
    } else {
      global.setType(output.type);
      global.setValueAttr(stored(output.name));
    }
    last = global;
  }
  module.walk([&](ml_program::GlobalLoadConstOp load) {
    if (auto global = symbols.lookup<ml_program::GlobalOp>(
            load.getGlobal().getLeafReference()))
      load.getResult().setType(global.getType());
  });
  for (auto [site, of] : llvm::zip(sites, pieces)) {
    plan::OptionOp option = of.front().option;
    // Uses may share a map, or only its base: each is rewritten once.
    llvm::SmallDenseSet<Value> maps;
    llvm::SmallPtrSet<Operation *, 4> bases;
    for (auto [map, base] : llvm::zip(site.maps, site.bases)) {
      bool drops = option.getMerged() || option.getAdapterRank();
      if (drops && map != base->getResult(0) && maps.insert(map).second) {
        map.replaceAllUsesWith(base->getResult(0));
        eraseDead(map.getDefiningOp());
      }
      if (!bases.insert(base).second)
        continue;
      if (option.getRank().value_or(0) > 0)
        addLowRank(site.name, kCompensation, base);
      if (option.getAdapterRank().value_or(0) > 0)
        addLowRank(site.name, kAdapter, base);
      if (!isPlain(of))
        concatenate(of, base);
    }
    if (of.size() > 1)
      symbols.erase(site.weight);
  }
  for (analysis::Site &site : sites)
    for (ml_program::GlobalOp global : site.adapterWeights)
      if (!byName.contains(global.getSymName()))
        global.erase();
  // What was not merged was counted as it is stored, and is run so.
  module.walk([](adapter::ApplyOp apply) {
    if (apply.getSite() && !apply.getEvaluate() &&
        !apply.getMap().getDefiningOp<adapter::DenseOp>())
      apply.setEvaluate(adapter::Evaluation::Factored);
  });
}
