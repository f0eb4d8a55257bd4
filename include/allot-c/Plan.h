//===- Plan.h - how each matrix is stored, under a budget ---------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_PLAN_H
#define ALLOT_C_PLAN_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What `allot plan` is asked for. Strings may be empty, lists too.
typedef struct AllotPlanOptions {
  /// Statistics of the model (safetensors).
  MlirStringRef statistics;
  /// The most that all weights may take: `3.5bpw`, `60MiB`, `1000000B`;
  /// other resources as `flops=300M`; several are separated by commas.
  MlirStringRef budget;
  /// `SITE=OPTION`: what a matrix must take.
  intptr_t numPins;
  const MlirStringRef *pins;
  /// Regular expressions `SITE=OPTION`: of the matrices that match SITE only
  /// options that match are considered.
  intptr_t numAllow;
  const MlirStringRef *allow;
  /// Regular expressions: items that match one and agree in what its groups
  /// capture take options of one name.
  intptr_t numTies;
  const MlirStringRef *ties;
  /// `knapsack`, `cbc` or `brute-force`; empty: the one that serves.
  MlirStringRef solver;
  /// One option for all matrices: its name, `within` (the best one in the
  /// budget) or `above` (the smallest one above it).
  MlirStringRef uniform;
  /// Short names of the formats to choose from; none: integers of 2 to 8 bits.
  intptr_t numFormats;
  const MlirStringRef *formats;
  /// Ranks of low-rank compensation of encoding errors to choose from.
  intptr_t numRanks;
  const int64_t *ranks;
  /// `feedback`, or `nearest`: plain rounding.
  MlirStringRef encoder;
  /// Rows of each matrix on which formats are tried; 0: all.
  int64_t estimateRows;
  /// Row tile of the packed layout: 8 or 16.
  int64_t tileRows;
  /// Plan ranges of rows of the embedding apart.
  bool splitRows;
  /// Take statistics of another model.
  bool force;
  /// Folder that the names of weight files in the module are relative to.
  /// Empty: that of the file from which the module was read.
  MlirStringRef folder;
  /// File into which the plan will be written: it names the statistics relative
  /// to its folder. Empty: relative to the current folder.
  MlirStringRef planFile;
} AllotPlanOptions;

/// What `allot plan` does when told nothing.
MLIR_CAPI_EXPORTED AllotPlanOptions allotPlanOptionsGet(void);

/// Decides how each matrix of a model is stored: a new module with one
/// `plan.problem` and its `plan.solution` (allot-c/Dialect/Plan.h), which the
/// caller owns. The model is as it was. A diagnostic and a null module on
/// failure, such as a budget that cannot be met.
MLIR_CAPI_EXPORTED MlirModule allotPlan(MlirModule model,
                                        const AllotPlanOptions *options);

/// What `allot apply` is asked for.
typedef struct AllotApplyOptions {
  /// File of weights to write (safetensors).
  MlirStringRef archive;
  /// Statistics for error feedback; empty: those that the plan names.
  MlirStringRef statistics;
  /// `feedback` or `nearest`; empty: that of the plan.
  MlirStringRef encoder;
  int64_t tileRows;
  /// Take a plan or statistics of another model, or a plan whose costs are not
  /// what it takes.
  bool force;
  /// As in AllotPlanOptions.
  MlirStringRef folder;
  MlirStringRef planFile;
  /// Folder that the name of the archive in the new module is relative to: that
  /// into which the module will be written. Empty: the current folder.
  MlirStringRef outputFolder;
} AllotApplyOptions;

/// What `allot apply` does when told nothing but the archive.
MLIR_CAPI_EXPORTED AllotApplyOptions
allotApplyOptionsGet(MlirStringRef archive);

/// Encodes the weights of a model as a plan (of allotPlan) says: writes the
/// archive, whole or not at all, and gives the module that uses it, which the
/// caller owns. Both modules are as they were. A diagnostic and a null module
/// on failure.
MLIR_CAPI_EXPORTED MlirModule allotApply(MlirModule model, MlirModule plan,
                                         const AllotApplyOptions *options);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_PLAN_H
