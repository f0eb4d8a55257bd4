//===- PageMeasured.cpp - predictions beside measurements -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageParts.h"
#include "llvm/ADT/STLExtras.h"
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
    std::string text =
        "Predictions add up what matrices do one at a time and know nothing "
        "of how their errors act together. Measurements are divergences from "
        "the original model on text that took no part in the planning. On "
        "the line both agree; what matters for choosing is that the order is "
        "the same.";
    if (Agreement order = orderAgreement(report.measured); order.pairs > 0)
      text += " Of " + std::to_string(order.pairs) +
              (order.pairs == 1 ? " pair" : " pairs") +
              " of programs that were measured, the one with the smaller "
              "predicted loss has the smaller measured loss in " +
              std::to_string(order.agreeing) + ".";
    paragraph(text);
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
      Series &series = point.isSubject     ? own
                       : point.isPlanned() ? optimised
                                           : uniform;
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
