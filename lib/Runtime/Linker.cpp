//===- Linker.cpp - shared libraries from object files ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Linker.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <dlfcn.h>

using namespace allot;
using namespace allot::runtime;

/// True where `path` is called as a linker is; anything else is a driver.
static bool isBareLinker(llvm::StringRef path) {
  llvm::StringRef name = llvm::sys::path::filename(path);
  return name.starts_with("ld.") || name.starts_with("ld-") || name == "ld" ||
         name == "lld" || name == "mold";
}

llvm::Expected<Linker> Linker::find(llvm::StringRef name) {
  if (!name.empty()) {
    auto path = llvm::sys::findProgramByName(name);
    if (!path || !llvm::sys::fs::can_execute(*path))
      return llvm::createStringError("there is no program %s that links",
                                     support::quoted(name).c_str());
    return Linker{*path, !isBareLinker(*path)};
  }
  for (const char *candidate : {"clang", "cc", "gcc", "ld.lld", "ld"})
    if (auto path = llvm::sys::findProgramByName(candidate))
      return Linker{*path, !isBareLinker(candidate)};
  return llvm::createStringError(
      "there is no linker: looked for clang, cc, gcc, ld.lld and ld in PATH; "
      "another one can be named (--linker)");
}

/// The file that holds a function of this process.
static std::string libraryOf(const char *symbol) {
  void *address = llvm::sys::DynamicLibrary::SearchForAddressOfSymbol(symbol);
  Dl_info info;
  if (!address || !dladdr(address, &info) || !info.dli_fname)
    return "";
  return info.dli_fname;
}

/// The folder of `file` where the system's loader does not look by itself.
static std::string unusualFolder(llvm::StringRef file) {
  llvm::SmallString<256> folder(llvm::sys::path::parent_path(file));
  llvm::SmallString<256> real;
  if (!llvm::sys::fs::real_path(folder, real))
    folder = real;
  bool usual = llvm::StringSwitch<bool>(folder)
                   .Cases({"/lib", "/usr/lib", "/lib64", "/usr/lib64"}, true)
                   .Default(false);
  llvm::StringRef parent = llvm::sys::path::parent_path(folder);
  usual |= (parent == "/lib" || parent == "/usr/lib") &&
           llvm::sys::path::filename(folder).contains("-linux-gnu");
  return usual ? "" : folder.str().str();
}

llvm::Error Linker::link(llvm::ArrayRef<std::string> objects,
                         llvm::StringRef output, llvm::StringRef soname) const {
  if (llvm::Error error = requireOpenMP())
    return error;
  std::string openMP = libraryOf("__kmpc_fork_call");
  std::vector<std::string> options = {
      "-soname",         soname.str(), "--no-undefined",
      "--build-id=none", "-z",         "now"};
  if (std::string folder = unusualFolder(openMP); !folder.empty())
    options.insert(options.end(), {"-rpath", folder});
  std::vector<std::string> words = {path, "-shared", "-o", output.str()};
  for (const std::string &option : options) {
    if (isDriver)
      words.push_back("-Xlinker");
    words.push_back(option);
  }
  words.insert(words.end(), objects.begin(), objects.end());
  words.push_back(openMP);
  if (isDriver)
    words.push_back("-lm");
  else
    // Without a driver nobody says where the system's libraries are; those of
    // this process are some.
    words.insert(words.end(), {libraryOf("cosf"), libraryOf("malloc")});
  llvm::erase_if(words, [](const std::string &word) { return word.empty(); });

  llvm::SmallString<256> log(llvm::sys::path::parent_path(output));
  llvm::sys::path::append(log, "link.log");
  llvm::SmallVector<llvm::StringRef> arguments(words.begin(), words.end());
  std::string reason;
  int status = llvm::sys::ExecuteAndWait(
      path, arguments, std::nullopt, {llvm::StringRef(), log.str(), log.str()},
      /*SecondsToWait=*/0, /*MemoryLimit=*/0, &reason);
  std::string said;
  if (auto text = llvm::MemoryBuffer::getFile(log))
    said = (*text)->getBuffer().trim().str();
  llvm::sys::fs::remove(log);
  if (status == 0)
    return llvm::Error::success();
  return support::fileError(
      path, "linking fails: " + (!reason.empty() ? reason + " " : "") +
                (said.empty() ? "exit status " + std::to_string(status)
                              : said.substr(0, 2000)));
}
