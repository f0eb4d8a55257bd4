//===- Compensation.cpp - low-rank compensation of errors -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Blas.h"
#include "allot/Analysis/ErrorFeedback.h"
#include <Eigen/Dense>
#include <algorithm>
#include <random>

using namespace allot;
using namespace allot::analysis;

using Matrix =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// E C with H = C C^T, or E scaled by the roots of the diagonal.
static Matrix rootProduct(llvm::ArrayRef<float> error, int64_t rows,
                          int64_t columns, const InputMoment &moment) {
  Matrix result(rows, columns);
  if (moment.hasMatrix()) {
    blas::multiply(false, false, rows, columns, columns, 1.0f, error.data(),
                   columns, moment.root.data(), columns, 0.0f, result.data(),
                   columns);
    return result;
  }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      result(r, c) = error[r * columns + c] * std::sqrt(moment.diagonal[c]);
  return result;
}

std::vector<double>
analysis::weightedRowErrors(llvm::ArrayRef<float> difference, int64_t rows,
                            int64_t columns, const InputMoment &moment) {
  // In pieces, so that a large table needs no second copy.
  std::vector<double> errors(rows);
  for (int64_t first = 0; first < rows; first += 4096) {
    int64_t count = std::min<int64_t>(4096, rows - first);
    Matrix weighted =
        rootProduct(difference.slice(first * columns, count * columns), count,
                    columns, moment);
    for (int64_t r = 0; r < count; ++r)
      errors[first + r] = weighted.row(r).cast<double>().squaredNorm();
  }
  return errors;
}

double analysis::weightedError(llvm::ArrayRef<float> difference, int64_t rows,
                               int64_t columns, const InputMoment &moment) {
  double total = 0.0;
  for (double error : weightedRowErrors(difference, rows, columns, moment))
    total += error;
  return total;
}

/// Orthonormal basis of the columns, by Householder QR.
static Matrix orthonormal(const Matrix &y) {
  Eigen::HouseholderQR<Eigen::MatrixXf> qr(y);
  return qr.householderQ() * Eigen::MatrixXf::Identity(y.rows(), y.cols());
}

static Matrix product(const Matrix &a, bool transposeA, const Matrix &b) {
  Matrix c(transposeA ? a.cols() : a.rows(), b.cols());
  blas::multiply(transposeA, false, c.rows(), c.cols(), b.rows(), 1.0f,
                 a.data(), a.cols(), b.data(), b.cols(), 0.0f, c.data(),
                 c.cols());
  return c;
}

Compensation analysis::compensateError(llvm::ArrayRef<float> error,
                                       int64_t rows, int64_t columns,
                                       const InputMoment &moment,
                                       int64_t maxRank) {
  Compensation result;
  int64_t limit = std::min(rows, columns);
  result.rank = std::min(maxRank, limit);
  if (result.rank <= 0)
    return result;
  Matrix g = rootProduct(error, rows, columns, moment);
  int64_t width = std::min(limit, result.rank + 8);
  std::mt19937 generator(20221);
  std::normal_distribution<float> normal;
  Matrix start(columns, width);
  for (float &value : start.reshaped())
    value = normal(generator);
  Matrix q = orthonormal(product(g, false, start));
  for (int iteration = 0; iteration < 3; ++iteration)
    q = orthonormal(product(g, false, orthonormal(product(g, true, q))));
  Matrix small = product(q, true, g); // width x columns
  Eigen::MatrixXd gram = (small * small.transpose()).cast<double>();
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(gram);
  // Eigenvalues rise: take the last ones, largest first.
  Matrix vectors(width, result.rank);
  result.gain.resize(result.rank);
  for (int64_t i = 0; i < result.rank; ++i) {
    vectors.col(i) = eigen.eigenvectors().col(width - 1 - i).cast<float>();
    result.gain[i] = std::max(0.0, eigen.eigenvalues()(width - 1 - i));
  }
  Matrix b = product(q, false, vectors); // rows x rank, orthonormal columns
  result.b.assign(b.data(), b.data() + b.size());
  // With B orthonormal, the best A is B^T E: C cancels.
  result.a.resize(result.rank * columns);
  blas::multiply(true, false, result.rank, columns, rows, 1.0f, b.data(),
                 result.rank, error.data(), columns, 0.0f, result.a.data(),
                 columns);
  return result;
}
