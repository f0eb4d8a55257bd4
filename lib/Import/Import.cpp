//===- Import.cpp - checkpoints and adapters into IR ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/Import.h"
#include "Architectures.h"
#include "Containers.h"
#include "allot/Archive/Json.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Dialect/Routed/IR/Routed.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/Error.h"
#include "allot/Support/MappedFile.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <cstring>

using namespace allot;
using namespace allot::importer;
using archive::JsonField;

void importer::registerImportDialects(mlir::DialectRegistry &registry) {
  registry.insert<adapter::AdapterDialect, format::FormatDialect, nn::NNDialect,
                  routed::RoutedDialect, mlir::arith::ArithDialect,
                  mlir::bufferization::BufferizationDialect,
                  mlir::func::FuncDialect, mlir::ml_program::MLProgramDialect,
                  mlir::tensor::TensorDialect>();
}

llvm::Expected<AdapterSource>
importer::parseAdapterSource(llvm::StringRef text) {
  AdapterSource source;
  auto isFolder = [](llvm::StringRef path) {
    return llvm::sys::fs::is_directory(path);
  };
  llvm::StringRef rest = text;
  if (!isFolder(rest)) {
    // NAME= comes before any separator of the path.
    auto [name, directory] = rest.split('=');
    if (rest.contains('=') && !name.contains('/')) {
      if (name.empty())
        return llvm::createStringError("adapter " + support::quoted(text) +
                                       ": the name is empty");
      source.name = name.str();
      rest = directory;
    }
  }
  if (!isFolder(rest) && rest.contains(':')) {
    auto [directory, weight] = rest.rsplit(':');
    if (weight.getAsDouble(source.weight) || !std::isfinite(source.weight))
      return llvm::createStringError("adapter " + support::quoted(text) + ": " +
                                     support::quoted(weight) + " is no weight");
    rest = directory;
  }
  if (rest.empty())
    return llvm::createStringError("adapter " + support::quoted(text) +
                                   ": the folder is missing");
  if (!isFolder(rest))
    return support::fileError(rest, "there is no such adapter folder");
  source.directory = rest.str();
  return source;
}

/// Names those that have none and refuses names given twice.
static llvm::Error nameAdapters(std::vector<AdapterSource> &adapters) {
  llvm::StringSet<> names;
  for (const AdapterSource &adapter : adapters)
    if (!adapter.name.empty() && !names.insert(adapter.name).second)
      return llvm::createStringError("two adapters are called " +
                                     support::quoted(adapter.name));
  for (AdapterSource &adapter : adapters)
    for (unsigned n = 1; adapter.name.empty(); ++n) {
      std::string name = n == 1 ? "default" : "default." + std::to_string(n);
      if (names.insert(name).second)
        adapter.name = name;
    }
  return llvm::Error::success();
}

static llvm::Error importFolder(ModuleBuilder &module,
                                const ImportOptions &options,
                                llvm::ArrayRef<AdapterSource> adapters) {
  llvm::SmallString<256> path(options.checkpoint);
  llvm::sys::path::append(path, "config.json");
  auto document = archive::JsonDocument::open(path);
  if (!document)
    return document.takeError();
  // Models outside of the table of families read their own config.json.
  const Architecture *other = nullptr;
  if (JsonField type = (**document)["model_type"]; type.isString())
    other = findArchitecture(llvm::cantFail(type.string()));
  if (other) {
    auto weights = openFolderWeights(options.checkpoint);
    if (!weights)
      return weights.takeError();
    return other->build(module, **document, **weights, adapters);
  }
  auto config = readConfig(**document);
  if (!config)
    return config.takeError();
  auto weights = openFolderWeights(options.checkpoint);
  if (!weights)
    return weights.takeError();
  auto separate = separateExperts(std::move(*weights), *config, "config.json");
  return buildDecoder(module, *config, *separate, adapters, "config.json");
}

