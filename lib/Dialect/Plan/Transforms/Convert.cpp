//===- Convert.cpp - plan ops and allocation problems -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "allot/Allocation/Solvers.h"
#include "allot/Dialect/Plan/Transforms/Budget.h"
#include "allot/Support/Digest.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::plan;

//===----------------------------------------------------------------------===//
// Text to data
//===----------------------------------------------------------------------===//

static std::string resourceName(ProblemOp op, unsigned index) {
  return cast<StringAttr>(op.getResources()[index]).str();
}

unsigned plan::mainResource(ProblemOp op) {
  return op.findResource("bytes").value_or(0);
}

std::optional<int64_t> plan::budgetOf(ProblemOp op, unsigned index) {
  std::string name = resourceName(op, index);
  for (auto budget : op.getBody().getOps<BudgetOp>())
    if (budget.getResource() == name)
      return static_cast<int64_t>(budget.getLimit());
  return std::nullopt;
}

FailureOr<allocation::Problem> plan::toAllocation(ProblemOp op) {
  allocation::Problem problem;
  ArrayRef<int64_t> fixed = op.getFixed();
  for (unsigned r = 0, e = op.getResources().size(); r != e; ++r) {
    allocation::Resource resource{resourceName(op, r), std::nullopt};
    if (std::optional<int64_t> budget = budgetOf(op, r))
      resource.budget = std::max<int64_t>(*budget - fixed[r], 0);
    problem.resources.push_back(std::move(resource));
  }
  llvm::StringMap<unsigned> indexOf;
  for (auto item : op.getBody().getOps<ItemOp>()) {
    indexOf[item.getName()] = problem.items.size();
    allocation::Item &data = problem.items.emplace_back();
    data.name = item.getName().str();
    for (auto option : item.getBody().getOps<OptionOp>())
      data.options.push_back(
          {option.getName().str(), allocation::Costs(option.getCosts()),
           option.getLoss().convertToDouble(), item.getOrigin().str()});
  }
  for (auto tie : op.getBody().getOps<TieOp>()) {
    allocation::Tie &data = problem.ties.emplace_back();
    for (auto name : tie.getItems().getAsValueRange<StringAttr>())
      data.items.push_back(indexOf.lookup(name));
    data.required = !tie.getIsOptional();
    for (auto sharing : tie.getBody().getOps<SharingOp>())
      data.sharings.push_back({sharing.getOption().str(),
                               allocation::Costs(sharing.getCosts()),
                               sharing.getLoss().convertToDouble(), ""});
  }
  for (auto pin : op.getBody().getOps<PinOp>())
    problem.pins.push_back(
        {indexOf.lookup(pin.getItem()), pin.getOption().str()});
  if (llvm::Error error = problem.check())
    return emitError(op.getLoc()) << llvm::toString(std::move(error));
  return problem;
}

FailureOr<allocation::Solution>
plan::toAllocation(SolutionOp op, ProblemOp problemOp,
                   const allocation::Problem &problem) {
  llvm::StringMap<StringRef> chosen;
  for (auto choice : op.getBody().getOps<ChoiceOp>())
    chosen[choice.getItem()] = choice.getOption();
  allocation::Solution solution;
  for (const allocation::Item &item : problem.items) {
    std::optional<unsigned> option = item.findOption(chosen.lookup(item.name));
    if (!option)
      return emitError(op.getLoc())
             << "chooses nothing known for '" << item.name << "'";
    solution.choice.push_back(*option);
  }
  if (llvm::Error error = problem.checkChoice(solution.choice))
    return emitError(op.getLoc())
           << llvm::toString(std::move(error)) << "; solve the problem again";
  solution.objective = op.getObjective().convertToDouble();
  solution.bound = op.getBound().convertToDouble();
  solution.gap = op.getGap().convertToDouble();
  for (auto [total, fixed] : llvm::zip(op.getCosts(), problemOp.getFixed()))
    solution.costs.push_back(total - fixed);
  solution.solver = op.getSolver().str();
  return solution;
}

//===----------------------------------------------------------------------===//
// Data to text
//===----------------------------------------------------------------------===//

