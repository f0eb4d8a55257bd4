//===- Transforms.h - transforms of taps ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_NN_TRANSFORMS_TRANSFORMS_H
#define ALLOT_DIALECT_NN_TRANSFORMS_TRANSFORMS_H

#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace allot::nn {

/// Patterns that replace every tap by its operand.
void populateStripTapsPatterns(mlir::RewritePatternSet &patterns);

/// Makes the taps of a function whose names start with one of `names` further
/// results of it, named by the result attribute `allot.name`. Emits an error
/// and fails where such a tap is inside of a nested region.
llvm::LogicalResult exposeTaps(mlir::func::FuncOp function,
                               llvm::ArrayRef<std::string> names);

/// Cuts `function` at the taps whose names start with `prefix` (see
/// `nn-split-at-taps`); returns the parts in order, inserted behind it. Emits
/// an error and fails where there is no such tap, or one inside of a nested
/// region.
llvm::FailureOr<llvm::SmallVector<mlir::func::FuncOp>>
splitAtTaps(mlir::func::FuncOp function, llvm::StringRef prefix);

/// Makes a function that gives logits give the cross-entropy of labels instead,
/// a further argument (see `nn-append-loss`). Emits an error and fails where it
/// has other results.
llvm::LogicalResult appendLoss(mlir::func::FuncOp function);

} // namespace allot::nn

#endif // ALLOT_DIALECT_NN_TRANSFORMS_TRANSFORMS_H
