//===- Extract.cpp - from a model to an allocation problem ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/MapVector.h"

namespace allot::plan {
#define GEN_PASS_DEF_PLANEXTRACT
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;
using namespace allot::plan;

/// What is chosen from by default. Bits per weight of a matrix of 576 columns,
/// scales and zero points included: 2.28, 2.53, 3.28, 3.53, 4.15, 4.28, 4.53,
/// 5.28, 5.53, 6.28, 8.15; blocks of 128 columns are cheaper, 2.14, 3.14 and
/// 4.14, where they divide the row. What lies between comes from mixing them.
static constexpr StringRef kDefaultFormats[] = {
    "int2g128zs8", "int2g64zs8",  "int2g32zs8", "int3g128zs8", "int3g64zs8",
    "int3g32zs8",  "int4g128zs8", "int4g64s8",  "int4g64zs8",  "int4g32zs8",
    "int5g64zs8",  "int5g32zs8",  "int6g64zs8", "int8g64s8"};

/// Compensation is tried where it is asked for: every rank needs a singular
/// value decomposition of the whole matrix.
static constexpr int64_t kDefaultRanks[] = {0};

namespace {

class Extractor {
public:
  Extractor(ModuleOp module, const Choices &choices, plan::Encoder encoder,
            int64_t estimateRows, const analysis::Statistics *statistics,
            StringRef folder)
      : choices(choices), encoder(encoder), estimateRows(estimateRows),
        statistics(statistics), weights(folder), symbols(module) {}

  struct Result {
    /// The rows that the options are about; absent: all.
    std::optional<analysis::RowPart> part;
    std::vector<Candidate> options;
    std::string origin;
  };
  /// The ranges of rows of a site that are planned apart; one that is absent
  /// for all rows together.
  llvm::Expected<SmallVector<std::optional<analysis::RowPart>>>
  partsOf(const analysis::Site &site);
  /// The allowed options of a site or a part of it, with predicted losses.
  llvm::Expected<Result> extract(const analysis::Site &site,
                                 std::optional<analysis::RowPart> part);

private:
  /// Everything about a site that losses depend on.
  struct Context {
    const analysis::Site &site;
    /// The rows that are encoded, in `order` where it is not empty.
    analysis::RowPart part;
    std::vector<int64_t> order;
    std::shared_ptr<const analysis::InputMoment> moment;
    analysis::SiteLoss loss;
    /// Sum of the adapters, where some option needs it; else empty.
    DenseMatrix adapters;
  };
  llvm::Error predict(Context &context, std::vector<Candidate> &options);
  llvm::Error predictFormat(Context &context, FormatAttrInterface format,
                            bool merged, ArrayRef<Candidate *> options,
                            double adapterError);
  llvm::Expected<double> adapterError(Context &context,
                                      FormatAttrInterface format);
  llvm::Expected<std::vector<float>> rowsOf(Context &context, int64_t count,
                                            bool merged);

