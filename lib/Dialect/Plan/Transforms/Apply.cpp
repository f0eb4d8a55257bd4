//===- Apply.cpp - encoding the weights as a solution says ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Encode.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/MapVector.h"

namespace allot::plan {
#define GEN_PASS_DEF_PLANAPPLY
#include "allot/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace allot::plan

using namespace mlir;
using namespace allot;

namespace {

/// Rows encoded at a time where nothing asks for the whole matrix.
constexpr int64_t kRowsAtOnce = 4096;

/// A tensor of the archive.
struct Output {
  std::string name;
  RankedTensorType type;
  /// Writes it; empty for factors that come with their matrix.
  std::function<llvm::Error(archive::SafetensorsWriter &)> write;
};

class Applier {
public:
  Applier(ModuleOp module, plan::ProblemOp problem, plan::SolutionOp solution,
          const analysis::Statistics *statistics, StringRef folder,
          plan::Encoder encoder, int64_t tileRows)
      : module(module), problem(problem), solution(solution),
        statistics(statistics), weights(folder), symbols(module),
        encoder(encoder), tileRows(tileRows) {}

  /// Pairs sites with chosen options; checks that the plan is about this model.
  LogicalResult prepare();
  /// Encodes and writes everything.
  llvm::Error write(StringRef path);
  /// Makes the module read the archive.
  void rewrite(StringRef archiveName, StringRef digest,
               ArrayRef<archive::TensorEntry> entries);

  /// The finished entries, in the order of the file.
  std::vector<archive::TensorEntry> entries;

private:
  void plan();
  RankedTensorType packed(RankedTensorType type, Attribute format);
  llvm::Error copy(ml_program::GlobalOp global, RankedTensorType type,
                   archive::SafetensorsWriter &writer);
  llvm::Error encode(const analysis::Site &site, plan::OptionOp option,
                     RankedTensorType type, archive::SafetensorsWriter &writer);
  llvm::Error writeFactors(const analysis::Site &site, plan::OptionOp option,
                           const plan::EncodedMatrix &encoded,
                           ArrayRef<float> values,
                           const analysis::InputMoment &moment,
                           archive::SafetensorsWriter &writer);

  ModuleOp module;
  plan::ProblemOp problem;
  plan::SolutionOp solution;
  const analysis::Statistics *statistics;
  archive::StoredWeights weights;
  SymbolTable symbols;
  plan::Encoder encoder;
  int64_t tileRows;

