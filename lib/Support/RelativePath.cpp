//===- RelativePath.cpp - paths as other files name them ----------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allot/Support/RelativePath.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

std::string allot::support::relativePath(llvm::StringRef folder,
                                         llvm::StringRef path) {
  auto realFolder = [](llvm::StringRef name) {
    llvm::SmallString<256> real;
    if (llvm::sys::fs::real_path(name.empty() ? "." : name, real)) {
      real = name;
      llvm::sys::fs::make_absolute(real);
      llvm::sys::path::remove_dots(real, /*remove_dot_dot=*/true);
    }
    return real;
  };
  llvm::SmallString<256> from = realFolder(folder);
  llvm::SmallString<256> to = realFolder(llvm::sys::path::parent_path(path));
  auto f = llvm::sys::path::begin(from), fEnd = llvm::sys::path::end(from);
  auto t = llvm::sys::path::begin(to), tEnd = llvm::sys::path::end(to);
  while (f != fEnd && t != tEnd && *f == *t)
    ++f, ++t;
  llvm::SmallString<256> relative;
  for (; f != fEnd; ++f)
    llvm::sys::path::append(relative, "..");
  for (; t != tEnd; ++t)
    llvm::sys::path::append(relative, *t);
  llvm::sys::path::append(relative, llvm::sys::path::filename(path));
  return relative.str().str();
}
