//===- AttentionTest.cpp - attention kernels against plain loops -*- C++
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
  bool causal = false, total = false, strided = false;
  double scale = 0.125, softcap = 0;
  int64_t window = 0;
  bool mask = false;
  int64_t farthest = -1; ///< no distances
  bool sinks = false;
  std::string text() const {
    return "B " + std::to_string(B) + " T " + std::to_string(T) + " S " +
           std::to_string(S) + " Hq " + std::to_string(Hq) + " Hkv " +
           std::to_string(Hkv) + " D " + std::to_string(D) + " Dv " +
           std::to_string(Dv) + (causal ? " causal" : "") +
           (total ? " total" : "") + (strided ? " strided" : "") + " softcap " +
           std::to_string(softcap) + " window " + std::to_string(window) +
           (mask ? " mask" : "") + " farthest " + std::to_string(farthest) +
           (sinks ? " sinks" : "");
  }
};

class Attention : public NNKernelTest {
protected:
  static std::string source(const Case &c) {
    std::string kv =
        c.strided ? "memref<?x?x?x?xf32, strided<[?, ?, ?, 1], offset: ?>>"
                  : "memref<?x?x?x?xf32>";
    std::string q = "memref<?x?x?x?xf32>";
    std::string attributes = c.causal ? "causal, " : "";
    attributes += "scale = " + std::to_string(c.scale) + " : f64";
    if (c.softcap != 0)
      attributes += ", softcap = " + std::to_string(c.softcap) + " : f64";
    if (c.window != 0)
      attributes += ", window = " + std::to_string(c.window) + " : i64";
    return "func.func @f(%q: " + q + ", %k: " + kv + ", %v: " + kv +
           ", %p: memref<?xi32>, %t: memref<?xi32>, %m: memref<?x?xi32>, %d: "
           "memref<?x?xf32>, %s: memref<?xf32>, %o: " +
           q +
           ") attributes {llvm.emit_c_interface} {\n  nn.attention ins(%q, %k, "
           "%v : " +
           q + ", " + kv + ", " + kv + ") past(%p : memref<?xi32>)" +
           (c.total ? " total(%t : memref<?xi32>)" : "") +
           (c.mask ? " mask(%m : memref<?x?xi32>)" : "") +
           (c.farthest >= 0 ? " distances(%d : memref<?x?xf32>)" : "") +
           (c.sinks ? " sinks(%s : memref<?xf32>)" : "") + " {" + attributes +
           "} outs(%o : " + q + ")\n  return\n}\n";
  }

  /// One row of the result, in double.
  static std::vector<double> expected(const Case &c, F4 &q, F4 &k, F4 &v,
                                      int64_t past, int64_t total, int64_t b,
                                      int64_t t, int64_t h, I2 *mask = nullptr,
                                      F2 *distances = nullptr,
                                      F1 *sinks = nullptr) {
    int64_t kv = h * c.Hkv / c.Hq, position = past + t;
    std::vector<double> scores, row(c.Dv, 0.0);
    std::vector<int64_t> keys;
    double most = -std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < total; ++j) {
      if ((c.causal && j > position) ||
          (c.window && j <= position - c.window) ||
          (c.mask && (*mask)(b, j) == 0))
        continue;
      double score = 0;
      for (int64_t d = 0; d < c.D; ++d)
        score += double(q(b, t, h, d)) * k(b, j, kv, d);
      score *= static_cast<float>(c.scale);
      if (c.softcap != 0)
        score = c.softcap * std::tanh(score / c.softcap);
      if (c.farthest >= 0)
        score += (*distances)(
            h, std::min(std::max(j - position, -c.farthest), c.farthest) +
                   c.farthest);
      keys.push_back(j);
      scores.push_back(score);
      most = std::max(most, score);
    }
    if (c.sinks)
      most = std::max<double>(most, (*sinks)(h));
    double sum = c.sinks ? std::exp((*sinks)(h)-most) : 0.0;
    for (double score : scores)
      sum += std::exp(score - most);
    for (size_t i = 0; i < keys.size(); ++i)
      for (int64_t d = 0; d < c.Dv; ++d)
        row[d] += std::exp(scores[i] - most) / sum * v(b, keys[i], kv, d);
    return row;
  }

  /// Runs one case; keys that nobody may read are not a number.
  void check(CompiledKernels &code, const Case &c) {
    SCOPED_TRACE(c.text());
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    F4 q({c.B, c.T, c.Hq, c.D}), out({c.B, c.T, c.Hq, c.Dv}, nan);
    fill(q);
    // Strided: the keys are a slice of something twice as long and wider, the
    // values of something else.
    int64_t wide = c.strided ? c.Hkv + 1 : c.Hkv,
            room = c.strided ? 2 * c.S + 3 : c.S;
    F4 keys({c.B, room, wide, c.D}, nan), values({c.B, room, wide, c.Dv}, nan);
    F4 k(keys.data(), {c.B, c.S, c.Hkv, c.D},
         {room * wide * c.D, wide * c.D, c.D, 1});
    F4 v(values.data(), {c.B, c.S, c.Hkv, c.Dv},
         {room * wide * c.Dv, wide * c.Dv, c.Dv, 1});
    I1 past({c.B}), total({c.B});
    for (int64_t b = 0; b < c.B; ++b) {
      past(b) = c.S > c.T ? static_cast<int32_t>(pick(0, c.S - c.T)) : 0;
      total(b) = c.total ? static_cast<int32_t>(pick(0, c.S))
                         : static_cast<int32_t>(c.S);
      std::normal_distribution<float> normal;
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
    fill(sinks, 3.0f);
    llvm::Error error =
        code.call("f", q, k, v, past, total, mask, distances, sinks, out);
    ASSERT_FALSE(static_cast<bool>(error)) << llvm::toString(std::move(error));
    double worst = 0;
    for (int64_t b = 0; b < c.B; ++b)
      for (int64_t t = 0; t < c.T; ++t)
        for (int64_t h = 0; h < c.Hq; ++h) {
          std::vector<double> row = expected(c, q, k, v, past(b), total(b), b,
                                             t, h, &mask, &distances, &sinks);
          for (int64_t d = 0; d < c.Dv; ++d) {
            ASSERT_FALSE(std::isnan(out(b, t, h, d)))
                << "row " << b << " " << t << " " << h << " " << d;
            worst = std::max(worst, std::abs(out(b, t, h, d) - row[d]));
          }
        }
    EXPECT_LT(worst, 3e-6);
  }
};

} // namespace

