//===- LayoutTest.cpp - the bytes that the op descriptions promise -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layouts written down a second time, bit by bit, from their description; and
// blocks of GGUF formats written by hand.
//
//===----------------------------------------------------------------------===//

#include "TestFormats.h"
#include "allot/Support/Half.h"
#include "mlir/IR/Builders.h"
#include <cmath>
#include <limits>

using namespace allot;
using namespace allot::test;
using mlir::Attribute;

namespace {

/// Where the buffer called `name` begins.
uint64_t beginOf(FormatAttrInterface format, llvm::ArrayRef<int64_t> shape,
                 llvm::StringRef name) {
  uint64_t begin = 0;
  for (const StorageBuffer &buffer : format.getStorageBuffers(shape)) {
    if (buffer.name == name)
      return begin;
    begin += buffer.bytes;
  }
  ADD_FAILURE() << "no buffer " << name.str();
  return 0;
}

float scaleAt(const CodeGrid &grid, const uint8_t *scales, int64_t i) {
  if (grid.scale == CodeGrid::ScaleKind::F32) {
    float scale;
    std::memcpy(&scale, scales + 4 * i, 4);
    return scale;
  }
  if (grid.scale == CodeGrid::ScaleKind::PowerOfTwo)
    return std::ldexp(1.0f, scales[i] - 128);
  return support::f16ToFloat(uint16_t(scales[2 * i] | scales[2 * i + 1] << 8));
}

TEST(Layout, IntIsPackedFromTheLeastSignificantBit) {
  Formats formats;
  std::mt19937 random(11);
  for (int bits = 2; bits <= 8; ++bits)
    for (const char *suffix : {"z", "zs32", "zs8"}) {
      FormatAttrInterface format =
          formats.named("int" + std::to_string(bits) + "g32" + suffix);
      SCOPED_TRACE(format.getShortName());
      int64_t shape[] = {5, 70}, perRow = 3;
      CodeBlocks blocks = randomBlocks(format, shape, random);
      std::vector<uint8_t> bytes = store(format, shape, blocks);
      for (int64_t row = 0; row < 5; ++row)
        for (int64_t k = 0; k < 96; ++k) {
          unsigned code = 0;
          for (int bit = 0; bit < bits; ++bit) {
            int64_t at = (row * 96 + k) * bits + bit;
            code |= unsigned(bytes[at / 8] >> (at % 8) & 1) << bit;
          }
          ASSERT_EQ(code, blocks.codes[row * 96 + k]);
        }
      CodeGrid grid = format.getCodeGrid();
      const uint8_t *scales = bytes.data() + beginOf(format, shape, "scales");
      uint64_t zeros = beginOf(format, shape, "zero_points");
      for (int64_t i = 0; i < 5 * perRow; ++i) {
        if (grid.scale == CodeGrid::ScaleKind::U8) {
          CodeGrid halves;
          float s = scaleAt(halves,
                            bytes.data() + beginOf(format, shape, "row_scales"),
                            i / perRow);
          EXPECT_EQ(s * scales[i] / 255.0f, blocks.scales[i]);
          EXPECT_GE(scales[i], 1);
        } else {
          EXPECT_EQ(scaleAt(grid, scales, i), blocks.scales[i]);
        }
        EXPECT_EQ(bytes[zeros + i], blocks.zeroPoints[i]);
      }
    }
}

/// The code of (row, k) in a packed buffer, gathered plane by plane.
unsigned packedCode(const std::vector<uint8_t> &bytes, int64_t tileRows,
                    int64_t perRow, int64_t N, unsigned bits, int64_t row,
                    int64_t k) {
  int64_t tile = row / tileRows, lane = row % tileRows, block = k / N;
  int64_t position = (tile * perRow + block) * tileRows * N * bits / 8;
  unsigned code = 0, shift = 0;
  int64_t column = k % N;
  for (unsigned p : format::getCodePlanes(bits)) {
    // Code j of byte (row, kk) of vector v is column j*(N*p/8) + 4*v + kk.
    int64_t run = N * p / 8;
    int64_t j = column / run, v = column % run / 4, kk = column % run % 4;
    uint8_t byte = bytes[position + (v * tileRows + lane) * 4 + kk];
    code |= unsigned(byte >> (j * p) & ((1u << p) - 1)) << shift;
    position += tileRows * run;
    shift += p;
  }
  return code;
}

TEST(Layout, PlanesOfCodes) {
  using Planes = llvm::SmallVector<unsigned, 3>;
  EXPECT_EQ(format::getCodePlanes(2), Planes({2}));
  EXPECT_EQ(format::getCodePlanes(3), Planes({2, 1}));
  EXPECT_EQ(format::getCodePlanes(4), Planes({4}));
  EXPECT_EQ(format::getCodePlanes(5), Planes({4, 1}));
  EXPECT_EQ(format::getCodePlanes(6), Planes({4, 2}));
  EXPECT_EQ(format::getCodePlanes(7), Planes({4, 2, 1}));
  EXPECT_EQ(format::getCodePlanes(8), Planes({8}));
}

TEST(Layout, PackedTiles) {
  Formats formats;
  std::mt19937 random(12);
  for (FormatAttrInterface inner : formats.withCodes())
    for (int64_t tileRows : {8, 16}) {
      FormatAttrInterface format = formats.packed(inner, tileRows);
      SCOPED_TRACE(format.getShortName());
      llvm::SmallVector<int64_t> shape = randomShape(inner, random);
      CodeGrid grid = inner.getCodeGrid();
      CodeBlocks blocks = randomBlocks(inner, shape, random);
      std::vector<uint8_t> bytes = store(format, shape, blocks);
      int64_t perRow = blocks.blocksPerRow();
      int64_t paddedRows = (shape[0] + tileRows - 1) / tileRows * tileRows;
      for (int64_t row = 0; row < paddedRows; ++row)
        for (int64_t k = 0; k < blocks.paddedColumns(); ++k) {
          unsigned code = packedCode(bytes, tileRows, perRow, grid.block,
                                     grid.bits, row, k);
          if (row < shape[0] && !grid.codebook.empty())
            code = grid.codebook[code];
          unsigned expected =
              row < shape[0] ? blocks.codes[row * blocks.paddedColumns() + k]
                             : 0;
          ASSERT_EQ(code, expected) << row << ", " << k;
        }
      const uint8_t *scales = bytes.data() + beginOf(format, shape, "scales");
      for (int64_t row = 0; row < shape[0]; ++row)
        for (int64_t b = 0; b < perRow; ++b) {
          int64_t i = row * perRow + b;
          int64_t at =
              (row / tileRows * perRow + b) * tileRows + row % tileRows;
          if (grid.scale == CodeGrid::ScaleKind::U8)
            ASSERT_EQ(scales[at], blocks.scaleCodes[i]);
          else
            ASSERT_EQ(scaleAt(grid, scales, at), blocks.scales[i]);
          if (grid.offset == CodeGrid::OffsetKind::ZeroPoint)
            ASSERT_EQ(bytes[beginOf(format, shape, "zero_points") + at],
                      blocks.zeroPoints[i]);
          if (grid.offset == CodeGrid::OffsetKind::Minimum)
            ASSERT_EQ(scaleAt(CodeGrid(),
                              bytes.data() + beginOf(format, shape, "minima"),
                              at),
                      blocks.offsets[i]);
        }
      if (grid.scale == CodeGrid::ScaleKind::U8) {
        const uint8_t *rowScales =
            bytes.data() + beginOf(format, shape, "row_scales");
        for (int64_t row = 0; row < shape[0]; ++row)
          ASSERT_EQ(scaleAt(CodeGrid(), rowScales, row), blocks.rowScales[row]);
      }
    }
}

TEST(Layout, PackedFloatsAreTileColumnRow) {
  Formats formats;
  std::mt19937 random(13);
  FormatAttrInterface format = formats.packed(formats.named("f32"), 8);
  int64_t shape[] = {13, 7};
  std::vector<float> values = randomValues(13 * 7, random);
  auto bytes = codec::encodeRoundToNearest(format, values, shape);
  ASSERT_TRUE(bool(bytes));
  EXPECT_EQ(bytes->size(), 16u * 7 * 4);
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t k = 0; k < 7; ++k) {
      float value;
      std::memcpy(&value, bytes->data() + ((row / 8 * 7 + k) * 8 + row % 8) * 4,
                  4);
      EXPECT_EQ(value, row < 13 ? values[row * 7 + k] : 0.0f);
    }
}

