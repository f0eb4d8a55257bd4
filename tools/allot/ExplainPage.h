//===- ExplainPage.h - allot explain --html ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_EXPLAINPAGE_H
#define ALLOT_TOOLS_ALLOT_EXPLAINPAGE_H

#include "ExplainedPlan.h"
#include <string>
#include <vector>

namespace allot::tool {

struct PageOptions {
  /// Where the page goes, and files that allot eval and allot bench wrote.
  std::string output;
  std::vector<std::string> measured, times;
  /// Take measurements of other models.
  bool force = false;
};

/// Writes the page about a plan of the file `path`.
llvm::Error writePlanPage(llvm::StringRef path, ExplainedPlan &plan,
                          const PageOptions &options);

} // namespace allot::tool

#endif // ALLOT_TOOLS_ALLOT_EXPLAINPAGE_H
