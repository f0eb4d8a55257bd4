//===- BruteForce.cpp - every choice, one after the other -------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shares nothing with the other solvers but Problem, on purpose.
//===----------------------------------------------------------------------===//

#include "Classes.h"
#include "allot/Allocation/Solvers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <limits>

using namespace allot::allocation;
using namespace allot::allocation::detail;
using llvm::Error;

llvm::Expected<Solution>
allot::allocation::solveBruteForce(const Problem &problem,
                                   uint64_t maxChoices) {
  if (Error error = problem.check())
    return error;
  uint64_t choices = 1;
  for (const Item &item : problem.items) {
    uint64_t product;
    if (__builtin_mul_overflow(choices, uint64_t(item.options.size()),
                               &product) ||
        product > maxChoices)
      return makeError("the problem has more than " + llvm::Twine(maxChoices) +
                       " choices; too many to look at every one");
    choices = product;
  }

  size_t resources = problem.resources.size();
  Solution best;
  bool found = false;
  constexpr int64_t none = std::numeric_limits<int64_t>::max();
  // The least total of each resource, of all choices and of those that keep all
  // other budgets.
  Costs least(resources, none), leastWithin(resources, none);
  std::vector<unsigned> choice(problem.items.size(), 0);
  for (uint64_t c = 0; c != choices; ++c) {
    if (Error error = problem.checkChoice(choice)) {
      llvm::consumeError(std::move(error));
    } else {
      Evaluation now = problem.evaluate(choice);
      size_t exceeded = 0;
      auto exceeds = [&](size_t r) {
        const std::optional<int64_t> &budget = problem.resources[r].budget;
        return budget && now.costs[r] > *budget;
      };
      for (size_t r = 0; r != resources; ++r) {
        least[r] = std::min(least[r], now.costs[r]);
        exceeded += exceeds(r);
      }
      for (size_t r = 0; r != resources; ++r)
        if (exceeded == exceeds(r))
          leastWithin[r] = std::min(leastWithin[r], now.costs[r]);
      if (exceeded == 0 &&
          (!found || now.objective < best.objective ||
           (now.objective == best.objective && now.costs < best.costs))) {
        found = true;
        best.choice = choice;
        best.objective = now.objective;
        best.costs = now.costs;
      }
    }
    for (size_t i = choice.size(); i-- != 0;) {
      if (++choice[i] != problem.items[i].options.size())
        break;
      choice[i] = 0;
    }
  }
  if (!found) {
    std::vector<InfeasibleTogetherError::Part> parts;
    for (auto [r, resource] : llvm::enumerate(problem.resources)) {
      if (!resource.budget)
        continue;
      if (least[r] > *resource.budget)
        return llvm::make_error<InfeasibleError>(resource.name,
                                                 *resource.budget, least[r]);
      parts.push_back(
          {resource.name, *resource.budget, least[r], std::nullopt});
      if (leastWithin[r] != none)
        parts.back().leastWithin = leastWithin[r];
    }
    return llvm::make_error<InfeasibleTogetherError>(std::move(parts));
  }
  best.bound = best.objective;
  best.status = Status::Optimal;
  best.nodes = choices;
  best.solver = "brute-force";
  return best;
}
