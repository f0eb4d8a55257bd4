//===- Problem.cpp - allocation problems and their answers ------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allot/Allocation/Problem.h"
#include "Classes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace allot::allocation;
using namespace allot::allocation::detail;
using llvm::ArrayRef;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;

std::string detail::quoted(StringRef name) {
  constexpr size_t limit = 200;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '\'';
  os.write_escaped(name.take_front(limit));
  os << (name.size() > limit ? "...'" : "'");
  return text;
}

Error detail::makeError(const Twine &message) {
  return llvm::createStringError(
      std::make_error_code(std::errc::invalid_argument), message.str().c_str());
}

static std::string number(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.17g", value);
  return text;
}

StringRef allot::allocation::stringifyStatus(Status status) {
  return status == Status::Optimal ? "optimal" : "feasible";
}

double Solution::relativeGap(double objective, double bound) {
  return (objective - bound) /
         std::max(std::fabs(objective), std::numeric_limits<double>::min());
}

//===----------------------------------------------------------------------===//
// InfeasibleError
//===----------------------------------------------------------------------===//

char InfeasibleError::ID = 0;

void InfeasibleError::log(llvm::raw_ostream &os) const {
  os << "the budget of " << budget << " for resource " << quoted(resource)
     << " cannot be met: the least possible total is " << least;
}

std::error_code InfeasibleError::convertToErrorCode() const {
  return std::make_error_code(std::errc::result_out_of_range);
}

char InfeasibleTogetherError::ID = 0;

void InfeasibleTogetherError::log(llvm::raw_ostream &os) const {
  os << "the budgets cannot be met together, though each of them can alone";
  for (auto [i, part] : llvm::enumerate(parts)) {
    os << (i ? "; " : ": ") << "resource " << quoted(part.resource)
       << " with the budget " << part.budget << " takes at least "
       << part.least;
    if (part.leastWithin)
      os << ", within the other budgets " << *part.leastWithin;
  }
}

std::error_code InfeasibleTogetherError::convertToErrorCode() const {
  return std::make_error_code(std::errc::result_out_of_range);
}

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

template <typename Range>
static std::optional<unsigned> findByName(const Range &range, StringRef name) {
  for (size_t i = 0, e = range.size(); i != e; ++i)
    if (range[i].name == name)
      return static_cast<unsigned>(i);
  return std::nullopt;
}

std::optional<unsigned> Item::findOption(StringRef option) const {
  return findByName(options, option);
}

std::optional<unsigned> Problem::findResource(StringRef name) const {
  return findByName(resources, name);
}

std::optional<unsigned> Problem::findItem(StringRef name) const {
  return findByName(items, name);
}

//===----------------------------------------------------------------------===//
// check
//===----------------------------------------------------------------------===//

namespace {

constexpr double maxLoss = std::numeric_limits<double>::max() / 4;

class Checker {
public:
  explicit Checker(const Problem &problem)
      : problem(problem), largest(problem.resources.size(), 0) {}

  Error run() {
    if (Error error = checkResources())
      return error;
    if (problem.items.size() > std::numeric_limits<int32_t>::max())
      return makeError("more than 2^31 items");
    for (const Item &item : problem.items)
      if (Error error = checkItem(item))
        return error;
    for (size_t i = 0, e = problem.ties.size(); i != e; ++i)
      if (Error error = checkTie(problem.ties[i], i))
        return error;
    if (Error error = checkPins())
      return error;
    // What ties and pins leave together.
    return formGroups(problem).takeError();
  }

private:
  Error checkResources() {
    if (problem.resources.empty())
      return makeError("the problem has no resource");
    llvm::StringSet<> names;
    for (const Resource &resource : problem.resources) {
      if (resource.name.empty())
        return makeError("a resource has an empty name");
      if (!names.insert(resource.name).second)
        return makeError("two resources are named " + quoted(resource.name));
      if (resource.budget && *resource.budget < 0)
        return makeError("resource " + quoted(resource.name) +
                         ": field 'budget' is negative (" +
                         Twine(*resource.budget) + ")");
    }
    return Error::success();
  }

  Error checkLoss(double loss, double &total, const Twine &where) {
    if (!std::isfinite(loss))
      return makeError(where + ": field 'loss' is not finite");
    if (loss < 0)
      return makeError(where + ": field 'loss' is negative (" + number(loss) +
                       ")");
    total += loss;
    if (!(total <= maxLoss))
      return makeError(where + ": field 'loss': the sum of the losses is too "
                               "large");
    return Error::success();
  }

  Error checkCostCount(const Costs &costs, const Twine &where) {
    if (costs.size() == problem.resources.size())
      return Error::success();
    return makeError(where + ": field 'costs' has " + Twine(costs.size()) +
                     " numbers, but there are " +
                     Twine(problem.resources.size()) + " resources");
  }

