//===- Transforms.h - rewrites of routed ops --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ROUTED_TRANSFORMS_TRANSFORMS_H
#define ALLOT_DIALECT_ROUTED_TRANSFORMS_TRANSFORMS_H

#include "allot/Dialect/Routed/IR/Routed.h"
#include "mlir/IR/PatternMatch.h"

namespace allot::routed {

/// Replaces a selection by `choose` and `assign`.
void lowerSelect(mlir::RewriterBase &rewriter, SelectOp op);

/// Replaces experts by the code of their classes on sorted rows. Temporary
/// memory is that of the pairs of rows and experts of a class.
void lowerExperts(mlir::RewriterBase &rewriter, ExpertsOp op);

/// The two above as patterns.
void populateLowerPatterns(mlir::RewritePatternSet &patterns);

} // namespace allot::routed

#endif // ALLOT_DIALECT_ROUTED_TRANSFORMS_TRANSFORMS_H
