//===- NumbersTest.cpp - numbers as people read them ---------- -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Numbers.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace allot::report;

TEST(Numbers, Texts) {
  EXPECT_EQ(coordinate(12.5), "12.5");
  EXPECT_EQ(coordinate(-0.001), "0");
  EXPECT_EQ(coordinate(100), "100");
  EXPECT_EQ(number(0.012345), "0.0123");
  EXPECT_EQ(number(71.46), "71.5");
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(1.2e-7), "1.20e-07");
  EXPECT_EQ(number(4.2499, 4), "4.250");
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "infinite");
  EXPECT_EQ(tickText(0.0001), "0.0001");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(-71459712), "-71,459,712");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(sizeText(1), "1 byte");
  EXPECT_EQ(sizeText(1023), "1023 bytes");
  EXPECT_EQ(sizeText(71459712), "68.1 MiB");
  EXPECT_EQ(percent(0.5866), "58.7 %");
}

TEST(Axis, PlacesAndTicks) {
  Axis axis = Axis::linear(2.5, 6);
  EXPECT_DOUBLE_EQ(axis.at(2.5), 0);
  EXPECT_DOUBLE_EQ(axis.at(6), 1);
  EXPECT_EQ(axis.ticks(8),
            (std::vector<double>{2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6}));
  Axis log = Axis::logarithmic(1e-4, 1);
  EXPECT_NEAR(log.at(1e-2), 0.5, 1e-12);
  std::vector<double> ticks = log.ticks(5);
  ASSERT_EQ(ticks.size(), 5u);
  EXPECT_NEAR(ticks[1], 1e-3, 1e-15);
}

TEST(Axis, EveryRangeHasTicksWithin) {
  std::vector<Axis> axes = {Axis::linear(3, 3),
                            Axis::linear(0, 0),
                            Axis::linear(-1e18, 1e18),
                            Axis::linear(5, -5),
                            Axis::logarithmic(0.012, 0.019),
                            Axis::logarithmic(0, 0),
                            Axis::logarithmic(1e-300, 1e300),
                            Axis::logarithmic(1, 1),
                            Axis::logarithmic(-1, 5)};
  for (const Axis &axis : axes) {
    ASSERT_LT(axis.low, axis.high);
    std::vector<double> ticks = axis.ticks(6);
    ASSERT_FALSE(ticks.empty());
    EXPECT_LE(ticks.size(), 24u);
    double room = 1e-6;
    for (double tick : ticks) {
      EXPECT_GE(axis.at(tick), -room);
      EXPECT_LE(axis.at(tick), 1 + room);
    }
    EXPECT_TRUE(std::isfinite(axis.at(0)));
    Axis wide = axis.rounded(6);
    EXPECT_LE(wide.low, axis.low + 1e-9 * (axis.high - axis.low));
    EXPECT_GE(wide.high, axis.high - 1e-9 * (axis.high - axis.low));
  }
}
