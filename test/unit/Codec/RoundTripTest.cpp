//===- RoundTripTest.cpp - what is written is what is read ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFormats.h"

using namespace allot;
using namespace allot::test;
using llvm::SmallVector;
using mlir::Attribute;

namespace {

/// Bitwise, so that the sign of zero counts.
testing::AssertionResult sameBits(const std::vector<float> &a,
                                  const std::vector<float> &b) {
  if (a.size() != b.size())
    return testing::AssertionFailure() << a.size() << " and " << b.size();
  for (size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], 4))
      return testing::AssertionFailure()
             << "at " << i << ": " << a[i] << " and " << b[i];
  return testing::AssertionSuccess();
}

std::vector<float> decoded(FormatAttrInterface format,
                           const std::vector<uint8_t> &bytes,
                           llvm::ArrayRef<int64_t> shape) {
  auto values = codec::decode(format, bytes, shape);
  EXPECT_TRUE(bool(values)) << messageOf(values.takeError());
  return std::move(*values);
}

std::vector<uint8_t> converted(FormatAttrInterface from,
                               const std::vector<uint8_t> &bytes,
                               FormatAttrInterface to,
                               llvm::ArrayRef<int64_t> shape,
                               int64_t interleave = 0) {
  // Dirty memory: what is not written must be cleared.
  std::vector<uint8_t> out(to.getStorageBytes(shape), 0xa5);
  llvm::Error error = codec::convert(from, bytes, to, shape, interleave, out);
  EXPECT_FALSE(bool(error)) << messageOf(std::move(error));
  return out;
}

TEST(RoundTrip, CodesOfEveryFormat) {
  Formats formats;
  std::mt19937 random(1);
  for (FormatAttrInterface format : formats.withCodes()) {
    SCOPED_TRACE(format.getShortName());
    SmallVector<int64_t> shape = randomShape(format, random);
    CodeBlocks blocks = randomBlocks(format, shape, random);
    std::vector<uint8_t> bytes = store(format, shape, blocks);
    CodeBlocks read;
    int64_t first = random() % shape[0];
    read.rows = shape[0] - first;
    llvm::cast<FormatCodecInterface>(Attribute(format))
        .readCodes(bytes, shape[0], shape[1], first, read);
    auto tail = [&](const auto &all, int64_t perRow) {
      auto copy = all;
      if (!copy.empty())
        copy.erase(copy.begin(), copy.begin() + first * perRow);
      return copy;
    };
    int64_t perRow = blocks.blocksPerRow();
    EXPECT_EQ(read.codes, tail(blocks.codes, blocks.paddedColumns()));
    EXPECT_EQ(read.scales, tail(blocks.scales, perRow));
    EXPECT_EQ(read.offsets, tail(blocks.offsets, perRow));
    EXPECT_EQ(read.zeroPoints, tail(blocks.zeroPoints, perRow));
    EXPECT_EQ(read.scaleCodes, tail(blocks.scaleCodes, perRow));
    EXPECT_EQ(read.rowScales, tail(blocks.rowScales, 1));
  }
}

TEST(RoundTrip, DecodeIsTheDefinition) {
  Formats formats;
  std::mt19937 random(2);
  for (FormatAttrInterface format : formats.withCodes()) {
    SCOPED_TRACE(format.getShortName());
    CodeGrid grid = format.getCodeGrid();
    SmallVector<int64_t> shape = randomShape(format, random);
    CodeBlocks blocks = randomBlocks(format, shape, random);
    std::vector<float> values =
        decoded(format, store(format, shape, blocks), shape);
    for (int64_t row = 0; row < shape[0]; ++row)
      for (int64_t k = 0; k < shape[1]; ++k) {
        int64_t block = row * blocks.blocksPerRow() + k / grid.block;
        double code = blocks.codes[row * blocks.paddedColumns() + k];
        double scale = blocks.scales[block];
        float zero = 0.0f;
        if (grid.offset == CodeGrid::OffsetKind::ZeroPoint)
          zero = float(blocks.zeroPoints[block]) * float(grid.maxCode) / 255.0f;
        double exact = grid.offset == CodeGrid::OffsetKind::Minimum
                           ? scale * code + blocks.offsets[block]
                       : grid.offset == CodeGrid::OffsetKind::ZeroPoint
                           ? scale * double(float(code) - zero)
                           : scale * (code - grid.zeroPoint);
        ASSERT_EQ(values[row * shape[1] + k], float(exact));
        // Scale and offset as kernels use them.
        ASSERT_NEAR(
            scale * code + blocks.offsets[block], exact,
            1e-6 * (std::abs(blocks.offsets[block]) + std::abs(scale * code)) +
                1e-12);
      }
  }
}