  std::vector<analysis::Site> sites;
  /// One per site.
  SmallVector<plan::OptionOp> options;
  std::vector<Output> outputs;
};

} // namespace

static std::string factorName(StringRef site, StringRef which) {
  return (site + ".compensation_" + which).str();
}

LogicalResult Applier::prepare() {
  auto found = analysis::collectSites(module);
  if (failed(found))
    return failure();
  sites = std::move(*found);
  llvm::StringMap<plan::OptionOp> chosen;
  llvm::StringMap<plan::ItemOp> items;
  for (auto item : problem.getBody().getOps<plan::ItemOp>())
    items[item.getName()] = item;
  for (auto choice : solution.getBody().getOps<plan::ChoiceOp>()) {
    plan::ItemOp item = items.lookup(choice.getItem());
    if (!item)
      return choice.emitOpError("names an unknown item ")
             << choice.getItemAttr();
    for (auto option : item.getBody().getOps<plan::OptionOp>())
      if (option.getName() == choice.getOption())
        chosen[choice.getItem()] = option;
  }
  for (const analysis::Site &site : sites) {
    plan::OptionOp option = chosen.lookup(site.name);
    if (!option)
      return solution.emitOpError("chooses nothing for '")
             << site.name << "', a matrix of the model";
    chosen.erase(site.name);
    options.push_back(option);
    if (Attribute format = option.getFormatAttr();
        format && !isa<FormatAttrInterface>(format))
      return option.emitOpError("has a format that is none: ") << format;
  }
  if (!chosen.empty())
    return solution.emitOpError("is about '")
           << chosen.begin()->first() << "', which the model has not";
  plan();
  return success();
}

RankedTensorType Applier::packed(RankedTensorType type, Attribute format) {
  return format::withFormat(
      type, cast<FormatAttrInterface>(format).getPackedFormat(tileRows));
}

/// Decides the tensors of the archive, in the order of the module's globals.
void Applier::plan() {
  llvm::DenseMap<Operation *, RankedTensorType> types;
  llvm::DenseMap<Operation *, unsigned> siteOf;
  llvm::SmallPtrSet<Operation *, 16> dropped;
  for (auto [i, site] : llvm::enumerate(sites)) {
    plan::OptionOp option = options[i];
    auto type = cast<RankedTensorType>(site.weight.getType());
    Attribute format =
        option.getFormatAttr() ? option.getFormatAttr() : type.getEncoding();
    types[site.weight] = packed(type, format);
    siteOf[site.weight] = i;
    for (ml_program::GlobalOp global : site.adapterWeights) {
      auto factor = cast<RankedTensorType>(global.getType());
      if (option.getMerged())
        dropped.insert(global);
      else
        types[global] = packed(factor, option.getAdapterFormatAttr()
                                           ? option.getAdapterFormatAttr()
                                           : factor.getEncoding());
    }
  }
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!type || dropped.contains(global))
      continue;
    if (auto it = types.find(global); it != types.end())
      type = it->second;
    Output output{global.getSymName().str(), type, {}};
    auto site = siteOf.find(global);
    if (site == siteOf.end() || !options[site->second].getFormatAttr()) {
      output.write = [this, global, type](archive::SafetensorsWriter &writer) {
        return copy(global, type, writer);
      };
      outputs.push_back(std::move(output));
      continue;
    }
    unsigned index = site->second;
    output.write = [this, index, type](archive::SafetensorsWriter &writer) {
      return encode(sites[index], options[index], type, writer);
    };
    outputs.push_back(std::move(output));
    if (int64_t rank = options[index].getRank().value_or(0)) {
      Attribute format = *options[index].getFactorFormat();
      auto factor = [&](StringRef name, ArrayRef<int64_t> shape) {
        outputs.push_back(
            {factorName(sites[index].name, name),
             packed(RankedTensorType::get(shape, type.getElementType()),
                    format),
             {}});
      };
      factor("B", {sites[index].rows, rank});
      factor("A", {rank, sites[index].columns});
    }
  }
}

llvm::Error Applier::copy(ml_program::GlobalOp global, RankedTensorType type,
                          archive::SafetensorsWriter &writer) {
  auto bytes = weights.bytes(global);
  if (!bytes)
    return bytes.takeError();
  auto from = cast<RankedTensorType>(global.getType());
  std::vector<uint8_t> out(format::getStoredBytes(type));
  if (llvm::Error error = codec::convert(
          format::getFormat(from), *bytes, format::getFormat(type),
          type.getShape(),
          cast<format::StoredAttr>(*global.getValue()).getRowInterleave(), out))
    return error;
  return writer.write(global.getSymName(), out);
}

llvm::Error Applier::writeFactors(const analysis::Site &site,
                                  plan::OptionOp option,
                                  const plan::EncodedMatrix &encoded,
                                  ArrayRef<float> values,
                                  const analysis::InputMoment &moment,
                                  archive::SafetensorsWriter &writer) {
  int64_t rank = *option.getRank();
  analysis::Compensation factors =
      plan::compensateMatrix(encoded, values, site.rows, site.columns, moment,
                             {rank})
          .factors;
  auto format = cast<FormatAttrInterface>(*option.getFactorFormat());
  auto packedFormat =
      cast<FormatAttrInterface>(format.getPackedFormat(tileRows));
  auto emit = [&](StringRef name, ArrayRef<float> numbers,
                  ArrayRef<int64_t> shape) -> llvm::Error {
    auto bytes = codec::encodeRoundToNearest(packedFormat, numbers, shape);
    if (!bytes)
      return bytes.takeError();
    return writer.write(factorName(site.name, name), *bytes);
  };
  if (llvm::Error error = emit("B", factors.b, {site.rows, rank}))
    return error;
  return emit("A", factors.a, {rank, site.columns});
}

