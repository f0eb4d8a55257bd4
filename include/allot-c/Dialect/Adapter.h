//===- Adapter.h - linear-map expressions -------------------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_DIALECT_ADAPTER_H
#define ALLOT_C_DIALECT_ADAPTER_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Adapter, adapter);

/// Whether a type is `!adapter.map`.
MLIR_CAPI_EXPORTED bool allotTypeIsAAdapterMap(MlirType type);

/// `!adapter.map<OUT x IN, f32>`, or with a leading dimension a bank of maps;
/// `rank` is 2 or 3. A diagnostic and a null type where the shape or the type
/// of the elements is none that a map can have.
MLIR_CAPI_EXPORTED MlirType allotAdapterMapTypeGet(intptr_t rank,
                                                   const int64_t *shape,
                                                   MlirType elementType);

/// 2, or 3 for a bank. These take a map type.
MLIR_CAPI_EXPORTED intptr_t allotAdapterMapTypeGetRank(MlirType type);
/// Size of dimension `pos`, which is less than the rank.
MLIR_CAPI_EXPORTED int64_t allotAdapterMapTypeGetDimSize(MlirType type,
                                                         intptr_t pos);
/// Size of what the map gives and of what it takes.
MLIR_CAPI_EXPORTED int64_t allotAdapterMapTypeGetOut(MlirType type);
MLIR_CAPI_EXPORTED int64_t allotAdapterMapTypeGetIn(MlirType type);
MLIR_CAPI_EXPORTED MlirType allotAdapterMapTypeGetElementType(MlirType type);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_DIALECT_ADAPTER_H
