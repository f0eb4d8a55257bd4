//===- InputMoment.cpp - second moments prepared for feedback ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Blas.h"
#include "allot/Analysis/ErrorFeedback.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace allot;
using namespace allot::analysis;

static llvm::Error checkDiagonal(llvm::ArrayRef<float> diagonal) {
  for (auto [i, value] : llvm::enumerate(diagonal))
    if (!std::isfinite(value) || value < 0.0f)
      return llvm::createStringError(
          llvm::inconvertibleErrorCode(),
          "second moment of input %zu is %g, expected a finite number that is "
          "not negative",
          i, static_cast<double>(value));
  return llvm::Error::success();
}

llvm::Expected<InputMoment>
InputMoment::fromDiagonal(llvm::ArrayRef<float> moment) {
  if (llvm::Error error = checkDiagonal(moment))
    return error;
  InputMoment result;
  result.diagonal.assign(moment.begin(), moment.end());
  result.order.resize(moment.size());
  std::iota(result.order.begin(), result.order.end(), 0);
  return result;
}

llvm::Expected<InputMoment>
InputMoment::fromMatrix(llvm::ArrayRef<float> matrix, int64_t n,
                        double damping) {
  InputMoment result;
  result.diagonal.resize(n);
  double mean = 0.0;
  for (int64_t i = 0; i < n; ++i) {
    result.diagonal[i] = matrix[i * n + i];
    mean += result.diagonal[i] / n;
  }
  if (llvm::Error error = checkDiagonal(result.diagonal))
    return error;
  if (!llvm::all_of(matrix, [](float v) { return std::isfinite(v); }))
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "second moment of the input holds a number that is not finite");
  if (mean == 0.0) // an input that is always zero: nothing to feed back
    return fromDiagonal(result.diagonal);
  result.order.resize(n);
  std::iota(result.order.begin(), result.order.end(), 0);
  // Columns with much energy first: their error is made good by many others.
  std::stable_sort(result.order.begin(), result.order.end(),
                   [&](int32_t a, int32_t b) {
                     return result.diagonal[a] > result.diagonal[b];
                   });
  std::vector<double> work(n * n);
  for (;; damping *= 10.0) {
    for (int64_t i = 0; i < n; ++i) {
      const float *row = &matrix[result.order[i] * n];
      for (int64_t j = 0; j < n; ++j)
        work[i * n + j] = row[result.order[j]];
      work[i * n + i] += damping * mean;
    }
    if (blas::choleskyLower(n, work.data()))
      break;
    if (damping > 1e6)
      return llvm::createStringError(
          llvm::inconvertibleErrorCode(),
          "second moment of the input is not symmetric positive semidefinite");
  }
  // inverse = U^T U with U upper: the Cholesky factor of the inverse, L L^T,
  // gives U = L^T.
  if (!blas::inverseFromCholesky(n, work.data()) ||
      !blas::choleskyLower(n, work.data()))
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "second moment of the input is singular");
  result.factor.assign(n * n, 0.0f);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i; j < n; ++j)
      result.factor[i * n + j] = static_cast<float>(work[j * n + i]);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j)
      work[i * n + j] = matrix[i * n + j];
    work[i * n + i] += damping * mean;
  }
  result.damped.assign(work.begin(), work.end());
  if (!blas::choleskyLower(n, work.data()))
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "second moment of the input is singular");
  result.root.assign(work.begin(), work.end());
  return result;
}
