//===- Registration.h - everything at once ------------------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_REGISTRATION_H
#define ALLOT_C_REGISTRATION_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Adds to the registry the dialects of Allot, the upstream dialects that its
/// pipelines use, and the external models of both: codecs of the formats, tiles
/// of the kernels, reference evaluation, translation to LLVM IR. A context made
/// with it (mlirContextCreateWithRegistry) can do everything that this API has.
MLIR_CAPI_EXPORTED void allotRegisterAllDialects(MlirDialectRegistry registry);

/// Registers the passes and pipelines of Allot and those of MLIR, so that
/// allotRunPipeline finds them. May be called more than once.
MLIR_CAPI_EXPORTED void allotRegisterAllPasses(void);

/// The version of the library, `MAJOR.MINOR.PATCH`.
MLIR_CAPI_EXPORTED MlirStringRef allotVersion(void);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_REGISTRATION_H
