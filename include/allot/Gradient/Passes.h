//===- Passes.h - gradients of programs -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_GRADIENT_PASSES_H
#define ALLOT_GRADIENT_PASSES_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace allot::gradient {

#define GEN_PASS_DECL
#include "allot/Gradient/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "allot/Gradient/Passes.h.inc"

} // namespace allot::gradient

#endif // ALLOT_GRADIENT_PASSES_H
