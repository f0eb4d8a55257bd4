//===- Packed.cpp - codec of the tiled order that kernels read -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of bytes is described at `#format.packed`. Codes go through planes
// of 8, 4, 2 or 1 bits; numbers of float formats are rounded by the codec of
// the inner format, a row at a time, and only moved here.
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "llvm/Support/ErrorHandling.h"

using namespace allot;
using namespace allot::codec;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using mlir::Attribute;

/// Bits [shift, shift + width) of the codes of one block and row become the
/// bytes of lane 0 of a plane; `lanes` is the number of bytes from one vector
/// to the next.
template <int width, int columns>
static void writePlane(const uint8_t *codes, unsigned shift, int64_t lanes,
                       uint8_t *to) {
  constexpr int count = columns * width / 8;
  constexpr uint8_t mask = uint8_t((1 << width) - 1);
  uint8_t row[count];
  for (int i = 0; i < count; ++i) {
    unsigned byte = 0;
    for (int j = 0; j < 8 / width; ++j)
      byte |= unsigned((codes[j * count + i] >> shift) & mask) << (j * width);
    row[i] = uint8_t(byte);
  }
  for (int v = 0; v < count / 4; ++v)
    std::memcpy(to + v * lanes, row + 4 * v, 4);
}

/// The inverse; adds its bits to `codes`.
template <int width, int columns>
static void readPlane(const uint8_t *from, unsigned shift, int64_t lanes,
                      uint8_t *codes) {
  constexpr int count = columns * width / 8;
  constexpr uint8_t mask = uint8_t((1 << width) - 1);
  uint8_t row[count];
  for (int v = 0; v < count / 4; ++v)
    std::memcpy(row + 4 * v, from + v * lanes, 4);
  for (int j = 0; j < 8 / width; ++j)
    for (int i = 0; i < count; ++i)
      codes[j * count + i] |=
          uint8_t(((row[i] >> (j * width)) & mask) << shift);
}

using WritePlane = void (*)(const uint8_t *, unsigned, int64_t, uint8_t *);
using ReadPlane = void (*)(const uint8_t *, unsigned, int64_t, uint8_t *);

namespace {
struct Plane {
  unsigned width = 0, shift = 0;
  /// Bytes from the start of a block's codes.
  int64_t begin = 0;
  WritePlane write = nullptr;
  ReadPlane read = nullptr;
};
} // namespace

template <int columns>
static Plane planeOf(unsigned width) {
  Plane plane;
  plane.width = width;
  switch (width) {
  case 8:
    plane.write = writePlane<8, columns>;
    plane.read = readPlane<8, columns>;
    break;
  case 4:
    plane.write = writePlane<4, columns>;
    plane.read = readPlane<4, columns>;
    break;
  case 2:
    plane.write = writePlane<2, columns>;
    plane.read = readPlane<2, columns>;
    break;
  default:
    plane.write = writePlane<1, columns>;
    plane.read = readPlane<1, columns>;
    break;
  }
  return plane;
}

namespace {
/// Where things are in a packed matrix, in bytes.
struct Tiles {
  Tiles(format::PackedAttr format, int64_t rows, int64_t columns)
      : grid(format.getCodeGrid()), tileRows(format.getRows()),
        perRow((columns + grid.block - 1) / grid.block) {
    uint64_t begin = 0;
    for (const StorageBuffer &buffer :
         format.getStorageBuffers({rows, columns})) {
      if (buffer.name == "scales") {
        scales = begin;
        scaleBytes = buffer.elementBits / 8;
      } else if (buffer.name == "zero_points" || buffer.name == "minima") {
        offsets = begin;
      } else if (buffer.name == "row_scales") {
        rowScales = begin;
      }
      begin += buffer.bytes;
    }
    unsigned shift = 0;
    for (unsigned width : format::getCodePlanes(grid.bits)) {
      Plane plane = grid.block == 32   ? planeOf<32>(width)
                    : grid.block == 64 ? planeOf<64>(width)
                                       : planeOf<128>(width);
      plane.shift = shift;
      plane.begin = tileRows * grid.block * shift / 8;
      planes.push_back(plane);
      shift += width;
    }
    blockBytes = tileRows * grid.block * shift / 8;
  }

