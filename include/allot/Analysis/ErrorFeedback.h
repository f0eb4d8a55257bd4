//===- ErrorFeedback.h - encoding with error feedback -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounds a matrix to the grid of an integer format such that the error of the
// layer's output, tr((Q - W) H (Q - W)^T) with H the second moment of its
// input, is small: columns are rounded one after the other and the error of
// each is made good by the columns not yet rounded (Frantar et al. 2022, GPTQ:
// order by falling diagonal of H, Cholesky factor of its inverse). Scales are
// found beforehand per block: the least squared error weighted by the diagonal
// of H among a few candidates, each refined by weighted least squares of scale
// and offset given the codes (as in the k-quants of GGUF). Afterwards, on grids
// of few bits, codes are improved by cyclic coordinate descent on the same
// error (Nair and Suggala 2024, CDQuant) and scales and offsets are refitted
// under the full H, block by block.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ANALYSIS_ERRORFEEDBACK_H
#define ALLOT_ANALYSIS_ERRORFEEDBACK_H

#include "allot/Interfaces/FormatInterfaces.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace allot::analysis {

/// The second moment of a map's input, prepared for error feedback. Shared by
/// all maps that read the same input and by all formats.
class InputMoment {
public:
  /// Only the diagonal is known (`moment`, one entry a column, not negative):
  /// encoding then searches scales but feeds no error back.
  static llvm::Expected<InputMoment> fromDiagonal(llvm::ArrayRef<float> moment);
  /// The full matrix `[columns, columns]`, symmetric. `damping` times the mean
  /// of the diagonal is added to the diagonal; more is added, in steps of
  /// ten, while the matrix is not positive definite.
  static llvm::Expected<InputMoment> fromMatrix(llvm::ArrayRef<float> matrix,
                                                int64_t columns,
                                                double damping = 0.01);

  int64_t columns() const { return static_cast<int64_t>(diagonal.size()); }
  bool hasMatrix() const { return !factor.empty(); }

  /// Diagonal of the moment, without damping.
  std::vector<float> diagonal;
  /// Columns in the order in which they are rounded.
  std::vector<int32_t> order;
  /// Upper Cholesky factor U of the inverse of the damped moment in that order,
  /// inverse = U^T U, row-major `[columns, columns]`; empty without a matrix.
  std::vector<float> factor;
  /// Lower Cholesky factor C of the damped moment in natural order, H = C C^T,
  /// row-major; empty without a matrix.
  std::vector<float> root;
  /// The damped moment in natural order; empty without a matrix.
  std::vector<float> damped;
};

struct EncodeOptions {
  /// Scales tried per block, each fitted twice to the codes that it gives.
  int candidates = 8;
  /// Sweeps of coordinate descent over the blocks of a row after error
  /// feedback, forwards and backwards in turn; each lowers the error, by less
  /// and less. With grids of 2 to 5 bits and a moment that is a matrix; 0 for
  /// plain error feedback.
  int sweeps = 2;
  /// The last sweep also refits the scale and offset of each block (with
  /// ScaleKind::U8 within the row's scale): earlier it gains little.
  bool refit = true;
};

/// Rounds rows of `weights` (rows x columns, f32) to the grid. Fills `blocks`
/// (codes, scales, offsets, zero points, row scales) for those rows. Work is
/// split over threads by rows; what a row becomes depends neither on the other
/// rows nor on the number of threads. Returns the weighted error of each row d
/// of Q - W, d H d^T, with the damped H where it is a matrix.
std::vector<double>
encodeWithFeedback(const CodeGrid &grid, llvm::ArrayRef<float> weights,
                   int64_t rows, int64_t columns, const InputMoment &moment,
                   CodeBlocks &blocks, const EncodeOptions &options = {});

/// d H d^T of each row d of the difference (rows x columns) under the damped
/// moment.
std::vector<double> weightedRowErrors(llvm::ArrayRef<float> difference,
                                      int64_t rows, int64_t columns,
                                      const InputMoment &moment);

/// tr(D H D^T) of the difference D (rows x columns): the sum of its rows.
double weightedError(llvm::ArrayRef<float> difference, int64_t rows,
                     int64_t columns, const InputMoment &moment);

/// Low-rank compensation of an encoding error: the B `[rows, rank]`, A
/// `[rank, columns]` that minimise tr((E - BA) H (E - BA)^T) for the error E =
/// W - Q, by a truncated SVD of E C with H = C C^T (randomised range finder
/// with power iterations, Halko et al. 2011, deterministic start). The columns
/// of B and rows of A fall in importance, so a prefix is the answer for every
/// smaller rank.
struct Compensation {
  int64_t rank = 0;
  std::vector<float> b, a;
  /// Squared singular values of E C, falling: a prefix of length r lowers the
  /// weighted error by their sum.
  std::vector<double> gain;
};
Compensation compensateError(llvm::ArrayRef<float> error, int64_t rows,
                             int64_t columns, const InputMoment &moment,
                             int64_t maxRank);

} // namespace allot::analysis

#endif // ALLOT_ANALYSIS_ERRORFEEDBACK_H
