//===- HalfTest.cpp - half floats against APFloat ------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Support/Half.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APInt.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace allot::support;
using llvm::APFloat;
using llvm::APInt;

static bool isNaNBits(uint32_t bits) {
  return (bits & 0x7fffffff) > 0x7f800000;
}

static float widen(const llvm::fltSemantics &from, unsigned width,
                   uint64_t bits) {
  APFloat value(from, APInt(width, bits));
  bool lost;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
  return value.convertToFloat();
}

static uint16_t narrow(const llvm::fltSemantics &to, uint32_t bits) {
  APFloat value(APFloat::IEEEsingle(), APInt(32, bits));
  bool lost;
  value.convert(to, APFloat::rmNearestTiesToEven, &lost);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}

/// Bit patterns at which rounding can go wrong: every 16-bit value, the middle
/// to the next one, the neighbours of both, and random ones.
template <typename Widen>
static std::vector<uint32_t> interesting(Widen widen) {
  std::vector<uint32_t> result;
  for (uint32_t half = 0; half < 0x8000; ++half) {
    uint32_t low = bitsOf(widen(uint16_t(half)));
    uint32_t high = bitsOf(widen(uint16_t(half + 1)));
    uint32_t middle = low + (high > low ? (high - low) / 2 : 0);
    for (uint32_t bits : {low, middle})
      for (uint32_t delta : {0u, 1u, ~0u})
        result.push_back(bits + delta);
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i)
    result.push_back(uint32_t(random()));
  size_t positive = result.size();
  for (size_t i = 0; i < positive; ++i)
    result.push_back(result[i] ^ 0x80000000);
  return result;
}

TEST(Half, F16ToFloatIsExactForAllBits) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    uint32_t got = bitsOf(f16ToFloat(uint16_t(half)));
    uint32_t want = bitsOf(widen(APFloat::IEEEhalf(), 16, half));
    if (isNaNBits(want))
      EXPECT_EQ(got, want | 0x00400000) << half;
    else
      EXPECT_EQ(got, want) << half;
  }
}

TEST(Half, BF16ToFloatIsExactForAllBits) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    uint32_t got = bitsOf(bf16ToFloat(uint16_t(half)));
    EXPECT_EQ(got, (half << 16) | (isNaNBits(half << 16) ? 0x00400000 : 0));
  }
}

TEST(Half, FloatToF16RoundsAsAPFloat) {
  for (uint32_t bits :
       interesting([](uint16_t half) { return f16ToFloat(half); })) {
    uint16_t got = floatToF16(floatOfBits(bits));
    if (isNaNBits(bits))
      EXPECT_TRUE((got & 0x7e00) == 0x7e00 && got >> 15 == bits >> 31) << bits;
    else
      ASSERT_EQ(got, narrow(APFloat::IEEEhalf(), bits)) << bits;
  }
}

TEST(Half, FloatToBF16RoundsAsAPFloat) {
  for (uint32_t bits :
       interesting([](uint16_t half) { return bf16ToFloat(half); })) {
    uint16_t got = floatToBF16(floatOfBits(bits));
    if (isNaNBits(bits))
      EXPECT_TRUE((got & 0x7fc0) == 0x7fc0 && got >> 15 == bits >> 31) << bits;
    else
      ASSERT_EQ(got, narrow(APFloat::BFloat(), bits)) << bits;
  }
}

TEST(Half, KnownValues) {
  EXPECT_EQ(f16ToFloat(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(f16ToFloat(0x03ff), std::ldexp(1023.0f, -24));
  EXPECT_EQ(f16ToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(floatToF16(65519.996f), 0x7bff);
  EXPECT_EQ(floatToF16(65520.0f), 0x7c00);
  EXPECT_EQ(floatToF16(std::ldexp(1.0f, -25)), 0x0000); // tie to even
  EXPECT_EQ(floatToF16(std::ldexp(1.5f, -25)), 0x0001);
  EXPECT_EQ(floatToF16(-0.0f), 0x8000);
  EXPECT_EQ(floatToBF16(std::numeric_limits<float>::max()), 0x7f80);
}

TEST(Half, EightBitFloats) {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    float e4m3 = widen(APFloat::Float8E4M3FN(), 8, bits);
    float e5m2 = widen(APFloat::Float8E5M2(), 8, bits);
    float got4 = f8e4m3ToFloat(uint8_t(bits));
    float got5 = f8e5m2ToFloat(uint8_t(bits));
    EXPECT_TRUE(std::isnan(e4m3) ? std::isnan(got4)
                                 : bitsOf(got4) == bitsOf(e4m3))
        << bits;
    EXPECT_TRUE(std::isnan(e5m2) ? std::isnan(got5)
                                 : bitsOf(got5) == bitsOf(e5m2))
        << bits;
  }
}

// The bulk forms may use other instructions; they must give the same bits at
// every length and any address.
TEST(Half, BulkEqualsScalar) {
  std::vector<char> halves(2 * 0x10000 + 1);
  for (uint32_t half = 0; half < 0x10000; ++half)
    std::memcpy(halves.data() + 1 + 2 * half, &half, 2);
  std::vector<float> floats(0x10000);
  f16ToFloat(halves.data() + 1, floats.data(), floats.size());
  for (uint32_t half = 0; half < 0x10000; ++half)
    ASSERT_EQ(bitsOf(floats[half]), bitsOf(f16ToFloat(uint16_t(half))));
  bf16ToFloat(halves.data() + 1, floats.data(), floats.size());
  for (uint32_t half = 0; half < 0x10000; ++half)
    ASSERT_EQ(bitsOf(floats[half]), bitsOf(bf16ToFloat(uint16_t(half))));

  std::vector<float> source;
  for (uint32_t bits :
       interesting([](uint16_t half) { return f16ToFloat(half); }))
    source.push_back(floatOfBits(bits));
  for (size_t count : {size_t(0), size_t(1), size_t(7), size_t(8), size_t(9),
                       size_t(31), source.size()}) {
    std::vector<char> target(2 * count + 3, 0x55);
    floatToF16(source.data(), target.data() + 1, count);
    for (size_t i = 0; i < count; ++i) {
      uint16_t got;
      std::memcpy(&got, target.data() + 1 + 2 * i, 2);
      ASSERT_EQ(got, floatToF16(source[i])) << bitsOf(source[i]);
    }
    EXPECT_EQ(target[0], 0x55);
    EXPECT_EQ(target[2 * count + 1], 0x55);
    floatToBF16(source.data(), target.data() + 1, count);
    for (size_t i = 0; i < count; ++i) {
      uint16_t got;
      std::memcpy(&got, target.data() + 1 + 2 * i, 2);
      ASSERT_EQ(got, floatToBF16(source[i])) << bitsOf(source[i]);
    }
    EXPECT_EQ(target[2 * count + 1], 0x55);
  }
}
