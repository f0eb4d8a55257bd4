//===- Plan.cpp - allot plan ------------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Modules.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "allot/Support/Error.h"
#include "allot/Support/RelativePath.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;

namespace {

class PlanCommand : public Subcommand {
public:
  PlanCommand()
      : Subcommand("plan", "Decide how each matrix of a model is stored, under "
                           "a budget") {}

  llvm::Error run() override {
    support::Progress progress(llvm::errs());
    auto build = [&](mlir::OpPassManager &pm) { addPasses(pm, &progress); };
    if (printPipeline) {
      llvm::outs() << pipelines::pipelineText(build) << "\n";
      return llvm::Error::success();
    }
    if (output != "-" && llvm::sys::fs::equivalent(input, output))
      return support::fileError(output, "the plan would replace the model");
    if (output != "-" && !stats.empty() &&
        llvm::sys::fs::equivalent(stats, output))
      return support::fileError(output,
                                "the plan would replace the statistics");
    auto module = LoadedModule::read(input);
    if (!module)
      return module.takeError();
    if (llvm::Error error = (*module)->run(build))
      return error;
    return (*module)->write(output);
  }

private:
  void addPasses(mlir::OpPassManager &pm, support::Progress *progress) {
    plan::PlanExtractOptions extract;
    extract.stats = stats;
    if (!stats.empty() && output != "-")
      extract.statsName = support::relativePath(folderOf(output), stats);
    extract.folder = folderOf(input);
    extract.formats.assign(formats.begin(), formats.end());
    extract.ranks.assign(ranks.begin(), ranks.end());
    extract.compensatedFormats.assign(compensated.begin(), compensated.end());
    extract.adapterFormats.assign(adapterFormats.begin(), adapterFormats.end());
    extract.adapterRanks.assign(adapterRanks.begin(), adapterRanks.end());
    extract.allow.assign(allow.begin(), allow.end());
    extract.encoder = encoder;
    extract.estimateRows = estimateRows;
    extract.tileRows = tileRows;
    extract.splitRows = splitRows;
    extract.force = force;
    extract.resources.assign(resources.begin(), resources.end());
    plan::PlanSolveOptions solve;
    solve.budgets.assign(budgets.begin(), budgets.end());
    solve.pins.assign(pins.begin(), pins.end());
    solve.ties.assign(ties.begin(), ties.end());
    solve.solver = solver;
    solve.maxNodes = maxNodes;
    solve.gap = gap;
    solve.remarks = remarks;
    solve.uniform = uniform;
    pipelines::buildPlanPipeline(pm, extract, solve, progress);
  }

  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("<module: .mlir or .mlirbc>"),
                             cl::sub(command), cl::cat(category)};
  cl::opt<std::string> output{"o",
                              cl::Required,
                              cl::value_desc("file"),
                              cl::desc("Plan to write; - is standard output"),
                              cl::sub(command),
                              cl::cat(category)};
  cl::opt<std::string> stats{
      "stats", cl::value_desc("file"),
      cl::desc("Statistics of the model (safetensors), of allot profile or "
               "from elsewhere"),
      cl::sub(command), cl::cat(category)};
  cl::list<std::string> budgets{
      "budget", cl::value_desc("[RESOURCE=]AMOUNT"),
      cl::desc(
          "The most that all weights may take: 3.5bpw (bits per weight of "
          "the model), 60MiB, 1000000B; of another resource, with its "
          "name: flops=300M, bytes_read=50MiB. May be given once for each"),
      cl::sub(command), cl::cat(category)};
  cl::list<std::string> resources{
      "resources",
      cl::CommaSeparated,
      cl::value_desc("names"),
      cl::desc("What to count beside bytes, per token: flops, bytes_read; "
               "those with a budget are counted anyway"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> ties{
      "tie", cl::value_desc("REGEX"),
      cl::desc("Matrices that match and agree in what the groups of REGEX "
               "capture are stored in one way, such as "
               "model\\.layers\\.(\\d+)\\.self_attn\\.[qkv]_proj.*"),
      cl::sub(command), cl::cat(category)};
  cl::opt<std::string> solver{
      "solver",
      cl::init("auto"),
      cl::value_desc("auto|knapsack|cbc|brute-force"),
      cl::desc("auto (default): the knapsack for at most one budget, else CBC"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<uint64_t> maxNodes{
      "max-nodes",
      cl::init(10000),
      cl::value_desc("N"),
      cl::desc("CBC: nodes of the search tree, at most (default: 10000); the "
               "plan states the gap that is left"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<double> gap{
      "gap",
      cl::init(0.0),
      cl::value_desc("fraction"),
      cl::desc("CBC: gap at which the search may stop (default: 0)"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<bool> remarks{"remarks",
                        cl::desc("Tell which solver was taken, and why"),
                        cl::sub(command), cl::cat(category)};
  cl::list<std::string> pins{"pin", cl::value_desc("SITE=OPTION"),
                             cl::desc("Option that a matrix must take, such as "
                                      "model.layers.0.mlp.up_proj=int4g64zs8"),
                             cl::sub(command), cl::cat(category)};
  cl::list<std::string> allow{
      "allow", cl::value_desc("SITE=OPTION"),
      cl::desc("Regular expressions: of the matrices that match SITE only "
               "options that match one of their OPTIONs are considered"),
      cl::sub(command), cl::cat(category)};
  cl::opt<std::string> uniform{
      "uniform", cl::value_desc("NAME|within|above"),
      cl::desc("Baseline: one option for all matrices, by name, the best one "
               "within the budget or the smallest one above it"),
      cl::sub(command), cl::cat(category)};
  cl::list<std::string> formats{
      "formats",
      cl::CommaSeparated,
      cl::value_desc("names"),
      cl::desc("Formats to choose from, such as int4g64zs8: bits, block, z for "
               "zero points, s8 or s32 for scales other than f16 (default: "
               "integers of 2 to 8 bits)"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<int64_t> ranks{
      "ranks",
      cl::CommaSeparated,
      cl::value_desc("ranks"),
      cl::desc("Ranks of low-rank compensation of encoding errors to choose "
               "from (default: none)"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> compensated{
      "compensated-formats",
      cl::CommaSeparated,
      cl::value_desc("names"),
      cl::desc("Formats that may be compensated (default: those of at most 3 "
               "bits)"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> adapterFormats{
      "adapter-formats",
      cl::CommaSeparated,
      cl::value_desc("names"),
      cl::desc("Formats of adapters that stay factored (default: f16)"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<int64_t> adapterRanks{
      "adapter-ranks",
      cl::CommaSeparated,
      cl::value_desc("ranks"),
      cl::desc("Ranks that adapters may be shortened to, 0 to leave them out "
               "(default: 0, 2, 4, 8, 16, 32)"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> encoder{
      "encoder",
      cl::init("feedback"),
      cl::value_desc("name"),
      cl::desc("feedback (default), or nearest: plain rounding"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<int64_t> estimateRows{
      "estimate-rows",
      cl::init(256),
      cl::value_desc("N"),
      cl::desc("Rows of each matrix on which formats are tried; 0: all "
               "(default: 256)"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<int64_t> tileRows{
      "tile-rows",
      cl::init(8),
      cl::value_desc("N"),
      cl::desc("Row tile of the packed layout, 8 (default) or 16"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<bool> splitRows{
      "split-rows", cl::init(true),
      cl::desc("Plan ranges of rows of the embedding apart, so that frequent "
               "tokens may get more bits than rare ones (default: true)"),
      cl::sub(command), cl::cat(category)};
  cl::opt<bool> force{"force", cl::desc("Take statistics of another model"),
                      cl::sub(command), cl::cat(category)};
  cl::opt<bool> printPipeline{
      "print-pipeline",
      cl::desc("Print the pass pipeline, as allot-opt takes it, and do nothing "
               "else"),
      cl::sub(command), cl::cat(category)};
};

} // namespace

std::unique_ptr<Subcommand> tool::makePlanCommand() {
  return std::make_unique<PlanCommand>();
}
