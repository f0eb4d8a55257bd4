//===- Computed.h - tensors computed when weights are loaded ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pseudo-random numbers and decompositions. No code is made for them:
// `program-hoist-constants` makes them weights, which the reference evaluation
// computes once.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_COMPUTED_H
#define ALLOT_DIALECT_ADAPTER_IR_COMPUTED_H

#include "allot/Dialect/Adapter/IR/Adapter.h"

#include "allot/Dialect/Adapter/IR/ComputedEnums.h.inc"

namespace allot::adapter {

/// Ops that have a reference evaluation and no code.
template <typename Op>
class EvaluatedAtLoad : public mlir::OpTrait::TraitBase<Op, EvaluatedAtLoad> {};

} // namespace allot::adapter

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/ComputedOps.h.inc"

#endif // ALLOT_DIALECT_ADAPTER_IR_COMPUTED_H
