//===- Profile.cpp - allot profile --------------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Profile/Profile.h"
#include "Driver.h"
#include "Modules.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Archive/StoredWeights.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Support/Error.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"

using namespace allot;
using namespace allot::tool;
using profile::Importance;
using profile::Labels;
using runtime::Tensor;

namespace {

class ProfileCommand : public Subcommand {
public:
  ProfileCommand()
      : Subcommand(
            "profile",
            "Measure second moments and sensitivities of a model's matrices") {}

  llvm::Error run() override {
    ProgramFlags::Wanted wanted;
    wanted.entries = {"logits"};
    auto printed = flags.printed(path, wanted);
    if (!printed)
      return printed.takeError();
    if (*printed)
      return llvm::Error::success();
    if (output.empty())
      return llvm::createStringError("-o is missing: the file to write");
    support::Progress progress(llvm::errs());
    auto model = LoadedModule::read(path);
    if (!model)
      return model.takeError();
    llvm::StringRef folder = llvm::sys::path::parent_path(path);
    auto profiler = profile::Profiler::create((*model)->get(), path, folder);
    if (!profiler)
      return profiler.takeError();
    if (archive::holdsWeightsOf((*model)->get(), folder, output))
      return support::fileError(output, "would replace weights of the model");
    auto options = profileOptions((*model)->get().getContext());
    if (!options)
      return options.takeError();
    options->progress = &progress;
    auto load = [&](const pipelines::ProgramRequest &request) {
      ProgramFlags::Wanted asked{request, /*exactActivations=*/false,
                                 /*target=*/""};
      return flags.load(path, asked, &progress);
    };
    auto ids = calibrationTokens(load, &progress);
    if (!ids)
      return ids.takeError();
    return (*profiler)->run(*ids, output, load, *options);
  }

private:
  llvm::Expected<profile::ProfileOptions>
  profileOptions(mlir::MLIRContext *context) const;
  llvm::Expected<Tensor> calibrationTokens(profile::LoadProgram load,
                                           support::Progress *progress);

  cl::opt<std::string> path{cl::Positional, cl::Required,
                            cl::desc("MODEL (.mlir or .mlirbc)"),
                            cl::sub(command), cl::cat(category)};
  cl::opt<std::string> tokens{
      "tokens",
      cl::init("self"),
      cl::desc("Calibration tokens: a file with `tokens` or `input_ids` [rows, "
               "T], or `self` to sample them from the model (default)"),
      cl::value_desc("file|self"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> rows{
      "rows", cl::desc("Rows of the tokens to use, a:b (default: all)"),
      cl::value_desc("a:b"), cl::sub(command), cl::cat(category)};
  cl::opt<unsigned> selfRows{
      "self-rows",
      cl::init(16),
      cl::desc("Rows to sample with --tokens=self (default 16)"),
      cl::value_desc("N"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<unsigned> selfLength{"self-length",
                               cl::init(256),
                               cl::desc("Tokens per sampled row (default 256)"),
                               cl::value_desc("N"),
                               cl::sub(command),
                               cl::cat(category)};
  cl::opt<unsigned> seed{"seed",
                         cl::init(1),
                         cl::desc("Seed of the sampling (default 1)"),
                         cl::value_desc("N"),
                         cl::sub(command),
                         cl::cat(category)};
  cl::opt<std::string> saveTokens{
      "save-tokens", cl::desc("Also write the calibration tokens to this file"),
      cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  cl::opt<Importance> kind{
      "importance",
      cl::init(Importance::Perturbation),
      cl::desc("How it is measured what each matrix matters"),
      cl::values(
          clEnumValN(
              Importance::Perturbation, "perturbation",
              "round each matrix alone and measure how far the answers move "
              "(default): half a run over --sensitivity-tokens per matrix"),
          clEnumValN(
              Importance::Gradients, "gradients",
              "one pass forth and back over all tokens: a few runs, whatever "
              "the number of matrices; knows small errors alone"),
          clEnumValN(
              Importance::Both, "both",
              "both: plans use the former, the latter is for comparison")),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<Labels> labels{
      "labels",
      cl::init(Labels::Text),
      cl::desc("Tokens of whose probabilities gradients are taken"),
      cl::values(clEnumValN(Labels::Text, "text",
                            "those that follow in the text (default)"),
                 clEnumValN(Labels::Model, "model",
                            "drawn at each position from what the model "
                            "expects there: the expected squares are then the "
                            "curvature of the divergence from the model")),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<unsigned> sensitivityTokens{
      "sensitivity-tokens",
      cl::init(1024),
      cl::desc("Tokens on which each matrix is perturbed (default 1024; 0: no "
               "sensitivities), in pieces of 128 or more from up to four rows"),
      cl::value_desc("N"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> perturbations{
      "perturb",
      cl::CommaSeparated,
      cl::desc(
          "Formats to which each matrix is rounded to measure its sensitivity, "
          "coarse ones first; the next one is tried while the divergence is "
          "above 0.05 nats (default int3g64,int4g64,int5g64)"),
      cl::value_desc("format,..."),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> perturbedSites{
      "perturb-sites",
      cl::desc("Perturb only matrices whose name matches this regular "
               "expression (default: all)"),
      cl::value_desc("regex"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> output{
      "o", cl::desc("Statistics to write (safetensors)"),
      cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  ProgramFlags flags{*this};
};

llvm::Expected<profile::ProfileOptions>
ProfileCommand::profileOptions(mlir::MLIRContext *context) const {
  profile::ProfileOptions options;
  options.importance = kind;
  options.labels = labels;
  options.seed = seed;
  options.sensitivityTokens = sensitivityTokens;
  options.sites = perturbedSites;
  for (const std::string &name : perturbations) {
    FormatAttrInterface format = format::getFormatByName(context, name);
    if (!format)
      return llvm::createStringError("--perturb: unknown format '%s'",
                                     name.c_str());
    options.formats.push_back(format);
  }
  if (std::string problem;
      !perturbedSites.empty() && !llvm::Regex(perturbedSites).isValid(problem))
    return llvm::createStringError("--perturb-sites: %s", problem.c_str());
  return options;
}

llvm::Expected<Tensor>
ProfileCommand::calibrationTokens(profile::LoadProgram load,
                                  support::Progress *progress) {
  llvm::Expected<Tensor> ids = Tensor();
  if (tokens == "self") {
    runtime::SampleOptions options;
    options.rows = selfRows;
    options.length = selfLength;
    options.seed = seed;
    options.progress = progress;
    if (options.rows < 1 || options.length < 2)
      return llvm::createStringError(
          "--self-rows must be at least 1 and --self-length at least 2");
    ids = profile::sampleTokens(load, options);
  } else {
    auto file = archive::SafetensorsFile::open(tokens);
    if (!file)
      return file.takeError();
    ids = readTokens(**file);
  }
  if (!ids)
    return ids.takeError();
  auto range = parseRows(rows, ids->shape()[0]);
  if (!range)
    return range.takeError();
  auto chosen = profile::calibrationRows(*ids, range->first, range->second);
  if (!chosen)
    return chosen.takeError();
  if (!saveTokens.empty())
    if (llvm::Error error = runtime::writeTensors(saveTokens, {*chosen}))
      return std::move(error);
  return chosen;
}

} // namespace

std::unique_ptr<Subcommand> tool::makeProfileCommand() {
  return std::make_unique<ProfileCommand>();
}
