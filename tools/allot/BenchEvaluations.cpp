//===- BenchEvaluations.cpp - allot bench evaluations -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every way that the chooser lists for each map of a module, compiled in one
// program and measured in turn: is the one that it takes the fastest?
//
//===----------------------------------------------------------------------===//

#include "BenchEvaluations.h"
#include "BenchKernels.h"
#include "Modules.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace allot;
using namespace allot::tool;
using adapter::Alternative;
using adapter::ApplyOp;
using runtime::Tensor;

namespace {

std::string textOf(adapter::WayAttr way) {
  std::string text;
  llvm::raw_string_ostream(text) << way;
  return text;
}

/// The one application in a function of one input; null where there are more.
ApplyOp applyOf(mlir::func::FuncOp function) {
  ApplyOp found;
  unsigned count = 0;
  function.walk([&](ApplyOp op) {
    found = op;
    ++count;
  });
  bool takesX =
      function.getNumArguments() == 1 && count == 1 &&
      found.getX() == function.getArgument(0) &&
      mlir::cast<mlir::RankedTensorType>(function.getArgument(0).getType())
              .getRank() == 2 &&
      adapter::isExpandable(found.getMap());
  return takesX ? found : ApplyOp();
}

class EvaluationBench {
public:
  EvaluationBench(const EvaluationBenchOptions &options,
                  const ProgramFlags &flags)
      : options(options), flags(flags) {}

  llvm::Expected<std::vector<EvaluationRow>> run(llvm::StringRef path);

private:
  llvm::Expected<std::optional<TemporaryFile>>
  makeWeights(mlir::ModuleOp module);
  llvm::Error addWays(mlir::ModuleOp module);
  llvm::Error measure(runtime::Program &program, runtime::ReadProbe &reads);

  const EvaluationBenchOptions &options;
  const ProgramFlags &flags;
  std::vector<EvaluationRow> rows;
};

} // namespace

/// Weights that are declared alone are random numbers in a file beside the
/// module that is measured; those of an index format are whole numbers below
/// the attribute `below`.
llvm::Expected<std::optional<TemporaryFile>>
EvaluationBench::makeWeights(mlir::ModuleOp module) {
  std::vector<mlir::ml_program::GlobalOp> globals;
  std::vector<archive::TensorSpec> specs;
  std::vector<std::vector<uint8_t>> bytes;
  for (auto global : module.getOps<mlir::ml_program::GlobalOp>()) {
    if (!mlir::isa_and_nonnull<mlir::ml_program::ExternAttr>(
            global.getValueAttr()))
      continue;
    auto type = mlir::dyn_cast<mlir::RankedTensorType>(global.getType());
    FormatAttrInterface format = type && type.hasStaticShape()
                                     ? format::getFormat(type)
                                     : FormatAttrInterface();
    if (!format)
      return llvm::createStringError(
          "@%s: a declared weight is an encoded tensor",
          global.getSymName().str().c_str());
    std::vector<float> values =
        randomNumbers(type.getNumElements(), specs.size() + 1);
    if (auto below = global->getAttrOfType<mlir::IntegerAttr>("below"))
      for (float &value : values)
        value = std::floor((value + 1) / 2 * float(below.getInt()));
    auto encoded = codec::encodeRoundToNearest(format, values, type.getShape());
    if (!encoded)
      return encoded.takeError();
    globals.push_back(global);
    specs.push_back({global.getSymName().str(),
                     archive::DType::U8,
                     {int64_t(encoded->size())}});
    bytes.push_back(std::move(*encoded));
  }
  if (globals.empty())
    return std::nullopt;
  auto file = TemporaryFile::create("safetensors");
  if (!file)
    return file.takeError();
  auto writer = archive::SafetensorsWriter::create(file->path, specs);
  if (!writer)
    return writer.takeError();
  for (auto [spec, data] : llvm::zip_equal(specs, bytes))
    if (llvm::Error error = (*writer)->write(spec.name, data))
      return std::move(error);
  if (llvm::Error error = (*writer)->commit())
    return std::move(error);
  auto digest = archive::fileDigest(file->path);
  if (!digest)
    return digest.takeError();
  mlir::Builder b(module.getContext());
  for (mlir::ml_program::GlobalOp global : globals) {
    const archive::TensorEntry *entry = (*writer)->find(global.getSymName());
    global->removeAttr("below");
    global.setValueAttr(format::StoredAttr::get(
        module.getContext(), b.getStringAttr(file->path),
        b.getStringAttr(global.getSymName()), entry->offset, entry->bytes,
        b.getStringAttr(*digest), 0, 0, 0));
  }
  return std::move(*file);
}

