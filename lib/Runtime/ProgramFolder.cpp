//===- ProgramFolder.cpp - opening a compiled folder ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CInterface.h"
#include "Diagnostics.h"
#include "Loader/Loader.h"
#include "LoweredModule.h"
#include "ProgramLibrary.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Support/Digest.h"
#include "allot/Support/Progress.h"
#include "mlir/AsmParser/AsmParser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Triple.h"
#include <dlfcn.h>

using namespace allot;
using namespace allot::runtime;
using support::fileError;
using support::quoted;

//===----------------------------------------------------------------------===//
// ProgramLibrary
//===----------------------------------------------------------------------===//

ProgramLibrary::~ProgramLibrary() {
  if (handle)
    dlclose(handle);
}

llvm::Expected<std::unique_ptr<ProgramLibrary>>
ProgramLibrary::open(llvm::StringRef path, const Manifest &manifest) {
  if (llvm::Error error = requireOpenMP())
    return std::move(error);
  // A name without a slash would be looked up in the system's folders.
  llvm::SmallString<256> file(path);
  if (std::error_code code = llvm::sys::fs::make_absolute(file))
    return fileError(path, "cannot be opened: " + code.message());
  std::unique_ptr<ProgramLibrary> library(new ProgramLibrary);
  library->handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library->handle)
    return fileError(path, "cannot be loaded: " + llvm::Twine(dlerror()));
  std::string symbol = CNames::descriptionSymbol(manifest.name);
  auto *description = static_cast<const allot_description *>(
      dlsym(library->handle, symbol.c_str()));
  if (!description)
    return fileError(path, "does not describe a program called " +
                               quoted(manifest.name));
  if (description->version != ALLOT_LOADER_VERSION)
    return fileError(path, "has version " + llvm::Twine(description->version) +
                               ", this loader takes " +
                               llvm::Twine(ALLOT_LOADER_VERSION));
  if (manifest.programDigest() != description->digest)
    return fileError(path, "is not the library of the program that the "
                           "manifest describes");
  library->description = description;
  return library;
}

