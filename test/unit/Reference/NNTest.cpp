//===- NNTest.cpp - what stands around the maps -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

using namespace allot;
using namespace allot::test;

namespace {

using NNTest = ReferenceTest;

TEST_F(NNTest, RMSNorm) {
  // mean(x^2) = (1 + 4 + 9 + 2) / 4 = 4, with epsilon 5: x / 3.
  RefValue y = evaluate(R"(func.func @f(%x: tensor<?x4xf32>, %w: tensor<4xf32>) -> tensor<?x4xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x4xf32>
    %init = tensor.empty(%n) : tensor<?x4xf32>
    %y = nn.norm rms ins(%x, %w : tensor<?x4xf32>, tensor<4xf32>) epsilon 5.0 outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
    return %y : tensor<?x4xf32> })",
                        {floats({1, 4}, {1, -2, 3, std::sqrt(2.0f)}), floats({4}, {3, 3, 6, 3})});
  expectFloats(y, {1, 4}, {1, -2, 6, std::sqrt(2.0)});
}

TEST_F(NNTest, LayerNorm) {
  // Mean 2, variance 5, epsilon 4: (x - 2) / 3.
  RefValue y = evaluate(R"(func.func @f(%x: tensor<1x2xf32>, %w: tensor<2xf32>, %b: tensor<2xf32>) -> tensor<1x2xf32> {
    %init = tensor.empty() : tensor<1x2xf32>
    %y = nn.norm layer ins(%x, %w, %b : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) epsilon 4.0 outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
    return %y : tensor<1x2xf32> })",
                        {floats({1, 2}, {float(2 - std::sqrt(5.0)), float(2 + std::sqrt(5.0))}), floats({2}, {3, 6}), floats({2}, {10, 20})});
  expectFloats(y, {1, 2}, {10 - std::sqrt(5.0), 20 + 2 * std::sqrt(5.0)});
}

std::string rope(const std::string &layout, const std::string &size) {
  std::string type = "tensor<?x?x1x" + size + "xf32>";
  return "func.func @f(%x: " + type + ", %past: tensor<?xi32>, %f: tensor<?xf32>, %init: " + type + ") -> " + type + " {\n %y = nn.rope " + layout +
         " ins(%x, %past, %f : " + type + ", tensor<?xi32>, tensor<?xf32>) scale 2.0 outs(%init : " + type + ") -> " + type + "\n return %y : " + type + " }";
}

TEST_F(NNTest, Rope) {
  const double quarter = std::acos(0.0);
  RefValue past = ints({1}, {3}), init = floats({1, 1, 1, 5}, std::vector<float>(5));
  // Position 3: angles are a third and two thirds of a half turn; the fifth dimension passes through.
  RefValue frequencies = floats({2}, {float(quarter / 3), float(2 * quarter / 3)});
  RefValue x = floats({1, 1, 1, 5}, {1, 2, 3, 4, 5});
  // A quarter turn takes (u, v) to (-v, u), a half turn to (-u, -v); then times 2.
  expectFloats(evaluate(rope("halves", "5"), {x, past, frequencies, init}), {1, 1, 1, 5}, {-6, -4, 2, -8, 5}, 1e-5);
  expectFloats(evaluate(rope("neighbours", "5"), {x, past, frequencies, init}), {1, 1, 1, 5}, {-4, 2, -6, -8, 5}, 1e-5);
}

TEST_F(NNTest, RopeCountsFromThePastOfEachRow) {
  const double quarter = std::acos(0.0);
  RefValue y = evaluate(rope("halves", "2"), {floats({2, 2, 1, 2}, {1, 0, 1, 0, 1, 0, 1, 0}), ints({2}, {0, 1}), floats({1}, {float(quarter)}),
                                             floats({2, 2, 1, 2}, std::vector<float>(8))});
  expectFloats(y, {2, 2, 1, 2}, {2, 0, 0, 2, 0, 2, -2, 0}, 1e-6);
}

TEST_F(NNTest, RopeRefusesMoreFrequenciesThanDimensions) {
  expectError(rope("halves", "2"), {floats({1, 1, 1, 2}, {1, 2}), ints({1}, {0}), floats({2}, {1, 1}), floats({1, 1, 1, 2}, {0, 0})},
              {"'nn.rope' op 2 frequencies turn 4 dimensions, but a head has 2"});
}

