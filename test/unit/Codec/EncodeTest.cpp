//===- EncodeTest.cpp - rounding to nearest ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFormats.h"
#include "allot/Support/Half.h"
#include <cmath>

using namespace allot;
using namespace allot::test;
using llvm::SmallVector;
using mlir::Attribute;

namespace {

TEST(Names, GoThereAndBack) {
  Formats formats;
  for (FormatAttrInterface format : formats.all()) {
    EXPECT_EQ(formats.named(format.getShortName()), format);
    EXPECT_EQ(formats.packed(format, 8).getShortName(), format.getShortName());
    EXPECT_EQ(formats.packed(format, 16).getUnpackedFormat(), format);
  }
  EXPECT_EQ(formats.named("int4g64").getShortName(), "int4g64");
  for (const char *name :
       {"", "int", "int4", "int9g64", "int4g48", "int4g64zz", "int4g64s16",
        "int4g64 ", "q4_2", "f64", "int4g-64", "int44444444444g64"})
    EXPECT_FALSE(format::getFormatByName(&formats.context, name)) << name;
}

/// Every number is at most half a step from its code, but for what the rounding
/// of scale, zero point and minimum to stored types costs.
TEST(Encode, IsWithinHalfAStep) {
  Formats formats;
  std::mt19937 random(21);
  for (FormatAttrInterface format : formats.withCodes()) {
    SCOPED_TRACE(format.getShortName());
    CodeGrid grid = format.getCodeGrid();
    SmallVector<int64_t> shape = randomShape(format, random);
    int64_t rows = shape[0], columns = shape[1];
    std::vector<float> values = randomValues(rows * columns, random);
    auto bytes = codec::encodeRoundToNearest(format, values, shape);
    ASSERT_TRUE(bool(bytes)) << messageOf(bytes.takeError());
    auto decoded = codec::decode(format, *bytes, shape);
    ASSERT_TRUE(bool(decoded));
    CodeBlocks blocks;
    blocks.rows = rows;
    llvm::cast<FormatCodecInterface>(Attribute(format))
        .readCodes(*bytes, rows, columns, 0, blocks);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t k = 0; k < columns; ++k) {
        int64_t block = row * blocks.blocksPerRow() + k / grid.block;
        int64_t at = row * columns + k;
        float scale = std::abs(blocks.scales[block]);
        // Clamped ends: the rounded scale may be too small by its rounding
        // error, times the codes; a zero point by half a code more.
        if (!grid.codebook.empty()) {
          // Steps differ: no other code is nearer.
          float best = HUGE_VALF;
          for (uint8_t other : grid.codebook)
            best = std::min(
                best,
                std::abs(scale * (float(other) - grid.zeroPoint) - values[at]));
          EXPECT_EQ(std::abs((*decoded)[at] - values[at]), best)
              << row << ", " << k;
          continue;
        }
        float slack = 1e-3f * grid.maxCode * scale + 1e-6f;
        if (grid.scale == CodeGrid::ScaleKind::U8)
          slack += blocks.rowScales[row] / 255.0f / 2 * grid.maxCode;
        float code = blocks.codes[row * blocks.paddedColumns() + k];
        bool atEnd = code == grid.minCode || code == grid.maxCode;
        if (grid.offset == CodeGrid::OffsetKind::ZeroPoint)
          slack += scale / 2;
        // The end with one code less is one step short of the largest number.
        if (grid.offset == CodeGrid::OffsetKind::Constant && grid.minCode == 0)
          slack += scale / 2;
        EXPECT_LE(std::abs((*decoded)[at] - values[at]),
                  scale * 0.50001f + (atEnd ? slack : 1e-6f))
            << row << ", " << k;
        EXPECT_GE(code, grid.minCode);
      }
  }
}

TEST(Encode, PackedIsTheSame) {
  Formats formats;
  std::mt19937 random(22);
  for (const char *name :
       {"int3g32s8", "int4g64z", "q4_1", "q8_0", "mxfp4", "bf16"}) {
    FormatAttrInterface format = formats.named(name);
    FormatAttrInterface packed = formats.packed(format, 8);
    SmallVector<int64_t> shape = randomShape(format, random);
    std::vector<float> values = randomValues(shape[0] * shape[1], random);
    auto direct = codec::encodeRoundToNearest(packed, values, shape);
    auto plain = codec::encodeRoundToNearest(format, values, shape);
    ASSERT_TRUE(bool(direct) && bool(plain));
    std::vector<uint8_t> moved(direct->size(), 1);
    ASSERT_FALSE(bool(codec::convert(format, *plain, packed, shape, 0, moved)));
    EXPECT_EQ(moved, *direct);
  }
}

