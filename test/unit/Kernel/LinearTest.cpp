//===- LinearTest.cpp - kernels of adapter.linear against plain loops
//------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

using namespace allot;
using namespace allot::test;

namespace {

/// Random shapes, odd ones included; columns are a multiple of `unit`.
std::vector<LinearShape> randomShapes(std::mt19937 &random, int count,
                                      int64_t unit = 1) {
  std::vector<LinearShape> shapes;
  for (int i = 0; i < count; ++i) {
    int64_t rows = i == 0 ? 1 : i == 1 ? 2 + random() % 10 : 12 + random() % 26;
    int64_t in = 1 + random() % 200;
    shapes.push_back(
        {int64_t(1 + random() % 70), (in + unit - 1) / unit * unit, rows});
  }
  return shapes;
}

/// GGUF's formats come in whole blocks.
int64_t unitOf(llvm::StringRef name) {
  return name.starts_with("q") || name.starts_with("mx") ? 32 : 1;
}

class LinearTest : public ::testing::Test {
protected:
  void SetUp() override {
    if (!hostHasAVX2())
      GTEST_SKIP() << "the processor has no AVX2";
  }
  void check(const LinearVariant &variant, unsigned seed, int count = 3) {
    std::mt19937 random(seed);
    checkLinear(kernels, variant,
                randomShapes(random, count, unitOf(variant.weight)), seed);
  }
  KernelContext kernels;
};

TEST_F(LinearTest, FloatFormats) {
  for (const char *name : {"f32", "f16", "bf16"})
    check({name}, 1, 5);
}

TEST_F(LinearTest, FileFormats) {
  for (const char *name :
       {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "mxfp4", "mxfp4split"})
    for (const char *arithmetic : {"f32", "i16", "i8"})
      check({name, arithmetic}, 2, 5);
}

/// All widths of codes and blocks in all arithmetics; scales and zero points
/// take turns, so that all pairs of widths and scales, widths and offsets are
/// met.
TEST_F(LinearTest, IntegerFormats) {
  unsigned turn = 0;
  for (int bits = 2; bits <= 8; ++bits)
    for (int block : {32, 64, 128})
      for (const char *arithmetic : {"f32", "i16", "i8"}) {
        std::string name =
            "int" + std::to_string(bits) + "g" + std::to_string(block);
        const char *scales[] = {"", "s8", "s32", "z", "zs8", "zs32"};
        check({name + scales[turn % 6], arithmetic}, turn);
        ++turn;
        if (HasFatalFailure())
          return;
        turn += block == 128 && arithmetic[1] == '8';
      }
}

/// Zero points with the widths that file formats lack, and every scale.
TEST_F(LinearTest, IntegerFormatsTurned) {
  unsigned turn = 3;
  for (int bits = 2; bits <= 8; ++bits) {
    const char *scales[] = {"", "s8", "s32", "z", "zs8", "zs32"};
    for (const char *arithmetic : {"f32", "i8"}) {
      check(
          {"int" + std::to_string(bits) + "g64" + scales[turn % 6], arithmetic},
          100 + turn);
      ++turn;
    }
    ++turn;
  }
}

TEST_F(LinearTest, Epilogues) {
  for (const char *activation : {"none", "silu", "gelu", "gelu_tanh", "relu"}) {
    LinearVariant variant{"q4_1", "i8"};
    variant.activation = activation;
    variant.bias = true;
    check(variant, 10);
    variant.weight = "f16";
    variant.multiplier = true;
    check(variant, 11);
  }
  LinearVariant variant{"q8_0"};
  variant.residual = true;
  check(variant, 12);
  variant.multiplier = true;
  variant.arithmetic = "i8";
  variant.inPlace = true;
  check(variant, 13);
}

TEST_F(LinearTest, LowRankTerms) {
  LinearVariant variant{"q4_1", "f32", {{"f16", "f16", 16, 2.0}}};
  check(variant, 20);
  variant.arithmetic = "i8";
  check(variant, 21);
  variant.terms = {{"f32", "bf16", 1, -0.5}, {"f16", "f32", 17, 3.0}};
  variant.residual = true;
  check(variant, 22);
  variant.weight = "f32";
  check(variant, 23);
}

TEST_F(LinearTest, LowRankTermsWithCodes) {
  for (const char *arithmetic : {"f32", "i8"}) {
    LinearVariant variant{
        "int3g32", arithmetic, {{"int8g32", "int4g64z", 9, 1.5}}};
    check(variant, 30);
    variant.terms = {{"int4g32s8", "f16", 33, 1.0},
                     {"f16", "int8g128s8", 12, -2.0}};
    check(variant, 31);
    variant.weight = "f16";
    variant.bias = true;
    check(variant, 32);
  }
}

/// More than one thread, slab, chunk of work and tail at once.
TEST_F(LinearTest, LargeShapes) {
  LinearShape shapes[] = {{601, 4100, 1}, {205, 5000, 5}, {133, 4500, 61}};
  LinearShape blocks[] = {{601, 4128, 1}, {205, 5024, 5}, {133, 4512, 61}};
  LinearVariant variant{"f16", "f32", {{"f16", "f16", 13, 0.5}}};
  variant.activation = "silu";
  checkLinear(kernels, variant, shapes, 40);
  for (const char *weight : {"int4g64", "int6g128z", "int8g32s8"})
    for (const char *arithmetic : {"f32", "i16", "i8"}) {
      variant.weight = weight;
      variant.arithmetic = arithmetic;
      checkLinear(kernels, variant, shapes, 41);
    }
  variant.weight = "q4_1";
  checkLinear(kernels, variant, blocks, 42);
}

/// The same kernels in plain arithmetic: what other processors get.
TEST_F(LinearTest, GenericTarget) {
  std::mt19937 random(50);
  for (const char *name : {"q4_1", "q8_0", "f16"})
    for (const char *arithmetic : {"f32", "i16", "i8"})
      checkLinear(kernels, {name, arithmetic}, randomShapes(random, 3, 32), 50,
                  "generic");
}

TEST_F(LinearTest, VNNITarget) {
  if (!hostHasVNNI())
    GTEST_SKIP() << "the processor has no AVX512-VNNI";
  std::mt19937 random(51);
  for (const char *name : {"q4_1", "q8_0", "int4g64", "int5g128zs8"})
    for (const char *arithmetic : {"i16", "i8"})
      checkLinear(kernels, {name, arithmetic}, randomShapes(random, 3, 32), 51,
                  "avx512vnni");
}

} // namespace
