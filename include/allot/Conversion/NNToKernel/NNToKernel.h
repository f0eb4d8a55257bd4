//===- NNToKernel.h - conversions of nn -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CONVERSION_NNTOKERNEL_NNTOKERNEL_H
#define ALLOT_CONVERSION_NNTOKERNEL_NNTOKERNEL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace allot::conversion {

#define GEN_PASS_DECL
#include "allot/Conversion/NNToKernel/Passes.h.inc"

/// Replaces every nn op on buffers in `module` by a call of its kernel. Fails,
/// with a diagnostic at the op, where one is on tensors or on elements that
/// kernels do not know.
llvm::LogicalResult convertNNToKernel(mlir::ModuleOp module);

/// nn.activation on tensors to linalg.generic.
void populateNNToLinalgPatterns(mlir::RewritePatternSet &patterns);

#define GEN_PASS_REGISTRATION
#include "allot/Conversion/NNToKernel/Passes.h.inc"

} // namespace allot::conversion

#endif // ALLOT_CONVERSION_NNTOKERNEL_NNTOKERNEL_H