TEST(Encode, BlocksOfOneNumber) {
  Formats formats;
  int64_t shape[] = {2, 64};
  for (FormatAttrInterface format : formats.withCodes()) {
    SCOPED_TRACE(format.getShortName());
    std::vector<float> values(128, 0.0f);
    std::fill(values.begin() + 64, values.end(), -0.75f);
    auto bytes = codec::encodeRoundToNearest(format, values, shape);
    ASSERT_TRUE(bool(bytes));
    auto decoded = codec::decode(format, *bytes, shape);
    ASSERT_TRUE(bool(decoded));
    for (int i = 0; i < 64; ++i) {
      EXPECT_EQ((*decoded)[i], 0.0f);
      EXPECT_NEAR((*decoded)[64 + i], -0.75f, 0.0011f);
    }
  }
}

TEST(Encode, FloatsRoundToNearestEven) {
  Formats formats;
  // 2049 lies between 2048 and 2050 in f16; 257 between 256 and 258 in bf16.
  std::vector<float> values = {2049.0f, 2051.0f, 257.0f, -0.1f};
  int64_t shape[] = {4};
  auto round = [&](const char *name) {
    FormatAttrInterface format = formats.named(name);
    auto bytes = codec::encodeRoundToNearest(format, values, shape);
    EXPECT_TRUE(bool(bytes));
    auto decoded = codec::decode(format, *bytes, shape);
    EXPECT_TRUE(bool(decoded));
    return *decoded;
  };
  EXPECT_EQ(round("f32"), values);
  EXPECT_EQ(round("f16"),
            (std::vector<float>{2048.0f, 2052.0f, 257.0f, -0.0999755859375f}));
  EXPECT_EQ(round("bf16"),
            (std::vector<float>{2048.0f, 2048.0f, 256.0f, -0.10009765625f}));
}

TEST(Encode, Refuses) {
  Formats formats;
  int64_t shape[] = {1, 32};
  std::vector<float> values(32, 0.5f);
  auto message = [&](const char *name) {
    return messageOf(
        codec::encodeRoundToNearest(formats.named(name), values, shape)
            .takeError());
  };
  values[7] = NAN;
  EXPECT_EQ(message("int4g32"),
            "format int4g32: a number of the tensor is not finite");
  values[7] = 1e30f;
  EXPECT_EQ(message("q4_1"),
            "format q4_1: a number of the tensor is too large");
  EXPECT_EQ(message("int8g64zs8"),
            "format int8g64zs8: a number of the tensor is too large");
  EXPECT_EQ(message("f16"), "format f16: a number of the tensor is too large");
  values.pop_back();
  EXPECT_EQ(message("q8_0"), "format q8_0: 31 numbers for a tensor of 32");
  int64_t odd[] = {1, 31}, huge[] = {int64_t(1) << 40, int64_t(1) << 40};
  auto ofShape = [&](llvm::ArrayRef<int64_t> shape) {
    return messageOf(
        codec::encodeRoundToNearest(formats.named("q8_0"), values, shape)
            .takeError());
  };
  EXPECT_EQ(ofShape(odd), "format q8_0: a tensor of shape 1x31 cannot have it");
  EXPECT_EQ(ofShape({}),
            "format q8_0: a tensor of shape scalar cannot have it");
  EXPECT_EQ(ofShape(huge), "format q8_0: a tensor of shape "
                           "1099511627776x1099511627776 cannot have it");
}

TEST(Grid, ByteScalesHoldTheirRow) {
  CodeGrid grid;
  grid.scale = CodeGrid::ScaleKind::U8;
  float scales[] = {1.0f, 0.5f, 1e-6f, 0.0f}, rowScale = 0;
  uint8_t codes[4];
  codec::roundScalesOfRow(grid, scales, codes, rowScale);
  EXPECT_EQ(rowScale, 1.0f);
  EXPECT_EQ(std::vector<uint8_t>(codes, codes + 4),
            (std::vector<uint8_t>{255, 128, 1, 1}));
  EXPECT_EQ(scales[1], 128.0f / 255.0f);
  float zeros[] = {0.0f, 0.0f};
  codec::roundScalesOfRow(grid, zeros, {codes, 2}, rowScale);
  EXPECT_EQ(rowScale, 0.0f);
  EXPECT_EQ(codes[0], 1);
  EXPECT_EQ(zeros[0], 0.0f);
}

} // namespace
