//===- Fuzz.cpp - what the fuzzing harnesses share --------------- -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace allot;
using namespace allot::fuzz;
namespace fs = llvm::sys::fs;

static void must(std::error_code code) {
  if (!code)
    return;
  llvm::errs() << "the harness cannot write: " << code.message() << "\n";
  std::exit(2);
}

Folder::Folder() {
  llvm::SmallString<128> name;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, name);
  llvm::sys::path::append(
      name,
      "allot-fuzz-" + llvm::Twine(llvm::sys::Process::getProcessId()).str());
  must(fs::create_directory(name));
  path = name.str();
}

Folder::~Folder() { fs::remove_directories(path); }

std::string Folder::file(llvm::StringRef name) const {
  llvm::SmallString<128> result(path);
  llvm::sys::path::append(result, name);
  return std::string(result);
}

std::string Folder::write(llvm::StringRef name, llvm::StringRef bytes) const {
  std::string result = file(name);
  must(fs::create_directories(llvm::sys::path::parent_path(result)));
  std::error_code code;
  llvm::raw_fd_ostream os(result, code);
  must(code);
  os << bytes;
  os.close();
  must(os.error());
  return result;
}

void Folder::empty() const {
  must(fs::remove_directories(path, /*IgnoreErrors=*/false));
  must(fs::create_directory(path));
}

void fuzz::readAll(const archive::JsonField &field) {
  take(field.integer());
  take(field.integer(-3, 1 << 20));
  take(field.number());
  take(field.boolean());
  take(field.string());
  take(field.integerOr(1));
  take(field.numberOr(1));
  take(field.booleanOr(true));
  take(field.stringOr("a"));
  take(field.strings());
  take(field.integers());
  take(field.numbers());
  if (auto elements = take(field.elements()))
    for (const archive::JsonField &element : *elements)
      readAll(element);
  if (auto members = take(field.members()))
    for (auto &[key, member] : *members)
      readAll(member);
}
