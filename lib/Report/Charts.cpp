//===- Charts.cpp - parts of pictures, grids and bars -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChartParts.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>

using namespace allot::report;
using namespace allot::report::detail;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

double allot::report::textWidth(llvm::StringRef text, double fontSize) {
  // Bytes that continue a character take no room.
  auto characters = llvm::count_if(text, [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  });
  return 0.58 * fontSize * double(characters);
}

void detail::picture(Markup &markup, const Caption &caption, double width,
                     double height, llvm::function_ref<void()> body) {
  std::string titleId = caption.id + "-title",
              descriptionId = caption.id + "-description";
  markup.element("div", {{"class", "picture"}}, [&] {
    markup.element(
        "svg",
        {{"xmlns", "http://www.w3.org/2000/svg"},
         {"id", caption.id},
         {"viewBox", "0 0 " + coordinate(width) + " " + coordinate(height)},
         {"width", width},
         {"height", height},
         {"role", "img"},
         {"aria-labelledby", titleId + " " + descriptionId}},
        [&] {
          markup.element("title", {{"id", titleId}}, caption.title);
          markup.element("desc", {{"id", descriptionId}}, caption.description);
          markup.newline();
          body();
        });
  });
  markup.newline();
}

void detail::label(Markup &markup, double x, double y, llvm::StringRef anchor,
                   llvm::StringRef text, llvm::StringRef style) {
  markup.element(
      "text", {{"class", style}, {"x", x}, {"y", y}, {"text-anchor", anchor}},
      text);
}

void detail::drawShape(Markup &markup, Shape shape, double x, double y,
                       double size, llvm::StringRef style,
                       llvm::StringRef description) {
  std::string path, at = coordinate(x) + " " + coordinate(y);
  auto s = [&](double factor) { return coordinate(size * factor); };
  switch (shape) {
  case Shape::None:
    return;
  case Shape::Circle:
    path = "M" + at + "m-" + s(1) + " 0a" + s(1) + " " + s(1) + " 0 1 0 " +
           s(2) + " 0a" + s(1) + " " + s(1) + " 0 1 0 -" + s(2) + " 0z";
    break;
  case Shape::Square:
    path = "M" + at + "m-" + s(.9) + " -" + s(.9) + "h" + s(1.8) + "v" +
           s(1.8) + "h-" + s(1.8) + "z";
    break;
  case Shape::Diamond:
    path = "M" + at + "m0 -" + s(1.3) + "l" + s(1.3) + " " + s(1.3) + "l-" +
           s(1.3) + " " + s(1.3) + "l-" + s(1.3) + " -" + s(1.3) + "z";
    break;
  case Shape::Triangle:
    path = "M" + at + "m0 -" + s(1.2) + "l" + s(1.15) + " " + s(2.1) + "h-" +
           s(2.3) + "z";
    break;
  }
  auto attributes = {Attribute("class", "mark " + style.str()),
                     Attribute("d", path)};
  if (description.empty())
    markup.empty("path", attributes);
  else
    markup.element("path", attributes,
                   [&] { markup.element("title", {}, description); });
  markup.newline();
}

bool LabelPlacer::isFree(const Box &box) const {
  return box.left >= room.left && box.right <= room.right &&
         box.top >= room.top && box.bottom <= room.bottom &&
         llvm::none_of(taken, [&](const Box &other) {
           return box.left < other.right && other.left < box.right &&
                  box.top < other.bottom && other.top < box.bottom;
         });
}

