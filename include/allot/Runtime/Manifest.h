//===- Manifest.h - what a compiled folder says about itself ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_MANIFEST_H
#define ALLOT_RUNTIME_MANIFEST_H

#include "allot/Runtime/CodeGeneration.h"
#include "allot/Runtime/Program.h"
#include "llvm/Support/JSON.h"

namespace allot::runtime {

/// `manifest.json` of a folder that `compileToFolder` wrote. Its member
/// `program` is everything that running depends on; the library holds the
/// digest of that member, so neither can be exchanged alone.
struct Manifest {
  static constexpr llvm::StringLiteral kFileName = "manifest.json";
  /// Version of the folder's layout and of the functions of the library. A
  /// loader takes its own version alone.
  static constexpr int64_t kVersion = 1;

  /// A file of the folder.
  struct File {
    std::string name;
    uint64_t bytes = 0;
    /// Of the content (support::Digest); empty for the weights, which have one
    /// each.
    std::string digest;
  };
  struct Weight {
    std::string global;
    /// The encoded tensor, as MLIR prints it.
    std::string type;
    /// Where it lies in the file of weights.
    uint64_t offset = 0, bytes = 0;
    /// What it takes in the file that it was compiled from.
    uint64_t storedBytes = 0;
    std::string digest;
  };

  File library, header, weightFile;
  /// Prefix of the functions of the library.
  std::string name;
  /// Of Allot and LLVM.
  std::string allotVersion, llvmVersion;
  CodeTarget target;
  std::string kernels, activations, evaluate, pipeline;
  std::vector<std::string> outputsAlso;
  /// Integer attributes of the module (`allot.vocab`, `allot.weights`, ...).
  llvm::StringMap<int64_t> attributes;
  ProgramOrigin origin;
  std::vector<Entry> entries;
  std::vector<Weight> weights;

  /// Sum over the weights: what the program reads.
  uint64_t weightBytes() const;

  /// The member `program`, and its digest.
  llvm::json::Value program() const;
  std::string programDigest() const;
  /// The whole file.
  std::string text() const;

  /// Reads and checks the manifest of `folder`: version, types and ranges of
  /// all fields, that entries and the table of weights are consistent in
  /// themselves. Errors name file and field. The other files are not looked at.
  static llvm::Expected<Manifest> read(llvm::StringRef folder);

  /// Path of a file of `folder`.
  static std::string pathOf(llvm::StringRef folder, const File &file);
};

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_MANIFEST_H
