//===- KernelTypes.h - types of what kernels compute ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_ADAPTER_IR_KERNELTYPES_H
#define ALLOT_LIB_DIALECT_ADAPTER_IR_KERNELTYPES_H

#include "allot/Dialect/Adapter/IR/Adapter.h"

namespace allot::adapter::typing {

/// The encoded type of a stored operand: its own, or `stored` where it is
/// bytes. Emits an error and returns null where it is neither (A16, A17, A65).
mlir::RankedTensorType storedType(mlir::Operation *op, llvm::StringRef what,
                                  mlir::Type type, mlir::Type stored,
                                  llvm::StringRef label);

/// Equal, or one of them is not known.
bool agree(int64_t a, int64_t b);

/// Fails unless `type` is `[leading, last]` of f32, both as far as they are
/// known.
llvm::LogicalResult checkRows(mlir::Operation *op, llvm::StringRef what,
                              mlir::Type type, llvm::ArrayRef<int64_t> leading,
                              int64_t last, llvm::StringRef label);

/// Fails unless x is `[leading, in]` and the init `[leading, out]`.
llvm::LogicalResult checkApplied(mlir::Operation *op, mlir::Type x,
                                 mlir::Type init, int64_t in, int64_t out,
                                 llvm::StringRef label);

/// Fails unless the op is all on tensors or all on memrefs.
llvm::LogicalResult checkOneWorld(mlir::Operation *op);

} // namespace allot::adapter::typing

#endif // ALLOT_LIB_DIALECT_ADAPTER_IR_KERNELTYPES_H