TEST(RoundTrip, PackedHoldsTheSameNumbers) {
  Formats formats;
  std::mt19937 random(3);
  for (FormatAttrInterface format : formats.all())
    for (int64_t tileRows : {8, 16}) {
      SCOPED_TRACE(format.getShortName() + " " + std::to_string(tileRows));
      SmallVector<int64_t> shape = randomShape(format, random);
      std::vector<uint8_t> bytes;
      if (format.getCodeGrid().bits) {
        bytes = store(format, shape, randomBlocks(format, shape, random));
      } else {
        auto encoded = codec::encodeRoundToNearest(
            format, randomValues(shape[0] * shape[1], random), shape);
        ASSERT_TRUE(bool(encoded));
        bytes = *encoded;
      }
      FormatAttrInterface packed = formats.packed(format, tileRows);
      std::vector<uint8_t> tiles = converted(format, bytes, packed, shape);
      EXPECT_TRUE(sameBits(decoded(format, bytes, shape),
                           decoded(packed, tiles, shape)));
      EXPECT_EQ(converted(packed, tiles, format, shape), bytes);
      FormatAttrInterface other = formats.packed(format, 24 - tileRows);
      EXPECT_EQ(converted(packed, tiles, other, shape),
                converted(format, bytes, other, shape));
    }
}

TEST(RoundTrip, LargeMatrixInChunks) {
  Formats formats;
  std::mt19937 random(4);
  FormatAttrInterface format = formats.named("int3g64z");
  FormatAttrInterface packed = formats.packed(format, 8);
  int64_t shape[] = {1021, 450};
  std::vector<uint8_t> bytes =
      store(format, shape, randomBlocks(format, shape, random));
  std::vector<uint8_t> tiles = converted(format, bytes, packed, shape);
  EXPECT_EQ(converted(packed, tiles, format, shape), bytes);
  // A few rows from the middle, through the interface.
  std::vector<float> all = decoded(format, bytes, shape), some(5 * 450);
  llvm::cast<FormatCodecInterface>(Attribute(packed))
      .decodeRows(tiles, 1021, 450, 509, 5, some);
  EXPECT_TRUE(
      sameBits(some, {all.begin() + 509 * 450, all.begin() + 514 * 450}));
}

TEST(RoundTrip, StorageBytesAreTheSumOfTheBuffers) {
  Formats formats;
  std::mt19937 random(5);
  for (FormatAttrInterface format : formats.all())
    for (int64_t tileRows : {0, 8, 16}) {
      FormatAttrInterface layout =
          tileRows ? formats.packed(format, tileRows) : format;
      for (int i = 0; i < 5; ++i) {
        SmallVector<int64_t> shape = randomShape(format, random);
        uint64_t sum = 0;
        for (const StorageBuffer &buffer : layout.getStorageBuffers(shape)) {
          EXPECT_LE(buffer.elements * buffer.elementBits, buffer.bytes * 8);
          if (tileRows) {
            EXPECT_EQ(buffer.bytes % 64, 0u);
            EXPECT_LT(buffer.bytes * 8,
                      buffer.elements * buffer.elementBits + 64 * 8);
          } else {
            EXPECT_EQ(buffer.elements * buffer.elementBits, buffer.bytes * 8);
          }
          sum += buffer.bytes;
        }
        EXPECT_EQ(layout.getStorageBytes(shape), sum);
      }
    }
}

