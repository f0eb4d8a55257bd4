//===- PartTimes.h - where the time of a run goes ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REPORT_PARTTIMES_H
#define ALLOT_REPORT_PARTTIMES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace allot::report {

/// A part of a model by the time that it took in one run: what became of one op
/// of the imported model. `op` is its name, with the dialect; `site` is that of
/// the matrix or weight, or the module that the op stands in. Several matrices
/// that run as one are `a.q+k`.
struct PartTime {
  std::string site, op;
  double seconds = 0;
};

/// One run of an entry, taken apart: the mean over `runs` runs. What is not in
/// a part is `rest` (checks, arguments, buffers freed at the end), so the parts
/// and the rest add up to `seconds`.
struct PartTimes {
  double seconds = 0, rest = 0;
  int64_t runs = 0;
  std::vector<PartTime> parts;
};

/// What people call such a part: products with matrices by what the matrix
/// does (`self_attn.q_proj`), anything else by what is done (`attention`,
/// `norms`), in all layers alike. Ops that have no such name keep their own.
std::string kindOf(const PartTime &part);
/// The product with a matrix that has a site.
bool isMatrix(const PartTime &part);

/// All parts of one kind.
struct KindTime {
  std::string kind;
  double seconds = 0;
  unsigned parts = 0;
  bool isMatrix = false;
};
/// The kinds of `parts`, the longest first.
std::vector<KindTime> byKind(llvm::ArrayRef<PartTime> parts);

} // namespace allot::report

#endif // ALLOT_REPORT_PARTTIMES_H
