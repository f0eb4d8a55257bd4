//===- ErrorFeedback.cpp - encoding with error feedback ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/ErrorFeedback.h"
#include "CodeRefinement.h"
#include "RowTile.h"
#include "ScaleSearch.h"
#include "allot/Codec/Grid.h"
#include <algorithm>
#include <omp.h>

using namespace allot;
using namespace allot::analysis;

namespace {
/// Tiles that go through the columns together: a part of the moment that is
/// read serves all of them.
constexpr int64_t kTilesPerChunk = 8;
/// Columns whose errors are fed back before the rest is made good.
constexpr int64_t kColumnBlock = 64;
} // namespace

static void loadTile(const float *weights, int64_t rows, int64_t columns,
                     int64_t first, RowTile &tile) {
  tile.first = first;
  tile.rows = std::min(kLanes, rows - first);
  tile.weights.assign(columns, Lanes{});
  tile.codes.resize(columns);
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t l = 0; l < tile.rows; ++l)
      tile.weights[c][l] = weights[(first + l) * columns + c];
  std::fill_n(tile.errors, kLanes, 0.0);
}

/// Rounds each number on its own.
ALLOT_HOT static void roundTile(const CodeGrid &grid, const CodeRange &range,
                                const InputMoment &moment, RowTile &tile) {
  int64_t columns = moment.columns();
  for (int64_t begin = 0; begin < columns; begin += grid.block) {
    int64_t b = begin / grid.block;
    int64_t end = std::min(begin + grid.block, columns);
    Lanes scale = tile.scale[b], inverse = tile.inverse[b],
          offset = tile.offset[b], errors = {};
    for (int64_t c = begin; c < end; ++c) {
      Lanes code = (tile.weights[c] - offset) * inverse;
      roundToCode(code, range);
      tile.codes[c] = code;
      Lanes error = scale * code + (offset - tile.weights[c]);
      errors += moment.diagonal[c] * error * error;
    }
    for (int64_t l = 0; l < kLanes; ++l)
      tile.errors[l] += errors[l];
  }
}

/// Rounds the columns [begin, end) (in rounding order) of a tile and feeds
/// their errors to all later ones. `work` becomes minus the error divided by
/// the pivot.
ALLOT_HOT static void roundColumns(const CodeGrid &grid, const CodeRange &range,
                                   const InputMoment &moment, int64_t begin,
                                   int64_t end, RowTile &tile) {
  int64_t columns = moment.columns();
  const float *factor = moment.factor.data();
  Lanes *work = tile.work.data(), errors = {};
  for (int64_t g = begin; g < end; g += kColumnGroup) {
    int64_t last = std::min(g + kColumnGroup, end);
    for (int64_t c = g; c < last; ++c) {
      int64_t column = moment.order[c], b = column / grid.block;
      const float *u = factor + c * columns;
      Lanes code = (work[c] - tile.offset[b]) * tile.inverse[b];
      roundToCode(code, range);
      tile.codes[column] = code;
      Lanes error = tile.scale[b] * code + (tile.offset[b] - work[c]);
      error *= 1.0f / u[c];
      errors += error * error;
      work[c] = error;
      for (int64_t d = c + 1; d < last; ++d)
        work[d] += u[d] * error;
    }
    addProduct(factor + g * columns + last, 1, columns, end - last, last - g,
               work + g, work + last);
  }
  addProduct(factor + begin * columns + end, 1, columns, columns - end,
             end - begin, work + begin, work + end);
  for (int64_t l = 0; l < kLanes; ++l)
    tile.errors[l] += errors[l];
}

static void feedBack(const CodeGrid &grid, const CodeRange &range,
                     const InputMoment &moment,
                     llvm::MutableArrayRef<RowTile> tiles) {
  int64_t columns = moment.columns();
  for (RowTile &tile : tiles) {
    tile.work.resize(columns);
    for (int64_t c = 0; c < columns; ++c)
      tile.work[c] = tile.weights[moment.order[c]];
  }
  for (int64_t c = 0; c < columns; c += kColumnBlock)
    for (RowTile &tile : tiles)
      roundColumns(grid, range, moment, c, std::min(c + kColumnBlock, columns),
                   tile);
}

static void storeCodes(const CodeRange &range, const RowTile &tile,
                       CodeBlocks &blocks) {
  int64_t padded = blocks.paddedColumns();
  for (int64_t c = 0; c < blocks.columns; ++c)
    for (int64_t l = 0; l < tile.rows; ++l)
      blocks.codes[(tile.first + l) * padded + c] =
          static_cast<uint8_t>(tile.codes[c][l] + range.zero);
}

std::vector<double> analysis::encodeWithFeedback(const CodeGrid &grid,
                                                 llvm::ArrayRef<float> weights,
                                                 int64_t rows, int64_t columns,
                                                 const InputMoment &moment,
                                                 CodeBlocks &blocks,
                                                 const EncodeOptions &options) {
  blocks.codes.clear(); // padding becomes 0
  codec::resizeBlocks(grid, rows, columns, blocks);
  std::vector<double> errors(rows);
  CodeRange range(grid);
  CodeRefinement refinement(grid, moment, options);
  int64_t tileCount = (rows + kLanes - 1) / kLanes;
  // Small matrices too are to keep all threads busy.
  int64_t perChunk =
      std::clamp<int64_t>(tileCount / omp_get_max_threads(), 1, kTilesPerChunk);
#pragma omp parallel
  {
    std::vector<RowTile> memory(perChunk);
#pragma omp for schedule(dynamic)
    for (int64_t t = 0; t < tileCount; t += perChunk) {
      llvm::MutableArrayRef<RowTile> tiles(memory.data(),
                                           std::min(perChunk, tileCount - t));
      for (auto [i, tile] : llvm::enumerate(tiles)) {
        loadTile(weights.data(), rows, columns, (t + i) * kLanes, tile);
        chooseScales(grid, moment, options.candidates, tile, blocks);
        if (!moment.hasMatrix())
          roundTile(grid, range, moment, tile);
      }
      if (moment.hasMatrix())
        feedBack(grid, range, moment, tiles);
      if (refinement.applies())
        refinement.refine(tiles, blocks);
      for (const RowTile &tile : tiles) {
        storeCodes(range, tile, blocks);
        std::copy_n(tile.errors, tile.rows, &errors[tile.first]);
      }
    }
  }
  return errors;
}
