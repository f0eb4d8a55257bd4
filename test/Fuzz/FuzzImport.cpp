//===- FuzzImport.cpp - whole checkpoints -------------------------- -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input is the files of a checkpoint one after the other, each behind a
// line
// `=== NAME`: model.gguf, or config.json and weights, or bare.safetensors with
// modules.json; each with adapter_config.json and adapter_model.safetensors of
// an adapter, if there are any.
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "allot/Import/Import.h"
#include "llvm/Support/FileSystem.h"

using namespace allot;
using namespace allot::fuzz;

static constexpr llvm::StringLiteral names[] = {
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-1.safetensors",
    "model-2.safetensors",
    "model.gguf",
    "bare.safetensors",
    "modules.json",
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors"};

/// A context keeps all types and attributes that were ever made, so it is
/// replaced now and then.
static mlir::MLIRContext &freshContext() {
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned uses = 0;
  if (!context || ++uses % 1000 == 0) {
    mlir::DialectRegistry registry;
    importer::registerImportDialects(registry);
    context = std::make_unique<mlir::MLIRContext>(
        registry, mlir::MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
    // Diagnostics are read, not shown.
    context->getDiagEngine().registerHandler(
        [](mlir::Diagnostic &diagnostic) { (void)diagnostic.str(); });
  }
  return *context;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder;
  folder.empty();
  llvm::StringRef rest = text(data, size);
  bool any = false;
  if (!rest.consume_front("=== "))
    return 0;
  while (!rest.empty()) {
    auto [part, next] = rest.split("\n=== ");
    auto [name, bytes] = part.split('\n');
    rest = next;
    if (!llvm::is_contained(names, name))
      continue;
    folder.write(name, bytes);
    any = true;
  }
  if (!any)
    return 0;

  importer::ImportOptions options;
  options.outputDirectory = folder.file("");
  options.checkpoint = folder.file("bare.safetensors");
  if (llvm::sys::fs::exists(options.checkpoint)) {
    if (llvm::sys::fs::exists(folder.file("modules.json")))
      options.modulesFile = folder.file("modules.json");
  } else if (options.checkpoint = folder.file("model.gguf");
             !llvm::sys::fs::exists(options.checkpoint)) {
    options.checkpoint = folder.file("");
  }
  if (llvm::sys::fs::exists(folder.file("adapter")))
    options.adapters.push_back({"", folder.file("adapter"), 0.5});
  take(importer::importCheckpoint(freshContext(), options));
  return 0;
}
