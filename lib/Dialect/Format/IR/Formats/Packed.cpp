//===- Packed.cpp - the tiled order that kernels read -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything here follows from the CodeGrid of the inner format.
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

LogicalResult PackedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Attribute inner, int64_t rows) {
  auto format = dyn_cast_or_null<FormatAttrInterface>(inner);
  if (!format)
    return emitError() << "only a format can be packed, not " << inner
                       << " (F6)";
  if (format.getUnpackedFormat() != inner)
    return emitError() << "the format " << inner << " is packed already (F6)";
  CodeGrid grid = format.getCodeGrid();
  if (!grid.bits && !isa<FloatType>(grid.elementType))
    return emitError() << "numbers of " << inner << " are packed as f32 (F6)";
  if (rows != 8 && rows != 16)
    return emitError() << "a tile has 8 or 16 rows, not " << rows << " (F7)";
  return success();
}

static FormatAttrInterface innerOf(PackedAttr attr) {
  return cast<FormatAttrInterface>(attr.getInner());
}

std::string PackedAttr::getShortName() const {
  return innerOf(*this).getShortName();
}

CodeGrid PackedAttr::getCodeGrid() const {
  return innerOf(*this).getCodeGrid();
}

int64_t PackedAttr::getBlockSize() const {
  return innerOf(*this).getBlockSize();
}

/// A buffer of `elements` numbers, padded.
static StorageBuffer section(StringRef name, unsigned bits, uint64_t elements) {
  return {name, bits, elements, llvm::alignTo(elements * bits / 8, 64)};
}

SmallVector<StorageBuffer>
PackedAttr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  MatrixShape matrix = getMatrixShape(shape);
  CodeGrid grid = getCodeGrid();
  uint64_t rows = llvm::alignTo(uint64_t(matrix.rows), getRows());
  if (!grid.bits)
    return {section("values", grid.elementType.getIntOrFloatBitWidth(),
                    rows * matrix.columns)};
  uint64_t blocks = rows * llvm::divideCeil(matrix.columns, grid.block);
  SmallVector<StorageBuffer> buffers;
  buffers.push_back(section("codes", grid.bits, blocks * grid.block));
  unsigned scaleBits = grid.scale == CodeGrid::ScaleKind::F32   ? 32
                       : grid.scale == CodeGrid::ScaleKind::F16 ? 16
                                                                : 8;
  buffers.push_back(section("scales", scaleBits, blocks));
  if (grid.offset == CodeGrid::OffsetKind::ZeroPoint)
    buffers.push_back(section("zero_points", 8, blocks));
  if (grid.offset == CodeGrid::OffsetKind::Minimum)
    buffers.push_back(section("minima", 16, blocks));
  if (grid.scale == CodeGrid::ScaleKind::U8)
    buffers.push_back(section("row_scales", 16, rows));
  return buffers;
}

uint64_t PackedAttr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::sumBytes(getStorageBuffers(shape));
}

LogicalResult
PackedAttr::verifyShape(ArrayRef<int64_t> shape,
                        function_ref<InFlightDiagnostic()> emitError) const {
  return innerOf(*this).verifyShape(shape, emitError);
}

LogicalResult
PackedAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                           function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute PackedAttr::getPackedFormat(int64_t) const { return *this; }

Attribute PackedAttr::getUnpackedFormat() const { return getInner(); }

int64_t PackedAttr::getTileRows() const { return getRows(); }
