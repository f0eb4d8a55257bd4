//===- Solvers.h - solvers of allocation problems ---------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Free functions over allocation::Problem. Each checks the problem first, is
// deterministic (same problem, same bytes out, on every machine unless it says
// otherwise), and returns a solution that passes Problem::verify.
//
// bound: a proven lower bound of the objective over all permitted choices;
// gap = (objective - bound) / max(|objective|, smallest normal double).
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ALLOCATION_SOLVERS_H
#define ALLOT_ALLOCATION_SOLVERS_H

#include "allot/Allocation/Problem.h"

namespace allot::allocation {

struct SolveOptions {
  /// Partial choices kept per stage. Beyond it the least promising are dropped,
  /// and the bound says what was lost by that. At least 1.
  unsigned maxWidth = 1u << 16;
  /// Partial choices looked at in all, roughly: the width of the stages to come
  /// is lowered so that they fit. Time and memory are proportional to it (about
  /// a second and 40 bytes each for the default).
  uint64_t maxNodes = 1u << 24;
  /// Stop as soon as the gap is at most this. 0: go on until it is closed.
  double relativeGap = 0;
};

/// Multiple-choice knapsack: minimises the objective of Problem.h under at most
/// one resource with a budget (an error if there are two; the totals of other
/// resources are only reported).
///
/// Optimality: exact unless a limit of SolveOptions is met; then the best found
/// with a proven bound. Losses are rounded to multiples of 2^-k such that the
/// largest losses of all items together (hopeless ones aside) are about 2^59
/// units, and everything after that is integer arithmetic (128 bit where
/// products need it). So the budget is never exceeded by a single unit, and
/// differences below 2^-40 of the objective are not pursued; a bound that is
/// not closed is reported less the rounding.
///
/// Method: pins filter; items joined by required ties become one item; items
/// joined by other ties become one item with the product of their options (an
/// error beyond 2^20 combinations). Dominated options go. The convex hulls give
/// the LP relaxation and with it the Lagrange multiplier p/q of the budget, a
/// bound, and a first solution (Sinha and Zoltners, "The multiple-choice
/// knapsack problem", Operations Research 27, 1979). Options whose LP bound is
/// not below the best known solution go. What is left is solved by dynamic
/// programming over (cost, loss) with dominance, class by class outwards from
/// the split class (after Pisinger, "A minimal algorithm for the
/// multiple-choice knapsack problem", EJOR 83, 1995), each state pruned by the
/// LP bound of the classes that are still to come and rounded to a solution.
///
/// Complexity: O(N log N) for N options in all, then O(states x options left
/// per class). States are pseudo-polynomial in the worst case, limited by
/// maxWidth per class; a model of 211 matrices with 80 options each takes tens
/// of milliseconds.
///
/// Of equal options of one item the one of lower cost, then lower index wins;
/// of solutions of equal objective the first found in the fixed order above.
///
/// Errors: check(), two budgets, InfeasibleError.
llvm::Expected<Solution> solveKnapsack(const Problem &problem,
                                       const SolveOptions &options = {});

struct CbcOptions {
  /// Nodes of the search tree in all; CBC never looks at a clock.
  uint64_t maxNodes = 10000;
  /// Stop as soon as the gap is at most this. 0: go on until it is closed.
  double relativeGap = 0;
};

/// Branch and cut by COIN-OR CBC (Forrest and Lougee-Heimer, "CBC User Guide",
/// INFORMS Tutorials in Operations Research, 2005): minimises the objective of
/// Problem.h with everything that a problem can have: any number of budgets,
/// ties of both kinds in any number, pins.
///
/// Optimality: exact up to 1e-9 of the objective (mostly some 1e-11: CBC
/// computes in floating point, and its tolerance is taken off the bound) unless
/// a limit of CbcOptions is met; then the best found with CBC's bound. Budgets
/// are kept to the unit: costs are divided by what they have in common and
/// scaled, a solution is summed up in integers, and one that exceeds a budget
/// by less than CBC can see is cut off and the search goes on.
///
/// Method: pins filter; items joined by required ties become one class.
/// Dominated options of classes that share nothing go. A binary variable per
/// choice, one of each class is 1; a variable per sharing, 1 where all its
/// choices are; a row per budget. A greedy repair gives the first solution and
/// the scale of losses, and rounds the relaxation of each node in integers;
/// knapsack cover and mixed integer rounding cuts.
///
/// Complexity: exponential in the worst case, limited by maxNodes, each of
/// which solves a linear program of (classes + budgets + sharings) rows.
///
/// Deterministic: the same bytes for the same problem with the same build of
/// CBC; of equal objectives another build may find another choice.
///
/// Errors: check(), InfeasibleError, InfeasibleTogetherError, a plain error
/// where nothing was found within maxNodes or CBC gives up.
llvm::Expected<Solution> solveCbc(const Problem &problem,
                                  const CbcOptions &options = {});

/// Minimises the objective by looking at every choice: all features (several
/// budgets, ties of both kinds, pins), no cleverness, meant as the oracle of
/// tests and for a handful of items. O(product of the numbers of options), an
/// error beyond `maxChoices`. Of equal objectives the choice of lower cost (in
/// the order of the resources), then the lexicographically first wins.
///
/// Errors: check(), size, InfeasibleError where one budget alone cannot be met,
/// InfeasibleTogetherError where only all together cannot.
llvm::Expected<Solution> solveBruteForce(const Problem &problem,
                                         uint64_t maxChoices = 1u << 22);

enum class Method { Knapsack, Cbc, BruteForce };

/// `knapsack`, `cbc` or `brute-force`, as Solution::solver has it.
llvm::StringRef stringifyMethod(Method method);
std::optional<Method> parseMethod(llvm::StringRef name);

/// The method for a problem: the knapsack where it is exact (at most one
/// budget, no more than 2^20 combinations of options that optional ties join),
/// else CBC; and why, in words.
std::pair<Method, std::string> chooseMethod(const Problem &problem);

/// Solves by that method. `options` are for CBC alone.
llvm::Expected<Solution> solve(const Problem &problem, Method method,
                               const CbcOptions &options = {});

/// Least total of `resource` over all choices that respect ties and pins
/// (budgets ignored). As the preparation of solveKnapsack; where optional ties
/// make too many combinations for that, by CBC, an error where that does not
/// come to an end.
llvm::Expected<int64_t> leastTotal(const Problem &problem, unsigned resource);

//===----------------------------------------------------------------------===//
// Uniform choices
//===----------------------------------------------------------------------===//

struct UniformOptions {
  /// Candidate option names; empty: all that occur, in order of appearance.
  std::vector<std::string> names;
  /// What an item takes that does not offer the name: the first of these that
  /// it offers. An item with a single option always takes that, and a pinned
  /// one its pin. A name for which some item finds nothing is not a candidate,
  /// nor one that breaks a required tie.
  std::vector<std::string> fallbacks;
  /// The resource by which choices above the budget are ordered.
  unsigned resource = 0;
};

struct UniformChoice {
  std::string name;
  std::vector<unsigned> choice;
  double objective = 0;
  Costs costs;
  /// Items that do not take an option of this name.
  unsigned fallbacks = 0;
};

struct UniformResult {
  /// Least objective (then least cost) within all budgets.
  std::optional<UniformChoice> within;
  /// Least cost (then least objective) of those that exceed a budget.
  std::optional<UniformChoice> above;
  /// All candidates, in the order of the names.
  std::vector<UniformChoice> all;
};

/// The baselines: one option name for all items. O(names x options). Errors:
/// check(), a resource that does not exist.
llvm::Expected<UniformResult> bestUniform(const Problem &problem,
                                          const UniformOptions &options = {});

//===----------------------------------------------------------------------===//
// Prices, for reports
//===----------------------------------------------------------------------===//

/// A vertex of the convex hull of all (cost, objective) pairs.
struct CurvePoint {
  int64_t cost = 0;
  double objective = 0;
  /// By how much the objective falls per further unit of the resource, just
  /// after this point; 0 at the last.
  double price = 0;
};

/// The lower convex hull of (total of `resource`, objective), budgets ignored,
/// by increasing cost: what any budget can at best be worth. At most `n` points
/// (at least 2 where the hull has them), spread evenly in cost and always with
/// both ends; n = 0: all. Costs of other resources do not enter.
/// O(N log N). Errors: check(), a resource that does not exist.
llvm::Expected<std::vector<CurvePoint>>
lagrangianCurve(const Problem &problem, unsigned n, unsigned resource = 0);

/// A change of one item (with those that required ties bind to it) to another
/// option.
struct Step {
  unsigned option = 0;
  int64_t cost = 0; ///< change of the total of the resource
  Costs costs;      ///< change of the totals of all resources
  double loss = 0;  ///< change of the objective
  /// -loss / cost: loss removed per unit spent (better) or added per unit
  /// saved (worse). Infinite for a better option that costs nothing more.
  double price = 0;
};

struct MarginalPrice {
  /// The step that lowers the objective most per unit of cost added.
  std::optional<Step> better;
  /// The step that raises the objective least per unit of cost saved.
  std::optional<Step> worse;
};

/// Per item, at the choice of `solution`: what the next better option costs and
/// what the next worse one saves. Pins are ignored, so that the price of a pin
/// can be read. Ties of both kinds are respected. O(options x ties).
/// Errors: check(), a choice that does not fit, a resource that does not exist.
llvm::Expected<std::vector<MarginalPrice>>
marginalPrices(const Problem &problem, const Solution &solution,
               unsigned resource = 0);

} // namespace allot::allocation

#endif // ALLOT_ALLOCATION_SOLVERS_H
