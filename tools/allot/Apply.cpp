//===- Apply.cpp - allot apply ----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Modules.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/Error.h"
#include "allot/Support/RelativePath.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;

namespace {

class ApplyCommand : public Subcommand {
public:
  ApplyCommand()
      : Subcommand("apply", "Encode the weights of a model as a plan says") {}

  llvm::Error run() override {
    support::Progress progress(llvm::errs());
    auto build = [&](mlir::OpPassManager &pm) { addPasses(pm, &progress); };
    if (printPipeline) {
      llvm::outs() << pipelines::pipelineText(build) << "\n";
      return llvm::Error::success();
    }
    if (llvm::sys::fs::equivalent(input, archive) ||
        support::relativePath("", output) == support::relativePath("", archive))
      return support::fileError(archive, "the archive would replace a module");
    auto module = LoadedModule::read(input);
    if (!module)
      return module.takeError();
    if (llvm::Error error = (*module)->run(build))
      return error;
    // Nobody could use one without the other.
    if (output == "-") {
      if (llvm::Error error = finished->commit())
        return error;
      return (*module)->write(output);
    }
    auto written = (*module)->prepare(output);
    if (!written)
      return written.takeError();
    return support::AtomicFile::commitTogether(
        {finished.get(), written->get()});
  }

private:
  void addPasses(mlir::OpPassManager &pm, support::Progress *progress) {
    plan::PlanApplyOptions options;
    options.plan = plan;
    options.stats = stats;
    options.archive = archive;
    options.archiveName =
        output == "-" ? archive
                      : support::relativePath(folderOf(output), archive);
    options.folder = folderOf(input);
    options.encoder = encoder;
    options.tileRows = tileRows;
    options.force = force;
    pm.addPass(plan::createPlanApply(options, progress, &finished));
  }

  /// The archive, written but not in its place.
  std::unique_ptr<support::AtomicFile> finished;

  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("<module: .mlir or .mlirbc>"),
                             cl::sub(command), cl::cat(category)};
  cl::opt<std::string> plan{"plan",
                            cl::Required,
                            cl::value_desc("file"),
                            cl::desc("What allot plan wrote"),
                            cl::sub(command),
                            cl::cat(category)};
  cl::opt<std::string> output{
      "o",
      cl::Required,
      cl::value_desc("file"),
      cl::desc("Module to write: text, bytecode where it ends in .mlirbc, or - "
               "for text on standard output"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> archive{
      "archive",
      cl::Required,
      cl::value_desc("file"),
      cl::desc("Weights to write (safetensors); the module names it relative "
               "to its own folder"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> stats{
      "stats", cl::value_desc("file"),
      cl::desc("Statistics for error feedback (default: those that the plan "
               "was made with)"),
      cl::sub(command), cl::cat(category)};
  cl::opt<std::string> encoder{
      "encoder", cl::value_desc("name"),
      cl::desc("feedback, or nearest: plain rounding (default: what the plan "
               "was made for)"),
      cl::sub(command), cl::cat(category)};
  cl::opt<int64_t> tileRows{
      "tile-rows",
      cl::init(8),
      cl::value_desc("N"),
      cl::desc("Row tile of the packed layout, 8 (default) or 16"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<bool> force{
      "force",
      cl::desc("Take a plan or statistics of another model, or a plan whose "
               "costs are not what it takes"),
      cl::sub(command), cl::cat(category)};
  cl::opt<bool> printPipeline{
      "print-pipeline",
      cl::desc("Print the pass pipeline, as allot-opt takes it, and do nothing "
               "else"),
      cl::sub(command), cl::cat(category)};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeApplyCommand() {
  return std::make_unique<ApplyCommand>();
}
