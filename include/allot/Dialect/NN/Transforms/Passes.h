//===- Passes.h - passes of the nn dialect ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_NN_TRANSFORMS_PASSES_H
#define ALLOT_DIALECT_NN_TRANSFORMS_PASSES_H

#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace allot::nn {

#define GEN_PASS_DECL
#include "allot/Dialect/NN/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "allot/Dialect/NN/Transforms/Passes.h.inc"

} // namespace allot::nn

#endif // ALLOT_DIALECT_NN_TRANSFORMS_PASSES_H
