//===- GenerationTest.cpp - continuing prompts ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Generation.h"
#include "Fixture.h"
#include <cmath>

using namespace allot;

namespace {

struct GenerationTest : RuntimeTest {};

/// A model whose next token is the sum of all tokens so far, modulo 10: it
/// keeps tokens in the cache, so wrong positions, lengths and a cache that is
/// not carried over all show.
const char *const kBody =
    R"((%tokens: tensor<?x?xi32> {allot.name = "tokens"}, %count: tensor<?xi32> {allot.name = "count"}, %past: tensor<?xi32> {allot.name = "past"},
      %cache: tensor<1x2x?x?x1x1xf32> {allot.name = "cache", bufferization.writable = true})
      -> (tensor<?x10xf32> {allot.name = "logits"}, tensor<1x2x?x?x1x1xf32> {allot.name = "cache"}) attributes {allot.entry} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c10 = arith.constant 10 : i32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %b = tensor.dim %tokens, %c0 : tensor<?x?xi32>
    %e = tensor.empty(%b) : tensor<?x10xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x10xf32>) -> tensor<?x10xf32>
    %r:2 = scf.for %i = %c0 to %b step %c1 iter_args(%l = %f, %k = %cache) -> (tensor<?x10xf32>, tensor<1x2x?x?x1x1xf32>) {
      %p32 = tensor.extract %past[%i] : tensor<?xi32>
      %n32 = tensor.extract %count[%i] : tensor<?xi32>
      %p = arith.index_cast %p32 : i32 to index
      %n = arith.index_cast %n32 : i32 to index
      %w = scf.for %t = %c0 to %n step %c1 iter_args(%kk = %k) -> (tensor<1x2x?x?x1x1xf32>) {
        %id = tensor.extract %tokens[%i, %t] : tensor<?x?xi32>
        %v = arith.sitofp %id : i32 to f32
        %at = arith.addi %p, %t : index
        %s = tensor.insert %v into %kk[%c0, %c0, %i, %at, %c0, %c0] : tensor<1x2x?x?x1x1xf32>
        scf.yield %s : tensor<1x2x?x?x1x1xf32>
      }
      %end = arith.addi %p, %n : index
      %sum = scf.for %t = %c0 to %end step %c1 iter_args(%a = %zero) -> (f32) {
        %v = tensor.extract %w[%c0, %c0, %i, %t, %c0, %c0] : tensor<1x2x?x?x1x1xf32>
        %s = arith.addf %a, %v : f32
        scf.yield %s : f32
      }
      %si = arith.fptosi %sum : f32 to i32
      %m = arith.remsi %si, %c10 : i32
      %mi = arith.index_cast %m : i32 to index
      %ll = tensor.insert %one into %l[%i, %mi] : tensor<?x10xf32>
      scf.yield %ll, %w : tensor<?x10xf32>, tensor<1x2x?x?x1x1xf32>
    }
    return %r#0, %r#1 : tensor<?x10xf32>, tensor<1x2x?x?x1x1xf32>
  })";

std::string model() {
  return std::string("module {\n func.func @prefill") + kBody +
         "\n func.func @decode" + kBody + "\n}";
}

TEST_F(GenerationTest, RowsOfDifferentLength) {
  auto program = load(model());
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
  EXPECT_EQ((*program)->find("decode")->aliases, (std::vector<int64_t>{-1, 3}));
  runtime::GenerationOptions options;
  options.steps = 5;
  auto out = runtime::generate(
      **program, ints("tokens", {2, 3}, {1, 2, 4, 3, 99, 99}), {3, 1}, options);
  ASSERT_TRUE(bool(out)) << llvm::toString(out.takeError());
  EXPECT_EQ(out->tokens.shape().vec(), (std::vector<int64_t>{2, 8}));
  EXPECT_EQ(
      out->tokens.values<int32_t>().vec(),
      (std::vector<int32_t>{1, 2, 4, 7, 4, 8, 6, 2, 3, 3, 6, 2, 4, 8, 0, 0}));
  EXPECT_EQ(out->lengths.values<int32_t>().vec(), (std::vector<int32_t>{8, 6}));
  EXPECT_EQ(out->decodeSteps, 4u);
}

TEST_F(GenerationTest, RowsEndAtTheirStop) {
  auto program = load(model());
  ASSERT_TRUE(bool(program));
  runtime::GenerationOptions options;
  options.steps = 5;
  options.stop = {8, 6};
  auto out = runtime::generate(
      **program, ints("tokens", {2, 3}, {1, 2, 4, 3, 0, 0}), {3, 1}, options);
  ASSERT_TRUE(bool(out)) << llvm::toString(out.takeError());
  EXPECT_EQ(
      out->tokens.values<int32_t>().vec(),
      (std::vector<int32_t>{1, 2, 4, 7, 4, 8, 0, 0, 3, 3, 6, 0, 0, 0, 0, 0}));
  EXPECT_EQ(out->lengths.values<int32_t>().vec(), (std::vector<int32_t>{6, 3}));
}

TEST(Sampler, DrawsInProportion) {
  auto draw = runtime::sampler(0.5, 7), again = runtime::sampler(0.5, 7),
       cold = runtime::sampler(1e-3, 7);
  // At temperature 1/2 the odds are squared: 1 : 4 : 16.
  std::vector<float> logits = {0, std::log(2.0f), std::log(4.0f)};
  int counts[3] = {};
  for (int i = 0; i < 21000; ++i) {
    int32_t id = draw(0, logits);
    ASSERT_EQ(id, again(0, logits));
    ++counts[id];
    ASSERT_EQ(cold(0, logits), 2);
  }
  EXPECT_NEAR(counts[0], 1000, 150);
  EXPECT_NEAR(counts[1], 4000, 300);
  EXPECT_NEAR(counts[2], 16000, 350);
}

TEST_F(GenerationTest, LengthsAndCacheAreChecked) {
  auto program = load(model());
  ASSERT_TRUE(bool(program));
  runtime::GenerationOptions options;
  options.steps = 1;
  EXPECT_NE(
      messageOf(runtime::generate(**program, ints("tokens", {1, 2}, {1, 2}),
                                  {3}, options))
          .find("lengths: row 0 has 3 tokens"),
      std::string::npos);
  const runtime::Entry &decode = *(*program)->find("decode");
  auto call = [&](int32_t count, int32_t past, int64_t cacheRows) {
    return messageOf((*program)->run(
        decode, {ints("tokens", {1, 1}, {1}), ints("count", {1}, {count}),
                 ints("past", {1}, {past}),
                 floats("cache", {1, 2, cacheRows, 4, 1, 1},
                        std::vector<float>(8 * cacheRows))}));
  };
  EXPECT_EQ(call(1, 3, 1), "");
  EXPECT_NE(call(1, 4, 1).find("do not fit into a cache of 4"),
            std::string::npos);
  EXPECT_NE(call(2, 0, 1).find("row 0 has 2 tokens, wanted 1 to 1"),
            std::string::npos);
  EXPECT_NE(call(1, -1, 1).find("input 'past'"), std::string::npos);
  EXPECT_NE(call(1, 0, 2).find("input 'cache': has 2 rows"), std::string::npos);
}

} // namespace
