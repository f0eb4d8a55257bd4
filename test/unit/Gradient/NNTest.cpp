//===- NNTest.cpp - gradients of nn -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GradientTest.h"

using namespace allot;
using namespace allot::test;

namespace {

using NNGradient = GradientTest;

TEST_F(NNGradient, Norm) {
  for (bool layer : {false, true})
    for (const char *shape : {"?x?x5", "?x?x?"}) {
      std::string x = std::string("tensor<") + shape + "xf32>";
      std::string v = shape[4] == '5' ? "tensor<5xf32>" : "tensor<?xf32>";
      std::string text = "func.func @f(%x: " + x + ", %w: " + v +
                         (layer ? ", %b: " + v : std::string()) + ") -> " + x +
                         " {\n %y = nn.norm " + (layer ? "layer" : "rms") +
                         " ins(%x, %w" + (layer ? ", %b : " : " : ") + x +
                         ", " + v + (layer ? ", " + v : std::string()) +
                         ") epsilon 1.0e-2 outs(%x : " + x + ") -> " + x +
                         "\n return %y : " + x + "\n}";
      std::vector<RefValue> arguments = {normal({2, 3, 5}),
                                         normal({5}, 0.3, 1.0)};
      if (layer)
        arguments.push_back(normal({5}));
      check(text, arguments);
    }
}

TEST_F(NNGradient, NormOfOneRow) {
  check(R"(func.func @f(%x: tensor<7xf32>, %w: tensor<7xf32>) -> tensor<7xf32> {
    %init = tensor.empty() : tensor<7xf32>
    %y = nn.norm rms ins(%x, %w : tensor<7xf32>, tensor<7xf32>) epsilon 1.0e-5 outs(%init : tensor<7xf32>) -> tensor<7xf32>
    return %y : tensor<7xf32>
  })",
        {normal({7}), normal({7})});
}

TEST_F(NNGradient, Rope) {
  for (const char *layout : {"halves", "neighbours"})
    check(
        std::string(
            R"(func.func @f(%x: tensor<?x?x3x5xf32>, %past: tensor<?xi32>) -> tensor<?x?x3x5xf32> {
    %freq = arith.constant dense<[1.0, 0.3]> : tensor<2xf32>
    %y = nn.rope )") +
            layout +
            R"( ins(%x, %past, %freq : tensor<?x?x3x5xf32>, tensor<?xi32>, tensor<2xf32>) scale 1.5 outs(%x : tensor<?x?x3x5xf32>) -> tensor<?x?x3x5xf32>
    return %y : tensor<?x?x3x5xf32>
  })",
        {normal({2, 2, 3, 5}), ints({2}, {0, 3})});
}

TEST_F(NNGradient, FrequenciesHaveNone) {
  expectNone(
      R"(func.func @f(%x: tensor<1x1x1x2xf32>, %past: tensor<1xi32>, %freq: tensor<1xf32>) -> tensor<1x1x1x2xf32> {
    %y = nn.rope halves ins(%x, %past, %freq : tensor<1x1x1x2xf32>, tensor<1xi32>, tensor<1xf32>) scale 1.0 outs(%x : tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32>
    return %y : tensor<1x1x1x2xf32>
  })",
      "'nn.rope' op has no gradient by its frequencies");
}

