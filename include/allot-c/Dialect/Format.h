//===- Format.h - storage formats ---------------------------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_DIALECT_FORMAT_H
#define ALLOT_C_DIALECT_FORMAT_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Format, format);

//===----------------------------------------------------------------------===//
// Any format
//===----------------------------------------------------------------------===//

/// Whether an attribute is a storage format, to be used as the encoding of a
/// tensor type. The functions of this section take such attributes alone.
MLIR_CAPI_EXPORTED bool allotAttributeIsAFormat(MlirAttribute attribute);

/// The format that has a short name, such as `int4g64zs8`, `f16` or `q4_1`. A
/// diagnostic and a null attribute where there is none.
MLIR_CAPI_EXPORTED MlirAttribute allotFormatGetByName(MlirContext context,
                                                      MlirStringRef name);

/// Passes the short name to `callback`, in one piece.
MLIR_CAPI_EXPORTED void allotFormatGetName(MlirAttribute format,
                                           MlirStringCallback callback,
                                           void *userData);

/// Bits of a code; 0 for formats that round each number on its own.
MLIR_CAPI_EXPORTED unsigned allotFormatGetCodeBits(MlirAttribute format);

/// Number of columns that share a scale; 1 for formats without blocks.
MLIR_CAPI_EXPORTED int64_t allotFormatGetBlockSize(MlirAttribute format);

/// Exact number of bytes that a tensor of this shape takes: codes, scales, zero
/// points, padding. A diagnostic and failure where it cannot have the format.
MLIR_CAPI_EXPORTED MlirLogicalResult allotFormatGetStorageBytes(
    MlirAttribute format, intptr_t rank, const int64_t *shape, uint64_t *bytes);

/// The same, in bits per element.
MLIR_CAPI_EXPORTED MlirLogicalResult allotFormatGetBitsPerElement(
    MlirAttribute format, intptr_t rank, const int64_t *shape, double *bits);

/// The same numbers in the tiled layout that kernels read; tiles have 8 or 16
/// rows. A null attribute for other numbers of rows.
MLIR_CAPI_EXPORTED MlirAttribute allotFormatGetPacked(MlirAttribute format,
                                                      int64_t tileRows);

//===----------------------------------------------------------------------===//
// #format.int
//===----------------------------------------------------------------------===//

MLIR_CAPI_EXPORTED bool allotAttributeIsAIntFormat(MlirAttribute attribute);

/// `#format.int`: codes of 2 to 8 bits in blocks of 32, 64 or 128 columns with
/// a scale of type f32, f16 or ui8, with or without a zero point per block. A
/// diagnostic and a null attribute where the parameters are others.
MLIR_CAPI_EXPORTED MlirAttribute allotIntFormatGet(unsigned bits,
                                                   int64_t blockColumns,
                                                   MlirType scaleType,
                                                   bool hasZeroPoint);

/// These take an attribute `#format.int`.
MLIR_CAPI_EXPORTED unsigned allotIntFormatGetBits(MlirAttribute format);
MLIR_CAPI_EXPORTED int64_t allotIntFormatGetBlockColumns(MlirAttribute format);
MLIR_CAPI_EXPORTED MlirType allotIntFormatGetScaleType(MlirAttribute format);
MLIR_CAPI_EXPORTED bool allotIntFormatHasZeroPoint(MlirAttribute format);

//===----------------------------------------------------------------------===//
// #format.float
//===----------------------------------------------------------------------===//

MLIR_CAPI_EXPORTED bool allotAttributeIsAFloatFormat(MlirAttribute attribute);

/// `#format.float` of f32, f16 or bf16. A diagnostic and a null attribute for
/// other types.
MLIR_CAPI_EXPORTED MlirAttribute allotFloatFormatGet(MlirType elementType);
MLIR_CAPI_EXPORTED MlirType
allotFloatFormatGetElementType(MlirAttribute format);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_DIALECT_FORMAT_H
