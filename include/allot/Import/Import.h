//===- Import.h - checkpoints and adapters into IR --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checkpoint (Hugging Face folder, GGUF file, bare safetensors file) with any
// number of PEFT adapters becomes a module: weights are external globals that
// name their bytes in the files, adapters are expressions of the adapter
// dialect. Weights are never read here, but for the finiteness of adapters.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_IMPORT_IMPORT_H
#define ALLOT_IMPORT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace allot::support {
class AtomicFile;
} // namespace allot::support

namespace allot::importer {

/// A PEFT folder to put on the model. Its low-rank terms are multiplied by
/// `weight`; all adapters are active together and summed.
struct AdapterSource {
  /// Names its tensors in the IR; empty: `default`, `default.2` and so on.
  std::string name;
  std::string directory;
  double weight = 1.0;
};

/// Parses `[NAME=]DIR[:WEIGHT]`. A text that names an existing folder is a
/// folder, whatever characters it has. An error quotes the text.
llvm::Expected<AdapterSource> parseAdapterSource(llvm::StringRef text);

struct ImportOptions {
  /// A Hugging Face folder, a GGUF file, or a safetensors file.
  std::string checkpoint;
  /// For a bare safetensors file: what it cannot say about its modules (JSON;
  /// empty: every 2-D `weight` is a linear layer).
  std::string modulesFile;
  std::vector<AdapterSource> adapters;
  /// The adapters are not summed: each sequence has one of them, or none, as
  /// the input `adapter` of entries says.
  bool bank = false;
  /// Folder from which the paths in `#format.stored` are to be read: that of
  /// the module's file. Empty: the current folder.
  std::string outputDirectory;
};

/// Adds the dialects that imported modules use.
void registerImportDialects(mlir::DialectRegistry &registry);

/// Imports and verifies. The context must know the dialects
/// (registerImportDialects or registerAllDialects). Errors name the file and
/// the tensor, field or key.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importCheckpoint(mlir::MLIRContext &context, const ImportOptions &options);

/// Writes a module to `path`, whole or not at all: bytecode where it ends in
/// `.mlirbc`, else text.
llvm::Error writeModule(mlir::ModuleOp module, llvm::StringRef path);
/// The same up to the last step: the file is whole but has to be committed.
llvm::Expected<std::unique_ptr<support::AtomicFile>>
prepareModule(mlir::ModuleOp module, llvm::StringRef path);

} // namespace allot::importer

#endif // ALLOT_IMPORT_IMPORT_H
