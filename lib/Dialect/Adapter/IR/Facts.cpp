//===- Facts.cpp - what is known of an expression ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StructuredBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

MapCost adapter::getExpressionCost(Value map, int64_t rows) {
  llvm::SetVector<Value> maps;
  maps.insert(map);
  MapCost cost;
  for (size_t i = 0; i < maps.size(); ++i) {
    LinearMapOpInterface op = structured::definition(maps[i]);
    if (!op) {
      auto type = cast<MapType>(maps[i].getType());
      uint64_t entries = uint64_t(structured::numMembers(type)) *
                         uint64_t(type.getOut()) * uint64_t(type.getIn());
      cost += {sizeof(float) * entries, 2 * uint64_t(rows) * entries};
      continue;
    }
    cost += op.getOwnCost(rows);
    for (Value operand : op->getOperands())
      if (isa<MapType>(operand.getType()))
        maps.insert(operand);
  }
  return cost;
}

int64_t adapter::getRankBound(Value map) {
  // Operands before users; expressions share parts and may be deep.
  llvm::DenseMap<Value, int64_t> bounds;
  SmallVector<Value> pending{map};
  while (!pending.empty()) {
    Value next = pending.back();
    if (bounds.contains(next)) {
      pending.pop_back();
      continue;
    }
    auto type = cast<MapType>(next.getType());
    int64_t bound = std::min(type.getOut(), type.getIn());
    if (auto op = next.getDefiningOp<LinearMapOpInterface>()) {
      SmallVector<int64_t> operands;
      size_t before = pending.size();
      for (Value operand : op->getOperands()) {
        if (!isa<MapType>(operand.getType()))
          continue;
        auto known = bounds.find(operand);
        if (known == bounds.end())
          pending.push_back(operand);
        else
          operands.push_back(known->second);
      }
      if (pending.size() > before)
        continue;
      bound = std::min(bound, op.getRankBound(operands));
    }
    bounds[next] = bound;
    pending.pop_back();
  }
  return bounds[map];
}

/// An argument, a global, or a constant; not numbers that a generator makes.
static bool isStored(Operation *op) {
  return !op || op->hasTrait<OpTrait::ConstantLike>() ||
         isa<ml_program::GlobalLoadConstOp>(op);
}

MapFacts adapter::getFacts(Value map) {
  MapFacts facts;
  facts.rankBound = getRankBound(map);
  llvm::SetVector<Value> values;
  values.insert(map);
  for (size_t i = 0; i < values.size(); ++i) {
    Operation *op = values[i].getDefiningOp();
    // What is computed from weights is not stored; weights come from outside of
    // the function.
    if (op && op->getNumOperands() && !op->getNumRegions()) {
      values.insert(op->operand_begin(), op->operand_end());
      continue;
    }
    auto type = dyn_cast<RankedTensorType>(values[i].getType());
    if (!type || !type.hasStaticShape() || !isStored(op))
      continue;
    facts.parameters += type.getNumElements();
    facts.storedBytes += type.getEncoding()
                             ? format::getStoredBytes(type)
                             : sizeof(float) * uint64_t(type.getNumElements());
  }
  MapTerms terms;
  if (LinearMapOpInterface op = structured::definition(map))
    op.collectTerms(1.0, terms);
  SmallVector<int64_t> ranks;
  for (const MapTerms::Factors &pair : terms.factors)
    ranks.push_back(cast<ShapedType>(pair.a.getType()).getDimSize(0));
  for (const MapTerms::Other &other : terms.others)
    ranks.push_back(getRankBound(other.map));
  auto type = cast<MapType>(map.getType());
  facts.deltaRankBound = terms.matrices.empty()
                             ? facts.rankBound
                             : std::min({structured::saturatingSum(ranks),
                                         type.getOut(), type.getIn()});
  return facts;
}
