//===- Gram.cpp - sums of outer products ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/Gram.h"
#include "Blas.h"

using namespace allot;

void analysis::addGram(llvm::ArrayRef<float> x, int64_t rows, int64_t columns,
                       llvm::MutableArrayRef<float> sum) {
  blas::addGram(columns, rows, x.data(), columns, sum.data(), columns);
}
