//===- Passes.h - passes over storage formats -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_FORMAT_TRANSFORMS_PASSES_H
#define ALLOT_DIALECT_FORMAT_TRANSFORMS_PASSES_H

#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace allot::format {

#define GEN_PASS_DECL
#include "allot/Dialect/Format/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "allot/Dialect/Format/Transforms/Passes.h.inc"

} // namespace allot::format

#endif // ALLOT_DIALECT_FORMAT_TRANSFORMS_PASSES_H
