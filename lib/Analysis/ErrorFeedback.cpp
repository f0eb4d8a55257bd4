//===- ErrorFeedback.cpp - encoding with error feedback ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/ErrorFeedback.h"
#include "Blas.h"
#include "allot/Codec/Grid.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace allot;
using namespace allot::analysis;

// The hot loops are compiled for AVX2 too and chosen when the program starts.
#if defined(__x86_64__) && defined(__clang__)
#define ALLOT_HOT __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define ALLOT_HOT
#endif

namespace {

/// Rows handled by one thread at a time: their columns stay in the cache.
constexpr int64_t kRowChunk = 128;
/// Columns whose errors are fed back one by one; the rest is one product.
constexpr int64_t kColumnBlock = 64;

/// Scale and (fractional) zero point of one block before they are rounded to
/// what the format stores.
struct BlockScale {
  float scale, zero;
};

/// Weighted squared error of rounding `values` to scale * (code - zero).
ALLOT_HOT float roundingError(const float *values, const float *weights,
                              int64_t count, float scale, float zero, float low,
                              float high) {
#pragma clang fp reassociate(on)
  float inverse = 1.0f / scale, sum = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    float q = __builtin_rintf(values[i] * inverse + zero);
    q = q < low ? low : q;
    q = q > high ? high : q;
    float e = scale * (q - zero) - values[i];
    sum += weights[i] * e * e;
  }
  return sum;
}

BlockScale searchScale(const CodeGrid &grid, const float *values,
                       const float *weights, int64_t count, int candidates) {
  float low = 0.0f, high = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  bool hasZeroPoint = grid.offset == CodeGrid::OffsetKind::ZeroPoint;
  float magnitude = std::max(high, -low);
  if (magnitude == 0.0f)
    return {0.0f, static_cast<float>(grid.zeroPoint)};
  float maxCode = static_cast<float>(grid.maxCode);
  // How far the range may shrink: coarse grids gain more from clipping.
  float shrink = grid.bits <= 3 ? 0.6f : 0.35f;
  BlockScale best{0.0f, 0.0f};
  float bestError = std::numeric_limits<float>::infinity();
  for (int i = 0; i < candidates; ++i) {
    float ratio = 1.05f - shrink * static_cast<float>(i) / candidates;
    BlockScale c;
    if (hasZeroPoint) {
      c.scale = (high - low) * ratio / maxCode;
      c.zero = -low * ratio / c.scale;
    } else {
      c.scale =
          magnitude * ratio / static_cast<float>(grid.maxCode - grid.zeroPoint);
      c.zero = static_cast<float>(grid.zeroPoint);
    }
    float error = roundingError(values, weights, count, c.scale, c.zero,
                                static_cast<float>(grid.minCode), maxCode);
    if (error < bestError) {
      bestError = error;
      best = c;
    }
  }
  return best;
}

/// Rounds one column of a chunk: `x` becomes the error divided by the pivot,
/// its square is added to `errors`.
ALLOT_HOT void roundColumn(float *x, const float *scale, const float *inverse,
                           const float *zero, uint8_t *codes, float *errors,
                           int64_t rows, float pivot, float low, float high) {
  for (int64_t r = 0; r < rows; ++r) {
    float q = __builtin_rintf(x[r] * inverse[r] + zero[r]);
    q = q < low ? low : q;
    q = q > high ? high : q;
    codes[r] = static_cast<uint8_t>(q);
    float e = (x[r] - scale[r] * (q - zero[r])) / pivot;
    x[r] = e;
    errors[r] += e * e;
  }
}

ALLOT_HOT void subtractScaled(float *x, const float *e, float factor,
                              int64_t rows) {
  for (int64_t r = 0; r < rows; ++r)
    x[r] -= factor * e[r];
}

/// Working memory of one thread.
struct Chunk {
  std::vector<float> x, scale, inverse, zero, errors, padded, paddedWeights;
  std::vector<uint8_t> codes;
};

/// Finds and rounds the scales and zero points of rows [first, first + rows)
/// into `blocks`.
void chooseScales(const CodeGrid &grid, const float *weights, int64_t first,
                  int64_t rows, int64_t columns, const InputMoment &moment,
                  CodeBlocks &blocks, const EncodeOptions &options,
                  Chunk &chunk) {
  int64_t n = blocks.blocksPerRow(), block = grid.block;
  chunk.padded.assign(n * block, 0.0f);
  chunk.paddedWeights.assign(n * block, 0.0f);
  std::copy(moment.diagonal.begin(), moment.diagonal.end(),
            chunk.paddedWeights.begin());
  std::vector<float> minima(n);
  for (int64_t r = first; r < first + rows; ++r) {
    std::copy(weights + r * columns, weights + (r + 1) * columns,
              chunk.padded.begin());
    for (int64_t b = 0; b < n; ++b) {
      BlockScale s = searchScale(grid, &chunk.padded[b * block],
                                 &chunk.paddedWeights[b * block], block,
                                 options.candidates);
      blocks.scales[r * n + b] = codec::roundScale(grid, s.scale);
      minima[b] = -s.zero * s.scale;
    }
    if (grid.scale == CodeGrid::ScaleKind::U8)
      codec::roundScalesOfRow(
          grid, llvm::MutableArrayRef<float>(blocks.scales).slice(r * n, n),
          llvm::MutableArrayRef<uint8_t>(blocks.scaleCodes).slice(r * n, n),
          blocks.rowScales[r]);
    if (grid.offset != CodeGrid::OffsetKind::ZeroPoint)
      continue;
    // The zero point goes with the scale as it is stored.
    for (int64_t b = 0; b < n; ++b) {
      float scale = blocks.scales[r * n + b];
      float zero = scale > 0.0f ? -minima[b] / scale : 0.0f;
      blocks.zeroPoints[r * n + b] = static_cast<uint8_t>(
          std::clamp(std::rint(zero * 255.0f / grid.maxCode), 0.0f, 255.0f));
    }
  }
}

