//===- ErrorFeedbackTest.cpp - encoding with error feedback -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/ErrorFeedback.h"
#include "allot/Codec/Grid.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <numeric>
#include <omp.h>
#include <random>

using namespace allot;
using namespace allot::analysis;

namespace {

/// Second moment of an input whose columns are correlated and of uneven size.
std::vector<float> correlatedMoment(int64_t columns, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  int64_t samples = 2 * columns + 8, hidden = std::max<int64_t>(columns / 8, 1);
  std::vector<float> mixing(hidden * columns), sizes(columns);
  for (float &value : mixing)
    value = normal(random);
  for (float &size : sizes)
    size = std::exp(0.7f * normal(random));
  std::vector<float> moment(columns * columns), input(columns);
  for (int64_t s = 0; s < samples; ++s) {
    for (float &value : input)
      value = normal(random);
    for (int64_t h = 0; h < hidden; ++h) {
      float factor = normal(random);
      for (int64_t c = 0; c < columns; ++c)
        input[c] += 0.5f * factor * mixing[h * columns + c];
    }
    for (int64_t c = 0; c < columns; ++c)
      input[c] *= sizes[c];
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = 0; j < columns; ++j)
        moment[i * columns + j] += input[i] * input[j] / float(samples);
  }
  return moment;
}

InputMoment correlated(int64_t columns, std::mt19937 &random) {
  return llvm::cantFail(
      InputMoment::fromMatrix(correlatedMoment(columns, random), columns));
}

/// Weights with a zero row and a block of one number, where there is room.
std::vector<float> randomWeights(int64_t rows, int64_t columns, int64_t block,
                                 std::mt19937 &random) {
  std::normal_distribution<float> normal(0.003f, 0.05f);
  std::vector<float> weights(rows * columns);
  for (float &weight : weights)
    weight = normal(random);
  if (rows > 2)
    std::fill_n(&weights[columns], columns, 0.0f);
  if (rows > 3)
    std::fill_n(&weights[2 * columns], std::min(block, columns), 0.125f);
  if (rows > 4)
    std::fill_n(&weights[3 * columns], std::min(block, columns), 0.0f);
  return weights;
}

/// Every kind of grid with `bits` bits.
std::vector<CodeGrid> gridsOf(unsigned bits, int64_t block) {
  using Scale = CodeGrid::ScaleKind;
  using Offset = CodeGrid::OffsetKind;
  std::vector<CodeGrid> grids;
  for (Scale scale : {Scale::F32, Scale::F16, Scale::U8})
    for (Offset offset :
         {Offset::Constant, Offset::ZeroPoint, Offset::Minimum}) {
      CodeGrid grid;
      grid.bits = bits;
      grid.maxCode = (1u << bits) - 1;
      grid.block = block;
      grid.scale = scale;
      grid.offset = offset;
      if (offset == Offset::Constant) {
        grid.zeroPoint = 1u << (bits - 1);
        grid.minCode = 1;
      }
      grids.push_back(grid);
    }
  // As q4_0: one more code below zero, scales of any sign.
  CodeGrid skew = grids[3];
  skew.minCode = 0;
  grids.push_back(skew);
  return grids;
}

std::string nameOf(const CodeGrid &grid) {
  return std::to_string(grid.bits) + " bits, block " +
         std::to_string(grid.block) + ", scale " +
         std::to_string(int(grid.scale)) + ", offset " +
         std::to_string(int(grid.offset)) + ", from " +
         std::to_string(grid.minCode);
}

EncodeOptions plain() {
  EncodeOptions options;
  options.sweeps = 0;
  options.refit = false;
  return options;
}

double sum(const std::vector<double> &values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

void expectSame(const CodeBlocks &a, const CodeBlocks &b) {
  EXPECT_EQ(a.codes, b.codes);
  EXPECT_EQ(a.scales, b.scales);
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.zeroPoints, b.zeroPoints);
  EXPECT_EQ(a.scaleCodes, b.scaleCodes);
  EXPECT_EQ(a.rowScales, b.rowScales);
}