TEST(RoundTrip, InterleavedRows) {
  Formats formats;
  std::mt19937 random(6);
  const int64_t D = 6, rows = 30, columns = 96;
  int64_t shape[] = {rows, columns};
  for (const char *name : {"q4_0", "q4_1", "q8_0", "int5g32z", "f16"}) {
    SCOPED_TRACE(name);
    FormatAttrInterface format = formats.named(name);
    auto bytes = codec::encodeRoundToNearest(
        format, randomValues(rows * columns, random), shape);
    ASSERT_TRUE(bool(bytes));
    std::vector<float> stored = decoded(format, *bytes, shape),
                       expected(stored);
    // Row h*D + 2i + s of the file is row h*D + s*D/2 + i of the global.
    for (int64_t h = 0; h < rows / D; ++h)
      for (int64_t i = 0; i < D / 2; ++i)
        for (int64_t s = 0; s < 2; ++s)
          std::copy_n(stored.begin() + (h * D + 2 * i + s) * columns, columns,
                      expected.begin() + (h * D + s * D / 2 + i) * columns);
    for (FormatAttrInterface to : {format, formats.packed(format, 8),
                                   formats.packed(formats.named("f32"), 16)})
      EXPECT_TRUE(
          sameBits(decoded(to, converted(format, *bytes, to, shape, D), shape),
                   expected));
  }
}

TEST(RoundTrip, InterleavedVectorIsAColumn) {
  Formats formats;
  FormatAttrInterface f32 = formats.named("f32"), f16 = formats.named("f16");
  int64_t shape[] = {8};
  auto bytes =
      codec::encodeRoundToNearest(f32, {0, 1, 2, 3, 4, 5, 6, 7}, shape);
  ASSERT_TRUE(bool(bytes));
  EXPECT_EQ(decoded(f16, converted(f32, *bytes, f16, shape, 4), shape),
            (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
}

TEST(RoundTrip, ConvertRefuses) {
  Formats formats;
  FormatAttrInterface q4_0 = formats.named("q4_0"),
                      q4_1 = formats.named("q4_1");
  FormatAttrInterface f32 = formats.named("f32"), f16 = formats.named("f16");
  int64_t shape[] = {6, 32};
  std::vector<uint8_t> from(6 * 18), out(6 * 20), floats(6 * 32 * 4);
  EXPECT_EQ(messageOf(codec::convert(q4_0, from, q4_1, shape, 0, out)),
            "format q4_1: cannot be written from q4_0 without choosing scales");
  EXPECT_EQ(
      messageOf(codec::convert(q4_0, {from.data(), 17}, f32, shape, 0, floats)),
      "format q4_0: 17 bytes where the tensor takes 108");
  EXPECT_EQ(messageOf(codec::convert(q4_0, from, f32, shape, 0, out)),
            "format f32: 120 bytes where the tensor takes 768");
  EXPECT_EQ(messageOf(codec::convert(q4_0, from, f32, shape, 4, floats)),
            "format q4_0: rows cannot be interleaved by 4: there are 6");
  EXPECT_EQ(messageOf(codec::convert(q4_0, from, q4_0, shape, -2, from)),
            "format q4_0: rows cannot be interleaved by -2: there are 6");
  int64_t vector[] = {32};
  std::vector<uint8_t> block(18);
  EXPECT_EQ(messageOf(codec::convert(q4_0, block, q4_0, vector, 4, block)),
            "format q4_0: a vector in blocks cannot be interleaved");
  int64_t pair[] = {1, 2};
  auto large = codec::encodeRoundToNearest(f32, {1.0f, 70000.0f}, pair);
  ASSERT_TRUE(bool(large));
  std::vector<uint8_t> halves(4);
  EXPECT_EQ(messageOf(codec::convert(f32, *large, f16, pair, 0, halves)),
            "format f16: a number of the tensor is too large");
  EXPECT_EQ(messageOf(codec::decode(f32, halves, pair).takeError()),
            "format f32: 4 bytes where the tensor takes 8");
}

} // namespace
