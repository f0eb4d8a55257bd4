//===- Modules.h - module in, passes, module out ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What subcommands share that turn one module into another.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_MODULES_H
#define ALLOT_TOOLS_ALLOT_MODULES_H

#include "Driver.h"
#include "allot/Support/AtomicFile.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/SourceMgr.h"

namespace allot::tool {

/// A module that was read from a file, with everything that diagnostics about
/// it need.
class LoadedModule {
public:
  static llvm::Expected<std::unique_ptr<LoadedModule>>
  read(llvm::StringRef path);

  mlir::ModuleOp get() { return *module; }
  /// Runs passes. Their diagnostics have been printed when this fails.
  llvm::Error run(llvm::function_ref<void(mlir::OpPassManager &)> build);
  /// Writes the module as allot-opt prints it, or as bytecode where the name
  /// ends in .mlirbc; `-` is standard output.
  llvm::Error write(llvm::StringRef path);
  /// The module in a file that is whole but still has to be committed.
  llvm::Expected<std::unique_ptr<support::AtomicFile>>
  prepare(llvm::StringRef path);

private:
  explicit LoadedModule(llvm::StringRef path);

  std::string path;
  mlir::MLIRContext context;
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// The folder of a file, `.` where it has none: what passes take names of
/// weights relative to.
std::string folderOf(llvm::StringRef path);

} // namespace allot::tool

#endif // ALLOT_TOOLS_ALLOT_MODULES_H
