//===- RoutedToKernel.cpp - conversion of routed to kernels -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Conversion/RoutedToKernel/RoutedToKernel.h"
#include "../AdapterToKernel/OperandShaper.h"
#include "allot/Dialect/Routed/IR/Routed.h"
#include "allot/Kernel/Routing.h"

namespace allot::conversion {
#define GEN_PASS_DEF_CONVERTROUTEDTOKERNEL
#include "allot/Conversion/RoutedToKernel/Passes.h.inc"
} // namespace allot::conversion

using namespace mlir;
using namespace allot;
using namespace allot::conversion;

LogicalResult conversion::convertRoutedToKernel(ModuleOp module) {
  SmallVector<routed::ChooseOp> ops;
  module.walk([&](routed::ChooseOp op) { ops.push_back(op); });
  DenseMap<Attribute, func::FuncOp> kernels;
  for (routed::ChooseOp op : ops) {
    if (failed(verifyBuffers(op, {})))
      return failure();
    kernel::ChooseSpec spec;
    spec.policy = op.getPolicy();
    spec.score = op.getScore();
    spec.weighting = op.getWeighting();
    spec.factor = op.getFactor().convertToDouble();
    spec.bias = bool(op.getBias());
    spec.capacity = op.getCapacity().value_or(0);
    func::FuncOp &kernel = kernels[spec.getKey(op.getContext())];
    if (!kernel)
      kernel = kernel::buildChooseKernel(module, spec);
    OpBuilder builder(op);
    OperandShaper shaper(builder, op.getLoc());
    SmallVector<Value> operands{shaper.shape(op.getLogits(), 3)};
    if (op.getBias())
      operands.push_back(shaper.shape(op.getBias(), 1));
    operands.push_back(shaper.shape(op.getIds(), 3, /*isWritten=*/true));
    operands.push_back(shaper.shape(op.getWeights(), 3, /*isWritten=*/true));
    func::CallOp::create(builder, op.getLoc(), kernel, operands);
    shaper.finish();
    op.erase();
  }
  return success();
}

namespace {
struct ConvertRoutedToKernelPass
    : public allot::conversion::impl::ConvertRoutedToKernelBase<
          ConvertRoutedToKernelPass> {
  void runOnOperation() override {
    if (failed(convertRoutedToKernel(getOperation())))
      signalPassFailure();
  }
};
} // namespace
