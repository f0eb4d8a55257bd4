//===- Apply.cpp - encoding the weights as a solution says ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Applier.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Archive/ModuleFile.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace allot::plan {
#define GEN_PASS_DEF_PLANAPPLY
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;

/// The archive takes the place of nothing that is read.
static LogicalResult checkArchive(ModuleOp module, StringRef archive,
                                  StringRef folder, StringRef planFile,
                                  StringRef statistics) {
  auto check = [&](StringRef path, StringRef what) -> LogicalResult {
    if (path.empty() || !llvm::sys::fs::equivalent(path, archive))
      return success();
    return emitError(module.getLoc())
           << archive << ": the archive would replace " << what;
  };
  if (failed(check(planFile, "the plan")) ||
      failed(check(statistics, "the statistics")))
    return failure();
  if (allot::archive::holdsWeightsOf(module, folder, archive))
    return emitError(module.getLoc())
           << archive << ": the archive would replace weights of the model";
  return success();
}

LogicalResult plan::applyPlan(ModuleOp module, ModuleOp planModule,
                              const PlanApplyOptions &options,
                              support::Progress *progress,
                              std::unique_ptr<support::AtomicFile> *finished) {
  auto error = [&]() { return emitError(module.getLoc()); };
  if (options.archive.empty())
    return error() << "plan-apply needs the option archive";
  if (options.tileRows != 8 && options.tileRows != 16)
    return error() << "tiles have 8 or 16 rows, not " << options.tileRows;
  auto solutions = llvm::to_vector(planModule.getOps<SolutionOp>());
  if (solutions.size() != 1)
    return emitError(planModule.getLoc())
           << "expected one plan.solution, found " << solutions.size();
  SolutionOp solution = solutions.front();
  auto problem = SymbolTable::lookupNearestSymbolFrom<ProblemOp>(
      solution, solution.getProblemAttr());
  auto digest = module->getAttrOfType<StringAttr>("allot.model_digest");
  if (!options.force && digest && !problem.getModel().empty() &&
      problem.getModelAttr() != digest)
    return emitError(problem.getLoc())
           << "the plan belongs to model " << problem.getModelAttr()
           << ", this is " << digest << "; --force takes it all the same";
  StringRef encoderName = !options.encoder.empty()
                              ? StringRef(options.encoder)
                              : problem.getEncoder().value_or("feedback");
  std::optional<Encoder> kind = parseEncoder(encoderName);
  if (!kind)
    return error() << "unknown encoder '" << encoderName
                   << "': expected feedback or nearest";
  std::string path = options.stats;
  if (path.empty() && problem.getStatistics())
    path = archive::resolveStoredPath(
        llvm::sys::path::parent_path(options.plan), *problem.getStatistics());
  std::shared_ptr<const analysis::Statistics> statistics;
  if (!path.empty()) {
    auto opened = openStatistics(module, path, options.force);
    if (failed(opened))
      return failure();
    statistics = std::move(*opened);
  }
  std::string weightsFolder =
      options.folder.empty() ? archive::moduleFolder(module) : options.folder;
  if (failed(checkArchive(module, options.archive, weightsFolder, options.plan,
                          path)))
    return failure();
  Applier applier(module, problem, solution, statistics.get(), weightsFolder,
                  *kind, options.tileRows);
  if (failed(applier.prepare()) ||
      (!options.force && failed(applier.checkCosts())))
    return failure();
  auto file = applier.write(options.archive, progress);
  if (!file)
    return error() << llvm::toString(file.takeError());
  auto written = archive::fileDigest((*file)->temporaryPath());
  if (!written)
    return error() << llvm::toString(written.takeError());
  applier.rewrite(options.archiveName.empty() ? options.archive
                                              : options.archiveName,
                  *written, applier.entries);
  // What measurements of the result are of.
  Builder builder(module.getContext());
  module->setAttr(
      "allot.plan",
      builder.getDictionaryAttr(
          {builder.getNamedAttr("digest", builder.getStringAttr(solutionDigest(
                                              solution, problem))),
           builder.getNamedAttr("predicted_loss", solution.getObjectiveAttr()),
           builder.getNamedAttr("solver", solution.getSolverAttr())}));
  if (finished)
    *finished = std::move(*file);
  else if (llvm::Error failure = (*file)->commit())
    return error() << llvm::toString(std::move(failure));
  return success();
}

namespace {

struct PlanApply : plan::impl::PlanApplyBase<PlanApply> {
  using PlanApplyBase::PlanApplyBase;
  PlanApply(const plan::PlanApplyOptions &options, support::Progress *progress,
            std::unique_ptr<support::AtomicFile> *finished)
      : PlanApplyBase(options), progress(progress), finished(finished) {}

  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult run(ModuleOp module) {
    if (archive.empty() || plan.empty())
      return emitError(module.getLoc())
             << "plan-apply needs the options plan and archive";
    auto planModule = archive::readModule(plan, &getContext());
    if (!planModule)
      return emitError(module.getLoc())
             << "the plan " << plan << " cannot be read";
    plan::PlanApplyOptions options;
    options.plan = plan;
    options.stats = stats;
    options.archive = archive;
    options.archiveName = archiveName;
    options.folder = folder;
    options.encoder = encoder;
    options.tileRows = tileRows;
    options.force = force;
    return plan::applyPlan(module, *planModule, options, progress, finished);
  }

  support::Progress *progress = nullptr;
  std::unique_ptr<support::AtomicFile> *finished = nullptr;
};

} // namespace

std::unique_ptr<Pass>
plan::createPlanApply(const PlanApplyOptions &options,
                      support::Progress *progress,
                      std::unique_ptr<support::AtomicFile> *archive) {
  return std::make_unique<PlanApply>(options, progress, archive);
}
