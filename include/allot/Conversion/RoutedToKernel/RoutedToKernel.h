//===- RoutedToKernel.h - conversion of routed to kernels ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CONVERSION_ROUTEDTOKERNEL_ROUTEDTOKERNEL_H
#define ALLOT_CONVERSION_ROUTEDTOKERNEL_ROUTEDTOKERNEL_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace allot::conversion {

#define GEN_PASS_DECL
#include "allot/Conversion/RoutedToKernel/Passes.h.inc"

/// Replaces every routed.choose on buffers in `module` by a call of its kernel.
/// Fails, with a diagnostic at the op, where one is on tensors.
llvm::LogicalResult convertRoutedToKernel(mlir::ModuleOp module);

#define GEN_PASS_REGISTRATION
#include "allot/Conversion/RoutedToKernel/Passes.h.inc"

} // namespace allot::conversion

#endif // ALLOT_CONVERSION_ROUTEDTOKERNEL_ROUTEDTOKERNEL_H
