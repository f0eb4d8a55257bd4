//===- Profile.h - statistics of a model --------------------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_PROFILE_H
#define ALLOT_C_PROFILE_H

#include "allot-c/Program.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What `allot profile` is asked for. Strings may be empty, lists too.
typedef struct AllotProfileOptions {
  /// Calibration tokens, i32 [rows, T]. Without data: sampled from the model.
  AllotTensor tokens;
  /// Rows that are sampled, tokens of each, and the seed of all drawing.
  int64_t selfRows, selfLength;
  uint64_t seed;
  /// How it is measured what each matrix matters: `perturbation`, `gradients`
  /// or `both`.
  MlirStringRef importance;
  /// Tokens of whose probabilities gradients are taken: `text`, those that
  /// follow, or `model`, drawn from what the model expects.
  MlirStringRef labels;
  /// Tokens on which each matrix is perturbed; 0: none is.
  unsigned sensitivityTokens;
  /// Short names of the formats to which matrices are rounded, coarse ones
  /// first; none: integers of 3, 4 and 5 bits.
  intptr_t numFormats;
  const MlirStringRef *formats;
  /// Regular expression of the matrices that are perturbed; empty: all.
  MlirStringRef sites;
  /// Of compiler and kernels; 0: one per processor.
  unsigned threads;
  /// Folder that the names of weight files in the module are relative to.
  /// Empty: that of the file from which the module was read.
  MlirStringRef folder;
} AllotProfileOptions;

/// What `allot profile` does when told nothing.
MLIR_CAPI_EXPORTED AllotProfileOptions allotProfileOptionsGet(void);

/// Runs a model on calibration tokens and writes its statistics (safetensors),
/// which allotPlan takes. The file appears whole or not at all; the model is as
/// it was. A diagnostic and failure otherwise.
MLIR_CAPI_EXPORTED MlirLogicalResult allotProfile(
    MlirModule model, MlirStringRef output, const AllotProfileOptions *options);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_PROFILE_H