llvm::Error Applier::encode(const analysis::Site &site, plan::OptionOp option,
                            RankedTensorType type,
                            archive::SafetensorsWriter &writer) {
  auto moment = plan::inputMomentOf(statistics, site);
  if (!moment)
    return moment.takeError();
  auto format = cast<FormatAttrInterface>(option.getFormatAttr());
  auto codec = cast<FormatCodecInterface>(type.getEncoding());
  bool isInteger = format.getCodeGrid().bits > 0;
  DenseMatrix delta;
  if (option.getMerged()) {
    auto sum = plan::adapterMatrix(site, weights, symbols);
    if (!sum)
      return sum.takeError();
    delta = std::move(*sum);
  }
  int64_t rank = option.getRank().value_or(0);
  int64_t step = rank > 0 ? site.rows : std::min(site.rows, kRowsAtOnce);
  std::vector<uint8_t> bytes(format::getStoredBytes(type));
  std::vector<float> values;
  for (int64_t first = 0; first < site.rows; first += step) {
    int64_t count = std::min(step, site.rows - first);
    values.resize(count * site.columns);
    if (llvm::Error error = weights.readRows(site.weight, first, count, values))
      return error;
    if (option.getMerged())
      for (size_t i = 0; i < values.size(); ++i)
        values[i] += static_cast<float>(delta.values[first * site.columns + i]);
    auto encoded = plan::encodeMatrix(format, values, count, site.columns,
                                      **moment, encoder);
    if (!encoded)
      return encoded.takeError();
    if (isInteger)
      codec.writeCodes(encoded->blocks, site.rows, site.columns, first, bytes);
    else
      codec.writeFloats(encoded->decoded, site.rows, site.columns, first, count,
                        bytes);
    if (rank > 0)
      if (llvm::Error error =
              writeFactors(site, option, *encoded, values, **moment, writer))
        return error;
  }
  return writer.write(site.weight.getSymName(), bytes);
}

llvm::Error Applier::write(StringRef path) {
  std::vector<archive::TensorSpec> specs;
  for (const Output &output : outputs)
    specs.push_back(
        {output.name,
         archive::DType::U8,
         {static_cast<int64_t>(format::getStoredBytes(output.type))}});
  auto writer = archive::SafetensorsWriter::create(
      path, specs, {{"producer", "allot"}, {"layout", "packed"}});
  if (!writer)
    return writer.takeError();
  for (const Output &output : outputs) {
    if (!output.write)
      continue;
    if (llvm::Error error = output.write(**writer))
      return error;
    weights.dropPages();
  }
  entries.assign((*writer)->tensors().begin(), (*writer)->tensors().end());
  return (*writer)->commit();
}

/// Erases `op` and what only it needed.
static void eraseDead(Operation *op) {
  if (!op || !isOpTriviallyDead(op))
    return;
  SmallVector<Operation *> operands;
  for (Value operand : op->getOperands())
    if (Operation *definition = operand.getDefiningOp();
        definition && !llvm::is_contained(operands, definition))
      operands.push_back(definition);
  op->erase();
  for (Operation *operand : operands)
    eraseDead(operand);
}