void (*ProgramLibrary::entry(llvm::StringRef name) const)(void **) {
  for (int64_t i = 0; i < description->entries; ++i)
    if (name == description->entry[i].name)
      return description->entry[i].run;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// This machine must have what the code needs.
static llvm::Error checkTarget(llvm::StringRef folder,
                               const Manifest &manifest) {
  llvm::Triple wanted(manifest.target.triple), here(CodeTarget::host().triple);
  if (wanted.getArch() != here.getArch() || wanted.getOS() != here.getOS())
    return fileError(folder, "is compiled for " +
                                 quoted(manifest.target.triple) +
                                 ", this machine is " + here.str());
  std::string missing = CodeTarget::missingFeature(manifest.target.features);
  if (!missing.empty())
    return fileError(folder, "this processor has no " + quoted(missing) +
                                 ", which the code needs (it is compiled for " +
                                 manifest.target.cpu + ")");
  return llvm::Error::success();
}

static llvm::Expected<std::shared_ptr<const support::MappedFile>>
openFile(llvm::StringRef folder, const Manifest::File &file) {
  auto mapped = support::MappedFile::open(Manifest::pathOf(folder, file));
  if (!mapped)
    return mapped;
  if ((*mapped)->size() != file.bytes)
    return fileError((*mapped)->path(), "has " +
                                            llvm::Twine((*mapped)->size()) +
                                            " bytes, the manifest says " +
                                            llvm::Twine(file.bytes));
  return mapped;
}

static llvm::Error checkLibrary(llvm::StringRef folder,
                                const Manifest::File &library) {
  auto file = openFile(folder, library);
  if (!file)
    return file.takeError();
  if (support::digestHex((*file)->bytes()) != library.digest)
    return fileError((*file)->path(), "has changed since it was compiled: its "
                                      "digest is not that of the manifest");
  return llvm::Error::success();
}

/// What the caller wants must be what the folder was compiled with.
static llvm::Error checkOptions(llvm::StringRef folder,
                                const Manifest &manifest,
                                const ProgramOptions &options) {
  auto fixed = [&](llvm::StringRef what, llvm::StringRef has,
                   const std::optional<std::string> &wanted) -> llvm::Error {
    if (!wanted || *wanted == has)
      return llvm::Error::success();
    return fileError(folder, "is compiled with " + what + " " + has + ", not " +
                                 *wanted + "; that cannot be changed any more");
  };
  if (options.reference)
    return fileError(folder, "is compiled: the reference evaluation takes the "
                             "module that it was compiled from");
  if (options.lowered)
    return fileError(folder, "is compiled: only a module can be lowered");
  if (llvm::Error error =
          fixed("activations", manifest.activations, options.activations))
    return error;
  if (llvm::Error error =
          fixed("evaluation", manifest.evaluate, options.evaluate))
    return error;
  for (const std::string &tap : options.taps)
    if (!llvm::is_contained(manifest.outputsAlso, tap))
      return fileError(folder,
                       "is compiled without the inner values " + quoted(tap));
  for (const std::string &name : options.entries)
    if (llvm::none_of(manifest.entries,
                      [&](const Entry &e) { return e.name == name; })) {
      std::string known;
      for (const Entry &entry : manifest.entries)
        known += (known.empty() ? " (there are " : ", ") + entry.name;
      return fileError(folder, "no entry " + quoted(name) +
                                   (known.empty() ? "" : known + ")"));
    }
  return llvm::Error::success();
}

/// Maps the weights; every byte is checked.
static llvm::Expected<std::unique_ptr<WeightStore>>
mapWeights(llvm::StringRef folder, const Manifest &manifest,
           mlir::MLIRContext *context, support::Progress *progress) {
  auto file = openFile(folder, manifest.weightFile);
  if (!file)
    return file.takeError();
  llvm::StringRef path = (*file)->path();
  llvm::ArrayRef<uint8_t> all = (*file)->bytes();
  if (!llvm::toStringRef(all).starts_with(ALLOT_WEIGHTS_MAGIC))
    return fileError(path, "is no file of weights of this version");
  std::vector<WeightStore::Weight> weights;
  std::vector<uint64_t> offsets;
  for (const Manifest::Weight &weight : manifest.weights) {
    Diagnostics diagnostics(context);
    auto type = mlir::dyn_cast_or_null<mlir::RankedTensorType>(
        mlir::parseType(weight.type, context));
    if (!type || !type.hasStaticShape() || !format::getFormat(type))
      return support::tensorError(path, weight.global,
                                  "the manifest gives it no type of an encoded "
                                  "tensor: " +
                                      weight.type);
    if (format::getStoredBytes(type) != weight.bytes)
      return support::tensorError(
          path, weight.global,
          "the manifest gives it " + llvm::Twine(weight.bytes) +
              " bytes, its type takes " +
              llvm::Twine(format::getStoredBytes(type)));
    weights.push_back({weight.global, type, weight.storedBytes, true});
    offsets.push_back(weight.offset);
  }
  support::ProgressStep step(progress, "checking weights", weights.size());
  std::vector<char> isGood(weights.size(), true);
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < weights.size(); ++i) {
    const Manifest::Weight &weight = manifest.weights[i];
    isGood[i] = support::digestHex(all.slice(weight.offset, weight.bytes)) ==
                weight.digest;
    step.advance();
  }
  for (size_t i = 0; i < weights.size(); ++i)
    if (!isGood[i])
      return support::tensorError(path, manifest.weights[i].global,
                                  "has changed since it was compiled: its "
                                  "digest is not that of the manifest");
  return WeightStore::map(*file, weights, offsets);
}

//===----------------------------------------------------------------------===//
// Program
//===----------------------------------------------------------------------===//

llvm::Error Program::loadFolder(const mlir::DialectRegistry &registry,
                                const ProgramOptions &options) {
  StepLog log(options.log, file);
  auto read = Manifest::read(file);
  if (!read)
    return read.takeError();
  folderManifest = std::make_unique<Manifest>(std::move(*read));
  const Manifest &manifest = *folderManifest;
  if (llvm::Error error = checkTarget(file, manifest))
    return error;
  if (llvm::Error error = checkOptions(file, manifest, options))
    return error;
  if (llvm::Error error = checkLibrary(file, manifest.library))
    return error;
  context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  auto weights = mapWeights(file, manifest, context.get(), options.progress);
  if (!weights)
    return weights.takeError();
  store = std::move(*weights);
  auto opened =
      ProgramLibrary::open(Manifest::pathOf(file, manifest.library), manifest);
  if (!opened)
    return opened.takeError();
  library = std::move(*opened);

  signatures = manifest.entries;
  for (const Entry &entry : signatures) {
    auto *function = library->entry(entry.name);
    if (!function)
      return fileError(file, "the library has no entry " + quoted(entry.name));
    functions[entry.name] = function;
  }
  integers = manifest.attributes;
  provenance = manifest.origin;
  statistics.numWeights = integer("allot.weights").value_or(0);
  statistics.weightBytes = store->tableBytes();
  statistics.storedBytes = store->storedBytes();
  statistics.codeBytes = manifest.library.bytes;
  statistics.weightSeconds = log.step("opened in");
  if (options.log)
    *options.log << file << ": " << statistics.weightBytes
                 << " bytes of weights, " << statistics.codeBytes
                 << " bytes of library\n";
  return llvm::Error::success();
}
