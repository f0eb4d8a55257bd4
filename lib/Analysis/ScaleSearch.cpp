//===- ScaleSearch.cpp - scales and zero points of a tile -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scales of a few ratios to the range of a block are tried; each is refined by
// rounding the block and fitting scale and offset to the codes by weighted
// least squares, twice, as the k-quants of GGUF do.
//
//===----------------------------------------------------------------------===//

#include "ScaleSearch.h"
#include "allot/Codec/Grid.h"
#include "allot/Support/Half.h"
#include <cmath>
#include <limits>

using namespace allot;
using namespace allot::analysis;

namespace {

constexpr int kFits = 2;

/// One block of a tile under a grid.
struct Block {
  const Lanes *values;
  const float *weights;
  int64_t count;
  CodeGrid::OffsetKind kind;
  CodeRange range;
  /// The range may be turned round: there is one more code below zero.
  bool negativeScales;
};

struct Candidate {
  Lanes scale, offset;
};

/// Weighted sums over a block rounded to a candidate.
struct Sums {
  Lanes error, codes, squares, products;
};

} // namespace

template <bool kAll>
ALLOT_INLINE void addUp(const Block &block, const Candidate &candidate,
                        Sums &sums) {
  Lanes zero = {}, scale = candidate.scale, offset = candidate.offset;
  Lanes inverse = scale != 0.0f ? 1.0f / scale : zero;
  Lanes bias = -offset * inverse;
  for (int64_t i = 0; i < block.count; ++i) {
    Lanes value = block.values[i], code = value * inverse + bias;
    roundToCode(code, block.range);
    Lanes error = scale * code + (offset - value);
    sums.error += block.weights[i] * error * error;
    if constexpr (kAll) {
      Lanes weighted = block.weights[i] * code;
      sums.codes += weighted;
      sums.squares += weighted * code;
      sums.products += weighted * value;
    }
  }
}

/// Rounds a zero point to what can be stored with this scale.
ALLOT_INLINE void roundZeroPoint(const Block &block, Candidate &candidate) {
  if (block.kind != CodeGrid::OffsetKind::ZeroPoint)
    return;
  float step = block.range.high / 255.0f;
  Lanes zero = -candidate.offset / (candidate.scale * step);
  roundToCode(zero, 0.0f, 255.0f);
  candidate.offset = -zero * (candidate.scale * step);
}

/// Fits a candidate to its own codes. Where that cannot be done, it stays.
ALLOT_INLINE void fit(const Block &block, const Sums &sums, float weight,
                      const Lanes &weightedValues, Candidate &candidate) {
  Lanes scale = candidate.scale, offset = candidate.offset;
  if (block.kind == CodeGrid::OffsetKind::Constant) {
    Lanes fitted = sums.products / sums.squares;
    candidate.scale =
        sums.squares > 0.0f && fitted * scale > 0.0f ? fitted : scale;
    return;
  }
  Lanes spread = weight * sums.squares - sums.codes * sums.codes;
  Lanes fitted =
      (weight * sums.products - sums.codes * weightedValues) / spread;
  LaneMask good = spread > 1e-6f * weight * sums.squares && fitted > 0.0f;
  scale = good ? fitted : scale;
  Lanes moved = (weightedValues - scale * sums.codes) / weight;
  candidate.offset = good ? moved : offset;
  candidate.scale = scale;
  roundZeroPoint(block, candidate);
}

ALLOT_INLINE void keepBetter(const Candidate &candidate, const Lanes &error,
                             Candidate &best, Lanes &bestError) {
  LaneMask better = error < bestError;
  bestError = better ? error : bestError;
  best.scale = better ? candidate.scale : best.scale;
  best.offset = better ? candidate.offset : best.offset;
}

