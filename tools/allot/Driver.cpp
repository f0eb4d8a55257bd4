//===- Driver.cpp - what the subcommands of allot share ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "allot/InitAllDialects.h"
#include "allot/InitAllExtensions.h"
#include "allot/Runtime/AdapterSlots.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Runtime/Manifest.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/Error.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;
using runtime::Tensor;

ProgramFlags::ProgramFlags(Subcommand &owner)
    : activations(
          "activations", cl::desc("Type of the activations in dot products"),
          cl::values(clEnumValN(Activations::F32, "f32", "exact (default)"),
                     clEnumValN(Activations::I16, "i16", "16-bit integers"),
                     clEnumValN(Activations::I8, "i8", "8-bit integers")),
          cl::init(Activations::F32), cl::sub(owner.command),
          cl::cat(owner.category)),
      evaluate(
          "evaluate", cl::desc("How weights with adapters are evaluated"),
          cl::values(clEnumValN(Evaluate::Auto, "auto", "by cost (default)"),
                     clEnumValN(Evaluate::Factored, "factored",
                                "adapters beside the weights"),
                     clEnumValN(Evaluate::Merged, "merged",
                                "adapters multiplied out into the weights")),
          cl::init(Evaluate::Auto), cl::sub(owner.command),
          cl::cat(owner.category)),
      threads(
          "threads",
          cl::desc(
              "Threads of compiler and kernels (default: one per processor)"),
          cl::value_desc("N"), cl::init(0), cl::sub(owner.command),
          cl::cat(owner.category)),
      reference("reference",
                cl::desc("Evaluate with plain loops instead of compiling"),
                cl::sub(owner.command), cl::cat(owner.category)),
      printPipeline("print-pipeline",
                    cl::desc("Print the pass pipeline, as allot-opt takes it, "
                             "and do nothing else"),
                    cl::sub(owner.command), cl::cat(owner.category)),
      emitLowered(
          "emit-lowered",
          cl::desc("Also write the module as it is after the pass pipeline"),
          cl::value_desc("file"), cl::sub(owner.command),
          cl::cat(owner.category)),
      verbose("verbose", cl::desc("Print times and sizes on stderr"),
              cl::sub(owner.command), cl::cat(owner.category)),
      slots("load-adapter",
            cl::desc("Put another adapter into a slot of a module's bank, "
                     "without compiling for it: one that was imported alone on "
                     "the same model, its ranks at most those of the slot; "
                     "nothing empties the slot"),
            cl::value_desc("NAME=[MODULE]"), cl::sub(owner.command),
            cl::cat(owner.category)) {}

static constexpr const char *kActivationNames[] = {"f32", "i16", "i8"},
                            *kEvaluateNames[] = {"auto", "factored", "merged"};

void ProgramFlags::configure(pipelines::LoweringOptions &options,
                             const Wanted &wanted) const {
  wanted.configure(options);
  options.activations = kActivationNames[unsigned(
      wanted.exactActivations ? Activations::F32 : Activations(activations))];
  options.evaluate = kEvaluateNames[unsigned(Evaluate(evaluate))];
  options.target =
      wanted.target.empty() ? runtime::hostKernelTarget() : wanted.target;
}

std::string tool::activationsName(const ProgramFlags &flags) {
  return kActivationNames[unsigned(Activations(flags.activations))];
}

std::string tool::evaluateName(const ProgramFlags &flags) {
  return kEvaluateNames[unsigned(Evaluate(flags.evaluate))];
}

std::string ProgramFlags::pipelineText(const Wanted &wanted) const {
  pipelines::LoweringOptions lowering;
  configure(lowering, wanted);
  return pipelines::pipelineText([&](mlir::OpPassManager &pm) {
    pipelines::buildProgramPipeline(pm, lowering, reference);
  });
}

