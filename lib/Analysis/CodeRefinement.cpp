//===- CodeRefinement.cpp - codes and scales after feedback -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For a row with difference d, a visit of block J needs the gradient d H(:, J):
// the parts before, of and after the block. Sweeps go forwards and backwards in
// turn: on the way there the part from the blocks before is computed and kept,
// on the way back the part after, so that a sweep costs half a product of d
// with H (the first one, which needs both parts, a whole one).
//
//===----------------------------------------------------------------------===//

#include "CodeRefinement.h"
#include "ScaleSearch.h"
#include <cmath>

using namespace allot;
using namespace allot::analysis;

/// Finer grids gain too little.
static constexpr unsigned kMaxBits = 5;

struct CodeRefinement::Visit {
  const CodeGrid &grid;
  CodeRange range;
  const float *matrix, *pivots, *sums;
  int64_t columns, block;
  /// Parts of the gradient that have to be computed.
  bool needsBefore, needsAfter;
  bool refit;
  /// In the last sweep: add the block to the errors, with the final part of
  /// the gradient on its side.
  bool addsErrors, isForward;

  int64_t begin() const { return block * grid.block; }
  int64_t count() const { return std::min(grid.block, columns - begin()); }
  /// Rows of the moment from the block's first.
  const float *rows() const { return matrix + begin() * columns; }
};

CodeRefinement::CodeRefinement(const CodeGrid &grid, const InputMoment &moment,
                               const EncodeOptions &options)
    : grid(grid), moment(moment), options(options) {
  if (!moment.hasMatrix() || grid.bits > kMaxBits || options.sweeps <= 0)
    return;
  int64_t columns = moment.columns();
  pivots.resize(columns);
  sums.resize(columns);
  for (int64_t c = 0; c < columns; ++c) {
    const float *row = &moment.damped[c * columns];
    pivots[c] = 1.0f / row[c];
    int64_t begin = c / grid.block * grid.block;
    double sum = 0.0;
    for (int64_t k = begin; k < std::min(begin + grid.block, columns); ++k)
      sum += row[k];
    sums[c] = static_cast<float>(sum);
  }
}

/// One pass over the codes of a block. The gradient is kept up to date for the
/// columns still to come, or for the whole block.
ALLOT_INLINE void descend(const float *rows, const float *pivots,
                          int64_t columns, int64_t begin, int64_t count,
                          const CodeRange &range, const Lanes &scale,
                          const Lanes &inverse, bool wholeGradient,
                          Lanes *codes, Lanes *gradient) {
  Lanes change[kColumnGroup];
  for (int64_t g = 0; g < count; g += kColumnGroup) {
    int64_t end = std::min(g + kColumnGroup, count);
    for (int64_t c = g; c < end; ++c) {
      Lanes old = codes[c];
      Lanes code = old - gradient[c] * (pivots[begin + c] * inverse);
      // Not where it is a tie up to rounding.
      Lanes far = code - old;
      LaneMask moves = far * far > 0.251f;
      roundToCode(code, range);
      code = moves ? code : old;
      Lanes step = (code - old) * scale;
      codes[c] = code;
      change[c - g] = step;
      const float *row = rows + c * columns + begin;
      for (int64_t k = wholeGradient ? g : c + 1; k < end; ++k)
        gradient[k] += row[k] * step;
    }
    const float *from = rows + begin + g;
    if (wholeGradient)
      addProduct(from, columns, 1, g, end - g, change, gradient);
    addProduct(from + end * columns, columns, 1, count - end, end - g, change,
               gradient + end);
  }
}

namespace {
/// The quadratic form of one row's error in the scale and offset of a block:
/// its change is 2 (a slope0 + c slope1) + a^2 form00 + 2 a c form01 + c^2
/// form11 when they grow by a and c.
struct Quadratic {
  double slope0 = 0.0, slope1 = 0.0, form00 = 0.0, form01 = 0.0, form11 = 0.0;
  double change(double a, double c) const {
    return 2.0 * (a * slope0 + c * slope1) + a * a * form00 +
           2.0 * a * c * form01 + c * c * form11;
  }
};
} // namespace

