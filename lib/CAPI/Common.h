//===- Common.h - what the files of the C API share -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_CAPI_COMMON_H
#define ALLOT_LIB_CAPI_COMMON_H

#include "allot-c/Program.h"
#include "allot/Archive/StoredWeights.h"
#include "allot/Pipelines/Pipelines.h"
#include "allot/Runtime/Program.h"
#include "mlir-c/Support.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Support.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace allot::capi {

/// Turns an error into a diagnostic of the context; fails where there is one.
inline mlir::LogicalResult report(mlir::MLIRContext *context,
                                  llvm::Error error) {
  if (!error)
    return mlir::success();
  return mlir::emitError(mlir::UnknownLoc::get(context))
         << llvm::toString(std::move(error));
}

inline std::string text(MlirStringRef string) { return unwrap(string).str(); }

inline std::vector<std::string> texts(intptr_t count,
                                      const MlirStringRef *strings) {
  std::vector<std::string> result;
  for (intptr_t i = 0; i < count; ++i)
    result.push_back(text(strings[i]));
  return result;
}

/// The folder that the caller gives, or that of the module's file.
inline std::string folderOf(mlir::ModuleOp module, MlirStringRef given) {
  return given.length ? text(given) : archive::moduleFolder(module);
}

/// What errors call a module: its file, where it was read from one.
llvm::StringRef nameOf(mlir::ModuleOp module);

/// Everything that the contexts of programs need; each has one of its own.
const mlir::DialectRegistry &programRegistry();

/// Makes a program of a copy of the module; it is run by plain loops where
/// `reference`.
llvm::Expected<std::unique_ptr<runtime::Program>>
loadProgram(mlir::ModuleOp module, llvm::StringRef folder,
            const pipelines::ProgramRequest &request,
            const AllotProgramOptions &options);

/// The caller's bytes, which the caller keeps.
llvm::Expected<runtime::Tensor> borrow(const AllotTensor &given);

} // namespace allot::capi

#endif // ALLOT_LIB_CAPI_COMMON_H
