//===- Classes.h - what can be chosen independently -------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Internal. Ties and pins taken out of the way: groups of items that must
// agree, and components (groups that share something) whose choices are
// independent of each other.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_ALLOCATION_CLASSES_H
#define ALLOT_LIB_ALLOCATION_CLASSES_H

#include "allot/Allocation/Problem.h"

namespace allot::allocation::detail {

/// A name in single quotes, escaped and cut, as names come from files.
std::string quoted(llvm::StringRef name);

/// No total of a problem that passes its check exceeds this, so that sums and
/// differences of two do not overflow.
constexpr int64_t maxTotal = int64_t(1) << 61;

/// Error with this message.
llvm::Error makeError(const llvm::Twine &message);

/// Items with a list of joint choices.
struct Group {
  llvm::SmallVector<unsigned, 2> items;
  /// picks[c * items.size() + i]: option of items[i] in joint choice c.
  std::vector<unsigned> picks;

  size_t size() const { return picks.size() / items.size(); }
  llvm::ArrayRef<unsigned> pick(size_t c) const {
    return llvm::ArrayRef<unsigned>(picks).slice(c * items.size(),
                                                 items.size());
  }
};

/// The items joined by required ties, in the order of their first item; their
/// joint choices are the common option names in the order of the first item.
/// Needs a problem whose indices and names are sound. An error where required
/// ties and pins leave nothing.
llvm::Expected<std::vector<Group>> formGroups(const Problem &problem,
                                              bool usePins = true);

/// The groups joined by ties of either kind, with the products of their joint
/// choices. An error where a product exceeds `maxChoices`.
llvm::Expected<std::vector<Group>> formComponents(const Problem &problem,
                                                  uint64_t maxChoices);

/// No component has more than `maxChoices` joint choices.
bool hasSmallComponents(const Problem &problem, uint64_t maxChoices);

/// `leastTotal` of a sound problem of any size; absent where it was not proven
/// within the nodes that CbcOptions allow.
llvm::Expected<std::optional<int64_t>> leastTotalByCbc(const Problem &problem,
                                                       unsigned resource);

/// One joint choice of a component, for one resource.
struct Candidate {
  int64_t cost;
  double loss;
  unsigned pick;
};

/// The choices of a component that no other dominates (not cheaper and not
/// better), by increasing cost and so decreasing loss. Of equal ones the first
/// stays.
std::vector<Candidate> paretoFront(const Problem &problem,
                                   const Group &component, unsigned resource);

/// Largest number of joint choices of a component in the exact solvers.
constexpr uint64_t maxComponentChoices = 1u << 20;

} // namespace allot::allocation::detail

#endif // ALLOT_LIB_ALLOCATION_CLASSES_H
