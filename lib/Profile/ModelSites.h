//===- ModelSites.h - the matrices of a model and their inputs --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_PROFILE_MODELSITES_H
#define ALLOT_LIB_PROFILE_MODELSITES_H

#include "GradientStatistics.h"
#include "allot/Analysis/Sites.h"
#include "allot/Profile/Profile.h"
#include "llvm/Support/Regex.h"

namespace allot::profile {

/// Taps at which a program is cut, so that only what lies behind a changed
/// matrix runs again.
constexpr llvm::StringLiteral kCuts = "hidden_states.";

/// The model as it is in its file: its matrices, and which of them read the
/// same value.
class ModelSites {
public:
  static llvm::Expected<std::unique_ptr<ModelSites>>
  create(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef folder);

  mlir::ModuleOp module;
  /// What errors call it, and the folder of its weight files.
  std::string name, folder;
  std::vector<analysis::Site> sites;
  std::vector<runtime::SharedInput> inputs;
  /// The first part of `logits`, cut at the layers, that reads a weight.
  llvm::StringMap<unsigned> firstPart;
  std::string digest;
  /// Tokens; 0 where the module does not say.
  int64_t vocab = 0;
  /// What gradients are measured of, in those parts.
  runtime::GradientOptions gradients;
};

/// What was measured of a model.
struct Measured {
  const runtime::InputMoments &moments;
  /// How often each token is met; empty without a vocabulary.
  std::vector<float> tokenFrequencies;
  GradientStatistics gradients;
  /// Names of matrices or ranges of their rows, and what perturbing each did:
  /// {weighted error, divergence} per format.
  std::vector<std::pair<std::string, std::vector<std::pair<double, double>>>>
      perturbations;
};

/// The rows of tokens on which sensitivities are measured. A few rather than
/// one: texts differ more than places in a text.
std::vector<int64_t> sensitivityRows(int64_t rows,
                                     const ProfileOptions &options);

/// Matches the names of the matrices that are perturbed.
llvm::Regex perturbedSites(const ProfileOptions &options);

/// The second moment of the input of a table that is only looked up: as
/// gradients tell, else every column counts the same.
std::vector<float> tableMoment(const analysis::Site &site,
                               const GradientStatistics &gradients);

/// Perturbs each matrix; fills `measured.perturbations`.
llvm::Error perturb(const ModelSites &model, const runtime::Tensor &tokens,
                    LoadProgram load, const ProfileOptions &options,
                    Measured &measured);

/// The weight, beside what each member of a bank showed itself, of what its
/// bank showed on average: of second moments in rows of an average member, of
/// divergence per error as a share.
inline constexpr double kMomentPrior = 1.0 / 16, kSensitivityPrior = 1.0 / 4;
void smoothMoments(
    llvm::MutableArrayRef<runtime::InputMoments::Moment> moments);
void smoothSensitivities(const ModelSites &model, Measured &measured);

llvm::Error writeStatistics(const ModelSites &model, const Measured &measured,
                            llvm::StringRef output);

} // namespace allot::profile

#endif // ALLOT_LIB_PROFILE_MODELSITES_H