llvm::Expected<bool> ProgramFlags::printed(llvm::StringRef path,
                                           const Wanted &wanted) const {
  if (!printPipeline)
    return false;
  if (llvm::sys::fs::is_directory(path)) {
    auto manifest = runtime::Manifest::read(path);
    if (!manifest)
      return manifest.takeError();
    llvm::outs() << manifest->pipeline << "\n";
  } else {
    llvm::outs() << pipelineText(wanted) << "\n";
  }
  return true;
}

llvm::Error ProgramFlags::with(
    const Wanted &wanted, support::Progress *progress,
    llvm::function_ref<llvm::Error(const runtime::ProgramOptions &)> use)
    const {
  if (threads > 1024)
    return llvm::createStringError("--threads: %u are too many",
                                   unsigned(threads));
  pipelines::LoweringOptions lowering;
  configure(lowering, wanted);
  runtime::ProgramOptions options;
  options.passes = [&](mlir::OpPassManager &pm) {
    pipelines::buildProgramPipeline(pm, lowering, reference);
  };
  options.reference = reference;
  // The parts of an entry that is cut take its place.
  if (wanted.splitAt.empty())
    options.entries = wanted.entries;
  options.threads = threads;
  options.log = verbose ? &llvm::errs() : nullptr;
  options.progress = progress;
  if (activations.getNumOccurrences() > 0 || wanted.exactActivations)
    options.activations = std::string(lowering.activations);
  if (evaluate.getNumOccurrences() > 0)
    options.evaluate = std::string(lowering.evaluate);
  options.taps = wanted.taps;
  llvm::Error written = llvm::Error::success();
  if (!emitLowered.empty())
    options.lowered = [&](mlir::ModuleOp module) {
      std::string text;
      llvm::raw_string_ostream os(text);
      module.print(os);
      os << '\n';
      written = llvm::joinErrors(
          std::move(written), support::writeFileAtomically(emitLowered, text));
    };
  llvm::Error used = use(options);
  return llvm::joinErrors(std::move(used), std::move(written));
}

llvm::Expected<std::unique_ptr<runtime::Program>>
ProgramFlags::load(llvm::StringRef path, const Wanted &wanted,
                   support::Progress *progress) const {
  std::unique_ptr<runtime::Program> program;
  llvm::Error failed = with(
      wanted, progress,
      [&](const runtime::ProgramOptions &options) -> llvm::Error {
        if ((wanted.instrument || wanted.timeParts || !wanted.splitAt.empty() ||
             !wanted.weightsAs.empty()) &&
            llvm::sys::fs::is_directory(path))
          return support::fileError(path, "is compiled, wanted a module (.mlir "
                                          "or .mlirbc)");
        auto loaded = runtime::Program::load(path, registry(), options);
        if (!loaded)
          return loaded.takeError();
        program = std::move(*loaded);
        return llvm::Error::success();
      });
  if (failed)
    return std::move(failed);
  // What is compared with is compared as it is.
  if (!slots.empty() && !wanted.exactActivations)
    if (llvm::Error error = fillSlots(*program, path))
      return std::move(error);
  return program;
}