  const Choices &choices;
  plan::Encoder encoder;
  int64_t estimateRows;
  const analysis::Statistics *statistics;
  archive::StoredWeights weights;
  SymbolTable symbols;
};

/// `count` evenly spread rows, with the adapters merged where asked for.
llvm::Expected<std::vector<float>>
Extractor::rowsOf(Context &context, int64_t count, bool merged) {
  const analysis::Site &site = context.site;
  std::vector<float> values(count * site.columns);
  for (int64_t i = 0; i < count; ++i) {
    int64_t row = context.part.first +
                  analysis::sampledRow(i, count, context.part.count());
    if (!context.order.empty())
      row = context.order[row];
    MutableArrayRef<float> out =
        MutableArrayRef(values).slice(i * site.columns, site.columns);
    if (llvm::Error error = weights.readRows(site.weight, row, 1, out))
      return std::move(error);
    if (merged)
      for (int64_t c = 0; c < site.columns; ++c)
        out[c] += static_cast<float>(context.adapters(row, c));
  }
  return values;
}

/// The weighted error of rounding the adapters alone.
llvm::Expected<double> Extractor::adapterError(Context &context,
                                               FormatAttrInterface format) {
  const analysis::Site &site = context.site;
  auto rounded = plan::adapterMatrix(
      site, weights, symbols, [&](ml_program::GlobalOp) { return format; });
  if (!rounded)
    return rounded.takeError();
  std::vector<float> error(rounded->values.size());
  for (size_t i = 0; i < error.size(); ++i)
    error[i] =
        static_cast<float>(rounded->values[i] - context.adapters.values[i]);
  return context.loss.total(analysis::weightedRowErrors(
      error, site.rows, site.columns, *context.moment));
}

/// Encodes in `format` and predicts for all ranks, which `options` differ in.
llvm::Error Extractor::predictFormat(Context &context,
                                     FormatAttrInterface format, bool merged,
                                     ArrayRef<Candidate *> options,
                                     double adapterError) {
  const analysis::Site &site = context.site;
  SmallVector<int64_t> ranks;
  for (Candidate *c : options)
    ranks.push_back(c->rank);
  bool compensated = llvm::any_of(ranks, [](int64_t r) { return r > 0; });
  int64_t rows = context.part.count();
  int64_t count =
      compensated || estimateRows == 0 ? rows : std::min(rows, estimateRows);
  auto values = rowsOf(context, count, merged);
  if (!values)
    return values.takeError();
  auto encoded = plan::encodeMatrix(format, *values, count, site.columns,
                                    *context.moment, encoder);
  if (!encoded)
    return encoded.takeError();
  double error = context.loss.total(encoded->errors);
  std::vector<double> remaining(ranks.size(), 1.0);
  if (compensated)
    remaining = plan::compensateMatrix(*encoded, *values, count, site.columns,
                                       *context.moment, ranks)
                    .remaining;
  for (auto [c, part] : llvm::zip(options, remaining))
    c->loss = context.loss.predict(error * part + adapterError);
  return llvm::Error::success();
}

llvm::Error Extractor::predict(Context &context,
                               std::vector<Candidate> &options) {
  const analysis::Site &site = context.site;
  bool needsAdapters = llvm::any_of(options, [](const Candidate &c) {
    return c.adapter.merged || c.adapter.format;
  });
  if (needsAdapters) {
    auto sum = plan::adapterMatrix(site, weights, symbols);
    if (!sum)
      return sum.takeError();
    context.adapters = std::move(*sum);
  }
  // Options that share an encoding are predicted together.
  llvm::MapVector<std::pair<Attribute, StringRef>, SmallVector<Candidate *>>
      groups;
  llvm::MapVector<Attribute, double> adapterErrors;
  for (Candidate &c : options)
    groups[{c.format, c.adapter.suffix}].push_back(&c);
  for (auto &[key, members] : groups) {
    Candidate &first = *members.front();
    double error = 0.0;
    if (FormatAttrInterface format = first.adapter.format) {
      auto [it, isNew] = adapterErrors.insert({format, 0.0});
      if (isNew) {
        auto measured = adapterError(context, format);
        if (!measured)
          return measured.takeError();
        it->second = *measured;
      }
      error = it->second;
    }
    if (!first.format) {
      for (Candidate *c : members)
        c->loss = context.loss.predict(error);
      continue;
    }
    if (llvm::Error failure = predictFormat(
            context, first.format, first.adapter.merged, members, error))
      return failure;
  }
  return llvm::Error::success();
}

llvm::Expected<SmallVector<std::optional<analysis::RowPart>>>
Extractor::partsOf(const analysis::Site &site) {
  SmallVector<std::optional<analysis::RowPart>> result;
  // An adapter is added to the whole table.
  if (statistics && choices.splitRows && site.adapters.empty()) {
    auto stored = analysis::storedRowParts(
        *statistics, plan::statisticsName(*statistics, site), site.rows);
    if (!stored)
      return stored.takeError();
    result.append(stored->begin(), stored->end());
  }
  if (result.size() < 2)
    result.assign(1, std::nullopt);
  return result;
}

llvm::Expected<Extractor::Result>
Extractor::extract(const analysis::Site &site,
                   std::optional<analysis::RowPart> part) {
  Result result;
  result.part = part;
  result.options = plan::enumerate(site, part, choices);
  std::string name = part ? analysis::rowPartName(site.name, *part) : site.name;
  if (result.options.empty())
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "no option of %s is allowed", name.c_str());
  // What stays exactly as it is needs no statistics.
  if (llvm::all_of(result.options, [](const Candidate &c) {
        return !c.format && !c.adapter.format;
      })) {
    result.origin = "kept as stored";
    return result;
  }
  if (!statistics)
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "%s has options other than its stored form, which need statistics",
        name.c_str());
  auto moment = plan::inputMomentOf(statistics, site);
  if (!moment)
    return moment.takeError();
  std::string measured = plan::statisticsName(*statistics, site);
  analysis::RowPart rows = part.value_or(analysis::RowPart{0, site.rows});
  auto loss = analysis::SiteLoss::get(
      *statistics, part ? analysis::rowPartName(measured, *part) : measured,
      rows.count());
  if (!loss)
    return loss.takeError();
  std::vector<int64_t> order;
  if (part) {
    auto sorted = plan::rowOrder(statistics, site);
    if (!sorted)
      return sorted.takeError();
    order = std::move(*sorted);
  }
  Context context{
      site, rows, std::move(order), std::move(*moment), std::move(*loss), {}};
  if (llvm::Error error = predict(context, result.options))
    return std::move(error);
  result.origin = (context.loss.origin() + " sensitivity, " +
                   plan::stringifyEncoder(encoder) + " encoder")
                      .str();
  weights.dropPages();
  return result;
}

