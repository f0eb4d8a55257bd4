//===- NumpyRandomTest.cpp - against NumPy ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Expected numbers are those of NumPy 2.4.6.
//
//===----------------------------------------------------------------------===//

#include "Import/NumpyRandom.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <numeric>

using allot::importer::NumpyRandom;
using Numbers = std::vector<uint32_t>;

/// A sum that depends on the order.
static uint64_t weighted(const Numbers &values) {
  uint64_t sum = 0;
  for (auto [i, value] : llvm::enumerate(values))
    sum += (i + 1) * value;
  return sum;
}

static Numbers firstOf(const Numbers &values, size_t count) {
  return Numbers(values.begin(), values.begin() + count);
}

TEST(NumpyRandom, Bits) {
  NumpyRandom zero(0);
  for (uint64_t wanted : {11749869230777074271u, 4976686463289251617u,
                          755828109848996024u, 304881062738325533u})
    EXPECT_EQ(zero.next64(), wanted);
  // A seed of two words.
  NumpyRandom large((uint64_t(1) << 40) + 17);
  for (uint64_t wanted :
       {6228537060525065098u, 4872258938877250611u, 9697553364723625227u})
    EXPECT_EQ(large.next64(), wanted);
}

TEST(NumpyRandom, HalvesOfNumbers) {
  NumpyRandom halves(0);
  EXPECT_EQ(halves.next32(), uint32_t(11749869230777074271u));
  EXPECT_EQ(halves.next32(), uint32_t(11749869230777074271u >> 32));
  EXPECT_EQ(halves.next32(), uint32_t(4976686463289251617u));
}

TEST(NumpyRandom, Bounds) {
  NumpyRandom random(3);
  EXPECT_EQ(random.upTo(0), 0u);
  for (uint64_t last : {uint64_t(1), uint64_t(6), uint64_t(UINT32_MAX) - 1,
                        uint64_t(UINT32_MAX), uint64_t(1) << 40})
    for (int i = 0; i < 50; ++i) {
      EXPECT_LE(random.upTo(last), last);
      EXPECT_LE(random.upToByMask(last), last);
    }
}

TEST(NumpyRandom, Shuffle) {
  Numbers values(12);
  std::iota(values.begin(), values.end(), 0);
  NumpyRandom(42).shuffle(values);
  EXPECT_EQ(values, (Numbers{0, 7, 6, 9, 11, 3, 5, 2, 4, 10, 1, 8}));
}

TEST(NumpyRandom, ChoiceOfFew) {
  EXPECT_EQ(NumpyRandom(7).choice(64, 10),
            (Numbers{35, 52, 46, 50, 34, 19, 51, 3, 13, 38}));
  Numbers few = NumpyRandom(9).choice(20000, 300);
  EXPECT_EQ(firstOf(few, 4), (Numbers{5038, 14575, 9921, 19305}));
  EXPECT_EQ(weighted(few), 472343536u);
}

TEST(NumpyRandom, ChoiceOfMany) {
  Numbers many = NumpyRandom(7).choice(20000, 1000);
  EXPECT_EQ(firstOf(many, 4), (Numbers{3762, 1432, 9397, 10263}));
  EXPECT_EQ(weighted(many), 5181638437u);
}

TEST(NumpyRandom, ChoiceThenShuffle) {
  NumpyRandom random(5);
  Numbers values;
  for (int i = 0; i < 192; ++i)
    values.push_back(i / 3);
  llvm::append_range(values, random.choice(64, 64));
  random.shuffle(values);
  EXPECT_EQ(firstOf(values, 4), (Numbers{17, 43, 4, 7}));
  EXPECT_EQ(weighted(values), 1073031u);
}
