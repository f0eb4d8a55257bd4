//===- KnapsackCore.cpp - multiple-choice knapsack in integers --*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Notation. The base takes, in each class, a pair that is optimal for the
// multiplier p/q. Relative to it a choice has a change of cost c and of loss l,
// and reduced cost q l + p c, which is never negative. With the slack s that
// the base leaves, a feasible choice (c <= s) has the value
//   (q l + p c) + p (s - c) = q l + p s,
// so comparing values is comparing losses, and both summands are bounds.
//===----------------------------------------------------------------------===//

#include "KnapsackCore.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include <algorithm>
#include <tuple>

using namespace allot::allocation::detail;
using llvm::ArrayRef;

//===----------------------------------------------------------------------===//
// Hulls
//===----------------------------------------------------------------------===//

/// a.gain / a.cost < b.gain / b.cost, exactly.
static bool lessEfficient(const Increment &a, const Increment &b) {
  return Int128(a.gain) * b.cost < Int128(b.gain) * a.cost;
}

static void appendHull(const PairClass &pairs, unsigned cls,
                       std::vector<Increment> &out) {
  size_t first = out.size();
  auto step = [&](unsigned from, unsigned to) {
    return Increment{cls, from, to, pairs[to].cost - pairs[from].cost,
                     pairs[from].loss - pairs[to].loss};
  };
  for (unsigned to = 1; to < pairs.size(); ++to) {
    Increment next = step(to - 1, to);
    // The last vertex lies above the line past it (or on it): not a vertex.
    while (out.size() > first && !lessEfficient(next, out.back())) {
      next = step(out.back().from, to);
      out.pop_back();
    }
    out.push_back(next);
  }
}

std::vector<Increment>
allot::allocation::detail::sortedIncrements(ArrayRef<PairClass> classes) {
  std::vector<Increment> result;
  for (auto [cls, pairs] : llvm::enumerate(classes))
    appendHull(pairs, cls, result);
  llvm::sort(result, [](const Increment &a, const Increment &b) {
    if (lessEfficient(b, a))
      return true;
    if (lessEfficient(a, b))
      return false;
    // Within a class efficiency falls strictly, so this is a total order.
    return std::tie(a.cls, a.from) < std::tie(b.cls, b.from);
  });
  return result;
}

//===----------------------------------------------------------------------===//
// Relaxation and first solution
//===----------------------------------------------------------------------===//

KnapsackCore::KnapsackCore(ArrayRef<PairClass> classes, int64_t budget)
    : classes(classes), budget(budget), increments(sortedIncrements(classes)) {}

void KnapsackCore::relax() {
  base.assign(classes.size(), 0);
  slack = budget;
  for (const PairClass &pairs : classes) {
    slack -= pairs.front().cost;
    totalLoss += pairs.front().loss;
  }
  for (split = 0; split != increments.size(); ++split) {
    const Increment &increment = increments[split];
    if (increment.cost > slack)
      break;
    slack -= increment.cost;
    totalLoss -= increment.gain;
    base[increment.cls] = increment.to;
  }
  best = base;
  bestLoss = totalLoss;
  if (split == increments.size()) {
    // Every class has its least loss.
    closed = true;
    return;
  }
  p = increments[split].gain;
  q = increments[split].cost;
  goal = Int128(p) * slack;
  if (slack == 0) {
    closed = true;
    return;
  }
  offer(base);
}

/// Spends what is left of the budget on the largest gain that fits, again and
/// again.
void KnapsackCore::fillGreedily(std::vector<unsigned> &positions) const {
  int64_t left = budget;
  for (auto [pairs, position] : llvm::zip_equal(classes, positions))
    left -= pairs[position].cost;
  while (true) {
    int64_t bestGain = 0;
    unsigned bestClass = 0, bestPosition = 0;
    for (auto [cls, pairs] : llvm::enumerate(classes)) {
      const Pair &now = pairs[positions[cls]];
      auto past = std::partition_point(
          pairs.begin() + positions[cls], pairs.end(),
          [&](const Pair &pair) { return pair.cost - now.cost <= left; });
      unsigned position = (past - pairs.begin()) - 1;
      if (now.loss - pairs[position].loss > bestGain) {
        bestGain = now.loss - pairs[position].loss;
        bestClass = cls;
        bestPosition = position;
      }
    }
    if (bestGain == 0)
      return;
    const PairClass &pairs = classes[bestClass];
    left -= pairs[bestPosition].cost - pairs[positions[bestClass]].cost;
    positions[bestClass] = bestPosition;
  }
}

