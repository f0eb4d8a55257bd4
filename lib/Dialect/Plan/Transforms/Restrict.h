//===- Restrict.h - budgets, pins and ties from options ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a user asks of a problem beside what stands in it, written into it.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_RESTRICT_H
#define ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_RESTRICT_H

#include "allot/Dialect/Plan/IR/Plan.h"

namespace allot::plan {

/// `AMOUNT` of the main resource, or `RESOURCE=AMOUNT`: replaces the budget of
/// that resource. Fails, with an error at the problem, where a text is neither,
/// the resource is unknown or named twice.
mlir::LogicalResult addBudgets(ProblemOp op, llvm::ArrayRef<std::string> texts);

/// `SITE=OPTION`: pins the item of this name, or all ranges of rows of a site.
mlir::LogicalResult addPins(ProblemOp op, llvm::ArrayRef<std::string> texts);

/// Regular expressions over names of items or sites: the items that match one
/// and agree in all that its groups capture are tied. Fails where one ties
/// nothing.
mlir::LogicalResult addTies(ProblemOp op, llvm::ArrayRef<std::string> texts);

} // namespace allot::plan

#endif // ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_RESTRICT_H