/// What `blocks` hold can be stored, and `errors` are those of what it decodes
/// to.
void expectConsistent(const CodeGrid &grid, llvm::ArrayRef<float> weights,
                      int64_t rows, int64_t columns, const InputMoment &moment,
                      const CodeBlocks &blocks,
                      const std::vector<double> &errors) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k = 0; k < blocks.paddedColumns(); ++k) {
      uint8_t code = blocks.codes[r * blocks.paddedColumns() + k];
      ASSERT_LE(code, k < columns ? grid.maxCode : 0);
      ASSERT_GE(code, k < columns ? grid.minCode : 0);
    }
  CodeBlocks finished = blocks;
  codec::finishBlocks(grid, finished);
  expectSame(blocks, finished);
  if (grid.scale != CodeGrid::ScaleKind::U8) {
    for (float scale : blocks.scales)
      ASSERT_EQ(scale, codec::roundScale(grid, scale));
  } else {
    CodeGrid f16;
    for (float scale : blocks.rowScales)
      ASSERT_EQ(scale, codec::roundScale(f16, scale));
    for (uint8_t code : blocks.scaleCodes)
      ASSERT_GE(code, 1);
  }
  std::vector<float> difference(rows * columns);
  codec::decodeBlocks(grid, blocks, difference);
  double energy = 0.0;
  for (size_t i = 0; i < difference.size(); ++i) {
    energy = std::max(energy, double(weights[i]) * weights[i]);
    difference[i] -= weights[i];
  }
  std::vector<double> expected =
      weightedRowErrors(difference, rows, columns, moment);
  ASSERT_EQ(errors.size(), expected.size());
  double mean = sum(expected) / rows;
  for (int64_t r = 0; r < rows; ++r)
    EXPECT_NEAR(errors[r], expected[r],
                2e-4 * expected[r] + 1e-5 * mean + 1e-9 * energy)
        << "row " << r;
}

struct Shape {
  int64_t rows, columns, block;
};
const Shape kShapes[] = {{1, 70, 32},    {5, 64, 64},    {37, 161, 64},
                         {131, 100, 32}, {20, 300, 128}, {3, 5, 32}};

TEST(ErrorFeedback, AllGridsStayOnTheirGridAndGetNoWorse) {
  std::mt19937 random(1);
  for (const Shape &shape : kShapes) {
    InputMoment moment = correlated(shape.columns, random);
    std::vector<float> weights =
        randomWeights(shape.rows, shape.columns, shape.block, random);
    for (unsigned bits = 2; bits <= 8; ++bits)
      for (const CodeGrid &grid : gridsOf(bits, shape.block)) {
        SCOPED_TRACE(nameOf(grid) + ", rows " + std::to_string(shape.rows));
        CodeBlocks before, after;
        std::vector<double> fed = encodeWithFeedback(
            grid, weights, shape.rows, shape.columns, moment, before, plain());
        expectConsistent(grid, weights, shape.rows, shape.columns, moment,
                         before, fed);
        for (int sweeps : {1, 2, 3}) {
          EncodeOptions options;
          options.sweeps = sweeps;
          options.refit = sweeps != 3;
          std::vector<double> refined = encodeWithFeedback(
              grid, weights, shape.rows, shape.columns, moment, after, options);
          expectConsistent(grid, weights, shape.rows, shape.columns, moment,
                           after, refined);
          double slack = 1e-5 * sum(fed) / shape.rows;
          for (int64_t r = 0; r < shape.rows; ++r)
            EXPECT_LE(refined[r], fed[r] * 1.0001 + slack) << "row " << r;
          if (bits > 5)
            expectSame(before, after);
        }
      }
  }
}

TEST(ErrorFeedback, CoarseGridsGain) {
  std::mt19937 random(2);
  const int64_t rows = 48, columns = 330;
  InputMoment moment = correlated(columns, random);
  std::vector<float> weights = randomWeights(rows, columns, 64, random);
  double ratios = 0.0;
  int count = 0;
  for (unsigned bits = 2; bits <= 5; ++bits)
    for (const CodeGrid &grid : gridsOf(bits, 64)) {
      SCOPED_TRACE(nameOf(grid));
      CodeBlocks blocks;
      double fed = sum(encodeWithFeedback(grid, weights, rows, columns, moment,
                                          blocks, plain()));
      double refined =
          sum(encodeWithFeedback(grid, weights, rows, columns, moment, blocks));
      EXPECT_LT(refined, (bits <= 3 ? 0.97 : 0.99) * fed);
      if (bits > 3)
        continue;
      ratios += refined / fed;
      ++count;
    }
  EXPECT_LT(ratios / count, 0.92);
}