static llvm::Error importGGUF(ModuleBuilder &module,
                              const ImportOptions &options,
                              llvm::ArrayRef<AdapterSource> adapters) {
  auto file = archive::GGUFFile::open(options.checkpoint);
  if (!file)
    return file.takeError();
  auto config = readConfig(**file);
  if (!config)
    return config.takeError();
  bool permuted = config->family->ggufPermuted;
  auto isPermuted = [permuted](llvm::StringRef name) {
    llvm::StringRef path = name.rsplit('.').first;
    return permuted && (path.ends_with(".self_attn.q_proj") ||
                        path.ends_with(".self_attn.k_proj"));
  };
  auto weights =
      separateExperts(openGGUFWeights(*file, config->headDim, isPermuted),
                      *config, "the metadata");
  return buildDecoder(module, *config, *weights, adapters, "the metadata");
}

/// GGUF, or something that claims to be: a file of the family with another
/// magic gets the error of the GGUF reader, which names the magic.
static llvm::Expected<bool> isGGUF(llvm::StringRef path) {
  auto file = support::MappedFile::open(path);
  if (!file)
    return file.takeError();
  return llvm::sys::path::extension(path).equals_insensitive(".gguf") ||
         ((*file)->size() >= 4 &&
          std::memcmp((*file)->bytes().data(), "GGUF", 4) == 0);
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importer::importCheckpoint(mlir::MLIRContext &context,
                           const ImportOptions &options) {
  context.loadDialect<
      adapter::AdapterDialect, format::FormatDialect, nn::NNDialect,
      routed::RoutedDialect, mlir::arith::ArithDialect,
      mlir::bufferization::BufferizationDialect, mlir::func::FuncDialect,
      mlir::linalg::LinalgDialect, mlir::math::MathDialect,
      mlir::ml_program::MLProgramDialect, mlir::tensor::TensorDialect>();
  std::vector<AdapterSource> adapters = options.adapters;
  if (llvm::Error e = nameAdapters(adapters))
    return std::move(e);
  ModuleBuilder module(context, options.outputDirectory);
  if (options.bank && adapters.empty())
    return llvm::createStringError("a bank of adapters has at least one");
  if (options.bank) {
    std::vector<std::string> names;
    for (const AdapterSource &adapter : adapters)
      names.push_back(adapter.name);
    module.setBank(std::move(names));
  }
  bool folder = llvm::sys::fs::is_directory(options.checkpoint);
  bool gguf = false;
  if (!folder) {
    auto is = isGGUF(options.checkpoint);
    if (!is)
      return is.takeError();
    gguf = *is;
  }
  if ((folder || gguf) && !options.modulesFile.empty())
    return support::fileError(options.modulesFile,
                              "a list of modules belongs to a bare "
                              "safetensors file alone");
  llvm::Error error = folder ? importFolder(module, options, adapters)
                      : gguf ? importGGUF(module, options, adapters)
                             : buildBareModel(module, options.checkpoint,
                                              options.modulesFile, adapters);
  if (error)
    return std::move(error);
  return module.finish();
}

llvm::Expected<std::unique_ptr<support::AtomicFile>>
importer::prepareModule(mlir::ModuleOp module, llvm::StringRef path) {
  auto file = support::AtomicFile::create(path);
  if (!file)
    return file;
  if (!path.ends_with(".mlirbc")) {
    module.print((*file)->stream());
    (*file)->stream() << "\n";
  } else if (mlir::failed(
                 mlir::writeBytecodeToFile(module, (*file)->stream()))) {
    return support::fileError(path, "the module cannot be written");
  }
  if (llvm::Error error = (*file)->prepare())
    return std::move(error);
  return file;
}

llvm::Error importer::writeModule(mlir::ModuleOp module, llvm::StringRef path) {
  auto file = prepareModule(module, path);
  if (!file)
    return file.takeError();
  return (*file)->commit();
}
