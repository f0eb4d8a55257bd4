//===- Compile.cpp - programs compiled ahead of time ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Compile.h"
#include "CInterface.h"
#include "Linker.h"
#include "Loader/Loader.h"
#include "LoweredModule.h"
#include "allot/Runtime/Manifest.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/Digest.h"
#include "allot/Support/Error.h"
#include "allot/Support/MappedFile.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace allot;
using namespace allot::runtime;
using support::fileError;

namespace allot::runtime {
/// The loader as object code, embedded by the build.
extern const unsigned char kLoaderObject[];
extern const size_t kLoaderObjectSize;
} // namespace allot::runtime

/// Errors where `folder` exists and is neither empty nor one of ours, which
/// AtomicFolder alone cannot tell: other programs write manifests too.
static llvm::Error mayReplace(llvm::StringRef folder) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, Manifest::kFileName);
  if (!llvm::sys::fs::exists(path))
    return llvm::Error::success();
  auto manifest = Manifest::read(folder);
  if (manifest)
    return llvm::Error::success();
  return fileError(folder, "is not replaced: it is no compiled program of this "
                           "version (" +
                               llvm::toString(manifest.takeError()) + ")");
}

/// Errors where the module or weights of it lie in `folder`, which replacing it
/// would destroy.
static llvm::Error checkInputsLieElsewhere(const LoweredModule &lowered,
                                           llvm::StringRef folder) {
  auto check = [&](llvm::StringRef file) -> llvm::Error {
    llvm::SmallString<256> inner, outer;
    if (llvm::sys::fs::real_path(file, inner) ||
        llvm::sys::fs::real_path(folder, outer))
      return llvm::Error::success();
    outer += llvm::sys::path::get_separator();
    if (!inner.str().starts_with(outer))
      return llvm::Error::success();
    return fileError(folder, "is not replaced: " + support::quoted(file) +
                                 " lies in it");
  };
  if (llvm::Error error = check(lowered.file))
    return error;
  for (const auto &source : lowered.sources)
    if (llvm::Error error = check(archive::resolveStoredPath(
            lowered.folder, source.second.stored.getFile().getValue())))
      return error;
  return llvm::Error::success();
}

/// Packs the weights into a file; fills the manifest's table and `checksums`.
static llvm::Error packWeights(LoweredModule &lowered, llvm::StringRef path,
                               Manifest &manifest,
                               std::vector<uint64_t> &checksums,
                               support::Progress *progress) {
  auto table = lowered.weightTable();
  if (!table)
    return table.takeError();
  auto file = support::AtomicFile::create(path);
  if (!file)
    return file.takeError();
  // The header is as long as the alignment of the weights.
  static constexpr uint64_t kAlignment = ALLOT_WEIGHTS_HEADER;
  std::vector<uint8_t> header(ALLOT_WEIGHTS_HEADER);
  llvm::copy(llvm::StringRef(ALLOT_WEIGHTS_MAGIC), header.begin());
  if (llvm::Error error = (*file)->append(header))
    return error;
  uint64_t end = header.size();
  auto write = [&](const WeightStore::Weight &weight,
                   llvm::ArrayRef<uint8_t> bytes) -> llvm::Error {
    static constexpr uint8_t zeros[kAlignment] = {};
    uint64_t offset = llvm::alignTo(end, kAlignment);
    if (llvm::Error error =
            (*file)->append(llvm::ArrayRef(zeros, offset - end)))
      return error;
    end = offset + bytes.size();
    std::string type;
    llvm::raw_string_ostream(type) << weight.type;
    manifest.weights.push_back({weight.global, std::move(type), offset,
                                bytes.size(), weight.storedBytes,
                                support::digestHex(bytes)});
    checksums.push_back(allot_checksum(bytes.data(), bytes.size()));
    return (*file)->append(bytes);
  };
  if (llvm::Error error = WeightStore::pack(*table, lowered.sources,
                                            lowered.folder, write, progress))
    return error;
  manifest.weightFile.bytes = end;
  return (*file)->commit();
}

/// Writes object files and links them; fills the manifest's `library`.
static llvm::Error
buildLibrary(llvm::ArrayRef<std::unique_ptr<llvm::MemoryBuffer>> objects,
             const support::AtomicFolder &folder, const Linker &linker,
             Manifest &manifest) {
  std::vector<std::string> paths;
  auto write = [&](llvm::StringRef bytes) {
    paths.push_back(folder.file("part" + std::to_string(paths.size()) + ".o"));
    return support::writeFileAtomically(paths.back(), bytes);
  };
  for (const auto &object : objects)
    if (llvm::Error error = write(object->getBuffer()))
      return error;
  if (llvm::Error error = write(
          {reinterpret_cast<const char *>(kLoaderObject), kLoaderObjectSize}))
    return error;
  std::string library = folder.file(manifest.library.name);
  if (llvm::Error error = linker.link(paths, library, manifest.library.name))
    return error;
  for (const std::string &path : paths)
    if (std::error_code code = llvm::sys::fs::remove(path))
      return fileError(path, "cannot be removed: " + code.message());
  auto linked = support::MappedFile::open(library);
  if (!linked)
    return linked.takeError();
  manifest.library.bytes = (*linked)->size();
  manifest.library.digest = support::digestHex((*linked)->bytes());
  return llvm::Error::success();
}

