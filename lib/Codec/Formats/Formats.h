//===- Formats.h - what the codecs share -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to AllotCodec. Every format has one file in this folder.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_CODEC_FORMATS_FORMATS_H
#define ALLOT_LIB_CODEC_FORMATS_FORMATS_H

#include "allot/Codec/Grid.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Support/Half.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace allot::codec {

// Each attaches the codec of one format.
void attachFloatCodec(mlir::MLIRContext &context);
void attachIndexCodec(mlir::MLIRContext &context);
void attachIntCodec(mlir::MLIRContext &context);
void attachMXFP4Codec(mlir::MLIRContext &context);
void attachQ4_0Codec(mlir::MLIRContext &context);
void attachQ4_1Codec(mlir::MLIRContext &context);
void attachQ5_0Codec(mlir::MLIRContext &context);
void attachQ5_1Codec(mlir::MLIRContext &context);
void attachQ8_0Codec(mlir::MLIRContext &context);
void attachPackedCodec(mlir::MLIRContext &context);

/// decodeRows of any format with codes: readCodes a few rows at a time, then
/// decodeBlocks.
void decodeThroughCodes(mlir::Attribute format, llvm::ArrayRef<uint8_t> bytes,
                        int64_t rows, int64_t columns, int64_t firstRow,
                        int64_t numRows, llvm::MutableArrayRef<float> out);

/// A two-byte number at any address.
inline float loadF16(const uint8_t *from) {
  uint16_t bits;
  std::memcpy(&bits, from, 2);
  return support::f16ToFloat(bits);
}
inline void storeF16(float value, uint8_t *to) {
  uint16_t bits = support::floatToF16(value);
  std::memcpy(to, &bits, 2);
}

/// The byte of ScaleKind::PowerOfTwo: 2^(e - 128).
inline float loadPowerOfTwo(uint8_t e) { return std::ldexp(1.0f, e - 128); }
inline uint8_t storePowerOfTwo(float scale) {
  return uint8_t(std::clamp(std::ilogb(scale) + 128, 0, 254));
}

/// What is stored for each code of a grid.
class StoredCodes {
public:
  explicit StoredCodes(const CodeGrid &grid) {
    for (unsigned code = 0; code < 256; ++code)
      stored[code] = uint8_t(code);
    for (size_t i = grid.codebook.size(); i-- > 0;)
      stored[grid.codebook[i]] = uint8_t(i);
  }
  uint8_t operator[](uint8_t code) const { return stored[code]; }

private:
  uint8_t stored[256];
};

/// 32 codes of 5 bits: the highest bits, then the others as nibbles, those of
/// columns j and j + 16 in one byte. 20 bytes.
inline void readFiveBits(const uint8_t *from, uint8_t *codes) {
  uint32_t high;
  std::memcpy(&high, from, 4);
  for (int j = 0; j < 16; ++j) {
    codes[j] = uint8_t((from[4 + j] & 15) | (high >> j & 1) << 4);
    codes[j + 16] = uint8_t(from[4 + j] >> 4 | (high >> (j + 16) & 1) << 4);
  }
}
inline void writeFiveBits(const uint8_t *codes, uint8_t *to) {
  uint32_t high = 0;
  for (int j = 0; j < 32; ++j)
    high |= uint32_t(codes[j] >> 4 & 1) << j;
  std::memcpy(to, &high, 4);
  for (int j = 0; j < 16; ++j)
    to[4 + j] = uint8_t((codes[j] & 15) | (codes[j + 16] & 15) << 4);
}

/// The codec of a format that keeps blocks of 32 columns one after another.
/// `Layout` has `bytes` (of a block), `read(const uint8_t *from, uint8_t
/// *codes, float &scale, float &minimum)` and `write(const uint8_t *codes,
/// float scale, float minimum, uint8_t *to)`; the minimum is ignored where the
/// grid has none.
template <typename Layout, typename Attr>
struct BlockCodec
    : FormatCodecInterface::ExternalModel<BlockCodec<Layout, Attr>, Attr> {
  void decodeRows(mlir::Attribute attr, llvm::ArrayRef<uint8_t> bytes,
                  int64_t rows, int64_t columns, int64_t firstRow,
                  int64_t numRows, llvm::MutableArrayRef<float> out) const {
    decodeThroughCodes(attr, bytes, rows, columns, firstRow, numRows, out);
  }

  void readCodes(mlir::Attribute attr, llvm::ArrayRef<uint8_t> bytes,
                 int64_t rows, int64_t columns, int64_t firstRow,
                 CodeBlocks &blocks) const {
    CodeGrid grid = llvm::cast<Attr>(attr).getCodeGrid();
    resizeBlocks(grid, blocks.rows, columns, blocks);
    int64_t perRow = columns / 32;
    const uint8_t *from = bytes.data() + firstRow * perRow * Layout::bytes;
    for (int64_t i = 0, e = blocks.rows * perRow; i < e; ++i)
      Layout::read(from + i * Layout::bytes, blocks.codes.data() + i * 32,
                   blocks.scales[i], blocks.offsets[i]);
    finishBlocks(grid, blocks);
  }

  void writeCodes(mlir::Attribute, const CodeBlocks &blocks, int64_t rows,
                  int64_t columns, int64_t firstRow,
                  llvm::MutableArrayRef<uint8_t> bytes) const {
    int64_t perRow = columns / 32;
    uint8_t *to = bytes.data() + firstRow * perRow * Layout::bytes;
    for (int64_t i = 0, e = blocks.rows * perRow; i < e; ++i)
      Layout::write(blocks.codes.data() + i * 32, blocks.scales[i],
                    blocks.offsets[i], to + i * Layout::bytes);
  }

  /// Never called: the format has codes.
  void writeFloats(mlir::Attribute, llvm::ArrayRef<float>, int64_t, int64_t,
                   int64_t, int64_t, llvm::MutableArrayRef<uint8_t>) const {
    llvm_unreachable("a block format does not round numbers on their own");
  }
};

} // namespace allot::codec

#endif // ALLOT_LIB_CODEC_FORMATS_FORMATS_H
