//===- ValueProgram.h - the computation of one value ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REFERENCE_VALUEPROGRAM_H
#define ALLOT_REFERENCE_VALUEPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace allot::reference {

/// A module with a function `value` that computes `value` (a tensor, or a map,
/// whose matrix it is then) and with the globals that this reads; null where
/// the value depends on something other than globals of `symbols` and
/// constants.
mlir::OwningOpRef<mlir::ModuleOp> isolateValue(mlir::Value value,
                                               mlir::SymbolTable &symbols);

/// The numbers of such a module, by the reference evaluation. Files are
/// relative to `folder`; an error says what went wrong.
llvm::Expected<std::vector<float>> evaluateValue(mlir::ModuleOp program,
                                                 llvm::StringRef folder);

} // namespace allot::reference

#endif // ALLOT_REFERENCE_VALUEPROGRAM_H
