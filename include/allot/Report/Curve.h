//===- Curve.h - what other budgets would be worth --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REPORT_CURVE_H
#define ALLOT_REPORT_CURVE_H

#include "allot/Allocation/Solvers.h"

namespace allot::report {

/// The best that a budget can give, as predicted.
struct CurvePoint {
  int64_t budget = 0, cost = 0;
  double loss = 0, bound = 0;
};

/// Solves `problem` again, pins and ties included, under about `count` budgets
/// of `resource` evenly spread around `budget` (from 0.6 to 1.75 times of it,
/// as far as they can be met and make a difference), `budget` itself among
/// them; by rising budget. Limits are per point those of `options`. Empty where
/// another resource has a budget too: the exact solver takes one. Errors:
/// check(), `budget` cannot be met.
llvm::Expected<std::vector<CurvePoint>>
budgetCurve(const allocation::Problem &problem, int64_t budget, unsigned count,
            unsigned resource = 0,
            const allocation::SolveOptions &options = {});

} // namespace allot::report

#endif // ALLOT_REPORT_CURVE_H
