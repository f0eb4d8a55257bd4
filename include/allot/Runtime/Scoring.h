//===- Scoring.h - likelihoods and divergences from logits ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_SCORING_H
#define ALLOT_RUNTIME_SCORING_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace allot::runtime {

/// What is known about each position of a sequence.
struct Scores {
  /// Log-probability (nats) of the token that came next.
  std::vector<float> logp;
  /// The most probable token (the lowest id among equals).
  std::vector<int32_t> top1;
  /// With base logits: Kullback-Leibler divergence KL(base || these) in nats,
  /// and the base's most probable token.
  std::vector<double> kl;
  std::vector<int32_t> baseTop1;
};

/// Scores `next.size()` positions: `logits` and `base` (empty for none) hold at
/// least as many rows of `vocab` numbers. Softmax over the whole vocabulary,
/// exponentials in f32, sums in f64 over blocks, on all threads. Ids in `next`
/// lie in the vocabulary.
Scores score(llvm::ArrayRef<float> logits, int64_t vocab,
             llvm::ArrayRef<int32_t> next, llvm::ArrayRef<float> base = {});

/// A mean with its standard error.
struct Estimate {
  double mean = 0;
  std::optional<double> standardError;
};

/// Means over all positions of several sequences. Positions of one sequence
/// depend on each other, so standard errors come from the spread of the
/// sequences' means, s / sqrt(n); with a single sequence there is none.
class Summary {
public:
  void add(const Scores &sequence);

  uint64_t tokens() const { return count; }
  Estimate nll() const { return estimate(nlls); }
  /// exp of the mean negative log-likelihood; its standard error by the delta
  /// method.
  Estimate perplexity() const;
  /// Absent without base logits.
  std::optional<Estimate> kl() const;
  std::optional<double> klQuantile(double q) const;
  /// Share of positions where both agree on the most probable token.
  std::optional<Estimate> agreement() const;

private:
  Estimate estimate(const std::vector<double> &sums) const;
  std::vector<double> nlls, kls, agreements;
  std::vector<uint64_t> lengths;
  std::vector<double> allKls;
  uint64_t count = 0;
};

/// Adds the probabilities softmax(logits) of all positions to `sum` [vocab].
void addProbabilities(llvm::ArrayRef<float> logits, llvm::MutableArrayRef<double> sum);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_SCORING_H
