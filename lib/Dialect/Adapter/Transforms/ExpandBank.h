//===- ExpandBank.h - applications of banks become kernels ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_ADAPTER_TRANSFORMS_EXPANDBANK_H
#define ALLOT_LIB_DIALECT_ADAPTER_TRANSFORMS_EXPANDBANK_H

#include "allot/Dialect/Adapter/Transforms/Passes.h"

namespace allot::adapter {

/// The result of an application of a bank, of type `op`'s result up to a cast.
/// `merged`: every member is applied by its matrix. Members are maps that ops
/// of the algebra make.
mlir::Value buildBankApplication(mlir::RewriterBase &rewriter, ApplyOp op,
                                 bool merged);

} // namespace allot::adapter

#endif // ALLOT_LIB_DIALECT_ADAPTER_TRANSFORMS_EXPANDBANK_H
