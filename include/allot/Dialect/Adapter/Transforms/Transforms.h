//===- Transforms.h - transforms of map expressions -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H
#define ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "mlir/IR/PatternMatch.h"

namespace allot::adapter {

/// Replaces one use of a map by ops that are nearer to kernels; what they use may have to be expanded again. The attribute of an `apply` has
/// precedence over `evaluation`. Fails where the map is made by no op of the algebra.
llvm::LogicalResult expandApply(mlir::RewriterBase &rewriter, ApplyOp op, Evaluation evaluation);
llvm::LogicalResult expandGather(mlir::RewriterBase &rewriter, GatherOp op);
llvm::LogicalResult expandMaterialize(mlir::RewriterBase &rewriter, MaterializeOp op);
void populateExpandPatterns(mlir::RewritePatternSet &patterns, Evaluation evaluation);

/// Patterns that take the only user of a kernel's result into the kernel where it is the next step of its epilogue; see `adapter-fuse-epilogue`.
void populateFuseEpiloguePatterns(mlir::RewritePatternSet &patterns);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H
