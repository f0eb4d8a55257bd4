//===- Curve.cpp - what other budgets would be worth ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Curve.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <set>

using namespace allot;
using namespace allot::report;

/// The cost of the choice of least loss: more is not worth anything.
static llvm::Expected<int64_t> mostUseful(allocation::Problem problem,
                                          unsigned resource,
                                          const allocation::SolveOptions &o) {
  problem.resources[resource].budget = std::nullopt;
  auto solution = allocation::solveKnapsack(problem, o);
  if (!solution)
    return solution.takeError();
  return solution->costs[resource];
}

llvm::Expected<std::vector<CurvePoint>>
allot::report::budgetCurve(const allocation::Problem &given, int64_t budget,
                           unsigned count, unsigned resource,
                           const allocation::SolveOptions &options) {
  std::vector<CurvePoint> curve;
  for (auto [r, other] : llvm::enumerate(given.resources))
    if (r != resource && other.budget)
      return curve;
  allocation::Problem problem = given;
  auto least = allocation::leastTotal(problem, resource);
  if (!least)
    return least.takeError();
  auto most = mostUseful(problem, resource, options);
  if (!most)
    return most.takeError();
  auto part = [&](double factor) { return int64_t(factor * double(budget)); };
  int64_t low = std::max(*least, part(0.6)),
          high = std::max(budget, std::min(*most, part(1.75)));
  std::set<int64_t> budgets = {low, budget, high};
  for (unsigned i = 1; i + 1 < count; ++i)
    budgets.insert(low +
                   int64_t(double(high - low) * double(i) / double(count - 1)));
  for (int64_t amount : budgets) {
    problem.resources[resource].budget = amount;
    auto solution = allocation::solveKnapsack(problem, options);
    if (!solution)
      return solution.takeError();
    curve.push_back({amount, solution->costs[resource], solution->objective,
                     solution->bound});
  }
  return curve;
}
