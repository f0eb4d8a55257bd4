//===- Isolate.cpp - keeping problems and solutions alone -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Plan/Transforms/Passes.h"

namespace allot::plan {
#define GEN_PASS_DEF_PLANISOLATE
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;

namespace {
struct PlanIsolate : plan::impl::PlanIsolateBase<PlanIsolate> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    // From the end, so that users of a symbol go before it.
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(*module.getBody())))
      if (!isa<plan::PlanDialect>(op.getDialect()))
        op.erase();
    module->setAttrs(DictionaryAttr::get(&getContext()));
  }
};
} // namespace
