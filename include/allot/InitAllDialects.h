//===- InitAllDialects.h - registration of all dialects ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INITALLDIALECTS_H
#define ALLOT_INITALLDIALECTS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace allot {

/// Adds the dialects of Allot and the upstream dialects that its pipelines use.
void registerAllDialects(mlir::DialectRegistry &registry);

} // namespace allot

#endif // ALLOT_INITALLDIALECTS_H
