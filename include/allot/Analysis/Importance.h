//===- Importance.h - what errors of a matrix are predicted to cost -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ANALYSIS_IMPORTANCE_H
#define ALLOT_ANALYSIS_IMPORTANCE_H

#include "allot/Analysis/Statistics.h"
#include <memory>

namespace allot::analysis {

/// What is predicted of a site: the rise of the loss in nats per token as a
/// function of the weighted errors d_o H d_o^T of the rows of its matrix (d_o
/// the error of row o, H the second moment of its input).
class ImportanceModel {
public:
  virtual ~ImportanceModel() = default;
  /// The weighted error of the whole matrix out of those of `errors.size()`
  /// evenly spread rows (`sampledRow`).
  virtual double total(llvm::ArrayRef<double> errors) const = 0;
  /// Predicted loss in nats per token at a total.
  virtual double predict(double total) const = 0;
  /// Where the numbers come from: `measured`, `gradient`.
  virtual llvm::StringRef origin() const = 0;
};

/// The model of a site (or range of its rows, by its name) with `rows` rows:
/// from its measured perturbations where `statistics` have any, else from its
/// gradients; an error, which names the file, where they have neither.
///
/// Measured (error e_i, divergence k_i): straight lines through the points in
/// log-log, proportional below the smallest error, as a second-order expansion
/// of the loss says, and bent where the measurement is; beyond the largest the
/// last slope goes on, but within 0.7 and 1.5.
///
/// Gradients: the second-order expansion of the loss with a Fisher matrix that
/// is taken to be, row by row, a multiple of H: 1/2 sum_o c_o d_o H d_o^T. From
/// `allot profile` c_o is the curvature (Statistics.h), which gives the matrix
/// its measured trace; from elsewhere the mean of g_o^2, the diagonal of the
/// output side of the Kronecker-factored one (Martens and Grosse 2015). It sees
/// each matrix alone, and only where the loss is a parabola yet.
llvm::Expected<std::unique_ptr<ImportanceModel>>
createImportanceModel(const Statistics &statistics, llvm::StringRef site,
                      int64_t rows);

/// The i-th of `samples` evenly spread rows.
inline int64_t sampledRow(int64_t i, int64_t samples, int64_t rows) {
  return i * rows / samples;
}

} // namespace allot::analysis

#endif // ALLOT_ANALYSIS_IMPORTANCE_H
