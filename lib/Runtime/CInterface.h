//===- CInterface.h - a compiled program as C sees it -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_RUNTIME_CINTERFACE_H
#define ALLOT_LIB_RUNTIME_CINTERFACE_H

#include "allot/Runtime/Manifest.h"

namespace allot::runtime {

/// The names of the functions and fields that a program's header declares:
/// those of entries and parameters with everything that is no part of a C
/// identifier replaced, and made different where that makes them equal.
class CNames {
public:
  explicit CNames(const Manifest &manifest);

  struct EntryNames {
    /// PREFIX_ENTRY; the struct of its arguments is FUNCTION_args, what frees
    /// results FUNCTION_free.
    std::string function;
    std::vector<std::string> inputs, outputs;
  };
  std::vector<EntryNames> entries;
  /// PREFIX_open and so on.
  std::string of(llvm::StringRef function) const;
  /// The symbol of the constant that describes the program.
  static std::string descriptionSymbol(llvm::StringRef name);

private:
  std::string prefix;
};

/// `name` as a C identifier.
std::string cIdentifier(llvm::StringRef name);

/// True where `entry` takes tokens, count, past and cache as those for
/// generation do; then the sizes that depend on each other are checked.
bool hasCache(const Entry &entry);

/// The text of the header.
std::string cHeader(const Manifest &manifest, const CNames &names);

/// Adds the functions of the header and the description of the program to the
/// module of its code; everything else becomes hidden. `checksums` are those of
/// the weights.
void addCInterface(llvm::Module &module, const Manifest &manifest,
                   const CNames &names, llvm::ArrayRef<uint64_t> checksums);

} // namespace allot::runtime

#endif // ALLOT_LIB_RUNTIME_CINTERFACE_H
