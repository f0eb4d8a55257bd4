//===- Blas.h - the few BLAS and LAPACK calls of the analyses ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_ANALYSIS_BLAS_H
#define ALLOT_LIB_ANALYSIS_BLAS_H

#include <cstdint>

namespace allot::blas {

/// C (m x n) = beta C + alpha op(A) op(B), all row-major with leading
/// dimensions lda, ldb, ldc; op(A) is m x k, op(B) k x n.
void multiply(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k,
              float alpha, const float *a, int64_t lda, const float *b,
              int64_t ldb, float beta, float *c, int64_t ldc);

/// C (n x n, row-major, upper triangle) += A^T A for A (k x n row-major).
void addGram(int64_t n, int64_t k, const float *a, int64_t lda, float *c,
             int64_t ldc);

/// In place: the lower Cholesky factor of a symmetric row-major matrix (its
/// lower triangle is read, the upper one set to zero). False where it is not
/// positive definite.
bool choleskyLower(int64_t n, double *a);

/// In place: the inverse of the symmetric matrix whose lower Cholesky factor
/// (row-major) is given; both triangles are filled.
bool inverseFromCholesky(int64_t n, double *a);

/// Keeps a threaded BLAS library on the calling threads while alive: the
/// callers split work over threads themselves. Where the library has no such
/// switch, nothing happens.
class SingleThreaded {
public:
  SingleThreaded();
  ~SingleThreaded();

private:
  int before;
};

} // namespace allot::blas

#endif // ALLOT_LIB_ANALYSIS_BLAS_H
