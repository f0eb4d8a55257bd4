//===- Reports.cpp - uniform choices and marginal prices --------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Classes.h"
#include "allot/Allocation/Solvers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"
#include <limits>
#include <tuple>

using namespace allot::allocation;
using namespace allot::allocation::detail;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

static Error checkWithResource(const Problem &problem, unsigned resource) {
  if (Error error = problem.check())
    return error;
  if (resource >= problem.resources.size())
    return makeError("there is no resource number " + llvm::Twine(resource));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// bestUniform
//===----------------------------------------------------------------------===//

/// The choice that gives `name` to every item, as far as UniformOptions says.
static std::optional<UniformChoice> makeUniform(const Problem &problem,
                                                StringRef name,
                                                ArrayRef<std::string> fallbacks,
                                                ArrayRef<const Pin *> pinned) {
  UniformChoice result;
  result.name = name.str();
  for (auto [item, pin] : llvm::zip_equal(problem.items, pinned)) {
    std::optional<unsigned> option =
        item.findOption(pin ? StringRef(pin->option) : name);
    for (const std::string &fallback : fallbacks)
      if (!option)
        option = item.findOption(fallback);
    if (!option && item.options.size() == 1)
      option = 0;
    if (!option)
      return std::nullopt;
    result.fallbacks += item.options[*option].name != name;
    result.choice.push_back(*option);
  }
  if (Error error = problem.checkChoice(result.choice)) {
    llvm::consumeError(std::move(error));
    return std::nullopt;
  }
  Evaluation evaluation = problem.evaluate(result.choice);
  result.objective = evaluation.objective;
  result.costs = evaluation.costs;
  return result;
}

Expected<UniformResult>
allot::allocation::bestUniform(const Problem &problem,
                               const UniformOptions &options) {
  if (Error error = checkWithResource(problem, options.resource))
    return error;
  std::vector<const Pin *> pinned(problem.items.size(), nullptr);
  for (const Pin &pin : problem.pins)
    pinned[pin.item] = &pin;
  std::vector<std::string> names = options.names;
  if (names.empty()) {
    llvm::StringSet<> seen;
    for (const Item &item : problem.items)
      for (const Option &option : item.options)
        if (seen.insert(option.name).second)
          names.push_back(option.name);
  }

  UniformResult result;
  for (const std::string &name : names) {
    std::optional<UniformChoice> uniform =
        makeUniform(problem, name, options.fallbacks, pinned);
    // A name that nobody takes is not a uniform choice of anything.
    if (!uniform || uniform->fallbacks == problem.items.size())
      continue;
    bool fits = true;
    for (auto [resource, cost] :
         llvm::zip_equal(problem.resources, uniform->costs))
      fits &= !resource.budget || cost <= *resource.budget;
    int64_t cost = uniform->costs[options.resource];
    auto costOf = [&](const UniformChoice &choice) {
      return choice.costs[options.resource];
    };
    if (fits) {
      if (!result.within ||
          std::make_tuple(uniform->objective, cost) <
              std::make_tuple(result.within->objective, costOf(*result.within)))
        result.within = uniform;
    } else if (!result.above || std::make_tuple(cost, uniform->objective) <
                                    std::make_tuple(costOf(*result.above),
                                                    result.above->objective)) {
      result.above = uniform;
    }
    result.all.push_back(std::move(*uniform));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// marginalPrices
//===----------------------------------------------------------------------===//

namespace {
/// What the items of a group and the ties that touch it contribute.
struct Share {
  Costs costs;
  double loss = 0;
};
} // namespace

static Share shareOf(const Problem &problem, const Group &group,
                     ArrayRef<unsigned> touching, ArrayRef<unsigned> choice) {
  Share share;
  share.costs.assign(problem.resources.size(), 0);
  auto add = [&](const Costs &costs, double loss) {
    for (auto [total, cost] : llvm::zip_equal(share.costs, costs))
      total += cost;
    share.loss += loss;
  };
  for (unsigned i : group.items) {
    const Option &option = problem.items[i].options[choice[i]];
    add(option.costs, option.loss);
  }
  for (unsigned t : touching) {
    const Tie &tie = problem.ties[t];
    for (const Sharing &sharing : tie.sharings) {
      if (!llvm::all_of(tie.items, [&](unsigned i) {
            return problem.items[i].options[choice[i]].name == sharing.option;
          }))
        continue;
      add(sharing.costs, sharing.loss);
    }
  }
  return share;
}

Expected<std::vector<MarginalPrice>>
allot::allocation::marginalPrices(const Problem &problem,
                                  const Solution &solution, unsigned resource) {
  if (Error error = checkWithResource(problem, resource))
    return error;
  if (Error error = problem.checkChoice(solution.choice))
    return error;
  Expected<std::vector<Group>> groups = formGroups(problem, /*usePins=*/false);
  if (!groups)
    return groups.takeError();
  std::vector<unsigned> groupOf(problem.items.size());
  for (auto [g, group] : llvm::enumerate(*groups))
    for (unsigned i : group.items)
      groupOf[i] = g;
  std::vector<llvm::SmallVector<unsigned, 1>> touching(groups->size());
  for (auto [t, tie] : llvm::enumerate(problem.ties))
    for (unsigned i : tie.items)
      if (!llvm::is_contained(touching[groupOf[i]], t))
        touching[groupOf[i]].push_back(t);

  std::vector<MarginalPrice> prices(problem.items.size());
  std::vector<unsigned> choice = solution.choice;
  for (auto [g, group] : llvm::enumerate(*groups)) {
    Share now = shareOf(problem, group, touching[g], choice);
    std::optional<Step> better, worse;
    size_t betterAt = 0, worseAt = 0;
    for (size_t c = 0, e = group.size(); c != e; ++c) {
      for (auto [i, option] : llvm::zip_equal(group.items, group.pick(c)))
        choice[i] = option;
      Share then = shareOf(problem, group, touching[g], choice);
      Step step;
      step.costs = std::move(then.costs);
      for (auto [cost, before] : llvm::zip_equal(step.costs, now.costs))
        cost -= before;
      step.cost = step.costs[resource];
      step.loss = then.loss - now.loss;
      if (step.loss < 0) {
        step.price = step.cost > 0 ? -step.loss / double(step.cost)
                                   : std::numeric_limits<double>::infinity();
        if (!better || step.price > better->price ||
            (step.price == better->price && step.cost < better->cost)) {
          better = step;
          betterAt = c;
        }
      } else if (step.cost < 0) {
        step.price = step.loss / -double(step.cost);
        if (!worse || step.price < worse->price ||
            (step.price == worse->price && step.cost > worse->cost)) {
          worse = step;
          worseAt = c;
        }
      }
    }
    for (auto [m, i] : llvm::enumerate(group.items)) {
      choice[i] = solution.choice[i];
      prices[i].better = better;
      prices[i].worse = worse;
      if (better)
        prices[i].better->option = group.pick(betterAt)[m];
      if (worse)
        prices[i].worse->option = group.pick(worseAt)[m];
    }
  }
  return prices;
}
