//===- Apply.cpp - encoding the weights as a solution says ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Encode.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/Path.h"

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
  /// The costs in the plan are the bytes that will be written.
  LogicalResult checkCosts();
  /// Encodes and writes everything.
  llvm::Error write(StringRef path, support::Progress *progress);
  /// Makes the module read the archive.
  void rewrite(StringRef archiveName, StringRef digest,
               ArrayRef<archive::TensorEntry> entries);

  /// The finished entries, in the order of the file.
  std::vector<archive::TensorEntry> entries;

private:
  void plan();
  void addCompensation(StringRef site, Operation *base);
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
  auto data = plan::toAllocation(problem);
  if (failed(data))
    return failure();
  auto choice = plan::toAllocation(solution, problem, *data);
  if (failed(choice))
    return failure();
  llvm::StringMap<plan::OptionOp> chosen;
  for (auto [i, item] :
       llvm::enumerate(problem.getBody().getOps<plan::ItemOp>()))
    chosen[item.getName()] = *std::next(
        item.getBody().getOps<plan::OptionOp>().begin(), choice->choice[i]);
  for (const analysis::Site &site : sites) {
    plan::OptionOp option = chosen.lookup(site.name);
    if (!option)
      return emitError(solution.getLoc())
             << "the plan chooses nothing for '" << site.name
             << "', a matrix of the model";
    chosen.erase(site.name);
    if (option.getRank().value_or(0) >
        static_cast<uint64_t>(std::min(site.rows, site.columns)))
      return option.emitError("has a rank above the size of the matrix ")
             << site.rows << "x" << site.columns;
    options.push_back(option);
  }
  for (auto item : problem.getBody().getOps<plan::ItemOp>())
    if (chosen.contains(item.getName()))
      return emitError(item.getLoc()) << "the plan is about '" << item.getName()
                                      << "', which the model has not";
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (auto type = dyn_cast<RankedTensorType>(global.getType());
        !type || !format::getFormat(type))
      return emitError(global.getLoc())
             << "weight @" << global.getSymName() << " has no storage format";
  plan();
  return success();
}

LogicalResult Applier::checkCosts() {
  llvm::StringMap<uint64_t> bytes;
  for (const Output &output : outputs)
    bytes[output.name] = format::getStoredBytes(output.type);
  for (auto [site, option] : llvm::zip(sites, options)) {
    uint64_t total = bytes.lookup(site.name);
    if (option.getRank().value_or(0) > 0)
      total += bytes.lookup(factorName(site.name, "B")) +
               bytes.lookup(factorName(site.name, "A"));
    for (ml_program::GlobalOp global : site.adapterWeights)
      total += bytes.lookup(global.getSymName());
    auto cost = static_cast<uint64_t>(option.getCosts().front());
    if (total != cost)
      return option.emitError("costs ")
             << cost << " bytes in the plan, but '" << site.name << "' takes "
             << total << " so; --force applies it all the same";
  }
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

llvm::Error Applier::write(StringRef path, support::Progress *progress) {
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
  support::ProgressStep step(progress, "encoding weights", outputs.size());
  for (const Output &output : outputs) {
    if (output.write)
      if (llvm::Error error = output.write(**writer))
        return error;
    weights.dropPages();
    step.advance(1, output.name);
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

/// Makes uses of a base read base + B A.
void Applier::addCompensation(StringRef site, Operation *base) {
  OpBuilder builder(module.getContext());
  builder.setInsertionPointAfter(base);
  auto load = [&](StringRef which) -> Value {
    auto global = symbols.lookup<ml_program::GlobalOp>(factorName(site, which));
    return ml_program::GlobalLoadConstOp::create(
        builder, base->getLoc(), global.getType(),
        FlatSymbolRefAttr::get(global.getSymNameAttr()));
  };
  Value b = load("B"), a = load("A");
  Value lowRank = adapter::LowRankOp::create(builder, base->getLoc(), b, a);
  Value baseMap = base->getResult(0);
  auto sum = adapter::SumOp::create(builder, base->getLoc(), baseMap.getType(),
                                    ValueRange{baseMap, lowRank});
  baseMap.replaceAllUsesExcept(sum.getResult(), sum);
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
  for (auto [site, option] : llvm::zip(sites, options)) {
    // Uses may share a map, or only its base: each is rewritten once.
    llvm::SmallDenseSet<Value> maps;
    llvm::SmallPtrSet<Operation *, 4> bases;
    for (auto [map, base] : llvm::zip(site.maps, site.bases)) {
      if (option.getMerged() && map != base->getResult(0) &&
          maps.insert(map).second) {
        map.replaceAllUsesWith(base->getResult(0));
        eraseDead(map.getDefiningOp());
      }
      if (option.getRank().value_or(0) > 0 && bases.insert(base).second)
        addCompensation(site.name, base);
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
  PlanApply(const plan::PlanApplyOptions &options, support::Progress *progress)
      : PlanApplyBase(options), progress(progress) {}

  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult run(ModuleOp module);
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

LogicalResult PlanApply::run(ModuleOp module) {
  auto error = [&]() { return emitError(module.getLoc()); };
  if (archive.empty() || plan.empty())
    return error() << "plan-apply needs the options plan and archive";
  if (tileRows != 8 && tileRows != 16)
    return error() << "tiles have 8 or 16 rows, not " << tileRows;
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
  Applier applier(module, problem, *solution, statistics.get(),
                  folder.empty() ? allot::archive::moduleFolder(module)
                                 : std::string(folder),
                  *kind, tileRows);
  if (failed(applier.prepare()) || (!force && failed(applier.checkCosts())))
    return failure();
  if (llvm::Error failure = applier.write(archive, progress))
    return error() << llvm::toString(std::move(failure));
  auto written = allot::archive::fileDigest(StringRef(archive));
  if (!written)
    return error() << llvm::toString(written.takeError());
  applier.rewrite(archiveName.empty() ? archive : archiveName, *written,
                  applier.entries);
  return success();
}

} // namespace

std::unique_ptr<Pass> plan::createPlanApply(const PlanApplyOptions &options,
                                            support::Progress *progress) {
  return std::make_unique<PlanApply>(options, progress);
}
