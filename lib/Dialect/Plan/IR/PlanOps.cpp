//===- PlanOps.cpp - constraints of problems and solutions ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Plan/IR/Plan.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace mlir;
using namespace allot::plan;

/// Costs are kept below this, so that sums of many cannot overflow.
static constexpr int64_t kLargestCost = int64_t(1) << 61;

static LogicalResult verifyCosts(Operation *op, ArrayRef<int64_t> costs,
                                 StringRef what) {
  for (int64_t cost : costs)
    if (cost < 0 || cost > kLargestCost)
      return op->emitOpError("has ") << what << " " << cost
                                     << ", expected 0 to 2^61 (P8)";
  return success();
}

//===----------------------------------------------------------------------===//
// Problem
//===----------------------------------------------------------------------===//

ItemOp ProblemOp::findItem(StringRef name) {
  for (auto item : getBody().getOps<ItemOp>())
    if (item.getName() == name)
      return item;
  return {};
}

OptionOp ItemOp::findOption(StringRef name) {
  for (auto option : getBody().getOps<OptionOp>())
    if (option.getName() == name)
      return option;
  return {};
}

LogicalResult ProblemOp::verifyRegions() {
  llvm::StringSet<> resources, items, budgets;
  for (auto name : getResources().getAsValueRange<StringAttr>())
    if (!resources.insert(name).second)
      return emitOpError("names resource '") << name << "' twice (P1)";
  if (getResources().empty() || getResources().size() != getFixed().size())
    return emitOpError("has ")
           << getResources().size() << " resources and " << getFixed().size()
           << " fixed costs, expected one or more of each, and as many (P1)";
  if (failed(verifyCosts(*this, getFixed(), "fixed cost")))
    return failure();
  llvm::StringMap<llvm::StringSet<>> options;
  for (Operation &op : getBody().front()) {
    if (!isa<BudgetOp, ItemOp, TieOp, PinOp>(op))
      return op.emitOpError("does not belong into a plan.problem (P2)");
    if (auto item = dyn_cast<ItemOp>(op)) {
      if (!items.insert(item.getName()).second)
        return item.emitOpError("named '") << item.getName()
                                           << "' appears twice (P3)";
      for (auto option : item.getBody().getOps<OptionOp>()) {
        if (option.getCosts().size() != getResources().size())
          return option.emitOpError("has ")
                 << option.getCosts().size() << " costs, the problem has "
                 << getResources().size() << " resources (P8)";
        options[item.getName()].insert(option.getName());
      }
    }
    if (auto budget = dyn_cast<BudgetOp>(op)) {
      if (!resources.contains(budget.getResource()))
        return budget.emitOpError("is for an unknown resource '")
               << budget.getResource() << "' (P4)";
      if (!budgets.insert(budget.getResource()).second)
        return budget.emitOpError("is a second one for '")
               << budget.getResource() << "' (P4)";
    }
  }
  for (auto tie : getBody().getOps<TieOp>()) {
    for (auto name : tie.getItems().getAsValueRange<StringAttr>())
      if (!items.contains(name))
        return tie.emitOpError("names an unknown item '") << name << "' (P5)";
    if (!tie.getSaving().empty() &&
        tie.getSaving().size() != getResources().size())
      return tie.emitOpError("has ")
             << tie.getSaving().size() << " savings, the problem has "
             << getResources().size() << " resources (P11)";
  }
  for (auto pin : getBody().getOps<PinOp>()) {
    if (!items.contains(pin.getItem()))
      return pin.emitOpError("names an unknown item '") << pin.getItem()
                                                        << "' (P5)";
    if (!options[pin.getItem()].contains(pin.getOption()))
      return pin.emitOpError("names an option '")
             << pin.getOption() << "' that item '" << pin.getItem()
             << "' has not (P5)";
  }
  return success();
}

LogicalResult BudgetOp::verify() {
  if (getLimit() < 0)
    return emitOpError("has the negative limit ") << getLimit() << " (P6)";
  return success();
}

LogicalResult ItemOp::verifyRegions() {
  llvm::StringSet<> names;
  for (Operation &op : getBody().front()) {
    auto option = dyn_cast<OptionOp>(op);
    if (!option)
      return op.emitOpError("does not belong into a plan.item (P7)");
    if (!names.insert(option.getName()).second)
      return option.emitOpError("named '") << option.getName()
                                           << "' appears twice (P7)";
  }
  if (names.empty())
    return emitOpError("'") << getName() << "' has no option (P7)";
  return success();
}