  /// Adds the largest magnitude of each resource to the running total.
  Error addLargest(ArrayRef<int64_t> most, const Twine &where) {
    for (auto [r, magnitude] : llvm::enumerate(most)) {
      if (magnitude > maxTotal - largest[r])
        return makeError(where +
                         ": field 'costs': the sum of the costs of "
                         "resource " +
                         quoted(problem.resources[r].name) + " exceeds 2^61");
      largest[r] += magnitude;
    }
    return Error::success();
  }

  Error checkItem(const Item &item) {
    if (item.name.empty())
      return makeError("an item has an empty name");
    if (!itemNames.insert(item.name).second)
      return makeError("two items are named " + quoted(item.name));
    std::string where = "item " + quoted(item.name);
    if (item.options.empty())
      return makeError(where + ": field 'options' is empty");
    llvm::StringSet<> names;
    Costs most(problem.resources.size(), 0);
    double worst = 0;
    for (const Option &option : item.options) {
      if (option.name.empty())
        return makeError(where + ": an option has an empty name");
      if (!names.insert(option.name).second)
        return makeError(where + ": two options are named " +
                         quoted(option.name));
      std::string at = where + ": option " + quoted(option.name);
      if (Error error = checkCostCount(option.costs, at))
        return error;
      for (auto [r, cost] : llvm::enumerate(option.costs)) {
        if (cost < 0)
          return makeError(at + ": field 'costs': resource " +
                           quoted(problem.resources[r].name) +
                           " has a negative cost (" + Twine(cost) + ")");
        most[r] = std::max(most[r], cost);
      }
      double sum = losses;
      if (Error error = checkLoss(option.loss, sum, at))
        return error;
      worst = std::max(worst, sum);
    }
    losses = std::max(losses, worst);
    return addLargest(most, where);
  }

  Error checkTie(const Tie &tie, size_t index) {
    if (!tie.name.empty() && !tieNames.insert(tie.name).second)
      return makeError("two ties are named " + quoted(tie.name));
    std::string where = tie.name.empty() ? "tie number " + std::to_string(index)
                                         : "tie " + quoted(tie.name);
    if (tie.items.size() < 2)
      return makeError(where + ": field 'items' has fewer than two items");
    llvm::SmallVector<unsigned> sorted(tie.items.begin(), tie.items.end());
    llvm::sort(sorted);
    if (sorted.back() >= problem.items.size())
      return makeError(where + ": field 'items': there is no item number " +
                       Twine(sorted.back()));
    auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end())
      return makeError(where + ": field 'items' has item " +
                       quoted(problem.items[*twice].name) + " twice");
    llvm::StringSet<> names;
    Costs most(problem.resources.size(), 0);
    double worst = losses;
    for (const Sharing &sharing : tie.sharings) {
      std::string at = where + ": sharing " + quoted(sharing.option);
      if (!names.insert(sharing.option).second)
        return makeError(where + ": two sharings are for option " +
                         quoted(sharing.option));
      if (Error error = checkCostCount(sharing.costs, at))
        return error;
      if (Error error = checkSharedCosts(tie, sharing, most, at))
        return error;
      double sum = losses;
      if (Error error = checkLoss(sharing.loss, sum, at))
        return error;
      worst = std::max(worst, sum);
    }
    losses = worst;
    return addLargest(most, where);
  }

  Error checkSharedCosts(const Tie &tie, const Sharing &sharing, Costs &most,
                         const Twine &where) {
    Costs own(problem.resources.size(), 0);
    for (unsigned i : tie.items) {
      const Item &item = problem.items[i];
      std::optional<unsigned> option = item.findOption(sharing.option);
      if (!option)
        return makeError(where + ": item " + quoted(item.name) +
                         " has no such option");
      for (size_t r = 0; r != own.size(); ++r)
        own[r] += item.options[*option].costs[r];
    }
    for (size_t r = 0; r != own.size(); ++r) {
      // The sum of what the items pay is at most maxTotal, so the negation and
      // the comparison cannot overflow.
      if (sharing.costs[r] < -own[r])
        return makeError(where + ": field 'costs': resource " +
                         quoted(problem.resources[r].name) +
                         " saves more than the items pay (" + Twine(own[r]) +
                         ")");
      most[r] = std::max(most[r], std::abs(sharing.costs[r]));
    }
    return Error::success();
  }

  Error checkPins() {
    std::vector<const Pin *> pinned(problem.items.size(), nullptr);
    for (const Pin &pin : problem.pins) {
      if (pin.item >= problem.items.size())
        return makeError("pin: there is no item number " + Twine(pin.item));
      const Item &item = problem.items[pin.item];
      if (!item.findOption(pin.option))
        return makeError("pin: item " + quoted(item.name) + " has no option " +
                         quoted(pin.option));
      const Pin *&earlier = pinned[pin.item];
      if (earlier && earlier->option != pin.option)
        return makeError("pin: item " + quoted(item.name) +
                         " is pinned to both " + quoted(earlier->option) +
                         " and " + quoted(pin.option));
      earlier = &pin;
    }
    return Error::success();
  }

