//===- OperandShaper.h - operands as kernels take them ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_OPERANDSHAPER_H
#define ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_OPERANDSHAPER_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"

namespace allot::conversion {

/// Operands are buffers, stored bytes contiguous; their element types were
/// verified with the op.
llvm::LogicalResult verifyBuffers(mlir::Operation *op, mlir::ValueRange bytes);

/// Shapes the operands of one op as kernels take them, and undoes that after
/// the call.
class OperandShaper {
public:
  OperandShaper(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  /// A contiguous buffer with `rank` dimensions of unknown size: leading
  /// dimensions fold, or are added. A copy where `value` is not contiguous;
  /// `isWritten`: the copy is copied back by `finish`, and is none before
  /// unless `isRead`.
  mlir::Value shape(mlir::Value value, int64_t rank, bool isWritten = false,
                    bool isRead = false);
  void finish();

private:
  mlir::Value allocLike(mlir::Value value, mlir::MemRefType type);
  mlir::Value fold(mlir::Value value, int64_t rank);
  /// A vector is one row; a scalar is never given.
  mlir::Value unfold(mlir::Value value, int64_t rank);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> copiesBack;
  llvm::SmallVector<mlir::Value> copies;
};

} // namespace allot::conversion

#endif // ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_OPERANDSHAPER_H