/// Each way has weights of its own: none finds them in a cache because of
/// another.
static void copyWeights(mlir::func::FuncOp function,
                        mlir::SymbolTable &symbols) {
  function.walk([&](mlir::ml_program::GlobalLoadConstOp load) {
    auto global = symbols.lookup<mlir::ml_program::GlobalOp>(
        load.getGlobal().getLeafReference());
    if (!global)
      return;
    auto copy = mlir::cast<mlir::ml_program::GlobalOp>(global->clone());
    load.setGlobalAttr(mlir::FlatSymbolRefAttr::get(function.getContext(),
                                                    symbols.insert(copy)));
  });
}

llvm::Error EvaluationBench::addWays(mlir::ModuleOp module) {
  adapter::ChooseOptions choose;
  // What the pipeline computes with the weights.
  choose.hoisted = true;
  choose.table = cost::CostTable::forTarget(runtime::hostKernelTarget());
  for (const std::string &assignment : options.costs)
    if (llvm::Error error = choose.table.set(assignment))
      return llvm::joinErrors(llvm::createStringError("--costs"),
                              std::move(error));
  auto functions = llvm::to_vector(module.getOps<mlir::func::FuncOp>());
  mlir::SymbolTable symbols(module);
  // One function for each way, whatever the numbers of rows that list it.
  llvm::StringMap<std::string> entries;
  for (mlir::func::FuncOp function : functions) {
    ApplyOp apply = function.isExternal() ? ApplyOp() : applyOf(function);
    if (!apply)
      return llvm::createStringError(
          "@%s: wanted a function of one matrix x that applies one map to it",
          function.getName().str().c_str());
    auto type = mlir::cast<adapter::MapType>(apply.getMap().getType());
    for (int64_t n : options.rows) {
      EvaluationRow row{
          function.getName().str(), type.getOut(), type.getIn(), n, {}};
      for (const Alternative &alternative :
           adapter::listAlternatives(apply, n, choose)) {
        std::string way = textOf(alternative.way);
        std::string &entry = entries[(function.getName() + way).str()];
        if (entry.empty()) {
          entry = llvm::formatv("{0}.{1}", function.getName(), entries.size());
          auto copy = mlir::cast<mlir::func::FuncOp>(function->clone());
          copy.setName(entry);
          module.push_back(copy);
          applyOf(copy).setWayAttr(alternative.way);
          copyWeights(copy, symbols);
        }
        row.ways.push_back(
            {way, entry, alternative.seconds, alternative.work, {}});
      }
      rows.push_back(std::move(row));
    }
  }
  for (mlir::func::FuncOp function : functions)
    function.erase();
  return llvm::Error::success();
}