void encodeChunk(const CodeGrid &grid, const float *weights, int64_t first,
                 int64_t rows, int64_t columns, const InputMoment &moment,
                 CodeBlocks &blocks, Chunk &chunk) {
  int64_t n = blocks.blocksPerRow(), padded = blocks.paddedColumns();
  // Columns in rounding order, rows contiguous; scales likewise per block.
  chunk.x.resize(columns * rows);
  chunk.scale.resize(n * rows);
  chunk.inverse.resize(n * rows);
  chunk.zero.resize(n * rows);
  chunk.codes.resize(rows);
  chunk.errors.assign(rows, 0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    const float *w = weights + (first + r) * columns;
    for (int64_t c = 0; c < columns; ++c)
      chunk.x[c * rows + r] = w[moment.order[c]];
    for (int64_t b = 0; b < n; ++b) {
      float scale = blocks.scales[(first + r) * n + b];
      chunk.scale[b * rows + r] = scale;
      chunk.inverse[b * rows + r] = scale > 0.0f ? 1.0f / scale : 0.0f;
      chunk.zero[b * rows + r] =
          scale > 0.0f ? -blocks.offsets[(first + r) * n + b] / scale
                       : static_cast<float>(grid.zeroPoint);
    }
  }
  float low = static_cast<float>(grid.minCode);
  float high = static_cast<float>(grid.maxCode);
  bool feedback = moment.hasMatrix();
  for (int64_t c0 = 0; c0 < columns; c0 += kColumnBlock) {
    int64_t c1 = std::min(columns, c0 + kColumnBlock);
    for (int64_t c = c0; c < c1; ++c) {
      int64_t column = moment.order[c], b = column / grid.block;
      const float *u = feedback ? &moment.factor[c * columns] : nullptr;
      // Without feedback the pivot turns e^2 into diagonal * error^2.
      float pivot =
          feedback
              ? u[c]
              : 1.0f / std::sqrt(std::max(moment.diagonal[column], 1e-30f));
      float *x = &chunk.x[c * rows];
      roundColumn(x, &chunk.scale[b * rows], &chunk.inverse[b * rows],
                  &chunk.zero[b * rows], chunk.codes.data(),
                  chunk.errors.data(), rows, pivot, low, high);
      for (int64_t r = 0; r < rows; ++r)
        blocks.codes[(first + r) * padded + column] = chunk.codes[r];
      if (feedback)
        for (int64_t d = c + 1; d < c1; ++d)
          if (u[d] != 0.0f)
            subtractScaled(&chunk.x[d * rows], x, u[d], rows);
    }
    if (feedback && c1 < columns)
      // x[c1:] -= U[c0:c1, c1:]^T E[c0:c1].
      blas::multiply(/*transposeA=*/true, /*transposeB=*/false, columns - c1,
                     rows, c1 - c0, -1.0f, &moment.factor[c0 * columns + c1],
                     columns, &chunk.x[c0 * rows], rows, 1.0f,
                     &chunk.x[c1 * rows], rows);
  }
}

} // namespace

std::vector<double> analysis::encodeWithFeedback(const CodeGrid &grid,
                                                 llvm::ArrayRef<float> weights,
                                                 int64_t rows, int64_t columns,
                                                 const InputMoment &moment,
                                                 CodeBlocks &blocks,
                                                 const EncodeOptions &options) {
  codec::resizeBlocks(grid, rows, columns, blocks);
  blas::SingleThreaded single;
  std::vector<double> errors(rows);
  int64_t chunks = (rows + kRowChunk - 1) / kRowChunk;
#pragma omp parallel
  {
    Chunk chunk;
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < chunks; ++i)
      chooseScales(grid, weights.data(), i * kRowChunk,
                   std::min(kRowChunk, rows - i * kRowChunk), columns, moment,
                   blocks, options, chunk);
  }
  codec::finishBlocks(grid, blocks);
#pragma omp parallel
  {
    Chunk chunk;
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < chunks; ++i) {
      int64_t first = i * kRowChunk, count = std::min(kRowChunk, rows - first);
      encodeChunk(grid, weights.data(), first, count, columns, moment, blocks,
                  chunk);
      std::copy(chunk.errors.begin(), chunk.errors.end(),
                errors.begin() + first);
    }
  }
  return errors;
}
