//===- Expressions.cpp - what maps come from --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

bool adapter::isExpandable(Value map) {
  llvm::SetVector<Operation *> ops;
  SmallVector<Value> pending{map};
  while (!pending.empty()) {
    auto op = pending.pop_back_val().getDefiningOp<LinearMapOpInterface>();
    if (!op)
      return false;
    if (!ops.insert(op))
      continue;
    for (Value operand : op->getOperands())
      if (isa<MapType>(operand.getType()))
        pending.push_back(operand);
  }
  return true;
}

bool adapter::dependsOnWeightsAlone(Value value) {
  llvm::SetVector<Operation *> ops;
  SmallVector<Value> pending{value};
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val().getDefiningOp();
    if (!op)
      return false;
    if (op->hasTrait<OpTrait::ConstantLike>() ||
        isa<ml_program::GlobalLoadConstOp>(op) || !ops.insert(op))
      continue;
    if (!isMemoryEffectFree(op))
      return false;
    llvm::append_range(pending, op->getOperands());
    llvm::SetVector<Value> above;
    getUsedValuesDefinedAbove(op->getRegions(), above);
    llvm::append_range(pending, above);
  }
  return true;
}
