//===- Program.h - programs that run in this process --------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_PROGRAM_H
#define ALLOT_C_PROGRAM_H

#include "mlir-c/IR.h"
#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A module compiled for this processor, with its weights.
typedef struct AllotProgram {
  void *ptr;
} AllotProgram;
/// What one run of an entry gave.
typedef struct AllotResults {
  void *ptr;
} AllotResults;

/// Types of elements.
typedef enum AllotDType {
  ALLOT_DTYPE_F32,
  ALLOT_DTYPE_F16,
  ALLOT_DTYPE_I32,
  ALLOT_DTYPE_I64
} AllotDType;

/// A dense tensor, row-major, little endian. Somebody else owns everything that
/// it points to.
typedef struct AllotTensor {
  MlirStringRef name;
  AllotDType dtype;
  intptr_t rank;
  /// Of an input or output of an entry, a dimension of any size is
  /// mlirShapedTypeGetDynamicSize().
  const int64_t *shape;
  /// Null for inputs and outputs that are only described.
  void *data;
} AllotTensor;

typedef struct AllotProgramOptions {
  /// Functions that will be run; none: all public ones.
  intptr_t numEntries;
  const MlirStringRef *entries;
  /// Type of the activations in dot products: `f32`, `i16` or `i8`.
  MlirStringRef activations;
  /// How weights with adapters are evaluated: `auto`, `factored` or `merged`.
  MlirStringRef evaluate;
  /// Of compiler and kernels; 0: one per processor.
  unsigned threads;
  /// Evaluate with plain loops instead of compiling.
  bool reference;
  /// Folder that the names of weight files in the module are relative to.
  /// Empty: that of the file from which the module was read.
  MlirStringRef folder;
} AllotProgramOptions;

/// Exact activations, evaluation by cost, all threads.
MLIR_CAPI_EXPORTED AllotProgramOptions allotProgramOptionsGet(void);

/// Compiles a module for this processor and loads its weights. The module is
/// copied; the program does not need it. A diagnostic and a null program on
/// failure.
MLIR_CAPI_EXPORTED AllotProgram
allotProgramLoad(MlirModule module, const AllotProgramOptions *options);

/// Opens a folder that allotCompile wrote, or loads the module in a file.
/// Everything in a folder is checked; `activations` and `evaluate` were decided
/// when it was compiled. Diagnostics go to `context`.
MLIR_CAPI_EXPORTED AllotProgram
allotProgramOpen(MlirContext context, MlirStringRef path,
                 const AllotProgramOptions *options);

MLIR_CAPI_EXPORTED void allotProgramDestroy(AllotProgram program);
static inline bool allotProgramIsNull(AllotProgram program) {
  return !program.ptr;
}

/// The entries, and what they take and give: descriptions without data that
/// live as long as the program. Numbers must be in range.
MLIR_CAPI_EXPORTED intptr_t allotProgramGetNumEntries(AllotProgram program);
MLIR_CAPI_EXPORTED MlirStringRef allotProgramGetEntryName(AllotProgram program,
                                                          intptr_t entry);
MLIR_CAPI_EXPORTED intptr_t allotProgramGetNumInputs(AllotProgram program,
                                                     intptr_t entry);
MLIR_CAPI_EXPORTED AllotTensor allotProgramGetInput(AllotProgram program,
                                                    intptr_t entry,
                                                    intptr_t input);
MLIR_CAPI_EXPORTED intptr_t allotProgramGetNumOutputs(AllotProgram program,
                                                      intptr_t entry);
MLIR_CAPI_EXPORTED AllotTensor allotProgramGetOutput(AllotProgram program,
                                                     intptr_t entry,
                                                     intptr_t output);

/// Bytes of weights that the program reads: codes, scales, padding.
MLIR_CAPI_EXPORTED uint64_t allotProgramGetWeightBytes(AllotProgram program);

/// Runs an entry on one tensor per input, found by name, in any order. Checks
/// names, types, sizes, and ids before it does. An output that is updated in
/// place (a cache) is written into the memory of its input. A program runs one
/// entry at a time. A diagnostic in `context` and null results on failure.
MLIR_CAPI_EXPORTED AllotResults allotProgramRun(MlirContext context,
                                                AllotProgram program,
                                                MlirStringRef entry,
                                                intptr_t numInputs,
                                                const AllotTensor *inputs);

static inline bool allotResultsIsNull(AllotResults results) {
  return !results.ptr;
}
MLIR_CAPI_EXPORTED void allotResultsDestroy(AllotResults results);
MLIR_CAPI_EXPORTED intptr_t allotResultsGetNum(AllotResults results);
/// Result `pos`, in the order of the entry's outputs; lives as long as the
/// results, or as the input where it is updated in place.
MLIR_CAPI_EXPORTED AllotTensor allotResultsGet(AllotResults results,
                                               intptr_t pos);
/// The result called `name`; without data where there is none.
MLIR_CAPI_EXPORTED AllotTensor allotResultsFind(AllotResults results,
                                                MlirStringRef name);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_PROGRAM_H
