//===- Instrument.cpp - inputs of matrices become taps ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

namespace allot::adapter {
#define GEN_PASS_DEF_ADAPTERINSTRUMENT
#include "allot/Dialect/Adapter/Transforms/Passes.h.inc"
} // namespace allot::adapter

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

namespace {
struct AdapterInstrument
    : adapter::impl::AdapterInstrumentBase<AdapterInstrument> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        instrument(function);
  }

private:
  void instrument(func::FuncOp function) {
    llvm::MapVector<Value, SmallVector<ApplyOp>> readers;
    function.walk([&](ApplyOp apply) {
      if (apply.getSite())
        readers[apply.getX()].push_back(apply);
    });
    OpBuilder builder(&getContext());
    for (auto &[x, applies] : readers) {
      SmallVector<StringRef> sites;
      for (ApplyOp apply : applies)
        if (!llvm::is_contained(sites, *apply.getSite()))
          sites.push_back(*apply.getSite());
      builder.setInsertionPoint(applies.front());
      auto tap = nn::TapOp::create(
          builder, applies.front().getLoc(), x.getType(), x,
          builder.getStringAttr(sites.front() + ".input"),
          builder.getStrArrayAttr(sites));
      for (ApplyOp apply : applies)
        apply.getXMutable().assign(tap.getResult());
    }
  }
};
} // namespace
