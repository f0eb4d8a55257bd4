//===- Plan.cpp - planning and applying in C --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot-c/Plan.h"
#include "Common.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "allot/Pipelines/Pipelines.h"
#include "allot/Support/RelativePath.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace allot;
using capi::text;
using capi::texts;

AllotPlanOptions allotPlanOptionsGet(void) {
  plan::PlanExtractOptions defaults;
  AllotPlanOptions options = {};
  options.encoder = mlirStringRefCreateFromCString("feedback");
  options.estimateRows = defaults.estimateRows;
  options.tileRows = defaults.tileRows;
  options.splitRows = defaults.splitRows;
  return options;
}

MlirModule allotPlan(MlirModule model, const AllotPlanOptions *options) {
  if (mlirModuleIsNull(model))
    return model;
  OwningOpRef<ModuleOp> module(unwrap(model).clone());
  plan::PlanExtractOptions extract;
  extract.stats = text(options->statistics);
  if (options->statistics.length && options->planFile.length)
    extract.statsName = support::relativePath(
        llvm::sys::path::parent_path(unwrap(options->planFile)), extract.stats);
  extract.folder = capi::folderOf(*module, options->folder);
  llvm::append_range(extract.formats,
                     texts(options->numFormats, options->formats));
  extract.ranks.assign(options->ranks, options->ranks + options->numRanks);
  llvm::append_range(extract.allow, texts(options->numAllow, options->allow));
  extract.encoder = text(options->encoder);
  extract.estimateRows = options->estimateRows;
  extract.tileRows = options->tileRows;
  extract.splitRows = options->splitRows;
  extract.force = options->force;
  plan::PlanSolveOptions solve;
  llvm::SmallVector<StringRef> budgets;
  unwrap(options->budget).split(budgets, ',', -1, /*KeepEmpty=*/false);
  for (StringRef budget : budgets)
    solve.budgets.push_back(budget.trim().str());
  llvm::append_range(solve.ties, texts(options->numTies, options->ties));
  if (options->solver.length)
    solve.solver = text(options->solver);
  llvm::append_range(solve.pins, texts(options->numPins, options->pins));
  solve.uniform = text(options->uniform);
  PassManager manager(module->getContext(), ModuleOp::getOperationName());
  pipelines::buildPlanPipeline(manager, extract, solve, nullptr);
  if (failed(manager.run(*module)))
    return wrap(ModuleOp());
  return wrap(module.release());
}

AllotApplyOptions allotApplyOptionsGet(MlirStringRef archive) {
  plan::PlanApplyOptions defaults;
  AllotApplyOptions options = {};
  options.archive = archive;
  options.tileRows = defaults.tileRows;
  return options;
}

MlirModule allotApply(MlirModule model, MlirModule planModule,
                      const AllotApplyOptions *options) {
  if (mlirModuleIsNull(model) || mlirModuleIsNull(planModule))
    return wrap(ModuleOp());
  OwningOpRef<ModuleOp> module(unwrap(model).clone());
  plan::PlanApplyOptions apply;
  apply.plan = text(options->planFile);
  apply.stats = text(options->statistics);
  apply.archive = text(options->archive);
  apply.archiveName = support::relativePath(
      options->outputFolder.length ? unwrap(options->outputFolder) : ".",
      apply.archive);
  apply.folder = capi::folderOf(*module, options->folder);
  apply.encoder = text(options->encoder);
  apply.tileRows = options->tileRows;
  apply.force = options->force;
  if (failed(plan::applyPlan(*module, unwrap(planModule), apply, nullptr)))
    return wrap(ModuleOp());
  // Its weights are no longer relative to the file from which the model came.
  module->getOperation()->setLoc(UnknownLoc::get(module->getContext()));
  return wrap(module.release());
}
