//===- PackedTile.h - code of the packed layout -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_KERNEL_PACKEDTILE_H
#define ALLOT_KERNEL_PACKEDTILE_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace allot::kernel {

/// Attaches `FormatTileInterface` to the packed formats.
void registerTileExternalModels(mlir::DialectRegistry &registry);

} // namespace allot::kernel

#endif // ALLOT_KERNEL_PACKEDTILE_H
