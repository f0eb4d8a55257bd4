//===- Bank.h - application of a bank ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REFERENCE_BANK_H
#define ALLOT_LIB_REFERENCE_BANK_H

#include "Values.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"

namespace allot::reference {

/// Each row of x by the members that its ids name, [rows x OUT] without bias;
/// ids outside of [-1, N) are an error at the op.
llvm::LogicalResult applyBank(adapter::ApplyOp op, Values values,
                              std::vector<double> &y);

} // namespace allot::reference

#endif // ALLOT_LIB_REFERENCE_BANK_H