TEST_F(NNGradient, Attention) {
  struct Case {
    int64_t batch, queries, keys, heads, keyHeads, size, valueSize;
    const char *attributes;
    bool total;
  };
  for (const Case &c : std::initializer_list<Case>{
           {1, 4, 4, 1, 1, 3, 3, "causal, scale = 0.5 : f64", false},
           {2, 3, 5, 6, 2, 3, 5, "causal, scale = 0.7 : f64", true},
           {1, 3, 3, 3, 3, 2, 1, "scale = 1.0 : f64", false},
           {1, 5, 5, 4, 1, 3, 3, "causal, scale = 0.6 : f64, window = 2 : i64",
            false},
           {2, 2, 4, 2, 1, 3, 2, "scale = 0.8 : f64, softcap = 1.5 : f64",
            true}}) {
    auto tensor = [](int64_t heads, int64_t size) {
      return "tensor<?x?x" + std::to_string(heads) + "x" +
             std::to_string(size) + "xf32>";
    };
    std::string q = tensor(c.heads, c.size), k = tensor(c.keyHeads, c.size),
                v = tensor(c.keyHeads, c.valueSize),
                o = tensor(c.heads, c.valueSize);
    std::string text =
        "func.func @f(%q: " + q + ", %k: " + k + ", %v: " + v +
        ", %past: tensor<?xi32>, %total: tensor<?xi32>) -> " + o +
        " {\n %c0 = arith.constant 0 : index\n %c1 = arith.constant 1 : "
        "index\n %b = tensor.dim %q, %c0 : " +
        q + "\n %t = tensor.dim %q, %c1 : " + q +
        "\n %init = tensor.empty(%b, %t) : " + o +
        "\n %o = nn.attention ins(%q, %k, %v : " + q + ", " + k + ", " + v +
        ") past(%past : tensor<?xi32>) " +
        (c.total ? "total(%total : tensor<?xi32>) " : "") + "{" + c.attributes +
        "} outs(%init : " + o + ") -> " + o + "\n return %o : " + o + "\n}";
    std::vector<int64_t> past, total;
    for (int64_t b = 0; b < c.batch; ++b) {
      past.push_back(b);
      total.push_back(c.keys - b);
    }
    check(text, {normal({c.batch, c.queries, c.heads, c.size}),
                 normal({c.batch, c.keys, c.keyHeads, c.size}),
                 normal({c.batch, c.keys, c.keyHeads, c.valueSize}),
                 ints({c.batch}, past), ints({c.batch}, total)});
  }
}

TEST_F(NNGradient, MaskedAttentionWithDistances) {
  check(
      R"(func.func @f(%q: tensor<2x3x4x2xf32>, %k: tensor<2x4x2x2xf32>, %past: tensor<2xi32>, %mask: tensor<2x4xi32>) -> tensor<2x3x4x2xf32> {
    %table = arith.constant dense<[[0.5, -1.0, 0.25, 0.75, 2.0], [0.0, 1.0, 0.0, -1.0, 0.0], [0.1, 0.2, 0.3, 0.4, 0.5], [1.0, 0.0, -1.0, 0.0, 1.0]]> : tensor<4x5xf32>
    %o = nn.attention ins(%q, %k, %k : tensor<2x3x4x2xf32>, tensor<2x4x2x2xf32>, tensor<2x4x2x2xf32>) past(%past : tensor<2xi32>) mask(%mask : tensor<2x4xi32>)
      distances(%table : tensor<4x5xf32>) {scale = 0.7 : f64} outs(%q : tensor<2x3x4x2xf32>) -> tensor<2x3x4x2xf32>
    return %o : tensor<2x3x4x2xf32>
  })",
      {normal({2, 3, 4, 2}), normal({2, 4, 2, 2}), ints({2}, {1, 0}),
       ints({2, 4}, {1, 0, 1, 1, 0, 0, 0, 0})});
}

TEST_F(NNGradient, AttentionWithSinks) {
  for (const char *options :
       {"causal, scale = 0.7 : f64", "scale = 0.7 : f64, softcap = 2.0 : f64"})
    check(
        std::string(
            R"(func.func @f(%q: tensor<2x3x4x2xf32>, %k: tensor<2x4x2x2xf32>, %v: tensor<2x4x2x3xf32>, %past: tensor<2xi32>, %total: tensor<2xi32>, %sinks: tensor<4xf32>) -> tensor<2x3x4x3xf32> {
    %init = tensor.empty() : tensor<2x3x4x3xf32>
    %o = nn.attention ins(%q, %k, %v : tensor<2x3x4x2xf32>, tensor<2x4x2x2xf32>, tensor<2x4x2x3xf32>) past(%past : tensor<2xi32>) total(%total : tensor<2xi32>)
      sinks(%sinks : tensor<4xf32>) {)") +
            options +
            R"(} outs(%init : tensor<2x3x4x3xf32>) -> tensor<2x3x4x3xf32>
    return %o : tensor<2x3x4x3xf32>
  })",
        {normal({2, 3, 4, 2}), normal({2, 4, 2, 2}), normal({2, 4, 2, 3}),
         ints({2}, {1, 0}), ints({2}, {4, 0}), normal({4})});
}

