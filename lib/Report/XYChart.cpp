//===- XYChart.cpp - points in the plane ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChartParts.h"
#include <algorithm>

using namespace allot::report;
using namespace allot::report::detail;

namespace {

/// One chart being drawn.
class Drawing {
public:
  Drawing(Markup &markup, const XYChart &chart);
  void run();

private:
  double legend(bool draw);
  void grid();
  void drawRule();
  void drawLines(const Series &series);
  void drawMarks(const Series &series);
  void drawLabels();

  double px(double x) const { return left + chart.x.at(x) * (right - left); }
  double py(double y) const { return bottom - chart.y.at(y) * (bottom - top); }
  bool isInside(const Mark &mark) const {
    return chart.x.contains(mark.x) && chart.y.contains(mark.y);
  }
  static double sizeOf(const Series &series) {
    return series.style == "minor" ? 3 : 5;
  }

  Markup &markup;
  const XYChart &chart;
  double left = 0, right = kWidth - 14, top = 0, bottom = 0;
  LabelPlacer placer;
};

} // namespace

Drawing::Drawing(Markup &markup, const XYChart &chart)
    : markup(markup), chart(chart), placer({}) {
  double widest = 0;
  for (double tick : chart.y.ticks(6))
    widest = std::max(widest, textWidth(tickText(tick), kFontSize));
  left = widest + 34;
  top = legend(/*draw=*/false) + 22;
  bottom = top + 330;
  placer = LabelPlacer({left + 2, top + 2, right - 2, bottom - 2});
}

/// One entry per series; the height.
double Drawing::legend(bool draw) {
  double x = left, y = 0;
  for (const Series &series : chart.series) {
    double needs = 26 + textWidth(series.name, kFontSize) + 18;
    if (x > left && x + needs > kWidth) {
      x = left;
      y += 20;
    }
    if (draw) {
      if (series.joined)
        markup.empty("path", {{"class", "line series-" + series.style},
                              {"d", "M" + coordinate(x) + " " +
                                        coordinate(y + 9) + "h20"}});
      drawShape(markup, series.shape, x + 10, y + 9, sizeOf(series),
                "series-" + series.style, "");
      label(markup, x + 26, y + 13, "start", series.name);
    }
    x += needs;
  }
  return y + 20;
}

void Drawing::grid() {
  for (double tick : chart.x.ticks(8)) {
    std::string x = coordinate(px(tick));
    markup.empty("path", {{"class", "grid"},
                          {"d", "M" + x + " " + coordinate(top) + "V" +
                                    coordinate(bottom)}});
    label(markup, px(tick), bottom + 17, "middle", tickText(tick));
  }
  for (double tick : chart.y.ticks(6)) {
    std::string y = coordinate(py(tick));
    markup.empty("path", {{"class", "grid"},
                          {"d", "M" + coordinate(left) + " " + y + "H" +
                                    coordinate(right)}});
    label(markup, left - 7, py(tick) + 4, "end", tickText(tick));
  }
  markup.newline();
  markup.empty("path",
               {{"class", "frame"},
                {"d", "M" + coordinate(left) + " " + coordinate(top) + "V" +
                          coordinate(bottom) + "H" + coordinate(right)}});
  label(markup, (left + right) / 2, bottom + 38, "middle", chart.xLabel,
        "axis-title");
  double middle = (top + bottom) / 2;
  markup.element("text",
                 {{"class", "axis-title"},
                  {"x", 12},
                  {"y", middle},
                  {"text-anchor", "middle"},
                  {"transform", "rotate(-90 12 " + coordinate(middle) + ")"}},
                 chart.yLabel);
  markup.newline();
}

void Drawing::drawRule() {
  if (!chart.diagonal.empty()) {
    double low = std::max(chart.x.low, chart.y.low),
           high = std::min(chart.x.high, chart.y.high);
    if (low < high) {
      markup.empty(
          "path",
          {{"class", "rule"},
           {"d", "M" + coordinate(px(low)) + " " + coordinate(py(low)) + "L" +
                     coordinate(px(high)) + " " + coordinate(py(high))}});
      double width = textWidth(chart.diagonal, kFontSize);
      label(markup, px(high) - 10, py(high) + 26, "end", chart.diagonal,
            "label quiet");
      placer.block(
          {px(high) - 10 - width, py(high) + 12, px(high) - 8, py(high) + 30});
    }
  }
  if (!chart.rule || !chart.x.contains(chart.rule->x))
    return;
  double x = px(chart.rule->x), width = textWidth(chart.rule->label, kFontSize);
  markup.empty("path", {{"class", "rule"},
                        {"d", "M" + coordinate(x) + " " + coordinate(top) +
                                  "V" + coordinate(bottom)}});
  bool fits = x + 8 + width < right;
  double begin = fits ? x + 7 : x - 7 - width;
  label(markup, begin, top + 14, "start", chart.rule->label, "label strong");
  placer.block({begin, top, begin + width, top + 20});
  placer.block({x - 1, top, x + 1, bottom});
}

void Drawing::drawLines(const Series &series) {
  if (!series.joined)
    return;
  std::string path;
  const Mark *before = nullptr;
  for (const Mark &mark : series.marks) {
    if (!isInside(mark)) {
      before = nullptr;
      continue;
    }
    path += (before ? "L" : "M") + coordinate(px(mark.x)) + " " +
            coordinate(py(mark.y));
    // Labels stay off the line too.
    if (before)
      for (double t = 0; t < 1; t += 0.125) {
        double x = px(before->x) + t * (px(mark.x) - px(before->x)),
               y = py(before->y) + t * (py(mark.y) - py(before->y));
        placer.block({x - 3, y - 3, x + 3, y + 3});
      }
    before = &mark;
  }
  if (!path.empty())
    markup.empty("path",
                 {{"class", "line series-" + series.style}, {"d", path}});
  markup.newline();
}

void Drawing::drawMarks(const Series &series) {
  double size = sizeOf(series);
  for (const Mark &mark : series.marks) {
    if (!isInside(mark))
      continue;
    double x = px(mark.x), y = py(mark.y);
    if (mark.error) {
      double high = std::max(py(mark.y + *mark.error), top),
             low = std::min(py(mark.y - *mark.error), bottom);
      markup.empty("path",
                   {{"class", "error series-" + series.style},
                    {"d", "M" + coordinate(x) + " " + coordinate(high) + "V" +
                              coordinate(low) + "m-4 0h8M" + coordinate(x - 4) +
                              " " + coordinate(high) + "h8"}});
    }
    drawShape(markup, series.shape, x, y, size, "series-" + series.style,
              mark.description);
    placer.block({x - size, y - size, x + size, y + size});
  }
}

/// The last series first: it lies on top.
void Drawing::drawLabels() {
  for (const Series &series : llvm::reverse(chart.series))
    for (const Mark &mark : series.marks) {
      if (mark.label.empty() || !isInside(mark))
        continue;
      auto place = placer.place(px(mark.x), py(mark.y),
                                textWidth(mark.label, kFontSize) + 2, 15,
                                sizeOf(series) + 3);
      if (place)
        label(markup, place->first + 1, place->second, "start", mark.label,
              "label on-series-" + series.style);
    }
  markup.newline();
}

void Drawing::run() {
  picture(markup, chart.caption, kWidth, bottom + 46, [&] {
    legend(/*draw=*/true);
    grid();
    drawRule();
    for (const Series &series : chart.series)
      drawLines(series);
    for (const Series &series : chart.series)
      drawMarks(series);
    drawLabels();
  });
}

void allot::report::draw(Markup &markup, const XYChart &chart) {
  Drawing(markup, chart).run();
}