TEST(Layout, Q4_0ByHand) {
  Formats formats;
  // d = 0.5 (0x3800); byte j holds nibbles j (low) and 15 - j (high).
  std::vector<uint8_t> bytes = {0x00, 0x38};
  for (int j = 0; j < 16; ++j)
    bytes.push_back(uint8_t(j | (15 - j) << 4));
  int64_t shape[] = {1, 32};
  auto values = codec::decode(formats.named("q4_0"), bytes, shape);
  ASSERT_TRUE(bool(values));
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ((*values)[j], 0.5f * (j - 8));
    EXPECT_EQ((*values)[j + 16], 0.5f * (7 - j));
  }
}

TEST(Layout, Q4_1ByHand) {
  Formats formats;
  // d = 0.25 (0x3400), m = -1.5 (0xbe00).
  std::vector<uint8_t> bytes = {0x00, 0x34, 0x00, 0xbe};
  for (int j = 0; j < 16; ++j)
    bytes.push_back(uint8_t((15 - j) | j << 4));
  int64_t shape[] = {1, 32};
  auto values = codec::decode(formats.named("q4_1"), bytes, shape);
  ASSERT_TRUE(bool(values));
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ((*values)[j], 0.25f * (15 - j) - 1.5f);
    EXPECT_EQ((*values)[j + 16], 0.25f * j - 1.5f);
  }
}

