//===- MXFP4.cpp - codec of 4-bit floats with powers of two -*- C++ -*-===//
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

namespace {
/// Where the parts of a block lie, and in which order its codes.
struct Places {
  Places(format::MXFP4Attr format, int64_t rows, int64_t columns)
      : perRow(columns / 32), split(format.getSplit()),
        scales(split ? rows * perRow * 16 : 0) {}
  int64_t scale(int64_t block) const {
    return split ? scales + block : block * 17;
  }
  int64_t codes(int64_t block) const {
    return split ? block * 16 : block * 17 + 1;
  }
  /// Columns of the nibbles of byte `j`.
  int low(int j) const { return split ? 2 * j : j; }
  int high(int j) const { return split ? 2 * j + 1 : j + 16; }

  int64_t perRow;
  bool split;
  int64_t scales;
};

struct MXFP4Codec
    : FormatCodecInterface::ExternalModel<MXFP4Codec, format::MXFP4Attr> {
  void decodeRows(Attribute attr, ArrayRef<uint8_t> bytes, int64_t rows,
                  int64_t columns, int64_t firstRow, int64_t numRows,
                  MutableArrayRef<float> out) const {
    decodeThroughCodes(attr, bytes, rows, columns, firstRow, numRows, out);
  }

  void readCodes(Attribute attr, ArrayRef<uint8_t> bytes, int64_t rows,
                 int64_t columns, int64_t firstRow, CodeBlocks &blocks) const {
    auto format = llvm::cast<format::MXFP4Attr>(attr);
    Places at(format, rows, columns);
    CodeGrid grid = format.getCodeGrid();
    resizeBlocks(grid, blocks.rows, columns, blocks);
    for (int64_t i = 0, e = blocks.rows * at.perRow; i < e; ++i) {
      int64_t block = firstRow * at.perRow + i;
      blocks.scales[i] = loadPowerOfTwo(bytes[at.scale(block)]);
      const uint8_t *from = bytes.data() + at.codes(block);
      uint8_t *codes = blocks.codes.data() + i * 32;
      for (int j = 0; j < 16; ++j) {
        codes[at.low(j)] = grid.codebook[from[j] & 15];
        codes[at.high(j)] = grid.codebook[from[j] >> 4];
      }
    }
    finishBlocks(grid, blocks);
  }

  void writeCodes(Attribute attr, const CodeBlocks &blocks, int64_t rows,
                  int64_t columns, int64_t firstRow,
                  MutableArrayRef<uint8_t> bytes) const {
    auto format = llvm::cast<format::MXFP4Attr>(attr);
    Places at(format, rows, columns);
    StoredCodes stored(format.getCodeGrid());
    for (int64_t i = 0, e = blocks.rows * at.perRow; i < e; ++i) {
      int64_t block = firstRow * at.perRow + i;
      bytes[at.scale(block)] = storePowerOfTwo(blocks.scales[i]);
      const uint8_t *codes = blocks.codes.data() + i * 32;
      uint8_t *to = bytes.data() + at.codes(block);
      for (int j = 0; j < 16; ++j)
        to[j] =
            uint8_t(stored[codes[at.low(j)]] | stored[codes[at.high(j)]] << 4);
    }
  }

  /// Never called: the format has codes.
  void writeFloats(Attribute, ArrayRef<float>, int64_t, int64_t, int64_t,
                   int64_t, MutableArrayRef<uint8_t>) const {
    llvm_unreachable("a block format does not round numbers on their own");
  }
};
} // namespace

void codec::attachMXFP4Codec(mlir::MLIRContext &context) {
  format::MXFP4Attr::attachInterface<MXFP4Codec>(context);
}