  /// Index of (tile, block, lane) among scales and offsets.
  int64_t blockIndex(int64_t row, int64_t block) const {
    return (row / tileRows * perRow + block) * tileRows + row % tileRows;
  }
  /// Byte of the first code of `row` in `block`.
  int64_t codeByte(int64_t row, int64_t block) const {
    return (row / tileRows * perRow + block) * blockBytes + row % tileRows * 4;
  }

  CodeGrid grid;
  int64_t tileRows, perRow;
  int64_t blockBytes = 0;
  uint64_t scales = 0, offsets = 0, rowScales = 0;
  unsigned scaleBytes = 0;
  llvm::SmallVector<Plane, 3> planes;
};

struct PackedCodec
    : FormatCodecInterface::ExternalModel<PackedCodec, format::PackedAttr> {
  void decodeRows(Attribute attr, ArrayRef<uint8_t> bytes, int64_t rows,
                  int64_t columns, int64_t firstRow, int64_t numRows,
                  MutableArrayRef<float> out) const {
    auto packed = llvm::cast<format::PackedAttr>(attr);
    CodeGrid grid = packed.getCodeGrid();
    if (grid.bits)
      return decodeThroughCodes(attr, bytes, rows, columns, firstRow, numRows,
                                out);
    auto inner = llvm::cast<FormatCodecInterface>(packed.getInner());
    int64_t width = grid.elementType.getIntOrFloatBitWidth() / 8;
    std::vector<uint8_t> row(columns * width);
    for (int64_t r = 0; r < numRows; ++r) {
      moveRow(bytes.data() + elementByte(packed, firstRow + r, columns, width),
              packed.getRows() * width, row.data(), width, columns, width);
      inner.decodeRows(row, 1, columns, 0, 1,
                       out.slice(size_t(r) * columns, columns));
    }
  }

  void writeFloats(Attribute attr, ArrayRef<float> values, int64_t rows,
                   int64_t columns, int64_t firstRow, int64_t numRows,
                   MutableArrayRef<uint8_t> bytes) const {
    auto packed = llvm::cast<format::PackedAttr>(attr);
    auto inner = llvm::cast<FormatCodecInterface>(packed.getInner());
    int64_t width =
        packed.getCodeGrid().elementType.getIntOrFloatBitWidth() / 8;
    std::vector<uint8_t> row(columns * width);
    for (int64_t r = 0; r < numRows; ++r) {
      inner.writeFloats(values.slice(size_t(r) * columns, columns), 1, columns,
                        0, 1, row);
      moveRow(row.data(), width,
              bytes.data() + elementByte(packed, firstRow + r, columns, width),
              packed.getRows() * width, columns, width);
    }
  }

  void readCodes(Attribute attr, ArrayRef<uint8_t> bytes, int64_t rows,
                 int64_t columns, int64_t firstRow, CodeBlocks &blocks) const {
    Tiles tiles(llvm::cast<format::PackedAttr>(attr), rows, columns);
    const CodeGrid &grid = tiles.grid;
    resizeBlocks(grid, blocks.rows, columns, blocks);
    std::fill(blocks.codes.begin(), blocks.codes.end(), uint8_t(0));
    for (int64_t r = 0; r < blocks.rows; ++r) {
      int64_t row = firstRow + r;
      for (int64_t b = 0; b < tiles.perRow; ++b) {
        int64_t i = r * tiles.perRow + b;
        const uint8_t *from = bytes.data() + tiles.codeByte(row, b);
        for (const Plane &plane : tiles.planes)
          plane.read(from + plane.begin, plane.shift, tiles.tileRows * 4,
                     blocks.codes.data() + i * grid.block);
        int64_t index = tiles.blockIndex(row, b);
        const uint8_t *scale =
            bytes.data() + tiles.scales + index * tiles.scaleBytes;
        if (grid.scale == CodeGrid::ScaleKind::F32)
          std::memcpy(&blocks.scales[i], scale, 4);
        else if (grid.scale == CodeGrid::ScaleKind::F16)
          blocks.scales[i] = loadF16(scale);
        else if (grid.scale == CodeGrid::ScaleKind::PowerOfTwo)
          blocks.scales[i] = loadPowerOfTwo(*scale);
        else
          blocks.scaleCodes[i] = *scale;
        if (grid.offset == CodeGrid::OffsetKind::ZeroPoint)
          blocks.zeroPoints[i] = bytes[tiles.offsets + index];
        else if (grid.offset == CodeGrid::OffsetKind::Minimum)
          blocks.offsets[i] = loadF16(bytes.data() + tiles.offsets + index * 2);
      }
      if (grid.scale == CodeGrid::ScaleKind::U8)
        blocks.rowScales[r] = loadF16(bytes.data() + tiles.rowScales + row * 2);
    }
    if (!grid.codebook.empty())
      for (uint8_t &code : blocks.codes)
        code = grid.codebook[code];
    finishBlocks(grid, blocks);
  }

  void writeCodes(Attribute attr, const CodeBlocks &blocks, int64_t rows,
                  int64_t columns, int64_t firstRow,
                  MutableArrayRef<uint8_t> bytes) const {
    Tiles tiles(llvm::cast<format::PackedAttr>(attr), rows, columns);
    const CodeGrid &grid = tiles.grid;
    StoredCodes stored(grid);
    std::vector<uint8_t> renamed(grid.codebook.empty() ? 0 : grid.block);
    for (int64_t r = 0; r < blocks.rows; ++r) {
      int64_t row = firstRow + r;
      for (int64_t b = 0; b < tiles.perRow; ++b) {
        int64_t i = r * tiles.perRow + b;
        const uint8_t *codes = blocks.codes.data() + i * grid.block;
        for (size_t k = 0; k < renamed.size(); ++k)
          renamed[k] = stored[codes[k]];
        if (!renamed.empty())
          codes = renamed.data();
        uint8_t *to = bytes.data() + tiles.codeByte(row, b);
        for (const Plane &plane : tiles.planes)
          plane.write(codes, plane.shift, tiles.tileRows * 4, to + plane.begin);
        int64_t index = tiles.blockIndex(row, b);
        uint8_t *scale = bytes.data() + tiles.scales + index * tiles.scaleBytes;
        if (grid.scale == CodeGrid::ScaleKind::F32)
          std::memcpy(scale, &blocks.scales[i], 4);
        else if (grid.scale == CodeGrid::ScaleKind::F16)
          storeF16(blocks.scales[i], scale);
        else if (grid.scale == CodeGrid::ScaleKind::PowerOfTwo)
          *scale = storePowerOfTwo(blocks.scales[i]);
        else
          *scale = blocks.scaleCodes[i];
        if (grid.offset == CodeGrid::OffsetKind::ZeroPoint)
          bytes[tiles.offsets + index] = blocks.zeroPoints[i];
        else if (grid.offset == CodeGrid::OffsetKind::Minimum)
          storeF16(blocks.offsets[i], bytes.data() + tiles.offsets + index * 2);
      }
      if (grid.scale == CodeGrid::ScaleKind::U8)
        storeF16(blocks.rowScales[r], bytes.data() + tiles.rowScales + row * 2);
    }
  }

private:
  /// Byte of column 0 of `row` of a float format: [tile][column][row].
  static int64_t elementByte(format::PackedAttr packed, int64_t row,
                             int64_t columns, int64_t width) {
    int64_t tileRows = packed.getRows();
    return (row / tileRows * columns * tileRows + row % tileRows) * width;
  }

  /// Copies `count` elements of 2 or 4 bytes with strides in bytes.
  static void moveRow(const uint8_t *from, int64_t fromStride, uint8_t *to,
                      int64_t toStride, int64_t count, int64_t width) {
    if (width == 2)
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(to + i * toStride, from + i * fromStride, 2);
    else
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(to + i * toStride, from + i * fromStride, 4);
  }
};
} // namespace

void codec::attachPackedCodec(mlir::MLIRContext &context) {
  format::PackedAttr::attachInterface<PackedCodec>(context);
}
