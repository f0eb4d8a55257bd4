//===- Solve.cpp - solving allocation problems ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Allocation/Solvers.h"
#include "allot/Dialect/Plan/Transforms/Budget.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace allot::plan {
#define GEN_PASS_DEF_PLANSOLVE
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;

namespace {

/// What an item takes in a uniform choice that its own options do not offer.
constexpr llvm::StringLiteral kStored = "stored";

/// An option's name without what it says about adapters, and that part: see the
/// names that plan-extract makes.
std::pair<StringRef, StringRef> splitTreatment(StringRef name) {
  size_t at = std::min(name.find("+adapter"), name.find("+merged"));
  return {name.take_front(at), name.drop_front(std::min(at, name.size()))};
}

/// `problem` with the options that treat adapters as `treatment` says, or that
/// say nothing about them, under names without treatment. `origins` maps the
/// option numbers back.
allocation::Problem withTreatment(const allocation::Problem &problem,
                                  StringRef treatment,
                                  std::vector<std::vector<unsigned>> &origins) {
  allocation::Problem result = problem;
  origins.assign(problem.items.size(), {});
  for (auto [i, item] : llvm::enumerate(result.items)) {
    item.options.clear();
    for (auto [o, option] : llvm::enumerate(problem.items[i].options)) {
      auto [storage, suffix] = splitTreatment(option.name);
      if (!suffix.empty() && suffix != treatment)
        continue;
      if (item.findOption(storage))
        continue;
      item.options.push_back(option);
      item.options.back().name = storage.str();
      origins[i].push_back(o);
    }
    // Merging leaves no stored form; such an item keeps what it has.
    if (item.options.empty())
      for (auto [o, option] : llvm::enumerate(problem.items[i].options)) {
        item.options.push_back(option);
        origins[i].push_back(o);
      }
  }
  for (allocation::Pin &pin : result.pins)
    pin.option = splitTreatment(pin.option).first.str();
  for (allocation::Tie &tie : result.ties)
    tie.sharings.clear();
  return result;
}

struct PlanSolve : plan::impl::PlanSolveBase<PlanSolve> {
  using PlanSolveBase::PlanSolveBase;