LogicalResult OptionOp::verify() {
  if (failed(verifyCosts(*this, getCosts(), "cost")))
    return failure();
  double loss = getLoss().convertToDouble();
  if (!std::isfinite(loss) || loss < 0)
    return emitOpError("has the loss ")
           << loss << ", expected a finite number that is not negative (P9)";
  int64_t rank = getRank().value_or(0);
  if (rank < 0)
    return emitOpError("has the negative rank ") << rank << " (P10)";
  if (rank > 0 && !getFactorFormat())
    return emitOpError("has rank ") << rank << " but no factor_format (P10)";
  return success();
}

LogicalResult TieOp::verify() {
  llvm::StringSet<> names;
  for (auto name : getItems().getAsValueRange<StringAttr>())
    if (!names.insert(name).second)
      return emitOpError("names '") << name << "' twice (P11)";
  if (names.size() < 2)
    return emitOpError("needs two or more items (P11)");
  for (int64_t saving : getSaving())
    if (saving < 0)
      return emitOpError("has the negative saving ") << saving << " (P11)";
  return success();
}

//===----------------------------------------------------------------------===//
// Solution
//===----------------------------------------------------------------------===//

LogicalResult SolutionOp::verifyRegions() {
  for (Operation &op : getBody().front())
    if (!isa<ChoiceOp>(op))
      return op.emitOpError("does not belong into a plan.solution (P12)");
  double objective = getObjective().convertToDouble();
  double bound = getBound().convertToDouble();
  double gap = getGap().convertToDouble();
  if (!std::isfinite(objective) || !std::isfinite(bound) || !(gap >= 0))
    return emitOpError("has an objective, bound or gap that is no number, or a "
                       "negative gap (P13)");
  if (bound > objective + 1e-9 * std::abs(objective))
    return emitOpError("has the bound ")
           << bound << " above its objective " << objective << " (P13)";
  return success();
}

LogicalResult
SolutionOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  auto problem = symbolTable.lookupNearestSymbolFrom<ProblemOp>(
      *this, getProblemAttr());
  if (!problem)
    return emitOpError("refers to no plan.problem ") << getProblemAttr();
  SmallVector<int64_t> costs(problem.getFixed());
  double objective = 0.0;
  llvm::StringMap<ChoiceOp> chosen;
  for (auto choice : getBody().getOps<ChoiceOp>()) {
    if (!chosen.try_emplace(choice.getItem(), choice).second)
      return choice.emitOpError("chooses for '") << choice.getItem()
                                                 << "' a second time (P12)";
    if (!problem.findItem(choice.getItem()))
      return choice.emitOpError("names an unknown item '")
             << choice.getItem() << "' (P12)";
  }
  for (auto item : problem.getBody().getOps<ItemOp>()) {
    ChoiceOp choice = chosen.lookup(item.getName());
    if (!choice)
      return emitOpError("chooses nothing for '") << item.getName()
                                                  << "' (P12)";
    OptionOp option = item.findOption(choice.getOption());
    if (!option)
      return choice.emitOpError("takes '")
             << choice.getOption() << "', an option that '" << item.getName()
             << "' has not (P12)";
    for (auto [total, cost] : llvm::zip(costs, option.getCosts()))
      total += cost;
    objective += option.getLoss().convertToDouble();
  }
  // A tie that holds saves what its items share.
  for (auto tie : problem.getBody().getOps<TieOp>())
    for (auto [total, saving] : llvm::zip(costs, tie.getSaving()))
      total -= saving;
  if (ArrayRef<int64_t>(costs) != getCosts())
    return emitOpError("states costs [")
           << getCosts() << "], its choices cost [" << ArrayRef<int64_t>(costs)
           << "] (P12)";
  double stated = getObjective().convertToDouble();
  if (std::abs(objective - stated) >
      1e-9 * std::max(std::abs(objective), std::abs(stated)) + 1e-300)
    return emitOpError("states the objective ")
           << stated << ", the losses of its choices add up to " << objective
           << " (P12)";
  return success();
}
