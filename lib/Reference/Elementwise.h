//===- Elementwise.h - scalar functions of upstream ops ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REFERENCE_ELEMENTWISE_H
#define ALLOT_LIB_REFERENCE_ELEMENTWISE_H

#include "mlir/IR/Operation.h"

namespace allot::reference {

/// A number: the member that its type says. Floats of all widths are computed as doubles, integers are kept sign-extended (i1 as 0 or 1).
struct Scalar {
  double f = 0;
  int64_t i = 0;
};

/// Computes the one result of an elementwise op of `arith` or `math`, on scalars or on one element of each tensor. Fails with an error at
/// the op, where there is no result (division by zero).
using ScalarFunction = llvm::LogicalResult (*)(mlir::Operation *op, const Scalar *operands, Scalar &result);

/// The function of an op, or null where it has none.
ScalarFunction lookupScalarFunction(mlir::Operation *op);

} // namespace allot::reference

#endif // ALLOT_LIB_REFERENCE_ELEMENTWISE_H