/// Attention with the given attributes on k and v of one key head of sizes 1 and 1.
std::string attention(const std::string &attributes, bool total = false) {
  std::string type = "tensor<?x?x?x1xf32>", ids = "tensor<?xi32>";
  return "func.func @f(%q: " + type + ", %k: " + type + ", %v: " + type + ", %past: " + ids + ", %total: " + ids + ", %init: " + type + ") -> " + type +
         " {\n %o = nn.attention ins(%q, %k, %v : " + type + ", " + type + ", " + type + ") past(%past : " + ids + ")" +
         (total ? " total(%total : " + ids + ")" : std::string()) + " {" + attributes + "} outs(%init : " + type + ") -> " + type + "\n return %o : " + type +
         " }";
}

struct AttentionTest : ReferenceTest {
  /// One row, one head, `queries` equal queries from position `past` on, keys whose scores are `scores`, values 1, 2, 4, 8, ...
  std::vector<float> run(const std::string &attributes, int64_t queries, int64_t past, std::vector<float> scores, int64_t total = -1) {
    int64_t keys = scores.size();
    std::vector<float> values;
    for (int64_t i = 0; i < keys; ++i)
      values.push_back(float(1 << i));
    RefValue out = evaluate(attention(attributes, total >= 0),
                            {floats({1, queries, 1, 1}, std::vector<float>(queries, 1)), floats({1, keys, 1, 1}, scores), floats({1, keys, 1, 1}, values),
                             ints({1}, {past}), ints({1}, {total}), floats({1, queries, 1, 1}, std::vector<float>(queries))});
    return *out.floats;
  }
  const std::vector<float> even = {0, 0, 0, 0};
};

TEST_F(AttentionTest, SoftmaxOfScaledScores) {
  // exp(scale * score) are 1, 2, 3, 2.
  const float l2 = std::log(2.0f), l3 = std::log(3.0f);
  EXPECT_NEAR(run("scale = 0.5 : f64", 1, 0, {0, 2 * l2, 2 * l3, 2 * l2})[0], (1 + 4 + 12 + 16) / 8.0, 1e-5);
  // Large scores do not overflow.
  EXPECT_NEAR(run("scale = 1.0 : f64", 1, 0, {5000, 5000 + l2, 0, 0})[0], (1 + 2 * 2) / 3.0, 1e-3);
}

TEST_F(AttentionTest, Causal) {
  std::vector<float> out = run("causal, scale = 1.0 : f64", 3, 1, even);
  EXPECT_NEAR(out[0], 3 / 2.0, 1e-6);
  EXPECT_NEAR(out[1], 7 / 3.0, 1e-6);
  EXPECT_NEAR(out[2], 15 / 4.0, 1e-6);
}

TEST_F(AttentionTest, Window) {
  std::vector<float> out = run("causal, scale = 1.0 : f64, window = 2 : i64", 3, 1, even);
  EXPECT_NEAR(out[0], 3 / 2.0, 1e-6);
  EXPECT_NEAR(out[1], 6 / 2.0, 1e-6);
  EXPECT_NEAR(out[2], 12 / 2.0, 1e-6);
  // Without `causal` keys behind the query are seen too: position 2, keys 2 and 3.
  EXPECT_NEAR(run("scale = 1.0 : f64, window = 1 : i64", 1, 2, even)[0], 12 / 2.0, 1e-6);
}

TEST_F(AttentionTest, Total) {
  EXPECT_NEAR(run("scale = 1.0 : f64", 1, 0, even, 3)[0], 7 / 3.0, 1e-6);
  // A query that sees no key gives zero.
  EXPECT_EQ(run("scale = 1.0 : f64", 1, 0, even, 0)[0], 0.0f);
  // Behind all keys with a window: sees nothing.
  EXPECT_EQ(run("causal, scale = 1.0 : f64, window = 2 : i64", 1, 9, even)[0], 0.0f);
}

TEST_F(AttentionTest, SoftCap) {
  // Scores 0 and c * tanh(s / c) for c = 2, s = 3.
  double capped = std::exp(2 * std::tanh(1.5));
  EXPECT_NEAR(run("scale = 1.0 : f64, softcap = 2.0 : f64", 1, 0, {0, 3})[0], (1 + 2 * capped) / (1 + capped), 1e-6);
}

