//===- GroupedParts.h - what kernels of groups share ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_KERNEL_GROUPEDPARTS_H
#define ALLOT_LIB_KERNEL_GROUPEDPARTS_H

#include "allot/Kernel/Emitter.h"
#include "allot/Kernel/GroupedKernel.h"

namespace allot::kernel {

/// An i32 of a buffer as an index.
mlir::Value loadIndex(Emitter &e, mlir::Value buffer, mlir::Value at);
mlir::Value toIndex(Emitter &e, mlir::Value integer);
mlir::Value fromIndex(Emitter &e, mlir::Value index, unsigned bits);

/// Emits y[row, lo:hi) = 0.
void emitZeros(Emitter &e, mlir::Value y, mlir::Value row, mlir::Value lo,
               mlir::Value hi);

/// Emits `body(at, mask)` for vectors of `lanes` columns from `lo` on; the mask
/// is null for whole vectors, which come first.
void emitColumns(Emitter &e, mlir::Value lo, mlir::Value hi, int64_t lanes,
                 llvm::function_ref<void(mlir::Value, mlir::Value)> body);

/// A private function of these arguments.
mlir::func::FuncOp
buildKernelFunction(mlir::ModuleOp module, llvm::StringRef name,
                    llvm::ArrayRef<mlir::Type> arguments,
                    llvm::function_ref<void(Emitter &, mlir::ValueRange)> body);

} // namespace allot::kernel

#endif // ALLOT_LIB_KERNEL_GROUPEDPARTS_H
