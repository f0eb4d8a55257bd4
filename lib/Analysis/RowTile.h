//===- RowTile.h - sixteen rows that are encoded together -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encoders work on tiles of sixteen rows: every column is one vector with a
// number of each row, so that what a row becomes depends neither on the rows
// beside it nor on their count. The one product that is needed is written here
// for the same reason: a BLAS may add in another order for other sizes.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_ANALYSIS_ROWTILE_H
#define ALLOT_LIB_ANALYSIS_ROWTILE_H

#include "allot/Analysis/ErrorFeedback.h"
#include "allot/Codec/Grid.h"
#include <algorithm>
#include <cstdint>
#include <vector>

// Hot functions are compiled for AVX2 and AVX-512 too and chosen when the
// program starts; what they call inline comes with them. Inline functions take
// vectors by reference: by value, their passing would depend on the machine.
#if defined(__x86_64__) && defined(__clang__)
#define ALLOT_HOT                                                              \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ALLOT_HOT
#endif
#define ALLOT_INLINE inline __attribute__((always_inline))

namespace allot::analysis {

constexpr int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using LaneMask = int32_t __attribute__((vector_size(kLanes * sizeof(float))));

/// Columns that feed back to each other one by one; the rest is a product.
constexpr int64_t kColumnGroup = 8;

/// The working memory of sixteen rows. Codes are floats relative to the
/// constant zero point of the grid, if it has one: number = scale * code +
/// offset.
struct RowTile {
  /// The first row, and how many of the lanes are rows.
  int64_t first = 0, rows = 0;
  /// [columns].
  std::vector<Lanes> weights, codes, work;
  /// [blocks], as they are stored; 1 / scale, or 0 where the scale is.
  std::vector<Lanes> scale, inverse, offset;
  double errors[kLanes] = {};
  /// Memory of the refinement, [columns]: numbers less weights; their products
  /// with the moment, from the blocks before and after; scratch of one block.
  std::vector<Lanes> difference, before, after, gradient, product;
};

/// Codes of a tile: `low` and `high` are the smallest and largest.
struct CodeRange {
  explicit CodeRange(const CodeGrid &grid)
      : zero(grid.offset == CodeGrid::OffsetKind::Constant
                 ? static_cast<float>(grid.zeroPoint)
                 : 0.0f),
        low(static_cast<float>(grid.minCode) - zero),
        high(static_cast<float>(grid.maxCode) - zero),
        grid(grid.codebook.empty() ? nullptr : &grid) {}
  float zero, low, high;
  /// Where there is a codebook; else null.
  const CodeGrid *grid;
};

/// The nearest integer in [low, high], ties to even (NaN becomes low): a number
/// of that size has no bits below one once 1.5 * 2^23 is added.
ALLOT_INLINE void roundToCode(Lanes &code, float low, float high) {
  Lanes lows = Lanes{} + low, highs = Lanes{} + high;
  code = code > lows ? code : lows;
  code = code < highs ? code : highs;
  code = (code + 12582912.0f) - 12582912.0f;
}

/// The nearest code of the grid.
ALLOT_INLINE void roundToCode(Lanes &code, const CodeRange &range) {
  if (!range.grid)
    return roundToCode(code, range.low, range.high);
  for (int l = 0; l < kLanes; ++l)
    code[l] = float(codec::nearestInBook(*range.grid, code[l] + range.zero)) -
              range.zero;
}

/// out[j] += sum over k of h[j * strideJ + k * strideK] * in[k] for `N` rows.
template <int N>
ALLOT_INLINE void addRows(const float *h, int64_t strideJ, int64_t strideK,
                          int64_t countK, const Lanes *in, Lanes *out) {
  Lanes sum[N];
  for (int j = 0; j < N; ++j)
    sum[j] = out[j];
  for (int64_t k = 0; k < countK; ++k)
    for (int j = 0; j < N; ++j)
      sum[j] += h[j * strideJ + k * strideK] * in[k];
  for (int j = 0; j < N; ++j)
    out[j] = sum[j];
}

/// out[j] += sum over k of h[j * strideJ + k * strideK] * in[k]. `in` and `out`
/// do not overlap.
ALLOT_INLINE void addProduct(const float *h, int64_t strideJ, int64_t strideK,
                             int64_t countJ, int64_t countK, const Lanes *in,
                             Lanes *out) {
  // So many numbers of `in` stay in the first cache.
  constexpr int64_t kDepth = 256;
  for (int64_t k = 0; k < countK; k += kDepth) {
    int64_t depth = std::min(kDepth, countK - k), j = 0;
    const float *from = h + k * strideK;
    for (; j + 6 <= countJ; j += 6)
      addRows<6>(from + j * strideJ, strideJ, strideK, depth, in + k, out + j);
    for (; j + 2 <= countJ; j += 2)
      addRows<2>(from + j * strideJ, strideJ, strideK, depth, in + k, out + j);
    for (; j < countJ; ++j)
      addRows<1>(from + j * strideJ, strideJ, strideK, depth, in + k, out + j);
  }
}

} // namespace allot::analysis

#endif // ALLOT_LIB_ANALYSIS_ROWTILE_H
