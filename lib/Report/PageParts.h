//===- PageParts.h - sections of the page -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REPORT_PAGEPARTS_H
#define ALLOT_LIB_REPORT_PAGEPARTS_H

#include "allot/Report/Charts.h"
#include "allot/Report/PlanReport.h"

namespace allot::report::detail {

/// The style sheet, with light and dark colours, and the script that sorts
/// tables; both without `<` and `&`, so that the page stays XML.
llvm::StringRef styleSheet();
llvm::StringRef sortScript();

/// A column of a table. Numbers are set to the right.
struct Column {
  llvm::StringRef title;
  bool isNumber = false;
};
/// What a cell shows and, where that differs, what it is sorted by.
struct TableCell {
  TableCell(std::string text) : text(std::move(text)) {}
  TableCell(const char *text) : text(text) {}
  TableCell(std::string text, double key) : text(std::move(text)), key(key) {}
  std::string text;
  std::optional<double> key;
};

/// Writes the sections of a report, one after the other.
class Page {
public:
  Page(llvm::raw_ostream &os, const PlanReport &report)
      : markup(os), report(report) {}
  void write();

private:
  // Page.cpp
  void writeHead();
  void writeSummary();
  void writeFigures();
  void writeWords();
  void writeCurve();
  void writeItems();
  // PageMatrices.cpp
  void writeMatrices();
  void writeBits();
  void writeRanks();
  void writeAdapters();
  void writeLosses();
  void writeParts();
  void writeUse();
  // PageMeasured.cpp
  void writeMeasured();
  // PageTimes.cpp
  void writeTimes();
  void writeRun(const MeasuredTime &time, unsigned index);
  void writeLayers(const MeasuredTime &time, llvm::StringRef suffix);
  void writeShares();

  /// A section with a heading.
  void section(llvm::StringRef id, llvm::StringRef title,
               llvm::function_ref<void()> body);
  void paragraph(llvm::StringRef text) {
    markup.element("p", {}, text), markup.newline();
  }
  void table(llvm::StringRef caption, llvm::ArrayRef<Column> columns,
             llvm::ArrayRef<std::vector<TableCell>> rows);
  /// A table that is shown on demand.
  void foldedTable(llvm::StringRef summary, llvm::ArrayRef<Column> columns,
                   llvm::ArrayRef<std::vector<TableCell>> rows);
  /// Shaded cells by layer and kind of matrix, one chart per stack of layers;
  /// `cellOf` gives nothing for an item that is not shown.
  void
  grids(llvm::StringRef id, llvm::StringRef title, llvm::StringRef description,
        llvm::ArrayRef<GridChart::Key> legend,
        llvm::function_ref<std::optional<Cell>(const PlannedItem &)> cellOf);

  /// `71,459,712 bytes (68.1 MiB)`, or with the name of the resource.
  std::string amount(int64_t cost) const;
  /// Where a cost lies on the axis of costs: bits per weight, or the cost.
  double costPlace(int64_t cost) const;
  std::string costUnit() const;
  /// The measurement of the plan itself, or null.
  const MeasuredLoss *ownMeasurement() const;

  Markup markup;
  const PlanReport &report;
};

} // namespace allot::report::detail

#endif // ALLOT_LIB_REPORT_PAGEPARTS_H
