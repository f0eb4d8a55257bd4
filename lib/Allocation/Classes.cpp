//===- Classes.cpp - what can be chosen independently -----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Classes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <tuple>

using namespace allot::allocation;
using namespace allot::allocation::detail;
using llvm::ArrayRef;
using llvm::Twine;

/// Members of each class, both in increasing order.
static std::vector<llvm::SmallVector<unsigned, 2>>
members(llvm::IntEqClasses &classes, unsigned n) {
  classes.compress();
  std::vector<llvm::SmallVector<unsigned, 2>> result(classes.getNumClasses());
  for (unsigned i = 0; i != n; ++i)
    result[classes[i]].push_back(i);
  return result;
}

/// Why a group has no joint choice, in words.
static llvm::Error noCommonOption(const Problem &problem, const Group &group,
                                  ArrayRef<const Pin *> pinned) {
  std::string list;
  for (auto [n, i] : llvm::enumerate(group.items)) {
    if (n == 4) {
      list += " and " + std::to_string(group.items.size() - n) + " more";
      break;
    }
    list += (n ? ", " : "") + quoted(problem.items[i].name);
    if (pinned[i])
      list += " (pinned to " + quoted(pinned[i]->option) + ")";
  }
  return makeError("ties: the tied items " + list +
                   " have no permitted option name in common");
}

llvm::Expected<std::vector<Group>> detail::formGroups(const Problem &problem,
                                                      bool usePins) {
  unsigned n = problem.items.size();
  llvm::IntEqClasses classes(n);
  for (const Tie &tie : problem.ties)
    if (tie.required)
      for (unsigned i : tie.items)
        classes.join(tie.items.front(), i);
  std::vector<const Pin *> pinned(n, nullptr);
  if (usePins)
    for (const Pin &pin : problem.pins)
      pinned[pin.item] = &pin;

  std::vector<Group> groups;
  for (auto &items : members(classes, n)) {
    Group group;
    group.items = std::move(items);
    // Option name -> index, for the items after the first.
    std::vector<llvm::StringMap<unsigned>> index(group.items.size());
    for (size_t m = 1; m != group.items.size(); ++m)
      for (auto [o, option] :
           llvm::enumerate(problem.items[group.items[m]].options))
        index[m][option.name] = o;
    llvm::SmallVector<unsigned, 4> pick(group.items.size());
    for (auto [o, option] :
         llvm::enumerate(problem.items[group.items[0]].options)) {
      bool permitted = true;
      for (size_t m = 0; m != group.items.size() && permitted; ++m) {
        const Pin *pin = pinned[group.items[m]];
        permitted = !pin || pin->option == option.name;
        if (m == 0) {
          pick[m] = o;
          continue;
        }
        auto it = index[m].find(option.name);
        if (it == index[m].end())
          permitted = false;
        else
          pick[m] = it->second;
      }
      if (permitted)
        group.picks.insert(group.picks.end(), pick.begin(), pick.end());
    }
    if (group.picks.empty())
      return noCommonOption(problem, group, pinned);
    groups.push_back(std::move(group));
  }
  return groups;
}

/// The groups that ties join.
static std::vector<llvm::SmallVector<unsigned, 2>>
joinedGroups(const Problem &problem, ArrayRef<Group> groups) {
  std::vector<unsigned> groupOf(problem.items.size());
  for (auto [g, group] : llvm::enumerate(groups))
    for (unsigned i : group.items)
      groupOf[i] = g;
  llvm::IntEqClasses classes(groups.size());
  for (const Tie &tie : problem.ties)
    for (unsigned i : tie.items)
      classes.join(groupOf[tie.items.front()], groupOf[i]);
  return members(classes, groups.size());
}

/// The number of joint choices of a component of two or more groups.
static llvm::Expected<uint64_t> countChoices(const Problem &problem,
                                             ArrayRef<Group> groups,
                                             ArrayRef<unsigned> parts,
                                             uint64_t maxChoices) {
  std::string name = quoted(problem.items[groups[parts.front()].items[0]].name);
  uint64_t choices = 1, items = 0;
  for (unsigned g : parts) {
    choices *= groups[g].size();
    if (choices > maxChoices)
      return makeError("ties: the items tied to " + name + " have more than " +
                       Twine(maxChoices) +
                       " combinations of options; too many for the knapsack "
                       "solver");
    items += groups[g].items.size();
  }
  // Wide components multiply memory without adding combinations.
  if (choices * items > 64 * maxChoices)
    return makeError("ties: the component of item " + name +
                     " is too large for the knapsack solver");
  return choices;
}

