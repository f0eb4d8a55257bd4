//===- Fisher.h - squares of the gradients of a matrix ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ANALYSIS_FISHER_H
#define ALLOT_ANALYSIS_FISHER_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace allot::analysis {

/// Of a matrix W [out, in] with y = W x, the gradient G = sum over `tokens` of
/// g x^T of one loss, from `gradients` g [tokens, out] and `inputs` x [tokens,
/// in]: adds `factor` * G_oi^2, summed over i, to `rows` [out], and summed over
/// o to `columns` [in]. A few hundred rows of G are made at a time.
void addFisher(llvm::ArrayRef<float> gradients, llvm::ArrayRef<float> inputs,
               int64_t tokens, double factor,
               llvm::MutableArrayRef<double> rows,
               llvm::MutableArrayRef<double> columns);

} // namespace allot::analysis

#endif // ALLOT_ANALYSIS_FISHER_H
