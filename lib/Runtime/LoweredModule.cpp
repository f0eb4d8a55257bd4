//===- LoweredModule.cpp - a module file after its passes -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoweredModule.h"
#include "allot/Archive/ModuleFile.h"
#include "allot/Support/Error.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace allot;
using namespace allot::runtime;
using archive::DType;

namespace {

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
    if (auto members = fields.getAs<IntegerAttr>("members"))
      parameter.members = members.getInt();
    if (auto sizes = fields.getAs<ArrayAttr>("sizes"))
      for (auto size : sizes.getAsRange<StringAttr>())
        parameter.sizes.push_back(size.str());
    if (auto limits = fields.getAs<DenseI64ArrayAttr>("limits"))
      parameter.limits.assign(limits.asArrayRef().begin(),
                              limits.asArrayRef().end());
    if (auto number = fields.getAs<IntegerAttr>("default"))
      parameter.otherwise = number.getInt();
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
llvm::Error readEntriesOf(ModuleOp module, StringRef file,
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

/// What program-time-parts wrote; what a file claims about itself counts for
/// nothing.
static std::vector<TimedPart> readParts(ModuleOp module) {
  std::vector<TimedPart> parts;
  if (auto list = module->getAttrOfType<ArrayAttr>("allot.parts"))
    for (auto part : list.getAsRange<DictionaryAttr>())
      parts.push_back({part.getAs<StringAttr>("site").str(),
                       part.getAs<StringAttr>("op").str()});
  return parts;
}

llvm::Expected<std::unique_ptr<LoweredModule>>
LoweredModule::load(StringRef path, const DialectRegistry &registry,
                    const ProgramOptions &options, StepLog &log) {
  if (!llvm::sys::fs::exists(path))
    return support::fileError(path, "no such file");
  if (llvm::sys::fs::is_directory(path))
    return support::fileError(
        path, "is a folder, wanted a module (.mlir or .mlirbc)");
  return load(path, llvm::sys::path::parent_path(path), registry, options, log,
              [&](MLIRContext *context) {
                return archive::readModule(path, ParserConfig(context));
              });
}

llvm::Expected<std::unique_ptr<LoweredModule>>
LoweredModule::load(ModuleOp module, StringRef name, StringRef folder,
                    const DialectRegistry &registry,
                    const ProgramOptions &options, StepLog &log) {
  // As bytecode, the way into a context of its own.
  std::string bytes;
  llvm::raw_string_ostream os(bytes);
  if (failed(writeBytecodeToFile(module, os)))
    return support::fileError(name, "the module cannot be copied");
  return load(name, folder, registry, options, log, [&](MLIRContext *context) {
    return parseSourceString<ModuleOp>(bytes, ParserConfig(context), name);
  });
}

llvm::Expected<std::unique_ptr<LoweredModule>> LoweredModule::load(
    StringRef name, StringRef folder, const DialectRegistry &registry,
    const ProgramOptions &options, StepLog &log,
    llvm::function_ref<OwningOpRef<ModuleOp>(MLIRContext *)> parse) {
  auto lowered = std::make_unique<LoweredModule>();
  lowered->file = name.str();
  lowered->folder = folder.str();
  lowered->context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  MLIRContext *context = lowered->context.get();
  context->loadAllAvailableDialects();
  lowered->diagnostics = std::make_unique<Diagnostics>(context);
  lowered->module = parse(context);
  if (!lowered->module)
    return lowered->diagnostics->error(name, "does not parse");
  ModuleOp module = *lowered->module;
  for (const std::string &entry : options.entries)
    if (llvm::Error error = requireEntry(module, name, entry))
      return std::move(error);
  for (NamedAttribute attribute : module->getAttrs())
    if (auto integer = dyn_cast<IntegerAttr>(attribute.getValue()))
      if (integer.getValue().isSignedIntN(64))
        lowered->integers[attribute.getName().strref()] =
            integer.getValue().getSExtValue();
  lowered->origin = readOrigin(module);
  lowered->parseSeconds = log.step("parsed in");

  module->removeAttr("allot.parts");
  lowered->sources = collectWeightSources(module);
  PassManager pm(context, ModuleOp::getOperationName());
  options.passes(pm);
  if (failed(pm.run(module)))
    return lowered->diagnostics->error(name, "lowering failed");
  lowered->parts = readParts(module);
  if (options.lowered)
    options.lowered(module);
  lowered->passSeconds = log.step("lowered in");
  return lowered;
}

llvm::Error LoweredModule::readEntries(bool isReference) {
  return isReference ? readEntriesOf<func::FuncOp>(*module, file, entries)
                     : readEntriesOf<LLVM::LLVMFuncOp>(*module, file, entries);
}

llvm::Expected<ArrayAttr> LoweredModule::weightTable() {
  if (auto table = (*module)->getAttrOfType<ArrayAttr>("format.table"))
    return table;
  if (llvm::any_of(entries,
                   [](const Entry &entry) { return entry.takesWeights; }))
    return support::fileError(
        file, "an entry takes weights, but the module has no format.table");
  return ArrayAttr::get(context.get(), {});
}
