//===- ProgramLibrary.h - the library of a compiled folder ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_RUNTIME_PROGRAMLIBRARY_H
#define ALLOT_LIB_RUNTIME_PROGRAMLIBRARY_H

#include "Loader/Loader.h"
#include "allot/Runtime/Manifest.h"

namespace allot::runtime {

/// The library of a compiled folder, in this process.
class ProgramLibrary {
public:
  /// Loads the library and checks that it is the one of the program that the
  /// manifest describes: all its sizes, names and digests.
  static llvm::Expected<std::unique_ptr<ProgramLibrary>>
  open(llvm::StringRef path, const Manifest &manifest);
  ~ProgramLibrary();
  ProgramLibrary(const ProgramLibrary &) = delete;
  ProgramLibrary &operator=(const ProgramLibrary &) = delete;

  /// The function of an entry, see `entrySymbol`; null: there is none.
  void (*entry(llvm::StringRef name) const)(void **);

private:
  ProgramLibrary() = default;
  void *handle = nullptr;
  const allot_description *description = nullptr;
};

} // namespace allot::runtime

#endif // ALLOT_LIB_RUNTIME_PROGRAMLIBRARY_H
