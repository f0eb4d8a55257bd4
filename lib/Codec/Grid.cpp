//===- Grid.cpp - the numbers that a block can hold -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Codec/Grid.h"
#include "allot/Support/Half.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace allot;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

static float roundToF16(float value) {
  return support::f16ToFloat(support::floatToF16(value));
}

void codec::resizeBlocks(const CodeGrid &grid, int64_t rows, int64_t columns,
                         CodeBlocks &blocks) {
  blocks.rows = rows;
  blocks.columns = columns;
  blocks.block = grid.block;
  size_t count = size_t(rows) * blocks.blocksPerRow();
  bool byteScales = grid.scale == CodeGrid::ScaleKind::U8;
  bool zeroPoints = grid.offset == CodeGrid::OffsetKind::ZeroPoint;
  blocks.codes.resize(count * grid.block);
  blocks.scales.resize(count);
  blocks.offsets.resize(count);
  blocks.zeroPoints.resize(zeroPoints ? count : 0);
  blocks.scaleCodes.resize(byteScales ? count : 0);
  blocks.rowScales.resize(byteScales ? rows : 0);
}

float codec::roundScale(const CodeGrid &grid, float scale) {
  if (grid.scale == CodeGrid::ScaleKind::PowerOfTwo) {
    // Negative and too small ones become the smallest, which is nearly zero.
    double size = scale > 0.0f ? 1.5 * double(scale) : 0.0;
    int exponent = size > 0.0 ? std::ilogb(size) : -128;
    return std::ldexp(1.0f, std::clamp(exponent, -128, 126));
  }
  return grid.scale == CodeGrid::ScaleKind::F16 ? roundToF16(scale) : scale;
}

/// The product is exact (11 + 8 bits), so the scale is rounded once.
static float byteScale(float rowScale, uint8_t code) {
  return rowScale * float(code) / 255.0f;
}

void codec::roundScalesOfRow(const CodeGrid &grid,
                             MutableArrayRef<float> scales,
                             MutableArrayRef<uint8_t> codes, float &rowScale) {
  if (grid.scale != CodeGrid::ScaleKind::U8) {
    for (float &scale : scales)
      scale = roundScale(grid, scale);
    rowScale = 1.0f;
    return;
  }
  float largest = 0.0f;
  for (float scale : scales)
    largest = std::max(largest, scale);
  rowScale = roundToF16(largest);
  for (size_t i = 0; i < scales.size(); ++i) {
    float code =
        rowScale > 0.0f ? std::round(255.0f * scales[i] / rowScale) : 1.0f;
    codes[i] = uint8_t(std::clamp(code, 1.0f, 255.0f));
    scales[i] = byteScale(rowScale, codes[i]);
  }
}

/// The code that stands for zero: a stored byte in 255ths of the largest code.
static float zeroPointOf(const CodeGrid &grid, uint8_t stored) {
  return float(stored) * float(grid.maxCode) / 255.0f;
}

void codec::finishBlocks(const CodeGrid &grid, CodeBlocks &blocks) {
  int64_t perRow = blocks.blocksPerRow();
  if (grid.scale == CodeGrid::ScaleKind::U8)
    for (int64_t row = 0; row < blocks.rows; ++row)
      for (int64_t i = row * perRow; i < (row + 1) * perRow; ++i)
        blocks.scales[i] =
            byteScale(blocks.rowScales[row], blocks.scaleCodes[i]);
  int64_t count = blocks.rows * perRow;
  switch (grid.offset) {
  case CodeGrid::OffsetKind::Constant:
    for (int64_t i = 0; i < count; ++i)
      blocks.offsets[i] = -float(grid.zeroPoint) * blocks.scales[i];
    break;
  case CodeGrid::OffsetKind::ZeroPoint:
    for (int64_t i = 0; i < count; ++i)
      blocks.offsets[i] =
          -zeroPointOf(grid, blocks.zeroPoints[i]) * blocks.scales[i];
    break;
  case CodeGrid::OffsetKind::Minimum:
    for (int64_t i = 0; i < count; ++i)
      blocks.offsets[i] = roundToF16(blocks.offsets[i]);
    break;
  }
}

/// Scale of a block of a grid with a constant zero point.
static float symmetricScale(const CodeGrid &grid, float smallest,
                            float largest) {
  float above = float(grid.maxCode - grid.zeroPoint);
  float below = float(grid.zeroPoint - grid.minCode);
  if (below <= above)
    return std::max(-smallest, largest) / above;
  // One more code below zero than above: give it to the largest number.
  return -smallest >= largest ? -smallest / below : -largest / below;
}

