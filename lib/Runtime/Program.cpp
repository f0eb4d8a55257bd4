//===- Program.cpp - loading a model that runs ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Program.h"
#include "Diagnostics.h"
#include "allot/Reference/Interpreter.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include <chrono>
#include <thread>

using namespace mlir;
using namespace allot;
using namespace allot::runtime;
using archive::DType;

namespace {

class Stopwatch {
public:
  double lap() {
    auto now = std::chrono::steady_clock::now();
    double seconds = std::chrono::duration<double>(now - begun).count();
    begun = now;
    return seconds;
  }

private:
  std::chrono::steady_clock::time_point begun =
      std::chrono::steady_clock::now();
};

std::optional<DType> dtypeOf(Type element) {
  if (element.isF32())
    return DType::F32;
  if (element.isF16())
    return DType::F16;
  if (element.isInteger(32))
    return DType::I32;
  if (element.isInteger(64))
    return DType::I64;
  return std::nullopt;
}

/// Reads one list of `allot.signature`; false where it is not what
/// `program-describe-entries` writes.
bool readParameters(ArrayAttr list, std::vector<Parameter> &parameters) {
  if (!list)
    return false;
  for (Attribute attribute : list) {
    auto fields = dyn_cast<DictionaryAttr>(attribute);
    auto name = fields ? fields.getAs<StringAttr>("name") : StringAttr();
    auto typeAttr = fields ? fields.getAs<TypeAttr>("type") : TypeAttr();
    auto type = typeAttr ? dyn_cast<RankedTensorType>(typeAttr.getValue())
                         : RankedTensorType();
    auto dtype = type ? dtypeOf(type.getElementType()) : std::nullopt;
    if (!name || !dtype)
      return false;
    Parameter parameter{name.str(), *dtype,
                        SmallVector<int64_t>(type.getShape()), 0};
    if (auto ids = fields.getAs<IntegerAttr>("ids"))
      parameter.ids = ids.getInt();
    parameters.push_back(std::move(parameter));
  }
  return true;
}

/// The entry that `function` (of func or of the LLVM dialect) is; false where
/// its description is missing or damaged.
bool readEntry(Operation *function, Entry &entry) {
  auto signature = function->getAttrOfType<DictionaryAttr>("allot.signature");
  entry.name = SymbolTable::getSymbolName(function).str();
  entry.takesWeights = function->hasAttr("allot.takes_weights");
  if (!signature ||
      !readParameters(signature.getAs<ArrayAttr>("inputs"), entry.inputs) ||
      !readParameters(signature.getAs<ArrayAttr>("outputs"), entry.outputs))
    return false;
  entry.aliases.assign(entry.outputs.size(), -1);
  if (auto results =
          function->getAttrOfType<DenseI64ArrayAttr>("allot.results")) {
    if (results.size() != int64_t(entry.outputs.size()))
      return false;
    entry.aliases.assign(results.asArrayRef().begin(),
                         results.asArrayRef().end());
  }
  return llvm::all_of(entry.aliases, [&](int64_t input) {
    return input < int64_t(entry.inputs.size());
  });
}

template <typename FunctionOp>
llvm::Error readEntries(ModuleOp module, StringRef file,
                        std::vector<Entry> &entries) {
  for (auto function : module.getOps<FunctionOp>()) {
    if (function.isExternal() || !function->hasAttr("allot.signature"))
      continue;
    // The C interface wrapper of an entry repeats its attributes.
    if (function.getName().starts_with("_mlir_ciface_"))
      continue;
    if (!readEntry(function, entries.emplace_back()))
      return support::fileError(file, "function @" + function.getName() +
                                          " has a damaged description");
  }
  return llvm::Error::success();
}

/// Fails, listing what there is, where no public function with a body is called
/// `name`.
llvm::Error requireEntry(ModuleOp module, StringRef file, StringRef name) {
  std::string known;
  unsigned listed = 0;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    if (function.getName() == name)
      return llvm::Error::success();
    if (++listed <= 8)
      known +=
          (known.empty() ? " (there are " : ", ") + function.getName().str();
  }
  known += listed == 0 ? "" : listed > 8 ? ", ...)" : ")";
  return support::fileError(file, "no entry " + support::quoted(name) + known);
}

} // namespace

const Parameter *Entry::input(StringRef name) const {
  auto it =
      llvm::find_if(inputs, [&](const Parameter &p) { return p.name == name; });
  return it == inputs.end() ? nullptr : &*it;
}

const Parameter *Entry::output(StringRef name) const {
  auto it = llvm::find_if(outputs,
                          [&](const Parameter &p) { return p.name == name; });
  return it == outputs.end() ? nullptr : &*it;
}

Program::Program() = default;
Program::~Program() = default;

