//===- Routing.h - the kernel that chooses experts --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_KERNEL_ROUTING_H
#define ALLOT_KERNEL_ROUTING_H

#include "allot/Dialect/Routed/IR/Routed.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace allot::kernel {

/// What a kernel of `routed.choose` is made for. The numbers of rows and
/// experts are arguments; of the policy all is known.
struct ChooseSpec {
  mlir::Attribute policy;
  routed::Score score = routed::Score::Logits;
  routed::Weighting weighting = routed::Weighting::Scores;
  double factor = 1;
  bool bias = false;
  /// 0: none.
  int64_t capacity = 0;

  mlir::Attribute getKey(mlir::MLIRContext *context) const;
};

/// `(logits memref<?x?x?xf32> [batch, rows, experts], [bias memref<?xf32>], ids
/// memref<?x?x?xi32>, weights memref<?x?x?xf32>)`, the latter two [batch, rows,
/// most]. One thread: a choice is some passes over the logits.
mlir::func::FuncOp buildChooseKernel(mlir::ModuleOp module,
                                     const ChooseSpec &spec);

/// Attaches `RoutingKernelInterface` to the policies.
void registerRoutingExternalModels(mlir::DialectRegistry &registry);

} // namespace allot::kernel

#endif // ALLOT_KERNEL_ROUTING_H