TEST_F(AttentionTest, MaskAndDistances) {
  // Two rows of two queries at positions 1 and 2 (row 1: 0 and 1), four keys; a distance of d counts 2^d for -1 <= d <= 1, farther ones as the last.
  std::string type = "tensor<?x?x1x1xf32>";
  std::string text = "func.func @f(%q: " + type + ", %k: " + type + ", %v: " + type + ", %past: tensor<?xi32>, %mask: tensor<?x?xi32>, %d: tensor<1x3xf32>) -> " + type +
                     " {\n %o = nn.attention ins(%q, %k, %v : " + type + ", " + type + ", " + type +
                     ") past(%past : tensor<?xi32>) mask(%mask : tensor<?x?xi32>) distances(%d : tensor<1x3xf32>) {scale = 1.0 : f64} outs(%q : " + type + ") -> " + type +
                     "\n return %o : " + type + " }";
  const float l2 = std::log(2.0f);
  RefValue queries = floats({2, 2, 1, 1}, {0, 0, 0, 0}), keys = floats({2, 4, 1, 1}, std::vector<float>(8, 0)),
           values = floats({2, 4, 1, 1}, {1, 10, 100, 1000, 1, 10, 100, 1000}), distances = floats({1, 3}, {-l2, 0, l2});
  RefValue out = evaluate(text, {queries, keys, values, ints({2}, {1, 0}), ints({2, 4}, {1, 1, 1, 1, 0, 5, 0, -1}), distances});
  expectFloats(out, {2, 2, 1, 1}, {(0.5f + 10 + 200 + 2000) / 5.5f, (0.5f + 5 + 100 + 2000) / 4, 2020 / 4.0f, 2010 / 3.0f});
  // A mask that hides all keys gives zeros.
  out = evaluate(text, {queries, keys, values, ints({2}, {1, 0}), ints({2, 4}, {0, 0, 0, 0, 0, 0, 0, 1}), distances});
  expectFloats(out, {2, 2, 1, 1}, {0, 0, 1000, 1000});
  expectError(text, {queries, keys, values, ints({2}, {1, 0}), ints({2, 3}, {0, 0, 0, 0, 0, 0}), distances}, {"the mask is 2x3 at run time, but must be 2x4"});
}

TEST_F(AttentionTest, Sinks) {
  // Two heads, one query, two keys of score 0 (the second head: ln 2 and 0); sinks count 2 and 1. A query that sees no key.
  std::string type = "tensor<?x?x?x1xf32>";
  std::string text = "func.func @f(%q: " + type + ", %k: " + type + ", %v: " + type + ", %past: tensor<?xi32>, %total: tensor<?xi32>, %s: tensor<?xf32>) -> " + type +
                     " {\n %o = nn.attention ins(%q, %k, %v : " + type + ", " + type + ", " + type +
                     ") past(%past : tensor<?xi32>) total(%total : tensor<?xi32>) sinks(%s : tensor<?xf32>) {scale = 1.0 : f64} outs(%q : " + type + ") -> " + type +
                     "\n return %o : " + type + " }";
  const float l2 = std::log(2.0f);
  RefValue queries = floats({2, 1, 2, 1}, {0, 1, 0, 1}), keys = floats({2, 2, 1, 1}, {l2, 0, l2, 0}), values = floats({2, 2, 1, 1}, {10, 100, 10, 100}), sinks = floats({2}, {l2, 0});
  RefValue out = evaluate(text, {queries, keys, values, ints({2}, {0, 0}), ints({2}, {2, 0}), sinks});
  expectFloats(out, {2, 1, 2, 1}, {110 / 4.0f, (20 + 100) / 4.0f, 0, 0});
  expectError(text, {queries, keys, values, ints({2}, {0, 0}), ints({2}, {2, 0}), floats({1}, {0})}, {"sinks is 1 at run time, but must be 2"});
}

TEST_F(AttentionTest, GroupedHeads) {
  // Four query heads on two key heads: 0 and 1 read values of head 0, 2 and 3 those of head 1. Two rows.
  RefValue out = evaluate(attention("scale = 1.0 : f64"),
                          {floats({2, 1, 4, 1}, {1, 1, 1, 1, 1, 1, 1, 1}), floats({2, 2, 2, 1}, std::vector<float>(8, 0)),
                           floats({2, 2, 2, 1}, {1, 10, 3, 30, 5, 50, 7, 70}), ints({2}, {0, 0}), ints({2}, {0, 0}), floats({2, 1, 4, 1}, std::vector<float>(8))});
  expectFloats(out, {2, 1, 4, 1}, {2, 2, 20, 20, 6, 6, 60, 60});
}

