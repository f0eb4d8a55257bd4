//===- Compile.h - programs compiled ahead of time --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_COMPILE_H
#define ALLOT_RUNTIME_COMPILE_H

#include "allot/Runtime/CodeGeneration.h"
#include "allot/Runtime/Program.h"

namespace allot::runtime {

struct CompileFolderOptions {
  /// Passes from the module to the LLVM dialect, entries to keep, threads of
  /// the compiler, log, progress; `program.activations`, `evaluate` and `taps`
  /// are what the passes were told, for the manifest (f32 and auto where they
  /// are not given).
  ProgramOptions program;
  CodeTarget target = CodeTarget::host();
  /// The pass pipeline as text, for the manifest.
  std::string pipeline;
  /// Prefix of the C functions, a C identifier; empty: made from the name of
  /// the folder.
  std::string name;
  /// Program that links; empty: the first that is found (clang, cc, gcc,
  /// ld.lld, ld).
  std::string linker;
};

/// Compiles the module in a file and writes a folder that `Program::load` opens
/// and that C programs link with: shared library (whose only needs are the C
/// library and OpenMP), C header, packed weights, `manifest.json`. The folder
/// appears whole or not at all; an existing one is replaced only if it is such
/// a folder too, or empty. Memory: one weight at a time.
llvm::Error compileToFolder(llvm::StringRef module, llvm::StringRef folder,
                            const mlir::DialectRegistry &registry,
                            const CompileFolderOptions &options);
/// The same for a module in memory, of which a copy is made. Errors call it
/// `name`; names of weight files are relative to `weightFolder`.
llvm::Error compileToFolder(mlir::ModuleOp module, llvm::StringRef name,
                            llvm::StringRef weightFolder,
                            llvm::StringRef folder,
                            const mlir::DialectRegistry &registry,
                            const CompileFolderOptions &options);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_COMPILE_H
