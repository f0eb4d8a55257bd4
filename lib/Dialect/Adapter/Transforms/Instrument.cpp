//===- Instrument.cpp - inputs of matrices become taps ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/Transforms/Passes.h"
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

void adapter::instrument(func::FuncOp function) {
  llvm::MapVector<Value, SmallVector<ApplyOp>> readers;
  llvm::StringSet<> names;
  function.walk([&](Operation *op) {
    if (auto tap = dyn_cast<nn::TapOp>(op))
      names.insert(tap.getName());
    auto apply = dyn_cast<ApplyOp>(op);
    if (!apply || !apply.getSite())
      return;
    // An input that is such a tap already was instrumented before.
    auto tap = apply.getX().getDefiningOp<nn::TapOp>();
    if (!tap || !tap.getSites())
      readers[apply.getX()].push_back(apply);
  });
  OpBuilder builder(function.getContext());
  for (auto &[x, applies] : readers) {
    SmallVector<StringRef> sites;
    for (ApplyOp apply : applies)
      if (!llvm::is_contained(sites, *apply.getSite()))
        sites.push_back(*apply.getSite());
    std::string first = (sites.front() + ".input").str(), name = first;
    for (unsigned count = 2; !names.insert(name).second; ++count)
      name = first + "." + std::to_string(count);
    // Right after x, so that it comes before every reader.
    builder.setInsertionPointAfterValue(x);
    auto tap = nn::TapOp::create(builder, applies.front().getLoc(), x.getType(),
                                 x, builder.getStringAttr(name),
                                 builder.getStrArrayAttr(sites));
    for (ApplyOp apply : applies)
      apply.getXMutable().assign(tap.getResult());
  }
}

namespace {
struct AdapterInstrument
    : adapter::impl::AdapterInstrumentBase<AdapterInstrument> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        instrument(function);
  }
};
} // namespace
