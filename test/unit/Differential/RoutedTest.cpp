//===- RoutedTest.cpp - routed layers against the reference -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random policies on logits with ties, and experts of all kinds on what they choose: one row, sequences of one row, more rows than experts.
//
//===----------------------------------------------------------------------===//

#include "../Runtime/Fixture.h"
#include "allot/Pipelines/Pipelines.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <random>

using namespace allot;
using runtime::Program;
using runtime::Tensor;

namespace {

/// A layer: its text, and the sizes of what it takes.
struct Layer {
  int64_t experts, most, in, inner, members;
  bool isFlat;
  std::string text;
};

struct RoutedTest : RuntimeTest {
  struct Outputs {
    std::vector<float> y, weights;
    std::vector<int32_t> ids;
  };

  Layer layer(std::mt19937 &random, llvm::StringRef policy, int64_t experts, int64_t most, llvm::StringRef score, llvm::StringRef weighting, llvm::StringRef tail, bool isFlat) {
    Layer l{experts, most, int64_t(1 + random() % 19), int64_t(1 + random() % 13), 0, isFlat, ""};
    // Each expert is in one of two classes, a copy, or a zero.
    std::vector<std::string> lists(4);
    std::vector<int64_t> counts(4);
    for (int64_t e = 0; e < experts; ++e) {
      int64_t kind = random() % 8;
      kind = kind < 4 ? 0 : kind < 6 ? 1 : kind - 4;
      lists[kind] += (lists[kind].empty() ? "" : ", ") + std::to_string(e);
      ++counts[kind];
    }
    l.members = std::max<int64_t>(counts[0], 1);
    std::string rows = isFlat ? "?x" : "?x?x";
    auto f = [&](int64_t last) { return llvm::formatv("tensor<{0}{1}xf32>", rows, last).str(); };
    std::string type = llvm::formatv("!routed.assignment<{0} of {1}>", most, experts).str();
    std::string up = llvm::formatv("!adapter.map<{0}x{1}x{2}, f32>", l.members, l.inner, l.in).str();
    std::string down = llvm::formatv("!adapter.map<{0}x{2}x{1}, f32>", l.members, l.inner, l.in).str();
    std::string bank;
    if (counts[0])
      bank = llvm::formatv(R"(
    class [{0}] (%rows: tensor<?x{1}xf32>, %i: tensor<?xi32>) {{
      %h = adapter.apply %up, %rows ids(%i : tensor<?xi32>) : {3}, tensor<?x{1}xf32> -> tensor<?x{2}xf32>
      %g = nn.activation silu %h : tensor<?x{2}xf32>
      %r = adapter.apply %down, %g ids(%i : tensor<?xi32>) : {4}, tensor<?x{2}xf32> -> tensor<?x{1}xf32>
      routed.yield %r : tensor<?x{1}xf32>
    })",
                           lists[0], l.in, l.inner, up, down);
    std::string shared;
    if (counts[1])
      shared = llvm::formatv(R"(
    class [{0}] (%rows: tensor<?x{1}xf32>, %i: tensor<?xi32>) {{
      %r = arith.mulf %rows, %rows : tensor<?x{1}xf32>
      routed.yield %r : tensor<?x{1}xf32>
    })",
                             lists[1], l.in);
    l.text = llvm::formatv(R"(
func.func @layer(%x: {0} {{allot.name = "x"}, %l: {1} {{allot.name = "l"}, %b: tensor<{2}xf32> {{allot.name = "b"}, %w1: tensor<{3}x{4}x{5}xf32> {{allot.name = "w1"}, %w2: tensor<{3}x{5}x{4}xf32> {{allot.name = "w2"})
    -> ({0} {{allot.name = "y"}, {6} {{allot.name = "ids"}, {7} {{allot.name = "w"}) attributes {{allot.entry} {{
  %up = adapter.dense %w1 : tensor<{3}x{4}x{5}xf32>
  %down = adapter.dense %w2 : tensor<{3}x{5}x{4}xf32>
  %a = routed.select {8} %l {9} by {10} weights {11} : {1} -> {12}
  %ids, %w = routed.unpack %a : {12} -> {6}, {7}
  %y = routed.experts %x by %a : {0}, {12} -> {0} copies [{13}] zeros [{14}]{15}{16}
  return %y, %ids, %w : {0}, {6}, {7}
})",
                           f(l.in), f(experts), experts, l.members, l.inner, l.in, llvm::formatv("tensor<{0}{1}xi32>", rows, most).str(), f(most), score,
                           random() % 2 ? llvm::formatv("bias(%b : tensor<{0}xf32>)", experts).str() : "", policy, (weighting + " " + tail).str(), type, lists[2], lists[3], bank, shared)
                 .str();
    return l;
  }

  std::vector<Tensor> inputs(std::mt19937 &random, const Layer &l, int64_t batch, int64_t rows) {
    std::normal_distribution<float> normal;
    auto numbers = [&](int64_t count) {
      std::vector<float> values(count);
      for (float &value : values)
        value = normal(random);
      return values;
    };
    int64_t all = batch * rows;
    // Every other case has ties.
    std::vector<float> logits = numbers(all * l.experts), bias = numbers(l.experts);
    if (random() % 2)
      for (float &logit : logits)
        logit = std::round(2 * logit) / 2;
    auto shape = [&](int64_t last) { return l.isFlat ? std::vector<int64_t>{all, last} : std::vector<int64_t>{batch, rows, last}; };
    return {floats("x", shape(l.in), numbers(all * l.in)), floats("l", shape(l.experts), logits), floats("b", {l.experts}, bias),
            floats("w1", {l.members, l.inner, l.in}, numbers(l.members * l.inner * l.in)), floats("w2", {l.members, l.in, l.inner}, numbers(l.members * l.inner * l.in))};
  }

  llvm::Expected<Outputs> run(llvm::StringRef file, bool reference, llvm::ArrayRef<Tensor> given) {
    runtime::ProgramOptions options;
    options.reference = reference;
    options.threads = 2;
    pipelines::LoweringOptions lowering;
    options.passes = [&](mlir::OpPassManager &pm) { pipelines::buildProgramPipeline(pm, lowering, reference); };
    auto program = Program::load(file, registry(), options);
    if (!program)
      return program.takeError();
    auto result = (*program)->run(*(*program)->find("layer"), given);
    if (!result)
      return result.takeError();
    auto copy = [](auto values, auto &to) { to.assign(values.begin(), values.end()); };
    Outputs outputs;
    copy((*result)[0].values<float>(), outputs.y);
    copy((*result)[1].values<int32_t>(), outputs.ids);
    copy((*result)[2].values<float>(), outputs.weights);
    return outputs;
  }

  Outputs expect(llvm::StringRef file, bool reference, llvm::ArrayRef<Tensor> given) {
    auto outputs = run(file, reference, given);
    if (outputs)
      return *outputs;
    ADD_FAILURE() << llvm::toString(outputs.takeError());
    return {};
  }

  void expectNear(llvm::ArrayRef<float> got, llvm::ArrayRef<float> expected, double tolerance) {
    ASSERT_EQ(got.size(), expected.size());
    double largest = 1e-3;
    for (float value : expected)
      largest = std::max(largest, std::abs(double(value)));
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], expected[i], tolerance * largest) << "at " << i;
  }
};

struct RandomRoutedTest : RoutedTest, testing::WithParamInterface<unsigned> {};

TEST_P(RandomRoutedTest, KernelsAreTheReference) {
  std::mt19937 random(GetParam());
  auto pick = [&](std::vector<std::string> list) { return list[random() % list.size()]; };
  int64_t groups = 1 + random() % 3, perGroup = 2 + random() % 4, experts = groups * perGroup, most = experts;
  std::string policy;
  switch (GetParam() % 6) {
  case 0:
    most = 1 + random() % experts;
    policy = llvm::formatv("#routed.token_choice<{0}>", most);
    break;
  case 1: {
    int64_t kept = 1 + random() % groups;
    most = 1 + random() % (kept * perGroup);
    policy = llvm::formatv("#routed.token_choice<{0}, groups = {1}, kept = {2}, by = {3}>", most, groups, kept, pick({"largest", "sum_of_two"}));
    break;
  }
  case 2:
    policy = random() % 2 ? "#routed.expert_choice<fraction = 5.0e-01 : f64>" : llvm::formatv("#routed.expert_choice<rows = {0}>", 1 + random() % 9).str();
    break;
  case 3:
    policy = "#routed.global_choice<1.5 : f64>";
    break;
  case 4:
    policy = "#routed.top_p<0.7 : f64>";
    break;
  default:
    policy = "#routed.threshold<0.25 : f64>";
  }
  std::string score = GetParam() % 6 == 4 ? "softmax" : pick({"softmax", "sigmoid", "logits"});
  std::string tail = pick({"", "factor 2.5 ", "factor 0.5 capacity 3", "capacity 1"});
  Layer l = layer(random, policy, experts, most, score, pick({"scores", "softmax", "ones"}), tail, random() % 3 == 0);
  SCOPED_TRACE(l.text);
  std::string file = write("m.mlir", l.text);
  for (auto [batch, rows] : std::initializer_list<std::pair<int64_t, int64_t>>{{1, 1}, {3, 1}, {1, 5}, {2, 17}}) {
    SCOPED_TRACE(llvm::formatv("{0} sequences of {1}", batch, rows).str());
    std::vector<Tensor> given = inputs(random, l, batch, rows);
    Outputs expected = expect(file, true, given), got = expect(file, false, given);
    ASSERT_EQ(got.ids, expected.ids);
    expectNear(got.weights, expected.weights, 1e-5);
    expectNear(got.y, expected.y, 1e-5);
    if (HasFailure())
      return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRoutedTest, testing::Range(0u, 18u));

TEST_F(RoutedTest, AllExpertsAreADenseMixture) {
  std::mt19937 random(1);
  Layer l = layer(random, "#routed.token_choice<6>", 6, 6, "softmax", "scores", "", true);
  std::vector<Tensor> given = inputs(random, l, 1, 4);
  Outputs all = expect(write("m.mlir", l.text), false, given);
  double sum = 0;
  for (float weight : all.weights)
    sum += weight;
  EXPECT_NEAR(sum, 4.0, 1e-5);
  for (auto [i, id] : llvm::enumerate(all.ids))
    EXPECT_EQ(id, int32_t(i % 6));
}

TEST_F(RoutedTest, NothingOfTheProbabilityIsTheBest) {
  std::mt19937 random(7), same(7);
  Layer one = layer(random, "#routed.token_choice<1>", 5, 1, "softmax", "scores", "", true);
  Layer few = layer(same, "#routed.top_p<0.0 : f64>", 5, 5, "softmax", "scores", "", true);
  std::vector<Tensor> given = inputs(random, one, 1, 9);
  Outputs first = expect(write("one.mlir", one.text), false, given), second = expect(write("few.mlir", few.text), false, given);
  expectNear(second.y, first.y, 1e-6);
  for (size_t row = 0; row < 9; ++row) {
    EXPECT_EQ(second.ids[5 * row], first.ids[row]);
    EXPECT_EQ(second.ids[5 * row + 1], -1);
  }
}

TEST_F(RoutedTest, NotANumber) {
  std::mt19937 random(3);
  Layer l = layer(random, "#routed.token_choice<2>", 4, 2, "softmax", "normalized", "", true);
  std::vector<Tensor> given = inputs(random, l, 1, 2);
  std::vector<float> logits(8, 1.0f);
  logits[5] = NAN;
  given[1] = floats("l", {2, 4}, logits);
  std::string file = write("m.mlir", l.text);
  auto reference = run(file, true, given);
  ASSERT_FALSE(bool(reference));
  EXPECT_NE(llvm::toString(reference.takeError()).find("the score of row 1 for expert 1 is not a number"), std::string::npos);
  Outputs compiled = expect(file, false, given);
  EXPECT_FALSE(std::isnan(compiled.weights[0]) || std::isnan(compiled.weights[1]));
  EXPECT_TRUE(std::isnan(compiled.weights[2]) && std::isnan(compiled.weights[3]));
}

} // namespace
