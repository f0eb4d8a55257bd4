//===- ProgramTest.cpp - modules without weights ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"
#include "allot/Archive/FileDigest.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace allot;

namespace {

struct ProgramTest : RuntimeTest {};

constexpr const char *kAdd = R"(
  module attributes {allot.weights = 10 : i64} {
    func.func @add(%x: tensor<?x4xf32> {allot.name = "x"}, %b: tensor<4xf32> {allot.name = "b"}) -> (tensor<?x4xf32> {allot.name = "y"}) {
      %c0 = arith.constant 0 : index
      %d = tensor.dim %x, %c0 : tensor<?x4xf32>
      %e = tensor.empty(%d) : tensor<?x4xf32>
      %w = linalg.broadcast ins(%b : tensor<4xf32>) outs(%e : tensor<?x4xf32>) dimensions = [0]
      %s = arith.addf %x, %w : tensor<?x4xf32>
      %t = math.tanh %s : tensor<?x4xf32>
      return %t : tensor<?x4xf32>
    }
    func.func @bump(%cache: tensor<2x?xf32> {allot.name = "x", bufferization.writable = true})
        -> (tensor<2x?xf32> {allot.name = "y"}, tensor<1xi64> {allot.name = "n"}) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %v = arith.constant 7.0 : f32
      %t = tensor.insert %v into %cache[%c1, %c0] : tensor<2x?xf32>
      %d = tensor.dim %cache, %c1 : tensor<2x?xf32>
      %i = arith.index_cast %d : index to i64
      %n = tensor.from_elements %i : tensor<1xi64>
      return %t, %n : tensor<2x?xf32>, tensor<1xi64>
    }
    func.func @given(%x: tensor<3xf32> {allot.name = "x"}) -> (tensor<3xf32> {allot.name = "y"}) { return %x : tensor<3xf32> }
  })";

TEST_F(ProgramTest, RunsAnyNumberOfRows) {
  for (unsigned threads : {1, 2}) {
    auto program = load(kAdd, {}, threads);
    ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
    EXPECT_EQ((*program)->stats().numWeights, 10);
    EXPECT_GT((*program)->stats().codeBytes, 0u);
    const runtime::Entry *add = (*program)->find("add");
    ASSERT_TRUE(add);
    for (int64_t rows : {1, 3, 1000}) {
      std::vector<float> x(rows * 4);
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = 0.01f * float(i % 300) - 1.5f;
      auto results = (*program)->run(
          *add, {floats("b", {4}, {1, 2, 3, 4}), floats("x", {rows, 4}, x)});
      ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
      ASSERT_EQ(results->size(), 1u);
      EXPECT_EQ(results->front().name(), "y");
      EXPECT_EQ(results->front().shape().vec(),
                (std::vector<int64_t>{rows, 4}));
      for (size_t i = 0; i < x.size(); ++i)
        EXPECT_NEAR(results->front().values<float>()[i],
                    std::tanh(x[i] + 1.0f + float(i % 4)), 1e-6);
    }
  }
}

TEST_F(ProgramTest, UpdatesInPlaceWhatTheCallerOwns) {
  auto program = load(kAdd, {"bump"});
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
  ASSERT_EQ((*program)->entries().size(), 1u);
  const runtime::Entry &bump = (*program)->entries().front();
  EXPECT_EQ(bump.aliases, (std::vector<int64_t>{0, -1}));
  runtime::Tensor x = floats("x", {2, 5}, std::vector<float>(10, 1.0f));
  auto results = (*program)->run(bump, {x});
  ASSERT_TRUE(bool(results));
  EXPECT_EQ((*results)[0].bytes().data(), x.bytes().data());
  EXPECT_EQ(x.values<float>()[5], 7.0f);
  EXPECT_EQ((*results)[1].values<int64_t>()[0], 5);
}

TEST_F(ProgramTest, ReturnsItsInputAsTheSameMemory) {
  auto program = load(kAdd, {"given"});
  ASSERT_TRUE(bool(program));
  runtime::Tensor x = floats("x", {3}, {1, 2, 3});
  auto results = (*program)->run((*program)->entries().front(), {x});
  ASSERT_TRUE(bool(results));
  EXPECT_EQ((*results)[0].values<float>().vec(), (std::vector<float>{1, 2, 3}));
}

