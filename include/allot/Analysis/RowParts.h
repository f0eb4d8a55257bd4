//===- RowParts.h - ranges of rows that are planned apart -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of an embedding or a head are needed very unevenly: a few hundred of
// fifty thousand tokens carry half of the probability of a text. Such a table is
// measured and planned in ranges of its rows, sorted by how often their tokens
// are met, each range like a matrix of its own.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ANALYSIS_ROWPARTS_H
#define ALLOT_ANALYSIS_ROWPARTS_H

#include "allot/Analysis/Sites.h"
#include "allot/Analysis/Statistics.h"

namespace allot::analysis {

/// Ranks `[first, end)` in the order of importance.
struct RowPart {
  int64_t first = 0, end = 0;
  int64_t count() const { return end - first; }
};

/// `SITE[first:end]`: how statistics, plan items and archives call a part.
std::string rowPartName(llvm::StringRef site, RowPart part);

/// Rows by falling importance, equal ones in their own order.
std::vector<int64_t> rowsByImportance(llvm::ArrayRef<float> importance);

/// The parts in which a site is measured: none for most; for one with a row per
/// token of the vocabulary, 8192 or more, and without adapters, the first 1/64,
/// then up to 1/32, 1/16 .. 1/2, 3/4 and the rest, whole tiles of 64 rows each.
std::vector<RowPart> measuredRowParts(const Site &site, int64_t vocab);

/// The parts of a site of `rows` rows that `statistics` have sensitivities or gradients of,
/// in order; empty where there are none. An error, which names the file, where
/// they do not cover the rows, each once, or begin within 64 rows.
llvm::Expected<std::vector<RowPart>>
storedRowParts(const Statistics &statistics, llvm::StringRef site,
               int64_t rows);

} // namespace allot::analysis

#endif // ALLOT_ANALYSIS_ROWPARTS_H
