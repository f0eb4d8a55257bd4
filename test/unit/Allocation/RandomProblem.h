//===- RandomProblem.h - random problems for the tests ----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef ALLOT_TEST_UNIT_ALLOCATION_RANDOMPROBLEM_H
#define ALLOT_TEST_UNIT_ALLOCATION_RANDOMPROBLEM_H

#include "TestUtil.h"

namespace allot::allocation::test {

/// What a random problem looks like.
struct Shape {
  int maxItems = 5, maxOptions = 5;
  int64_t maxCost = 30;
  /// Losses are small integers (many equal sums) or spread over magnitudes.
  bool integerLosses = false;
  double zeroLoss = 0.1, equalCost = 0.2;
  int maxTies = 0;
  double pin = 0;
  unsigned resources = 1;
  /// The first resources have one.
  unsigned budgets = 1;
};

/// Many sums are equal.
inline Shape equalSums() {
  Shape shape;
  shape.integerLosses = true;
  shape.zeroLoss = 0.3;
  shape.equalCost = 0.5;
  shape.maxCost = 6;
  return shape;
}

inline Shape tiesAndPins() {
  Shape shape;
  shape.maxTies = 3;
  shape.pin = 0.1;
  shape.maxOptions = 4;
  return shape;
}

inline double randomLoss(Random &random, const Shape &shape) {
  if (random.chance(shape.zeroLoss))
    return 0;
  if (shape.integerLosses)
    return double(random.integer(0, 6));
  return std::exp2(double(random.integer(-20, 4))) * random.real();
}

inline Problem randomProblem(Random &random, const Shape &shape) {
  Problem problem;
  for (unsigned r = 0; r != shape.resources; ++r)
    problem.resources.push_back(
        {r == 0 ? "bytes" : "r" + std::to_string(r), std::nullopt});
  int items = int(random.integer(1, shape.maxItems));
  for (int i = 0; i != items; ++i) {
    Item item;
    item.name = "item" + std::to_string(i);
    int options = int(random.integer(1, shape.maxOptions));
    for (int o = 0; o != options; ++o) {
      Costs costs;
      for (unsigned r = 0; r != shape.resources; ++r)
        costs.push_back(o && random.chance(shape.equalCost)
                            ? item.options.back().costs[r]
                            : random.integer(0, shape.maxCost));
      // Names in another order per item, so that ties have to look.
      std::string name = "o" + std::to_string((o + i) % shape.maxOptions);
      item.options.push_back(
          makeOption(name, costs, randomLoss(random, shape)));
    }
    problem.items.push_back(std::move(item));
  }
  int ties = shape.maxTies ? int(random.integer(0, shape.maxTies)) : 0;
  for (int t = 0; t != ties && items > 1; ++t) {
    Tie tie;
    tie.name = "tie" + std::to_string(t);
    unsigned first = unsigned(random.integer(0, items - 1));
    tie.items.push_back(first);
    for (unsigned i = 0; i != unsigned(items); ++i)
      if (i != first && random.chance(0.4))
        tie.items.push_back(i);
    if (tie.items.size() < 2)
      continue;
    tie.required = random.chance(0.5);
    for (int o = 0; o != shape.maxOptions; ++o) {
      std::string name = "o" + std::to_string(o);
      Costs own(shape.resources, 0);
      bool common = random.chance(0.7);
      for (unsigned i : tie.items) {
        auto option = problem.items[i].findOption(name);
        common &= option.has_value();
        for (unsigned r = 0; common && r != shape.resources; ++r)
          own[r] += problem.items[i].options[*option].costs[r];
      }
      if (!common)
        continue;
      Costs costs;
      for (unsigned r = 0; r != shape.resources; ++r)
        costs.push_back(random.integer(-own[r], 10));
      tie.sharings.push_back({name, costs, randomLoss(random, shape), "test"});
    }
    problem.ties.push_back(std::move(tie));
  }
  for (unsigned i = 0; i != unsigned(items); ++i)
    if (random.chance(shape.pin)) {
      const auto &options = problem.items[i].options;
      problem.pins.push_back(
          {i, options[size_t(random.integer(0, int64_t(options.size()) - 1))]
                  .name});
    }
  // Budgets from impossible to idle.
  int64_t most = shape.maxCost * items;
  for (unsigned r = 0; r != shape.budgets; ++r)
    problem.resources[r].budget = random.integer(0, most);
  return problem;
}

/// Some options become hopeless, or cost next to nothing.
inline void spreadLosses(Random &random, Problem &problem) {
  for (Item &item : problem.items)
    for (Option &option : item.options)
      if (random.chance(0.2))
        option.loss = std::ldexp(1.0, int(random.integer(-300, 1000)));
}

/// An item `dear`, `first` and `second` with one loss; the last two cost less,
/// and the same.
inline Problem equalOptions(unsigned resources) {
  Problem problem;
  Costs dear(resources, 9), cheap(resources, 5);
  for (unsigned r = 0; r != resources; ++r)
    problem.resources.push_back({"r" + std::to_string(r), 100});
  problem.items = {
      {"a",
       {makeOption("dear", dear, 0.5), makeOption("first", cheap, 0.5),
        makeOption("second", cheap, 0.5)}}};
  return problem;
}

} // namespace allot::allocation::test

#endif // ALLOT_TEST_UNIT_ALLOCATION_RANDOMPROBLEM_H
