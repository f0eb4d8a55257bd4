//===- Codec.cpp - stored bytes to numbers and back -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Codec/Codec.h"
#include "Formats/Formats.h"
#include "allot/Support/Error.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <atomic>
#include <cmath>

using namespace allot;
using namespace allot::codec;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using llvm::Twine;

void codec::registerCodecExternalModels(mlir::DialectRegistry &registry) {
  registry.addExtension(+[](mlir::MLIRContext *context,
                            format::FormatDialect *) {
    for (auto attach :
         {attachFloatCodec, attachIndexCodec, attachIntCodec, attachMXFP4Codec,
          attachQ4_0Codec, attachQ4_1Codec, attachQ5_0Codec, attachQ5_1Codec,
          attachQ8_0Codec, attachPackedCodec})
      attach(*context);
  });
}

void codec::decodeThroughCodes(mlir::Attribute format, ArrayRef<uint8_t> bytes,
                               int64_t rows, int64_t columns, int64_t firstRow,
                               int64_t numRows, MutableArrayRef<float> out) {
  auto codec = llvm::cast<FormatCodecInterface>(format);
  CodeGrid grid = llvm::cast<FormatAttrInterface>(format).getCodeGrid();
  // Codes of some 32k numbers stay in the first cache.
  int64_t step = std::max<int64_t>(1, 32768 / columns);
  CodeBlocks blocks;
  for (int64_t row = 0; row < numRows; row += step) {
    blocks.rows = std::min(step, numRows - row);
    codec.readCodes(bytes, rows, columns, firstRow + row, blocks);
    decodeBlocks(grid, blocks,
                 out.slice(size_t(row) * columns, blocks.rows * columns));
  }
}

static llvm::Error failed(FormatAttrInterface format, const Twine &message) {
  return llvm::createStringError("format " + Twine(format.getShortName()) +
                                 ": " + message);
}

/// Rows that one thread takes at a time: whole tiles, whatever their height.
static int64_t rowsPerChunk(int64_t columns) {
  return std::max<int64_t>(1, 65536 / columns / 16) * 16;
}

static std::string bytesDiffer(uint64_t have, uint64_t want) {
  return (Twine(have) + " bytes where the tensor takes " + Twine(want)).str();
}

/// The codec of `format`, for a tensor of `shape`.
static llvm::Expected<FormatCodecInterface> codecOf(FormatAttrInterface format,
                                                    ArrayRef<int64_t> shape) {
  auto codec = llvm::dyn_cast<FormatCodecInterface>(mlir::Attribute(format));
  if (!codec)
    return failed(format, "no codec is registered");
  auto silent = [] { return mlir::InFlightDiagnostic(); };
  if (mlir::failed(format.verifyShape(shape, silent)))
    return failed(format, "a tensor of shape " + support::shapeString(shape) +
                              " cannot have it");
  return codec;
}

/// The same, where its storage has `numBytes` bytes.
static llvm::Expected<FormatCodecInterface> codecOf(FormatAttrInterface format,
                                                    ArrayRef<int64_t> shape,
                                                    uint64_t numBytes) {
  llvm::Expected<FormatCodecInterface> codec = codecOf(format, shape);
  if (codec && numBytes != format.getStorageBytes(shape))
    return failed(format, bytesDiffer(numBytes, format.getStorageBytes(shape)));
  return codec;
}

llvm::Expected<std::vector<float>> codec::decode(FormatAttrInterface format,
                                                 ArrayRef<uint8_t> bytes,
                                                 ArrayRef<int64_t> shape) {
  llvm::Expected<FormatCodecInterface> codec =
      codecOf(format, shape, bytes.size());
  if (!codec)
    return codec.takeError();
  auto [rows, columns] = format::getMatrixShape(shape);
  std::vector<float> values(size_t(rows) * columns);
  int64_t numRows = rows, numColumns = columns, step = rowsPerChunk(columns);
#pragma omp parallel for schedule(dynamic)
  for (int64_t row = 0; row < numRows; row += step) {
    int64_t count = std::min(step, numRows - row);
    codec->decodeRows(
        bytes, numRows, numColumns, row, count,
        MutableArrayRef<float>(values.data() + size_t(row) * numColumns,
                               size_t(count) * numColumns));
  }
  return values;
}