  const Problem &problem;
  llvm::StringSet<> itemNames, tieNames;
  Costs largest;
  double losses = 0;
};

} // namespace

Error Problem::check() const { return Checker(*this).run(); }

//===----------------------------------------------------------------------===//
// evaluate, verify
//===----------------------------------------------------------------------===//

/// The name on which all items of the tie agree, or null.
static const std::string *agreement(const Problem &problem, const Tie &tie,
                                    ArrayRef<unsigned> choice) {
  const std::string *name = nullptr;
  for (unsigned i : tie.items) {
    const std::string &mine = problem.items[i].options[choice[i]].name;
    if (name && mine != *name)
      return nullptr;
    name = &mine;
  }
  return name;
}

Evaluation Problem::evaluate(ArrayRef<unsigned> choice) const {
  Evaluation result;
  result.costs.assign(resources.size(), 0);
  auto add = [&](const Costs &costs, double loss) {
    for (size_t r = 0, e = resources.size(); r != e; ++r)
      result.costs[r] += costs[r];
    result.objective += loss;
  };
  for (auto [item, option] : llvm::zip_equal(items, choice))
    add(item.options[option].costs, item.options[option].loss);
  for (const Tie &tie : ties) {
    const std::string *name = agreement(*this, tie, choice);
    if (!name)
      continue;
    for (const Sharing &sharing : tie.sharings)
      if (sharing.option == *name)
        add(sharing.costs, sharing.loss);
  }
  return result;
}

Error Problem::checkChoice(ArrayRef<unsigned> choice) const {
  if (choice.size() != items.size())
    return makeError("the solution chooses for " + Twine(choice.size()) +
                     " items, but there are " + Twine(items.size()));
  for (auto [item, option] : llvm::zip_equal(items, choice))
    if (option >= item.options.size())
      return makeError("item " + quoted(item.name) +
                       ": field 'choice': there is no option number " +
                       Twine(option));
  for (const Pin &pin : pins) {
    const Item &item = items[pin.item];
    const std::string &name = item.options[choice[pin.item]].name;
    if (name != pin.option)
      return makeError("item " + quoted(item.name) + ": field 'choice' is " +
                       quoted(name) + ", but the item is pinned to " +
                       quoted(pin.option));
  }
  for (const Tie &tie : ties) {
    if (!tie.required || agreement(*this, tie, choice))
      continue;
    const Item &first = items[tie.items.front()];
    const std::string &name = first.options[choice[tie.items.front()]].name;
    for (unsigned i : tie.items) {
      const std::string &other = items[i].options[choice[i]].name;
      if (other != name)
        return makeError("item " + quoted(items[i].name) +
                         ": field 'choice' is " + quoted(other) +
                         ", but item " + quoted(first.name) +
                         " to which it is tied takes " + quoted(name));
    }
  }
  return Error::success();
}

Error Problem::verify(const Solution &solution) const {
  if (Error error = checkChoice(solution.choice))
    return error;
  Evaluation truth = evaluate(solution.choice);
  if (solution.costs.size() != resources.size())
    return makeError("the solution's field 'costs' has " +
                     Twine(solution.costs.size()) + " numbers, but there are " +
                     Twine(resources.size()) + " resources");
  for (size_t r = 0, e = resources.size(); r != e; ++r) {
    const Resource &resource = resources[r];
    if (solution.costs[r] != truth.costs[r])
      return makeError("the solution claims a total of " +
                       Twine(solution.costs[r]) + " for resource " +
                       quoted(resource.name) + ", but its choices sum to " +
                       Twine(truth.costs[r]));
    if (resource.budget && truth.costs[r] > *resource.budget)
      return makeError("the solution takes " + Twine(truth.costs[r]) +
                       " of resource " + quoted(resource.name) +
                       ", more than the budget of " + Twine(*resource.budget));
  }
  if (!std::isfinite(solution.objective) || !std::isfinite(solution.bound) ||
      !std::isfinite(solution.gap))
    return makeError("the solution's objective, bound or gap is not finite");
  double tolerance = 1e-9 * truth.objective;
  if (std::fabs(solution.objective - truth.objective) > tolerance)
    return makeError("the solution claims an objective of " +
                     number(solution.objective) + ", but its choices sum to " +
                     number(truth.objective));
  if (solution.bound > solution.objective + tolerance)
    return makeError("the solution's bound " + number(solution.bound) +
                     " is above its objective " + number(solution.objective));
  double gap = Solution::relativeGap(solution.objective, solution.bound);
  if (std::fabs(solution.gap - gap) > 1e-9 + 1e-6 * std::fabs(gap))
    return makeError("the solution claims a gap of " + number(solution.gap) +
                     ", but objective and bound give " + number(gap));
  if (solution.status == Status::Optimal && gap > 1e-9)
    return makeError("the solution claims to be optimal, but its bound " +
                     number(solution.bound) + " is below its objective " +
                     number(solution.objective));
  return Error::success();
}
