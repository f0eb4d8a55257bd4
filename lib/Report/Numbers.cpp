//===- Numbers.cpp - numbers as people read them, and axes ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Numbers.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace allot::report;

static std::string formatted(const char *form, int decimals, double value) {
  std::string result;
  llvm::raw_string_ostream(result) << llvm::format(form, decimals, value);
  return result;
}

std::string allot::report::coordinate(double value) {
  std::string result = formatted("%.*f", 2, value);
  while (result.back() == '0')
    result.pop_back();
  if (result.back() == '.')
    result.pop_back();
  return result == "-0" ? "0" : result;
}

std::string allot::report::number(double value, unsigned digits) {
  if (value == 0)
    return "0";
  if (!std::isfinite(value))
    return value > 0 ? "infinite" : "unknown";
  double size = std::fabs(value);
  if (size < 1e-4 || size >= 1e6)
    return formatted("%.*e", int(digits) - 1, value);
  int whole = int(std::floor(std::log10(size))) + 1;
  return formatted("%.*f", std::max(0, int(digits) - whole), value);
}

std::string allot::report::tickText(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.6g", value);
  return text;
}

std::string allot::report::grouped(int64_t value) {
  std::string result = std::to_string(value);
  size_t first = result[0] == '-';
  for (size_t i = result.size(); i > first + 3;)
    result.insert(i -= 3, 1, ',');
  return result;
}

std::string allot::report::sizeText(int64_t bytes) {
  static const char *units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = double(bytes);
  unsigned unit = 0;
  while (std::fabs(value) >= 1024 && unit + 1 < std::size(units)) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0)
    return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  return formatted("%.*f", std::fabs(value) < 100 ? 1 : 0, value) + " " +
         units[unit];
}

std::string allot::report::percent(double fraction) {
  return formatted("%.*f", 1, 100 * fraction) + " %";
}

Axis Axis::linear(double low, double high) {
  if (!(low < high)) {
    double room = std::max(std::fabs(low) / 2, 0.5);
    low -= room;
    high = low + 2 * room;
  }
  Axis axis;
  axis.low = low;
  axis.high = high;
  return axis;
}

Axis Axis::logarithmic(double low, double high) {
  // Room to either side, so that neither end runs over.
  constexpr double least = 1e-300, most = 1e300;
  low = std::clamp(low, least, most);
  high = std::clamp(high, least, most);
  if (!(low < high)) {
    high = std::min(2 * low, most);
    low = std::max(low / 2, least);
  }
  Axis axis;
  axis.low = low;
  axis.high = high;
  axis.isLogarithmic = true;
  return axis;
}

double Axis::at(double value) const {
  if (!isLogarithmic)
    return (value - low) / (high - low);
  value = std::max(value, std::numeric_limits<double>::min());
  return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
}

/// A step of 1, 2, 2.5 or 5 times a power of ten.
static double roundStep(double width, unsigned wanted) {
  double raw = width / std::max(wanted, 1u);
  double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 2.5, 5.0})
    if (factor * power >= raw * (1 - 1e-9))
      return factor * power;
  return 10 * power;
}

/// 1, 2 and 5 times powers of ten, or less, or more of them.
static std::vector<double> logTicks(double low, double high, unsigned wanted) {
  static const std::vector<double> sets[] = {
      {1}, {1, 3}, {1, 2, 5}, {1, 1.5, 2, 3, 5, 7}};
  int first = int(std::floor(std::log10(low))),
      last = int(std::ceil(std::log10(high)));
  int stride = std::max(1, (last - first) / int(std::max(wanted, 1u)));
  std::vector<double> result;
  for (const std::vector<double> &set : sets) {
    result.clear();
    for (int power = first; power <= last; power += stride)
      for (double factor : set) {
        double value = factor * std::pow(10.0, power);
        if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9))
          result.push_back(value);
      }
    if (result.size() * 3 >= wanted * 2 || stride > 1)
      break;
  }
  return result;
}

std::vector<double> Axis::ticks(unsigned wanted) const {
  std::vector<double> result;
  if (isLogarithmic)
    result = logTicks(low, high, wanted);
  if (result.empty()) {
    double step = roundStep(high - low, wanted);
    for (double i = std::ceil(low / step - 1e-9);
         i * step <= high + 1e-9 * step && result.size() < 1000; ++i)
      result.push_back(i * step);
  }
  if (result.empty())
    result.push_back(low);
  return result;
}

Axis Axis::rounded(unsigned wanted) const {
  if (isLogarithmic)
    return logarithmic(low / 1.25, high * 1.25);
  double step = roundStep(high - low, wanted);
  return linear(std::floor(low / step + 1e-9) * step,
                std::ceil(high / step - 1e-9) * step);
}
