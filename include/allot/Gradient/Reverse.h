//===- Reverse.h - one reverse pass over value semantics --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reverse-mode differentiation: gradients flow from the results of a block back
// to chosen values, each op in between building its own vector-Jacobian product
// (VJPOpInterface). What comes out is ordinary IR.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_GRADIENT_REVERSE_H
#define ALLOT_GRADIENT_REVERSE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace allot::gradient {

/// True for values that have gradients: floats, tensors of floats, maps.
bool isDifferentiable(mlir::Type type);

/// Builds, at the insertion point of `builder` (behind the ops of `block` that
/// make `outputs`), the gradients by `inputs` of the sum over outputs of
/// <output, gradient>. `inputs` are arguments of the block or results of its
/// ops; the gradient of an input takes in all paths from it to the outputs,
/// those through other inputs too. An output gradient may be null (zero); so is
/// the gradient of an input on which nothing depends. Emits an error at the op
/// and fails where an op on the way has no gradient.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildReverse(
    mlir::OpBuilder &builder, mlir::Block &block, mlir::ValueRange outputs,
    llvm::ArrayRef<mlir::Value> outputGradients, mlir::ValueRange inputs);

/// What a reverse function gives besides the gradients by arguments; see the
/// pass `gradient-reverse`.
struct ReverseOptions {
  /// Ends of names of taps.
  llvm::SmallVector<std::string> gradients, values;
};

/// Adds the reverse function of `function` behind it; null where there is
/// nothing to differentiate.
mlir::FailureOr<mlir::func::FuncOp>
buildReverseFunction(mlir::func::FuncOp function,
                     const ReverseOptions &options);

/// Attaches VJPOpInterface to the ops of arith and math on floats, of tensor,
/// and to the structured ops of linalg.
void registerVJPExternalModels(mlir::DialectRegistry &registry);

} // namespace allot::gradient

#endif // ALLOT_GRADIENT_REVERSE_H
