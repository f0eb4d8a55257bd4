//===- InitAllExtensions.h - registration of all extensions -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INITALLEXTENSIONS_H
#define ALLOT_INITALLEXTENSIONS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace allot {

/// Attaches external models: codecs, tiles, reference evaluation, bufferization, translation to LLVM IR.
void registerAllExtensions(mlir::DialectRegistry &registry);

} // namespace allot

#endif // ALLOT_INITALLEXTENSIONS_H
