//===- ProbesTest.cpp - tests of the probes ----------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Probes.h"
#include "gtest/gtest.h"

using namespace allot::runtime;

TEST(Probes, QuantilesAreLinearBetweenNeighbours) {
  EXPECT_EQ(quantile({}, 0.5), 0);
  EXPECT_EQ(quantile({7}, 0.25), 7);
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(quantile({5, 1, 4, 2, 3}, 0.25), 2);
  EXPECT_EQ(quantile({5, 1, 4, 2, 3}, 1), 5);
  EXPECT_EQ(quantile({5, 1, 4, 2, 3}, 0), 1);
  EXPECT_DOUBLE_EQ(quantile({1, 2}, 0.9), 1.9);
  EXPECT_EQ(quantile({1, 2}, 2), 2);
}

TEST(Probes, SpreadIsTheInterquartileRangeByTheMedian) {
  EXPECT_EQ(relativeSpread({}), 0);
  EXPECT_EQ(relativeSpread({2, 2, 2}), 0);
  EXPECT_DOUBLE_EQ(relativeSpread({1, 2, 3, 4, 5}), 2.0 / 3.0);
  EXPECT_EQ(relativeSpread({0, 0, 0}), 0);
}

TEST(Probes, SizesAreSane) {
  EXPECT_GE(lastLevelCacheBytes(), uint64_t(1) << 18);
  EXPECT_GE(coldBytes(), uint64_t(256) << 20);
  EXPECT_LE(coldBytes(), uint64_t(1) << 30);
}

TEST(Probes, ReadsMoreThanThePool) {
  auto probe = ReadProbe::create(2);
  ASSERT_TRUE(bool(probe)) << llvm::toString(probe.takeError());
  double small = probe->read(1);
  EXPECT_GT(small, 0);
  EXPECT_GT(probe->read(2 * coldBytes() + 100), small);
}

TEST(Probes, PeakIsPositive) { EXPECT_GT(measurePeak(2), 1e8); }
