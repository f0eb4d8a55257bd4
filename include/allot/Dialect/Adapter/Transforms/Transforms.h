//===- Transforms.h - transforms of map expressions -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H
#define ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace allot::adapter {

/// How uses of map expressions are expanded; see the pass `adapter-expand`.
struct ExpandOptions {
  Evaluation evaluate = Evaluation::Auto;
  /// Rows of x for which `Evaluation::Auto` counts costs, at least 1.
  int64_t rows = 1;
  /// Floating-point operations that take as long as reading a byte, at least 1.
  int64_t flopsPerByte = 8;
  /// Merged matrices are computed once, not at each call.
  bool hoisted = false;
  /// Emit a remark at each `apply` that says what was chosen and what it costs.
  bool remarks = false;
};

/// Cost of the two ways to evaluate a map expression for `rows` rows.
struct ExpansionCosts {
  /// Every op of the expression once.
  MapCost factored;
  /// Materializing, at each call unless it is hoisted, and applying the f32
  /// matrix.
  MapCost merged;
};

/// True if the map and all maps that it is made of come from ops of the
/// algebra.
bool isExpandable(mlir::Value map);

/// Costs of an expandable map that is no bank.
ExpansionCosts getExpansionCosts(mlir::Value map, int64_t rows,
                                 bool hoisted = false);

/// Factored or Merged for an `apply` of an expandable map: its own attribute,
/// else what the options say, `Auto` decided by cost.
Evaluation chooseEvaluation(ApplyOp op, const ExpandOptions &options);

/// Replaces one use of a map by ops that are nearer to kernels; what they use
/// may have to be expanded again. Fails, without having changed anything, where
/// the map is not expandable.
llvm::LogicalResult expandApply(mlir::RewriterBase &rewriter, ApplyOp op,
                                const ExpandOptions &options);
llvm::LogicalResult expandGather(mlir::RewriterBase &rewriter, GatherOp op);
llvm::LogicalResult expandMaterialize(mlir::RewriterBase &rewriter,
                                      MaterializeOp op);
void populateExpandPatterns(mlir::RewritePatternSet &patterns,
                            const ExpandOptions &options);

/// Patterns that take the only user of a kernel's result into the kernel where
/// it is the next step of its epilogue; see `adapter-fuse-epilogue`.
void populateFuseEpiloguePatterns(mlir::RewritePatternSet &patterns);

/// Makes the inputs of all `apply` with a site in a function taps, and, with
/// `outputs`, the results of these and of all `gather` with a site; see
/// `adapter-instrument`.
void instrument(mlir::func::FuncOp function, bool outputs = false);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H
