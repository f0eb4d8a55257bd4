//===- Blas.cpp - the few BLAS and LAPACK calls of the analyses -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Through the Fortran interface, which every BLAS has. Row-major matrices are
// the transposes of what Fortran sees.
//
//===----------------------------------------------------------------------===//

#include "Blas.h"
#include <algorithm>
#include <dlfcn.h>

extern "C" {
void sgemm_(const char *, const char *, const int *, const int *, const int *,
            const float *, const float *, const int *, const float *,
            const int *, const float *, float *, const int *);
void ssyrk_(const char *, const char *, const int *, const int *, const float *,
            const float *, const int *, const float *, float *, const int *);
void dpotrf_(const char *, const int *, double *, const int *, int *);
void dpotri_(const char *, const int *, double *, const int *, int *);
}

using namespace allot;

void blas::multiply(bool transposeA, bool transposeB, int64_t m, int64_t n,
                    int64_t k, float alpha, const float *a, int64_t lda,
                    const float *b, int64_t ldb, float beta, float *c,
                    int64_t ldc) {
  int im = static_cast<int>(m), in = static_cast<int>(n),
      ik = static_cast<int>(k), ia = static_cast<int>(lda),
      ib = static_cast<int>(ldb), ic = static_cast<int>(ldc);
  // C^T = op(B)^T op(A)^T in column-major order.
  sgemm_(transposeB ? "T" : "N", transposeA ? "T" : "N", &in, &im, &ik, &alpha,
         b, &ib, a, &ia, &beta, c, &ic);
}

void blas::addGram(int64_t n, int64_t k, const float *a, int64_t lda, float *c,
                   int64_t ldc) {
  int in = static_cast<int>(n), ik = static_cast<int>(k),
      ia = static_cast<int>(lda), ic = static_cast<int>(ldc);
  float one = 1.0f;
  // A row-major is A^T for Fortran: the lower triangle there is our upper one.
  ssyrk_("L", "N", &in, &ik, &one, a, &ia, &one, c, &ic);
}

bool blas::choleskyLower(int64_t n, double *a) {
  int in = static_cast<int>(n), info = 0;
  dpotrf_("U", &in, a, &in, &info); // our lower triangle is Fortran's upper
  for (int64_t r = 0; r < n; ++r)
    std::fill(a + r * n + r + 1, a + (r + 1) * n, 0.0);
  return info == 0;
}

bool blas::inverseFromCholesky(int64_t n, double *a) {
  int in = static_cast<int>(n), info = 0;
  dpotri_("U", &in, a, &in, &info);
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = r + 1; c < n; ++c)
      a[r * n + c] = a[c * n + r];
  return info == 0;
}

namespace {
using SetThreads = void (*)(int);
using GetThreads = int (*)();
SetThreads setThreads() {
  static auto f = reinterpret_cast<SetThreads>(
      dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  return f;
}
GetThreads getThreads() {
  static auto f = reinterpret_cast<GetThreads>(
      dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
  return f;
}
} // namespace

blas::SingleThreaded::SingleThreaded() : before(0) {
  if (setThreads() && getThreads()) {
    before = getThreads()();
    setThreads()(1);
  }
}
blas::SingleThreaded::~SingleThreaded() {
  if (before > 0)
    setThreads()(before);
}
