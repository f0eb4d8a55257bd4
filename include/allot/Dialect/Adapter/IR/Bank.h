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

/// `group_rows` of a vector of ids: order, places, offsets.
llvm::SmallVector<mlir::Value> buildGroups(mlir::OpBuilder &builder,
                                           mlir::Location loc, mlir::Value ids,
                                           int64_t members);

/// The first `count` rows of x [rows, n] in the order of the places, of which
/// each row has `perRow`: row i is x[order[i] / perRow].
mlir::Value buildRowsOfPlaces(mlir::OpBuilder &builder, mlir::Location loc,
                              mlir::Value x, mlir::Value order,
                              mlir::OpFoldResult count, mlir::Value perRow);

/// An integer as an index.
mlir::Value buildIndex(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value integer);

/// Leading dimensions of a tensor folded into one, the last `kept` as they are.
mlir::Value buildFolded(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value tensor, int64_t kept);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_IR_BANK_H
