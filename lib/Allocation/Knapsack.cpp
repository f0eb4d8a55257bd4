//===- Knapsack.cpp - exact multiple-choice knapsack ------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From named items to classes of integers, through KnapsackCore, and back.
//===----------------------------------------------------------------------===//

#include "Classes.h"
#include "KnapsackCore.h"
#include "allot/Allocation/Solvers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <cmath>

using namespace allot::allocation;
using namespace allot::allocation::detail;
using llvm::Error;
using llvm::Expected;

using Fronts = std::vector<std::vector<Candidate>>;

static Fronts paretoFronts(const Problem &problem,
                           llvm::ArrayRef<Group> components,
                           unsigned resource) {
  Fronts fronts;
  fronts.reserve(components.size());
  for (const Group &component : components)
    fronts.push_back(paretoFront(problem, component, resource));
  return fronts;
}

static int64_t sumOfLeast(const Fronts &fronts) {
  int64_t sum = 0;
  for (const auto &front : fronts)
    sum += front.front().cost;
  return sum;
}

namespace {
/// Losses as multiples of 2^-bits, without those above a limit that no good
/// solution reaches.
struct Quantised {
  std::vector<PairClass> classes;
  int bits = 0;
};
} // namespace

/// `most` bounds the sum of the losses of a known solution.
static Quantised quantise(const Fronts &fronts, double most) {
  Quantised result;
  double sum = 0;
  for (const auto &front : fronts) {
    // Losses fall along the front: the first within the limit is the largest.
    auto largest = llvm::find_if(
        front, [&](const Candidate &c) { return c.loss <= most; });
    if (largest != front.end())
      sum += largest->loss;
  }
  if (sum > 0) {
    int exponent = 0;
    std::frexp(sum, &exponent); // sum < 2^exponent, to within its rounding
    result.bits = 59 - exponent;
  }
  for (const auto &front : fronts) {
    PairClass pairs;
    for (auto [source, candidate] : llvm::enumerate(front)) {
      if (candidate.loss > most)
        continue;
      int64_t loss = std::llround(std::ldexp(candidate.loss, result.bits));
      if (pairs.empty() || loss < pairs.back().loss)
        pairs.push_back({candidate.cost, loss, unsigned(source)});
    }
    result.classes.push_back(std::move(pairs));
  }
  return result;
}

namespace {
/// A solution as an index per front.
struct Found {
  std::vector<unsigned> picks;
  double loss = 0;
};
} // namespace

static Found translate(const Fronts &fronts, const Quantised &quantised,
                       llvm::ArrayRef<unsigned> positions) {
  Found found;
  for (auto [front, pairs, position] :
       llvm::zip_equal(fronts, quantised.classes, positions)) {
    unsigned source = pairs[position].source;
    found.picks.push_back(source);
    found.loss += front[source].loss;
  }
  return found;
}

static Solution assemble(const Problem &problem,
                         llvm::ArrayRef<Group> components, const Fronts &fronts,
                         llvm::ArrayRef<unsigned> picks) {
  Solution solution;
  solution.choice.resize(problem.items.size());
  for (auto [component, front, pick] :
       llvm::zip_equal(components, fronts, picks))
    for (auto [item, option] :
         llvm::zip_equal(component.items, component.pick(front[pick].pick)))
      solution.choice[item] = option;
  Evaluation evaluation = problem.evaluate(solution.choice);
  solution.objective = evaluation.objective;
  solution.costs = evaluation.costs;
  solution.solver = "knapsack";
  return solution;
}

/// Positions of the cheapest choices: feasible if anything is.
static Found cheapest(const Fronts &fronts) {
  Found found;
  for (const auto &front : fronts) {
    found.picks.push_back(0);
    found.loss += front.front().loss;
  }
  return found;
}