TEST_F(Attention, RandomShapes) {
  for (int variant = 0; variant < 16; ++variant) {
    Case c;
    c.causal = variant & 1;
    c.total = variant & 2;
    c.strided = variant & 4;
    c.softcap = variant & 8 ? 3.0 : 0.0;
    if (variant % 3 == 1)
      c.window = pick(1, 20);
    auto code = compile(source(c));
    ASSERT_TRUE(code);
    for (int run = 0; run < 12; ++run) {
      c.B = pick(1, 3), c.T = pick(1, 40), c.S = c.T + pick(0, 80);
      c.Hkv = pick(1, 3), c.Hq = c.Hkv * pick(1, 4);
      c.D = pick(1, 70), c.Dv = run % 2 ? c.D : pick(1, 70);
      check(*code, c);
    }
  }
}

TEST_F(Attention, MasksAndDistances) {
  for (int variant = 1; variant < 16; ++variant) {
    Case c;
    c.mask = variant & 1;
    c.farthest = variant & 2 ? pick(0, 30) : -1;
    c.causal = variant & 4;
    c.total = variant & 8;
    c.softcap = variant % 3 == 0 ? 3.0 : 0.0;
    auto code = compile(source(c));
    ASSERT_TRUE(code);
    for (int run = 0; run < 10; ++run) {
      c.B = pick(1, 3), c.T = run % 3 ? pick(1, 40) : pick(1, 4);
      c.S = c.T + pick(0, 80);
      c.Hkv = pick(1, 3), c.Hq = c.Hkv * pick(1, 4);
      c.D = pick(1, 40), c.Dv = run % 2 ? c.D : pick(1, 40);
      c.farthest = c.farthest < 0 ? -1 : pick(0, 30);
      check(*code, c);
    }
    // One new token, keys in several units.
    c.B = 2, c.T = 1, c.S = 700, c.Hq = 4, c.Hkv = 2, c.D = c.Dv = 24;
    check(*code, c);
  }
}

TEST_F(Attention, Sinks) {
  for (int variant = 0; variant < 8; ++variant) {
    Case c;
    c.sinks = true;
    c.mask = variant & 1;
    c.causal = variant & 2;
    c.total = variant & 4;
    if (variant % 3 == 1)
      c.window = pick(1, 20);
    auto code = compile(source(c));
    ASSERT_TRUE(code);
    for (int run = 0; run < 10; ++run) {
      c.B = pick(1, 3), c.T = run % 3 ? pick(1, 40) : pick(1, 4);
      c.S = c.T + pick(0, 80);
      c.Hkv = pick(1, 3), c.Hq = c.Hkv * pick(1, 4);
      c.D = pick(1, 40), c.Dv = run % 2 ? c.D : pick(1, 40);
      check(*code, c);
    }
    // One new token, keys in several units.
    c.B = 2, c.T = 1, c.S = 700, c.Hq = 4, c.Hkv = 2, c.D = c.Dv = 24;
    check(*code, c);
  }
}