struct PlanExtract : plan::impl::PlanExtractBase<PlanExtract> {
  using PlanExtractBase::PlanExtractBase;
  PlanExtract(const plan::PlanExtractOptions &options,
              support::Progress *progress)
      : PlanExtractBase(options), progress(progress) {}

  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult run(ModuleOp module);
  LogicalResult parseChoices(Choices &result);
  plan::ProblemOp createProblem(ModuleOp module,
                                ArrayRef<analysis::Site> sites);
  void createItem(OpBuilder &builder, const analysis::Site &site,
                  const Extractor::Result &result, const Choices &choices);

  support::Progress *progress = nullptr;
};

LogicalResult PlanExtract::parseChoices(Choices &result) {
  auto error = [&]() { return emitError(getOperation().getLoc()); };
  auto parse = [&](StringRef name) -> FormatAttrInterface {
    FormatAttrInterface format = format::getFormatByName(&getContext(), name);
    if (!format)
      error() << "unknown format '" << name << "'";
    return format;
  };
  SmallVector<StringRef> names(formats.begin(), formats.end());
  if (names.empty())
    names.assign(std::begin(kDefaultFormats), std::end(kDefaultFormats));
  for (StringRef name : names) {
    FormatAttrInterface format = parse(name);
    if (!format)
      return failure();
    if (!llvm::is_contained(result.formats, format))
      result.formats.push_back(format);
  }
  for (StringRef name : compensatedFormats)
    if (FormatAttrInterface format = parse(name))
      result.compensated.insert(format);
    else
      return failure();
  if (compensatedFormats.empty())
    for (FormatAttrInterface format : result.formats)
      if (unsigned bits = format.getCodeGrid().bits; bits > 0 && bits <= 3)
        result.compensated.insert(format);
  result.ranks.assign(ranks.begin(), ranks.end());
  if (result.ranks.empty())
    result.ranks.assign(std::begin(kDefaultRanks), std::end(kDefaultRanks));
  result.ranks.push_back(0);
  llvm::sort(result.ranks);
  result.ranks.erase(llvm::unique(result.ranks), result.ranks.end());
  if (result.ranks.front() < 0)
    return error() << "rank " << result.ranks.front() << " is negative";
  result.factorFormat = parse(factorFormat);
  if (!result.factorFormat)
    return failure();
  if (result.factorFormat.getCodeGrid().bits > 0)
    return error() << "factors need a floating-point format, not '"
                   << factorFormat << "'";
  if (tileRows != 8 && tileRows != 16)
    return error() << "tiles have 8 or 16 rows, not " << int64_t(tileRows);
  result.tileRows = tileRows;
  result.splitRows = splitRows;
  for (StringRef rule : allow) {
    auto [site, option] = rule.split('=');
    if (site.empty() || option.empty())
      return error() << "bad rule '" << rule << "': expected SITE=OPTION";
    try {
      result.allow.emplace_back(std::regex(site.str()),
                                std::regex(option.str()));
    } catch (const std::regex_error &exception) {
      return error() << "bad regular expression in '" << rule
                     << "': " << exception.what();
    }
  }
  return success();
}

/// The problem without its items.
plan::ProblemOp PlanExtract::createProblem(ModuleOp module,
                                           ArrayRef<analysis::Site> sites) {
  llvm::SmallPtrSet<Operation *, 32> planned;
  int64_t total = 0;
  for (const analysis::Site &site : sites) {
    planned.insert(site.weight);
    for (ml_program::GlobalOp global : site.adapterWeights)
      planned.insert(global);
    total += site.rows * site.columns;
  }
  if (auto attr = module->getAttrOfType<IntegerAttr>("allot.weights"))
    total = attr.getInt();
  int64_t fixed = 0;
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (auto type = dyn_cast<RankedTensorType>(global.getType());
        type && !planned.contains(global))
      fixed += format::getStoredBytes(type);
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  auto digest = module->getAttrOfType<StringAttr>("allot.model_digest");
  auto problem = plan::ProblemOp::create(
      builder, module.getLoc(), builder.getStringAttr("allocation"),
      builder.getStrArrayAttr({"bytes"}), builder.getDenseI64ArrayAttr({fixed}),
      builder.getI64IntegerAttr(total),
      digest ? digest : builder.getStringAttr(""),
      stats.empty()
          ? StringAttr()
          : builder.getStringAttr(statsName.empty() ? stats : statsName),
      builder.getStringAttr(encoder));
  builder.createBlock(&problem.getBody());
  return problem;
}

