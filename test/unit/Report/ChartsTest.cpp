//===- ChartsTest.cpp - pictures ------------------------------ -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Charts.h"
#include "gtest/gtest.h"
#include <algorithm>

using namespace allot::report;

template <typename Chart>
static std::string drawn(const Chart &chart) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Markup markup(os);
  draw(markup, chart);
  return text;
}

static size_t count(llvm::StringRef text, llvm::StringRef part) {
  return text.count(part);
}

TEST(LabelPlacer, LabelsDoNotOverlapAndStayInside) {
  LabelPlacer::Box room{0, 0, 300, 200};
  LabelPlacer placer(room);
  std::vector<LabelPlacer::Box> placed;
  for (int i = 0; i < 60; ++i)
    if (auto at = placer.place(20 + 37 * i % 270, 10 + 53 * i % 180, 50, 14, 6))
      placed.push_back({at->first, at->second - 14 + 0.22 * 14, at->first + 50,
                        at->second + 0.22 * 14});
  EXPECT_GT(placed.size(), 10u);
  for (size_t i = 0; i < placed.size(); ++i) {
    const auto &a = placed[i];
    EXPECT_GE(a.left, room.left);
    EXPECT_LE(a.right, room.right);
    EXPECT_GE(a.top, room.top - 1e-9);
    EXPECT_LE(a.bottom, room.bottom + 1e-9);
    for (size_t j = 0; j < i; ++j) {
      const auto &b = placed[j];
      EXPECT_FALSE(a.left < b.right - 1e-9 && b.left < a.right - 1e-9 &&
                   a.top < b.bottom - 1e-9 && b.top < a.bottom - 1e-9);
    }
  }
}

TEST(LabelPlacer, GivesUpWhereNothingIsFree) {
  LabelPlacer placer({0, 0, 30, 30});
  EXPECT_FALSE(placer.place(15, 15, 40, 10, 4));
}

TEST(Charts, PointsOutsideAreLeftOut) {
  XYChart chart;
  chart.caption = {"c", "title", "text <b>"};
  chart.x = Axis::linear(0, 10);
  chart.y = Axis::logarithmic(0.01, 1);
  chart.series = {{"one",
                   "plan",
                   Shape::Circle,
                   true,
                   {{1, 0.5, 0.1, "a", "first"},
                    {20, 0.5, std::nullopt, "b", "outside"},
                    {2, 0.2, std::nullopt, "", "second"}}}};
  std::string text = drawn(chart);
  EXPECT_EQ(count(text, ">first<"), 1u);
  EXPECT_EQ(count(text, ">second<"), 1u);
  EXPECT_EQ(count(text, ">outside<"), 0u);
  EXPECT_EQ(count(text, "class=\"error"), 1u);
  EXPECT_EQ(count(text, "text &lt;b&gt;"), 1u);
  EXPECT_EQ(count(text, "nan"), 0u);
  EXPECT_EQ(count(text, "inf"), 0u);
}

TEST(Charts, GridHasATitlePerCellAndAKeyPerShade) {
  GridChart chart;
  chart.caption = {"g", "grid", "cells"};
  chart.columns = {"0", "1", "2"};
  chart.rows = {"a", "b"};
  chart.cells = {{Cell{"4.5", "a0", 3}, std::nullopt, Cell{"8", "a2", 99}},
                 {std::nullopt, Cell{"2", "b1", 0}, std::nullopt}};
  chart.legend = {{"few", 0}, {"many", 8}};
  std::string text = drawn(chart);
  EXPECT_EQ(count(text, "class=\"cell"), 5u);
  EXPECT_EQ(count(text, "<title>"), 3u);
  // A shade beyond the last is the last.
  EXPECT_EQ(count(text, "class=\"cell shade-8\""), 2u);
}

TEST(Charts, TextsAreLeftOutWhereCellsAreSmall) {
  GridChart chart;
  chart.caption = {"g", "grid", "cells"};
  chart.rows = {"a"};
  chart.cells.emplace_back();
  for (int i = 0; i < 300; ++i) {
    chart.columns.push_back(std::to_string(i));
    chart.cells.front().push_back(Cell{"4.53", "cell", 4});
  }
  std::string text = drawn(chart);
  EXPECT_EQ(count(text, ">4.53<"), 0u);
  EXPECT_EQ(count(text, "<title>"), 300u);
}

TEST(Charts, EmptyOnesDrawNothing) {
  EXPECT_EQ(drawn(BarChart{{"b", "", ""}, {}}), "");
  EXPECT_EQ(drawn(GridChart{}), "");
}
