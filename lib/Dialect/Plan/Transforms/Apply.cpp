//===- Apply.cpp - encoding the weights as a solution says ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Applier.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace allot::plan {
#define GEN_PASS_DEF_PLANAPPLY
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;

namespace {

struct PlanApply : plan::impl::PlanApplyBase<PlanApply> {
  using PlanApplyBase::PlanApplyBase;
  PlanApply(const plan::PlanApplyOptions &options, support::Progress *progress)
      : PlanApplyBase(options), progress(progress) {}

  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult run(ModuleOp module);
  /// The archive takes the place of nothing that is read.
  LogicalResult checkArchive(ModuleOp module, StringRef folder,
                             StringRef statistics);
  /// The one solution of the plan's file.
  FailureOr<plan::SolutionOp> readPlan(OwningOpRef<ModuleOp> &planModule);

  support::Progress *progress = nullptr;
};

FailureOr<plan::SolutionOp>
PlanApply::readPlan(OwningOpRef<ModuleOp> &planModule) {
  planModule = parseSourceFile<ModuleOp>(plan, &getContext());
  if (!planModule)
    return emitError(getOperation().getLoc())
           << "the plan " << plan << " cannot be read";
  auto solutions = llvm::to_vector(planModule->getOps<plan::SolutionOp>());
  if (solutions.size() != 1)
    return emitError(planModule->getLoc())
           << "expected one plan.solution, found " << solutions.size();
  return solutions.front();
}

LogicalResult PlanApply::checkArchive(ModuleOp module, StringRef folder,
                                      StringRef statistics) {
  auto check = [&](StringRef path, StringRef what) -> LogicalResult {
    if (path.empty() || !llvm::sys::fs::equivalent(path, archive))
      return success();
    return emitError(module.getLoc())
           << archive << ": the archive would replace " << what;
  };
  if (failed(check(plan, "the plan")) ||
      failed(check(statistics, "the statistics")))
    return failure();
  if (allot::archive::holdsWeightsOf(module, folder, archive))
    return emitError(module.getLoc())
           << archive << ": the archive would replace weights of the model";
  return success();
}

LogicalResult PlanApply::run(ModuleOp module) {
  auto error = [&]() { return emitError(module.getLoc()); };
  if (archive.empty() || plan.empty())
    return error() << "plan-apply needs the options plan and archive";
  if (tileRows != 8 && tileRows != 16)
    return error() << "tiles have 8 or 16 rows, not " << int64_t(tileRows);
  OwningOpRef<ModuleOp> planModule;
  auto solution = readPlan(planModule);
  if (failed(solution))
    return failure();
  auto problem = SymbolTable::lookupNearestSymbolFrom<plan::ProblemOp>(
      *solution, solution->getProblemAttr());
  auto digest = module->getAttrOfType<StringAttr>("allot.model_digest");
  if (!force && digest && !problem.getModel().empty() &&
      problem.getModelAttr() != digest)
    return emitError(problem.getLoc())
           << "the plan belongs to model " << problem.getModelAttr()
           << ", this is " << digest << "; --force takes it all the same";
  StringRef encoderName = !encoder.empty()
                              ? StringRef(encoder)
                              : problem.getEncoder().value_or("feedback");
  std::optional<plan::Encoder> kind = plan::parseEncoder(encoderName);
  if (!kind)
    return error() << "unknown encoder '" << encoderName
                   << "': expected feedback or nearest";
  std::string path = stats;
  if (path.empty() && problem.getStatistics())
    path = allot::archive::resolveStoredPath(llvm::sys::path::parent_path(plan),
                                             *problem.getStatistics());
  std::shared_ptr<const analysis::Statistics> statistics;
  if (!path.empty()) {
    auto opened = plan::openStatistics(module, path, force);
    if (failed(opened))
      return failure();
    statistics = std::move(*opened);
  }
  std::string weightsFolder = folder.empty()
                                  ? allot::archive::moduleFolder(module)
                                  : std::string(folder);
  if (failed(checkArchive(module, weightsFolder, path)))
    return failure();
  plan::Applier applier(module, problem, *solution, statistics.get(),
                        weightsFolder, *kind, tileRows);
  if (failed(applier.prepare()) || (!force && failed(applier.checkCosts())))
    return failure();
  if (llvm::Error failure = applier.write(archive, progress))
    return error() << llvm::toString(std::move(failure));
  auto written = allot::archive::fileDigest(StringRef(archive));
  if (!written)
    return error() << llvm::toString(written.takeError());
  applier.rewrite(archiveName.empty() ? archive : archiveName, *written,
                  applier.entries);
  // What measurements of the result are of.
  Builder builder(&getContext());
  module->setAttr(
      "allot.plan",
      builder.getDictionaryAttr(
          {builder.getNamedAttr(
               "digest",
               builder.getStringAttr(plan::solutionDigest(*solution, problem))),
           builder.getNamedAttr("predicted_loss", solution->getObjectiveAttr()),
           builder.getNamedAttr("solver", solution->getSolverAttr())}));
  return success();
}

} // namespace

std::unique_ptr<Pass> plan::createPlanApply(const PlanApplyOptions &options,
                                            support::Progress *progress) {
  return std::make_unique<PlanApply>(options, progress);
}