void KnapsackCore::offer(std::vector<unsigned> positions) {
  fillGreedily(positions);
  int64_t loss = 0;
  for (auto [pairs, position] : llvm::zip_equal(classes, positions))
    loss += pairs[position].loss;
  if (loss >= bestLoss)
    return;
  best = std::move(positions);
  bestLoss = loss;
  goal = Int128(q) * (bestLoss - totalLoss) + Int128(p) * slack;
}

int64_t KnapsackCore::getBound() const {
  if (closed)
    return bestLoss;
  Int128 proven = dropped < 0 ? Int128(0) : std::min(dropped, goal);
  Int128 scaled = Int128(q) * totalLoss - Int128(p) * slack + proven;
  return scaled < 0 ? 0 : int64_t(scaled / q);
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

void KnapsackCore::extend(Side &side, const Increment &increment, unsigned step,
                          Int128 price) const {
  side.slope.push_back(price / increment.cost);
  side.cost.push_back(side.cost.back() + increment.cost);
  side.price.push_back(side.price.back() + price);
  side.steps.push_back(step);
  side.truncated = side.price.back() >= goal;
}

KnapsackCore::Outlook KnapsackCore::buildOutlook(int64_t stage) const {
  Outlook outlook;
  outlook.up.cost = outlook.down.cost = {0};
  outlook.up.price = outlook.down.price = {0};
  for (size_t i = split; i != increments.size() && !outlook.up.truncated; ++i) {
    const Increment &increment = increments[i];
    if (rank[increment.cls] >= stage)
      extend(outlook.up, increment, i,
             Int128(p) * increment.cost - Int128(q) * increment.gain);
  }
  for (size_t i = split; i-- != 0 && !outlook.down.truncated;) {
    const Increment &increment = increments[i];
    if (rank[increment.cls] >= stage)
      extend(outlook.down, increment, i,
             Int128(q) * increment.gain - Int128(p) * increment.cost);
  }
  return outlook;
}

Int128 KnapsackCore::lookAhead(const Outlook &outlook, int64_t cost,
                               Int128 price, Rounding *rounding) const {
  int64_t left = slack - cost;
  if (left >= 0) {
    const Side &side = outlook.up;
    size_t k = llvm::upper_bound(side.cost, left) - side.cost.begin() - 1;
    int64_t rest = left - side.cost[k];
    Int128 value = price + side.price[k] + Int128(p) * rest;
    if (rounding)
      *rounding = {value, int64_t(k), true};
    if (k != side.slope.size())
      return price + side.price[k] + side.slope[k] * rest;
    // Nothing more to buy: what is left stays unused.
    return side.truncated ? goal : value;
  }
  const Side &side = outlook.down;
  size_t k = llvm::lower_bound(side.cost, -left) - side.cost.begin();
  if (k == side.cost.size())
    return goal; // Cannot be made to fit, or only at too high a price.
  if (rounding)
    *rounding = {price + side.price[k] + Int128(p) * (side.cost[k] + left),
                 -int64_t(k), true};
  return price + side.price[k - 1] +
         side.slope[k - 1] * (-left - side.cost[k - 1]);
}

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

/// Drops the positions that no solution better than the best takes.
bool KnapsackCore::dropPositions(unsigned cls, const Outlook &outlook) {
  size_t before = live[cls].size();
  llvm::erase_if(live[cls], [&](unsigned position) {
    if (position == base[cls])
      return false;
    int64_t cost = classes[cls][position].cost - baseCost(cls);
    int64_t loss = classes[cls][position].loss - baseLoss(cls);
    // The outlook has the class itself too: a weaker bound, but a bound.
    return lookAhead(outlook, cost, reduced(cost, loss), nullptr) >= goal;
  });
  return live[cls].size() != before;
}

/// Drops positions, then orders the classes that still have a choice by the
/// price of their cheapest deviation from the base.
void KnapsackCore::decideClasses() {
  rank.assign(classes.size(), 0);
  live.resize(classes.size());
  for (auto [positions, pairs] : llvm::zip_equal(live, classes))
    positions = llvm::to_vector(llvm::seq<unsigned>(0, pairs.size()));
  for (bool changed = true; changed;) {
    changed = false;
    Outlook outlook = buildOutlook(0);
    for (unsigned cls = 0, e = classes.size(); cls != e; ++cls) {
      if (rank[cls] < 0)
        continue;
      dropPositions(cls, outlook);
      if (live[cls].size() == 1) {
        rank[cls] = -1;
        changed = true;
      }
    }
  }

  std::vector<std::pair<Int128, unsigned>> keys;
  std::vector<Int128> price(classes.size(), -1);
  auto note = [&](const Increment &increment, Int128 reducedCost) {
    Int128 &mine = price[increment.cls];
    Int128 slope = reducedCost / increment.cost;
    if (mine < 0 || slope < mine)
      mine = slope;
  };
  for (auto [i, increment] : llvm::enumerate(increments)) {
    Int128 difference = Int128(p) * increment.cost - Int128(q) * increment.gain;
    note(increment, i < split ? -difference : difference);
  }
  for (unsigned cls = 0, e = classes.size(); cls != e; ++cls)
    if (rank[cls] >= 0)
      keys.emplace_back(price[cls], cls);
  llvm::sort(keys);
  for (auto [stage, key] : llvm::enumerate(keys)) {
    order.push_back(key.second);
    rank[key.second] = stage;
  }
}

void KnapsackCore::adopt(unsigned stage, uint32_t parent, uint32_t option,
                         int64_t steps, const Outlook &outlook) {
  std::vector<unsigned> positions = base;
  positions[order[stage]] = option;
  for (unsigned s = stage; s-- != 0;) {
    const Link &link = history[s][parent];
    positions[order[s]] = link.option;
    parent = link.parent;
  }
  for (int64_t k = 0; k < steps; ++k) {
    const Increment &increment = increments[outlook.up.steps[k]];
    positions[increment.cls] = increment.to;
  }
  for (int64_t k = 0; k < -steps; ++k) {
    const Increment &increment = increments[outlook.down.steps[k]];
    positions[increment.cls] = increment.from;
  }
  offer(std::move(positions));
}

/// Every state of the stage before with every live position of the class of
/// this stage, dominated and hopeless ones dropped. `outlook` is that of the
/// classes after this stage.
std::vector<KnapsackCore::State> KnapsackCore::expand(ArrayRef<State> previous,
                                                      unsigned stage,
                                                      const Outlook &outlook) {
  unsigned cls = order[stage];
  Rounding bestRounding;
  uint32_t bestParent = 0, bestOption = 0;
  // One run per position, each ordered as `previous` is.
  std::vector<std::vector<State>> runs;
  for (unsigned position : live[cls]) {
    int64_t cost = classes[cls][position].cost - baseCost(cls);
    int64_t loss = classes[cls][position].loss - baseLoss(cls);
    std::vector<State> run;
    for (auto [parent, state] : llvm::enumerate(previous)) {
      ++states;
      State next{state.cost + cost, state.loss + loss, 0, uint32_t(parent),
                 position};
      Int128 price = reduced(next.cost, next.loss);
      if (price >= goal)
        continue;
      Rounding rounding;
      Int128 bound = lookAhead(outlook, next.cost, price, &rounding);
      if (rounding.found && rounding.value < goal) {
        goal = rounding.value;
        bestRounding = rounding;
        bestParent = parent;
        bestOption = position;
      }
      if (isRuledOut(bound))
        continue;
      next.scaledBound = scale(bound);
      run.push_back(next);
    }
    if (!run.empty())
      runs.push_back(std::move(run));
  }
  if (bestRounding.found)
    adopt(stage, bestParent, bestOption, bestRounding.steps, outlook);

  auto before = [](const State &a, const State &b) {
    return std::tie(a.cost, a.loss) < std::tie(b.cost, b.loss);
  };
  while (runs.size() > 1) {
    std::vector<std::vector<State>> merged;
    for (size_t i = 0; i + 1 < runs.size(); i += 2) {
      std::vector<State> both;
      both.reserve(runs[i].size() + runs[i + 1].size());
      std::merge(runs[i].begin(), runs[i].end(), runs[i + 1].begin(),
                 runs[i + 1].end(), std::back_inserter(both), before);
      // Dearer and not better than the one before: dominated.
      size_t kept = 0;
      for (const State &state : both)
        if (kept == 0 || state.loss < both[kept - 1].loss)
          both[kept++] = state;
      both.resize(kept);
      merged.push_back(std::move(both));
    }
    if (runs.size() % 2)
      merged.push_back(std::move(runs.back()));
    runs = std::move(merged);
  }
  return runs.empty() ? std::vector<State>() : std::move(runs.front());
}

/// Drops the states that can no longer beat the best, and beyond `width` those
/// of the largest bounds.
void KnapsackCore::keepPromising(std::vector<State> &list, unsigned width) {
  // The scaled bound is rounded down, so this keeps a few too many, never too
  // few.
  llvm::erase_if(list, [&](const State &state) {
    return isRuledOut(Int128(state.scaledBound) << shift);
  });
  if (list.size() <= width)
    return;
  std::vector<std::pair<int64_t, uint32_t>> keys;
  keys.reserve(list.size());
  for (auto [index, state] : llvm::enumerate(list))
    keys.emplace_back(state.scaledBound, uint32_t(index));
  std::nth_element(keys.begin(), keys.begin() + width, keys.end());
  // What lies at `width` is the least of all that goes.
  std::pair<int64_t, uint32_t> first = keys[width];
  drop(Int128(first.first) << shift);
  size_t kept = 0;
  for (auto [index, state] : llvm::enumerate(list))
    if (std::make_pair(state.scaledBound, uint32_t(index)) < first)
      list[kept++] = state;
  list.resize(kept);
}

/// Whether the gap asked for is reached; if so the states in hand are dropped.
bool KnapsackCore::isCloseEnough(ArrayRef<State> list, double relativeGap) {
  if (relativeGap <= 0 || list.empty())
    return false;
  int64_t least = list.front().scaledBound;
  for (const State &state : list)
    least = std::min(least, state.scaledBound);
  Int128 bound = Int128(least) << shift;
  Int128 open = goal - (dropped < 0 ? bound : std::min(bound, dropped));
  if (double(open) > relativeGap * double(Int128(q) * bestLoss))
    return false;
  drop(bound);
  return true;
}

/// How many states may enter this stage. Up to four times an even share of what
/// is left of the nodes: early stages need more, and no stage starves.
unsigned KnapsackCore::widthOf(unsigned stage,
                               const SolveOptions &options) const {
  uint64_t left = options.maxNodes > states ? options.maxNodes - states : 0;
  uint64_t toCome = 0;
  for (unsigned s = stage; s != order.size(); ++s)
    toCome += live[order[s]].size();
  uint64_t width =
      std::min<uint64_t>(left / live[order[stage]].size(), left / toCome * 4);
  return std::max<uint64_t>(1, std::min<uint64_t>(width, options.maxWidth));
}

void KnapsackCore::search(const SolveOptions &options) {
  if (closed)
    return;
  while ((goal >> shift) >= (Int128(1) << 61))
    ++shift;
  decideClasses();
  Outlook whole = buildOutlook(0);
  std::vector<State> list = {State{0, 0, 0, 0, 0}};
  list.front().scaledBound =
      scale(std::min(goal, lookAhead(whole, 0, 0, nullptr)));
  for (unsigned stage = 0; stage != order.size(); ++stage) {
    // The links of the stage before are those of the states in the list.
    keepPromising(list, widthOf(stage, options));
    if (stage != 0) {
      std::vector<Link> links;
      links.reserve(list.size());
      for (const State &state : list)
        links.push_back({state.parent, state.option});
      history.push_back(std::move(links));
    }
    if (list.empty() || isCloseEnough(list, options.relativeGap))
      break;
    dropPositions(order[stage], whole);
    list = expand(list, stage, buildOutlook(stage + 1));
  }
  // States that are left after the last stage have nothing to come: their value
  // has been seen.
  closed = dropped < 0 || dropped >= goal;
}