llvm::Error EvaluationBench::measure(runtime::Program &program,
                                     runtime::ReadProbe &reads) {
  constexpr unsigned warmUp = 2;
  for (EvaluationRow &row : rows) {
    auto x = Tensor::create("x", archive::DType::F32, {row.n, row.k});
    if (!x)
      return x.takeError();
    llvm::copy(randomNumbers(x->numElements(), 7), x->values<float>().begin());
    for (unsigned sample = 0; sample < warmUp + options.repeat; ++sample)
      for (size_t turn = 0; turn < row.ways.size(); ++turn) {
        // None is always the first, or always behind the same one.
        EvaluationRow::Way &way =
            row.ways[(turn * (sample % 2 ? row.ways.size() - 1 : 1) + sample) %
                     row.ways.size()];
        auto entry = program.get(way.entry);
        if (!entry)
          return entry.takeError();
        x->setName((*entry)->inputs.front().name);
        // Weights that meet few rows come from beyond the caches of one core.
        if (row.n <= 32)
          reads.read(options.evictBytes);
        double begun = runtime::secondsNow();
        auto result = program.run(**entry, {*x});
        double seconds = runtime::secondsNow() - begun;
        if (!result)
          return result.takeError();
        if (sample >= warmUp)
          way.samples.push_back(seconds);
      }
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<EvaluationRow>>
EvaluationBench::run(llvm::StringRef path) {
  auto loaded = LoadedModule::read(path);
  if (!loaded)
    return loaded.takeError();
  // Ways are expanded here, by no pass that would load what it makes.
  (*loaded)->get().getContext()->loadAllAvailableDialects();
  auto weights = makeWeights((*loaded)->get());
  if (!weights)
    return support::fileError(path, llvm::toString(weights.takeError()));
  if (llvm::Error error = addWays((*loaded)->get()))
    return support::fileError(path, llvm::toString(std::move(error)));
  auto reads = runtime::ReadProbe::create(options.threads);
  if (!reads)
    return reads.takeError();
  llvm::Error failed = flags.with(
      {}, nullptr, [&](const runtime::ProgramOptions &program) -> llvm::Error {
        auto made = runtime::Program::load((*loaded)->get(), path,
                                           folderOf(path), registry(), program);
        return made ? measure(**made, *reads) : made.takeError();
      });
  if (failed)
    return std::move(failed);
  return std::move(rows);
}

double EvaluationRow::Way::seconds() const { return runtime::median(samples); }

double EvaluationRow::overBest() const {
  double best = std::numeric_limits<double>::infinity();
  for (const Way &way : ways)
    best = std::min(best, way.seconds());
  return ways.front().seconds() / best;
}

llvm::Expected<std::vector<EvaluationRow>>
tool::benchEvaluations(llvm::StringRef path,
                       const EvaluationBenchOptions &options,
                       const ProgramFlags &flags) {
  return EvaluationBench(options, flags).run(path);
}

void tool::printJson(llvm::ArrayRef<EvaluationRow> rows) {
  llvm::json::OStream os(llvm::outs(), 1);
  os.array([&] {
    for (const EvaluationRow &row : rows)
      os.object([&] {
        os.attribute("name", row.name);
        os.attribute("m", row.m);
        os.attribute("k", row.k);
        os.attribute("n", row.n);
        os.attribute("over_best", row.overBest());
        os.attributeArray("ways", [&] {
          for (const EvaluationRow::Way &way : row.ways)
            os.object([&] {
              os.attribute("way", way.way);
              os.attribute("predicted", way.predicted);
              os.attribute("seconds", way.seconds());
              os.attribute("spread", runtime::relativeSpread(way.samples));
              os.attributeObject("work", [&] {
                for (unsigned i = 0; i < cost::numUnits; ++i)
                  if (double count = way.work[cost::Unit(i)])
                    os.attribute(cost::stringifyUnit(cost::Unit(i)), count);
              });
            });
        });
      });
  });
  llvm::outs() << "\n";
}

void tool::printTable(llvm::ArrayRef<EvaluationRow> rows) {
  unsigned good = 0;
  for (const EvaluationRow &row : rows) {
    llvm::outs() << llvm::formatv("{0} {1}x{2} n={3}: over the best {4:f3}\n",
                                  row.name, row.m, row.k, row.n,
                                  row.overBest());
    for (const EvaluationRow::Way &way : row.ways)
      llvm::outs() << llvm::formatv(
          "  {0,10:f1} us, predicted {1,10:f1} us  {2}\n", 1e6 * way.seconds(),
          1e6 * way.predicted, way.way);
    good += row.overBest() <= 1.1;
  }
  llvm::outs() << llvm::formatv("{0} of {1} within 10 % of the best\n", good,
                                rows.size());
}
