//===- Profile.cpp - allot profile --------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Profile.h"
#include "Driver.h"
#include "GradientStatistics.h"
#include "allot/Analysis/ErrorFeedback.h"
#include "allot/Analysis/RowParts.h"
#include "allot/Analysis/Sites.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Dialect/NN/Transforms/Transforms.h"
#include "allot/Support/Error.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;
using runtime::Tensor;

namespace {

/// Taps at which a program is cut, so that only what lies behind a changed matrix runs again.
constexpr llvm::StringLiteral kCuts = "hidden_states.";

/// The model as it is in its file: its matrices, and which of them read the same value.
struct Model {
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<analysis::Site> sites;
  std::vector<runtime::SharedInput> inputs;
  /// The first part of `logits`, cut at the layers, that reads a weight.
  llvm::StringMap<unsigned> firstPart;
  std::string digest;
  /// Tokens; 0 where the module does not say.
  int64_t vocab = 0;
  /// What gradients are measured of, in those parts.
  runtime::GradientOptions gradients;
};

/// Names of matrices or ranges of their rows, and what perturbing each did.
using Perturbations = std::vector<std::pair<std::string, std::vector<std::pair<double, double>>>>;

enum class Importance { Perturbation, Gradients, Both };

enum class Labels { Text, Model };

class ProfileCommand : public Subcommand {
public:
  ProfileCommand() : Subcommand("profile", "Measure second moments and sensitivities of a model's matrices") {}

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
    auto model = open();
    if (!model)
      return model.takeError();
    if (archive::holdsWeightsOf(*model->module, llvm::sys::path::parent_path(path), output))
      return support::fileError(output, "would replace weights of the model");
    auto ids = calibrationTokens(&progress);
    if (!ids)
      return ids.takeError();
    int64_t rowCount = ids->shape()[0], length = ids->shape()[1];
    runtime::InputMoments moments(model->inputs, llvm::sys::path::parent_path(output));
    runtime::TokenFrequencies frequencies(model->vocab);
    // Which tokens are rare is settled by other rows than those that tell what it costs to store them badly: a text has words that no other has.
    std::vector<int64_t> heldOut = sensitivityRows(ids->shape()[0]);
    if (static_cast<int64_t>(heldOut.size()) == ids->shape()[0])
      heldOut.clear();
    {
      if (labels == Labels::Model && kind != Importance::Perturbation) {
        if (model->vocab == 0)
          return support::fileError(path, "does not say its vocabulary (allot.vocab), which --labels=model needs");
        auto made = Tensor::create("labels", archive::DType::I32, {rowCount, length});
        if (!made)
          return made.takeError();
        model->gradients.labels = *made;
      }
      wanted.instrument = true;
      for (const runtime::SharedInput &input : model->inputs)
        wanted.taps.push_back(input.output);
      auto program = flags.load(path, wanted, &progress);
      if (!program)
        return program.takeError();
      std::mt19937_64 generator(seed);
      auto see = [&](int64_t row, llvm::ArrayRef<int32_t> read, llvm::ArrayRef<float> logits) -> llvm::Error {
        if (!llvm::is_contained(heldOut, row))
          if (llvm::Error error = frequencies.add(read, logits))
            return error;
        if (Tensor &sampled = model->gradients.labels; sampled.numElements() > 0)
          runtime::sampleLabels(logits, generator, sampled.values<int32_t>().slice(row * length, length));
        return llvm::Error::success();
      };
      if (llvm::Error error = moments.add(**program, *ids, model->vocab > 0 ? runtime::InputMoments::SeeLogits(see) : nullptr, &progress))
        return error;
    }
    for (auto &moment : moments.mutableMoments())
      runtime::InputMoments::finish(moment, moments.tokens());
    std::vector<float> importance = frequencies.finish();
    auto gradients = differentiate(*model, moments, importance, *ids, &progress);
    if (!gradients)
      return gradients.takeError();
    auto perturbed = measure(*model, moments, importance, *gradients, *ids, &progress);
    if (!perturbed)
      return perturbed.takeError();
    return write(*model, moments, importance, *gradients, *perturbed);
  }

private:
  /// The rows of tokens on which sensitivities are measured. A few rather than one: texts differ more than places in a text.
  std::vector<int64_t> sensitivityRows(int64_t rows) const {
    if (kind == Importance::Gradients)
      return {};
    int64_t count = std::clamp<int64_t>(sensitivityTokens / 128, 1, std::min<int64_t>(4, rows));
    std::vector<int64_t> chosen;
    for (int64_t i = 0; sensitivityTokens > 0 && i < count; ++i)
      chosen.push_back(i * rows / count);
    return chosen;
  }
  llvm::Expected<Model> open();
  llvm::Expected<Tensor> calibrationTokens(support::Progress *progress);
  llvm::Expected<GradientStatistics> differentiate(Model &model, const runtime::InputMoments &moments, llvm::ArrayRef<float> importance, const Tensor &ids, support::Progress *progress);
  llvm::Expected<Perturbations> measure(Model &model, const runtime::InputMoments &moments, llvm::ArrayRef<float> importance, const GradientStatistics &gradients, const Tensor &ids, support::Progress *progress);
  llvm::Error write(const Model &model, const runtime::InputMoments &moments, llvm::ArrayRef<float> importance, const GradientStatistics &gradients, const Perturbations &perturbed);

