//===- SelectArithmetic.cpp - the type of the activations -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"

namespace allot::adapter {
#define GEN_PASS_DEF_ADAPTERSELECTARITHMETIC
#include "allot/Dialect/Adapter/Transforms/Passes.h.inc"
} // namespace allot::adapter

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

namespace {
struct AdapterSelectArithmetic
    : adapter::impl::AdapterSelectArithmeticBase<AdapterSelectArithmetic> {
  using AdapterSelectArithmeticBase::AdapterSelectArithmeticBase;

  void runOnOperation() override {
    std::optional<Arithmetic> arithmetic = symbolizeArithmetic(activations);
    if (!arithmetic) {
      getOperation().emitError()
          << "adapter-select-arithmetic: unknown activations '" << activations
          << "', expected f32, i16 or i8";
      return signalPassFailure();
    }
    auto choose = [&](auto op) {
      FormatAttrInterface format = format::getFormat(op.getStoredType(0));
      bool hasCodes = format && format.getCodeGrid().bits > 0;
      op.setArithmetic(hasCodes ? *arithmetic : Arithmetic::F32);
    };
    getOperation().walk([&](LinearOp linear) { choose(linear); });
    getOperation().walk([&](GroupedLinearOp grouped) { choose(grouped); });
  }
};
} // namespace