  void runOnOperation() override {
    auto problems = llvm::to_vector(getOperation().getOps<plan::ProblemOp>());
    if (problems.empty()) {
      getOperation().emitError("has no plan.problem to solve");
      return signalPassFailure();
    }
    for (plan::ProblemOp problem : problems)
      if (failed(solve(problem)))
        return signalPassFailure();
  }

private:
  LogicalResult solve(plan::ProblemOp op);
  LogicalResult addBudget(plan::ProblemOp op);
  LogicalResult addPins(plan::ProblemOp op);
  LogicalResult addPin(OpBuilder &builder, plan::ProblemOp op,
                       plan::ItemOp item, StringRef option);
  FailureOr<allocation::Solution> optimum(plan::ProblemOp op,
                                          const allocation::Problem &problem);
  FailureOr<allocation::Solution>
  uniformChoice(plan::ProblemOp op, const allocation::Problem &problem);
  LogicalResult checkFixed(plan::ProblemOp op,
                           const allocation::Problem &problem);
  LogicalResult infeasible(plan::ProblemOp op, StringRef resource,
                           int64_t least);
};

/// Writes the budget of the option into the problem, in place of the one there.
LogicalResult PlanSolve::addBudget(plan::ProblemOp op) {
  if (budget.empty())
    return success();
  StringAttr resource = cast<StringAttr>(op.getResources()[0]);
  auto limit = plan::parseBudget(budget, resource.getValue(), op.getWeights());
  if (!limit)
    return emitError(op.getLoc()) << llvm::toString(limit.takeError());
  for (auto old : llvm::to_vector(op.getBody().getOps<plan::BudgetOp>()))
    if (old.getResourceAttr() == resource)
      old.erase();
  auto builder = OpBuilder::atBlockBegin(&op.getBody().front());
  plan::BudgetOp::create(builder, op.getLoc(), resource,
                         builder.getI64IntegerAttr(*limit));
  return success();
}

LogicalResult PlanSolve::addPins(plan::ProblemOp op) {
  auto builder = OpBuilder::atBlockEnd(&op.getBody().front());
  for (StringRef text : pins) {
    auto [site, option] = text.split('=');
    if (site.empty() || option.empty())
      return emitError(op.getLoc())
             << "bad pin '" << text << "': expected SITE=OPTION";
    // All ranges of rows of a matrix, or one of them.
    SmallVector<plan::ItemOp> items;
    for (auto item : op.getBody().getOps<plan::ItemOp>())
      if (item.getName() == site || item.getSite() == site)
        items.push_back(item);
    if (items.empty())
      return emitError(op.getLoc())
             << "cannot pin '" << site << "': there is no such item";
    for (plan::ItemOp item : items)
      if (failed(addPin(builder, op, item, option)))
        return failure();
  }
  return success();
}

LogicalResult PlanSolve::addPin(OpBuilder &builder, plan::ProblemOp op,
                                plan::ItemOp item, StringRef option) {
  StringRef site = item.getName();
  if (!item.findOption(option)) {
    InFlightDiagnostic diagnostic =
        item.emitError() << "cannot pin '" << site << "' to '" << option
                         << "': it has no such option, but ";
    llvm::interleaveComma(item.getBody().getOps<plan::OptionOp>(), diagnostic,
                          [&](plan::OptionOp o) { diagnostic << o.getName(); });
    return diagnostic;
  }
  for (auto old : llvm::to_vector(op.getBody().getOps<plan::PinOp>()))
    if (old.getItem() == site)
      old.erase();
  plan::PinOp::create(builder, op.getLoc(), builder.getStringAttr(site),
                      builder.getStringAttr(option));
  return success();
}

LogicalResult PlanSolve::infeasible(plan::ProblemOp op, StringRef resource,
                                    int64_t least) {
  unsigned index = 0;
  while (cast<StringAttr>(op.getResources()[index]).getValue() != resource)
    ++index;
  auto describe = [&](int64_t amount) {
    return plan::describeAmount(amount, resource, op.getWeights());
  };
  InFlightDiagnostic diagnostic =
      emitError(op.getLoc())
      << "the budget of " << describe(*plan::budgetOf(op, index))
      << " cannot be met: the least possible is " << describe(least);
  if (int64_t fixed = op.getFixed()[index])
    diagnostic << ", of which no choice changes " << fixed;
  return diagnostic;
}

/// Budgets must hold the fixed costs; what is left of them is for choices.
LogicalResult PlanSolve::checkFixed(plan::ProblemOp op,
                                    const allocation::Problem &problem) {
  for (auto [r, resource] : llvm::enumerate(problem.resources)) {
    std::optional<int64_t> limit = plan::budgetOf(op, r);
    if (!limit || *limit >= op.getFixed()[r])
      continue;
    auto least = allocation::leastTotal(problem, r);
    if (!least)
      return emitError(op.getLoc()) << llvm::toString(least.takeError());
    return infeasible(op, resource.name, *least + op.getFixed()[r]);
  }
  return success();
}

FailureOr<allocation::Solution>
PlanSolve::optimum(plan::ProblemOp op, const allocation::Problem &problem) {
  unsigned budgets =
      llvm::count_if(problem.resources, [](const allocation::Resource &r) {
        return r.budget.has_value();
      });
  auto solution = budgets <= 1 ? allocation::solveKnapsack(problem)
                               : allocation::solveBruteForce(problem);
  if (solution)
    return std::move(*solution);
  std::optional<std::pair<std::string, int64_t>> least;
  llvm::Error rest = llvm::handleErrors(
      solution.takeError(), [&](const allocation::InfeasibleError &error) {
        least = {error.getResource().str(), error.getLeast()};
      });
  if (!least)
    return emitError(op.getLoc()) << llvm::toString(std::move(rest));
  llvm::cantFail(std::move(rest));
  unsigned index = *problem.findResource(least->first);
  return infeasible(op, least->first, least->second + op.getFixed()[index]);
}

FailureOr<allocation::Solution>
PlanSolve::uniformChoice(plan::ProblemOp op,
                         const allocation::Problem &problem) {
  bool within = uniform == "within", above = uniform == "above";
  allocation::UniformOptions options;
  if (!within && !above) {
    options.names = {uniform};
    options.fallbacks = {kStored.str()};
  }
  llvm::SmallSetVector<StringRef, 4> treatments;
  treatments.insert("");
  for (const allocation::Item &item : problem.items)
    for (const allocation::Option &option : item.options)
      treatments.insert(splitTreatment(option.name).second);

  std::optional<allocation::Solution> best;
  for (StringRef treatment : treatments) {
    std::vector<std::vector<unsigned>> origins;
    allocation::Problem reduced = withTreatment(problem, treatment, origins);
    auto result = allocation::bestUniform(reduced, options);
    if (!result)
      return emitError(op.getLoc()) << llvm::toString(result.takeError());
    std::optional<allocation::UniformChoice> &found =
        above ? result->above : result->within;
    if (!within && !above && !found)
      found = result->above;
    if (!found)
      continue;
    allocation::Solution solution;
    for (auto [origin, option] : llvm::zip(origins, found->choice))
      solution.choice.push_back(origin[option]);
    if (llvm::Error error = problem.checkChoice(solution.choice)) {
      llvm::consumeError(std::move(error));
      continue;
    }
    allocation::Evaluation evaluation = problem.evaluate(solution.choice);
    solution.objective = evaluation.objective;
    solution.costs = evaluation.costs;
    solution.solver = "uniform " + found->name;
    auto key = [&](const allocation::Solution &s) {
      return above ? std::make_pair(double(s.costs[0]), s.objective)
                   : std::make_pair(s.objective, double(s.costs[0]));
    };
    if (!best || key(solution) < key(*best))
      best = std::move(solution);
  }
  if (best)
    return std::move(*best);
  if (within)
    return emitError(op.getLoc())
           << "no uniform choice keeps within the budget";
  if (above)
    return emitError(op.getLoc()) << "no uniform choice is above the budget";
  return emitError(op.getLoc())
         << "there is no uniform choice '" << uniform << "'";
}

LogicalResult PlanSolve::solve(plan::ProblemOp op) {
  if (failed(addBudget(op)) || failed(addPins(op)))
    return failure();
  auto problem = plan::toAllocation(op);
  if (failed(problem))
    return failure();
  // A baseline by name, or above the budget, need not keep to it.
  if ((uniform.empty() || uniform == "within") &&
      failed(checkFixed(op, *problem)))
    return failure();
  auto solution =
      uniform.empty() ? optimum(op, *problem) : uniformChoice(op, *problem);
  if (failed(solution))
    return failure();
  auto reasons = plan::explainChoices(*problem, *solution);
  if (!reasons)
    return emitError(op.getLoc()) << llvm::toString(reasons.takeError());
  std::string name = (op.getSymName() + ".solution").str();
  if (Operation *old = SymbolTable::lookupSymbolIn(getOperation(), name)) {
    if (!isa<plan::SolutionOp>(old))
      return old->emitError("stands where the solution of @")
             << op.getSymName() << " belongs";
    old->erase();
  }
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  plan::createSolution(builder, name, op, *problem, *solution, *reasons);
  return success();
}

} // namespace