/// Fits scale and offset of a lane's block; false where they stay.
static bool fitLane(const CodeGrid &grid, const Quadratic &form, int64_t row,
                    int64_t b, float &scale, float &offset,
                    CodeBlocks &blocks) {
  bool constant = grid.offset == CodeGrid::OffsetKind::Constant;
  double determinant = form.form00 * form.form11 - form.form01 * form.form01;
  double scaleStep = 0.0;
  if (constant) {
    if (form.form00 > 0.0)
      scaleStep = -form.slope0 / form.form00;
  } else if (determinant > 1e-6 * form.form00 * form.form11) {
    scaleStep =
        -(form.form11 * form.slope0 - form.form01 * form.slope1) / determinant;
  }
  int64_t i = row * blocks.blocksPerRow() + b;
  float newScale = static_cast<float>(scale + scaleStep);
  if (!std::isfinite(newScale) || !(newScale * scale > 0.0f))
    return false;
  // Rounding the scale needs no offset; the offset is fitted to the rounded.
  float newOffset = offset, oldScale = scale, oldOffset = offset;
  uint8_t oldCode = blocks.scaleCodes.empty() ? 0 : blocks.scaleCodes[i];
  uint8_t oldZero = blocks.zeroPoints.empty() ? 0 : blocks.zeroPoints[i];
  float oldStored = blocks.offsets[i];
  storeBlock(grid, row, b, /*keepScale=*/false, newScale, newOffset, blocks);
  double a = double(newScale) - oldScale;
  if (!constant) {
    newOffset = static_cast<float>(oldOffset - (form.slope1 + a * form.form01) /
                                                   form.form11);
    storeBlock(grid, row, b, /*keepScale=*/true, newScale, newOffset, blocks);
  }
  double c = double(newOffset) - oldOffset;
  bool better = std::isfinite(newScale) && std::isfinite(newOffset) &&
                newScale != 0.0f && form.change(a, c) < 0.0;
  if (better) {
    scale = newScale;
    offset = newOffset;
    return true;
  }
  blocks.scales[i] = oldScale;
  blocks.offsets[i] = oldStored;
  if (!blocks.scaleCodes.empty())
    blocks.scaleCodes[i] = oldCode;
  if (!blocks.zeroPoints.empty())
    blocks.zeroPoints[i] = oldZero;
  return false;
}

ALLOT_INLINE void addForms(const Lanes *codes, const Lanes *product,
                           const Lanes *gradient, const float *sums,
                           int64_t count, Lanes &slope0, Lanes &slope1,
                           Lanes &form00, Lanes &form01) {
  for (int64_t c = 0; c < count; ++c) {
    slope0 += codes[c] * gradient[c];
    slope1 += gradient[c];
    form00 += codes[c] * product[c];
    form01 += codes[c] * sums[c];
  }
}

ALLOT_HOT void CodeRefinement::fitBlock(const Visit &v, RowTile &tile,
                                        CodeBlocks &blocks) {
  int64_t begin = v.begin(), count = v.count();
  const Lanes *codes = &tile.codes[begin];
  Lanes *product = tile.product.data(), *gradient = tile.gradient.data();
  std::fill_n(product, count, Lanes{});
  addProduct(v.rows() + begin, v.columns, 1, count, count, codes, product);
  Lanes slope0 = {}, slope1 = {}, form00 = {}, form01 = {};
  addForms(codes, product, gradient, v.sums + begin, count, slope0, slope1,
           form00, form01);
  double form11 = 0.0;
  for (int64_t c = 0; c < count; ++c)
    form11 += v.sums[begin + c];
  Lanes a = {}, c = {};
  for (int64_t l = 0; l < tile.rows; ++l) {
    float scale = tile.scale[v.block][l], offset = tile.offset[v.block][l];
    Quadratic form = {slope0[l], slope1[l], form00[l], form01[l], form11};
    float newScale = scale, newOffset = offset;
    if (!fitLane(v.grid, form, tile.first + l, v.block, newScale, newOffset,
                 blocks))
      continue;
    a[l] = newScale - scale;
    c[l] = newOffset - offset;
    tile.scale[v.block][l] = newScale;
    tile.offset[v.block][l] = newOffset;
    tile.inverse[v.block][l] = 1.0f / newScale;
  }
  for (int64_t k = 0; k < count; ++k)
    gradient[k] += a * product[k] + c * v.sums[begin + k];
}

