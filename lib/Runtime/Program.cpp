//===- Program.cpp - loading a model that runs ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Program.h"
#include "LoweredModule.h"
#include "ProgramLibrary.h"
#include "allot/Reference/Interpreter.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Support/Error.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <thread>

using namespace mlir;
using namespace allot;
using namespace allot::runtime;

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

llvm::Expected<std::unique_ptr<Program>>
Program::create(StringRef path, const ProgramOptions &options) {
  if (options.threads > 1024)
    return llvm::createStringError("%u threads are too many", options.threads);
  std::unique_ptr<Program> program(new Program);
  program->file = path.str();
  program->threads = options.threads
                         ? options.threads
                         : std::max(1u, std::thread::hardware_concurrency());
  return program;
}

llvm::Expected<std::unique_ptr<Program>>
Program::load(StringRef path, const DialectRegistry &registry,
              const ProgramOptions &options) {
  auto program = create(path, options);
  if (!program)
    return program.takeError();
  if (llvm::sys::fs::is_directory(path)) {
    if (llvm::Error error = (*program)->loadFolder(registry, options))
      return std::move(error);
    return program;
  }
  StepLog log(options.log, path);
  auto lowered = LoweredModule::load(path, registry, options, log);
  if (!lowered)
    return lowered.takeError();
  if (llvm::Error error = (*program)->loadModule(**lowered, options, log))
    return std::move(error);
  return program;
}

llvm::Expected<std::unique_ptr<Program>>
Program::load(ModuleOp module, StringRef name, StringRef folder,
              const DialectRegistry &registry, const ProgramOptions &options) {
  auto program = create(name, options);
  if (!program)
    return program.takeError();
  StepLog log(options.log, name);
  auto lowered =
      LoweredModule::load(module, name, folder, registry, options, log);
  if (!lowered)
    return lowered.takeError();
  if (llvm::Error error = (*program)->loadModule(**lowered, options, log))
    return std::move(error);
  return program;
}

llvm::Error Program::loadModule(LoweredModule &lowered,
                                const ProgramOptions &options, StepLog &log) {
  ProgramStats &stats = statistics;
  if (llvm::Error error = lowered.readEntries(options.reference))
    return error;
  signatures = lowered.entries;
  integers = lowered.integers;
  provenance = lowered.origin;
  timedParts = lowered.parts;
  stats.parseSeconds = lowered.parseSeconds;
  stats.passSeconds = lowered.passSeconds;
  stats.numWeights = integer("allot.weights").value_or(0);

  if (options.reference) {
    for (const auto &source : lowered.sources)
      stats.storedBytes += source.second.stored.getAllBytes();
    stats.weightBytes = stats.storedBytes;
    auto made = reference::Interpreter::create(*lowered.module, lowered.folder);
    if (!made)
      return support::fileError(file, llvm::toString(made.takeError()));
    interpreter = std::move(*made);
    context = std::move(lowered.context);
    module = std::move(lowered.module);
    return llvm::Error::success();
  }

  auto compiled = CompiledModule::compile(*lowered.module, {threads});
  if (!compiled)
    return support::fileError(file, llvm::toString(compiled.takeError()));
  code = std::move(*compiled);
  for (const Entry &entry : signatures) {
    auto function = code->entry(entry.name);
    if (!function)
      return function.takeError();
    functions[entry.name] = *function;
  }
  stats.codeBytes = code->codeBytes();
  stats.compileSeconds = log.step("compiled in");

  auto table = lowered.weightTable();
  if (!table)
    return table.takeError();
  auto weights = WeightStore::load(*table, lowered.sources, lowered.folder,
                                   options.progress);
  if (!weights)
    return weights.takeError();
  store = std::move(*weights);
  stats.weightBytes = store->tableBytes();
  stats.storedBytes = store->storedBytes();
  stats.weightSeconds = log.step("weights loaded in");
  if (options.log)
    *options.log << file << ": " << stats.weightBytes << " bytes of weights ("
                 << stats.storedBytes << " in their files), " << stats.codeBytes
                 << " bytes of code\n";
  // The types of the store live in the context.
  context = std::move(lowered.context);
  return llvm::Error::success();
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
