//===- PlanOps.cpp - constraints of problems and solutions ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Plan/IR/Plan.h"
#include "allot/Interfaces/FormatInterfaces.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace allot;
using namespace allot::plan;

/// Costs are kept below this, so that sums of many cannot overflow.
static constexpr int64_t kLargestCost = int64_t(1) << 61;

static LogicalResult verifyCosts(Operation *op, ArrayRef<int64_t> costs,
                                 StringRef what) {
  for (int64_t cost : costs)
    if (cost < 0 || cost > kLargestCost)
      return op->emitOpError("has ")
             << what << " " << cost << ", expected 0 to 2^61 (P8)";
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

std::optional<unsigned> ProblemOp::findResource(StringRef name) {
  for (auto [r, resource] :
       llvm::enumerate(getResources().getAsValueRange<StringAttr>()))
    if (resource == name)
      return static_cast<unsigned>(r);
  return std::nullopt;
}

OptionOp ItemOp::findOption(StringRef name) {
  for (auto option : getBody().getOps<OptionOp>())
    if (option.getName() == name)
      return option;
  return {};
}

LogicalResult ProblemOp::verifyRegions() {
  llvm::StringSet<> resources, items, budgets;
  for (auto name : getResources().getAsValueRange<StringAttr>()) {
    if (name.empty())
      return emitOpError("has a resource without a name (P1)");
    if (!resources.insert(name).second)
      return emitOpError("names resource '") << name << "' twice (P1)";
  }
  if (getResources().empty() || getResources().size() != getFixed().size())
    return emitOpError("has ")
           << getResources().size() << " resources and " << getFixed().size()
           << " fixed costs, expected one or more of each, and as many (P1)";
  if (static_cast<int64_t>(getWeights()) < 0)
    return emitOpError("has ") << static_cast<int64_t>(getWeights())
                               << " weights, expected none or more (P1)";
  if (failed(verifyCosts(*this, getFixed(), "fixed cost")))
    return failure();
  llvm::StringMap<llvm::StringSet<>> options;
  for (Operation &op : getBody().front()) {
    if (!isa<BudgetOp, ItemOp, TieOp, PinOp>(op))
      return op.emitOpError("does not belong into a plan.problem (P2)");
    if (auto item = dyn_cast<ItemOp>(op)) {
      if (item.getName().empty())
        return item.emitOpError("has no name (P3)");
      if (!items.insert(item.getName()).second)
        return item.emitOpError("named '")
               << item.getName() << "' appears twice (P3)";
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
    for (auto sharing : tie.getBody().getOps<SharingOp>()) {
      for (auto name : tie.getItems().getAsValueRange<StringAttr>())
        if (!options[name].contains(sharing.getOption()))
          return sharing.emitOpError("is for option '")
                 << sharing.getOption() << "' that item '" << name
                 << "' has not (P14)";
      if (sharing.getCosts().size() != getResources().size())
        return sharing.emitOpError("has ")
               << sharing.getCosts().size() << " costs, the problem has "
               << getResources().size() << " resources (P14)";
    }
  }
  for (auto pin : getBody().getOps<PinOp>()) {
    if (!items.contains(pin.getItem()))
      return pin.emitOpError("names an unknown item '")
             << pin.getItem() << "' (P5)";
    if (!options[pin.getItem()].contains(pin.getOption()))
      return pin.emitOpError("names an option '")
             << pin.getOption() << "' that item '" << pin.getItem()
             << "' has not (P5)";
  }
  return success();
}

LogicalResult BudgetOp::verify() {
  if (auto limit = static_cast<int64_t>(getLimit()); limit < 0)
    return emitOpError("has the negative limit ") << limit << " (P6)";
  return success();
}

/// What a range of rows adds to the name of its matrix.
static std::string rowsSuffix(ArrayRef<int64_t> rows) {
  return ("[" + Twine(rows[0]) + ":" + Twine(rows[1]) + "]").str();
}

StringRef ItemOp::getSite() {
  StringRef name = getName();
  if (std::optional<ArrayRef<int64_t>> rows = getRows())
    name.consume_back(rowsSuffix(*rows));
  return name;
}

LogicalResult ItemOp::verifyRegions() {
  if (std::optional<ArrayRef<int64_t>> rows = getRows()) {
    if (rows->size() != 2 || (*rows)[0] < 0 || (*rows)[0] >= (*rows)[1])
      return emitOpError("has rows that are no range [first, end) (P15)");
    if (std::string suffix = rowsSuffix(*rows);
        !getName().ends_with(suffix) || getName().size() == suffix.size())
      return emitOpError("'") << getName() << "' is about rows " << suffix
                              << ", which its name does not end with (P15)";
  }
  if (static_cast<int64_t>(getWeights()) < 0)
    return emitOpError("'")
           << getName() << "' has " << static_cast<int64_t>(getWeights())
           << " weights, expected none or more (P7)";
  llvm::StringSet<> names;
  for (Operation &op : getBody().front()) {
    auto option = dyn_cast<OptionOp>(op);
    if (!option)
      return op.emitOpError("does not belong into a plan.item (P7)");
    if (option.getName().empty())
      return option.emitOpError("has no name (P7)");
    if (!names.insert(option.getName()).second)
      return option.emitOpError("named '")
             << option.getName() << "' appears twice (P7)";
  }
  if (names.empty())
    return emitOpError("'") << getName() << "' has no option (P7)";
  return success();
}

static LogicalResult verifyLoss(Operation *op, double loss, StringRef label) {
  if (std::isfinite(loss) && loss >= 0)
    return success();
  return op->emitOpError("has the loss ")
         << loss << ", expected a finite number that is not negative (" << label
         << ")";
}

LogicalResult OptionOp::verify() {
  if (failed(verifyCosts(*this, getCosts(), "cost")) ||
      failed(verifyLoss(*this, getLoss().convertToDouble(), "P9")))
    return failure();
  int64_t rank = static_cast<int64_t>(getRank().value_or(0));
  if (rank < 0)
    return emitOpError("has the negative rank ") << rank << " (P10)";
  if (rank > 0 && (!getFactorFormat() || !getFormat()))
    return emitOpError("has rank ")
           << rank << " but no factor_format or no format (P10)";
  auto verifyFormat = [&](StringRef name,
                          std::optional<Attribute> value) -> LogicalResult {
    if (!value)
      return success();
    auto format = dyn_cast<FormatAttrInterface>(*value);
    if (!format || format.getTileRows() != 0)
      return emitOpError("has the ")
             << name << " " << *value
             << ", expected a storage format that is not packed (P10)";
    return success();
  };
  if (failed(verifyFormat("format", getFormat())) ||
      failed(verifyFormat("factor_format", getFactorFormat())) ||
      failed(verifyFormat("adapter_format", getAdapterFormat())))
    return failure();
  if (getMerged() && (!getFormat() || getAdapterFormat()))
    return emitOpError("is merged: it needs a format and takes no "
                       "adapter_format (P10)");
  if (std::optional<uint64_t> adapterRank = getAdapterRank()) {
    auto value = static_cast<int64_t>(*adapterRank);
    if (value < 0)
      return emitOpError("has a negative adapter_rank ") << value << " (P16)";
    if (value > 0 && !getAdapterFormat())
      return emitOpError("has adapter_rank ")
             << value << " but no adapter_format (P16)";
    if (getMerged())
      return emitOpError("is merged: nothing is left that could have an "
                         "adapter_rank (P16)");
  }
  return success();
}

LogicalResult TieOp::verifyRegions() {
  llvm::StringSet<> names, options;
  for (auto name : getItems().getAsValueRange<StringAttr>())
    if (!names.insert(name).second)
      return emitOpError("names '") << name << "' twice (P11)";
  if (names.size() < 2)
    return emitOpError("needs two or more items (P11)");
  for (Operation &op : getBody().getOps()) {
    auto sharing = dyn_cast<SharingOp>(op);
    if (!sharing)
      return op.emitOpError("does not belong into a plan.tie (P14)");
    if (!options.insert(sharing.getOption()).second)
      return sharing.emitOpError("for '")
             << sharing.getOption() << "' appears twice (P14)";
  }
  return success();
}

LogicalResult SharingOp::verify() {
  for (int64_t cost : getCosts())
    if (cost < -kLargestCost || cost > kLargestCost)
      return emitOpError("has cost ")
             << cost << ", expected -2^61 to 2^61 (P14)";
  return verifyLoss(*this, getLoss().convertToDouble(), "P14");
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
  if (!std::isfinite(objective) || !std::isfinite(bound) ||
      !std::isfinite(gap) || gap < 0)
    return emitOpError("has an objective, bound or gap that is no number, or a "
                       "negative gap (P13)");
  if (bound > objective + 1e-9 * std::abs(objective))
    return emitOpError("has the bound ")
           << bound << " above its objective " << objective << " (P13)";
  // As allocation::Solution::relativeGap has it, up to what printing rounds.
  double expected = std::max(
      0.0, (objective - bound) / std::max(std::abs(objective),
                                          std::numeric_limits<double>::min()));
  if (!(std::abs(gap - expected) <= 1e-9 + 1e-6 * expected))
    return emitOpError("states the gap ")
           << gap << ", its objective and bound give " << expected << " (P13)";
  return success();
}

LogicalResult SolutionOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  auto problem =
      symbolTable.lookupNearestSymbolFrom<ProblemOp>(*this, getProblemAttr());
  if (!problem)
    return emitOpError("refers to no plan.problem ") << getProblemAttr();
  SmallVector<int64_t> costs(problem.getFixed());
  double objective = 0.0;
  auto add = [&](ArrayRef<int64_t> more, double loss) -> LogicalResult {
    for (auto [total, cost] : llvm::zip(costs, more))
      if (__builtin_add_overflow(total, cost, &total))
        return emitOpError("has costs that add up to more than 64 bits (P12)");
    objective += loss;
    return success();
  };
  llvm::StringMap<ItemOp> items;
  for (auto item : problem.getBody().getOps<ItemOp>())
    items[item.getName()] = item;
  llvm::StringMap<ChoiceOp> chosen;
  for (auto choice : getBody().getOps<ChoiceOp>()) {
    if (!chosen.try_emplace(choice.getItem(), choice).second)
      return choice.emitOpError("chooses for '")
             << choice.getItem() << "' a second time (P12)";
    if (!items.contains(choice.getItem()))
      return choice.emitOpError("names an unknown item '")
             << choice.getItem() << "' (P12)";
  }
  for (auto item : problem.getBody().getOps<ItemOp>()) {
    ChoiceOp choice = chosen.lookup(item.getName());
    if (!choice)
      return emitOpError("chooses nothing for '")
             << item.getName() << "' (P12)";
    OptionOp option = item.findOption(choice.getOption());
    if (!option)
      return choice.emitOpError("takes '")
             << choice.getOption() << "', an option that '" << item.getName()
             << "' has not (P12)";
    if (failed(add(option.getCosts(), option.getLoss().convertToDouble())))
      return failure();
  }
  // A tie that holds adds what its items share.
  for (auto tie : problem.getBody().getOps<TieOp>())
    for (auto sharing : tie.getBody().getOps<SharingOp>())
      if (llvm::all_of(tie.getItems().getAsValueRange<StringAttr>(),
                       [&](StringRef name) {
                         return chosen.lookup(name).getOption() ==
                                sharing.getOption();
                       }) &&
          failed(add(sharing.getCosts(), sharing.getLoss().convertToDouble())))
        return failure();
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
