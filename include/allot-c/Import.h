//===- Import.h - checkpoints and adapters into modules -----------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_IMPORT_H
#define ALLOT_C_IMPORT_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A PEFT folder to put on a model.
typedef struct AllotAdapterSource {
  /// Names its tensors in the module; empty for `default`, `default.2` and so
  /// on.
  MlirStringRef name;
  MlirStringRef directory;
  /// Multiplies its low-rank terms.
  double weight;
} AllotAdapterSource;

typedef struct AllotImportOptions {
  /// A Hugging Face folder, a GGUF file, or a safetensors file.
  MlirStringRef checkpoint;
  /// For a bare safetensors file: the kinds of its modules (JSON); may be
  /// empty.
  MlirStringRef modulesFile;
  /// All are active together and summed.
  intptr_t numAdapters;
  const AllotAdapterSource *adapters;
  /// Folder that the names of weight files in the module are relative to: that
  /// into which the module will be written. Empty: the current folder.
  MlirStringRef folder;
} AllotImportOptions;

/// Options with nothing set but the checkpoint.
MLIR_CAPI_EXPORTED AllotImportOptions
allotImportOptionsGet(MlirStringRef checkpoint);

/// Makes a module of a checkpoint and its adapters. Weights stay in their
/// files. The caller owns the module. A diagnostic, which names the file and
/// the tensor or field, and a null module on failure.
MLIR_CAPI_EXPORTED MlirModule allotImport(MlirContext context,
                                          const AllotImportOptions *options);

/// Reads a module, text or bytecode, from a file. A diagnostic and a null
/// module on failure.
MLIR_CAPI_EXPORTED MlirModule allotModuleRead(MlirContext context,
                                              MlirStringRef path);

/// Writes a module to a file that appears whole or not at all: bytecode where
/// the name ends in `.mlirbc`, else text.
MLIR_CAPI_EXPORTED MlirLogicalResult allotModuleWrite(MlirModule module,
                                                      MlirStringRef path);

/// Writes all weights of a module to a safetensors file, f32, adapters merged
/// in, named as in the checkpoint. Names of weight files are relative to
/// `folder`.
MLIR_CAPI_EXPORTED MlirLogicalResult allotModuleMergeWeights(
    MlirModule module, MlirStringRef folder, MlirStringRef path);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_IMPORT_H
