//===- PageMeasured.cpp - predictions beside measurements -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageParts.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>

using namespace allot::report;
using namespace allot::report::detail;

static std::string withError(double value, std::optional<double> error) {
  return number(value) + (error ? " ± " + number(*error, 2) : "");
}

void Page::writeMeasured() {
  section("measured", "Predicted against measured", [&] {
    if (report.measured.empty()) {
      paragraph("Nothing was measured yet. A plan is applied with allot apply "
                "and measured with allot eval PROGRAM --against MODEL --json; "
                "allot explain --measured takes what that writes, also of "
                "other plans for the same model.");
      return;
    }
    paragraph("Predictions add up what matrices do one at a time and know "
              "nothing of how their errors act together. Measurements are "
              "divergences from the original model on text that took no part "
              "in the planning. On the line both agree; what matters for "
              "choosing is that the order is the same.");
    XYChart chart;
    chart.caption = {"predicted-measured", "Measured by predicted loss", ""};
    chart.xLabel = "predicted loss, nats per token";
    chart.yLabel = "measured loss, nats per token";
    chart.diagonal = "measured = predicted";
    Series optimised{"planned", "measured", Shape::Diamond, false, {}},
        uniform{"uniform", "minor", Shape::Square, false, {}},
        own{"this plan", "chosen", Shape::Circle, false, {}};
    std::optional<double> low, high;
    std::vector<std::vector<TableCell>> rows;
    auto sorted = report.measured;
    llvm::sort(sorted, [](const MeasuredLoss &a, const MeasuredLoss &b) {
      return std::tie(a.bytes, a.label, a.divergence) <
             std::tie(b.bytes, b.label, b.divergence);
    });
    for (const MeasuredLoss &point : sorted) {
      auto orDash = [](std::optional<double> value, unsigned digits) {
        return value ? TableCell(number(*value, digits), *value)
                     : TableCell("-", -1);
      };
      std::optional<double> ratio;
      if (point.predicted && *point.predicted > 0)
        ratio = point.divergence / *point.predicted;
      rows.push_back(
          {point.label + (point.isSubject ? " (this plan)" : ""),
           point.solver.empty() ? "no plan" : point.solver,
           {grouped(point.bytes), double(point.bytes)},
           orDash(point.bitsPerWeight, 4),
           orDash(point.predicted, 3),
           {withError(point.divergence, point.standardError), point.divergence},
           orDash(ratio, 3),
           point.agreement
               ? TableCell(percent(*point.agreement), *point.agreement)
               : TableCell("-", -1),
           orDash(point.perplexity, 4),
           {grouped(point.tokens), double(point.tokens)}});
      if (!ratio || point.divergence <= 0)
        continue;
      for (double value : {*point.predicted, point.divergence}) {
        low = std::min(low.value_or(value), value);
        high = std::max(high.value_or(value), value);
      }
      Series &series = point.isSubject ? own
                       : llvm::StringRef(point.solver).starts_with("uniform")
                           ? uniform
                           : optimised;
      series.marks.push_back(
          {*point.predicted, point.divergence, point.standardError, point.label,
           point.label + ": predicted " + number(*point.predicted) +
               ", measured " +
               withError(point.divergence, point.standardError)});
    }
    if (low) {
      chart.x = chart.y = Axis::logarithmic(*low / 1.2, *high * 1.2);
      chart.caption.description =
          std::to_string(rows.size()) +
          " measured programs; the table below has the same numbers.";
      for (Series *series : {&optimised, &uniform, &own})
        if (!series->marks.empty())
          chart.series.push_back(std::move(*series));
      draw(markup, chart);
    }
    table("measured programs, by size (loss in nats per token, ± one standard "
          "error)",
          {{"program"},
           {"found by"},
           {"bytes", true},
           {"bits per weight", true},
           {"predicted", true},
           {"measured", true},
           {"measured / predicted", true},
           {"same top token", true},
           {"perplexity", true},
           {"tokens", true}},
          rows);
  });
}

