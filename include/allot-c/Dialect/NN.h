//===- NN.h - what stands around the maps -------------------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_DIALECT_NN_H
#define ALLOT_C_DIALECT_NN_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(NN, nn);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_DIALECT_NN_H
