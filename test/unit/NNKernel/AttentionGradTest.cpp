//===- AttentionGradTest.cpp - gradients of attention against loops -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NNKernelTest.h"
#include <limits>

using namespace allot;
using namespace allot::test;

namespace {

struct Case {
  int64_t B, T, S, Hq, Hkv, D, Dv;
  bool causal = false, total = false;
  double scale = 0.25, softcap = 0;
  int64_t window = 0;
  bool mask = false;
  int64_t farthest = -1; ///< no distances
  bool sinks = false;
};

class AttentionGrad : public NNKernelTest {
protected:
  static std::string source(const Case &c) {
    std::string kv = "memref<?x?x?x?xf32, strided<[?, ?, ?, 1], offset: ?>>",
                x = "memref<?x?x?x?xf32>", ids = "memref<?xi32>";
    return "func.func @f(%q: " + x + ", %k: " + kv + ", %v: " + kv +
           ", %g: " + x + ", %p: " + ids + ", %t: " + ids +
           ", %m: memref<?x?xi32>, %d: memref<?x?xf32>, %s: memref<?xf32>, "
           "%dq: " +
           x + ", %dk: " + x + ", %dv: " + x +
           ") attributes {llvm.emit_c_interface} {\n  nn.attention_grad "
           "ins(%q, %k, %v : " +
           x + ", " + kv + ", " + kv + ") grad(%g : " + x +
           ") past(%p : " + ids + ")" +
           (c.total ? " total(%t : " + ids + ")" : "") +
           (c.mask ? " mask(%m : memref<?x?xi32>)" : "") +
           (c.farthest >= 0 ? " distances(%d : memref<?x?xf32>)" : "") +
           (c.sinks ? " sinks(%s : memref<?xf32>)" : "") + " {" +
           (c.causal ? "causal, " : "") + "scale = " + std::to_string(c.scale) +
           " : f64" +
           (c.softcap ? ", softcap = " + std::to_string(c.softcap) + " : f64"
                      : "") +
           (c.window ? ", window = " + std::to_string(c.window) + " : i64"
                     : "") +
           "} outs(%dq, %dk, %dv : " + x + ", " + x + ", " + x +
           ")\n  return\n}\n";
  }

  /// Runs one case against sums in double. Keys behind `total` are not a
  /// number.
  void check(CompiledKernels &code, const Case &c) {
    SCOPED_TRACE("B " + std::to_string(c.B) + " T " + std::to_string(c.T) +
                 " S " + std::to_string(c.S) + " Hq " + std::to_string(c.Hq) +
                 " Hkv " + std::to_string(c.Hkv) + " D " + std::to_string(c.D) +
                 " Dv " + std::to_string(c.Dv) + " window " +
                 std::to_string(c.window));
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    F4 q({c.B, c.T, c.Hq, c.D}), k({c.B, c.S, c.Hkv, c.D}, nan),
        v({c.B, c.S, c.Hkv, c.Dv}, nan), g({c.B, c.T, c.Hq, c.Dv}),
        dq({c.B, c.T, c.Hq, c.D}, nan), dk({c.B, c.S, c.Hkv, c.D}, nan),
        dv({c.B, c.S, c.Hkv, c.Dv}, nan);
    fill(q), fill(g);
    I1 past({c.B}), total({c.B});
    std::normal_distribution<float> normal;
    for (int64_t b = 0; b < c.B; ++b) {
      past(b) = c.S > c.T ? static_cast<int32_t>(pick(0, c.S - c.T)) : 0;
      total(b) = static_cast<int32_t>(c.total ? pick(0, c.S) : c.S);
      for (int64_t j = 0; j < total(b); ++j)
        for (int64_t h = 0; h < c.Hkv; ++h) {
          for (int64_t d = 0; d < c.D; ++d)
            k(b, j, h, d) = normal(random);
          for (int64_t d = 0; d < c.Dv; ++d)
            v(b, j, h, d) = normal(random);
        }
    }
    I2 mask({c.B, c.S});
    for (int64_t i = 0; i < mask.count(); ++i)
      mask.data()[i] = static_cast<int32_t>(pick(0, 2));
    F2 distances({c.Hq, 2 * std::max<int64_t>(c.farthest, 0) + 1});
    fill(distances);
    F1 sinks({c.Hq});
    fill(sinks, 2.0f);
    llvm::Error error = code.call("f", q, k, v, g, past, total, mask, distances,
                                  sinks, dq, dk, dv);
    ASSERT_FALSE(static_cast<bool>(error)) << llvm::toString(std::move(error));
    Buffer<double, 4> eq({c.B, c.T, c.Hq, c.D}), ek({c.B, c.S, c.Hkv, c.D}),
        ev({c.B, c.S, c.Hkv, c.Dv});
    for (int64_t b = 0; b < c.B; ++b)
      for (int64_t t = 0; t < c.T; ++t)
        for (int64_t h = 0; h < c.Hq; ++h)
          expect(c, q, k, v, g, past(b) + t, total(b), b, t, h, mask, distances,
                 sinks, eq, ek, ev);
    expectClose(dq, eq), expectClose(dk, ek), expectClose(dv, ev);
  }

