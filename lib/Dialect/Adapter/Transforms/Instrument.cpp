//===- Instrument.cpp - what matrices read and give become taps -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

namespace allot::adapter {
#define GEN_PASS_DEF_ADAPTERINSTRUMENT
#include "allot/Dialect/Adapter/Transforms/Passes.h.inc"
} // namespace allot::adapter

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

/// The first of NAME, NAME.2, NAME.3 .. that is not taken.
static std::string uniqueName(llvm::StringSet<> &names,
                              const std::string &first) {
  std::string name = first;
  for (unsigned count = 2; !names.insert(name).second; ++count)
    name = first + "." + std::to_string(count);
  return name;
}

/// Taps the result of a use of a matrix, unless it is tapped already.
static void tapOutput(Operation *op, llvm::StringSet<> &names) {
  auto site = op->getAttrOfType<StringAttr>("site");
  Value y = op->getResult(0);
  std::string first = site ? (site.getValue() + ".output").str() : "";
  if (!site || llvm::any_of(y.getUsers(), [&](Operation *user) {
        auto tap = dyn_cast<nn::TapOp>(user);
        return tap && tap.getSites() && tap.getName().starts_with(first);
      }))
    return;
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  std::string name = uniqueName(names, first);
  auto tap = nn::TapOp::create(builder, op->getLoc(), y.getType(), y,
                               builder.getStringAttr(name),
                               builder.getArrayAttr({site}));
  y.replaceAllUsesExcept(tap.getResult(), tap);
}

void adapter::instrument(func::FuncOp function, bool outputs) {
  // By x, and the ids of its rows where a bank is applied.
  llvm::MapVector<std::pair<Value, Value>, SmallVector<ApplyOp>> readers;
  SmallVector<Operation *> uses;
  llvm::StringSet<> names;
  function.walk([&](Operation *op) {
    if (auto tap = dyn_cast<nn::TapOp>(op))
      names.insert(tap.getName());
    if (isa<ApplyOp, GatherOp>(op))
      uses.push_back(op);
    auto apply = dyn_cast<ApplyOp>(op);
    if (!apply || !apply.getSite())
      return;
    // An input that is such a tap already was instrumented before.
    auto tap = apply.getX().getDefiningOp<nn::TapOp>();
    if (!tap || !tap.getSites())
      readers[{apply.getX(), apply.getIds()}].push_back(apply);
  });
  OpBuilder builder(function.getContext());
  for (auto &[input, applies] : readers) {
    auto [x, ids] = input;
    SmallVector<StringRef> sites;
    for (ApplyOp apply : applies)
      if (!llvm::is_contained(sites, *apply.getSite()))
        sites.push_back(*apply.getSite());
    std::string name = uniqueName(names, (sites.front() + ".input").str());
    // Right after x, so that it comes before every reader.
    builder.setInsertionPointAfterValue(x);
    auto tap = nn::TapOp::create(builder, applies.front().getLoc(), x.getType(),
                                 x, builder.getStringAttr(name),
                                 builder.getStrArrayAttr(sites));
    for (ApplyOp apply : applies)
      apply.getXMutable().assign(tap.getResult());
    if (!ids)
      continue;
    builder.setInsertionPointAfterValue(ids);
    nn::TapOp::create(builder, applies.front().getLoc(), ids.getType(), ids,
                      builder.getStringAttr(name + idsSuffix.str()),
                      ArrayAttr());
  }
  if (outputs)
    for (Operation *use : uses)
      tapOutput(use, names);
}

namespace {
struct AdapterInstrument
    : adapter::impl::AdapterInstrumentBase<AdapterInstrument> {
  using AdapterInstrumentBase::AdapterInstrumentBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        instrument(function, outputs);
  }
};
} // namespace
