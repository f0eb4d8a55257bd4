//===- RowParts.cpp - ranges of rows that are planned apart -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/RowParts.h"
#include "allot/Support/Error.h"
#include <algorithm>
#include <numeric>

using namespace allot;
using namespace allot::analysis;

/// Tables of fewer rows are not worth the kernels that parts cost.
static constexpr int64_t kSmallestTable = 8192;
/// A multiple of every row tile, and such that sections of packed parts need no
/// more padding than those of the whole.
static constexpr int64_t kGranule = 64;

std::string analysis::rowPartName(llvm::StringRef site, RowPart part) {
  return (site + "[" + llvm::Twine(part.first) + ":" + llvm::Twine(part.end) +
          "]")
      .str();
}

std::vector<int64_t>
analysis::rowsByImportance(llvm::ArrayRef<float> importance) {
  std::vector<int64_t> rows(importance.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) {
    return importance[a] > importance[b];
  });
  return rows;
}

std::vector<RowPart> analysis::measuredRowParts(const Site &site,
                                                int64_t vocab) {
  std::vector<RowPart> parts;
  if (site.rows != vocab || !site.adapters.empty() ||
      site.rows < kSmallestTable)
    return parts;
  int64_t first = 0;
  for (int64_t sixtyFourths : {1, 2, 4, 8, 16, 32, 48}) {
    int64_t end = site.rows / 64 * sixtyFourths / kGranule * kGranule;
    parts.push_back({first, end});
    first = end;
  }
  parts.push_back({first, site.rows});
  return parts;
}

llvm::Expected<std::vector<RowPart>>
analysis::storedRowParts(const Statistics &statistics, llvm::StringRef site,
                         int64_t rows) {
  // Each range once, with one of the tensors that are about it.
  std::vector<std::pair<RowPart, llvm::StringRef>> found;
  for (llvm::StringRef name : statistics.tensorNames()) {
    llvm::StringRef range = name, first, end;
    if (!range.consume_front(site) || !range.consume_front("[") ||
        !(range.consume_back("].sensitivity") ||
          range.consume_back("].output_curvature") ||
          range.consume_back("].output_grad_second_moment")))
      continue;
    std::tie(first, end) = range.split(':');
    RowPart part;
    if (first.getAsInteger(10, part.first) || end.getAsInteger(10, part.end))
      return support::tensorError(statistics.path(), name,
                                  "names no range of rows");
    if (llvm::none_of(found, [&](const auto &other) {
          return other.first.first == part.first && other.first.end == part.end;
        }))
      found.emplace_back(part, name);
  }
  llvm::sort(found, [](const auto &a, const auto &b) {
    return a.first.first < b.first.first;
  });
  std::vector<RowPart> parts;
  int64_t covered = 0;
  for (auto [part, name] : found) {
    if (part.first % kGranule != 0)
      return support::tensorError(statistics.path(), name,
                                  "does not begin at a multiple of " +
                                      llvm::Twine(kGranule) + " rows");
    if (part.first != covered || part.end <= part.first || part.end > rows)
      return support::tensorError(
          statistics.path(), name,
          "does not follow the range before it: the ranges of a matrix of " +
              llvm::Twine(rows) + " rows cover each row once");
    covered = part.end;
    parts.push_back(part);
  }
  if (!parts.empty() && covered != rows)
    return support::tensorError(statistics.path(), found.back().second,
                                "is the last range, but the matrix has " +
                                    llvm::Twine(rows) + " rows");
  return parts;
}
