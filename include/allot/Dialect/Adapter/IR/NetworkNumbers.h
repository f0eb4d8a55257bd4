//===- NetworkNumbers.h - tensors contracted by plain loops -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_NETWORKNUMBERS_H
#define ALLOT_DIALECT_ADAPTER_IR_NETWORKNUMBERS_H

#include "allot/Dialect/Adapter/IR/Network.h"
#include <vector>

namespace allot::adapter {

/// The product of the sizes of modes.
uint64_t countPoints(llvm::ArrayRef<unsigned> modes,
                     llvm::ArrayRef<int64_t> sizes);

/// A tensor in double precision.
struct ModeTensor {
  Modes modes;
  std::vector<double> values;
};

/// The sum of a b over the modes that are not in `kept`, by plain loops: the
/// modes of a, then those of b alone, in their orders.
ModeTensor contractNumbers(const ModeTensor &a, const ModeTensor &b,
                           llvm::ArrayRef<unsigned> kept,
                           llvm::ArrayRef<int64_t> sizes);

/// The same numbers with the modes in this order.
ModeTensor reorderNumbers(const ModeTensor &tensor,
                          llvm::ArrayRef<unsigned> order,
                          llvm::ArrayRef<int64_t> sizes);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_IR_NETWORKNUMBERS_H