TEST_F(Attention, MaskThatHidesAll) {
  Case c;
  c.mask = true;
  auto code = compile(source(c));
  ASSERT_TRUE(code);
  for (int64_t T : {1, 40}) {
    F4 q({1, T, 2, 8}), k({1, 50, 1, 8}), v({1, 50, 1, 8}),
        out({1, T, 2, 8}, 7.0f);
    fill(q), fill(k), fill(v);
    I1 past({1}), total({1});
    I2 mask({1, 50}, 0);
    F2 distances({2, 1});
    F1 sinks({2});
    llvm::Error error =
        code->call("f", q, k, v, past, total, mask, distances, sinks, out);
    ASSERT_FALSE(static_cast<bool>(error));
    for (int64_t i = 0; i < out.count(); ++i)
      EXPECT_EQ(out.data()[i], 0.0f);
  }
}

TEST_F(Attention, OneNewTokenAndManyKeys) {
  Case c;
  c.causal = c.total = c.strided = true;
  auto code = compile(source(c));
  ASSERT_TRUE(code);
  for (int64_t S : {1, 2, 31, 33, 255, 256, 511, 700, 2048, 3001}) {
    c.B = 1, c.T = 1, c.S = S, c.Hq = 9, c.Hkv = 3, c.D = c.Dv = 64;
    check(*code, c);
    c.B = 2, c.Hq = 4, c.Hkv = 4, c.D = 40, c.Dv = 24;
    check(*code, c);
  }
}

TEST_F(Attention, LongPrompts) {
  Case c;
  c.causal = true;
  auto code = compile(source(c));
  ASSERT_TRUE(code);
  for (int64_t T : {64, 127, 128, 300}) {
    c.B = 1, c.T = c.S = T, c.Hq = 9, c.Hkv = 3, c.D = c.Dv = 64;
    check(*code, c);
  }
  c.window = 50;
  auto windowed = compile(source(c));
  ASSERT_TRUE(windowed);
  check(*windowed, c);
}

TEST_F(Attention, LargeScores) {
  Case c;
  c.scale = 30.0;
  auto code = compile(source(c));
  ASSERT_TRUE(code);
  c.B = 2, c.T = 5, c.S = 90, c.Hq = 2, c.Hkv = 1, c.D = c.Dv = 16;
  // Nearly all the weight lies on one key and the others' underflow; scores of
  // some hundred in f32 are good to 1e-5, so is the result.
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  F4 q({2, 5, 2, 16}), k({2, 90, 1, 16}), v({2, 90, 1, 16}),
      out({2, 5, 2, 16}, nan);
  fill(q), fill(k), fill(v);
  I1 past({2}), total({2});
  I2 mask({2, 90});
  F2 distances({2, 1});
  F1 sinks({2});
  llvm::Error error =
      code->call("f", q, k, v, past, total, mask, distances, sinks, out);
  ASSERT_FALSE(static_cast<bool>(error));
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t t = 0; t < 5; ++t)
      for (int64_t h = 0; h < 2; ++h) {
        std::vector<double> row = expected(c, q, k, v, 0, 90, b, t, h);
        for (int64_t d = 0; d < 16; ++d)
          EXPECT_NEAR(out(b, t, h, d), row[d], 2e-4);
      }
}

TEST_F(Attention, NothingToSeeAndEmptyShapes) {
  Case c;
  c.causal = c.total = true;
  auto code = compile(source(c));
  ASSERT_TRUE(code);
  F4 q({1, 3, 2, 8}), k({1, 4, 1, 8}), v({1, 4, 1, 8}), out({1, 3, 2, 8}, 7.0f);
  fill(q), fill(k), fill(v);
  I1 past({1}), total({1});
  I2 mask({1, 4});
  F2 distances({2, 1});
  F1 sinks({2});
  llvm::Error error =
      code->call("f", q, k, v, past, total, mask, distances, sinks, out);
  ASSERT_FALSE(static_cast<bool>(error));
  for (int64_t i = 0; i < out.count(); ++i)
    EXPECT_EQ(out.data()[i], 0.0f);
  for (int empty = 0; empty < 4; ++empty) {
    int64_t B = empty != 0, T = empty != 1, S = empty != 2, H = empty != 3;
    F4 q0({B, T, H, 8}), k0({B, S, H, 8}), v0({B, S, H, 8}),
        out0({B, T, H, 8}, 7.0f);
    I1 past0({B}), total0({B}, 1);
    llvm::Error none = code->call("f", q0, k0, v0, past0, total0, mask,
                                  distances, sinks, out0);
    ASSERT_FALSE(static_cast<bool>(none));
    for (int64_t i = 0; i < out0.count(); ++i)
      EXPECT_EQ(out0.data()[i], 0.0f);
  }
}
