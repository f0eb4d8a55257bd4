//===- Int.cpp - codec of integer codes in blocks -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "llvm/Support/ErrorHandling.h"

using namespace allot;
using namespace allot::codec;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using mlir::Attribute;

/// Calls `body` with the integral constant `bits`, 2 to 8.
template <typename Body>
static void withBits(unsigned bits, Body body) {
  switch (bits) {
  case 2:
    return body(std::integral_constant<int, 2>());
  case 3:
    return body(std::integral_constant<int, 3>());
  case 4:
    return body(std::integral_constant<int, 4>());
  case 5:
    return body(std::integral_constant<int, 5>());
  case 6:
    return body(std::integral_constant<int, 6>());
  case 7:
    return body(std::integral_constant<int, 7>());
  default:
    return body(std::integral_constant<int, 8>());
  }
}

/// `count` codes (a multiple of 8), packed from the least significant bit.
template <int bits>
static void packBits(const uint8_t *codes, int64_t count, uint8_t *to) {
  for (int64_t i = 0; i < count; i += 8, to += bits) {
    uint64_t word = 0;
    for (int k = 0; k < 8; ++k)
      word |= uint64_t(codes[i + k]) << (k * bits);
    std::memcpy(to, &word, bits);
  }
}

template <int bits>
static void unpackBits(const uint8_t *from, int64_t count, uint8_t *codes) {
  for (int64_t i = 0; i < count; i += 8, from += bits) {
    uint64_t word = 0;
    std::memcpy(&word, from, bits);
    for (int k = 0; k < 8; ++k)
      codes[i + k] = uint8_t(word >> (k * bits)) & ((1 << bits) - 1);
  }
}

namespace {
/// Where the parts of a stored matrix begin, in bytes.
struct Sections {
  Sections(format::IntAttr format, int64_t rows, int64_t columns)
      : grid(format.getCodeGrid()),
        perRow((columns + grid.block - 1) / grid.block),
        rowCodeBytes(perRow * grid.block / 8 * grid.bits) {
    uint64_t begin = 0;
    for (const StorageBuffer &buffer :
         format.getStorageBuffers({rows, columns})) {
      if (buffer.name == "scales") {
        scales = begin;
        scaleBytes = buffer.elementBits / 8;
      } else if (buffer.name == "zero_points") {
        zeroPoints = begin;
      } else if (buffer.name == "row_scales") {
        rowScales = begin;
      }
      begin += buffer.bytes;
    }
  }
  CodeGrid grid;
  int64_t perRow, rowCodeBytes;
  uint64_t scales = 0, zeroPoints = 0, rowScales = 0;
  unsigned scaleBytes = 0;
};

struct IntCodec
    : FormatCodecInterface::ExternalModel<IntCodec, format::IntAttr> {
  void decodeRows(Attribute attr, ArrayRef<uint8_t> bytes, int64_t rows,
                  int64_t columns, int64_t firstRow, int64_t numRows,
                  MutableArrayRef<float> out) const {
    decodeThroughCodes(attr, bytes, rows, columns, firstRow, numRows, out);
  }

  void readCodes(Attribute attr, ArrayRef<uint8_t> bytes, int64_t rows,
                 int64_t columns, int64_t firstRow, CodeBlocks &blocks) const {
    Sections at(llvm::cast<format::IntAttr>(attr), rows, columns);
    const CodeGrid &grid = at.grid;
    resizeBlocks(grid, blocks.rows, columns, blocks);
    withBits(grid.bits, [&](auto bits) {
      unpackBits<bits.value>(bytes.data() + firstRow * at.rowCodeBytes,
                             blocks.codes.size(), blocks.codes.data());
    });
    size_t count = blocks.scales.size(), first = firstRow * at.perRow;
    const uint8_t *scales = bytes.data() + at.scales + first * at.scaleBytes;
    switch (grid.scale) {
    case CodeGrid::ScaleKind::F32:
      std::memcpy(blocks.scales.data(), scales, count * 4);
      break;
    case CodeGrid::ScaleKind::F16:
      support::f16ToFloat(scales, blocks.scales.data(), count);
      break;
    case CodeGrid::ScaleKind::U8:
      std::memcpy(blocks.scaleCodes.data(), scales, count);
      support::f16ToFloat(bytes.data() + at.rowScales + firstRow * 2,
                          blocks.rowScales.data(), blocks.rows);
      break;
    case CodeGrid::ScaleKind::PowerOfTwo:
      llvm_unreachable("no integer format has such scales");
    }
    if (grid.offset == CodeGrid::OffsetKind::ZeroPoint)
      std::memcpy(blocks.zeroPoints.data(),
                  bytes.data() + at.zeroPoints + first, count);
    finishBlocks(grid, blocks);
  }

  void writeCodes(Attribute attr, const CodeBlocks &blocks, int64_t rows,
                  int64_t columns, int64_t firstRow,
                  MutableArrayRef<uint8_t> bytes) const {
    Sections at(llvm::cast<format::IntAttr>(attr), rows, columns);
    const CodeGrid &grid = at.grid;
    size_t count = size_t(blocks.rows) * at.perRow;
    withBits(grid.bits, [&](auto bits) {
      packBits<bits.value>(blocks.codes.data(), count * grid.block,
                           bytes.data() + firstRow * at.rowCodeBytes);
    });
    size_t first = firstRow * at.perRow;
    uint8_t *scales = bytes.data() + at.scales + first * at.scaleBytes;
    switch (grid.scale) {
    case CodeGrid::ScaleKind::F32:
      std::memcpy(scales, blocks.scales.data(), count * 4);
      break;
    case CodeGrid::ScaleKind::F16:
      support::floatToF16(blocks.scales.data(), scales, count);
      break;
    case CodeGrid::ScaleKind::U8:
      std::memcpy(scales, blocks.scaleCodes.data(), count);
      support::floatToF16(blocks.rowScales.data(),
                          bytes.data() + at.rowScales + firstRow * 2,
                          blocks.rows);
      break;
    case CodeGrid::ScaleKind::PowerOfTwo:
      llvm_unreachable("no integer format has such scales");
    }
    if (grid.offset == CodeGrid::OffsetKind::ZeroPoint)
      std::memcpy(bytes.data() + at.zeroPoints + first,
                  blocks.zeroPoints.data(), count);
  }

  /// Never called: the format has codes.
  void writeFloats(Attribute, ArrayRef<float>, int64_t, int64_t, int64_t,
                   int64_t, MutableArrayRef<uint8_t>) const {
    llvm_unreachable("an integer format does not round numbers on their own");
  }
};
} // namespace

void codec::attachIntCodec(mlir::MLIRContext &context) {
  format::IntAttr::attachInterface<IntCodec>(context);
}
