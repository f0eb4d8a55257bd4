//===- NormRopeCacheTest.cpp - kernels against plain loops ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NNKernelTest.h"
#include <limits>

using namespace allot;
using namespace allot::test;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class Norm : public NNKernelTest {
protected:
  void check(const std::string &kind, bool bias) {
    std::string vector = "memref<?xf32>", rows = "memref<?x?xf32>";
    auto code = compile("func.func @f(%x: " + rows + ", %w: " + vector +
                        ", %b: " + vector + ", %o: " + rows +
                        ") attributes {llvm.emit_c_interface} {\n nn.norm " +
                        kind + " ins(%x, %w" + (bias ? ", %b" : "") + " : " +
                        rows + ", " + vector + (bias ? ", " + vector : "") +
                        ") epsilon 1.0e-3 outs(%o : " + rows + ")\n return\n}");
    ASSERT_TRUE(code);
    for (int64_t n : {1, 2, 7, 8, 9, 31, 32, 33, 64, 100, 576, 1001})
      for (int64_t count : {0, 1, 3, 150}) {
        SCOPED_TRACE(kind + " " + std::to_string(count) + " x " +
                     std::to_string(n));
        F2 x({count, n}), out({count, n}, kNaN);
        F1 w({n}), b({n});
        fill(x, 2.0f), fill(w), fill(b);
        // A mean far from zero: the variance must not be the difference of
        // large numbers.
        for (int64_t i = 0; i < x.count(); ++i)
          x.data()[i] += 20.0f;
        llvm::Error error = code->call("f", x, w, b, out);
        ASSERT_FALSE(static_cast<bool>(error));
        for (int64_t r = 0; r < count; ++r) {
          double mean = 0, squares = 0;
          if (kind == "layer")
            for (int64_t i = 0; i < n; ++i)
              mean += x(r, i) / double(n);
          for (int64_t i = 0; i < n; ++i)
            squares += (x(r, i) - mean) * (x(r, i) - mean) / double(n);
          for (int64_t i = 0; i < n; ++i) {
            double y = (x(r, i) - mean) / std::sqrt(squares + 1e-3) * w(i) +
                       (bias ? b(i) : 0.0f);
            // The mean is good to some units in the last place of 20, and a
            // single element that is its own mean has only that.
            ASSERT_NEAR(out(r, i), y, 2e-5 * (1 + std::abs(y)))
                << r << " " << i;
          }
        }
      }
  }
};

class Rope : public NNKernelTest {
protected:
  void check(bool neighbours) {
    std::string x4 = "memref<?x?x?x?xf32>";
    auto code = compile(
        "func.func @f(%x: " + x4 +
        ", %p: memref<?xi32>, %w: memref<?xf32>, %o: " + x4 +
        ") attributes {llvm.emit_c_interface} {\n nn.rope " +
        (neighbours ? "neighbours" : "halves") + " ins(%x, %p, %w : " + x4 +
        ", memref<?xi32>, memref<?xf32>) scale 1.25 outs(%o : " + x4 +
        ")\n return\n}");
    ASSERT_TRUE(code);
    for (int run = 0; run < 60; ++run) {
      int64_t B = pick(1, 3), T = run % 10 ? pick(1, 5) : 100, H = pick(1, 4),
              pairs = run % 5 ? pick(1, 40) : 32,
              D = 2 * pairs + (run % 3 ? pick(0, 20) : 0);
      SCOPED_TRACE("B " + std::to_string(B) + " T " + std::to_string(T) +
                   " H " + std::to_string(H) + " pairs " +
                   std::to_string(pairs) + " D " + std::to_string(D));
      F4 x({B, T, H, D}), out({B, T, H, D}, kNaN);
      F1 frequencies({pairs});
      I1 past({B});
      fill(x);
      for (int64_t i = 0; i < pairs; ++i)
        frequencies(i) = std::pow(10000.0f, -float(i) / float(pairs));
      for (int64_t b = 0; b < B; ++b)
        past(b) = static_cast<int32_t>(pick(0, run % 2 ? 10 : 20000));
      llvm::Error error = code->call("f", x, past, frequencies, out);
      ASSERT_FALSE(static_cast<bool>(error));
      double worst = 0;
      for (int64_t b = 0; b < B; ++b)
        for (int64_t t = 0; t < T; ++t)
          for (int64_t h = 0; h < H; ++h) {
            std::vector<double> row(D);
            for (int64_t d = 0; d < D; ++d)
              row[d] = x(b, t, h, d);
            for (int64_t i = 0; i < pairs; ++i) {
              int64_t first = neighbours ? 2 * i : i,
                      second = neighbours ? 2 * i + 1 : i + pairs;
              float angle = float(past(b) + t) * frequencies(i);
              double c = 1.25 * std::cos(double(angle)),
                     s = 1.25 * std::sin(double(angle)), u = row[first],
                     v = row[second];
              row[first] = u * c - v * s;
              row[second] = v * c + u * s;
            }
            for (int64_t d = 0; d < D; ++d) {
              ASSERT_FALSE(std::isnan(out(b, t, h, d)));
              worst = std::max(worst, std::abs(out(b, t, h, d) - row[d]));
            }
          }
      EXPECT_LT(worst, 1.5e-6);
    }
  }
};

using CacheUpdate = NNKernelTest;

} // namespace

TEST_F(Norm, RMS) { check("rms", false); }
TEST_F(Norm, Layer) { check("layer", false); }
TEST_F(Norm, LayerWithBias) { check("layer", true); }
TEST_F(Rope, Halves) { check(false); }
TEST_F(Rope, Neighbours) { check(true); }

