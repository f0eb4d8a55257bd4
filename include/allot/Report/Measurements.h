//===- Measurements.h - what allot eval and allot bench wrote ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REPORT_MEASUREMENTS_H
#define ALLOT_REPORT_MEASUREMENTS_H

#include "allot/Report/PartTimes.h"
#include "llvm/Support/Error.h"
#include <cstdint>

namespace allot::report {

/// Whose measurements are wanted: digests, empty where that is unknown.
struct Subject {
  std::string model, plan;
  /// Take measurements of other models as well.
  bool force = false;
};

/// What `allot eval PROG --against MODEL --json` wrote.
struct MeasuredLoss {
  /// The file's name without folder and ending.
  std::string label;
  int64_t bytes = 0, tokens = 0;
  std::optional<double> bitsPerWeight;
  /// Mean divergence from the unallocated model in nats per token, its standard
  /// error, and the share of equal most probable tokens.
  double divergence = 0;
  std::optional<double> standardError, agreement, perplexity;
  /// What the plan of the program predicts; absent where it has none.
  std::optional<double> predicted;
  /// How that plan was found; empty where there is none.
  std::string solver;
  /// It is the plan of the report.
  bool isSubject = false;

  /// Found by choosing matrix by matrix: it has a plan which is not uniform.
  bool isPlanned() const {
    return !solver.empty() && !llvm::StringRef(solver).starts_with("uniform");
  }
};

/// Of all pairs of measured programs with a prediction, how many there are, and
/// in how many the one that is predicted to lose less did so.
struct Agreement {
  unsigned pairs = 0, agreeing = 0;
};
Agreement orderAgreement(llvm::ArrayRef<MeasuredLoss> measured);

/// Reads such a file. Errors name file and field: no JSON, fields that are
/// missing or have another type, no divergence (nothing to compare with was
/// given), another model, a base that is itself allocated.
llvm::Expected<MeasuredLoss> readMeasuredLoss(llvm::StringRef path,
                                              const Subject &subject);

/// A row of `allot bench program --json`: a phase.
struct MeasuredTime {
  std::string label, phase, format, activations, target;
  int64_t tokens = 0, bytes = 0, threads = 0;
  double seconds = 0, ofRead = 0, tokensPerSecond = 0, readGBs = 0;
  /// Where the time goes; absent without `--parts`.
  std::optional<PartTimes> parts;
  bool isSubject = false;
};

/// The rows of such a file; `label` is the file's name. Errors as above, and
/// rows of kernels.
llvm::Expected<std::vector<MeasuredTime>>
readMeasuredTimes(llvm::StringRef path, const Subject &subject);

} // namespace allot::report

#endif // ALLOT_REPORT_MEASUREMENTS_H