  cl::opt<std::string> path{cl::Positional, cl::Required, cl::desc("MODEL (.mlir or .mlirbc)"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> tokens{"tokens", cl::init("self"),
                              cl::desc("Calibration tokens: a file with `tokens` or `input_ids` [rows, T], or `self` to sample them from the model (default)"), cl::value_desc("file|self"),
                              cl::sub(command), cl::cat(category)};
  cl::opt<std::string> rows{"rows", cl::desc("Rows of the tokens to use, a:b (default: all)"), cl::value_desc("a:b"), cl::sub(command), cl::cat(category)};
  cl::opt<unsigned> selfRows{"self-rows", cl::init(16), cl::desc("Rows to sample with --tokens=self (default 16)"), cl::value_desc("N"), cl::sub(command), cl::cat(category)};
  cl::opt<unsigned> selfLength{"self-length", cl::init(256), cl::desc("Tokens per sampled row (default 256)"), cl::value_desc("N"), cl::sub(command), cl::cat(category)};
  cl::opt<unsigned> seed{"seed", cl::init(1), cl::desc("Seed of the sampling (default 1)"), cl::value_desc("N"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> saveTokens{"save-tokens", cl::desc("Also write the calibration tokens to this file"), cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  cl::opt<Importance> kind{"importance", cl::init(Importance::Perturbation), cl::desc("How it is measured what each matrix matters"),
                           cl::values(clEnumValN(Importance::Perturbation, "perturbation", "round each matrix alone and measure how far the answers move (default): half a run over --sensitivity-tokens per matrix"),
                                      clEnumValN(Importance::Gradients, "gradients", "one pass forth and back over all tokens: a few runs, whatever the number of matrices; knows small errors alone"),
                                      clEnumValN(Importance::Both, "both", "both: plans use the former, the latter is for comparison")),
                           cl::sub(command), cl::cat(category)};
  cl::opt<Labels> labels{"labels", cl::init(Labels::Text), cl::desc("Tokens of whose probabilities gradients are taken"),
                         cl::values(clEnumValN(Labels::Text, "text", "those that follow in the text (default)"),
                                    clEnumValN(Labels::Model, "model", "drawn at each position from what the model expects there: the expected squares are then the curvature of the divergence from the model")),
                         cl::sub(command), cl::cat(category)};
  cl::opt<unsigned> sensitivityTokens{"sensitivity-tokens", cl::init(1024),
                                      cl::desc("Tokens on which each matrix is perturbed (default 1024; 0: no sensitivities), in pieces of 128 or more from up to four rows"), cl::value_desc("N"),
                                      cl::sub(command), cl::cat(category)};
  cl::list<std::string> perturbations{"perturb", cl::CommaSeparated, cl::desc("Formats to which each matrix is rounded to measure its sensitivity, coarse ones first; the next one is tried while the divergence is "
                                               "above 0.05 nats (default int3g64,int4g64,int5g64)"),
                                      cl::value_desc("format,..."), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> perturbedSites{"perturb-sites", cl::desc("Perturb only matrices whose name matches this regular expression (default: all)"), cl::value_desc("regex"), cl::sub(command),
                                      cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Statistics to write (safetensors)"), cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  ProgramFlags flags{*this};
};

llvm::Expected<Model> ProfileCommand::open() {
  Model model;
  model.context = std::make_unique<mlir::MLIRContext>(registry());
  std::string message;
  llvm::raw_string_ostream os(message);
  mlir::ScopedDiagnosticHandler handler(model.context.get(), [&](mlir::Diagnostic &diagnostic) {
    os << diagnostic.getLocation() << ": " << diagnostic << "\n";
    return mlir::success();
  });
  auto failed = [&](const llvm::Twine &what) { return support::fileError(path, message.empty() ? what : llvm::Twine(llvm::StringRef(message).rtrim())); };
  model.module = mlir::parseSourceFile<mlir::ModuleOp>(path, model.context.get());
  if (!model.module)
    return failed("cannot be read");
  auto sites = analysis::collectSites(*model.module);
  if (mlir::failed(sites))
    return failed("has no matrices that can be planned");
  model.sites = std::move(*sites);
  if (model.sites.empty())
    return failed("has no matrices that can be planned");
  if (auto digest = (*model.module)->getAttrOfType<mlir::StringAttr>("allot.model_digest"))
    model.digest = digest.str();
  if (auto vocab = (*model.module)->getAttrOfType<mlir::IntegerAttr>("allot.vocab"))
    model.vocab = std::clamp<int64_t>(vocab.getInt(), 0, int64_t(1) << 30);
  llvm::StringMap<std::string> names;
  for (const analysis::Site &site : model.sites)
    for (const std::string &alias : site.aliases)
      names[alias] = site.name;
  // Which matrices read the same value is what the instrumenting pass finds.
  mlir::OwningOpRef<mlir::ModuleOp> instrumented(model.module->clone());
  mlir::PassManager pm(model.context.get());
  pm.addPass(adapter::createAdapterInstrument());
  if (mlir::failed(pm.run(*instrumented)))
    return failed("cannot be instrumented");
  auto entry = instrumented->lookupSymbol("logits");
  if (!entry)
    return failed("has no entry logits");
  entry->walk([&](nn::TapOp tap) {
    if (!tap.getSites())
      return;
    runtime::SharedInput input{tap.getName().str(), {}};
    for (auto site : tap.getSites()->getAsValueRange<mlir::StringAttr>())
      if (auto it = names.find(site); it != names.end() && !llvm::is_contained(input.sites, it->second))
        input.sites.push_back(it->second);
    model.inputs.push_back(std::move(input));
  });
  mlir::OwningOpRef<mlir::ModuleOp> cut(model.module->clone());
  auto parts = nn::splitAtTaps(mlir::cast<mlir::func::FuncOp>(cut->lookupSymbol("logits")), kCuts);
  if (mlir::failed(parts))
    return failed("cannot be cut into parts");
  for (auto [k, part] : llvm::enumerate(*parts))
    part.walk([&, k = k](mlir::ml_program::GlobalLoadConstOp load) { model.firstPart.try_emplace(load.getGlobal().getLeafReference(), k); });
  model.gradients = gradientOptions(*parts, names);
  model.gradients.vocab = model.vocab;
  return std::move(model);
}

llvm::Expected<Tensor> ProfileCommand::calibrationTokens(support::Progress *progress) {
  llvm::Expected<Tensor> ids = Tensor();
  if (tokens == "self") {
    ProgramFlags::Wanted wanted;
    wanted.entries = {"prefill", "decode"};
    auto program = flags.load(path, wanted, progress);
    if (!program)
      return program.takeError();
    runtime::SampleOptions options;
    options.rows = selfRows;
    options.length = selfLength;
    options.seed = seed;
    options.progress = progress;
    if (options.rows < 1 || options.length < 2)
      return llvm::createStringError("--self-rows must be at least 1 and --self-length at least 2");
    ids = runtime::sampleTokens(**program, options);
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
  int64_t length = ids->shape()[1];
  if (length < 2 || range->first == range->second)
    return llvm::createStringError("calibration needs at least one row of two tokens");
  auto chosen = Tensor::create("tokens", archive::DType::I32, {range->second - range->first, length});
  if (!chosen)
    return chosen.takeError();
  auto source = ids->values<int32_t>().slice(range->first * length, chosen->numElements());
  std::copy(source.begin(), source.end(), chosen->values<int32_t>().begin());
  if (!saveTokens.empty())
    if (llvm::Error error = runtime::writeTensors(saveTokens, {*chosen}))
      return std::move(error);
  return chosen;
}

llvm::Expected<GradientStatistics> ProfileCommand::differentiate(Model &model, const runtime::InputMoments &moments, llvm::ArrayRef<float> importance, const Tensor &ids,
                                                                 support::Progress *progress) {
  if (kind == Importance::Perturbation)
    return GradientStatistics();
  ProgramFlags::Wanted asked;
  asked.entries = {"logits"};
  asked.splitAt = kCuts.str();
  asked.gradients = true;
  auto program = flags.load(path, asked, progress);
  if (!program)
    return program.takeError();
  model.gradients.progress = progress;
  auto measured = runtime::measureGradients(**program, ids, model.gradients);
  if (!measured)
    return measured.takeError();
  return gradientStatistics(*measured, model.sites, moments, importance, model.vocab);
}

/// The second moment of the input of a table that is only looked up: as gradients tell, else every column counts the same.
std::vector<float> tableMoment(const analysis::Site &site, const GradientStatistics &gradients) {
  for (const auto &[tensor, values] : gradients)
    if (tensor == site.name + ".input_second_moment")
      return values;
  return std::vector<float>(site.columns, 1.0f);
}

llvm::Expected<Perturbations> ProfileCommand::measure(Model &model, const runtime::InputMoments &moments, llvm::ArrayRef<float> importance, const GradientStatistics &gradients, const Tensor &ids, support::Progress *progress) {
  if (sensitivityTokens == 0 || kind == Importance::Gradients)
    return Perturbations();
  std::vector<FormatAttrInterface> formats;
  std::vector<std::string> names(perturbations.begin(), perturbations.end());
  if (names.empty())
    names = {"int3g64", "int4g64", "int5g64"};
  for (const std::string &name : names) {
    FormatAttrInterface format = format::getFormatByName(model.context.get(), name);
    if (!format)
      return llvm::createStringError("--perturb: unknown format '%s'", name.c_str());
    formats.push_back(format);
  }
  std::vector<int64_t> chosenRows = sensitivityRows(ids.shape()[0]);
  auto count = static_cast<int64_t>(chosenRows.size());
  int64_t length = std::min<int64_t>(ids.shape()[1], std::max<int64_t>(2, sensitivityTokens / count));
  auto part = Tensor::create("input_ids", archive::DType::I32, {count, length});
  if (!part)
    return part.takeError();
  for (int64_t row = 0; row < count; ++row) {
    auto source = ids.values<int32_t>().slice(chosenRows[row] * ids.shape()[1], length);
    std::copy(source.begin(), source.end(), part->values<int32_t>().begin() + row * length);
  }
  llvm::StringMap<const runtime::InputMoments::Moment *> momentOf;
  for (const auto &moment : moments.moments())
    for (const std::string &site : moment.input.sites)
      momentOf[site] = &moment;
  archive::StoredWeights weights(llvm::sys::path::parent_path(path));
  std::vector<runtime::PerturbedSite> perturbed;
  std::vector<int64_t> byFrequency = analysis::rowsByImportance(importance);
  // Sites that share an input come one after the other, so one factorisation at a time is kept.
  auto kept = std::make_shared<std::pair<const void *, std::shared_ptr<analysis::InputMoment>>>();
  llvm::Regex wanted(("^(" + (perturbedSites.empty() ? std::string(".*") : std::string(perturbedSites)) + ")$"));
  if (std::string problem; !wanted.isValid(problem))
    return llvm::createStringError("--perturb-sites: %s", problem.c_str());
  for (const analysis::Site &site : model.sites) {
    if (!wanted.match(site.name))
      continue;
    const auto *moment = momentOf.lookup(site.name);
    auto error = [moment, kept, columns = site.columns, table = moment ? std::vector<float>() : tableMoment(site, gradients)](llvm::ArrayRef<float> change) -> llvm::Expected<double> {
      if (!moment) {
        double sum = 0.0;
        for (auto [i, x] : llvm::enumerate(change))
          sum += double(table[i % columns]) * x * x;
        return sum;
      }
      if (kept->first != moment) {
        auto factors = analysis::InputMoment::fromMatrix(moment->sum, columns);
        if (!factors)
          return factors.takeError();
        *kept = {moment, std::make_shared<analysis::InputMoment>(std::move(*factors))};
      }
      return analysis::weightedError(change, static_cast<int64_t>(change.size()) / columns, columns, *kept->second);
    };
    auto add = [&](std::string name, llvm::ArrayRef<int64_t> chosen) {
      runtime::PerturbedSite p{std::move(name), site.name, site.rows, site.columns, chosen.vec(), model.firstPart.lookup(site.name), {}, error};
      p.read = [&weights, &site, chosen](int64_t first, int64_t count) -> llvm::Expected<std::vector<float>> {
        if (!chosen.empty())
          return weights.readRows(site.weight, chosen.slice(first, count));
        std::vector<float> values(count * site.columns);
        if (llvm::Error error = weights.readRows(site.weight, first, count, values))
          return std::move(error);
        return values;
      };
      perturbed.push_back(std::move(p));
    };
    add(site.name, {});
    for (analysis::RowPart part : analysis::measuredRowParts(site, model.vocab))
      add(analysis::rowPartName(site.name, part), llvm::ArrayRef(byFrequency).slice(part.first, part.count()));
  }
  ProgramFlags::Wanted asked;
  asked.entries = {"logits"};
  asked.weightsAs = "f32";
  asked.splitAt = kCuts.str();
  auto program = flags.load(path, asked, progress);
  if (!program)
    return program.takeError();
  auto measured = runtime::measureSensitivity(**program, *part, perturbed, formats, progress);
  if (!measured)
    return measured.takeError();
  Perturbations result;
  for (auto [site, values] : llvm::zip(perturbed, *measured))
    result.emplace_back(site.name, std::move(values));
  return result;
}

llvm::Error ProfileCommand::write(const Model &model, const runtime::InputMoments &moments, llvm::ArrayRef<float> importance, const GradientStatistics &gradients, const Perturbations &perturbed) {
  std::vector<archive::TensorSpec> specs;
  std::map<std::string, std::string> metadata = {{"producer", "allot profile"}, {"tokens", std::to_string(moments.tokens())}, {"model", model.digest}};
  auto name = [](llvm::StringRef site, llvm::StringRef what) { return (site + "." + what).str(); };
  for (const auto &moment : moments.moments()) {
    if (moment.input.sites.empty())
      continue;
    const std::string &owner = moment.input.sites.front();
    specs.push_back({name(owner, "input_moment_matrix"), archive::DType::F32, {moment.columns, moment.columns}});
    for (const std::string &site : moment.input.sites) {
      specs.push_back({name(site, "input_second_moment"), archive::DType::F32, {moment.columns}});
      if (site != owner)
        metadata["input_moment_matrix." + site] = owner;
    }
  }
  llvm::StringSet<> measured;
  for (const auto &[tensor, values] : gradients)
    if (llvm::StringRef site = tensor; site.consume_back(".input_second_moment"))
      measured.insert(site);
  for (const auto &moment : moments.moments())
    for (const std::string &site : moment.input.sites)
      measured.insert(site);
  for (const analysis::Site &site : model.sites)
    if (!measured.contains(site.name))
      specs.push_back({name(site.name, "input_second_moment"), archive::DType::F32, {site.columns}});
  auto hasImportance = [&](const analysis::Site &site) { return !analysis::measuredRowParts(site, model.vocab).empty(); };
  for (const analysis::Site &site : model.sites)
    if (hasImportance(site))
      specs.push_back({name(site.name, "row_importance"), archive::DType::F32, {site.rows}});
  for (const auto &[site, pairs] : perturbed)
    specs.push_back({name(site, "sensitivity"), archive::DType::F32, {static_cast<int64_t>(pairs.size()), 2}});
  for (const auto &[tensor, values] : gradients)
    specs.push_back({tensor, archive::DType::F32, {static_cast<int64_t>(values.size())}});
  auto writer = archive::SafetensorsWriter::create(output, specs, metadata);
  if (!writer)
    return writer.takeError();
  for (const auto &moment : moments.moments()) {
    if (moment.input.sites.empty())
      continue;
    if (llvm::Error error = (*writer)->writeFloat(name(moment.input.sites.front(), "input_moment_matrix"), moment.sum))
      return error;
    std::vector<float> diagonal(moment.columns);
    for (int64_t i = 0; i < moment.columns; ++i)
      diagonal[i] = moment.sum[i * moment.columns + i];
    for (const std::string &site : moment.input.sites)
      if (llvm::Error error = (*writer)->writeFloat(name(site, "input_second_moment"), diagonal))
        return error;
  }
  for (const analysis::Site &site : model.sites)
    if (!measured.contains(site.name))
      if (llvm::Error error = (*writer)->writeFloat(name(site.name, "input_second_moment"), tableMoment(site, gradients)))
        return error;
  for (const analysis::Site &site : model.sites)
    if (hasImportance(site))
      if (llvm::Error error = (*writer)->writeFloat(name(site.name, "row_importance"), importance))
        return error;
  for (const auto &[site, pairs] : perturbed) {
    std::vector<float> values;
    for (auto [error, divergence] : pairs) {
      values.push_back(static_cast<float>(error));
      values.push_back(static_cast<float>(divergence));
    }
    if (llvm::Error error = (*writer)->writeFloat(name(site, "sensitivity"), values))
      return error;
  }
  for (const auto &[tensor, values] : gradients)
    if (llvm::Error error = (*writer)->writeFloat(tensor, values))
      return error;
  return (*writer)->commit();
}

} // namespace

std::unique_ptr<Subcommand> tool::makeProfileCommand() { return std::make_unique<ProfileCommand>(); }
