//===- PageTest.cpp - the page ------------------------------ -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/PlanReport.h"
#include "gtest/gtest.h"

using namespace allot::report;

static PlanReport makeReport() {
  PlanReport report;
  report.file = "plan<1>.mlir";
  report.model = "cafe";
  report.resource = "bytes";
  report.solver = "knapsack";
  report.budget = 5000;
  report.cost = 4800;
  report.fixed = 100;
  report.weights = 8000;
  report.loss = 0.3;
  report.bound = 0.3;
  for (int layer = 0; layer < 4; ++layer)
    for (const char *kind : {"attn.q", "mlp.up\"<&"}) {
      PlannedItem item;
      item.site = item.name =
          "model.layers." + std::to_string(layer) + "." + kind;
      item.choice = layer ? "int4g64" : "int2g32+r8";
      item.rank = layer ? 0 : 8;
      item.reason = "better </td><script>alert(1)</script>";
      item.origin = "by hand";
      item.weights = 1000;
      item.cost = 500;
      item.loss = 0.0375;
      item.storedCost = 2000;
      report.items.push_back(item);
    }
  report.curve = {
      {4000, 3900, 0.5, 0.5}, {5000, 4800, 0.3, 0.3}, {6000, 6000, 0.1, 0.1}};
  report.uniform = {{"int4g64", 5100, 0.6}, {"int8g64", 9000, 0}};
  report.priceBetter = 1e-4;
  report.priceWorse = 3e-4;
  return report;
}

static std::string pageOf(const PlanReport &report) {
  std::string text;
  llvm::raw_string_ostream os(text);
  writePage(os, report);
  return text;
}

static bool has(const std::string &text, llvm::StringRef part) {
  return text.find(part.str()) != std::string::npos;
}

TEST(SiteName, StackLayerAndKind) {
  SiteName name = parseSiteName("model.layers.12.mlp.up_proj");
  EXPECT_EQ(name.stack, "model.layers");
  EXPECT_EQ(name.layer, 12u);
  EXPECT_EQ(name.kind, "mlp.up_proj");
  name = parseSiteName("model.layers.0.mlp.experts.7.up_proj");
  EXPECT_EQ(name.kind, "mlp.experts.7.up_proj");
  EXPECT_FALSE(parseSiteName("model.embed_tokens").layer);
  EXPECT_EQ(parseSiteName("lm_head").kind, "lm_head");
  // A number at the end names the matrix itself; too large a one nothing.
  EXPECT_FALSE(parseSiteName("classifier.2").layer);
  EXPECT_FALSE(parseSiteName("a.99999999999999.b").layer);
  EXPECT_EQ(parseSiteName("").kind, "");
}

TEST(Page, TellsTheDecision) {
  std::string page = pageOf(makeReport());
  EXPECT_TRUE(has(page, "stores the 8,000 weights of a model in 4,800 bytes "
                        "(4.7 KiB), 4.80 bits per weight, within a budget of "
                        "5,000 bytes"));
  EXPECT_TRUE(has(page, "keeps 29.8 % of that"));
  EXPECT_TRUE(has(page, "proven to be the best one"));
  EXPECT_TRUE(has(page, "Nothing was measured yet"));
  EXPECT_TRUE(has(page, "No speed was measured"));
  EXPECT_TRUE(has(page, "2 of 8 parts are rounded and then corrected"));
}

TEST(Page, NamesAreEscaped) {
  std::string page = pageOf(makeReport());
  EXPECT_FALSE(has(page, "alert(1)</script>"));
  EXPECT_TRUE(has(page, "better &lt;/td&gt;&lt;script&gt;"));
  EXPECT_FALSE(has(page, "up\"<&"));
  EXPECT_TRUE(has(page, "plan&lt;1&gt;.mlir"));
}

TEST(Page, NeedsNothingFromElsewhere) {
  std::string page = pageOf(makeReport());
  for (llvm::StringRef part : {"src=", "href=", "url(", "@import", "https:"})
    EXPECT_FALSE(has(page, part)) << part.str();
}

TEST(Page, SameReportSameBytes) {
  EXPECT_EQ(pageOf(makeReport()), pageOf(makeReport()));
}

TEST(Page, Measurements) {
  PlanReport report = makeReport();
  MeasuredLoss own;
  own.label = "mine";
  own.bytes = 4800;
  own.tokens = 2000;
  own.bitsPerWeight = 4.8;
  own.divergence = 0.45;
  own.standardError = 0.01;
  own.predicted = 0.3;
  own.solver = "knapsack";
  own.isSubject = true;
  report.measured.push_back(own);
  std::string page = pageOf(report);
  EXPECT_TRUE(has(page, "Measured on 2,000 tokens the applied plan moves them "
                        "by 0.450 ± 0.010 nats per token"));
  EXPECT_TRUE(has(page, "id=\"predicted-measured\""));
  EXPECT_TRUE(has(page, ">1.50<"));
  // Without a prediction there is no place in the picture, but in the table.
  report.measured.front().predicted = std::nullopt;
  page = pageOf(report);
  EXPECT_FALSE(has(page, "id=\"predicted-measured\""));
  EXPECT_TRUE(has(page, "mine (this plan)"));
}

TEST(Page, SaysWhereNothingWasOptimisedOrTheBudgetIsMissed) {
  PlanReport report = makeReport();
  report.bound = 0;
  report.gap = 1;
  report.solver = "uniform int4";
  report.cost = 5100;
  report.curve.clear();
  std::string page = pageOf(report);
  EXPECT_TRUE(has(page, "was not optimised (uniform int4)"));
  EXPECT_TRUE(has(page, "above its budget"));
  EXPECT_FALSE(has(page, "id=\"budget-curve\""));
}

TEST(Page, EmptyPlansAndOtherResources) {
  PlanReport report;
  report.file = "empty.mlir";
  report.resource = "bytes";
  std::string page = pageOf(report);
  EXPECT_FALSE(has(page, "nan"));
  EXPECT_FALSE(has(page, "id=\"bits\""));
  report = makeReport();
  report.resource = "microseconds";
  page = pageOf(report);
  EXPECT_TRUE(has(page, "4,800 microseconds"));
  EXPECT_FALSE(has(page, "id=\"bits\""));
  EXPECT_FALSE(has(page, "MiB"));
}

TEST(Page, PartsOfARun) {
  PlanReport report = makeReport();
  MeasuredTime time;
  time.label = "mine";
  time.phase = "decode";
  time.tokens = 1;
  time.seconds = 0.005;
  time.isSubject = true;
  time.parts = PartTimes{
      0.004, 0.001, 7, {{"model.layers.0.attn.q", "adapter.apply", 0.001}}};
  time.parts->parts.push_back(
      {"model.layers.3.attn.q+<k>", "adapter.apply", 0.0005});
  report.times.push_back(time);
  std::string page = pageOf(report);
  // 4 matrices of 500 bytes in a millisecond.
  EXPECT_TRUE(has(page, ">2,000</td>"));
  EXPECT_TRUE(has(page, ">0.0020</td>") || has(page, ">0.00200</td>"));
  EXPECT_TRUE(has(page, "attn.q+&lt;k&gt;"));
  EXPECT_TRUE(has(page, "mean of 7 runs"));
  EXPECT_TRUE(has(page, ">25.0 %</td>"));
}