ALLOT_HOT void CodeRefinement::visit(const Visit &v, RowTile &tile,
                                     CodeBlocks &blocks) {
  int64_t begin = v.begin(), count = v.count(), end = begin + count;
  const float *rows = v.rows();
  Lanes *before = &tile.before[begin], *after = &tile.after[begin];
  Lanes *difference = &tile.difference[begin], *codes = &tile.codes[begin];
  Lanes *gradient = tile.gradient.data();
  if (v.needsBefore) {
    std::fill_n(before, count, Lanes{});
    addProduct(rows, v.columns, 1, count, begin, tile.difference.data(),
               before);
  }
  if (v.needsAfter) {
    std::fill_n(after, count, Lanes{});
    addProduct(rows + end, v.columns, 1, count, v.columns - end,
               tile.difference.data() + end, after);
  }
  for (int64_t c = 0; c < count; ++c)
    gradient[c] = before[c] + after[c];
  addProduct(rows + begin, v.columns, 1, count, count, difference, gradient);
  descend(rows, v.pivots, v.columns, begin, count, v.range, tile.scale[v.block],
          tile.inverse[v.block], v.refit || v.addsErrors, codes, gradient);
  if (v.refit) {
    fitBlock(v, tile, blocks);
    descend(rows, v.pivots, v.columns, begin, count, v.range,
            tile.scale[v.block], tile.inverse[v.block], v.addsErrors, codes,
            gradient);
  }
  Lanes scale = tile.scale[v.block], offset = tile.offset[v.block], error = {};
  for (int64_t c = 0; c < count; ++c)
    difference[c] = scale * codes[c] + (offset - tile.weights[begin + c]);
  if (!v.addsErrors)
    return;
  // d H d^T is the sum over blocks of d(J) times the block's own part and twice
  // the part from one side; the gradient less both sides is its own part.
  for (int64_t c = 0; c < count; ++c) {
    Lanes side = v.isForward ? before[c] - after[c] : after[c] - before[c];
    error += difference[c] * (gradient[c] + side);
  }
  for (int64_t l = 0; l < kLanes; ++l)
    tile.errors[l] += error[l];
}

void CodeRefinement::refine(llvm::MutableArrayRef<RowTile> tiles,
                            CodeBlocks &blocks) const {
  int64_t columns = moment.columns(), n = blocks.blocksPerRow();
  for (RowTile &tile : tiles) {
    tile.difference.resize(columns);
    tile.before.resize(columns);
    tile.after.resize(columns);
    tile.gradient.resize(grid.block);
    tile.product.resize(grid.block);
    for (int64_t c = 0; c < columns; ++c) {
      int64_t b = c / grid.block;
      tile.difference[c] =
          tile.scale[b] * tile.codes[c] + (tile.offset[b] - tile.weights[c]);
    }
    std::fill_n(tile.errors, kLanes, 0.0);
  }
  for (int sweep = 0; sweep < options.sweeps; ++sweep) {
    bool forward = sweep % 2 == 0, last = sweep + 1 == options.sweeps;
    for (int64_t i = 0; i < n; ++i) {
      Visit v = {grid,
                 CodeRange(grid),
                 moment.damped.data(),
                 pivots.data(),
                 sums.data(),
                 columns,
                 forward ? i : n - 1 - i,
                 /*needsBefore=*/forward,
                 /*needsAfter=*/!forward || sweep == 0,
                 /*refit=*/options.refit && last,
                 /*addsErrors=*/last,
                 forward};
      for (RowTile &tile : tiles)
        visit(v, tile, blocks);
    }
  }
  for (RowTile &tile : tiles)
    for (double &error : tile.errors)
      error = std::max(error, 0.0);
}
