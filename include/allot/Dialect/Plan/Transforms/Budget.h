//===- Budget.h - budgets as people write them ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_PLAN_TRANSFORMS_BUDGET_H
#define ALLOT_DIALECT_PLAN_TRANSFORMS_BUDGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace allot::plan {

/// Whether amounts of a resource are bytes: `bytes`, and names that begin with
/// `bytes_`.
bool isInBytes(llvm::StringRef resource);

/// The limit that `text` stands for: a number with a unit, rounded down.
/// Of resources in bytes, `3.5bpw` is bits per weight of a model of `weights`
/// weights, floor(3.5 * weights / 8) bytes; `B`, `kB`, `MB`, `GB`, `KiB`,
/// `MiB`, `GiB` are bytes, and so is no unit. Of others, `k`, `M`, `G`, `T` are
/// powers of 1000. The arithmetic is exact. An error where the text is none of
/// that, negative, or exceeds 2^61.
llvm::Expected<int64_t> parseBudget(llvm::StringRef text,
                                    llvm::StringRef resource, int64_t weights);

/// `7000000 bytes (3.50 bpw)`, or `12 RESOURCE`.
std::string describeAmount(int64_t amount, llvm::StringRef resource,
                           int64_t weights);

} // namespace allot::plan

#endif // ALLOT_DIALECT_PLAN_TRANSFORMS_BUDGET_H
