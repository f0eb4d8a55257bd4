//===- Cbc.cpp - general problems through COIN-OR CBC -----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From named items to classes of choices, through CbcProgram, and back.
//===----------------------------------------------------------------------===//

#include "CbcProgram.h"
#include "Classes.h"
#include "allot/Allocation/Solvers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>

using namespace allot::allocation;
using namespace allot::allocation::detail;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;

namespace {

/// A problem as a program, and the way back.
struct Translation {
  Program program;
  /// Per group the joint choices that are choices of the program.
  std::vector<std::vector<unsigned>> sources;
};

/// What is minimised, and what is limited.
struct Aim {
  /// Resources whose budgets are limits.
  llvm::SmallVector<unsigned, 2> limited;
  /// The resource whose total is minimised; absent: the loss.
  std::optional<unsigned> minimised;

  double lossOf(const Costs &costs, double loss) const {
    return minimised ? static_cast<double>(costs[*minimised]) : loss;
  }
  Costs costsOf(const Costs &costs) const {
    Costs result;
    for (unsigned r : limited)
      result.push_back(costs[r]);
    return result;
  }
};

class Translator {
public:
  Translator(const Problem &problem, ArrayRef<Group> groups, const Aim &aim)
      : problem(problem), groups(groups), aim(aim),
        groupOf(problem.items.size()) {
    for (auto [g, group] : llvm::enumerate(groups))
      for (unsigned i : group.items)
        groupOf[i] = g;
  }

  Translation run();

private:
  void addChoices(const Group &group);
  void addSharing(const Tie &tie, const Sharing &sharing);
  /// Drops choices of a class that another one is no worse than in anything.
  void reduce(unsigned g);

  const Problem &problem;
  ArrayRef<Group> groups;
  const Aim &aim;
  std::vector<unsigned> groupOf;
  Translation result;
};

} // namespace

void Translator::addChoices(const Group &group) {
  std::vector<Program::Choice> &choices = result.program.classes.emplace_back();
  std::vector<unsigned> &sources = result.sources.emplace_back();
  for (unsigned c = 0, e = group.size(); c != e; ++c) {
    Program::Choice choice;
    choice.costs.assign(aim.limited.size(), 0);
    for (auto [i, o] : llvm::zip_equal(group.items, group.pick(c))) {
      const Option &option = problem.items[i].options[o];
      choice.loss += aim.lossOf(option.costs, option.loss);
      for (auto [total, cost] :
           llvm::zip_equal(choice.costs, aim.costsOf(option.costs)))
        total += cost;
    }
    choices.push_back(std::move(choice));
    sources.push_back(c);
  }
}

void Translator::addSharing(const Tie &tie, const Sharing &sharing) {
  Program::Bonus bonus;
  for (unsigned i : tie.items) {
    unsigned g = groupOf[i];
    if (llvm::any_of(bonus.when, [&](auto when) { return when.first == g; }))
      continue;
    // All items of a group take options of one name.
    const Group &group = groups[g];
    size_t m = llvm::find(group.items, i) - group.items.begin();
    unsigned option = *problem.items[i].findOption(sharing.option);
    unsigned c = 0, e = group.size();
    while (c != e && group.pick(c)[m] != option)
      ++c;
    if (c == e)
      return; // A pin or another tie rules it out.
    bonus.when.push_back({g, c});
  }
  bonus.loss = aim.lossOf(sharing.costs, sharing.loss);
  bonus.costs = aim.costsOf(sharing.costs);
  if (bonus.when.size() > 1) {
    result.program.bonuses.push_back(std::move(bonus));
    return;
  }
  auto [g, c] = bonus.when.front();
  Program::Choice &choice = result.program.classes[g][c];
  choice.loss += bonus.loss;
  for (auto [total, cost] : llvm::zip_equal(choice.costs, bonus.costs))
    total += cost;
}

void Translator::reduce(unsigned g) {
  std::vector<Program::Choice> &choices = result.program.classes[g];
  std::vector<unsigned> &sources = result.sources[g];
  auto total = [&](unsigned c) {
    Costs sum(problem.resources.size(), 0);
    for (auto [i, o] : llvm::zip_equal(groups[g].items, groups[g].pick(c)))
      for (auto [r, cost] : llvm::enumerate(problem.items[i].options[o].costs))
        sum[r] += cost;
    return sum;
  };
  // Of equal ones that of lower cost, then the first, stays.
  auto dominates = [&](unsigned a, unsigned b) {
    const Program::Choice &x = choices[a], &y = choices[b];
    bool better = x.loss < y.loss;
    if (x.loss > y.loss)
      return false;
    for (auto [mine, other] : llvm::zip_equal(x.costs, y.costs)) {
      if (mine > other)
        return false;
      better |= mine < other;
    }
    return better || std::make_pair(total(a), a) < std::make_pair(total(b), b);
  };
  std::vector<unsigned> kept;
  for (unsigned b = 0, n = choices.size(); b != n; ++b) {
    bool dominated = false;
    for (unsigned a = 0; a != n && !dominated; ++a)
      dominated = a != b && dominates(a, b);
    if (!dominated)
      kept.push_back(b);
  }
  std::vector<Program::Choice> left;
  for (unsigned c : kept)
    left.push_back(std::move(choices[c]));
  choices = std::move(left);
  sources = std::move(kept);
}