llvm::Error ProgramFlags::fillSlots(runtime::Program &program,
                                    llvm::StringRef path) const {
  if (program.manifest())
    return support::fileError(path, "is compiled: --load-adapter wants a "
                                    "module (.mlir or .mlirbc)");
  mlir::MLIRContext context(registry(), mlir::MLIRContext::Threading::DISABLED);
  auto parse = [&](llvm::StringRef file)
      -> llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> {
    std::string reason;
    mlir::ScopedDiagnosticHandler handler(
        &context, [&](mlir::Diagnostic &diagnostic) {
          reason += (reason.empty() ? "" : "; ") + diagnostic.str();
          return mlir::success();
        });
    auto module = mlir::parseSourceFile<mlir::ModuleOp>(file, &context);
    if (!module)
      return support::fileError(file, reason);
    return module;
  };
  auto own = parse(path);
  if (!own)
    return own.takeError();
  for (const std::string &text : slots) {
    auto [name, file] = llvm::StringRef(text).split('=');
    if (name.empty() || !llvm::StringRef(text).contains('='))
      return llvm::createStringError("--load-adapter: %s is no slot: wanted "
                                     "NAME=MODULE, or NAME= for none",
                                     support::quoted(text).c_str());
    mlir::OwningOpRef<mlir::ModuleOp> with;
    if (!file.empty()) {
      auto parsed = parse(file);
      if (!parsed)
        return parsed.takeError();
      with = std::move(*parsed);
    }
    if (llvm::Error error = runtime::replaceAdapter(
            program, **own, name, with ? *with : mlir::ModuleOp(),
            llvm::sys::path::parent_path(file)))
      return llvm::createStringError("--load-adapter " + support::quoted(text) +
                                     ": " + llvm::toString(std::move(error)));
  }
  return llvm::Error::success();
}

const mlir::DialectRegistry &tool::registry() {
  static const mlir::DialectRegistry *all = [] {
    auto *made = new mlir::DialectRegistry;
    registerAllDialects(*made);
    registerAllExtensions(*made);
    return made;
  }();
  return *all;
}

void tool::printOrigin(llvm::json::OStream &os,
                       const runtime::ProgramOrigin &origin) {
  auto known = [](bool is, auto value) {
    return is ? llvm::json::Value(std::move(value))
              : llvm::json::Value(nullptr);
  };
  auto plan = origin.plan.value_or(runtime::ProgramOrigin::Plan());
  os.attribute("model", known(!origin.model.empty(), origin.model));
  os.attribute("plan", known(origin.plan.has_value(), plan.digest));
  os.attribute("predicted_loss",
               known(origin.plan.has_value(), plan.predictedLoss));
  os.attribute("solver", known(origin.plan.has_value(), plan.solver));
}

llvm::Expected<Tensor> tool::readTokens(const archive::SafetensorsFile &file) {
  llvm::StringRef name =
      file.find("tokens") || !file.find("input_ids") ? "tokens" : "input_ids";
  auto tokens = Tensor::read(file, name, archive::DType::I32);
  if (!tokens)
    return tokens;
  if (tokens->shape().size() == 1)
    tokens = tokens->reshaped({1, tokens->shape()[0]});
  if (tokens->shape().size() != 2 || tokens->numElements() == 0)
    return support::tensorError(file.path(), name,
                                "has shape " +
                                    support::shapeString(tokens->shape()) +
                                    ", wanted [rows, T], not empty");
  return tokens;
}

llvm::Expected<std::vector<int32_t>>
tool::readAdapters(const archive::SafetensorsFile &file, int64_t rows) {
  if (!file.find("adapter"))
    return std::vector<int32_t>();
  auto adapters = file.readInt32("adapter");
  if (adapters && int64_t(adapters->size()) != rows)
    return support::tensorError(file.path(), "adapter",
                                "holds " + llvm::Twine(adapters->size()) +
                                    " numbers, there are " + llvm::Twine(rows) +
                                    " rows of tokens");
  return adapters;
}

llvm::Expected<std::pair<int64_t, int64_t>>
tool::parseRows(llvm::StringRef text, int64_t size) {
  if (text.empty())
    return std::pair<int64_t, int64_t>(0, size);
  auto [first, second] = text.split(':');
  bool single = !text.contains(':');
  int64_t begin = 0, end = size;
  bool bad = (!first.empty() || single) && first.getAsInteger(10, begin);
  bad |= !second.empty() && second.getAsInteger(10, end);
  if (single)
    end = begin + 1;
  if (bad || begin < 0 || begin >= end || end > size)
    return llvm::createStringError(
        "--rows: %s is no range of rows within 0:%lld",
        support::quoted(text).c_str(), (long long)size);
  return std::pair<int64_t, int64_t>(begin, end);
}