static ProgramOrigin readOrigin(ModuleOp module) {
  ProgramOrigin origin;
  if (auto model = module->getAttrOfType<StringAttr>("allot.model_digest"))
    origin.model = model.str();
  auto plan = module->getAttrOfType<DictionaryAttr>("allot.plan");
  if (!plan)
    return origin;
  auto digest = plan.getAs<StringAttr>("digest"),
       solver = plan.getAs<StringAttr>("solver");
  auto loss = plan.getAs<FloatAttr>("predicted_loss");
  if (digest && solver && loss)
    origin.plan = {digest.str(), solver.str(), loss.getValueAsDouble()};
  return origin;
}

llvm::Expected<std::unique_ptr<Program>>
Program::load(StringRef path, const DialectRegistry &registry,
              const ProgramOptions &options) {
  std::unique_ptr<Program> program(new Program);
  program->file = path.str();
  program->threads = options.threads
                         ? options.threads
                         : std::max(1u, std::thread::hardware_concurrency());
  program->context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  program->context->loadAllAvailableDialects();
  Diagnostics diagnostics(program->context.get());
  ProgramStats &stats = program->statistics;
  Stopwatch watch;
  auto log = [&](StringRef what, double seconds) {
    if (options.log)
      *options.log << path << ": " << what << " "
                   << llvm::format("%.2f s", seconds) << "\n";
  };

  if (!llvm::sys::fs::exists(path))
    return support::fileError(path, "no such file");
  if (llvm::sys::fs::is_directory(path))
    return support::fileError(
        path, "is a folder, wanted a module (.mlir or .mlirbc)");
  program->module =
      parseSourceFile<ModuleOp>(path, ParserConfig(program->context.get()));
  if (!program->module)
    return diagnostics.error(path, "does not parse");
  ModuleOp module = *program->module;
  for (const std::string &entry : options.entries)
    if (llvm::Error error = requireEntry(module, path, entry))
      return std::move(error);
  for (NamedAttribute attribute : module->getAttrs())
    if (auto integer = dyn_cast<IntegerAttr>(attribute.getValue()))
      if (integer.getValue().isSignedIntN(64))
        program->integers[attribute.getName().strref()] =
            integer.getValue().getSExtValue();
  stats.numWeights = program->integer("allot.weights").value_or(0);
  program->provenance = readOrigin(module);
  log("parsed in", stats.parseSeconds = watch.lap());

  WeightSources sources = collectWeightSources(module);
  PassManager pm(program->context.get(), ModuleOp::getOperationName());
  options.passes(pm);
  if (failed(pm.run(module)))
    return diagnostics.error(path, "lowering failed");
  if (options.lowered)
    options.lowered(module);
  log("lowered in", stats.passSeconds = watch.lap());

  SmallString<256> folder(path);
  llvm::sys::path::remove_filename(folder);
  if (options.reference) {
    if (llvm::Error error =
            readEntries<func::FuncOp>(module, path, program->signatures))
      return std::move(error);
    for (const auto &source : sources)
      stats.storedBytes += source.second.stored.getBytes();
    stats.weightBytes = stats.storedBytes;
    auto interpreter = reference::Interpreter::create(module, folder);
    if (!interpreter)
      return support::fileError(path, llvm::toString(interpreter.takeError()));
    program->interpreter = std::move(*interpreter);
    return program;
  }

  if (llvm::Error error =
          readEntries<LLVM::LLVMFuncOp>(module, path, program->signatures))
    return std::move(error);
  auto code = CompiledModule::compile(module, {program->threads});
  if (!code)
    return support::fileError(path, llvm::toString(code.takeError()));
  program->code = std::move(*code);
  stats.codeBytes = program->code->codeBytes();
  log("compiled in", stats.compileSeconds = watch.lap());

  auto table = module->getAttrOfType<ArrayAttr>("format.table");
  if (!table && llvm::any_of(program->signatures, [](const Entry &entry) {
        return entry.takesWeights;
      }))
    return support::fileError(
        path, "an entry takes weights, but the module has no format.table");
  auto store = WeightStore::load(
      table ? table : ArrayAttr::get(program->context.get(), {}), sources,
      folder, options.progress);
  if (!store)
    return store.takeError();
  program->store = std::move(*store);
  stats.weightBytes = program->store->tableBytes();
  stats.storedBytes = program->store->storedBytes();
  log("weights loaded in", stats.weightSeconds = watch.lap());
  if (options.log)
    *options.log << path << ": " << stats.weightBytes << " bytes of weights ("
                 << stats.storedBytes << " in their files), " << stats.codeBytes
                 << " bytes of code\n";
  program->module = nullptr;
  return program;
}

const Entry *Program::find(StringRef name) const {
  auto it = llvm::find_if(
      signatures, [&](const Entry &entry) { return entry.name == name; });
  return it == signatures.end() ? nullptr : &*it;
}

llvm::Expected<const Entry *> Program::get(StringRef name) const {
  if (const Entry *entry = find(name))
    return entry;
  return support::fileError(file, "no entry " + support::quoted(name));
}

std::optional<int64_t> Program::integer(StringRef attribute) const {
  auto it = integers.find(attribute);
  return it == integers.end() ? std::nullopt
                              : std::optional<int64_t>(it->second);
}
