//===- Passes.h - passes on routed ops --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ROUTED_TRANSFORMS_PASSES_H
#define ALLOT_DIALECT_ROUTED_TRANSFORMS_PASSES_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Routed/IR/Routed.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace allot::routed {

#define GEN_PASS_DECL
#include "allot/Dialect/Routed/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "allot/Dialect/Routed/Transforms/Passes.h.inc"

} // namespace allot::routed

#endif // ALLOT_DIALECT_ROUTED_TRANSFORMS_PASSES_H
