//===- ScalarProgram.cpp - bodies of ops on elements ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarProgram.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::reference;

RefValue reference::makeTensorOf(Type elementType, ArrayRef<int64_t> shape, ArrayRef<Scalar> elements) {
  if (isa<FloatType>(elementType)) {
    std::vector<float> values(elements.size());
    for (auto [value, element] : llvm::zip_equal(values, elements))
      value = float(element.f);
    return makeTensor(shape, std::move(values));
  }
  std::vector<int64_t> values(elements.size());
  for (auto [value, element] : llvm::zip_equal(values, elements))
    value = element.i;
  return makeTensor(shape, std::move(values));
}

FailureOr<ScalarProgram> ScalarProgram::create(Block &body, Environment environment) {
  ScalarProgram program;
  for (BlockArgument argument : body.getArguments())
    program.slots[argument] = program.slots.size();
  program.registers.resize(body.getNumArguments());
  for (Operation &op : body.without_terminator())
    if (failed(program.addStep(op, environment)))
      return failure();
  Operation *terminator = body.getTerminator();
  for (Value value : terminator->getOperands()) {
    FailureOr<unsigned> slot = program.slotOf(*terminator, value, environment);
    if (failed(slot))
      return failure();
    program.yielded.push_back(*slot);
  }
  return program;
}

FailureOr<unsigned> ScalarProgram::slotOf(Operation &user, Value value, Environment environment) {
  auto [it, isNew] = slots.try_emplace(value, registers.size());
  if (!isNew)
    return it->second;
  const RefValue *outside = environment(value);
  if (!outside || !outside->shape.empty() || (!outside->floats && !outside->ints))
    return user.emitOpError() << "reads a value from outside which is no scalar";
  registers.push_back(elementOf(*outside, 0));
  return it->second;
}

LogicalResult ScalarProgram::addStep(Operation &op, Environment environment) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    Scalar value;
    if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
      value.f = number.getValueAsDouble();
    else if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
      value.i = number.getType().isInteger(1) ? number.getValue().getZExtValue() : number.getValue().getSExtValue();
    else
      return op.emitOpError() << "has no reference evaluation inside of a region";
    slots[constant] = registers.size();
    registers.push_back(value);
    return success();
  }
  Step step;
  step.op = &op;
  ValueRange operands = op.getOperands();
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    step.tensor = environment(extract.getTensor());
    if (!step.tensor || (!step.tensor->floats && !step.tensor->ints))
      return op.emitOpError() << "reads a tensor before it is written";
    operands = extract.getIndices();
  } else if (!isa<linalg::IndexOp>(op)) {
    step.function = lookupScalarFunction(&op);
    if (!step.function || op.getNumResults() != 1 || !op.getResult(0).getType().isIntOrIndexOrFloat())
      return op.emitOpError() << "has no reference evaluation inside of a region";
  }
  for (Value operand : operands) {
    FailureOr<unsigned> slot = slotOf(op, operand, environment);
    if (failed(slot))
      return failure();
    step.operands.push_back(*slot);
  }
  step.result = registers.size();
  slots[op.getResult(0)] = step.result;
  registers.emplace_back();
  steps.push_back(std::move(step));
  return success();
}

LogicalResult ScalarProgram::extract(const Step &step) {
  int64_t position = 0;
  for (auto [axis, slot] : llvm::enumerate(step.operands)) {
    int64_t index = registers[slot].i, size = step.tensor->shape[axis];
    if (index < 0 || index >= size)
      return step.op->emitOpError() << "index " << index << " is outside of dimension " << axis << " of size " << size;
    position = position * size + index;
  }
  registers[step.result] = elementOf(*step.tensor, position);
  return success();
}

LogicalResult ScalarProgram::run(ArrayRef<Scalar> arguments, ArrayRef<int64_t> point, MutableArrayRef<Scalar> results) {
  llvm::copy(arguments, registers.begin());
  SmallVector<Scalar, 4> operands;
  for (const Step &step : steps) {
    if (step.tensor) {
      if (failed(extract(step)))
        return failure();
    } else if (step.function) {
      operands.clear();
      for (unsigned slot : step.operands)
        operands.push_back(registers[slot]);
      if (failed(step.function(step.op, operands.data(), registers[step.result])))
        return failure();
    } else {
      registers[step.result].i = point[cast<linalg::IndexOp>(step.op).getDim()];
    }
  }
  for (auto [result, slot] : llvm::zip_equal(results, yielded))
    result = registers[slot];
  return success();
}
