//===- KnapsackCore.h - multiple-choice knapsack in integers ----*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Internal. The problem without names: classes of (cost, loss) pairs, one
// budget, all integers. See solveKnapsack in Solvers.h for the method.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_ALLOCATION_KNAPSACKCORE_H
#define ALLOT_LIB_ALLOCATION_KNAPSACKCORE_H

#include "allot/Allocation/Solvers.h"
#include <algorithm>

namespace allot::allocation::detail {

using Int128 = __int128;

/// One choice of a class.
struct Pair {
  int64_t cost;
  int64_t loss;
  unsigned source; ///< index in the list that it came from
};

/// Pairs by strictly increasing cost and strictly decreasing loss.
using PairClass = std::vector<Pair>;

/// A step along the lower convex hull of one class.
struct Increment {
  unsigned cls;
  unsigned from, to; ///< positions in the class
  int64_t cost;      ///< added, > 0
  int64_t gain;      ///< loss removed, > 0
};

/// All hull steps of all classes, most gain per cost first (ties: class, then
/// position). Within a class the order is along the hull.
std::vector<Increment> sortedIncrements(llvm::ArrayRef<PairClass> classes);

/// Minimises the sum of losses over one pair per class with the sum of costs at
/// most `budget`. The least costs must fit, sums of costs and of losses must
/// stay below 2^62.
class KnapsackCore {
public:
  KnapsackCore(llvm::ArrayRef<PairClass> classes, int64_t budget);

  /// LP relaxation and a first solution by rounding it.
  void relax();
  /// Closes the gap as far as the limits permit. After relax().
  void search(const SolveOptions &options);

  /// Position in each class of the best solution.
  const std::vector<unsigned> &getBest() const { return best; }
  /// Nothing better exists. Where this is false, getBound() says how close.
  bool isClosed() const { return closed; }
  /// No solution has a smaller sum of losses.
  int64_t getBound() const;
  uint64_t getStates() const { return states; }

private:
  /// A choice for the classes seen so far, relative to the base.
  struct State {
    int64_t cost;
    int64_t loss;
    /// Lower bound of what follows from it, scaled down (rounded down).
    int64_t scaledBound;
    uint32_t parent; ///< index in the states of the stage before
    uint32_t option; ///< position in the class of the stage
  };
  struct Link {
    uint32_t parent, option;
  };
  /// The LP relaxation of the classes of one stage and later as a function of
  /// the change of cost, upwards and downwards from the base.
  struct Side {
    llvm::SmallVector<int64_t> cost; ///< cumulative, starting with 0
    llvm::SmallVector<Int128> price; ///< cumulative reduced cost
    llvm::SmallVector<Int128> slope; ///< of each segment, rounded down
    llvm::SmallVector<unsigned> steps;
    bool truncated = false; ///< goes on, but beyond any use
  };
  struct Outlook {
    Side up, down;
  };

  int64_t baseCost(unsigned cls) const { return classes[cls][base[cls]].cost; }
  int64_t baseLoss(unsigned cls) const { return classes[cls][base[cls]].loss; }
  /// Reduced cost: 0 at the base, nowhere negative.
  Int128 reduced(int64_t cost, int64_t loss) const {
    return Int128(q) * loss + Int128(p) * cost;
  }

  /// A solution got by rounding the LP solution of the classes to come.
  struct Rounding {
    Int128 value = 0;  ///< reduced cost plus unused budget
    int64_t steps = 0; ///< this many of up.steps, or minus of down.steps
    bool found = false;
  };

  void offer(std::vector<unsigned> positions);
  void fillGreedily(std::vector<unsigned> &positions) const;
  Outlook buildOutlook(int64_t stage) const;
  void extend(Side &side, const Increment &increment, unsigned step,
              Int128 price) const;
  /// Lower bound of reduced cost plus unused budget over all completions of a
  /// state; `goal` stands for all that is not below it.
  Int128 lookAhead(const Outlook &outlook, int64_t cost, Int128 price,
                   Rounding *rounding) const;
  void decideClasses();
  bool dropPositions(unsigned cls, const Outlook &outlook);
  std::vector<State> expand(llvm::ArrayRef<State> previous, unsigned stage,
                            const Outlook &outlook);
  void keepPromising(std::vector<State> &list, unsigned width);
  void adopt(unsigned stage, uint32_t parent, uint32_t option, int64_t steps,
             const Outlook &outlook);
  unsigned widthOf(unsigned stage, const SolveOptions &options) const;
  bool isCloseEnough(llvm::ArrayRef<State> list, double relativeGap);
  void drop(Int128 bound) {
    if (dropped < 0 || bound < dropped)
      dropped = bound;
  }
  /// What differs from the goal by less is not pursued: near the precision of
  /// the losses it would take for ever to prove nothing.
  Int128 tolerance() const {
    return Int128(q) * std::max(bestLoss >> 40, int64_t(classes.size()));
  }
  /// Whether this bound rules a state out (and remember it if only nearly).
  bool isRuledOut(Int128 bound) {
    if (bound < goal - tolerance())
      return false;
    if (bound < goal)
      drop(bound);
    return true;
  }
  int64_t scale(Int128 value) const { return int64_t(value >> shift); }

  llvm::ArrayRef<PairClass> classes;
  int64_t budget;
  std::vector<Increment> increments;
  std::vector<unsigned> base, best;
  size_t split = 0;      ///< index of the first increment that does not fit
  int64_t p = 0, q = 1;  ///< multiplier of the budget: p / q
  int64_t slack = 0;     ///< budget left by the base
  int64_t totalLoss = 0; ///< of the base
  int64_t bestLoss = 0;  ///< of the best
  /// Reduced cost plus unused budget of the best: what a state must beat.
  Int128 goal = 0;
  /// Least bound of all states dropped without being hopeless, or -1.
  Int128 dropped = -1;
  unsigned shift = 0;
  bool closed = false;
  uint64_t states = 0;
  /// Positions of each class that may still be in a better solution.
  std::vector<llvm::SmallVector<unsigned>> live;
  std::vector<unsigned> order; ///< class of each stage
  std::vector<int64_t> rank;   ///< stage of each class, -1: decided
  std::vector<std::vector<Link>> history;
};

} // namespace allot::allocation::detail

#endif // ALLOT_LIB_ALLOCATION_KNAPSACKCORE_H