Expected<Solution>
allot::allocation::solveKnapsack(const Problem &problem,
                                 const SolveOptions &options) {
  if (Error error = problem.check())
    return error;
  std::optional<unsigned> resource;
  for (auto [r, candidate] : llvm::enumerate(problem.resources)) {
    if (!candidate.budget)
      continue;
    if (resource)
      return makeError("resources " +
                       quoted(problem.resources[*resource].name) + " and " +
                       quoted(candidate.name) +
                       " both have a budget; the knapsack solver takes one");
    resource = r;
  }
  Expected<std::vector<Group>> components =
      formComponents(problem, maxComponentChoices);
  if (!components)
    return components.takeError();
  Fronts fronts = paretoFronts(problem, *components, resource.value_or(0));
  if (!resource || fronts.empty()) {
    // The least loss of each front is its last.
    std::vector<unsigned> picks;
    for (const auto &front : fronts)
      picks.push_back(front.size() - 1);
    Solution solution = assemble(problem, *components, fronts, picks);
    solution.bound = solution.objective;
    solution.status = Status::Optimal;
    return solution;
  }

  int64_t least = sumOfLeast(fronts);
  int64_t budget = *problem.resources[*resource].budget;
  if (least > budget)
    return llvm::make_error<InfeasibleError>(problem.resources[*resource].name,
                                             budget, least);
  budget = std::min(budget, maxTotal);

  // A hopelessly bad option must not cost the others their precision: losses
  // above a known solution go, the scale follows, and so on while it pays.
  Found found = cheapest(fronts);
  double limit = found.loss;
  while (true) {
    Quantised quantised = quantise(fronts, limit);
    KnapsackCore core(quantised.classes, budget);
    core.relax();
    Found rounded = translate(fronts, quantised, core.getBest());
    if (rounded.loss < found.loss)
      found = rounded;
    if (found.loss < limit / 4) {
      limit = found.loss;
      continue;
    }
    core.search(options);
    rounded = translate(fronts, quantised, core.getBest());
    if (rounded.loss < found.loss)
      found = std::move(rounded);
    Solution solution = assemble(problem, *components, fronts, found.picks);
    solution.nodes = core.getStates();
    solution.bound = solution.objective;
    if (!core.isClosed()) {
      // Each class may have been rounded up by half a unit.
      int64_t bound = core.getBound() - int64_t(fronts.size() / 2 + 1);
      double proven =
          std::ldexp(double(std::max(bound, int64_t(0))), -quantised.bits);
      solution.bound = std::min(solution.objective, proven);
    }
    solution.gap = Solution::relativeGap(solution.objective, solution.bound);
    solution.status = solution.gap <= 1e-9 ? Status::Optimal : Status::Feasible;
    return solution;
  }
}

Expected<int64_t> allot::allocation::leastTotal(const Problem &problem,
                                                unsigned resource) {
  if (Error error = problem.check())
    return error;
  if (resource >= problem.resources.size())
    return makeError("there is no resource number " + llvm::Twine(resource));
  if (!hasSmallComponents(problem, maxComponentChoices)) {
    Expected<std::optional<int64_t>> least = leastTotalByCbc(problem, resource);
    if (!least)
      return least.takeError();
    if (!*least)
      return makeError("the least possible total of resource " +
                       quoted(problem.resources[resource].name) +
                       " was not found: too many optional ties");
    return **least;
  }
  Expected<std::vector<Group>> components =
      formComponents(problem, maxComponentChoices);
  if (!components)
    return components.takeError();
  return sumOfLeast(paretoFronts(problem, *components, resource));
}

Expected<std::vector<CurvePoint>>
allot::allocation::lagrangianCurve(const Problem &problem, unsigned n,
                                   unsigned resource) {
  if (Error error = problem.check())
    return error;
  if (resource >= problem.resources.size())
    return makeError("there is no resource number " + llvm::Twine(resource));
  Expected<std::vector<Group>> components =
      formComponents(problem, maxComponentChoices);
  if (!components)
    return components.takeError();
  Fronts fronts = paretoFronts(problem, *components, resource);
  double most = 0;
  for (const auto &front : fronts)
    most += front.front().loss;
  Quantised quantised = quantise(fronts, most);
  std::vector<Increment> increments = sortedIncrements(quantised.classes);

  // Along the hull in integers, so that equal prices stay equal.
  int64_t cost = sumOfLeast(fronts), loss = 0;
  for (const PairClass &pairs : quantised.classes)
    loss += pairs.front().loss;
  std::vector<CurvePoint> hull;
  for (size_t i = 0; i <= increments.size(); ++i) {
    double price = i == increments.size()
                       ? 0
                       : std::ldexp(double(increments[i].gain) /
                                        double(increments[i].cost),
                                    -quantised.bits);
    if (!hull.empty() && i != increments.size() && price == hull.back().price)
      ; // Not a vertex: the line goes on.
    else
      hull.push_back({cost, std::ldexp(double(loss), -quantised.bits), price});
    if (i != increments.size()) {
      cost += increments[i].cost;
      loss -= increments[i].gain;
    }
  }
  if (n == 0 || hull.size() <= std::max(n, 2u))
    return hull;

  n = std::max(n, 2u);
  std::vector<CurvePoint> thinned;
  size_t next = 0;
  double first = double(hull.front().cost), last = double(hull.back().cost);
  for (unsigned k = 0; k + 1 < n; ++k) {
    double target = first + (last - first) * k / (n - 1);
    while (next + 1 < hull.size() && double(hull[next].cost) < target)
      ++next;
    if (next + 1 < hull.size() &&
        (thinned.empty() || thinned.back().cost != hull[next].cost))
      thinned.push_back(hull[next]);
  }
  thinned.push_back(hull.back());
  return thinned;
}
