//===- Transforms.h - transforms of storage formats -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_FORMAT_TRANSFORMS_TRANSFORMS_H
#define ALLOT_DIALECT_FORMAT_TRANSFORMS_TRANSFORMS_H

#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"

namespace allot::format {

/// How weights are packed.
struct PackOptions {
  /// Rows of a tile, 8 or 16.
  int64_t tileRows = 8;
  /// Where set, a float format to which weights are rounded.
  FormatAttrInterface as;
};

/// `weight` (encoded) in the packed layout that `options` ask for: itself where
/// it has that layout already, else new ops at the insertion point.
mlir::Value packWeight(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value weight, const PackOptions &options);

/// Patterns that apply packWeight to the encoded operands of kernels.
void populatePackPatterns(mlir::RewritePatternSet &patterns,
                          const PackOptions &options);

/// What `format-lower-storage` does (see there). Emits errors at the ops.
llvm::LogicalResult lowerStorage(mlir::ModuleOp module);

/// Name of the unit attribute of a function's weight-table argument.
inline constexpr llvm::StringLiteral tableArgAttrName = "allot.weights_table";

} // namespace allot::format

#endif // ALLOT_DIALECT_FORMAT_TRANSFORMS_TRANSFORMS_H
