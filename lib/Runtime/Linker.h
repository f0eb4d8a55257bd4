//===- Linker.h - shared libraries from object files ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_RUNTIME_LINKER_H
#define ALLOT_LIB_RUNTIME_LINKER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace allot::runtime {

/// A program that links: the driver of a C compiler, or a linker itself.
struct Linker {
  std::string path;
  bool isDriver = true;

  /// The one called `name` (a path, or a name to look up), or where that is
  /// empty the first of clang, cc, gcc, ld.lld and ld that there is.
  static llvm::Expected<Linker> find(llvm::StringRef name);

  /// Links objects, the OpenMP runtime of this process and the C library into
  /// `output`, a shared library that is called `soname`. Messages of the linker
  /// become the error. Files beside `output` are used meanwhile.
  llvm::Error link(llvm::ArrayRef<std::string> objects, llvm::StringRef output,
                   llvm::StringRef soname) const;
};

} // namespace allot::runtime

#endif // ALLOT_LIB_RUNTIME_LINKER_H