TEST_F(Norm, OtherRanksAndLayouts) {
  auto code = compile(R"(
    func.func @three(%x: memref<?x?x5xf32>, %w: memref<5xf32>, %o: memref<?x?x5xf32>) attributes {llvm.emit_c_interface} {
      nn.norm rms ins(%x, %w : memref<?x?x5xf32>, memref<5xf32>) epsilon 0.0 outs(%o : memref<?x?x5xf32>)
      return
    }
    func.func @one(%x: memref<?xf32>, %w: memref<?xf32>, %o: memref<?xf32>) attributes {llvm.emit_c_interface} {
      nn.norm rms ins(%x, %w : memref<?xf32>, memref<?xf32>) epsilon 0.0 outs(%o : memref<?xf32>)
      return
    }
    func.func @strided(%x: memref<?x?xf32, strided<[?, ?], offset: ?>>, %w: memref<?xf32>, %o: memref<?x?xf32, strided<[?, ?], offset: ?>>) attributes {llvm.emit_c_interface} {
      nn.norm rms ins(%x, %w : memref<?x?xf32, strided<[?, ?], offset: ?>>, memref<?xf32>) epsilon 0.0 outs(%o : memref<?x?xf32, strided<[?, ?], offset: ?>>)
      return
    })");
  ASSERT_TRUE(code);
  Buffer<float, 3> x({2, 3, 5}), out({2, 3, 5}, kNaN);
  F1 w({5}, 1.0f);
  fill(x);
  ASSERT_FALSE(static_cast<bool>(code->call("three", x, w, out)));
  auto root = [&](int64_t i, int64_t j) {
    double squares = 0;
    for (int64_t d = 0; d < 5; ++d)
      squares += double(x(i, j, d)) * x(i, j, d) / 5;
    return std::sqrt(squares);
  };
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 3; ++j)
      for (int64_t d = 0; d < 5; ++d)
        EXPECT_NEAR(out(i, j, d), x(i, j, d) / root(i, j), 1e-6);
  F1 row({5}), rowOut({5}, kNaN);
  for (int64_t d = 0; d < 5; ++d)
    row(d) = x(1, 2, d);
  ASSERT_FALSE(static_cast<bool>(code->call("one", row, w, rowOut)));
  for (int64_t d = 0; d < 5; ++d)
    EXPECT_NEAR(rowOut(d), row(d) / root(1, 2), 1e-6);
  // The last token of each row, and a result with its columns apart; what lies
  // between stays.
  F2 last(x.data() + 10, {2, 5}, {15, 1});
  F2 apart({2, 10}, 7.0f);
  F2 written(apart.data(), {2, 5}, {10, 2});
  ASSERT_FALSE(static_cast<bool>(code->call("strided", last, w, written)));
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t d = 0; d < 5; ++d) {
      EXPECT_NEAR(apart(i, 2 * d), x(i, 2, d) / root(i, 2), 1e-6);
      EXPECT_EQ(apart(i, 2 * d + 1), 7.0f);
    }
}

TEST_F(CacheUpdate, WritesNewAndNothingElse) {
  auto code = compile(R"(
    func.func @f(%s: memref<?x?x?x?xf32>, %p: memref<?xi32>, %n: memref<?xi32>, %c: memref<?x2x?x?x?x?xf32>) attributes {llvm.emit_c_interface} {
      nn.cache_update ins(%s : memref<?x?x?x?xf32>) past(%p : memref<?xi32>) count(%n : memref<?xi32>) layer 2 slot 1 outs(%c : memref<?x2x?x?x?x?xf32>)
      return
    })");
  ASSERT_TRUE(code);
  for (int run = 0; run < 40; ++run) {
    int64_t B = pick(1, 3), T = run % 8 ? pick(1, 9) : 200, H = pick(1, 3),
            D = pick(1, 70), capacity = T + pick(0, 20);
    // Heads of the cache may be larger.
    int64_t room = D + (run % 3 ? 0 : pick(1, 20));
    F4 source({B, T, H, D});
    F6 cache({4, 2, B, capacity, H, room});
    fill(source);
    for (int64_t i = 0; i < cache.count(); ++i)
      cache.data()[i] = -1000.0f - float(i % 1000);
    F6 before({4, 2, B, capacity, H, room});
    std::copy(cache.data(), cache.data() + cache.count(), before.data());
    I1 past({B}), count({B});
    for (int64_t b = 0; b < B; ++b) {
      count(b) = static_cast<int32_t>(pick(0, T));
      // Sometimes a caller that is wrong: what does not fit is left out.
      past(b) = run % 5 ? static_cast<int32_t>(pick(0, capacity - count(b)))
                        : static_cast<int32_t>(capacity - count(b) / 2);
    }
    ASSERT_FALSE(
        static_cast<bool>(code->call("f", source, past, count, cache)));
    for (int64_t b = 0; b < B; ++b)
      for (int64_t t = 0; t < count(b) && past(b) + t < capacity; ++t)
        for (int64_t h = 0; h < H; ++h)
          for (int64_t d = 0; d < D; ++d) {
            ASSERT_EQ(cache(2, 1, b, past(b) + t, h, d), source(b, t, h, d));
            cache(2, 1, b, past(b) + t, h, d) =
                before(2, 1, b, past(b) + t, h, d);
          }
    for (int64_t i = 0; i < cache.count(); ++i)
      ASSERT_EQ(cache.data()[i], before.data()[i]);
  }
}
