//===- Gram.h - sums of outer products --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ANALYSIS_GRAM_H
#define ALLOT_ANALYSIS_GRAM_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace allot::analysis {

/// Adds x^T x to the upper triangle of `sum` [columns, columns], for x [rows,
/// columns], both row-major.
void addGram(llvm::ArrayRef<float> x, int64_t rows, int64_t columns,
             llvm::MutableArrayRef<float> sum);

} // namespace allot::analysis

#endif // ALLOT_ANALYSIS_GRAM_H
