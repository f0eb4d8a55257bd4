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

// A format is made by its short name, or as any attribute by its text
// (mlirAttributeParseGet: `#format.int<4, block = [1, 64], scale = f16>`), and
// read through what all formats answer.

/// Whether an attribute is a storage format, to be used as the encoding of a
/// tensor type. The functions below take such attributes alone.
MLIR_CAPI_EXPORTED bool allotAttributeIsAFormat(MlirAttribute attribute);

/// The format that has a short name, such as `int4g64zs8`, `f16` or `q4_1`. A
/// diagnostic and a null attribute where there is none.
MLIR_CAPI_EXPORTED MlirAttribute allotFormatGetByName(MlirContext context,
                                                      MlirStringRef name);

/// Passes the short name to `callback`, in one piece.
MLIR_CAPI_EXPORTED void allotFormatGetName(MlirAttribute format,
                                           MlirStringCallback callback,
                                           void *userData);

/// How the scale of a block is stored.
typedef enum AllotScaleKind {
  ALLOT_SCALE_F32,
  ALLOT_SCALE_F16,
  /// As a number of 8 bits, a part of the scale of the row.
  ALLOT_SCALE_U8,
  /// As a number e of 8 bits: 2^(e - 128).
  ALLOT_SCALE_POWER_OF_TWO
} AllotScaleKind;

/// How the offset of a block is stored.
typedef enum AllotOffsetKind {
  /// Not at all: it is -zeroPoint * scale.
  ALLOT_OFFSET_CONSTANT,
  /// -z * scale with a zero point z per block.
  ALLOT_OFFSET_ZERO_POINT,
  /// On its own.
  ALLOT_OFFSET_MINIMUM
} AllotOffsetKind;

/// The numbers that a block can hold: scale * code + offset, with a code of
/// minCode to maxCode (of formats with a codebook, such as MXFP4, not every
/// one: there are as many as `bits` bits can tell apart, and fewer).
typedef struct AllotCodeGrid {
  /// Bits of a code. 0: the format rounds each number on its own, to
  /// allotFormatGetElementType; there are no codes.
  unsigned bits;
  unsigned minCode, maxCode;
  AllotScaleKind scale;
  AllotOffsetKind offset;
  /// With ALLOT_OFFSET_CONSTANT.
  unsigned zeroPoint;
} AllotCodeGrid;
MLIR_CAPI_EXPORTED AllotCodeGrid allotFormatGetCodeGrid(MlirAttribute format);

/// Type of the numbers of a format without codes, null for the others.
MLIR_CAPI_EXPORTED MlirType allotFormatGetElementType(MlirAttribute format);

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

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_DIALECT_FORMAT_H
