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

namespace allot::support {
class AtomicFile;
}

namespace allot::plan {

#define GEN_PASS_DECL
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"

/// The same passes, telling how far they are (`progress` may be null).
std::unique_ptr<mlir::Pass> createPlanExtract(const PlanExtractOptions &options,
                                              support::Progress *progress);
/// The archive goes to `archive` where that is given, for the caller to commit
/// together with the module that reads it.
std::unique_ptr<mlir::Pass>
createPlanApply(const PlanApplyOptions &options, support::Progress *progress,
                std::unique_ptr<support::AtomicFile> *archive = nullptr);

/// What plan-apply does, with a plan in memory: `planModule` holds a problem
/// and its one solution, and `options.plan` is its file or empty (then the
/// statistics that it names are relative to the current folder). Writes the
/// archive (left to commit in `archive` where that is given), then rewrites
/// `module`. Errors are diagnostics; `module` is as it
/// was then and nothing is written.
llvm::LogicalResult applyPlan(mlir::ModuleOp module, mlir::ModuleOp planModule,
                              const PlanApplyOptions &options,
                              support::Progress *progress,
                              std::unique_ptr<support::AtomicFile> *archive =
                                  nullptr);

} // namespace allot::plan

#endif // ALLOT_DIALECT_PLAN_TRANSFORMS_PASSES_H