TEST_F(NNGradient, DistancesHaveNone) {
  expectNone(
      R"(func.func @f(%q: tensor<1x1x1x2xf32>, %past: tensor<1xi32>, %table: tensor<1x3xf32>) -> tensor<1x1x1x2xf32> {
    %o = nn.attention ins(%q, %q, %q : tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) past(%past : tensor<1xi32>) distances(%table : tensor<1x3xf32>)
      {scale = 1.0 : f64} outs(%q : tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32>
    return %o : tensor<1x1x1x2xf32>
  })",
      "'nn.attention' op has no gradient by its distances");
}

TEST_F(NNGradient, QueriesThatSeeNothing) {
  check(
      R"(func.func @f(%x: tensor<1x2x1x2xf32>, %past: tensor<1xi32>, %total: tensor<1xi32>) -> tensor<1x2x1x2xf32> {
    %o = nn.attention ins(%x, %x, %x : tensor<1x2x1x2xf32>, tensor<1x2x1x2xf32>, tensor<1x2x1x2xf32>) past(%past : tensor<1xi32>) total(%total : tensor<1xi32>)
      {causal, scale = 1.0 : f64} outs(%x : tensor<1x2x1x2xf32>) -> tensor<1x2x1x2xf32>
    return %o : tensor<1x2x1x2xf32>
  })",
      {normal({1, 2, 1, 2}), ints({1}, {0}), ints({1}, {0})});
}

TEST_F(NNGradient, CrossEntropy) {
  check(
      R"(func.func @f(%x: tensor<?x?x7xf32>, %labels: tensor<?x?xi32>) -> tensor<?x?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %b = tensor.dim %x, %c0 : tensor<?x?x7xf32>
    %t = tensor.dim %x, %c1 : tensor<?x?x7xf32>
    %init = tensor.empty(%b, %t) : tensor<?x?xf32>
    %y = nn.cross_entropy ins(%x, %labels : tensor<?x?x7xf32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    return %y : tensor<?x?xf32>
  })",
      // Labels outside of the vocabulary count as none.
      {normal({2, 3, 7}, 3.0), ints({2, 3}, {0, 6, -1, 3, 7, 2})});
}

TEST_F(NNGradient, ActivationsAndTaps) {
  for (const char *kind : {"silu", "gelu", "gelu_tanh", "relu"})
    check(std::string("func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {\n"
                      "  %t = nn.tap %x \"x\" : tensor<?x4xf32>\n"
                      "  %y = nn.activation ") +
              kind + " %t : tensor<?x4xf32>\n  return %y : tensor<?x4xf32>\n}",
          {floats({2, 4}, {-3, -1, -0.25, 0.25, 0.5, 1, 2, 4})});
}

TEST_F(NNGradient, CacheUpdateHasNone) {
  expectNone(
      R"(func.func @f(%x: tensor<1x1x2x3xf32>, %past: tensor<1xi32>, %cache: tensor<1x2x1x4x2x3xf32>) -> tensor<1x2x1x4x2x3xf32> {
    %c = nn.cache_update ins(%x : tensor<1x1x2x3xf32>) past(%past : tensor<1xi32>) count(%past : tensor<1xi32>) layer 0 slot 0
      outs(%cache : tensor<1x2x1x4x2x3xf32>) -> tensor<1x2x1x4x2x3xf32>
    return %c : tensor<1x2x1x4x2x3xf32>
  })",
      "'nn.cache_update' op has no gradient");
}

} // namespace