static llvm::Expected<std::string> chooseName(llvm::StringRef wanted,
                                              llvm::StringRef folder) {
  if (wanted.empty()) {
    while (folder.size() > 1 && llvm::sys::path::is_separator(folder.back()))
      folder = folder.drop_back();
    llvm::StringRef stem = llvm::sys::path::stem(folder);
    return cIdentifier(stem.trim('.').empty() ? "program" : stem);
  }
  if (cIdentifier(wanted) != wanted)
    return llvm::createStringError("the name %s is no C identifier",
                                   support::quoted(wanted).c_str());
  return wanted.str();
}

/// Makes what is compiled.
using LoadModule =
    llvm::function_ref<llvm::Expected<std::unique_ptr<LoweredModule>>(
        StepLog &)>;

/// Fills a folder; the manifest is written last.
static llvm::Error fillFolder(llvm::StringRef module, LoadModule load,
                              const support::AtomicFolder &folder,
                              const CompileFolderOptions &options,
                              llvm::StringRef name, const Linker &linker) {
  const ProgramOptions &program = options.program;
  StepLog log(program.log, module);
  auto loaded = load(log);
  if (!loaded)
    return loaded.takeError();
  LoweredModule &lowered = **loaded;
  if (llvm::Error error = lowered.readEntries(/*isReference=*/false))
    return error;
  if (lowered.entries.empty())
    return fileError(module, "has no function that could be run");
  if (llvm::Error error = checkInputsLieElsewhere(lowered, folder.path()))
    return error;

  Manifest manifest;
  manifest.name = name.str();
  manifest.library.name = ("lib" + name + ".so").str();
  manifest.header.name = (name + ".h").str();
  manifest.weightFile.name = "weights.bin";
  manifest.allotVersion = ALLOT_VERSION;
  manifest.llvmVersion = LLVM_VERSION_STRING;
  manifest.target = options.target;
  manifest.kernels = options.target.kernelTarget();
  manifest.activations = program.activations.value_or("f32");
  manifest.evaluate = program.evaluate.value_or("auto");
  manifest.outputsAlso = program.taps;
  manifest.pipeline = options.pipeline;
  manifest.attributes = lowered.integers;
  manifest.origin = lowered.origin;
  manifest.entries = lowered.entries;

  std::vector<uint64_t> checksums;
  if (llvm::Error error =
          packWeights(lowered, folder.file(manifest.weightFile.name), manifest,
                      checksums, program.progress))
    return error;
  log.step("weights packed in");

  CNames names(manifest);
  std::string header = cHeader(manifest, names);
  manifest.header.bytes = header.size();
  manifest.header.digest = support::digestHex(llvm::ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(header.data()), header.size()));
  if (llvm::Error error = support::writeFileAtomically(
          folder.file(manifest.header.name), header))
    return error;

  CodeOptions code;
  code.target = options.target;
  code.threads = program.threads;
  code.extend = [&](llvm::Module &ir) {
    addCInterface(ir, manifest, names, checksums);
  };
  auto objects = generateObjects(*lowered.module, code);
  if (!objects)
    return fileError(module, llvm::toString(objects.takeError()));
  log.step("compiled in");
  if (llvm::Error error = buildLibrary(*objects, folder, linker, manifest))
    return error;
  log.step("linked in");
  if (llvm::Error error = support::writeFileAtomically(
          folder.file(Manifest::kFileName), manifest.text()))
    return error;
  if (program.log)
    *program.log << folder.path() << ": " << manifest.weightBytes()
                 << " bytes of weights, " << manifest.library.bytes
                 << " bytes of library\n";
  return llvm::Error::success();
}

static llvm::Error compile(llvm::StringRef module, LoadModule load,
                           llvm::StringRef output,
                           const CompileFolderOptions &options) {
  auto name = chooseName(options.name, output);
  if (!name)
    return name.takeError();
  auto linker = Linker::find(options.linker);
  if (!linker)
    return linker.takeError();
  if (llvm::Error error = mayReplace(output))
    return error;
  auto folder = support::AtomicFolder::create(output, Manifest::kFileName);
  if (!folder)
    return folder.takeError();

  if (llvm::Error error =
          fillFolder(module, load, **folder, options, *name, *linker)) {
    // Messages are about the folder as the user knows it.
    std::string text = llvm::toString(std::move(error));
    llvm::StringRef temporary = (*folder)->temporaryPath();
    for (size_t at = text.find(temporary); at != std::string::npos;
         at = text.find(temporary, at + output.size()))
      text.replace(at, temporary.size(), output.str());
    return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
  }
  return (*folder)->commit();
}

llvm::Error runtime::compileToFolder(llvm::StringRef module,
                                     llvm::StringRef output,
                                     const mlir::DialectRegistry &registry,
                                     const CompileFolderOptions &options) {
  return compile(
      module,
      [&](StepLog &log) {
        return LoweredModule::load(module, registry, options.program, log);
      },
      output, options);
}

llvm::Error runtime::compileToFolder(mlir::ModuleOp module,
                                     llvm::StringRef name,
                                     llvm::StringRef weightFolder,
                                     llvm::StringRef output,
                                     const mlir::DialectRegistry &registry,
                                     const CompileFolderOptions &options) {
  return compile(
      name,
      [&](StepLog &log) {
        return LoweredModule::load(module, name, weightFolder, registry,
                                   options.program, log);
      },
      output, options);
}
