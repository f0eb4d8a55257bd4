//===- ExpansionCost.cpp - what the ways to evaluate a map cost -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

/// The ops that make a map, each once; false where a map is made by none.
static bool collectOps(Value map, llvm::SetVector<Operation *> &ops) {
  SmallVector<Value> pending{map};
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    auto op = next.getDefiningOp<LinearMapOpInterface>();
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

bool adapter::isExpandable(Value map) {
  llvm::SetVector<Operation *> ops;
  return collectOps(map, ops);
}

ExpansionCosts adapter::getExpansionCosts(Value map, int64_t rows,
                                          bool hoisted) {
  auto type = cast<MapType>(map.getType());
  uint64_t out = type.getOut(), in = type.getIn();
  llvm::SetVector<Operation *> ops;
  collectOps(map, ops);
  ExpansionCosts costs;
  for (Operation *op : ops)
    costs.factored += cast<LinearMapOpInterface>(op).getOwnCost(rows);

  costs.merged.bytesRead = sizeof(float) * out * in;
  costs.merged.flops = 2 * uint64_t(rows) * out * in;
  if (hoisted)
    return costs;
  // The matrix is computed from the same bytes, written, and read when it is
  // applied.
  costs.merged.bytesRead =
      costs.factored.bytesRead + 2 * sizeof(float) * out * in;
  MapTerms terms;
  cast<LinearMapOpInterface>(map.getDefiningOp()).collectTerms(1.0, terms);
  costs.merged.flops += terms.matrices.size() * out * in;
  for (const MapTerms::Factors &pair : terms.factors)
    costs.merged.flops +=
        2 * out * in *
        uint64_t(cast<ShapedType>(pair.a.getType()).getDimSize(0));
  // A map that is neither is materialized about as it is applied to the columns
  // of the identity.
  llvm::SetVector<Operation *> others;
  for (const MapTerms::Other &other : terms.others)
    collectOps(other.map, others);
  for (Operation *op : others)
    costs.merged.flops +=
        cast<LinearMapOpInterface>(op).getOwnCost(type.getIn()).flops;
  return costs;
}

Evaluation adapter::chooseEvaluation(ApplyOp op, const ExpandOptions &options) {
  Evaluation asked = op.getEvaluate().value_or(options.evaluate);
  if (asked != Evaluation::Auto && !options.remarks)
    return asked;
  ExpansionCosts costs = getExpansionCosts(op.getMap(), options.rows, options.hoisted);
  auto time = [&](const MapCost &cost) {
    return std::max<uint64_t>(cost.bytesRead,
                              cost.flops / uint64_t(options.flopsPerByte));
  };
  Evaluation chosen = asked;
  if (asked == Evaluation::Auto)
    chosen = time(costs.merged) < time(costs.factored) ? Evaluation::Merged
                                                       : Evaluation::Factored;
  if (options.remarks)
    op.emitRemark() << "evaluated " << stringifyEvaluation(chosen)
                    << (asked == Evaluation::Auto ? " by cost" : " as asked")
                    << " for " << options.rows << " rows: factored reads "
                    << costs.factored.bytesRead << " bytes and takes "
                    << costs.factored.flops << " flops, merged "
                    << costs.merged.bytesRead << " and " << costs.merged.flops;
  return chosen;
}
