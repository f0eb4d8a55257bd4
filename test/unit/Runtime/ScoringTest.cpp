//===- ScoringTest.cpp - likelihoods and divergences ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Scoring.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace allot::runtime;

namespace {

std::vector<double> logSoftmax(llvm::ArrayRef<float> row) {
  double largest = *std::max_element(row.begin(), row.end()), sum = 0;
  for (float x : row)
    sum += std::exp(double(x) - largest);
  std::vector<double> result;
  for (float x : row)
    result.push_back(double(x) - largest - std::log(sum));
  return result;
}

TEST(Scoring, AgreesWithDoublePrecision) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 4), small(0, 0.3f);
  for (int64_t vocab : {1, 7, 1024, 5003}) {
    int64_t positions = 9;
    std::vector<float> base(positions * vocab), logits(positions * vocab);
    std::vector<int32_t> next(positions);
    for (size_t i = 0; i < base.size(); ++i) {
      base[i] = normal(random);
      logits[i] = base[i] + small(random);
    }
    for (int32_t &id : next)
      id = int32_t(random() % vocab);
    Scores scores = score(logits, vocab, next, base);
    for (int64_t t = 0; t < positions; ++t) {
      auto q = logSoftmax(llvm::ArrayRef(logits).slice(t * vocab, vocab)),
           p = logSoftmax(llvm::ArrayRef(base).slice(t * vocab, vocab));
      EXPECT_NEAR(scores.logp[t], q[next[t]], 2e-5);
      EXPECT_EQ(scores.top1[t],
                std::max_element(q.begin(), q.end()) - q.begin());
      EXPECT_EQ(scores.baseTop1[t],
                std::max_element(p.begin(), p.end()) - p.begin());
      double kl = 0;
      for (int64_t i = 0; i < vocab; ++i)
        kl += std::exp(p[i]) * (p[i] - q[i]);
      EXPECT_NEAR(scores.kl[t], kl, 2e-6);
    }
  }
}

TEST(Scoring, LargeLogitsDoNotOverflow) {
  std::vector<float> logits = {1e30f, -1e30f, 0};
  Scores scores = score(logits, 3, {0});
  EXPECT_EQ(scores.logp[0], 0);
  EXPECT_EQ(scores.top1[0], 0);
}

TEST(Scoring, EqualProgramsDoNotDiverge) {
  std::vector<float> logits(3000);
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 8);
  for (float &x : logits)
    x = normal(random);
  Scores scores = score(logits, 1000, {1, 2, 3}, logits);
  for (double kl : scores.kl)
    EXPECT_LT(kl, 1e-9);
}

TEST(Scoring, SummaryOverSequences) {
  Summary summary;
  summary.add({{-1, -3}, {5, 6}, {0.1, 0.3}, {5, 7}});
  EXPECT_FALSE(summary.nll().standardError);
  summary.add({{-2, -6}, {5, 6}, {0.5, 0.7}, {5, 6}});
  EXPECT_EQ(summary.tokens(), 4u);
  EXPECT_DOUBLE_EQ(summary.nll().mean, 3);
  // Means of the sequences are 2 and 4: spread sqrt(2), over sqrt(2) sequences.
  EXPECT_DOUBLE_EQ(*summary.nll().standardError, 1);
  EXPECT_DOUBLE_EQ(summary.perplexity().mean, std::exp(3.0));
  EXPECT_DOUBLE_EQ(*summary.perplexity().standardError, std::exp(3.0));
  EXPECT_DOUBLE_EQ(summary.kl()->mean, 0.4);
  EXPECT_DOUBLE_EQ(*summary.klQuantile(0.99), 0.7);
  EXPECT_DOUBLE_EQ(*summary.klQuantile(0.5), 0.3);
  EXPECT_DOUBLE_EQ(summary.agreement()->mean, 0.75);
}

TEST(Scoring, NoBaseNoDivergence) {
  Summary summary;
  summary.add(score(std::vector<float>{0, 0}, 2, {1}));
  EXPECT_NEAR(summary.nll().mean, std::log(2.0), 1e-6);
  EXPECT_FALSE(summary.kl());
  EXPECT_FALSE(summary.klQuantile(0.99));
  EXPECT_FALSE(summary.agreement());
}

} // namespace