/// y = W x with a stored weight, of sizes that no tile divides.
TEST_F(ProgramTest, WeightsCanBeReplaced) {
  std::vector<float> w(5 * 7), x(3 * 7);
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = float(int(i * 13 % 17) - 8) / 8;
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = float(int(i * 5 % 11) - 5) / 4;
  ASSERT_EQ(llvm::toString(runtime::writeTensors(path("w.safetensors"),
                                                 {floats("w", {5, 7}, w)})),
            "");
  auto file = archive::SafetensorsFile::open(path("w.safetensors"));
  ASSERT_TRUE(bool(file));
  const archive::TensorEntry *stored = (*file)->find("w");
  std::string text =
      llvm::formatv(R"(
    ml_program.global private @"m.w"(#format.stored<"w.safetensors", tensor = "w", offset = {0}, bytes = {1}, digest = "{2}">) : tensor<5x7xf32, #format.float<f32>>
    func.func @f(%x: tensor<?x7xf32> {{allot.name = "x"}) -> (tensor<?x5xf32> {{allot.name = "y"}) {{
      %w = ml_program.global_load_const @"m.w" : tensor<5x7xf32, #format.float<f32>>
      %m = adapter.dense %w : tensor<5x7xf32, #format.float<f32>>
      %y = adapter.apply %m, %x : !adapter.map<5x7, f32>, tensor<?x7xf32> -> tensor<?x5xf32>
      return %y : tensor<?x5xf32>
    })",
                    stored->offset, stored->bytes, archive::fileDigest(**file));
  auto program = load(text);
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
  EXPECT_TRUE((*program)->entries().front().takesWeights);
  EXPECT_EQ((*program)->stats().storedBytes, 5u * 7 * 4);
  auto check = [&](float factor) {
    auto results = (*program)->run((*program)->entries().front(),
                                   {floats("x", {3, 7}, x)});
    ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
    for (int64_t r = 0; r < 3; ++r)
      for (int64_t o = 0; o < 5; ++o) {
        float sum = 0;
        for (int64_t i = 0; i < 7; ++i)
          sum += w[o * 7 + i] * x[r * 7 + i];
        EXPECT_NEAR(results->front().values<float>()[r * 5 + o], factor * sum,
                    1e-5);
      }
  };
  check(1);
  auto index = (*program)->weights()->find("m.w");
  ASSERT_TRUE(index);
  EXPECT_FALSE((*program)->weights()->find("m.v"));
  auto bytes = (*program)->weights()->writable(*index);
  ASSERT_TRUE(bool(bytes));
  for (size_t i = 0; i < bytes->size() / sizeof(float); ++i)
    reinterpret_cast<float *>(bytes->data())[i] *= 2;
  check(2);
}

TEST_F(ProgramTest, BadInputsAreNamed) {
  auto program = load(kAdd, {"add"});
  ASSERT_TRUE(bool(program));
  const runtime::Entry &add = (*program)->entries().front();
  runtime::Tensor x = floats("x", {1, 4}, {1, 2, 3, 4}),
                  b = floats("b", {4}, {1, 2, 3, 4});
  auto message = [&](std::vector<runtime::Tensor> inputs) {
    return messageOf((*program)->run(add, inputs));
  };
  EXPECT_EQ(message({x}), "entry 'add', input 'b': is missing");
  EXPECT_EQ(message({x, b, floats("c", {1}, {0})}),
            "entry 'add', input 'c': there is no such input");
  EXPECT_EQ(message({floats("x", {4}, {1, 2, 3, 4}), b}),
            "entry 'add', input 'x': has shape 4, wanted ?x4");
  EXPECT_EQ(message({x, floats("b", {2}, {1, 2})}),
            "entry 'add', input 'b': has shape 2, wanted 4");
  EXPECT_EQ(message({floats("x", {0, 4}, {}), b}),
            "entry 'add', input 'x': is empty");
  EXPECT_EQ(message({x, ints("b", {4}, {1, 2, 3, 4})}),
            "entry 'add', input 'b': is I32, wanted F32");
}

TEST_F(ProgramTest, BadModulesAreNamed) {
  EXPECT_NE(messageOf(load("module {\n  func.func @f(%x: tensor<4xf32>) -> "
                           "tensor<4xf32> { return %y : tensor<4xf32> }\n}"))
                .find("m.mlir:2:"),
            std::string::npos);
  EXPECT_NE(messageOf(load(kAdd, {"nothing"}))
                .find("no entry 'nothing' (there are add, bump, given)"),
            std::string::npos);
  EXPECT_NE(messageOf(load("func.func @f(%x: f32) -> f32 { return %x : f32 }"))
                .find("input 'arg0' of entry 'f' is no plain tensor"),
            std::string::npos);
  EXPECT_NE(
      messageOf(
          load(
              R"(func.func @f(%x: tensor<1xf32> {allot.name = "a"}, %y: tensor<1xf32> {allot.name = "a"}) { return })"))
          .find("two inputs called 'a'"),
      std::string::npos);
  runtime::ProgramOptions options;
  options.passes = [](mlir::OpPassManager &) {};
  EXPECT_NE(
      messageOf(runtime::Program::load(path("none.mlir"), registry(), options))
          .find("none.mlir: no such file"),
      std::string::npos);
}

} // namespace
