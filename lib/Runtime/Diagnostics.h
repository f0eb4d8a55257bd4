//===- Diagnostics.h - diagnostics as text of errors ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_RUNTIME_DIAGNOSTICS_H
#define ALLOT_LIB_RUNTIME_DIAGNOSTICS_H

#include "allot/Support/Error.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace allot::runtime {

/// Collects the errors that are reported while it lives, so that they become
/// the text of an error.
class Diagnostics {
public:
  explicit Diagnostics(mlir::MLIRContext *context)
      : handler(context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
            return mlir::success();
          add(diagnostic, "");
          for (mlir::Diagnostic &note : diagnostic.getNotes())
            add(note, "note: ");
          return mlir::success();
        }) {}

  /// What was reported, or `otherwise` about `file`.
  llvm::Error error(llvm::StringRef file, llvm::StringRef otherwise) {
    return text.empty()
               ? support::fileError(file, otherwise)
               : llvm::createStringError(llvm::inconvertibleErrorCode(), text);
  }

private:
  void add(const mlir::Diagnostic &diagnostic, llvm::StringRef prefix) {
    llvm::raw_string_ostream os(text);
    if (!text.empty())
      os << '\n';
    // A fused or named location ends in a place of a file; without one the
    // message stands alone.
    diagnostic.getLocation()->walk([&](mlir::Location location) {
      auto place = mlir::dyn_cast<mlir::FileLineColLoc>(location);
      if (!place)
        return mlir::WalkResult::advance();
      os << place.getFilename().getValue() << ':' << place.getLine() << ':'
         << place.getColumn() << ": ";
      return mlir::WalkResult::interrupt();
    });
    os << prefix << diagnostic.str();
  }

  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace allot::runtime

#endif // ALLOT_LIB_RUNTIME_DIAGNOSTICS_H
