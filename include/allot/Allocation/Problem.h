//===- Problem.h - allocation problems and their answers --------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An allocation problem as plain data: items (a matrix, an adapter, an expert)
// have options (format, rank, ...), each with integer costs per resource and a
// predicted loss. Exactly one option per item is chosen:
//
//   minimise  sum over items of the loss of the chosen option
//             + sum over ties of the loss of sharing
//   such that for each resource with a budget
//             sum of the chosen costs + sum of the costs of sharing <= budget,
//             required ties and pins hold.
//
// Nothing here knows a dialect, a format or a file. Names are what people read
// in messages and what ties compare; everything else refers by index.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ALLOCATION_PROBLEM_H
#define ALLOT_ALLOCATION_PROBLEM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace allot::allocation {

/// One number per resource, in the order of Problem::resources.
using Costs = llvm::SmallVector<int64_t, 2>;

/// Something of which there is a limited amount. Resource 0 is normally
/// "bytes".
struct Resource {
  std::string name;
  /// Largest permitted total; without it the total is only reported.
  std::optional<int64_t> budget;
};

/// One way to treat an item.
struct Option {
  /// Unique within the item. Equal names in different items mean the same
  /// treatment: this is what ties and uniform choices compare.
  std::string name;
  /// One per resource, not negative.
  Costs costs;
  /// Predicted loss, finite and not negative, in the unit of the problem
  /// (normally nats of KL divergence per token).
  double loss = 0;
  /// Where cost and loss come from, for reports.
  std::string origin;
};

struct Item {
  std::string name;
  std::vector<Option> options;

  /// Index of the option of this name.
  std::optional<unsigned> findOption(llvm::StringRef option) const;
};

/// What is added to the totals, once, when all items of a tie take the option
/// of this name. A positive cost is something stored once for all of them (a
/// shared codebook); a negative one is a saving (a tensor that all of them
/// would otherwise store); the loss is the price of sharing.
struct Sharing {
  std::string option;
  /// One per resource. A saving must not exceed what the items themselves pay.
  Costs costs;
  double loss = 0;
  std::string origin;
};

/// Two or more items that belong together.
struct Tie {
  /// May be empty; otherwise unique.
  std::string name;
  llvm::SmallVector<unsigned, 4> items;
  /// Required: the items must take options of the same name. Otherwise they
  /// may, and sharing applies when they do.
  bool required = true;
  std::vector<Sharing> sharings;
};

/// Fixes the option of an item.
struct Pin {
  unsigned item = 0;
  std::string option;
};

/// Objective and totals of a choice.
struct Evaluation {
  double objective = 0;
  Costs costs;
};

enum class Status {
  /// The gap is at most 1e-9: as good as floating point can tell, no permitted
  /// choice is better.
  Optimal,
  /// The best found; no choice is better than `bound`.
  Feasible,
};
llvm::StringRef stringifyStatus(Status status);

/// The answer to a problem, with its certificate.
struct Solution {
  /// Option index per item.
  std::vector<unsigned> choice;
  double objective = 0;
  /// Proven lower bound of the objective over all permitted choices.
  double bound = 0;
  /// relativeGap(objective, bound).
  double gap = 0;
  /// Total per resource.
  Costs costs;
  Status status = Status::Feasible;
  /// Partial choices looked at.
  uint64_t nodes = 0;
  std::string solver;

  /// (objective - bound) / max(|objective|, smallest normal double).
  static double relativeGap(double objective, double bound);
};

/// No choice meets the budget. The message states the least possible total of
/// the resource and the budget.
class InfeasibleError : public llvm::ErrorInfo<InfeasibleError> {
public:
  static char ID;
  InfeasibleError(std::string resource, int64_t budget, int64_t least)
      : resource(std::move(resource)), budget(budget), least(least) {}

  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;

  llvm::StringRef getResource() const { return resource; }
  int64_t getBudget() const { return budget; }
  /// Least total of the resource over all choices that respect ties and pins.
  int64_t getLeast() const { return least; }

private:
  std::string resource;
  int64_t budget, least;
};

/// Every budget can be met, but not all of them. The message states, for each
/// resource, the least total that the other budgets permit.
class InfeasibleTogetherError
    : public llvm::ErrorInfo<InfeasibleTogetherError> {
public:
  static char ID;
  struct Part {
    std::string resource;
    int64_t budget = 0;
    /// Least total over all choices that respect ties and pins.
    int64_t least = 0;
    /// The same over those that keep the other budgets; absent where none does,
    /// or where it is not known.
    std::optional<int64_t> leastWithin;
  };
  explicit InfeasibleTogetherError(std::vector<Part> parts)
      : parts(std::move(parts)) {}

  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;

  llvm::ArrayRef<Part> getParts() const { return parts; }

private:
  std::vector<Part> parts;
};

class Problem {
public:
  std::vector<Resource> resources;
  std::vector<Item> items;
  std::vector<Tie> ties;
  std::vector<Pin> pins;

  std::optional<unsigned> findResource(llvm::StringRef name) const;
  std::optional<unsigned> findItem(llvm::StringRef name) const;

  /// The problem makes sense: names are present and unique, every item has an
  /// option, costs have one number per resource and are not negative, losses
  /// are finite and not negative, ties and pins refer to what exists and do not
  /// contradict each other, and no total can exceed 2^61 (so that solvers may
  /// add without looking). It does not ask whether the budgets can be met.
  /// O(options + items x names of ties). The error names item and field.
  llvm::Error check() const;

  /// Objective and totals of `choice`, one valid option index per item, of a
  /// problem that passes check(). Losses are added in the order of the items
  /// and then of the ties, so the same choice always gives the same bits.
  Evaluation evaluate(llvm::ArrayRef<unsigned> choice) const;

  /// `choice` has a valid option index per item and respects pins and required
  /// ties.
  llvm::Error checkChoice(llvm::ArrayRef<unsigned> choice) const;

  /// Recomputes everything that `solution` claims: checkChoice(), costs
  /// exactly, budgets, objective (to 1e-9 relative, for solutions that went
  /// through text), bound <= objective, the gap, and that it is closed where
  /// the status is optimal. That the bound is a bound is the solver's word.
  llvm::Error verify(const Solution &solution) const;
};

} // namespace allot::allocation

#endif // ALLOT_ALLOCATION_PROBLEM_H