bool detail::hasSmallComponents(const Problem &problem, uint64_t maxChoices) {
  llvm::Expected<std::vector<Group>> groups = formGroups(problem);
  if (!groups) {
    llvm::consumeError(groups.takeError());
    return false;
  }
  for (const auto &parts : joinedGroups(problem, *groups)) {
    if (parts.size() == 1)
      continue;
    llvm::Expected<uint64_t> choices =
        countChoices(problem, *groups, parts, maxChoices);
    if (choices)
      continue;
    llvm::consumeError(choices.takeError());
    return false;
  }
  return true;
}

llvm::Expected<std::vector<Group>>
detail::formComponents(const Problem &problem, uint64_t maxChoices) {
  llvm::Expected<std::vector<Group>> groups = formGroups(problem);
  if (!groups)
    return groups.takeError();
  std::vector<Group> components;
  for (auto &parts : joinedGroups(problem, *groups)) {
    if (parts.size() == 1) {
      components.push_back(std::move((*groups)[parts.front()]));
      continue;
    }
    llvm::Expected<uint64_t> counted =
        countChoices(problem, *groups, parts, maxChoices);
    if (!counted)
      return counted.takeError();
    uint64_t choices = *counted;
    Group component;
    for (unsigned g : parts)
      llvm::append_range(component.items, (*groups)[g].items);
    component.picks.reserve(choices * component.items.size());
    // An odometer over the groups, the last one fastest.
    llvm::SmallVector<unsigned, 4> position(parts.size(), 0);
    for (uint64_t c = 0; c != choices; ++c) {
      for (auto [p, g] : llvm::enumerate(parts))
        llvm::append_range(component.picks, (*groups)[g].pick(position[p]));
      for (size_t p = parts.size(); p-- != 0;) {
        if (++position[p] != (*groups)[parts[p]].size())
          break;
        position[p] = 0;
      }
    }
    components.push_back(std::move(component));
  }
  return components;
}

namespace {
/// A tie as indices into a component: per sharing, the option of each member.
struct LocalSharing {
  llvm::SmallVector<unsigned, 4> members; // positions in component.items
  llvm::SmallVector<unsigned, 4> options;
  int64_t cost;
  double loss;
};
} // namespace

static std::vector<LocalSharing> localSharings(const Problem &problem,
                                               const Group &component,
                                               unsigned resource) {
  std::vector<LocalSharing> result;
  if (component.items.size() < 2)
    return result;
  llvm::DenseMap<unsigned, unsigned> position;
  for (auto [m, i] : llvm::enumerate(component.items))
    position[i] = m;
  for (const Tie &tie : problem.ties) {
    if (!position.contains(tie.items.front()))
      continue;
    for (const Sharing &sharing : tie.sharings) {
      LocalSharing local;
      local.cost = sharing.costs[resource];
      local.loss = sharing.loss;
      for (unsigned i : tie.items) {
        local.members.push_back(position.lookup(i));
        local.options.push_back(*problem.items[i].findOption(sharing.option));
      }
      result.push_back(std::move(local));
    }
  }
  return result;
}

std::vector<Candidate> detail::paretoFront(const Problem &problem,
                                           const Group &component,
                                           unsigned resource) {
  std::vector<LocalSharing> sharings =
      localSharings(problem, component, resource);
  std::vector<Candidate> all;
  all.reserve(component.size());
  for (size_t c = 0, e = component.size(); c != e; ++c) {
    ArrayRef<unsigned> pick = component.pick(c);
    Candidate candidate{0, 0, static_cast<unsigned>(c)};
    for (auto [i, option] : llvm::zip_equal(component.items, pick)) {
      const Option &chosen = problem.items[i].options[option];
      candidate.cost += chosen.costs[resource];
      candidate.loss += chosen.loss;
    }
    for (const LocalSharing &sharing : sharings) {
      bool shared = true;
      for (auto [m, option] : llvm::zip_equal(sharing.members, sharing.options))
        shared &= pick[m] == option;
      if (!shared)
        continue;
      candidate.cost += sharing.cost;
      candidate.loss += sharing.loss;
    }
    all.push_back(candidate);
  }
  std::sort(all.begin(), all.end(), [](const Candidate &a, const Candidate &b) {
    return std::tie(a.cost, a.loss, a.pick) < std::tie(b.cost, b.loss, b.pick);
  });
  size_t kept = 0;
  for (const Candidate &candidate : all)
    if (kept == 0 || candidate.loss < all[kept - 1].loss)
      all[kept++] = candidate;
  all.resize(kept);
  return all;
}