void PlanExtract::createItem(OpBuilder &builder, const analysis::Site &site,
                             const Extractor::Result &result,
                             const Choices &choices) {
  Location loc = site.weight.getLoc();
  std::optional<analysis::RowPart> part = result.part;
  int64_t rows = part ? part->count() : site.rows;
  auto item = plan::ItemOp::create(
      builder, loc,
      builder.getStringAttr(part ? analysis::rowPartName(site.name, *part)
                                 : site.name),
      part ? builder.getDenseI64ArrayAttr({part->first, part->end})
           : DenseI64ArrayAttr(),
      builder.getI64IntegerAttr(rows * site.columns),
      builder.getStringAttr(result.origin));
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&item.getBody());
  for (const Candidate &c : result.options)
    plan::OptionOp::create(
        builder, loc, builder.getStringAttr(c.name),
        builder.getDenseI64ArrayAttr({static_cast<int64_t>(c.bytes)}),
        builder.getF64FloatAttr(c.loss), Attribute(c.format),
        c.rank ? builder.getI64IntegerAttr(c.rank) : IntegerAttr(),
        c.rank ? Attribute(choices.factorFormat) : Attribute(),
        c.adapter.merged ? builder.getUnitAttr() : UnitAttr(),
        Attribute(c.adapter.format));
}

LogicalResult PlanExtract::run(ModuleOp module) {
  auto error = [&]() { return emitError(module.getLoc()); };
  Choices choices;
  std::optional<plan::Encoder> kind = plan::parseEncoder(encoder);
  if (!kind)
    return error() << "unknown encoder '" << encoder
                   << "': expected feedback or nearest";
  if (failed(parseChoices(choices)))
    return failure();
  if (estimateRows < 0)
    return error() << "estimate-rows is negative: " << int64_t(estimateRows);
  std::shared_ptr<const analysis::Statistics> statistics;
  if (!stats.empty()) {
    auto opened = plan::openStatistics(module, stats, force);
    if (failed(opened))
      return failure();
    statistics = std::move(*opened);
  }
  auto sites = analysis::collectSites(module);
  if (failed(sites))
    return failure();
  if (sites->empty())
    return error() << "the module has no matrix to plan for";
  for (const analysis::Site &site : *sites)
    if (!format::getFormat(site.weight.getType()))
      return emitError(site.weight.getLoc())
             << "weight @" << site.name << " has no storage format";
  Extractor extractor(module, choices, *kind, estimateRows, statistics.get(),
                      folder.empty() ? archive::moduleFolder(module)
                                     : std::string(folder));
  plan::ProblemOp problem = createProblem(module, *sites);
  auto builder = OpBuilder::atBlockEnd(&problem.getBody().front());
  support::ProgressStep step(progress, "trying formats", sites->size());
  for (const analysis::Site &site : *sites) {
    auto failed = [&](llvm::Error error) {
      problem.erase();
      return emitError(site.weight.getLoc())
             << llvm::toString(std::move(error));
    };
    auto parts = extractor.partsOf(site);
    if (!parts)
      return failed(parts.takeError());
    for (std::optional<analysis::RowPart> part : *parts) {
      auto result = extractor.extract(site, part);
      if (!result)
        return failed(result.takeError());
      createItem(builder, site, *result, choices);
    }
    if (parts->size() > 1 &&
        !statistics
             ->rowImportance(plan::statisticsName(*statistics, site), site.rows)
             ->empty()) {
      // Where each row lies is kept too.
      SmallVector<int64_t> fixed(problem.getFixed());
      fixed[0] +=
          format::getStoredBytes(plan::positionsType(&getContext(), site.rows));
      problem.setFixed(fixed);
    }
    step.advance(1, site.name);
  }
  return success();
}

} // namespace

std::unique_ptr<Pass> plan::createPlanExtract(const PlanExtractOptions &options,
                                              support::Progress *progress) {
  return std::make_unique<PlanExtract>(options, progress);
}
