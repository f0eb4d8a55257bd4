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
  // Measured with two threads; tools/bench/evaluation.py --fit writes a line
  // of them.
  CostTable table;
  auto fill = [&](std::array<double, numUnits> values) {
    table.seconds = values;
  };
  if (target.starts_with("avx512"))
    fill({2e-6, 2e-6, 8e-11, 3e-11, 1.5e-11, 8e-12, 1e-11, 1e-6, 2e-10, 5e-10,
          5e-11});
  else if (target.starts_with("generic"))
    fill({2e-6, 2e-6, 1e-10, 1.2e-10, 6e-11, 6e-11, 1e-10, 1e-6, 4e-10, 1e-9,
          1e-10});
  else
    fill({2e-6, 2e-6, 8e-11, 3e-11, 2e-11, 1.5e-11, 1.5e-11, 1e-6, 2e-10, 5e-10,
          5e-11});
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
