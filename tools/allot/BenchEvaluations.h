//===- BenchEvaluations.h - ways to evaluate maps, measured -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_BENCHEVALUATIONS_H
#define ALLOT_TOOLS_ALLOT_BENCHEVALUATIONS_H

#include "Driver.h"
#include "allot/Cost/CostModel.h"
#include "allot/Runtime/Probes.h"

namespace allot::tool {

/// A map `[m, k]` that meets n rows, and the ways that were measured, the one
/// that is predicted to be the fastest first.
struct EvaluationRow {
  struct Way {
    std::string way, entry;
    double predicted;
    cost::Work work;
    std::vector<double> samples;
    double seconds() const;
  };
  std::string name;
  int64_t m, k, n;
  std::vector<Way> ways;
  /// The time of the first way by that of the fastest.
  double overBest() const;
};

struct EvaluationBenchOptions {
  std::vector<int64_t> rows;
  std::vector<std::string> costs;
  unsigned repeat = 0, threads = 1;
  uint64_t evictBytes = uint64_t(16) << 20;
};

/// Each function of the module in a file applies one map to its one input.
llvm::Expected<std::vector<EvaluationRow>>
benchEvaluations(llvm::StringRef path, const EvaluationBenchOptions &options,
                 const ProgramFlags &flags);

void printJson(llvm::ArrayRef<EvaluationRow> rows);
void printTable(llvm::ArrayRef<EvaluationRow> rows);

} // namespace allot::tool

#endif // ALLOT_TOOLS_ALLOT_BENCHEVALUATIONS_H