Translation Translator::run() {
  for (unsigned r : aim.limited)
    // No total exceeds this (Problem::check), and it keeps the sums small.
    result.program.limits.push_back(
        std::min(problem.resources[r].budget.value_or(maxTotal), maxTotal));
  for (const Group &group : groups)
    addChoices(group);
  for (const Tie &tie : problem.ties)
    for (const Sharing &sharing : tie.sharings)
      addSharing(tie, sharing);
  std::vector<bool> shares(groups.size(), false);
  for (const Program::Bonus &bonus : result.program.bonuses)
    for (auto [g, c] : bonus.when)
      shares[g] = true;
  for (unsigned g = 0, e = groups.size(); g != e; ++g)
    if (!shares[g])
      reduce(g);
  return std::move(result);
}

static std::vector<unsigned> choiceOf(const Problem &problem,
                                      ArrayRef<Group> groups,
                                      const Translation &translation,
                                      ArrayRef<unsigned> picks) {
  std::vector<unsigned> choice(problem.items.size());
  for (auto [group, sources, pick] :
       llvm::zip_equal(groups, translation.sources, picks))
    for (auto [item, option] :
         llvm::zip_equal(group.items, group.pick(sources[pick])))
      choice[item] = option;
  return choice;
}

//===----------------------------------------------------------------------===//
// What is least possible
//===----------------------------------------------------------------------===//

/// Least total of resource `r` within the budgets of `others`; absent where
/// nothing is within them, or where it was not proven.
static Expected<std::optional<int64_t>>
leastWithin(const Problem &problem, ArrayRef<Group> groups, unsigned r,
            ArrayRef<unsigned> others, uint64_t maxNodes) {
  Aim aim;
  aim.limited.assign(others.begin(), others.end());
  aim.limited.push_back(r);
  aim.minimised = r;
  Translation translation = Translator(problem, groups, aim).run();
  // Totals may be too long for the objective of CBC to tell them apart, so what
  // is found must be shown to have nothing below it: then it is a limit, which
  // is kept to the unit.
  int64_t &limit = translation.program.limits.back();
  limit = maxTotal;
  std::optional<int64_t> least;
  while (true) {
    Expected<ProgramAnswer> answer =
        solveProgram(translation.program, maxNodes, 0);
    if (!answer)
      return answer.takeError();
    if (answer->infeasible)
      return least;
    if (!answer->picks)
      return std::nullopt;
    least =
        problem.evaluate(choiceOf(problem, groups, translation, *answer->picks))
            .costs[r];
    // Both are whole numbers that a double holds.
    if (*least < int64_t(1) << 50 && answer->bound > double(*least - 1))
      return least;
    limit = *least - 1;
  }
}

Expected<std::optional<int64_t>> detail::leastTotalByCbc(const Problem &problem,
                                                         unsigned resource) {
  Expected<std::vector<Group>> groups = formGroups(problem);
  if (!groups)
    return groups.takeError();
  return leastWithin(problem, *groups, resource, {}, CbcOptions().maxNodes);
}

/// Why nothing keeps the budgets.
static Error diagnose(const Problem &problem, ArrayRef<Group> groups,
                      ArrayRef<unsigned> budgeted, uint64_t maxNodes) {
  std::vector<InfeasibleTogetherError::Part> parts;
  for (unsigned r : budgeted) {
    const Resource &resource = problem.resources[r];
    Expected<int64_t> least = leastTotal(problem, r);
    if (!least)
      return least.takeError();
    if (*least > *resource.budget)
      return llvm::make_error<InfeasibleError>(resource.name, *resource.budget,
                                               *least);
    parts.push_back({resource.name, *resource.budget, *least, std::nullopt});
  }
  for (auto [part, r] : llvm::zip_equal(parts, budgeted)) {
    llvm::SmallVector<unsigned, 2> others(budgeted);
    llvm::erase(others, r);
    Expected<std::optional<int64_t>> within =
        leastWithin(problem, groups, r, others, maxNodes);
    if (!within)
      return within.takeError();
    part.leastWithin = *within;
  }
  return llvm::make_error<InfeasibleTogetherError>(std::move(parts));
}

//===----------------------------------------------------------------------===//
// solveCbc
//===----------------------------------------------------------------------===//

Expected<Solution> allot::allocation::solveCbc(const Problem &problem,
                                               const CbcOptions &options) {
  if (Error error = problem.check())
    return error;
  Expected<std::vector<Group>> groups = formGroups(problem);
  if (!groups)
    return groups.takeError();
  Aim aim;
  for (auto [r, resource] : llvm::enumerate(problem.resources))
    if (resource.budget)
      aim.limited.push_back(r);
  Translation translation = Translator(problem, *groups, aim).run();
  Expected<ProgramAnswer> answer =
      solveProgram(translation.program, options.maxNodes, options.relativeGap);
  if (!answer)
    return answer.takeError();
  if (answer->infeasible)
    return diagnose(problem, *groups, aim.limited, options.maxNodes);
  if (!answer->picks)
    return makeError("no choice within the budgets was found in " +
                     llvm::Twine(answer->nodes) +
                     " nodes, and none was ruled out; allow more nodes");
  Solution solution;
  solution.choice = choiceOf(problem, *groups, translation, *answer->picks);
  Evaluation evaluation = problem.evaluate(solution.choice);
  solution.objective = evaluation.objective;
  solution.costs = evaluation.costs;
  // Both are sums of the same numbers, in another order.
  solution.bound = answer->bound == answer->loss
                       ? solution.objective
                       : std::clamp(answer->bound, 0.0, solution.objective);
  solution.gap = Solution::relativeGap(solution.objective, solution.bound);
  solution.status = solution.gap <= 1e-9 ? Status::Optimal : Status::Feasible;
  solution.nodes = answer->nodes;
  solution.solver = "cbc";
  return solution;
}
