//===- CbcProgram.h - integer programs of choices, through CBC --*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Internal. Names, ties and pins are gone: classes of which one choice is taken
// each, bonuses that come with certain choices together, and limits of
// resources. CBC searches in floating point; what it finds counts only where it
// keeps the limits in integers.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_ALLOCATION_CBCPROGRAM_H
#define ALLOT_LIB_ALLOCATION_CBCPROGRAM_H

#include "allot/Allocation/Problem.h"

namespace allot::allocation::detail {

/// Minimise the losses of what is taken, within the limits.
struct Program {
  struct Choice {
    double loss = 0;
    Costs costs;
  };
  /// Added once where every class of `when` takes the choice that stands there
  /// beside it. Loss and costs may be negative.
  struct Bonus {
    llvm::SmallVector<std::pair<unsigned, unsigned>, 4> when;
    double loss = 0;
    Costs costs;
  };
  std::vector<std::vector<Choice>> classes;
  std::vector<Bonus> bonuses;
  /// One per cost. All sums of magnitudes stay below 2^62.
  Costs limits;
};

/// A choice per class with its totals, kept up to date as it changes.
class Taken {
public:
  Taken(const Program &program, std::vector<unsigned> picks);

  llvm::ArrayRef<unsigned> getPicks() const { return picks; }
  double getLoss() const { return loss; }
  llvm::ArrayRef<int64_t> getCosts() const { return costs; }
  /// Within all limits, to the unit.
  bool fits() const;

  /// What changes where class `c` takes `choice`.
  Program::Choice change(unsigned c, unsigned choice) const;
  void take(unsigned c, unsigned choice);

  /// Takes what costs least loss per excess removed until everything fits; then
  /// `improve`. False where it does not come to that.
  bool repair();
  /// Takes single changes that fit and lower the loss, the best first.
  void improve();

private:
  const Program &program;
  std::vector<unsigned> picks;
  double loss = 0;
  Costs costs;
  /// Per class the bonuses that it has a part in, and per bonus how many of
  /// its conditions do not hold.
  std::vector<llvm::SmallVector<unsigned, 2>> bonusesOf;
  std::vector<unsigned> missing;
};

struct ProgramAnswer {
  /// The best that was found, one choice per class.
  std::optional<std::vector<unsigned>> picks;
  double loss = 0;
  /// Nothing within the limits has less loss.
  double bound = 0;
  /// Nothing is within the limits.
  bool infeasible = false;
  uint64_t nodes = 0;
};

/// Branch and cut. Stops at `maxNodes` nodes, or at a gap of `relativeGap`. An
/// error where CBC gives up.
llvm::Expected<ProgramAnswer>
solveProgram(const Program &program, uint64_t maxNodes, double relativeGap);

} // namespace allot::allocation::detail

#endif // ALLOT_LIB_ALLOCATION_CBCPROGRAM_H
