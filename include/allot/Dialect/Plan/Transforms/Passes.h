//===- Passes.h - passes that plan ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_PLAN_TRANSFORMS_PASSES_H
#define ALLOT_DIALECT_PLAN_TRANSFORMS_PASSES_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Dialect/Plan/IR/Plan.h"
#include "allot/Support/Progress.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace allot::plan {

#define GEN_PASS_DECL
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"

/// The same passes, telling how far they are (`progress` may be null).
std::unique_ptr<mlir::Pass> createPlanExtract(const PlanExtractOptions &options,
                                              support::Progress *progress);
std::unique_ptr<mlir::Pass> createPlanApply(const PlanApplyOptions &options,
                                            support::Progress *progress);

} // namespace allot::plan

#endif // ALLOT_DIALECT_PLAN_TRANSFORMS_PASSES_H
