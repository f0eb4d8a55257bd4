//===- Resources.h - what a token costs beside storage ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Resources of a problem beside `bytes`, in numbers that follow from shapes
// alone. A token is one row through each function; a site costs what it costs
// in the function that applies it most often (`prefill` and `decode` of a
// language model do the same things to a token, and are not added up).
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_RESOURCES_H
#define ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_RESOURCES_H

#include "Candidates.h"

namespace allot::plan {

/// What one token asks of a site as it stands in the module.
struct SiteUse {
  /// How often the map is applied. Rows that are looked up are not counted.
  int64_t applications = 0;
  /// Floating-point operations of the adapters, once applied: all ops of the
  /// expression but the stored matrix.
  int64_t adapterFlops = 0;
};

SiteUse useOf(const analysis::Site &site);

/// A resource beside `bytes`: what an option of a site, or of `rows` rows of
/// it, costs per token.
struct TokenResource {
  llvm::StringRef name;
  int64_t (*cost)(const analysis::Site &site, const SiteUse &use, int64_t rows,
                  const Candidate &option);
  /// What is no matrix, of which `bytes` are stored.
  int64_t (*fixed)(int64_t bytes);
  /// The positions of rows that are stored in another order, `bytes` of them.
  int64_t (*positions)(const SiteUse &use, int64_t bytes);
};

/// The resource of this name, or null:
/// `flops`: floating-point operations, factors evaluated as factors: 2 per
/// weight, 2 r (out + in) per pair of factors of rank r, and the sums.
/// `bytes_read`: bytes of the matrices that are applied, with adapters and
/// compensation, and of everything that is no matrix.
const TokenResource *findTokenResource(llvm::StringRef name);

/// Their names, for messages.
std::string tokenResourceNames();

} // namespace allot::plan

#endif // ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_RESOURCES_H