void codec::chooseScales(const CodeGrid &grid, ArrayRef<float> values,
                         int64_t rows, int64_t columns, CodeBlocks &blocks) {
  resizeBlocks(grid, rows, columns, blocks);
  int64_t perRow = blocks.blocksPerRow();
  // The smallest number of each block of one row, for its zero point.
  std::vector<float> smallestOf(perRow);
  for (int64_t row = 0; row < rows; ++row) {
    const float *in = values.data() + row * columns;
    MutableArrayRef<float> scales(blocks.scales.data() + row * perRow, perRow);
    for (int64_t b = 0; b < perRow; ++b) {
      int64_t begin = b * grid.block;
      int64_t end = std::min(begin + grid.block, columns);
      auto [low, high] = std::minmax_element(in + begin, in + end);
      float smallest = *low, largest = *high;
      switch (grid.offset) {
      case CodeGrid::OffsetKind::Constant:
        scales[b] = symmetricScale(grid, smallest, largest);
        break;
      case CodeGrid::OffsetKind::ZeroPoint:
        smallest = std::min(smallest, 0.0f);
        scales[b] = (std::max(largest, 0.0f) - smallest) / float(grid.maxCode);
        break;
      case CodeGrid::OffsetKind::Minimum:
        smallest = roundToF16(smallest);
        scales[b] = std::max(largest - smallest, 0.0f) / float(grid.maxCode);
        break;
      }
      smallestOf[b] = smallest;
    }
    float rowScale = 1.0f;
    MutableArrayRef<uint8_t> scaleCodes(blocks.scaleCodes);
    bool byteScales = grid.scale == CodeGrid::ScaleKind::U8;
    roundScalesOfRow(grid, scales,
                     byteScales ? scaleCodes.slice(row * perRow, perRow)
                                : scaleCodes,
                     rowScale);
    if (byteScales)
      blocks.rowScales[row] = rowScale;
    for (int64_t b = 0; b < perRow; ++b) {
      if (grid.offset == CodeGrid::OffsetKind::Minimum)
        blocks.offsets[row * perRow + b] = smallestOf[b];
      if (grid.offset == CodeGrid::OffsetKind::ZeroPoint) {
        float z = scales[b] > 0.0f ? -smallestOf[b] / scales[b] : 0.0f;
        z = std::round(z * 255.0f / float(grid.maxCode));
        blocks.zeroPoints[row * perRow + b] =
            uint8_t(std::clamp(z, 0.0f, 255.0f));
      }
    }
  }
  finishBlocks(grid, blocks);
}

/// Nearest integer of 0 <= value < 2^22, ties to even: the sum has no bits
/// below one.
static uint8_t nearestCode(float value) {
  float shifted = value + 8388608.0f;
  uint32_t bits;
  std::memcpy(&bits, &shifted, 4);
  return uint8_t(bits);
}

uint8_t codec::nearestInBook(const CodeGrid &grid, float code) {
  uint8_t best = grid.codebook.front();
  float smallest = std::abs(code - float(best));
  for (uint8_t candidate : grid.codebook.drop_front()) {
    float error = std::abs(code - float(candidate));
    bool nearer = std::abs(int(candidate) - int(grid.zeroPoint)) <
                  std::abs(int(best) - int(grid.zeroPoint));
    if (error < smallest || (error == smallest && nearer)) {
      smallest = error;
      best = candidate;
    }
  }
  return best;
}

void codec::roundToCodes(const CodeGrid &grid, ArrayRef<float> values,
                         CodeBlocks &blocks) {
  int64_t perRow = blocks.blocksPerRow();
  float lowest = float(grid.minCode), highest = float(grid.maxCode);
  for (int64_t row = 0; row < blocks.rows; ++row)
    for (int64_t b = 0; b < perRow; ++b) {
      int64_t i = row * perRow + b;
      int64_t begin = b * grid.block;
      int64_t count = std::min(grid.block, blocks.columns - begin);
      const float *in = values.data() + row * blocks.columns + begin;
      uint8_t *out = blocks.codes.data() + i * grid.block;
      float scale = blocks.scales[i];
      float minimum = 0.0f, zero = 0.0f;
      if (grid.offset == CodeGrid::OffsetKind::Minimum)
        minimum = blocks.offsets[i];
      else
        zero = grid.offset == CodeGrid::OffsetKind::ZeroPoint
                   ? zeroPointOf(grid, blocks.zeroPoints[i])
                   : float(grid.zeroPoint);
      if (scale == 0.0f)
        std::fill(out, out + count, nearestCode(zero));
      else
        for (int64_t k = 0; k < count; ++k) {
          float code = (in[k] - minimum) / scale + zero;
          if (!grid.codebook.empty()) {
            out[k] = nearestInBook(grid, code);
            continue;
          }
          code = code < lowest ? lowest : code;
          out[k] = nearestCode(code > highest ? highest : code);
        }
      std::fill(out + count, out + grid.block, uint8_t(0));
    }
}

void codec::decodeBlocks(const CodeGrid &grid, const CodeBlocks &blocks,
                         MutableArrayRef<float> out) {
  int64_t perRow = blocks.blocksPerRow();
  for (int64_t row = 0; row < blocks.rows; ++row)
    for (int64_t b = 0; b < perRow; ++b) {
      int64_t i = row * perRow + b;
      int64_t begin = b * grid.block;
      int64_t count = std::min(grid.block, blocks.columns - begin);
      float *to = out.data() + row * blocks.columns + begin;
      const uint8_t *codes = blocks.codes.data() + i * grid.block;
      float scale = blocks.scales[i];
      if (grid.offset == CodeGrid::OffsetKind::Minimum) {
        float minimum = blocks.offsets[i];
        for (int64_t k = 0; k < count; ++k)
          to[k] = scale * float(codes[k]) + minimum;
        continue;
      }
      float zero = grid.offset == CodeGrid::OffsetKind::ZeroPoint
                       ? zeroPointOf(grid, blocks.zeroPoints[i])
                       : float(grid.zeroPoint);
      for (int64_t k = 0; k < count; ++k)
        to[k] = scale * (float(codes[k]) - zero);
    }
}
