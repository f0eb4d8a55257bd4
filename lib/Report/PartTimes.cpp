//===- PartTimes.cpp - where the time of a run goes -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/PartTimes.h"
#include "allot/Report/PlanReport.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include <map>

using namespace allot::report;

namespace {
/// Words for names of ops, or for all ops of a dialect.
struct Word {
  llvm::StringLiteral op, text;
};
} // namespace

static constexpr llvm::StringLiteral kMatrixOp = "adapter.apply";
static constexpr Word kWords[] = {
    {kMatrixOp, "matrices without a name"},
    {"adapter.gather", "looking up token vectors"},
    {"nn.attention", "attention over earlier tokens"},
    {"nn.norm", "norms"},
    {"nn.rope", "rotary positions"},
    {"nn.cache_update", "storing keys and values"},
    {"nn.activation", "element by element"},
    {"arith", "element by element"},
    {"math", "element by element"},
    {"linalg", "element by element"},
    {"tensor", "copies"},
    {"memref", "copies"},
};

bool allot::report::isMatrix(const PartTime &part) {
  return part.op == kMatrixOp && !part.site.empty();
}

std::string allot::report::kindOf(const PartTime &part) {
  if (isMatrix(part))
    return parseSiteName(part.site).kind;
  for (const Word &word : kWords)
    if (part.op == word.op ||
        llvm::StringRef(part.op).split('.').first == word.op)
      return word.text.str();
  return part.op;
}

std::vector<KindTime> allot::report::byKind(llvm::ArrayRef<PartTime> parts) {
  llvm::MapVector<std::string, KindTime, std::map<std::string, unsigned>> kinds;
  for (const PartTime &part : parts) {
    std::string kind = kindOf(part);
    KindTime &sum = kinds[kind];
    sum.kind = kind;
    sum.seconds += part.seconds;
    ++sum.parts;
    sum.isMatrix |= isMatrix(part);
  }
  std::vector<KindTime> sorted;
  for (auto &entry : kinds)
    sorted.push_back(std::move(entry.second));
  llvm::sort(sorted, [](const KindTime &a, const KindTime &b) {
    return std::tie(b.seconds, a.kind) < std::tie(a.seconds, b.kind);
  });
  return sorted;
}