/// The scale and offset at which the whole range of the block has a code.
ALLOT_INLINE Candidate fullRange(const Block &block) {
  Lanes low = block.values[0], high = low, zero = {};
  for (int64_t i = 1; i < block.count; ++i) {
    Lanes value = block.values[i];
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  switch (block.kind) {
  case CodeGrid::OffsetKind::Minimum:
    return {(high - low) / block.range.high, low};
  case CodeGrid::OffsetKind::ZeroPoint:
    low = low < zero ? low : zero;
    high = high > zero ? high : zero;
    return {(high - low) / block.range.high, low};
  case CodeGrid::OffsetKind::Constant:
    break;
  }
  // With one more code below zero, the largest number goes there.
  Lanes magnitude = high > -low ? high : -low;
  if (!block.negativeScales)
    return {magnitude / block.range.high, zero};
  magnitude = high > -low ? -magnitude : magnitude;
  return {magnitude / -block.range.low, zero};
}

ALLOT_HOT static void search(const Block &block, int candidates, bool coarse,
                             Lanes &scale, Lanes &offset) {
  Candidate full = fullRange(block);
  float weight = 0.0f;
  Lanes weightedValues = {};
  for (int64_t i = 0; i < block.count; ++i) {
    weight += block.weights[i];
    weightedValues += block.weights[i] * block.values[i];
  }
  Candidate best = full;
  Lanes bestError = {};
  bestError += std::numeric_limits<float>::infinity();
  // How far the range may shrink: coarse grids gain more from clipping.
  float shrink = coarse ? 0.6f : 0.35f;
  for (int i = 0; i < candidates; ++i) {
    float ratio = 1.05f - shrink * static_cast<float>(i) / candidates;
    Candidate candidate = {full.scale * ratio, full.offset};
    if (block.kind == CodeGrid::OffsetKind::ZeroPoint)
      candidate.offset *= ratio; // 0 keeps its place
    else if (block.kind == CodeGrid::OffsetKind::Minimum)
      candidate.offset +=
          (full.scale - candidate.scale) * (0.5f * block.range.high);
    roundZeroPoint(block, candidate);
    for (int round = 0; round < kFits; ++round) {
      Sums sums = {};
      addUp<true>(block, candidate, sums);
      keepBetter(candidate, sums.error, best, bestError);
      fit(block, sums, weight, weightedValues, candidate);
    }
    Sums sums = {};
    addUp<false>(block, candidate, sums);
    keepBetter(candidate, sums.error, best, bestError);
  }
  scale = best.scale;
  offset = best.offset;
}

void analysis::storeBlock(const CodeGrid &grid, int64_t row, int64_t b,
                          bool keepScale, float &scale, float &offset,
                          CodeBlocks &blocks) {
  int64_t i = row * blocks.blocksPerRow() + b;
  if (!keepScale) {
    if (grid.scale == CodeGrid::ScaleKind::U8) {
      float rowScale = blocks.rowScales[row];
      float code =
          rowScale > 0.0f ? std::round(255.0f * scale / rowScale) : 1.0f;
      blocks.scaleCodes[i] =
          static_cast<uint8_t>(std::clamp(code, 1.0f, 255.0f));
      scale = rowScale * static_cast<float>(blocks.scaleCodes[i]) / 255.0f;
    } else {
      scale = codec::roundScale(grid, scale);
    }
  }
  blocks.scales[i] = scale;
  float maxCode = static_cast<float>(grid.maxCode);
  switch (grid.offset) {
  case CodeGrid::OffsetKind::Constant:
    offset = 0.0f;
    blocks.offsets[i] = -static_cast<float>(grid.zeroPoint) * scale;
    return;
  case CodeGrid::OffsetKind::ZeroPoint: {
    float zero = scale > 0.0f ? -offset / scale : 0.0f;
    blocks.zeroPoints[i] = static_cast<uint8_t>(
        std::clamp(std::rint(zero * 255.0f / maxCode), 0.0f, 255.0f));
    zero = static_cast<float>(blocks.zeroPoints[i]) * maxCode / 255.0f;
    offset = blocks.offsets[i] = -zero * scale;
    return;
  }
  case CodeGrid::OffsetKind::Minimum:
    offset = blocks.offsets[i] =
        support::f16ToFloat(support::floatToF16(offset));
    return;
  }
}

void analysis::chooseScales(const CodeGrid &grid, const InputMoment &moment,
                            int candidates, RowTile &tile, CodeBlocks &blocks) {
  int64_t n = blocks.blocksPerRow();
  CodeRange range(grid);
  bool negative = grid.offset == CodeGrid::OffsetKind::Constant &&
                  grid.scale != CodeGrid::ScaleKind::U8 &&
                  -range.low > range.high;
  tile.scale.resize(n);
  tile.inverse.resize(n);
  tile.offset.resize(n);
  for (int64_t b = 0; b < n; ++b) {
    int64_t begin = b * grid.block;
    Block block = {&tile.weights[begin],
                   &moment.diagonal[begin],
                   std::min(grid.block, blocks.columns - begin),
                   grid.offset,
                   range,
                   negative};
    search(block, candidates, grid.bits <= 3, tile.scale[b], tile.offset[b]);
  }
  std::vector<float> scales(n);
  std::vector<uint8_t> scaleCodes(n);
  for (int64_t l = 0; l < tile.rows; ++l) {
    for (int64_t b = 0; b < n; ++b)
      scales[b] = tile.scale[b][l];
    float rowScale;
    codec::roundScalesOfRow(grid, scales, scaleCodes, rowScale);
    if (grid.scale == CodeGrid::ScaleKind::U8) {
      blocks.rowScales[tile.first + l] = rowScale;
      std::copy(scaleCodes.begin(), scaleCodes.end(),
                &blocks.scaleCodes[(tile.first + l) * n]);
    }
    for (int64_t b = 0; b < n; ++b) {
      // The offset goes with the scale as it is stored.
      float offset = tile.offset[b][l];
      storeBlock(grid, tile.first + l, b, /*keepScale=*/true, scales[b], offset,
                 blocks);
      tile.scale[b][l] = scales[b];
      tile.offset[b][l] = offset;
      tile.inverse[b][l] = scales[b] != 0.0f ? 1.0f / scales[b] : 0.0f;
    }
  }
}
