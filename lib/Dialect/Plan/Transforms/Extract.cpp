//===- Extract.cpp - from a model to an allocation problem ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Encode.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/SetVector.h"
#include <regex>

namespace allot::plan {
#define GEN_PASS_DEF_PLANEXTRACT
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;

namespace {

/// Tables of more rows than this are never compensated: the factors of a tall
/// table cost more than the bits they replace.
constexpr int64_t kCompensatedRows = 8192;

/// What is to be chosen from, parsed.
struct Choices {
  SmallVector<FormatAttrInterface> formats;
  SmallVector<int64_t> ranks;
  llvm::SmallSetVector<Attribute, 8> compensated;
  FormatAttrInterface factorFormat;
  std::vector<std::pair<std::regex, std::regex>> allow;
  plan::Encoder encoder = plan::Encoder::Feedback;
  int64_t estimateRows = 0, tileRows = 8;
};

/// One way to store a site, before it is written as an op.
struct Candidate {
  std::string name;
  uint64_t bytes = 0;
  double loss = 0.0;
  FormatAttrInterface format;
  int64_t rank = 0;
  bool merged = false;
  FormatAttrInterface adapterFormat;
};

/// What happens to a site's adapters.
struct AdapterTreatment {
  std::string suffix;
  uint64_t bytes = 0;
  bool merged = false;
  /// Null: as they are stored.
  FormatAttrInterface format;
  /// Weighted error of rounding the adapters themselves.
  double error = 0.0;
};

class Extractor {
public:
  Extractor(ModuleOp module, const Choices &choices,
            const analysis::Statistics *statistics, StringRef folder)
      : module(module), choices(choices), statistics(statistics),
        weights(folder), symbols(module) {}

  /// The options of a site, cheapest to think of first.
  llvm::Expected<std::vector<Candidate>> enumerate(const analysis::Site &site);

private:
  llvm::Expected<std::vector<AdapterTreatment>>
  treatments(const analysis::Site &site, const analysis::InputMoment &moment);
  llvm::Error addFormat(const analysis::Site &site, FormatAttrInterface format,
                        ArrayRef<float> values, int64_t rows,
                        const analysis::InputMoment &moment,
                        const analysis::SiteLoss &loss,
                        ArrayRef<AdapterTreatment> treatments,
                        std::vector<Candidate> &result);
  bool allowed(StringRef site, StringRef option) const;

