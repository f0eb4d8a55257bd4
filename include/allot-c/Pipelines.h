//===- Pipelines.h - passes by their text -------------------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_PIPELINES_H
#define ALLOT_C_PIPELINES_H

#include "mlir-c/IR.h"
#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Runs on a module a pipeline given as text, as `allot-opt --pass-pipeline`
/// takes it: `builtin.module(adapter-expand,canonicalize)`. Passes must be
/// registered (allotRegisterAllPasses). A diagnostic and failure where the text
/// is no pipeline for modules or a pass fails.
MLIR_CAPI_EXPORTED MlirLogicalResult allotRunPipeline(MlirModule module,
                                                      MlirStringRef pipeline);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_PIPELINES_H
