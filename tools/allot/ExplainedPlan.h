//===- ExplainedPlan.h - what allot explain tells about a plan --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_EXPLAINEDPLAN_H
#define ALLOT_TOOLS_ALLOT_EXPLAINEDPLAN_H

#include "allot/Allocation/Solvers.h"
#include "allot/Dialect/Plan/IR/Plan.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <vector>

namespace allot::tool {

/// What the next unit of a resource is worth at most, and what one less costs
/// at least; absent where nothing changes any more.
struct EdgePrices {
  std::optional<double> better, worse;
};

/// A solution with its problem, as the table, the JSON and the page tell it:
/// costs are of the resource `main`, `bytes` where there is such a one.
struct ExplainedPlan {
  /// Reads a verified solution of the file `path`. Errors name the file.
  static llvm::Expected<ExplainedPlan> read(llvm::StringRef path,
                                            plan::SolutionOp solution);

  struct Item {
    plan::ItemOp item;
    plan::ChoiceOp choice;
    plan::OptionOp taken;
  };
  /// A resource: its budget, and what the solution takes of it, fixed costs
  /// included.
  struct Resource {
    llvm::StringRef name;
    std::optional<int64_t> budget;
    int64_t taken = 0, fixed = 0;
  };

  const Resource &resource() const { return resources[main]; }
  int64_t costOf(plan::OptionOp option) const {
    return option.getCosts()[main];
  }
  int64_t weights() { return static_cast<int64_t>(problem.getWeights()); }

  plan::ProblemOp problem;
  plan::SolutionOp solution;
  allocation::Problem data;
  allocation::Solution answer;
  unsigned main = 0;
  std::vector<Resource> resources;
  /// In the order of the problem.
  std::vector<Item> items;
  EdgePrices prices;
};

} // namespace allot::tool

#endif // ALLOT_TOOLS_ALLOT_EXPLAINEDPLAN_H