  ModuleOp module;
  const Choices &choices;
  const analysis::Statistics *statistics;
  archive::StoredWeights weights;
  SymbolTable symbols;
};

bool Extractor::allowed(StringRef site, StringRef option) const {
  bool known = false;
  for (const auto &[siteRegex, optionRegex] : choices.allow) {
    if (!std::regex_match(site.str(), siteRegex))
      continue;
    known = true;
    if (std::regex_match(option.str(), optionRegex))
      return true;
  }
  return !known;
}

llvm::Expected<std::vector<AdapterTreatment>>
Extractor::treatments(const analysis::Site &site,
                      const analysis::InputMoment &moment) {
  std::vector<AdapterTreatment> result;
  if (site.adapters.empty()) {
    result.push_back({});
    return result;
  }
  AdapterTreatment stored, half, merged;
  stored.suffix = "+adapter";
  half.suffix = "+adapter-" + choices.factorFormat.getShortName();
  half.format = choices.factorFormat;
  merged.suffix = "+merged";
  merged.merged = true;
  for (ml_program::GlobalOp global : site.adapterWeights) {
    auto type = cast<RankedTensorType>(global.getType());
    stored.bytes += plan::packedBytes(format::getFormat(type), type.getShape(),
                                      choices.tileRows);
    half.bytes += plan::packedBytes(choices.factorFormat, type.getShape(),
                                    choices.tileRows);
  }
  result.push_back(stored);
  if (half.bytes < stored.bytes) {
    // What rounding the factors does to the map.
    auto exact = plan::adapterMatrix(site, weights, symbols);
    if (!exact)
      return exact.takeError();
    auto rounded = plan::adapterMatrix(
        site, weights, symbols,
        [&](ml_program::GlobalOp global) { return half.format; });
    if (!rounded)
      return rounded.takeError();
    std::vector<float> error(exact->values.size());
    for (size_t i = 0; i < error.size(); ++i)
      error[i] = static_cast<float>(rounded->values[i] - exact->values[i]);
    half.error =
        analysis::weightedError(error, site.rows, site.columns, moment);
    result.push_back(half);
  }
  result.push_back(merged);
  return result;
}

llvm::Error Extractor::addFormat(const analysis::Site &site,
                                 FormatAttrInterface format,
                                 ArrayRef<float> values, int64_t rows,
                                 const analysis::InputMoment &moment,
                                 const analysis::SiteLoss &loss,
                                 ArrayRef<AdapterTreatment> treatments,
                                 std::vector<Candidate> &result) {
  auto encoded = plan::encodeMatrix(format, values, rows, site.columns, moment,
                                    choices.encoder);
  if (!encoded)
    return encoded.takeError();
  double scale = static_cast<double>(site.rows) / rows;
  SmallVector<int64_t> ranks = {0};
  std::vector<double> errors = {encoded->error * scale};
  if (choices.compensated.contains(format) && rows == site.rows &&
      rows <= kCompensatedRows) {
    ranks.clear();
    for (int64_t rank : choices.ranks)
      if (rank <= std::min(site.rows, site.columns))
        ranks.push_back(rank);
    errors = plan::compensateMatrix(*encoded, values, rows, site.columns,
                                    moment, ranks)
                 .remaining;
  }
  uint64_t bytes =
      plan::packedBytes(format, {site.rows, site.columns}, choices.tileRows);
  for (auto [rank, error] : llvm::zip(ranks, errors)) {
    uint64_t factorBytes =
        rank == 0
            ? 0
            : plan::packedBytes(choices.factorFormat, {site.rows, rank},
                                choices.tileRows) +
                  plan::packedBytes(choices.factorFormat, {rank, site.columns},
                                    choices.tileRows);
    for (const AdapterTreatment &treatment : treatments) {
      Candidate c;
      c.name = format.getShortName();
      if (rank > 0)
        c.name += "+r" + std::to_string(rank);
      c.name += treatment.suffix;
      c.bytes = bytes + factorBytes + treatment.bytes;
      c.loss = loss.predict(error + treatment.error);
      c.format = format;
      c.rank = rank;
      c.merged = treatment.merged;
      c.adapterFormat = treatment.format;
      result.push_back(std::move(c));
    }
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<Candidate>>
Extractor::enumerate(const analysis::Site &site) {
  if (statistics && !statistics->hasInput(site.name))
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "statistics file %s has no tensor %s.input_second_moment",
        statistics->path().str().c_str(), site.name.c_str());
  auto moment = plan::inputMomentOf(statistics, site);
  if (!moment)
    return moment.takeError();
  auto loss = analysis::SiteLoss::get(*statistics, site.name, site.rows);
  if (!loss)
    return loss.takeError();
  auto adapters = treatments(site, **moment);
  if (!adapters)
    return adapters.takeError();

  std::vector<Candidate> result;
  auto type = cast<RankedTensorType>(site.weight.getType());
  uint64_t stored = plan::packedBytes(format::getFormat(type), type.getShape(),
                                      choices.tileRows);
  for (const AdapterTreatment &treatment : *adapters) {
    if (treatment.merged)
      continue; // merging needs an encoding
    Candidate c;
    c.name = "stored" + treatment.suffix;
    c.bytes = stored + treatment.bytes;
    c.loss = loss->predict(treatment.error);
    c.adapterFormat = treatment.format;
    result.push_back(std::move(c));
  }

  // The encoder is tried on evenly spread rows, or on all of them where ranks
  // are to be chosen.
  bool all = choices.estimateRows == 0 || site.rows <= choices.estimateRows;
  bool compensate =
      choices.compensated.size() > 0 && site.rows <= kCompensatedRows;
  std::vector<float> full, sample;
  int64_t sampleRows = all ? site.rows : choices.estimateRows;
  if (all || compensate) {
    auto values = weights.read(site.weight);
    if (!values)
      return values.takeError();
    full = std::move(*values);
  }
  if (!all) {
    sample.resize(sampleRows * site.columns);
    for (int64_t i = 0; i < sampleRows; ++i)
      if (llvm::Error error = weights.readRows(
              site.weight, i * site.rows / sampleRows, 1,
              MutableArrayRef(sample).slice(i * site.columns, site.columns)))
        return std::move(error);
  }
  for (FormatAttrInterface format : choices.formats) {
    bool whole = all || (compensate && choices.compensated.contains(format));
    if (llvm::Error error = addFormat(site, format, whole ? full : sample,
                                      whole ? site.rows : sampleRows, **moment,
                                      *loss, *adapters, result))
      return std::move(error);
  }
  llvm::erase_if(
      result, [&](const Candidate &c) { return !allowed(site.name, c.name); });
  if (result.empty())
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "no option of %s is allowed",
                                   site.name.c_str());
  weights.dropPages();
  return result;
}

struct PlanExtract : plan::impl::PlanExtractBase<PlanExtract> {
  using PlanExtractBase::PlanExtractBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Choices choices;
    if (failed(parseChoices(choices)))
      return signalPassFailure();
    auto statistics = analysis::Statistics::open(stats);
    if (!statistics) {
      module.emitError() << llvm::toString(statistics.takeError());
      return signalPassFailure();
    }
    auto digest = module->getAttrOfType<StringAttr>("allot.model_digest");
    std::string measured = (*statistics)->model();
    if (!force && digest && !measured.empty() &&
        measured != digest.getValue()) {
      module.emitError() << "statistics " << stats << " belong to model "
                         << measured << ", this is " << digest
                         << "; --force takes them all the same";
      return signalPassFailure();
    }
    auto sites = analysis::collectSites(module);
    if (failed(sites) || failed(extract(module, choices, **statistics, *sites)))
      return signalPassFailure();
  }

private:
  LogicalResult parseChoices(Choices &choices);
  LogicalResult extract(ModuleOp module, const Choices &choices,
                        const analysis::Statistics &statistics,
                        ArrayRef<analysis::Site> sites);
};

LogicalResult PlanExtract::parseChoices(Choices &choices) {
  ModuleOp module = getOperation();
  auto parse = [&](StringRef name) -> FormatAttrInterface {
    FormatAttrInterface format = format::getFormatByName(&getContext(), name);
    if (!format)
      module.emitError() << "unknown format '" << name << "'";
    return format;
  };
  for (StringRef name : formats)
    if (FormatAttrInterface format = parse(name))
      choices.formats.push_back(format);
    else
      return failure();
  for (StringRef name : compensatedFormats)
    if (FormatAttrInterface format = parse(name))
      choices.compensated.insert(format);
    else
      return failure();
  if (compensatedFormats.empty())
    for (FormatAttrInterface format : choices.formats)
      if (unsigned bits = format.getCodeGrid().bits; bits > 0 && bits <= 3)
        choices.compensated.insert(format);
  choices.ranks.assign(ranks.begin(), ranks.end());
  for (int64_t rank : choices.ranks)
    if (rank < 0)
      return module.emitError() << "rank " << rank << " is negative";
  if (!llvm::is_contained(choices.ranks, 0))
    choices.ranks.insert(choices.ranks.begin(), 0);
  if (choices.ranks.size() == 1)
    choices.compensated.clear();
  choices.factorFormat = parse(factorFormat);
  if (!choices.factorFormat)
    return failure();
  std::optional<plan::Encoder> kind = plan::parseEncoder(encoder);
  if (!kind)
    return module.emitError() << "unknown encoder '" << encoder
                              << "': expected feedback or nearest";
  choices.encoder = *kind;
  choices.estimateRows = estimateRows;
  choices.tileRows = tileRows;
  for (StringRef rule : allow) {
    auto [site, option] = rule.split('=');
    try {
      choices.allow.emplace_back(std::regex(site.str()),
                                 std::regex(option.str()));
    } catch (const std::regex_error &error) {
      return module.emitError()
             << "bad regular expression in '" << rule << "': " << error.what();
    }
  }
  return success();
}

LogicalResult PlanExtract::extract(ModuleOp module, const Choices &choices,
                                   const analysis::Statistics &statistics,
                                   ArrayRef<analysis::Site> sites) {
  std::string base =
      folder.empty() ? archive::moduleFolder(module) : std::string(folder);
  Extractor extractor(module, choices, &statistics, base);
  llvm::SmallPtrSet<Operation *, 32> planned;
  for (const analysis::Site &site : sites) {
    planned.insert(site.weight);
    for (ml_program::GlobalOp global : site.adapterWeights)
      planned.insert(global);
  }
  int64_t fixed = 0;
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (auto type = dyn_cast<RankedTensorType>(global.getType());
        type && !planned.contains(global))
      fixed += format::getStoredBytes(type);
  int64_t total = 0;
  for (const analysis::Site &site : sites)
    total += site.rows * site.columns;
  if (auto attr = module->getAttrOfType<IntegerAttr>("allot.weights"))
    total = attr.getInt();

  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto digest = module->getAttrOfType<StringAttr>("allot.model_digest");
  auto problem = plan::ProblemOp::create(
      builder, module.getLoc(), builder.getStringAttr("allocation"),
      builder.getStrArrayAttr({"bytes"}), builder.getDenseI64ArrayAttr({fixed}),
      builder.getI64IntegerAttr(total),
      digest ? digest : builder.getStringAttr(""));
  builder.createBlock(&problem.getBody());
  for (const analysis::Site &site : sites) {
    auto options = extractor.enumerate(site);
    if (!options) {
      problem.erase();
      return site.weight.emitError() << llvm::toString(options.takeError());
    }
    auto loss = analysis::SiteLoss::get(statistics, site.name, site.rows);
    if (!loss)
      return site.weight.emitError() << llvm::toString(loss.takeError());
    auto item = plan::ItemOp::create(
        builder, site.weight.getLoc(), builder.getStringAttr(site.name),
        builder.getI64IntegerAttr(site.rows * site.columns),
        builder.getStringAttr((loss->origin() + " sensitivity, " +
                               std::string(encoder) + " encoder")
                                  .str()));
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&item.getBody());
    for (const Candidate &c : *options) {
      plan::OptionOp::create(
          builder, item.getLoc(), builder.getStringAttr(c.name),
          builder.getDenseI64ArrayAttr({static_cast<int64_t>(c.bytes)}),
          builder.getF64FloatAttr(c.loss),
          c.format ? Attribute(c.format) : Attribute(),
          c.rank ? builder.getI64IntegerAttr(c.rank) : IntegerAttr(),
          c.rank ? Attribute(choices.factorFormat) : Attribute(),
          c.merged ? builder.getUnitAttr() : UnitAttr(),
          c.adapterFormat ? Attribute(c.adapterFormat) : Attribute());
    }
  }
  return success();
}

} // namespace