TEST_F(AttentionTest, Errors) {
  RefValue one = floats({1, 1, 1, 1}, {1});
  expectError(attention("scale = 1.0 : f64", true), {one, one, one, ints({1}, {0}), ints({1}, {2}), one},
              {"'nn.attention' op row 0 has 2 keys in all, but k holds 1"});
  expectError(attention("scale = 1.0 : f64"), {one, one, floats({1, 2, 1, 1}, {1, 2}), ints({1}, {0}), ints({1}, {0}), one},
              {"v is 1x2x1x1 at run time, but must be 1x1x1x1"});
  expectError(attention("scale = 1.0 : f64"), {one, floats({1, 1, 2, 1}, {1, 2}), floats({1, 1, 2, 1}, {1, 2}), ints({1}, {0}), ints({1}, {0}), one},
              {"2 key heads do not divide 1 query heads"});
}

const char *const kCache = R"(func.func @f(%new: tensor<?x?x1x2xf32>, %past: tensor<?xi32>, %count: tensor<?xi32>, %cache: tensor<1x2x?x?x1x2xf32>)
      -> tensor<1x2x?x?x1x2xf32> {
    %c = nn.cache_update ins(%new : tensor<?x?x1x2xf32>) past(%past : tensor<?xi32>) count(%count : tensor<?xi32>) layer 0 slot 1
           outs(%cache : tensor<1x2x?x?x1x2xf32>) -> tensor<1x2x?x?x1x2xf32>
    return %c : tensor<1x2x?x?x1x2xf32> })";

TEST_F(NNTest, CacheUpdate) {
  std::vector<float> before(2 * 2 * 3 * 2, -1);
  RefValue cache = floats({1, 2, 2, 3, 1, 2}, before);
  RefValue after = evaluate(kCache, {floats({2, 2, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), ints({2}, {1, 2}), ints({2}, {2, 1}), cache});
  // Slot 1: row 0 has both tokens behind place 0, row 1 the first one at place 2.
  expectFloats(after, {1, 2, 2, 3, 1, 2}, {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 2, 3, 4, -1, -1, -1, -1, 5, 6});
  // Values do not change under the hands of those who hold them.
  EXPECT_EQ(*cache.floats, before);
}

TEST_F(NNTest, CacheOfLargerHeads) {
  const char *source = R"(func.func @f(%new: tensor<?x?x2x?xf32>, %past: tensor<?xi32>, %cache: tensor<1x1x?x?x2x3xf32>) -> tensor<1x1x?x?x2x3xf32> {
    %c = nn.cache_update ins(%new : tensor<?x?x2x?xf32>) past(%past : tensor<?xi32>) count(%past : tensor<?xi32>) layer 0 slot 0
           outs(%cache : tensor<1x1x?x?x2x3xf32>) -> tensor<1x1x?x?x2x3xf32>
    return %c : tensor<1x1x?x?x2x3xf32> })";
  RefValue cache = floats({1, 1, 1, 2, 2, 3}, std::vector<float>(12, -1));
  expectFloats(evaluate(source, {floats({1, 1, 2, 2}, {1, 2, 3, 4}), ints({1}, {1}), cache}), {1, 1, 1, 2, 2, 3}, {-1, -1, -1, -1, -1, -1, 1, 2, -1, 3, 4, -1});
  expectError(source, {floats({1, 1, 2, 4}, std::vector<float>(8)), ints({1}, {1}), cache}, {"the source has heads of 4 numbers, but the cache holds 3"});
}

TEST_F(NNTest, CacheOverflowsAreErrors) {
  RefValue tokens = floats({1, 2, 1, 2}, {1, 2, 3, 4}), cache = floats({1, 2, 1, 3, 1, 2}, std::vector<float>(12));
  expectError(kCache, {tokens, ints({1}, {2}), ints({1}, {2}), cache}, {"'nn.cache_update' op row 0 writes 2 tokens behind 2, but the cache holds 3"});
  expectError(kCache, {tokens, ints({1}, {0}), ints({1}, {3}), cache}, {"row 0 writes 3 tokens, but the source has 2"});
  expectError(kCache, {tokens, ints({1}, {-1}), ints({1}, {1}), cache}, {"writes 1 tokens behind -1"});
}

TEST_F(NNTest, Activations) {
  auto run = [&](const std::string &kind) {
    return evaluate("func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {\n %y = nn.activation " + kind + " %x : tensor<?xf32>\n return %y : tensor<?xf32> }",
                    {floats({3}, {0, 1, -2})});
  };
  expectFloats(run("relu"), {3}, {0, 1, 0});
  expectFloats(run("silu"), {3}, {0, 0.7310585786, -0.2384058440});
  expectFloats(run("gelu"), {3}, {0, 0.8413447461, -0.0455002639});
  expectFloats(run("gelu_tanh"), {3}, {0, 0.8411919906, -0.0454023059});
}

} // namespace
