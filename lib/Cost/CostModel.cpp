//===- CostModel.cpp - constants of machines --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Cost/CostModel.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace allot;
using namespace allot::cost;

static constexpr llvm::StringLiteral names[numUnits] = {
    "kernel", "term", "read-byte", "flop-one", "flop-few", "flop-many",
    "decode", "loop", "point",     "sum",      "move-byte"};

llvm::StringRef cost::stringifyUnit(Unit unit) { return names[unsigned(unit)]; }

CostTable CostTable::forTarget(llvm::StringRef target) {
  // Two threads of a processor with 512-bit units: tools/bench/evaluation.py
  // --fit, see docs/Results.md.
  CostTable table;
  table.seconds = {1.2e-6,  1.5e-5, 4.2e-11, 1.4e-11, 1.1e-11, 5.6e-12,
                   2.5e-11, 2.3e-7, 1.7e-10, 2.8e-10, 1.4e-10};
  if (target.starts_with("avx512"))
    return table;
  // Not measured: vectors are half as wide, or an eighth.
  double slower = target.starts_with("generic") ? 8 : 2;
  for (Unit unit : {Unit::FlopOne, Unit::FlopFew, Unit::FlopMany, Unit::Decode})
    table.seconds[unsigned(unit)] *= slower;
  return table;
}

llvm::Error CostTable::set(llvm::StringRef assignment) {
  auto [name, text] = assignment.split('=');
  const auto *found = llvm::find(names, name);
  if (found == std::end(names))
    return llvm::createStringError(
        "no unit of work is called %s: wanted one of %s",
        support::quoted(name).c_str(),
        llvm::join(llvm::ArrayRef<llvm::StringLiteral>(names), ", ").c_str());
  double value;
  if (text.getAsDouble(value) || !std::isfinite(value) || value < 0)
    return llvm::createStringError(
        "the seconds of %s are a number of at least 0, but got %s",
        support::quoted(name).c_str(), support::quoted(text).c_str());
  seconds[found - std::begin(names)] = value;
  return llvm::Error::success();
}

Work &Work::operator+=(const Work &other) {
  for (unsigned i = 0; i < numUnits; ++i)
    counts[i] += other.counts[i];
  return *this;
}

double Work::seconds(const CostTable &table) const {
  double total = 0;
  for (unsigned i = 0; i < numUnits; ++i)
    total += counts[i] * table[Unit(i)];
  return total;
}
