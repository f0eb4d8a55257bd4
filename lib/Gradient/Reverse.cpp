//===- Reverse.cpp - one reverse pass over value semantics ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Gradient/Reverse.h"
#include "Models.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace allot;
using namespace allot::gradient;

bool gradient::isDifferentiable(Type type) {
  if (isa<adapter::MapType>(type))
    return true;
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    type = tensor.getElementType();
  return isa<FloatType>(type);
}

namespace {

class ReversePass {
public:
  ReversePass(OpBuilder &builder, Block &block, ValueRange outputs,
              ArrayRef<Value> outputGradients, ValueRange inputs)
      : builder(builder), block(block) {
    for (auto [output, gradient] : llvm::zip_equal(outputs, outputGradients))
      add(output, gradient, output.getLoc());
    active.insert(inputs.begin(), inputs.end());
  }

  LogicalResult run() {
    // What was there before: gradients are built behind it.
    SmallVector<Operation *> ops;
    for (Operation &op : block)
      ops.push_back(&op);
    for (Operation *op : ops)
      markActive(op);
    for (Operation *op : llvm::reverse(ops))
      if (failed(pull(op)))
        return failure();
    return success();
  }

  Value gradientOf(Value value) const { return gradients.lookup(value); }

private:
  /// A result depends on what is differentiated by where an operand does.
  void markActive(Operation *op) {
    if (!llvm::any_of(op->getOperands(),
                      [&](Value v) { return active.contains(v); }) &&
        !readsActiveInside(op))
      return;
    for (Value result : op->getResults())
      if (isDifferentiable(result.getType()))
        active.insert(result);
  }

  /// A region of the op reads an active value that is no operand of it.
  bool readsActiveInside(Operation *op) {
    if (op->getNumRegions() == 0)
      return false;
    WalkResult walked = op->walk([&](Operation *nested) {
      return nested != op &&
                     llvm::any_of(nested->getOperands(),
                                  [&](Value v) { return active.contains(v); })
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    });
    return walked.wasInterrupted();
  }

  LogicalResult pull(Operation *op) {
    SmallVector<Value> results, operands(op->getNumOperands());
    for (Value result : op->getResults())
      results.push_back(active.contains(result) ? gradientOf(result) : Value());
    if (llvm::none_of(results, [](Value v) { return bool(v); }))
      return success();
    llvm::SmallBitVector wanted(op->getNumOperands());
    for (auto [index, operand] : llvm::enumerate(op->getOperands()))
      if (active.contains(operand))
        wanted.set(index);
    bool inside = readsActiveInside(op);
    if (wanted.none() && !inside)
      return success();
    auto interface = dyn_cast<VJPOpInterface>(op);
    if (!interface)
      return op->emitOpError()
             << "has no gradient: it does not implement VJPOpInterface";
    if (inside)
      return op->emitOpError() << "has no gradient: its region reads a value "
                                  "that is differentiated by";
    if (failed(interface.buildVJP(builder, results, wanted, operands)))
      return failure();
    for (auto [index, gradient] : llvm::enumerate(operands))
      if (wanted.test(index))
        add(op->getOperand(index), gradient, op->getLoc());
    return success();
  }

  void add(Value value, Value gradient, Location loc) {
    Value &sum = gradients[value];
    sum = vjp::buildSum(builder, loc, sum, gradient);
  }

  OpBuilder &builder;
  Block &block;
  llvm::DenseSet<Value> active;
  llvm::DenseMap<Value, Value> gradients;
};

} // namespace

FailureOr<SmallVector<Value>>
gradient::buildReverse(OpBuilder &builder, Block &block, ValueRange outputs,
                       ArrayRef<Value> outputGradients, ValueRange inputs) {
  ReversePass pass(builder, block, outputs, outputGradients, inputs);
  if (failed(pass.run()))
    return failure();
  SmallVector<Value> result;
  for (Value input : inputs)
    result.push_back(pass.gradientOf(input));
  return result;
}

void gradient::registerVJPExternalModels(DialectRegistry &registry) {
  registerScalarModels(registry);
  registerStructuredModels(registry);
  registerTensorModels(registry);
}
