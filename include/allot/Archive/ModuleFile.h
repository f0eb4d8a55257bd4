//===- ModuleFile.h - modules from files ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ARCHIVE_MODULEFILE_H
#define ALLOT_ARCHIVE_MODULEFILE_H

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"

namespace llvm {
class SourceMgr;
} // namespace llvm

namespace allot::archive {

/// Parses and verifies the module in a file, text or bytecode; null after an
/// error, which names the file. Unlike the parser's own way, the file is read,
/// not mapped: one that another process cuts short meanwhile is an error and
/// no SIGBUS. Weights are not in it, so it is small.
mlir::OwningOpRef<mlir::ModuleOp> readModule(llvm::StringRef path,
                                             const mlir::ParserConfig &config);

/// The same, with the text kept in `sources` for messages that quote it.
mlir::OwningOpRef<mlir::ModuleOp> readModule(llvm::StringRef path,
                                             const mlir::ParserConfig &config,
                                             llvm::SourceMgr &sources);

} // namespace allot::archive

#endif // ALLOT_ARCHIVE_MODULEFILE_H
