//===- Convert.h - plan ops and allocation problems -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Problems and solutions are text (plan ops) and plain data (allocation
// classes). Fixed costs exist only in the text: they are taken off the budgets
// on the way to the data and added to the totals on the way back.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_PLAN_TRANSFORMS_CONVERT_H
#define ALLOT_DIALECT_PLAN_TRANSFORMS_CONVERT_H

#include "allot/Allocation/Problem.h"
#include "allot/Dialect/Plan/IR/Plan.h"
#include "mlir/IR/Builders.h"

namespace allot::plan {

/// The data of a verified `plan.problem`; items, options, ties and pins keep
/// their order. A budget below the fixed costs becomes 0 (the caller asks
/// `budgetLeft` first where that matters). Fails, with an error at the op,
/// where Problem::check does (contradicting pins, sums that overflow).
mlir::FailureOr<allocation::Problem> toAllocation(ProblemOp op);

/// The resource that is meant where none is named: `bytes` if there is one,
/// else the first.
unsigned mainResource(ProblemOp op);

/// The budget of resource `index` as it stands in the text, if there is one.
std::optional<int64_t> budgetOf(ProblemOp op, unsigned index);

/// The data of a verified solution of `problem`, totals without fixed costs.
/// Fails, with an error at the solution, where a pin or a required tie does not
/// hold.
mlir::FailureOr<allocation::Solution>
toAllocation(SolutionOp op, ProblemOp problemOp,
             const allocation::Problem &problem);

/// Tells a verified solution from any other: a digest of what every item of the
/// problem takes, and of the model. Programs that plan-apply makes carry it.
std::string solutionDigest(SolutionOp op, ProblemOp problemOp);

/// Writes a solution behind the insertion point of `builder`. `reasons` is
/// empty or has one text per item.
SolutionOp createSolution(mlir::OpBuilder &builder, llvm::StringRef name,
                          ProblemOp problemOp,
                          const allocation::Problem &problem,
                          const allocation::Solution &solution,
                          llvm::ArrayRef<std::string> reasons);

/// Why each item takes what it takes: pinned, tied, its only option, or what
/// the next better option would cost and gain and the next worse one save and
/// lose: of all resources with a budget, with the price of both in nats per MiB
/// of the first of them (per unit where that is not in bytes). Without budgets
/// that is resource `main`.
llvm::Expected<std::vector<std::string>>
explainChoices(const allocation::Problem &problem,
               const allocation::Solution &solution, unsigned main);

} // namespace allot::plan

#endif // ALLOT_DIALECT_PLAN_TRANSFORMS_CONVERT_H
