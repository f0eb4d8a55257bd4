//===- Uniform.h - one storage for all matrices -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_PLAN_TRANSFORMS_UNIFORM_H
#define ALLOT_DIALECT_PLAN_TRANSFORMS_UNIFORM_H

#include "allot/Allocation/Solvers.h"

namespace allot::plan {

/// The uniform choices of a problem whose options are named as plan-extract
/// names them: one storage for all items (of `options.names`, which say nothing
/// about adapters; empty: all that every item offers) with one treatment of
/// adapters for all. One after the other by treatment, then by name; `choice`
/// counts the options of `problem`, pins and required ties hold, budgets may
/// not. Errors: check().
llvm::Expected<std::vector<allocation::UniformChoice>>
uniformChoices(const allocation::Problem &problem,
               const allocation::UniformOptions &options = {});

} // namespace allot::plan

#endif // ALLOT_DIALECT_PLAN_TRANSFORMS_UNIFORM_H
