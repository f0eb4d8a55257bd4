//===- ExplainPage.h - allot explain --html ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_EXPLAINPAGE_H
#define ALLOT_TOOLS_ALLOT_EXPLAINPAGE_H

#include "allot/Allocation/Solvers.h"
#include "allot/Dialect/Plan/IR/Plan.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace allot::tool {

/// What the next unit of the first resource is worth at most, and what one less
/// costs at least; absent where nothing changes any more.
struct EdgePrices {
  std::optional<double> better, worse;
};
EdgePrices edgePrices(llvm::ArrayRef<allocation::MarginalPrice> prices);

struct PageOptions {
  /// Where the page goes, and files that allot eval and allot bench wrote.
  std::string output;
  std::vector<std::string> measured, times;
  /// Take measurements of other models.
  bool force = false;
};

/// Writes the page about a verified solution of the file `path`.
llvm::Error writePlanPage(llvm::StringRef path, plan::SolutionOp solution,
                          const PageOptions &options);

} // namespace allot::tool

#endif // ALLOT_TOOLS_ALLOT_EXPLAINPAGE_H
