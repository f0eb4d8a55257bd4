//===- AdapterToKernel.h - conversion of adapter to kernels -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CONVERSION_ADAPTERTOKERNEL_ADAPTERTOKERNEL_H
#define ALLOT_CONVERSION_ADAPTERTOKERNEL_ADAPTERTOKERNEL_H

#include "allot/Kernel/Target.h"
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
#include "allot/Conversion/AdapterToKernel/Passes.h.inc"

/// Replaces every adapter.linear and adapter.lookup on buffers in `module` by a
/// call of its kernel, for the given target. Fails, with a diagnostic at the
/// op, where one is on tensors or in a format that no kernel reads. `join`:
/// calls on one row of the same x that follow each other share a team.
llvm::LogicalResult convertAdapterToKernel(mlir::ModuleOp module,
                                           const kernel::KernelTarget &target,
                                           bool join = true);

#define GEN_PASS_REGISTRATION
#include "allot/Conversion/AdapterToKernel/Passes.h.inc"

} // namespace allot::conversion

#endif // ALLOT_CONVERSION_ADAPTERTOKERNEL_ADAPTERTOKERNEL_H
