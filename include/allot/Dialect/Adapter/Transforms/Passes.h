//===- Passes.h - passes of the adapter dialect ---------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_H
#define ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace allot::adapter {

#define GEN_PASS_DECL
#include "allot/Dialect/Adapter/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "allot/Dialect/Adapter/Transforms/Passes.h.inc"

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_H
