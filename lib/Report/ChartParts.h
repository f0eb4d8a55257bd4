//===- ChartParts.h - what pictures have in common --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REPORT_CHARTPARTS_H
#define ALLOT_LIB_REPORT_CHARTPARTS_H

#include "allot/Report/Charts.h"

namespace allot::report::detail {

/// Units of a picture that fills the page's column.
constexpr double kWidth = 920;
constexpr double kFontSize = 12;

/// An `svg` element of this size, with title and description, and `body` in it.
void picture(Markup &markup, const Caption &caption, double width,
             double height, llvm::function_ref<void()> body);

/// One line of text; `anchor` is start, middle or end.
void label(Markup &markup, double x, double y, llvm::StringRef anchor,
           llvm::StringRef text, llvm::StringRef style = "label");

/// A mark, with what is shown when it is pointed at.
void drawShape(Markup &markup, Shape shape, double x, double y, double size,
               llvm::StringRef style, llvm::StringRef description);

} // namespace allot::report::detail

#endif // ALLOT_LIB_REPORT_CHARTPARTS_H