  static void expect(const Case &c, F4 &q, F4 &k, F4 &v, F4 &g,
                     int64_t position, int64_t total, int64_t b, int64_t t,
                     int64_t h, I2 &mask, F2 &distances, F1 &sinks,
                     Buffer<double, 4> &dq, Buffer<double, 4> &dk,
                     Buffer<double, 4> &dv) {
    int64_t kv = h * c.Hkv / c.Hq;
    std::vector<int64_t> keys;
    std::vector<double> scores, slopes, along;
    double most = -std::numeric_limits<double>::infinity(), sum = 0, mean = 0;
    for (int64_t j = 0; j < total; ++j) {
      if ((c.causal && j > position) ||
          (c.window && j <= position - c.window) || (c.mask && mask(b, j) == 0))
        continue;
      double score = 0, u = 0;
      for (int64_t d = 0; d < c.D; ++d)
        score += double(q(b, t, h, d)) * k(b, j, kv, d);
      for (int64_t d = 0; d < c.Dv; ++d)
        u += double(g(b, t, h, d)) * v(b, j, kv, d);
      score *= static_cast<float>(c.scale);
      double bend = c.softcap ? std::tanh(score / c.softcap) : 0.0;
      keys.push_back(j);
      scores.push_back(c.softcap ? c.softcap * bend : score);
      if (c.farthest >= 0)
        scores.back() += distances(
            h, std::min(std::max(j - position, -c.farthest), c.farthest) +
                   c.farthest);
      slopes.push_back(1 - bend * bend);
      along.push_back(u);
      most = std::max(most, scores.back());
    }
    if (c.sinks)
      most = std::max<double>(most, sinks(h)), sum = std::exp(sinks(h) - most);
    for (double &score : scores)
      sum += score = std::exp(score - most);
    for (size_t i = 0; i < keys.size(); ++i)
      mean += (scores[i] /= sum) * along[i];
    for (size_t i = 0; i < keys.size(); ++i) {
      double ds = scores[i] * (along[i] - mean) * slopes[i] *
                  static_cast<float>(c.scale);
      for (int64_t d = 0; d < c.D; ++d) {
        dq(b, t, h, d) += ds * k(b, keys[i], kv, d);
        dk(b, keys[i], kv, d) += ds * q(b, t, h, d);
      }
      for (int64_t d = 0; d < c.Dv; ++d)
        dv(b, keys[i], kv, d) += scores[i] * g(b, t, h, d);
    }
  }

  static void expectClose(F4 &found, Buffer<double, 4> &expected) {
    double worst = 0, largest = 1;
    for (int64_t i = 0; i < found.count(); ++i) {
      ASSERT_FALSE(std::isnan(found.data()[i])) << "at " << i;
      largest = std::max(largest, std::abs(expected.data()[i]));
      worst = std::max(worst, std::abs(found.data()[i] - expected.data()[i]));
    }
    EXPECT_LT(worst, 4e-6 * largest);
  }
};

TEST_F(AttentionGrad, RandomShapes) {
  for (int variant = 0; variant < 8; ++variant) {
    Case c;
    c.causal = variant & 1;
    c.total = variant & 2;
    c.softcap = variant & 4 ? 3.0 : 0.0;
    c.mask = variant % 3 == 2;
    c.farthest = variant % 3 ? pick(0, 20) : -1;
    c.sinks = variant % 4 == 1 || variant % 4 == 2;
    if (variant % 3 == 1)
      c.window = pick(1, 20);
    auto code = compile(source(c));
    ASSERT_TRUE(code);
    for (int run = 0; run < 10; ++run) {
      c.B = pick(1, 3), c.T = pick(1, 40), c.S = c.T + pick(0, 50);
      c.Hkv = pick(1, 3), c.Hq = c.Hkv * pick(1, 4);
      c.D = pick(1, 40), c.Dv = run % 2 ? c.D : pick(1, 40);
      check(*code, c);
    }
  }
}

TEST_F(AttentionGrad, WholePrompts) {
  Case c;
  c.causal = true;
  auto code = compile(source(c));
  ASSERT_TRUE(code);
  for (int64_t T : {64, 129}) {
    c.B = 2, c.T = c.S = T, c.Hq = 9, c.Hkv = 3, c.D = c.Dv = 64;
    check(*code, c);
  }
}

TEST_F(AttentionGrad, EmptyShapes) {
  Case c;
  c.causal = c.total = true;
  auto code = compile(source(c));
  ASSERT_TRUE(code);
  for (int empty = 0; empty < 4; ++empty) {
    c.B = empty != 0, c.T = empty != 1, c.S = empty != 2;
    c.Hq = c.Hkv = empty != 3, c.D = c.Dv = 8;
    check(*code, c);
  }
}

} // namespace
