//===- Scoring.cpp - likelihoods and divergences from logits ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Scoring.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace allot;
using namespace allot::runtime;

namespace {

/// Sums in f32 run over this many numbers before they are added in f64.
constexpr int64_t kBlock = 1024;

/// e^x for x <= 0, within 2 units in the last place; the loop over it
/// vectorises. Range reduction by Cody and Waite, minimax polynomial of degree
/// 6 on [-ln 2 / 2, ln 2 / 2]. Below -87 the result is (nearly) e^-87, nothing
/// beside the largest term.
inline float expNegative(float x) {
  x = std::max(x, -87.0f);
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  float shifted = x * 1.44269504f + 12582912.0f;
  float n = shifted - 12582912.0f;
  float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.3981999e-3f;
  p = p * r + 8.3334519e-3f;
  p = p * r + 4.1665796e-2f;
  p = p * r + 1.6666665e-1f;
  p = p * r + 0.5f;
  p = p * (r * r) + r + 1.0f;
  int32_t bits = (int32_t(n) + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

struct Softmax {
  float largest = 0;
  int32_t argmax = 0;
  /// log of the sum of exponentials, the largest logit included.
  double logSum = 0;
};

Softmax softmax(const float *logits, int64_t vocab) {
  Softmax result;
  // Lanes by hand: a maximum of floats alone may not be reordered by the
  // compiler.
  constexpr int64_t kLanes = 16;
  float lanes[kLanes], largest = logits[0];
  std::fill(lanes, lanes + kLanes, largest);
  int64_t i = 0;
  for (; i + kLanes <= vocab; i += kLanes)
    for (int64_t j = 0; j < kLanes; ++j)
      lanes[j] = lanes[j] < logits[i + j] ? logits[i + j] : lanes[j];
  for (; i < vocab; ++i)
    largest = std::max(largest, logits[i]);
  for (float lane : lanes)
    largest = std::max(largest, lane);
  result.largest = largest;
  result.argmax = int32_t(std::find(logits, logits + vocab, largest) - logits);
  double sum = 0;
  for (int64_t begin = 0; begin < vocab; begin += kBlock) {
    int64_t end = std::min(vocab, begin + kBlock);
    float block = 0;
#pragma omp simd reduction(+ : block)
    for (int64_t i = begin; i < end; ++i)
      block += expNegative(logits[i] - largest);
    sum += block;
  }
  result.logSum = double(largest) + std::log(sum);
  return result;
}

/// sum_i p_i (log p_i - log q_i) = sum_i p_i (base_i - logits_i) - logSum(base)
/// + logSum(logits).
double divergence(const float *base, const Softmax &p, const float *logits,
                  const Softmax &q, int64_t vocab) {
  float largest = p.largest;
  double weighted = 0, total = 0;
  for (int64_t begin = 0; begin < vocab; begin += kBlock) {
    int64_t end = std::min(vocab, begin + kBlock);
    float block = 0, mass = 0;
#pragma omp simd reduction(+ : block, mass)
    for (int64_t i = begin; i < end; ++i) {
      float e = expNegative(base[i] - largest);
      block += e * (base[i] - logits[i]);
      mass += e;
    }
    weighted += block;
    total += mass;
  }
  // Rounding may leave a divergence of equal distributions just below zero.
  return std::max(0.0, weighted / total - p.logSum + q.logSum);
}

} // namespace

Scores runtime::score(llvm::ArrayRef<float> logits, int64_t vocab,
                      llvm::ArrayRef<int32_t> next,
                      llvm::ArrayRef<float> base) {
  int64_t positions = int64_t(next.size());
  Scores scores;
  scores.logp.resize(positions);
  scores.top1.resize(positions);
  if (!base.empty()) {
    scores.kl.resize(positions);
    scores.baseTop1.resize(positions);
  }
#pragma omp parallel for schedule(dynamic, 4)
  for (int64_t t = 0; t < positions; ++t) {
    const float *row = logits.data() + t * vocab;
    Softmax q = softmax(row, vocab);
    scores.logp[t] = float(double(row[next[t]]) - q.logSum);
    scores.top1[t] = q.argmax;
    if (base.empty())
      continue;
    const float *baseRow = base.data() + t * vocab;
    Softmax p = softmax(baseRow, vocab);
    scores.kl[t] = divergence(baseRow, p, row, q, vocab);
    scores.baseTop1[t] = p.argmax;
  }
  return scores;
}

void runtime::addProbabilities(llvm::ArrayRef<float> logits,
                               llvm::MutableArrayRef<double> sum) {
  int64_t vocab = int64_t(sum.size()),
          positions = int64_t(logits.size()) / vocab;
  std::vector<float> logSums(positions);
#pragma omp parallel for schedule(dynamic, 4)
  for (int64_t t = 0; t < positions; ++t)
    logSums[t] = float(softmax(logits.data() + t * vocab, vocab).logSum);
#pragma omp parallel for
  for (int64_t begin = 0; begin < vocab; begin += kBlock) {
    int64_t count = std::min(kBlock, vocab - begin);
    float block[kBlock] = {};
    for (int64_t t = 0; t < positions; ++t) {
      const float *row = logits.data() + t * vocab + begin;
      float logSum = logSums[t];
#pragma omp simd
      for (int64_t i = 0; i < count; ++i)
        block[i] += expNegative(row[i] - logSum);
    }
    for (int64_t i = 0; i < count; ++i)
      sum[begin + i] += block[i];
  }
}

void Summary::add(const Scores &sequence) {
  if (sequence.logp.empty())
    return;
  double nll = 0, kl = 0, agreed = 0;
  for (float logp : sequence.logp)
    nll -= logp;
  nlls.push_back(nll);
  lengths.push_back(sequence.logp.size());
  count += sequence.logp.size();
  if (sequence.kl.empty())
    return;
  for (size_t t = 0; t < sequence.kl.size(); ++t) {
    kl += sequence.kl[t];
    agreed += sequence.top1[t] == sequence.baseTop1[t];
  }
  kls.push_back(kl);
  agreements.push_back(agreed);
  allKls.insert(allKls.end(), sequence.kl.begin(), sequence.kl.end());
}

Estimate Summary::estimate(const std::vector<double> &sums) const {
  Estimate result;
  double sum = 0;
  for (double s : sums)
    sum += s;
  result.mean = count ? sum / double(count) : 0;
  size_t n = sums.size();
  if (n < 2)
    return result;
  // Sequences may differ in length: the spread of sum - mean * length is that
  // of a ratio estimate.
  double spread = 0;
  for (size_t i = 0; i < n; ++i) {
    double d = sums[i] - result.mean * double(lengths[i]);
    spread += d * d;
  }
  result.standardError =
      std::sqrt(spread * double(n) / double(n - 1)) / double(count);
  return result;
}

Estimate Summary::perplexity() const {
  Estimate mean = nll();
  Estimate result{std::exp(mean.mean), std::nullopt};
  if (mean.standardError)
    result.standardError = result.mean * *mean.standardError;
  return result;
}

std::optional<Estimate> Summary::kl() const {
  if (kls.empty())
    return std::nullopt;
  return estimate(kls);
}

std::optional<double> Summary::klQuantile(double q) const {
  if (allKls.empty())
    return std::nullopt;
  std::vector<double> sorted = allKls;
  size_t index =
      std::min(sorted.size() - 1,
               size_t(std::ceil(q * double(sorted.size()))) - (q > 0));
  std::nth_element(sorted.begin(), sorted.begin() + index, sorted.end());
  return sorted[index];
}

std::optional<Estimate> Summary::agreement() const {
  if (agreements.empty())
    return std::nullopt;
  return estimate(agreements);
}
