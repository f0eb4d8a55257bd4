//===- Upstream.h - evaluation of upstream ops ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REFERENCE_UPSTREAM_H
#define ALLOT_LIB_REFERENCE_UPSTREAM_H

#include "ScalarProgram.h"
#include "Values.h"

namespace allot::reference {

/// Evaluates an op that is not ours. Regions find values from outside in the environment.
using UpstreamFunction = llvm::LogicalResult (*)(mlir::Operation *op, Values operands, Environment environment, Results &results);

/// The function of an op, or null where it has none.
UpstreamFunction lookupUpstreamFunction(mlir::Operation *op);

/// Any structured op of `linalg`, by its indexing maps and body.
llvm::LogicalResult evaluateStructured(mlir::Operation *op, Values operands, Environment environment, Results &results);

/// A constant: a scalar or a dense tensor. Fails at the op on other attributes.
llvm::FailureOr<RefValue> evaluateConstant(mlir::Operation *op, mlir::Attribute value);

} // namespace allot::reference

#endif // ALLOT_LIB_REFERENCE_UPSTREAM_H
