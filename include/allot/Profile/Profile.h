//===- Profile.h - statistics of a model ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a model on calibration tokens and writes the statistics file of
// Analysis/Statistics.h: what each matrix reads, and what its errors matter.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_PROFILE_PROFILE_H
#define ALLOT_PROFILE_PROFILE_H

#include "allot/Interfaces/FormatInterfaces.h"
#include "allot/Pipelines/Pipelines.h"
#include "allot/Runtime/Profile.h"

namespace allot::profile {

/// How it is measured what the errors of a matrix matter.
enum class Importance {
  /// Each matrix is rounded alone: how far do the answers move?
  Perturbation,
  /// One pass forth and back; knows small errors alone.
  Gradients,
  Both
};

/// Tokens of whose probabilities gradients are taken.
enum class Labels {
  /// Those that follow in the text.
  Text,
  /// Drawn at each position from what the model expects there: the expected
  /// squares are then the curvature of the divergence from the model.
  Model
};

struct ProfileOptions {
  Importance importance = Importance::Perturbation;
  Labels labels = Labels::Text;
  /// Of the drawing of labels.
  uint64_t seed = 1;
  /// Tokens on which each matrix is perturbed, in pieces of 128 or more from up
  /// to four rows; 0: none is.
  unsigned sensitivityTokens = 1024;
  /// To what matrices are rounded, coarse formats first: the next one is tried
  /// while the divergence is above runtime::kLocalDivergence. Empty: integers
  /// of 3, 4 and 5 bits in blocks of 64.
  std::vector<FormatAttrInterface> formats;
  /// Regular expression: only matrices whose names match are perturbed. Empty:
  /// all.
  std::string sites;
  support::Progress *progress = nullptr;
};

/// Makes a program of the model that is profiled.
using LoadProgram =
    llvm::function_ref<llvm::Expected<std::unique_ptr<runtime::Program>>(
        const pipelines::ProgramRequest &)>;

class ModelSites;

/// A model and what is known of it before anything runs.
class Profiler {
public:
  /// `module` has the entry `logits`, which is run, and must outlive the
  /// profiler. Errors call it `name`; names of weight files are relative to
  /// `folder`. Errors: no matrices, no such entry.
  static llvm::Expected<std::unique_ptr<Profiler>>
  create(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef folder);
  ~Profiler();

  /// Measures on `tokens`, i32 [rows, T], and writes the statistics to
  /// `output`, which appears whole or not at all. `load` is called for
  /// instrumented forms of the model. Sums are kept in a scratch file beside
  /// `output`; memory: one program, one second moment, a few rows of
  /// activations.
  llvm::Error run(const runtime::Tensor &tokens, llvm::StringRef output,
                  LoadProgram load, const ProfileOptions &options);

private:
  explicit Profiler(std::unique_ptr<ModelSites> model);
  std::unique_ptr<ModelSites> model;
};

/// Tokens out of the model itself, see runtime::sampleTokens.
llvm::Expected<runtime::Tensor>
sampleTokens(LoadProgram load, const runtime::SampleOptions &options);

/// The numbers of i32 `tokens` [rows, T] that calibrate: rows [first, last). An
/// error where they are none or hold no two tokens.
llvm::Expected<runtime::Tensor> calibrationRows(const runtime::Tensor &tokens,
                                                int64_t first, int64_t last);

} // namespace allot::profile

#endif // ALLOT_PROFILE_PROFILE_H