namespace {
/// The numbers that a format without codes holds.
struct Range {
  float lowest = -HUGE_VALF, largest = HUGE_VALF;
  bool onlyFinite = false;

  /// Whether a number of `values` is outside.
  bool isExceeded(ArrayRef<float> values) const {
    for (float value : values)
      if (std::isfinite(value) ? value < lowest || value > largest : onlyFinite)
        return true;
    return false;
  }
};
} // namespace

static Range rangeOf(mlir::Type type) {
  Range range;
  if (auto whole = llvm::dyn_cast<mlir::IntegerType>(type)) {
    bool isSigned = whole.isSignless() && whole.getWidth() > 1;
    // The number behind the last one, which is a power of 2.
    float end = std::ldexp(1.0f, whole.getWidth() - isSigned);
    range.lowest = isSigned ? -end : 0.0f;
    range.largest = whole.getWidth() > 16 ? std::nextafter(end, 0.0f) : end - 1;
    range.onlyFinite = true;
    return range;
  }
  range.largest =
      float(llvm::APFloat::getLargest(
                llvm::cast<mlir::FloatType>(type).getFloatSemantics())
                .convertToDouble());
  range.lowest = -range.largest;
  return range;
}

namespace {
/// One change of layout or float format, over chunks of rows.
struct Conversion {
  FormatCodecInterface from, to;
  ArrayRef<uint8_t> fromBytes;
  MutableArrayRef<uint8_t> out;
  int64_t rows, columns, rowInterleave;

  /// Moves codes and scales of rows [first, first + count).
  void moveCodes(int64_t first, int64_t count) const {
    CodeBlocks blocks;
    // Permuted rows are read one at a time.
    int64_t step = rowInterleave ? 1 : count;
    for (int64_t row = first; row < first + count; row += step) {
      blocks.rows = step;
      from.readCodes(fromBytes, rows, columns,
                     interleavedRow(row, rowInterleave), blocks);
      to.writeCodes(blocks, rows, columns, row, out);
    }
  }

  /// Rounds rows [first, first + count) to the format `to` without codes; false
  /// where a number is outside of `range`.
  bool moveFloats(int64_t first, int64_t count, const Range &range) const {
    std::vector<float> values(size_t(count) * columns);
    MutableArrayRef<float> all(values);
    int64_t step = rowInterleave ? 1 : count;
    for (int64_t row = 0; row < count; row += step)
      from.decodeRows(fromBytes, rows, columns,
                      interleavedRow(first + row, rowInterleave), step,
                      all.slice(size_t(row) * columns, step * columns));
    if (range.isExceeded(values))
      return false;
    to.writeFloats(values, rows, columns, first, count, out);
    return true;
  }

  /// A vector whose elements are permuted as the rows of a matrix would be.
  bool moveInterleavedVector(const Range &range) const {
    std::vector<float> stored(columns), values(columns);
    from.decodeRows(fromBytes, 1, columns, 0, 1, stored);
    for (int64_t i = 0; i < columns; ++i)
      values[i] = stored[interleavedRow(i, rowInterleave)];
    if (range.isExceeded(values))
      return false;
    to.writeFloats(values, 1, columns, 0, 1, out);
    return true;
  }
};
} // namespace

