//===- Extract.cpp - from a model to an allocation problem ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extractor.h"
#include "Resources.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace allot::plan {
#define GEN_PASS_DEF_PLANEXTRACT
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;
using namespace allot::plan;

/// What is chosen from by default. Bits per weight of a matrix of 576 columns,
/// scales and zero points included: 2.28, 2.53, 3.15, 3.28, 3.53, 4.15, 4.28,
/// 4.53, 5.28, 5.53, 6.28, 8.15; blocks of 128 columns are cheaper, 2.14, 3.14
/// and 4.14, where they divide the row. What lies between comes from mixing
/// them.
static constexpr StringRef kDefaultFormats[] = {
    "int2g128zs8", "int2g64zs8", "int2g32zs8",  "int3g128zs8", "int3g64s8",
    "int3g64zs8",  "int3g32zs8", "int4g128zs8", "int4g64s8",   "int4g64zs8",
    "int4g32zs8",  "int5g64zs8", "int5g32zs8",  "int6g64zs8",  "int8g64s8"};

/// Compensation is tried where it is asked for: every rank needs a singular
/// value decomposition of the whole matrix.
static constexpr int64_t kDefaultRanks[] = {0};

/// What an adapter may be shortened to: one decomposition serves all of them.
static constexpr int64_t kDefaultAdapterRanks[] = {0, 2, 4, 8, 16, 32};

namespace {

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
  LogicalResult parseResources();
  plan::ProblemOp createProblem(ModuleOp module,
                                ArrayRef<analysis::Site> sites);
  void createItem(OpBuilder &builder, const analysis::Site &site,
                  const Extractor::Result &result, const Choices &choices);
  void addPositions(plan::ProblemOp problem, const analysis::Site &site);

  /// The resources after `bytes`.
  SmallVector<const TokenResource *, 2> others;
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
  for (StringRef name : adapterFormats) {
    FormatAttrInterface format = parse(name);
    if (!format)
      return failure();
    if (!llvm::is_contained(result.adapterFormats, format))
      result.adapterFormats.push_back(format);
  }
  if (adapterFormats.empty())
    result.adapterFormats = {parse("f16")};
  result.adapterRanks.assign(adapterRanks.begin(), adapterRanks.end());
  if (result.adapterRanks.empty())
    result.adapterRanks.assign(std::begin(kDefaultAdapterRanks),
                               std::end(kDefaultAdapterRanks));
  llvm::sort(result.adapterRanks, std::greater<>());
  result.adapterRanks.erase(llvm::unique(result.adapterRanks),
                            result.adapterRanks.end());
  if (result.adapterRanks.back() < 0)
    return error() << "rank " << result.adapterRanks.back() << " is negative";
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

LogicalResult PlanExtract::parseResources() {
  others.clear();
  for (StringRef name : resources) {
    const TokenResource *found = findTokenResource(name);
    if (!found && name != "bytes")
      return emitError(getOperation().getLoc())
             << "unknown resource '" << name << "': expected "
             << tokenResourceNames();
    if (found && !llvm::is_contained(others, found))
      others.push_back(found);
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
  llvm::SmallPtrSet<Operation *, 32> decoded = plan::decodedWhole(module);
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (auto type = dyn_cast<RankedTensorType>(global.getType());
        type && !planned.contains(global))
      fixed += format::getStoredBytes(
          decoded.contains(global) ? plan::wideType(type) : type);
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  auto digest = module->getAttrOfType<StringAttr>("allot.model_digest");
  SmallVector<StringRef> names = {"bytes"};
  SmallVector<int64_t> fixedCosts = {fixed};
  for (const TokenResource *resource : others) {
    names.push_back(resource->name);
    fixedCosts.push_back(resource->fixed(fixed));
  }
  auto problem = plan::ProblemOp::create(
      builder, module.getLoc(), builder.getStringAttr("allocation"),
      builder.getStrArrayAttr(names), builder.getDenseI64ArrayAttr(fixedCosts),
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
  SiteUse use = useOf(site);
  for (const Candidate &c : result.options) {
    SmallVector<int64_t> costs = {static_cast<int64_t>(c.bytes)};
    for (const TokenResource *resource : others)
      costs.push_back(resource->cost(site, use, rows, c));
    plan::OptionOp::create(
        builder, loc, builder.getStringAttr(c.name),
        builder.getDenseI64ArrayAttr(costs), builder.getF64FloatAttr(c.loss),
        Attribute(c.format),
        c.rank ? builder.getI64IntegerAttr(c.rank) : IntegerAttr(),
        c.rank ? Attribute(choices.factorFormat) : Attribute(),
        c.adapter.merged ? builder.getUnitAttr() : UnitAttr(),
        Attribute(c.adapter.format),
        c.adapter.rank ? builder.getI64IntegerAttr(*c.adapter.rank)
                       : IntegerAttr());
  }
}

/// Where each row lies is kept too.
void PlanExtract::addPositions(plan::ProblemOp problem,
                               const analysis::Site &site) {
  auto bytes = static_cast<int64_t>(
      format::getStoredBytes(plan::positionsType(&getContext(), site.rows)));
  SmallVector<int64_t> fixed(problem.getFixed());
  fixed[0] += bytes;
  for (auto [r, resource] : llvm::enumerate(others))
    fixed[r + 1] += resource->positions(useOf(site), bytes);
  problem.setFixed(fixed);
}

LogicalResult PlanExtract::run(ModuleOp module) {
  auto error = [&]() { return emitError(module.getLoc()); };
  Choices choices;
  std::optional<plan::Encoder> kind = plan::parseEncoder(encoder);
  if (!kind)
    return error() << "unknown encoder '" << encoder
                   << "': expected feedback or nearest";
  if (failed(parseChoices(choices)) || failed(parseResources()))
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
             ->empty())
      addPositions(problem, site);
    step.advance(1, site.name);
  }
  return success();
}

} // namespace

std::unique_ptr<Pass> plan::createPlanExtract(const PlanExtractOptions &options,
                                              support::Progress *progress) {
  return std::make_unique<PlanExtract>(options, progress);
}
