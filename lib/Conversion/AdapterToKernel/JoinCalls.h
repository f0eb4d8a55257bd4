//===- JoinCalls.h - kernels that share a team ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_JOINCALLS_H
#define ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_JOINCALLS_H

#include "allot/Kernel/LinearKernel.h"

namespace allot::conversion {

/// The call that an `adapter.linear` became.
struct LinearCall {
  mlir::func::CallOp call;
  kernel::LinearKernel kernel;
  kernel::LinearKernelOperands operands;
  /// The matrix, [out, in].
  int64_t out, in;
};

/// Lets calls that follow each other, meet the same x and do not need each
/// other's results run in one team: with one row, starting a team and waiting
/// for its end take as long as a good part of the work. `calls` are in the
/// order of their blocks; those that were joined are erased.
void joinCalls(llvm::ArrayRef<LinearCall> calls);

} // namespace allot::conversion

#endif // ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_JOINCALLS_H
