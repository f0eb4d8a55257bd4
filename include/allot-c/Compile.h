//===- Compile.h - programs compiled ahead of time ----------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_COMPILE_H
#define ALLOT_C_COMPILE_H

#include "mlir-c/IR.h"
#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What `allot compile` is asked for. Strings may be empty, lists too.
typedef struct AllotCompileOptions {
  /// Functions that are compiled; none: all public ones.
  intptr_t numEntries;
  const MlirStringRef *entries;
  /// Inner values whose names begin so are put out too.
  intptr_t numOutputsAlso;
  const MlirStringRef *outputsAlso;
  /// Type of the activations in dot products: `f32`, `i16` or `i8`.
  MlirStringRef activations;
  /// How weights with adapters are evaluated: `auto`, `factored` or `merged`.
  MlirStringRef evaluate;
  /// Processor that the code is for, by LLVM's name, such as `x86-64-v3`;
  /// `host`: this one.
  MlirStringRef cpu;
  /// Of the compiler; 0: one per processor.
  unsigned threads;
  /// Prefix of the C functions, also the name of library and header. Empty:
  /// from the name of the folder.
  MlirStringRef name;
  /// Program that links. Empty: the first of clang, cc, gcc, ld.lld, ld.
  MlirStringRef linker;
  /// Folder that the names of weight files in the module are relative to.
  /// Empty: that of the file from which the module was read.
  MlirStringRef folder;
} AllotCompileOptions;

/// What `allot compile` does when told nothing.
MLIR_CAPI_EXPORTED AllotCompileOptions allotCompileOptionsGet(void);

/// Compiles a module to a folder: shared library, C header, packed weights,
/// `manifest.json` (docs/Compile.md). The folder appears whole or not at all,
/// and replaces only a compiled folder or an empty one. The module is as it
/// was. A diagnostic and failure otherwise.
MLIR_CAPI_EXPORTED MlirLogicalResult
allotCompile(MlirModule module, MlirStringRef output,
             const AllotCompileOptions *options);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_COMPILE_H