TEST(Layout, Q8_0ByHand) {
  Formats formats;
  // Two rows of one block: d = 2 (0x4000) and d = -0.5 (0xb800).
  std::vector<uint8_t> bytes;
  for (uint8_t high : {0x40, 0xb8}) {
    bytes.push_back(0);
    bytes.push_back(high);
    for (int j = 0; j < 32; ++j)
      bytes.push_back(uint8_t(int8_t(j * 8 - 128)));
  }
  int64_t shape[] = {2, 32};
  auto values = codec::decode(formats.named("q8_0"), bytes, shape);
  ASSERT_TRUE(bool(values));
  for (int j = 0; j < 32; ++j) {
    EXPECT_EQ((*values)[j], 2.0f * (j * 8 - 128));
    EXPECT_EQ((*values)[32 + j], -0.5f * (j * 8 - 128));
  }
}

TEST(Layout, Q5ByHand) {
  Formats formats;
  // d = 0.5, m = -1.5; byte j holds nibbles j (low) and 15 - j (high); the
  // highest bits are those of columns 0, 3 and 17.
  std::vector<uint8_t> tail = {0x09, 0x00, 0x02, 0x00},
                       symmetric = {0x00, 0x38},
                       shifted = {0x00, 0x38, 0x00, 0xbe};
  for (int j = 0; j < 16; ++j)
    tail.push_back(uint8_t(j | (15 - j) << 4));
  symmetric.insert(symmetric.end(), tail.begin(), tail.end());
  shifted.insert(shifted.end(), tail.begin(), tail.end());
  int64_t shape[] = {1, 32};
  auto values = codec::decode(formats.named("q5_0"), symmetric, shape),
       others = codec::decode(formats.named("q5_1"), shifted, shape);
  ASSERT_TRUE(values && others);
  for (int j = 0; j < 32; ++j) {
    int code = (j < 16 ? j : 31 - j) + (j == 0 || j == 3 || j == 17 ? 16 : 0);
    EXPECT_EQ((*values)[j], 0.5f * (code - 16));
    EXPECT_EQ((*others)[j], 0.5f * code - 1.5f);
  }
}

