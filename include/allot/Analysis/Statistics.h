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
//   SITE.output_grad_second_moment   [out]     mean over tokens of (dL/dy_o)^2, L
//                                              the sum over the positions of a row
//                                              of -log p of the next token
//   SITE.fisher_rows                 [out]     mean over rows of tokens of
//   SITE.fisher_cols                 [in]      (dL/dW_oi)^2, L the mean over the
//                                              positions, summed over i, over o
//   SITE.output_curvature            [out]     c_o: an error D of the matrix is
//                                              expected to cost 1/2 sum_o c_o
//                                              d_o H d_o^T nats per token; without
//                                              it output_grad_second_moment is
//                                              taken for it
//   SITE.sensitivity                 [n, 2]    measured perturbations: weighted
//                                              error tr(D H D^T) and the KL in
//                                              nats per token that it caused
//
//   SITE.row_importance              [out]     how often the token of each row of
//                                              an embedding or head is met
//   SITE[a:b].sensitivity            [n, 2]    the sensitivity to the rows of rank
//                                              a to b - 1 alone, by falling
//                                              importance (see RowParts.h)
//   SITE[a:b].output_curvature       [b-a]     likewise, in that order
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
  /// output_curvature, one entry a row, or output_grad_second_moment where that
  /// is missing; fails where both are.
  llvm::Expected<std::vector<float>> outputCurvature(llvm::StringRef site,
                                                     int64_t rows) const;
  /// The names of all tensors.
  std::vector<llvm::StringRef> tensorNames() const;
  /// row_importance, one entry a row; empty where it is missing.
  llvm::Expected<std::vector<float>> rowImportance(llvm::StringRef site,
                                                   int64_t rows) const;
  bool hasInput(llvm::StringRef site) const;

private:
  std::shared_ptr<const archive::SafetensorsFile> file;
  mutable std::string keptName;
  mutable std::shared_ptr<const InputMoment> kept;
};

} // namespace allot::analysis

#endif // ALLOT_ANALYSIS_STATISTICS_H