std::optional<std::pair<double, double>> LabelPlacer::place(double x, double y,
                                                            double width,
                                                            double height,
                                                            double distance) {
  for (double away : {distance, 2 * distance, 3.5 * distance})
    for (auto [dx, dy] : {std::pair<double, double>(1, -1),
                          {1, 1},
                          {-1, -1},
                          {-1, 1},
                          {1, 0},
                          {-1, 0},
                          {0, -1},
                          {0, 1}}) {
      double diagonal = dx != 0 && dy != 0 ? 0.7 : 1;
      double cx = x + dx * (diagonal * away + width / 2),
             cy = y + dy * (diagonal * away + height / 2);
      Box box{cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2};
      if (!isFree(box))
        continue;
      taken.push_back(box);
      return std::make_pair(box.left, box.bottom - 0.22 * height);
    }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

static double widest(llvm::ArrayRef<std::string> texts) {
  double width = 0;
  for (const std::string &text : texts)
    width = std::max(width, textWidth(text, kFontSize));
  return width;
}

static std::string shadeClass(llvm::StringRef prefix, unsigned shade) {
  return (prefix + std::to_string(std::min(shade, kNumShades - 1))).str();
}

/// Patches with their meaning, in lines of at most `width`; the height.
static double drawLegend(Markup &markup, llvm::ArrayRef<GridChart::Key> keys,
                         double top, double width, bool draw) {
  double x = 0, y = top;
  for (const GridChart::Key &key : keys) {
    double needs = 22 + textWidth(key.text, kFontSize) + 14;
    if (x > 0 && x + needs > width) {
      x = 0;
      y += 20;
    }
    if (draw) {
      markup.empty("rect", {{"class", shadeClass("cell shade-", key.shade)},
                            {"x", x + 0.5},
                            {"y", y + 0.5},
                            {"width", 15},
                            {"height", 13},
                            {"rx", 2}});
      label(markup, x + 22, y + 11, "start", key.text);
    }
    x += needs;
  }
  if (draw)
    markup.newline();
  return keys.empty() ? 0 : y + 20 - top;
}

void allot::report::draw(Markup &markup, const GridChart &chart) {
  if (chart.rows.empty() || chart.columns.empty())
    return;
  double left = widest(chart.rows) + 10, columns = double(chart.columns.size());
  double side = std::clamp((kWidth - left) / columns, 12.0, 46.0);
  double textSize = std::clamp(side * 0.42, 8.0, 12.0), widestText = 0;
  for (const auto &row : chart.cells)
    for (const auto &cell : row)
      if (cell)
        widestText = std::max(widestText, textWidth(cell->text, textSize));
  bool hasTexts = widestText + 2 <= side;
  double height = std::min(side, 26.0), width = left + side * columns;
  double legend = drawLegend(markup, chart.legend, 0, std::max(width, 500.0),
                             /*draw=*/false);
  double top = legend + 38, bottom = top + height * double(chart.rows.size());
  width = std::max(width + 2, 500.0);
  picture(markup, chart.caption, width, bottom + 4, [&] {
    drawLegend(markup, chart.legend, 0, width, /*draw=*/true);
    label(markup, left, top - 22, "start", chart.columnLabel, "axis-title");
    double room = widest(chart.columns) + 6;
    auto stride = std::max<size_t>(1, size_t(room / side) + (room > side));
    for (size_t c = 0; c < chart.columns.size(); c += stride)
      label(markup, left + side * (double(c) + .5), top - 5, "middle",
            chart.columns[c]);
    markup.newline();
    for (size_t r = 0; r < chart.rows.size(); ++r) {
      double y = top + height * double(r);
      label(markup, left - 8, y + height / 2 + 4, "end", chart.rows[r]);
      for (size_t c = 0; c < chart.columns.size(); ++c) {
        const std::optional<Cell> &cell = chart.cells[r][c];
        if (!cell)
          continue;
        double x = left + side * double(c);
        markup.element("g", {}, [&] {
          markup.element("title", {}, cell->description);
          markup.empty("rect",
                       {{"class", shadeClass("cell shade-", cell->shade)},
                        {"x", x + 0.5},
                        {"y", y + 0.5},
                        {"width", side - 1},
                        {"height", height - 1},
                        {"rx", 2}});
          if (hasTexts && !cell->text.empty())
            markup.element("text",
                           {{"class", shadeClass("on-shade-", cell->shade)},
                            {"x", x + side / 2},
                            {"y", y + height / 2 + 0.36 * textSize},
                            {"text-anchor", "middle"},
                            {"font-size", textSize}},
                           cell->text);
        });
      }
      markup.newline();
    }
  });
}

//===----------------------------------------------------------------------===//
// Bars
//===----------------------------------------------------------------------===//

void allot::report::draw(Markup &markup, const BarChart &chart) {
  if (chart.bars.empty())
    return;
  double left = 0, right = 0, most = 0;
  for (const Bar &bar : chart.bars) {
    left = std::max(left, textWidth(bar.label, kFontSize));
    right = std::max(right, textWidth(bar.text, kFontSize));
    most = std::max(most, bar.value);
  }
  left += 12;
  right += 12;
  double room = std::max(kWidth - left - right, 120.0), pitch = 24;
  picture(markup, chart.caption, left + room + right,
          pitch * double(chart.bars.size()) + 6, [&] {
            for (size_t i = 0; i < chart.bars.size(); ++i) {
              const Bar &bar = chart.bars[i];
              double y = 3 + pitch * double(i);
              double width = most > 0 ? room * bar.value / most : 0;
              label(markup, left - 8, y + 15, "end", bar.label);
              markup.empty("rect", {{"class", "bar series-" + bar.style},
                                    {"x", left},
                                    {"y", y + 3},
                                    {"width", std::max(width, 0.75)},
                                    {"height", pitch - 7},
                                    {"rx", 2}});
              label(markup, left + width + 7, y + 15, "start", bar.text);
              markup.newline();
            }
          });
}
