//===- Candidates.h - what may be chosen for a site -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The options of a site as they follow from its shape alone: names and exact
// bytes. Losses come later, and only for what was allowed.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_CANDIDATES_H
#define ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_CANDIDATES_H

#include "Encode.h"
#include "allot/Analysis/RowParts.h"
#include "llvm/ADT/SetVector.h"
#include <regex>

namespace allot::plan {

/// What happens to a site's adapters.
struct AdapterTreatment {
  /// End of the option's name: empty for a site without adapters.
  std::string suffix;
  uint64_t bytes = 0;
  bool merged = false;
  /// What the factors are rounded to; null: as they are stored.
  FormatAttrInterface format;
  /// The sum of the adapters is replaced by factors of this rank.
  std::optional<int64_t> rank;

  /// Whether the adapters are not what they were, so that something is lost.
  bool isChanged() const { return format || rank; }
};

/// One way to store a site.
struct Candidate {
  std::string name;
  uint64_t bytes = 0;
  double loss = 0.0;
  /// Null: as stored.
  FormatAttrInterface format;
  int64_t rank = 0;
  AdapterTreatment adapter;
};

/// What is to be chosen from, for all sites.
struct Choices {
  llvm::SmallVector<FormatAttrInterface> formats;
  /// Rising, 0 included.
  llvm::SmallVector<int64_t> ranks;
  llvm::SmallSetVector<mlir::Attribute, 8> compensated;
  FormatAttrInterface factorFormat;
  /// Formats and ranks, falling, of adapters that stay factored.
  llvm::SmallVector<FormatAttrInterface> adapterFormats;
  llvm::SmallVector<int64_t> adapterRanks;
  /// Site and option; see `enumerate`.
  std::vector<std::pair<std::regex, std::regex>> allow;
  int64_t tileRows = 8;
  /// Plan ranges of rows apart where they were measured apart.
  bool splitRows = true;
};

/// The options of a site, the stored form first; those that `choices.allow`
/// rules out are left out. Where rules match the site, an option must match one
/// of them. With `part` those of a range of its rows, which rules may also call
/// by its own name; ranges are never compensated.
std::vector<Candidate> enumerate(const analysis::Site &site,
                                 std::optional<analysis::RowPart> part,
                                 const Choices &choices);

} // namespace allot::plan

#endif // ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_CANDIDATES_H
