//===- PlanReport.cpp - facts of a report -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/PlanReport.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace allot::report;

std::optional<int64_t> PlanReport::storedCost() const {
  int64_t sum = fixed;
  for (const PlannedItem &item : items) {
    if (!item.storedCost)
      return std::nullopt;
    sum += *item.storedCost;
  }
  return sum;
}

SiteName allot::report::parseSiteName(llvm::StringRef site) {
  llvm::SmallVector<llvm::StringRef, 8> parts;
  site.split(parts, '.');
  SiteName name;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    unsigned layer = 0;
    if (parts[i].getAsInteger(10, layer))
      continue;
    name.layer = layer;
    name.stack = llvm::join(parts.begin(), parts.begin() + i, ".");
    name.kind = llvm::join(parts.begin() + i + 1, parts.end(), ".");
    return name;
  }
  name.kind = site.str();
  return name;
}