TEST(Layout, MXFP4ByHand) {
  Formats formats;
  const float numbers[] = {0,    0.5,  1,  1.5,  2,  3,  4,  6,
                           -0.0, -0.5, -1, -1.5, -2, -3, -4, -6};
  // Two blocks, scales 2^3 and 2^-127; byte j holds nibbles j (low) and 15 - j
  // (high).
  std::vector<uint8_t> codes, whole, split;
  for (int j = 0; j < 16; ++j)
    codes.push_back(uint8_t(j | (15 - j) << 4));
  for (uint8_t e : {130, 0}) {
    whole.push_back(e);
    whole.insert(whole.end(), codes.begin(), codes.end());
    split.insert(split.end(), codes.begin(), codes.end());
  }
  split.push_back(130), split.push_back(0);
  int64_t shape[] = {1, 64};
  auto values = codec::decode(formats.named("mxfp4"), whole, shape),
       others = codec::decode(formats.named("mxfp4split"), split, shape);
  ASSERT_TRUE(values && others);
  for (int block = 0; block < 2; ++block)
    for (int j = 0; j < 16; ++j) {
      float scale = block ? std::ldexp(1.0f, -127) : 8.0f;
      EXPECT_EQ((*values)[32 * block + j], scale * numbers[j]);
      EXPECT_EQ((*values)[32 * block + j + 16], scale * numbers[15 - j]);
      EXPECT_EQ((*others)[32 * block + 2 * j], scale * numbers[j]);
      EXPECT_EQ((*others)[32 * block + 2 * j + 1], scale * numbers[15 - j]);
    }
}

TEST(Layout, MXFP4Rounds) {
  Formats formats;
  // The largest number, 7.9, is of the power 4, so the scale is 1; it
  // becomes 6. Ties go to the smaller number.
  std::vector<float> values(32, 0.0f);
  const float in[] = {7.9f, 0.25f, -0.25f, 0.26f, 2.5f, -2.5f,
                      3.5f, 5,     -5,     5.1f,  -7},
              out[] = {6, 0, 0, 0.5, 2, -2, 3, 4, -4, 6, -6};
  std::copy(std::begin(in), std::end(in), values.begin());
  int64_t shape[] = {1, 32};
  for (const char *name : {"mxfp4", "mxfp4split"}) {
    auto bytes =
        codec::encodeRoundToNearest(formats.named(name), values, shape);
    ASSERT_TRUE(bool(bytes));
    EXPECT_EQ((*bytes)[name[5] ? 16 : 0], 127);
    auto decoded = codec::decode(formats.named(name), *bytes, shape);
    ASSERT_TRUE(bool(decoded));
    for (size_t i = 0; i < std::size(out); ++i)
      EXPECT_EQ((*decoded)[i], out[i]) << i;
    // Zeros alone, and numbers too small for any scale, are zeros.
    for (float tiny : {0.0f, 1e-40f}) {
      auto none = codec::encodeRoundToNearest(
          formats.named(name), std::vector<float>(32, tiny), shape);
      ASSERT_TRUE(bool(none));
      EXPECT_EQ((*none)[name[5] ? 16 : 0], 0);
    }
  }
}

/// The numbers of `bytes`.
std::vector<float> decoded(FormatAttrInterface format,
                           llvm::ArrayRef<uint8_t> bytes,
                           llvm::ArrayRef<int64_t> shape) {
  auto values = codec::decode(format, bytes, shape);
  if (!values) {
    ADD_FAILURE() << messageOf(values.takeError());
    return {};
  }
  return *values;
}

