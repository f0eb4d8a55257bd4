//===- Fisher.cpp - squares of the gradients of a matrix --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/Fisher.h"
#include "Blas.h"
#include <algorithm>
#include <vector>

using namespace allot;

void analysis::addFisher(llvm::ArrayRef<float> gradients,
                         llvm::ArrayRef<float> inputs, int64_t tokens,
                         double factor, llvm::MutableArrayRef<double> rows,
                         llvm::MutableArrayRef<double> columns) {
  constexpr int64_t kRows = 256;
  auto out = static_cast<int64_t>(rows.size()),
       in = static_cast<int64_t>(columns.size());
  std::vector<float> part(std::min(kRows, out) * in);
  std::vector<double> sums(in);
  for (int64_t first = 0; first < out; first += kRows) {
    int64_t count = std::min(kRows, out - first);
    blas::multiply(/*transposeA=*/true, /*transposeB=*/false, count, in, tokens,
                   1.0f, gradients.data() + first, out, inputs.data(), in, 0.0f,
                   part.data(), in);
    for (int64_t r = 0; r < count; ++r) {
      double sum = 0.0;
      for (int64_t c = 0; c < in; ++c) {
        double square = double(part[r * in + c]) * part[r * in + c];
        sum += square;
        sums[c] += square;
      }
      rows[first + r] += factor * sum;
    }
  }
  for (int64_t c = 0; c < in; ++c)
    columns[c] += factor * sums[c];
}
