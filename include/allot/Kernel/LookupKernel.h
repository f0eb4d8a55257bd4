//===- LookupKernel.h - the kernel of adapter.lookup ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_KERNEL_LOOKUPKERNEL_H
#define ALLOT_KERNEL_LOOKUPKERNEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace allot::kernel {

/// Emits an error and fails where no kernel reads `format`.
llvm::LogicalResult
verifyLookup(mlir::Attribute format,
             llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// Builds `out[i, :] = row ids[i] of the table` into `module`: a private
/// function of (table: memref<?xi8>, ids: memref<?x idType>, out:
/// memref<?x?xf32>, rows of the table: index). `format` is packed and was
/// verified. Ids outside the table are the caller's error; memory is safe all
/// the same, for they count as the last row.
mlir::func::FuncOp buildLookupKernel(mlir::ModuleOp module,
                                     mlir::Attribute format,
                                     mlir::IntegerType idType);

} // namespace allot::kernel

#endif // ALLOT_KERNEL_LOOKUPKERNEL_H