TEST(ErrorFeedback, RefitGainsBeyondSweeps) {
  std::mt19937 random(3);
  const int64_t rows = 32, columns = 256;
  InputMoment moment = correlated(columns, random);
  std::vector<float> weights = randomWeights(rows, columns, 64, random);
  for (const CodeGrid &grid : gridsOf(2, 64)) {
    SCOPED_TRACE(nameOf(grid));
    CodeBlocks blocks;
    EncodeOptions sweeps;
    sweeps.refit = false;
    double fixed = sum(encodeWithFeedback(grid, weights, rows, columns, moment,
                                          blocks, sweeps));
    double refitted =
        sum(encodeWithFeedback(grid, weights, rows, columns, moment, blocks));
    EXPECT_LT(refitted, fixed);
  }
}

TEST(ErrorFeedback, RowsDoNotDependOnEachOtherNorOnThreads) {
  std::mt19937 random(4);
  const int64_t rows = 149, columns = 173;
  InputMoment moment = correlated(columns, random);
  std::vector<float> weights = randomWeights(rows, columns, 32, random);
  int threads = omp_get_max_threads();
  for (unsigned bits : {2u, 3u, 4u, 6u})
    for (const CodeGrid &grid : gridsOf(bits, 32)) {
      SCOPED_TRACE(nameOf(grid));
      CodeBlocks all, again, alone;
      omp_set_num_threads(1);
      std::vector<double> errors =
          encodeWithFeedback(grid, weights, rows, columns, moment, all);
      omp_set_num_threads(7);
      EXPECT_EQ(errors, encodeWithFeedback(grid, weights, rows, columns, moment,
                                           again));
      expectSame(all, again);
      omp_set_num_threads(threads);
      for (int64_t r : {0, 1, 2, 17, 148}) {
        std::vector<double> error = encodeWithFeedback(
            grid, llvm::ArrayRef(weights).slice(r * columns, columns), 1,
            columns, moment, alone);
        EXPECT_EQ(error[0], errors[r]);
        EXPECT_TRUE(std::equal(alone.codes.begin(), alone.codes.end(),
                               &all.codes[r * all.paddedColumns()]));
        EXPECT_TRUE(std::equal(alone.scales.begin(), alone.scales.end(),
                               &all.scales[r * all.blocksPerRow()]));
        EXPECT_TRUE(std::equal(alone.offsets.begin(), alone.offsets.end(),
                               &all.offsets[r * all.blocksPerRow()]));
      }
    }
}

TEST(ErrorFeedback, DiagonalMomentsRoundEachNumber) {
  std::mt19937 random(5);
  const int64_t rows = 21, columns = 150;
  std::vector<float> diagonal(columns, 1.0f);
  for (int64_t c = 0; c < columns; c += 7)
    diagonal[c] = 0.0f;
  for (int64_t c = 1; c < columns; c += 5)
    diagonal[c] = 9.0f;
  InputMoment moment = llvm::cantFail(InputMoment::fromDiagonal(diagonal));
  std::vector<float> weights = randomWeights(rows, columns, 32, random);
  for (unsigned bits = 2; bits <= 8; ++bits)
    for (const CodeGrid &grid : gridsOf(bits, 32)) {
      SCOPED_TRACE(nameOf(grid));
      CodeBlocks blocks, nearest;
      std::vector<double> errors =
          encodeWithFeedback(grid, weights, rows, columns, moment, blocks);
      expectConsistent(grid, weights, rows, columns, moment, blocks, errors);
      codec::chooseScales(grid, weights, rows, columns, nearest);
      codec::roundToCodes(grid, weights, nearest);
      std::vector<float> difference(rows * columns);
      codec::decodeBlocks(grid, nearest, difference);
      for (size_t i = 0; i < difference.size(); ++i)
        difference[i] -= weights[i];
      // The search is better than scales that hold the whole range.
      EXPECT_LT(sum(errors), weightedError(difference, rows, columns, moment));
    }
}

TEST(ErrorFeedback, InputThatIsAlwaysZero) {
  std::mt19937 random(6);
  const int64_t columns = 40;
  InputMoment moment = llvm::cantFail(InputMoment::fromMatrix(
      std::vector<float>(columns * columns, 0.0f), columns));
  std::vector<float> weights = randomWeights(6, columns, 32, random);
  for (const CodeGrid &grid : gridsOf(3, 32)) {
    CodeBlocks blocks;
    std::vector<double> errors =
        encodeWithFeedback(grid, weights, 6, columns, moment, blocks);
    EXPECT_EQ(sum(errors), 0.0);
    expectConsistent(grid, weights, 6, columns, moment, blocks, errors);
  }
}

} // namespace
