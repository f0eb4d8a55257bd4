//===- Bank.h - many maps of one shape, by id -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_BANK_H
#define ALLOT_DIALECT_ADAPTER_IR_BANK_H

#include "allot/Dialect/Adapter/IR/Adapter.h"

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/BankOps.h.inc"

namespace allot::adapter {

/// Member `index` of a bank: what its op gives, else `dense` of a part of its
/// matrices.
mlir::Value buildMemberOf(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value bank, int64_t index);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_IR_BANK_H