TEST(Layout, WholeNumbersAreLittleEndian) {
  Formats formats;
  mlir::MLIRContext *context = &formats.context;
  auto index = [&](unsigned width, mlir::IntegerType::SignednessSemantics sign =
                                       mlir::IntegerType::Signless) {
    return llvm::cast<FormatAttrInterface>(Attribute(format::IndexAttr::get(
        context, mlir::IntegerType::get(context, width, sign))));
  };
  auto isUnsigned = mlir::IntegerType::Unsigned;
  EXPECT_EQ(index(32).getShortName(), "i32");
  EXPECT_EQ(index(8, isUnsigned).getShortName(), "u8");
  EXPECT_EQ(index(1).getShortName(), "bool");

  std::vector<uint8_t> bytes{0x01, 0x02, 0x00, 0x00, 0xfe, 0xff, 0xff, 0xff};
  EXPECT_EQ(decoded(index(32), bytes, {2, 1}), (std::vector<float>{513, -2}));
  EXPECT_EQ(decoded(index(32, isUnsigned), bytes, {2}),
            (std::vector<float>{513, 4294967294.0f}));
  EXPECT_EQ(decoded(index(16), bytes, {1, 4}),
            (std::vector<float>{513, 0, -2, -1}));
  EXPECT_EQ(decoded(index(16, isUnsigned), bytes, {4}),
            (std::vector<float>{513, 0, 65534, 65535}));
  EXPECT_EQ(decoded(index(8), bytes, {8}),
            (std::vector<float>{1, 2, 0, 0, -2, -1, -1, -1}));
  EXPECT_EQ(decoded(index(8, isUnsigned), bytes, {2, 4}),
            (std::vector<float>{1, 2, 0, 0, 254, 255, 255, 255}));
  EXPECT_EQ(decoded(index(1), bytes, {8}),
            (std::vector<float>{1, 1, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(decoded(index(64), bytes, {1}),
            (std::vector<float>{float(int64_t(0xfffffffe00000201))}));
  EXPECT_EQ(decoded(index(64, isUnsigned), bytes, {1}),
            (std::vector<float>{float(0xfffffffe00000201)}));
}

TEST(Layout, WholeNumbersAreRoundedAndMustFit) {
  Formats formats;
  mlir::Builder builder(&formats.context);
  std::vector<float> numbers{0, 1.5f, 2.5f, -3, 100};
  for (unsigned width : {8u, 16u, 32u, 64u}) {
    auto format =
        llvm::cast<FormatAttrInterface>(Attribute(format::IndexAttr::get(
            &formats.context, builder.getIntegerType(width))));
    auto bytes = codec::encodeRoundToNearest(format, numbers, {5});
    ASSERT_TRUE(bool(bytes));
    EXPECT_EQ(bytes->size(), 5 * width / 8);
    EXPECT_EQ(decoded(format, *bytes, {5}),
              (std::vector<float>{0, 2, 2, -3, 100}));
    // As a loader turns it into what programs read.
    std::vector<uint8_t> f32(20);
    ASSERT_FALSE(bool(
        codec::convert(format, *bytes, formats.named("f32"), {5}, 0, f32)));
    EXPECT_EQ(decoded(formats.named("f32"), f32, {5}),
              (std::vector<float>{0, 2, 2, -3, 100}));
    for (float outside :
         {std::ldexp(1.0f, width - 1), -std::ldexp(1.1f, width - 1),
          std::numeric_limits<float>::quiet_NaN(),
          std::numeric_limits<float>::infinity()})
      EXPECT_EQ(
          messageOf(
              codec::encodeRoundToNearest(format, outside, {1}).takeError()),
          "format i" + std::to_string(width) +
              ": a number of the tensor is too large");
  }
  auto flags = llvm::cast<FormatAttrInterface>(
      Attribute(format::IndexAttr::get(&formats.context, builder.getI1Type())));
  auto bytes = codec::encodeRoundToNearest(flags, {0, 1}, {2});
  ASSERT_TRUE(bool(bytes));
  EXPECT_EQ(*bytes, (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(
      messageOf(codec::encodeRoundToNearest(flags, -1.0f, {1}).takeError()),
      "format bool: a number of the tensor is too large");
}

} // namespace