void Page::writeTimes() {
  if (report.times.empty() && !(report.inBytes() && !report.items.empty()))
    return;
  section("times", "Where the time goes", [&] {
    if (report.times.empty())
      paragraph("No speed was measured. allot bench program PROGRAM --json "
                "measures it; allot explain --bench takes what that writes.");
    else {
      paragraph("A model reads its prompt at once (prefill), which is limited "
                "by arithmetic, and then writes one token after the other "
                "(decode), for each of which all weights are read from memory. "
                "The share of a plain read says how near decoding comes to "
                "what memory gives.");
      BarChart chart;
      chart.caption = {"times-per-token", "Time per token",
                       "One bar per program and phase, in milliseconds per "
                       "token."};
      std::vector<std::vector<TableCell>> rows;
      for (const MeasuredTime &time : report.times) {
        double perToken =
            1e3 * time.seconds / double(std::max<int64_t>(time.tokens, 1));
        std::string name = time.label + ", " + time.phase;
        chart.bars.push_back({name, perToken,
                              number(perToken) + " ms, " +
                                  number(time.tokensPerSecond) +
                                  " tokens per second",
                              time.isSubject ? "chosen" : "minor"});
        rows.push_back({name,
                        {grouped(time.tokens), double(time.tokens)},
                        {number(1e3 * time.seconds), time.seconds},
                        {number(perToken), perToken},
                        {number(time.tokensPerSecond), time.tokensPerSecond},
                        {percent(time.ofRead), time.ofRead},
                        {number(time.readGBs), time.readGBs},
                        time.activations,
                        {std::to_string(time.threads), double(time.threads)},
                        time.target});
      }
      draw(markup, chart);
      table("measured speed",
            {{"program, phase"},
             {"tokens at once", true},
             {"ms", true},
             {"ms per token", true},
             {"tokens per second", true},
             {"of a plain read", true},
             {"plain read, GB/s", true},
             {"activations"},
             {"threads", true},
             {"processor"}},
            rows);
    }
    writeShares();
  });
}

/// Bytes by kind of matrix: what one step of decoding reads.
void Page::writeShares() {
  if (!report.inBytes() || report.items.empty() || report.cost <= 0)
    return;
  llvm::MapVector<llvm::StringRef, int64_t> bytes;
  std::vector<SiteName> names;
  names.reserve(report.items.size());
  for (const PlannedItem &item : report.items)
    names.push_back(parseSiteName(item.site));
  for (auto [item, name] : llvm::zip_equal(report.items, names))
    bytes[name.kind] += item.cost;
  paragraph("While tokens are generated the time is mostly that of reading "
            "the weights, so a matrix costs time by its bytes. These are the "
            "bytes by kind of matrix, not times: they say where time can be "
            "saved by storing less.");
  auto sorted = bytes.takeVector();
  llvm::sort(sorted, [](const auto &a, const auto &b) {
    return std::pair(b.second, a.first) < std::pair(a.second, b.first);
  });
  BarChart chart;
  chart.caption = {"shares", "Bytes by kind of matrix",
                   "One bar per kind of matrix, over all layers."};
  constexpr size_t most = 20;
  int64_t rest = 0;
  auto add = [&](const std::string &name, int64_t value) {
    chart.bars.push_back(
        {name, double(value),
         sizeText(value) + ", " + percent(double(value) / double(report.cost)),
         "plan"});
  };
  for (size_t i = 0; i < sorted.size(); ++i)
    if (i < most)
      add(sorted[i].first.str(), sorted[i].second);
    else
      rest += sorted[i].second;
  if (rest > 0)
    add("others", rest);
  if (report.fixed > 0)
    add("no matrix (norms and the like)", report.fixed);
  draw(markup, chart);
  std::vector<std::vector<TableCell>> rows;
  for (const auto &[name, value] : sorted)
    rows.push_back(
        {name.str(),
         {grouped(value), double(value)},
         {percent(double(value) / double(report.cost)), double(value)}});
  foldedTable("bytes by kind of matrix",
              {{"kind"}, {"bytes", true}, {"share", true}}, rows);
}
