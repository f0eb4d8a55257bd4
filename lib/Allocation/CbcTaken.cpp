//===- CbcTaken.cpp - choices kept within limits, in integers ---*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "CbcProgram.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

using namespace allot::allocation;
using namespace allot::allocation::detail;

Taken::Taken(const Program &program, std::vector<unsigned> initial)
    : program(program), picks(std::move(initial)),
      costs(program.limits.size(), 0), bonusesOf(program.classes.size()) {
  auto add = [&](const Costs &more, double moreLoss) {
    for (auto [total, cost] : llvm::zip_equal(costs, more))
      total += cost;
    loss += moreLoss;
  };
  for (auto [choices, pick] : llvm::zip_equal(program.classes, picks))
    add(choices[pick].costs, choices[pick].loss);
  for (auto [b, bonus] : llvm::enumerate(program.bonuses)) {
    unsigned absent = 0;
    for (auto [c, choice] : bonus.when) {
      bonusesOf[c].push_back(b);
      absent += picks[c] != choice;
    }
    missing.push_back(absent);
    if (absent == 0)
      add(bonus.costs, bonus.loss);
  }
}

bool Taken::fits() const {
  return llvm::all_of(llvm::zip_equal(costs, program.limits), [](auto pair) {
    return std::get<0>(pair) <= std::get<1>(pair);
  });
}

/// The choice of class `c` that a bonus asks for.
static unsigned wanted(const Program::Bonus &bonus, unsigned c) {
  return llvm::find_if(bonus.when,
                       [&](const auto &when) { return when.first == c; })
      ->second;
}

Program::Choice Taken::change(unsigned c, unsigned choice) const {
  const Program::Choice &before = program.classes[c][picks[c]];
  Program::Choice result = program.classes[c][choice];
  result.loss -= before.loss;
  for (auto [cost, old] : llvm::zip_equal(result.costs, before.costs))
    cost -= old;
  if (choice == picks[c])
    return result;
  for (unsigned b : bonusesOf[c]) {
    const Program::Bonus &bonus = program.bonuses[b];
    unsigned needed = wanted(bonus, c);
    int sign = missing[b] == 0                       ? -1
               : missing[b] == 1 && needed == choice ? 1
                                                     : 0;
    if (sign == 0)
      continue;
    result.loss += sign * bonus.loss;
    for (auto [cost, more] : llvm::zip_equal(result.costs, bonus.costs))
      cost += sign * more;
  }
  return result;
}

void Taken::take(unsigned c, unsigned choice) {
  if (choice == picks[c])
    return;
  Program::Choice delta = change(c, choice);
  loss += delta.loss;
  for (auto [total, cost] : llvm::zip_equal(costs, delta.costs))
    total += cost;
  for (unsigned b : bonusesOf[c]) {
    unsigned needed = wanted(program.bonuses[b], c);
    missing[b] += (choice != needed) - (picks[c] != needed);
  }
  picks[c] = choice;
}

bool Taken::repair() {
  // How far the limits are exceeded, each by its own measure.
  auto excess = [&](llvm::ArrayRef<int64_t> delta) {
    double sum = 0;
    for (auto [r, limit] : llvm::enumerate(program.limits)) {
      int64_t total = costs[r] + (delta.empty() ? 0 : delta[r]);
      if (total > limit)
        sum += double(total - limit) / std::max(1.0, double(std::abs(limit)));
    }
    return sum;
  };
  while (!fits()) {
    double now = excess({}), best = 0;
    unsigned bestClass = 0, bestChoice = 0;
    bool found = false;
    for (unsigned c = 0, e = program.classes.size(); c != e; ++c)
      for (unsigned o = 0, n = program.classes[c].size(); o != n; ++o) {
        if (o == picks[c])
          continue;
        Program::Choice delta = change(c, o);
        double removed = now - excess(delta.costs);
        // Each step removes something, so there is an end to them.
        if (removed <= now * 1e-12)
          continue;
        double price = delta.loss / removed;
        if (!found || price < best) {
          found = true;
          best = price;
          bestClass = c;
          bestChoice = o;
        }
      }
    if (!found)
      return false;
    take(bestClass, bestChoice);
  }
  improve();
  return true;
}

void Taken::improve() {
  while (true) {
    double best = 0;
    unsigned bestClass = 0, bestChoice = 0;
    for (unsigned c = 0, e = program.classes.size(); c != e; ++c)
      for (unsigned o = 0, n = program.classes[c].size(); o != n; ++o) {
        if (o == picks[c])
          continue;
        Program::Choice delta = change(c, o);
        if (delta.loss >= best)
          continue;
        bool fit = true;
        for (auto [total, cost, limit] :
             llvm::zip_equal(costs, delta.costs, program.limits))
          fit &= total + cost <= limit;
        if (!fit)
          continue;
        best = delta.loss;
        bestClass = c;
        bestChoice = o;
      }
    // Rounding must not keep it going.
    if (!(best < -1e-14 * std::fabs(loss)))
      return;
    take(bestClass, bestChoice);
  }
}
