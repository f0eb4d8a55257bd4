//===- FormatInterfaces.h - what a storage format answers -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plain data that passes through the format interfaces, and the interfaces.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_FORMATINTERFACES_H
#define ALLOT_INTERFACES_FORMATINTERFACES_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Value.h"
#include <cstdint>
#include <string>
#include <vector>

namespace allot {

/// One buffer of a stored tensor: `codes`, `scales`, `zero_points`, `row_scales`, `values`.
struct StorageBuffer {
  llvm::StringRef name;
  unsigned elementBits = 8;
  uint64_t elements = 0;
  uint64_t bytes = 0;
};

/// The set of numbers that a block of an integer format can hold: value = scale * code + offset with code in [0, maxCode].
struct CodeGrid {
  /// PowerOfTwo: a byte e, the scale is 2^(e - 128).
  enum class ScaleKind { F32, F16, U8, PowerOfTwo };
  enum class OffsetKind {
    /// offset = -zeroPoint * scale with the constant `zeroPoint`.
    Constant,
    /// offset = -z * scale with z = c * maxCode / 255 and a stored 8-bit c: z need not be an integer.
    ZeroPoint,
    /// offset is stored on its own, as f16.
    Minimum
  };
  /// 0: the format rounds each number on its own and has no codes.
  unsigned bits = 0;
  /// Type in which a number is stored where `bits` is 0, else null.
  mlir::Type elementType;
  unsigned maxCode = 0;
  /// Codes below `minCode` are not used by encoders (1 for symmetric grids, so that the grid is balanced, else 0).
  unsigned minCode = 0;
  int64_t block = 1;
  ScaleKind scale = ScaleKind::F16;
  OffsetKind offset = OffsetKind::Constant;
  unsigned zeroPoint = 0;
  /// The codes that a block can hold, by the number of `bits` bits that is stored for each; empty: all codes, as they are. Everybody but storage and its
  /// readers works with codes. The memory is static. OffsetKind::Constant alone.
  llvm::ArrayRef<uint8_t> codebook = {};
};

/// Codes of some rows of a matrix: `codes[row * paddedColumns + k]`, `scales`, `offsets` `[row * blocksPerRow + block]`.
/// Codes of padding columns are 0. With ScaleKind::U8, scale = rowScale[row] * scaleCode / 255 and `scaleCodes`, `rowScales` hold the parts (rowScales are f16 values).
/// With OffsetKind::ZeroPoint, `zeroPoints` holds c and offsets = -(c * maxCode / 255) * scale.
struct CodeBlocks {
  int64_t rows = 0, columns = 0, block = 1;
  std::vector<uint8_t> codes;
  std::vector<float> scales, offsets;
  std::vector<uint8_t> zeroPoints;
  std::vector<uint8_t> scaleCodes;
  std::vector<float> rowScales;
  int64_t blocksPerRow() const { return (columns + block - 1) / block; }
  int64_t paddedColumns() const { return blocksPerRow() * block; }
};

/// What a kernel driver must know about a packed format.
struct TileFacts {
  int64_t tileRows = 8;
  /// 0: a float format (emitLoadFloat), else an integer format (emitLoadStep, emitUnpack, emitScales).
  unsigned codeBits = 0;
  unsigned maxCode = 0;
  int64_t block = 1;
  /// A block is read in `stepsPerBlock` steps of `groupsPerStep` groups of four columns; see emitUnpack.
  int64_t stepsPerBlock = 0;
  int64_t groupsPerStep = 0;
  /// The offset is not constant: emitScales gives it.
  bool hasOffset = false;
  /// Constant zero point where `hasOffset` is false.
  unsigned zeroPoint = 0;
};

/// Values made by FormatTileInterface::emitPrologue, read only by the same format.
struct TileState {
  llvm::SmallVector<mlir::Value, 6> values;
};

struct ScaleOffset {
  mlir::Value scale, offset;
};

} // namespace allot

#include "allot/Interfaces/FormatAttrInterfaces.h.inc"

#endif // ALLOT_INTERFACES_FORMATINTERFACES_H
