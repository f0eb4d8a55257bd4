//===- Numbers.h - numbers as people read them, and axes --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REPORT_NUMBERS_H
#define ALLOT_REPORT_NUMBERS_H

#include <cstdint>
#include <string>
#include <vector>

namespace allot::report {

/// At most two decimals, no trailing zeros: `12.5`.
std::string coordinate(double value);
/// About `digits` significant digits: `0.0123`, `71.5`, `1.20e-07`.
std::string number(double value, unsigned digits = 3);
/// A number on an axis: few digits, no trailing zeros: `0.0001`, `2e-05`.
std::string tickText(double value);
/// Groups of three: `71,459,712`.
std::string grouped(int64_t value);
/// Bytes in the largest binary unit that leaves a number of at least one:
/// `68.1 MiB`.
std::string sizeText(int64_t bytes);
/// `58.7 %`.
std::string percent(double fraction);

/// A range of numbers laid out on [0, 1].
class Axis {
public:
  /// Empty ranges are widened, so that every number has a place.
  static Axis linear(double low, double high);
  /// Both ends positive; anything else counts as the smallest that is.
  static Axis logarithmic(double low, double high);

  /// The place of `value`, not clamped.
  double at(double value) const;
  bool contains(double value) const { return value >= low && value <= high; }
  /// Round numbers within the range, rising; about `wanted` of them where that
  /// is possible, never none.
  std::vector<double> ticks(unsigned wanted) const;
  /// A range as wide as what the ticks around it need.
  Axis rounded(unsigned wanted) const;

  double low = 0, high = 1;
  bool isLogarithmic = false;
};

} // namespace allot::report

#endif // ALLOT_REPORT_NUMBERS_H
