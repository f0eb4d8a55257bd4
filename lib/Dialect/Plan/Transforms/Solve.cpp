//===- Solve.cpp - solving allocation problems ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Restrict.h"
#include "allot/Allocation/Solvers.h"
#include "allot/Dialect/Plan/Transforms/Budget.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "allot/Dialect/Plan/Transforms/Uniform.h"

namespace allot::plan {
#define GEN_PASS_DEF_PLANSOLVE
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;

namespace {

/// What an item takes in a uniform choice that its own options do not offer.
constexpr llvm::StringLiteral kStored = "stored";

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
  FailureOr<allocation::Solution> optimum(plan::ProblemOp op,
                                          const allocation::Problem &problem);
  FailureOr<allocation::Solution>
  uniformChoice(plan::ProblemOp op, const allocation::Problem &problem);
  LogicalResult checkFixed(plan::ProblemOp op,
                           const allocation::Problem &problem);
  LogicalResult infeasible(plan::ProblemOp op, StringRef resource,
                           int64_t least);
  LogicalResult infeasible(plan::ProblemOp op,
                           const allocation::InfeasibleTogetherError &error);
};

LogicalResult PlanSolve::infeasible(plan::ProblemOp op, StringRef resource,
                                    int64_t least) {
  unsigned index = *op.findResource(resource);
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

LogicalResult
PlanSolve::infeasible(plan::ProblemOp op,
                      const allocation::InfeasibleTogetherError &error) {
  InFlightDiagnostic diagnostic =
      emitError(op.getLoc())
      << "the budgets cannot be met together, though each of them can alone";
  for (auto [i, part] : llvm::enumerate(error.getParts())) {
    unsigned index = *op.findResource(part.resource);
    auto describe = [&, &part = part](int64_t amount) {
      return plan::describeAmount(amount + op.getFixed()[index], part.resource,
                                  op.getWeights());
    };
    diagnostic << (i ? "; of " : ": of ") << describe(part.budget)
               << ", the least possible is " << describe(part.least);
    if (part.leastWithin)
      diagnostic << ", and " << describe(*part.leastWithin)
                 << " within the other budgets";
  }
  return diagnostic;
}

FailureOr<allocation::Solution>
PlanSolve::optimum(plan::ProblemOp op, const allocation::Problem &problem) {
  std::optional<allocation::Method> asked = allocation::parseMethod(solver);
  if (!asked && solver != "auto")
    return emitError(op.getLoc())
           << "unknown solver '" << solver
           << "': expected auto, knapsack, cbc or brute-force";
  if (maxNodes == 0 || !(gap >= 0 && gap <= 1))
    return emitError(op.getLoc())
           << "max-nodes must be positive and gap between 0 and 1";
  auto [method, why] = allocation::chooseMethod(problem);
  if (asked) {
    method = *asked;
    why = "as asked";
  }
  auto solution = allocation::solve(problem, method, {maxNodes, gap});
  if (solution) {
    if (remarks)
      emitRemark(op.getLoc())
          << "solved by " << allocation::stringifyMethod(method) << " (" << why
          << "): " << allocation::stringifyStatus(solution->status) << " after "
          << solution->nodes << " nodes";
    return std::move(*solution);
  }
  llvm::Error rest = llvm::handleErrors(
      solution.takeError(),
      [&](const allocation::InfeasibleError &error) {
        unsigned index = *op.findResource(error.getResource());
        (void)infeasible(op, error.getResource(),
                         error.getLeast() + op.getFixed()[index]);
      },
      [&](const allocation::InfeasibleTogetherError &error) {
        (void)infeasible(op, error);
      });
  if (rest)
    emitError(op.getLoc()) << llvm::toString(std::move(rest));
  return failure();
}

FailureOr<allocation::Solution>
PlanSolve::uniformChoice(plan::ProblemOp op,
                         const allocation::Problem &problem) {
  if (solver != "auto")
    return emitError(op.getLoc())
           << "a uniform choice is not solved: it takes no solver";
  bool within = uniform == "within", above = uniform == "above";
  allocation::UniformOptions options;
  options.resource = plan::mainResource(op);
  if (!within && !above) {
    options.names = {uniform};
    options.fallbacks = {kStored.str()};
  }
  auto choices = plan::uniformChoices(problem, options);
  if (!choices)
    return emitError(op.getLoc()) << llvm::toString(choices.takeError());
  auto key = [&](const allocation::UniformChoice &c) {
    return above ? std::make_pair(double(c.costs[options.resource]), c.objective)
                 : std::make_pair(c.objective, double(c.costs[options.resource]));
  };
  const allocation::UniformChoice *best = nullptr;
  for (const allocation::UniformChoice &choice : *choices) {
    bool fits = true;
    for (auto [resource, cost] :
         llvm::zip_equal(problem.resources, choice.costs))
      fits &= !resource.budget || cost <= *resource.budget;
    if ((within && !fits) || (above && fits))
      continue;
    if (!best || key(choice) < key(*best))
      best = &choice;
  }
  if (best) {
    allocation::Solution solution;
    solution.choice = best->choice;
    solution.objective = best->objective;
    solution.costs = best->costs;
    solution.solver = "uniform " + best->name;
    return solution;
  }
  if (within)
    return emitError(op.getLoc())
           << "no uniform choice keeps within the budget";
  if (above)
    return emitError(op.getLoc()) << "no uniform choice is above the budget";
  return emitError(op.getLoc())
         << "there is no uniform choice '" << uniform << "'";
}

LogicalResult PlanSolve::solve(plan::ProblemOp op) {
  if (failed(plan::addBudgets(op, budgets)) ||
      failed(plan::addPins(op, pins)) || failed(plan::addTies(op, ties)))
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
  auto reasons =
      plan::explainChoices(*problem, *solution, plan::mainResource(op));
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
