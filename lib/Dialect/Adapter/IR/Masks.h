//===- Masks.h - entrywise products with constant masks ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_ADAPTER_IR_MASKS_H
#define ALLOT_LIB_DIALECT_ADAPTER_IR_MASKS_H

#include "allot/Dialect/Adapter/IR/Structured.h"
#include "mlir/IR/PatternMatch.h"

namespace allot::adapter::structured {

/// Canonicalization: rows and columns that a constant factor makes zero.
llvm::LogicalResult shrinkByMask(HadamardOp op,
                                 mlir::PatternRewriter &rewriter);

} // namespace allot::adapter::structured

#endif // ALLOT_LIB_DIALECT_ADAPTER_IR_MASKS_H
