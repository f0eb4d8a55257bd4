//===- TestFormats.h - formats and random tensors for tests -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_CODEC_TESTFORMATS_H
#define ALLOT_TEST_UNIT_CODEC_TESTFORMATS_H

#include "allot/Codec/Codec.h"
#include "allot/Codec/Grid.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <random>

namespace allot::test {

struct Formats {
  Formats() {
    mlir::DialectRegistry registry;
    registry.insert<format::FormatDialect>();
    codec::registerCodecExternalModels(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  FormatAttrInterface named(llvm::StringRef name) {
    FormatAttrInterface found = format::getFormatByName(&context, name);
    EXPECT_TRUE(found) << name.str();
    return found;
  }

  FormatAttrInterface packed(FormatAttrInterface of, int64_t tileRows) {
    return llvm::cast<FormatAttrInterface>(of.getPackedFormat(tileRows));
  }

  /// Every format with codes: all bits, blocks, scale types and offsets.
  std::vector<FormatAttrInterface> withCodes() {
    std::vector<FormatAttrInterface> all = {
        named("q4_0"), named("q4_1"),  named("q8_0"),      named("q5_0"),
        named("q5_1"), named("mxfp4"), named("mxfp4split")};
    for (int bits = 2; bits <= 8; ++bits)
      for (int block : {32, 64, 128})
        for (const char *offset : {"", "z"})
          for (const char *scale : {"", "s8", "s32"})
            all.push_back(named("int" + std::to_string(bits) + "g" +
                                std::to_string(block) + offset + scale));
    return all;
  }

  std::vector<FormatAttrInterface> all() {
    std::vector<FormatAttrInterface> formats = withCodes();
    for (const char *name : {"f32", "f16", "bf16"})
      formats.push_back(named(name));
    return formats;
  }

  mlir::MLIRContext context;
};

/// A random odd shape that `format` can have.
inline llvm::SmallVector<int64_t> randomShape(FormatAttrInterface format,
                                              std::mt19937 &random) {
  int64_t rows = 1 + random() % 37, columns = 1 + random() % 300;
  llvm::SmallVector<int64_t> shape = {rows, columns};
  auto valid = [&] {
    auto silent = [] { return mlir::InFlightDiagnostic(); };
    return mlir::succeeded(format.verifyShape(shape, silent));
  };
  if (!valid())
    shape.back() = (columns + 31) / 32 * 32;
  EXPECT_TRUE(valid());
  return shape;
}

inline std::vector<float> randomValues(size_t count, std::mt19937 &random) {
  std::normal_distribution<float> normal(0.01f, 0.05f);
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random);
  return values;
}

/// Random codes, scales and offsets on the grid of `format`.
inline CodeBlocks randomBlocks(FormatAttrInterface format,
                               llvm::ArrayRef<int64_t> shape,
                               std::mt19937 &random) {
  CodeGrid grid = format.getCodeGrid();
  auto [rows, columns] = format::getMatrixShape(shape);
  CodeBlocks blocks;
  codec::resizeBlocks(grid, rows, columns, blocks);
  for (int64_t row = 0; row < blocks.rows; ++row)
    for (int64_t k = 0; k < blocks.columns; ++k)
      blocks.codes[row * blocks.paddedColumns() + k] =
          grid.codebook.empty()
              ? random() % (grid.maxCode + 1)
              : grid.codebook[random() % grid.codebook.size()];
  std::normal_distribution<float> normal(0.0f, 0.05f);
  for (float &offset : blocks.offsets)
    offset = normal(random);
  for (uint8_t &zero : blocks.zeroPoints)
    zero = random() % 256;
  for (int64_t row = 0; row < blocks.rows; ++row) {
    int64_t perRow = blocks.blocksPerRow();
    llvm::MutableArrayRef<float> scales(blocks.scales.data() + row * perRow,
                                        perRow);
    for (float &scale : scales)
      scale = std::abs(normal(random)) + 0.001f;
    float rowScale = 0;
    llvm::MutableArrayRef<uint8_t> codes(blocks.scaleCodes);
    codec::roundScalesOfRow(
        grid, scales, codes.empty() ? codes : codes.slice(row * perRow, perRow),
        rowScale);
    if (!blocks.rowScales.empty())
      blocks.rowScales[row] = rowScale;
  }
  codec::finishBlocks(grid, blocks);
  return blocks;
}

/// The storage of `blocks`.
inline std::vector<uint8_t> store(FormatAttrInterface format,
                                  llvm::ArrayRef<int64_t> shape,
                                  const CodeBlocks &blocks) {
  std::vector<uint8_t> bytes(format.getStorageBytes(shape));
  llvm::cast<FormatCodecInterface>(mlir::Attribute(format))
      .writeCodes(blocks, blocks.rows, blocks.columns, 0, bytes);
  return bytes;
}

inline std::string messageOf(llvm::Error error) {
  return llvm::toString(std::move(error));
}

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_CODEC_TESTFORMATS_H
