//===- Charts.h - pictures --------------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pictures as SVG elements within a page. Each has a title and a description
// for those who do not see it, and takes its colours from classes of the page's
// style sheet (`shade-0` to `shade-8`, `series-...`), so that it follows light
// and dark. Nothing here knows what is drawn.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REPORT_CHARTS_H
#define ALLOT_REPORT_CHARTS_H

#include "allot/Report/Markup.h"
#include "allot/Report/Numbers.h"
#include <optional>

namespace allot::report {

/// What a picture is called and shows. `id` is unique in the page.
struct Caption {
  std::string id, title, description;
};

/// Numbers of shades, from little to much.
constexpr unsigned kNumShades = 9;

enum class Shape { None, Circle, Square, Diamond, Triangle };

struct Mark {
  double x = 0, y = 0;
  /// Half the height of the error bar, in units of y.
  std::optional<double> error;
  /// Written beside the mark where there is room; may be empty.
  std::string label;
  /// Shown when pointed at.
  std::string description;
};

/// Marks of one kind. `style` is the class `series-STYLE`.
struct Series {
  std::string name, style;
  Shape shape = Shape::Circle;
  bool joined = false;
  std::vector<Mark> marks;
};

/// Points in the plane; those outside of the axes are left out.
struct XYChart {
  Caption caption;
  std::string xLabel, yLabel;
  Axis x, y;
  std::vector<Series> series;
  /// A vertical line with a label at its top.
  struct Rule {
    double x = 0;
    std::string label;
  };
  std::optional<Rule> rule;
  /// The line y = x.
  std::string diagonal;
};
void draw(Markup &markup, const XYChart &chart);

/// A cell that is missing is left empty.
struct Cell {
  std::string text, description;
  unsigned shade = 0;
};

/// Rows by columns of shaded cells. Texts are drawn where cells are large
/// enough for all of them.
struct GridChart {
  Caption caption;
  std::string columnLabel;
  std::vector<std::string> columns, rows;
  /// rows x columns.
  std::vector<std::vector<std::optional<Cell>>> cells;
  struct Key {
    std::string text;
    unsigned shade = 0;
  };
  std::vector<Key> legend;
};
void draw(Markup &markup, const GridChart &chart);

struct Bar {
  std::string label;
  double value = 0;
  /// Written behind the bar.
  std::string text;
  std::string style;
};

/// Horizontal bars, one below the other, all from 0.
struct BarChart {
  Caption caption;
  std::vector<Bar> bars;
};
void draw(Markup &markup, const BarChart &chart);

/// The width of a text in the font of the pictures, roughly, in units of the
/// picture.
double textWidth(llvm::StringRef text, double fontSize);

/// Finds room for labels beside marks.
class LabelPlacer {
public:
  struct Box {
    double left, top, right, bottom;
  };
  explicit LabelPlacer(Box room) : room(room) {}
  /// Keeps what comes later away from a place.
  void block(Box box) { taken.push_back(box); }
  /// A place near (x, y), or nothing where all are taken: the left end of the
  /// base line.
  std::optional<std::pair<double, double>>
  place(double x, double y, double width, double height, double distance);

private:
  bool isFree(const Box &box) const;

  Box room;
  std::vector<Box> taken;
};

} // namespace allot::report

#endif // ALLOT_REPORT_CHARTS_H
