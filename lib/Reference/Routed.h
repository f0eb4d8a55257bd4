//===- Routed.h - evaluation of routed layers -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REFERENCE_ROUTED_H
#define ALLOT_LIB_REFERENCE_ROUTED_H

#include "Values.h"
#include "allot/Dialect/Routed/IR/Routed.h"

namespace allot::reference {

/// Evaluates a block, given values for its arguments, up to what it yields.
using RunBlock = llvm::function_ref<llvm::LogicalResult(mlir::Block &, Values, Results &)>;

/// `routed.experts`, whose bodies `run` evaluates.
llvm::LogicalResult evaluateExperts(routed::ExpertsOp op, Values values, RunBlock run, Results &results);

} // namespace allot::reference

#endif // ALLOT_LIB_REFERENCE_ROUTED_H