void Applier::rewrite(StringRef archiveName, StringRef digest,
                      ArrayRef<archive::TensorEntry> entries) {
  OpBuilder builder(module.getContext());
  llvm::StringMap<const archive::TensorEntry *> byName;
  for (const archive::TensorEntry &entry : entries)
    byName[entry.name] = &entry;
  auto stored = [&](StringRef name) {
    const archive::TensorEntry *entry = byName.lookup(name);
    return format::StoredAttr::get(
        module.getContext(), builder.getStringAttr(archiveName),
        builder.getStringAttr(name), entry->offset, entry->bytes,
        builder.getStringAttr(digest), /*rowInterleave=*/0);
  };
  Operation *last = nullptr;
  for (const Output &output : outputs) {
    auto global = symbols.lookup<ml_program::GlobalOp>(output.name);
    if (!global) {
      builder.setInsertionPointAfter(last);
      global = ml_program::GlobalOp::create(
          builder, last->getLoc(), output.name, output.type,
          /*is_mutable=*/false, stored(output.name),
          builder.getStringAttr("private"));
      symbols.insert(global);
    } else {
      global.setType(output.type);
      global.setValueAttr(stored(output.name));
    }
    last = global;
  }
  module.walk([&](ml_program::GlobalLoadConstOp load) {
    if (auto global = symbols.lookup<ml_program::GlobalOp>(
            load.getGlobal().getLeafReference()))
      load.getResult().setType(global.getType());
  });
  for (size_t i = 0; i < sites.size(); ++i) {
    analysis::Site &site = sites[i];
    plan::OptionOp option = options[i];
    for (size_t use = 0; use < site.maps.size(); ++use) {
      Value map = site.maps[use];
      Operation *base = site.bases[use];
      if (option.getMerged() && map != base->getResult(0)) {
        map.replaceAllUsesWith(base->getResult(0));
        eraseDead(map.getDefiningOp());
      }
      if (option.getRank().value_or(0) == 0)
        continue;
      builder.setInsertionPointAfter(base);
      auto load = [&](StringRef which) -> Value {
        auto global =
            symbols.lookup<ml_program::GlobalOp>(factorName(site.name, which));
        return ml_program::GlobalLoadConstOp::create(
            builder, base->getLoc(), global.getType(),
            FlatSymbolRefAttr::get(global.getSymNameAttr()));
      };
      Value b = load("B"), a = load("A");
      Value lowRank = adapter::LowRankOp::create(builder, base->getLoc(), b, a);
      Value baseMap = base->getResult(0);
      auto sum =
          adapter::SumOp::create(builder, base->getLoc(), baseMap.getType(),
                                 ValueRange{baseMap, lowRank});
      baseMap.replaceAllUsesExcept(sum.getResult(), sum);
    }
  }
  for (analysis::Site &site : sites)
    for (ml_program::GlobalOp global : site.adapterWeights)
      if (!byName.contains(global.getSymName()))
        global.erase();
}

namespace {

struct PlanApply : plan::impl::PlanApplyBase<PlanApply> {
  using PlanApplyBase::PlanApplyBase;

  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult run(ModuleOp module) {
    std::optional<plan::Encoder> kind = plan::parseEncoder(encoder);
    if (!kind)
      return module.emitError() << "unknown encoder '" << encoder
                                << "': expected feedback or nearest";
    if (archive.empty() || plan.empty())
      return module.emitError("plan-apply needs the options plan and archive");
    OwningOpRef<ModuleOp> planModule =
        parseSourceFile<ModuleOp>(plan, &getContext());
    if (!planModule)
      return failure();
    auto solutions = llvm::to_vector(planModule->getOps<plan::SolutionOp>());
    if (solutions.size() != 1)
      return planModule->emitError("expected one plan.solution, found ")
             << solutions.size();
    auto problem = SymbolTable::lookupNearestSymbolFrom<plan::ProblemOp>(
        solutions[0], solutions[0].getProblemAttr());
    auto digest = module->getAttrOfType<StringAttr>("allot.model_digest");
    if (!force && digest && !problem.getModel().empty() &&
        problem.getModelAttr() != digest)
      return problem.emitOpError("belongs to model ")
             << problem.getModelAttr() << ", this is " << digest
             << "; --force takes it all the same";
    std::shared_ptr<const analysis::Statistics> statistics;
    if (!stats.empty()) {
      auto opened = analysis::Statistics::open(stats);
      if (!opened)
        return module.emitError() << llvm::toString(opened.takeError());
      statistics = *opened;
      if (!force && digest && !statistics->model().empty() &&
          statistics->model() != digest.getValue())
        return module.emitError()
               << "statistics " << stats << " belong to model "
               << statistics->model() << ", this is " << digest
               << "; --force takes them all the same";
    }
    std::string base =
        folder.empty() ? archive::moduleFolder(module) : std::string(folder);
    Applier applier(module, problem, solutions[0], statistics.get(), base,
                    *kind, tileRows);
    if (failed(applier.prepare()))
      return failure();
    if (llvm::Error error = applier.write(archive))
      return module.emitError() << llvm::toString(std::move(error));
    auto written = allot::archive::fileDigest(StringRef(archive));
    if (!written)
      return module.emitError() << llvm::toString(written.takeError());
    applier.rewrite(archiveName.empty() ? archive : archiveName, *written,
                    applier.entries);
    return success();
  }
};

} // namespace
