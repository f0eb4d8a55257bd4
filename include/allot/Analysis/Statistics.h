//===- Statistics.h - measured statistics of a model ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The statistics file (safetensors), all tensors f32 unless said otherwise:
//
//   SITE.input_second_moment         [in]      mean over tokens of x_j^2
//   SITE.input_moment_matrix         [in, in]  mean over tokens of x_i x_j
//   SITE.output_grad_second_moment   [out]     mean over tokens of (dL/dy_o)^2
//   SITE.sensitivity                 [n, 2]    measured perturbations: weighted
//                                              error tr(D H D^T) and the KL in
//                                              nats per token that it caused
//
//   SITE.row_importance              [out]     how often the token of each row of
//                                              an embedding or head is met
//   SITE[a:b].sensitivity            [n, 2]    the sensitivity to the rows of rank
//                                              a to b - 1 alone, by falling
//                                              importance (see RowParts.h)
//
// A site may lack any of them. Sites that read the same input share one matrix:
// the metadata entry `input_moment_matrix.SITE = OTHER` names the site that
// holds it. Metadata `model` is the digest of the model, `tokens` the number of
// calibration tokens. Statistics made elsewhere need only the first tensor.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ANALYSIS_STATISTICS_H
#define ALLOT_ANALYSIS_STATISTICS_H

#include "allot/Analysis/ErrorFeedback.h"
#include "allot/Archive/Safetensors.h"

namespace allot::analysis {

/// One measured perturbation of a site.
struct Perturbation {
  double error = 0.0;
  double divergence = 0.0;
};

/// A statistics file, memory-mapped. Errors name the file and the tensor.
class Statistics {
public:
  static llvm::Expected<std::shared_ptr<const Statistics>>
  open(llvm::StringRef path);

  llvm::StringRef path() const { return file->path(); }
  /// Digest of the model that was measured; empty when the file has none.
  std::string model() const;

  /// The input moment of a site with `columns` inputs: full where it is stored,
  /// else its diagonal. Factorised on demand; the last one is kept, since
  /// neighbouring sites share it.
  llvm::Expected<std::shared_ptr<const InputMoment>>
  inputMoment(llvm::StringRef site, int64_t columns) const;
  /// Empty where the site was not perturbed.
  llvm::Expected<std::vector<Perturbation>>
  perturbations(llvm::StringRef site) const;
  /// output_grad_second_moment, one entry a row; fails where it is missing.
  llvm::Expected<std::vector<float>> outputGradient(llvm::StringRef site,
                                                    int64_t rows) const;
  /// The names of all tensors.
  std::vector<llvm::StringRef> tensorNames() const;
  /// row_importance, one entry a row; empty where it is missing.
  llvm::Expected<std::vector<float>> rowImportance(llvm::StringRef site,
                                                   int64_t rows) const;
  bool hasInput(llvm::StringRef site) const;
  bool hasOutputGradient(llvm::StringRef site) const;

private:
  std::shared_ptr<const archive::SafetensorsFile> file;
  mutable std::string keptName;
  mutable std::shared_ptr<const InputMoment> kept;
};

/// What is predicted of a site: the rise of the loss in nats per token as a
/// function of the weighted errors d_o H d_o^T of the rows of its matrix.
///
/// With measured perturbations (error e_i, divergence k_i): straight lines
/// through them in log-log, proportional below the smallest error, as a
/// second-order expansion of the loss says, and bent where the measurement is;
/// beyond the largest the last slope goes on, but within 0.7 and 1.5. Without, from gradients: the second-order expansion with
/// the Kronecker-factored Fisher matrix (Martens and Grosse 2015), of whose
/// output side the diagonal is known, 1/2 sum_o g_o^2 d_o H d_o^T.
class SiteLoss {
public:
  static llvm::Expected<SiteLoss> get(const Statistics &statistics,
                                      llvm::StringRef site, int64_t rows);
  /// The weighted error of the whole matrix out of those of `errors.size()`
  /// evenly spread rows (`sampledRow`).
  double total(llvm::ArrayRef<double> errors) const;
  /// Predicted loss in nats per token at a total.
  double predict(double total) const;
  /// `measured`, `gradient`.
  llvm::StringRef origin() const { return source; }

private:
  llvm::StringRef source;
  int64_t rows = 0;
  /// How much each row counts, 1 in the mean; empty where all count the same.
  std::vector<float> rowWeights;
  /// Logarithms of measured errors and losses, both rising; one point or more.
  struct Point {
    double error, loss;
  };
  llvm::SmallVector<Point, 3> points;
};

/// The i-th of `samples` evenly spread rows.
inline int64_t sampledRow(int64_t i, int64_t samples, int64_t rows) {
  return i * rows / samples;
}

} // namespace allot::analysis

#endif // ALLOT_ANALYSIS_STATISTICS_H