SolutionOp plan::createSolution(OpBuilder &builder, StringRef name,
                                ProblemOp problemOp,
                                const allocation::Problem &problem,
                                const allocation::Solution &solution,
                                ArrayRef<std::string> reasons) {
  SmallVector<int64_t> costs;
  for (auto [cost, fixed] : llvm::zip(solution.costs, problemOp.getFixed()))
    costs.push_back(cost + fixed);
  // The bound of an optimal solution may exceed its objective by rounding.
  double bound = std::min(solution.bound, solution.objective);
  Location loc = problemOp.getLoc();
  auto op = SolutionOp::create(
      builder, loc, builder.getStringAttr(name),
      FlatSymbolRefAttr::get(problemOp.getSymNameAttr()),
      builder.getF64FloatAttr(solution.objective),
      builder.getF64FloatAttr(bound),
      builder.getF64FloatAttr(std::max(
          0.0, allocation::Solution::relativeGap(solution.objective, bound))),
      builder.getDenseI64ArrayAttr(costs),
      builder.getStringAttr(solution.solver));
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getBody());
  for (auto [i, item] : llvm::enumerate(problem.items)) {
    const allocation::Option &option = item.options[solution.choice[i]];
    ChoiceOp::create(builder, loc, builder.getStringAttr(item.name),
                     builder.getStringAttr(option.name),
                     reasons.empty() ? StringAttr()
                                     : builder.getStringAttr(reasons[i]));
  }
  return op;
}

/// `int5g64: +1234 bytes, -1.2e-05 nats (1.0e-02 per MiB)`. The price is by the
/// first of `resources`.
static std::string describe(const allocation::Item &item,
                            const allocation::Problem &problem,
                            ArrayRef<unsigned> resources,
                            const allocation::Step &step) {
  bool inBytes = plan::isInBytes(problem.resources[resources.front()].name);
  std::string price =
      std::isinf(step.price)
          ? "for nothing"
          : llvm::formatv("{0:e2} per {1}",
                          step.price * (inBytes ? 1048576.0 : 1.0),
                          inBytes ? "MiB" : "unit")
                .str();
  std::string text = item.options[step.option].name + ":";
  for (unsigned r : resources)
    text += llvm::formatv(" {0}{1} {2},", step.costs[r] >= 0 ? "+" : "",
                          step.costs[r], problem.resources[r].name);
  return text + llvm::formatv(" {0}{1:e2} nats ({2})",
                              step.loss >= 0 ? "+" : "", step.loss, price)
                    .str();
}

llvm::Expected<std::vector<std::string>>
plan::explainChoices(const allocation::Problem &problem,
                     const allocation::Solution &solution, unsigned main) {
  SmallVector<unsigned, 2> budgeted;
  for (auto [r, resource] : llvm::enumerate(problem.resources))
    if (resource.budget)
      budgeted.push_back(r);
  if (budgeted.empty())
    budgeted.push_back(main);
  auto prices = allocation::marginalPrices(problem, solution, budgeted.front());
  if (!prices)
    return prices.takeError();
  std::vector<std::string> reasons(problem.items.size());
  auto append = [&](unsigned item, const std::string &text) {
    reasons[item] += (reasons[item].empty() ? "" : "; ") + text;
  };
  for (const allocation::Pin &pin : problem.pins)
    if (reasons[pin.item].empty())
      append(pin.item, "pinned");
  for (const allocation::Tie &tie : problem.ties) {
    if (!tie.required)
      continue;
    for (unsigned i : tie.items) {
      std::string others;
      for (unsigned other : tie.items)
        if (other != i)
          others += (others.empty() ? "" : ", ") + problem.items[other].name;
      append(i, "tied to " + others);
    }
  }
  for (auto [i, item] : llvm::enumerate(problem.items)) {
    if (item.options.size() == 1) {
      append(i, "only option");
      continue;
    }
    const allocation::MarginalPrice &price = (*prices)[i];
    append(i, price.better
                  ? "better " + describe(item, problem, budgeted, *price.better)
                  : std::string("nothing better"));
    append(i, price.worse
                  ? "cheaper " + describe(item, problem, budgeted, *price.worse)
                  : std::string("nothing cheaper"));
  }
  return reasons;
}

std::string plan::solutionDigest(SolutionOp op, ProblemOp problemOp) {
  llvm::StringMap<StringRef> taken;
  for (auto choice : op.getBody().getOps<ChoiceOp>())
    taken[choice.getItem()] = choice.getOption();
  support::Digest digest;
  auto add = [&](StringRef text) {
    digest.update(uint64_t(text.size())).update(text);
  };
  add(problemOp.getModel());
  for (auto item : problemOp.getBody().getOps<ItemOp>()) {
    add(item.getName());
    add(taken.lookup(item.getName()));
  }
  return digest.hex();
}