llvm::Error codec::convert(FormatAttrInterface from,
                           ArrayRef<uint8_t> fromBytes, FormatAttrInterface to,
                           ArrayRef<int64_t> shape, int64_t rowInterleave,
                           MutableArrayRef<uint8_t> out) {
  llvm::Expected<FormatCodecInterface> fromCodec =
      codecOf(from, shape, fromBytes.size());
  if (!fromCodec)
    return fromCodec.takeError();
  llvm::Expected<FormatCodecInterface> toCodec = codecOf(to, shape, out.size());
  if (!toCodec)
    return toCodec.takeError();
  auto [rows, columns] = format::getMatrixShape(shape);
  bool isVector = shape.size() == 1;
  int64_t interleavedRows = isVector ? columns : rows;
  if (rowInterleave < 0 || rowInterleave % 2 ||
      (rowInterleave && interleavedRows % rowInterleave))
    return failed(from, "rows cannot be interleaved by " +
                            Twine(rowInterleave) + ": there are " +
                            Twine(interleavedRows));
  bool sameNumbers = from.getUnpackedFormat() == to.getUnpackedFormat();
  CodeGrid toGrid = to.getCodeGrid();
  if (toGrid.bits && !sameNumbers)
    return failed(to, "cannot be written from " + Twine(from.getShortName()) +
                          " without choosing scales");
  if (toGrid.bits && isVector && rowInterleave)
    return failed(to, "a vector in blocks cannot be interleaved");
  if (from == to && !rowInterleave) {
    std::copy(fromBytes.begin(), fromBytes.end(), out.begin());
    return llvm::Error::success();
  }

  std::fill(out.begin(), out.end(), uint8_t(0));
  Conversion conversion{*fromCodec, *toCodec, fromBytes,    out,
                        rows,       columns,  rowInterleave};
  // What was in the format before fits it.
  Range range;
  if (!toGrid.bits && !sameNumbers)
    range = rangeOf(toGrid.elementType);
  std::atomic<bool> fits(true);
  if (isVector && rowInterleave) {
    fits = conversion.moveInterleavedVector(range);
  } else {
    int64_t numRows = rows, step = rowsPerChunk(columns);
#pragma omp parallel for schedule(dynamic)
    for (int64_t row = 0; row < numRows; row += step) {
      int64_t count = std::min(step, numRows - row);
      if (toGrid.bits)
        conversion.moveCodes(row, count);
      else if (!conversion.moveFloats(row, count, range))
        fits = false;
    }
  }
  if (!fits)
    return failed(to, "a number of the tensor is too large");
  return llvm::Error::success();
}

llvm::Expected<std::vector<uint8_t>>
codec::encodeRoundToNearest(FormatAttrInterface format, ArrayRef<float> values,
                            ArrayRef<int64_t> shape) {
  llvm::Expected<FormatCodecInterface> codec = codecOf(format, shape);
  if (!codec)
    return codec.takeError();
  auto [rows, columns] = format::getMatrixShape(shape);
  if (values.size() != uint64_t(rows) * columns)
    return failed(format, Twine(values.size()) + " numbers for a tensor of " +
                              Twine(uint64_t(rows) * columns));
  std::vector<uint8_t> bytes(format.getStorageBytes(shape));
  CodeGrid grid = format.getCodeGrid();
  Range range = grid.bits ? Range() : rangeOf(grid.elementType);
  std::atomic<bool> finite(true), fits(true);
  int64_t numRows = rows, numColumns = columns, step = rowsPerChunk(columns);
#pragma omp parallel for schedule(dynamic)
  for (int64_t row = 0; row < numRows; row += step) {
    int64_t count = std::min(step, numRows - row);
    ArrayRef<float> part =
        values.slice(size_t(row) * numColumns, size_t(count) * numColumns);
    if (!grid.bits) {
      if (range.isExceeded(part))
        fits = false;
      else
        codec->writeFloats(part, numRows, numColumns, row, count, bytes);
      continue;
    }
    if (!std::all_of(part.begin(), part.end(),
                     [](float v) { return std::isfinite(v); })) {
      finite = false;
      continue;
    }
    CodeBlocks blocks;
    chooseScales(grid, part, count, numColumns, blocks);
    auto isFinite = [](float v) { return std::isfinite(v); };
    if (!llvm::all_of(blocks.scales, isFinite) ||
        !llvm::all_of(blocks.offsets, isFinite)) {
      fits = false;
      continue;
    }
    roundToCodes(grid, part, blocks);
    codec->writeCodes(blocks, numRows, numColumns, row, bytes);
  }
  if (!finite)
    return failed(format, "a number of the tensor is not finite");
  if (!fits)
    return failed(format, "a number of the tensor is too large");
  return bytes;
}
