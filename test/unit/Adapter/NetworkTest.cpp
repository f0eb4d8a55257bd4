//===- NetworkTest.cpp - orders of contraction ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans against all orders there are, tried one by one, on random networks; and
// chains too long for that against the order that is known to be the best.
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/NetworkNumbers.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>

using namespace allot::adapter;

namespace {

/// The fewest operations of all orders in which two are taken at a time.
uint64_t cheapest(llvm::SmallVector<Modes> tensors, const Modes &result,
                  llvm::ArrayRef<int64_t> sizes) {
  if (tensors.size() == 1)
    return 0;
  uint64_t best = UINT64_MAX;
  for (size_t i = 0; i < tensors.size(); ++i)
    for (size_t j = i + 1; j < tensors.size(); ++j) {
      llvm::SmallVector<Modes> left;
      for (size_t k = 0; k < tensors.size(); ++k)
        if (k != i && k != j)
          left.push_back(tensors[k]);
      Modes all = tensors[i], kept;
      for (unsigned mode : tensors[j])
        if (!llvm::is_contained(all, mode))
          all.push_back(mode);
      uint64_t points = 1;
      for (unsigned mode : all) {
        points *= uint64_t(sizes[mode]);
        bool needed = llvm::is_contained(result, mode);
        for (const Modes &other : left)
          needed = needed || llvm::is_contained(other, mode);
        if (needed)
          kept.push_back(mode);
      }
      left.push_back(kept);
      uint64_t cost = points * (kept.size() < all.size() ? 2 : 1);
      best = std::min(best, cost + cheapest(left, result, sizes));
    }
  return best;
}

TEST(Network, PlansAreTheCheapest) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    unsigned count = 1 + random() % 5;
    llvm::SmallVector<Modes> tensors(count);
    llvm::SmallVector<int64_t> sizes;
    Modes result;
    for (unsigned mode = 0, modes = 2 + random() % 7; mode < modes; ++mode) {
      sizes.push_back(1 + random() % 9);
      unsigned first = random() % count, second = random() % count;
      tensors[first].push_back(mode);
      if (second != first)
        tensors[second].push_back(mode);
      if (second == first || random() % 4 == 0)
        result.push_back(mode);
    }
    ContractionPlan plan = planContraction(tensors, result, sizes);
    EXPECT_EQ(plan.steps.size(), count - 1);
    EXPECT_EQ(countFlops(plan, tensors, sizes),
              cheapest(tensors, result, sizes));
  }
}

// A chain of vectors and matrices from which a vector is made: beginning with
// the vector is the best, and what a greedy search finds, too.
TEST(Network, LongChains) {
  for (unsigned count : {9u, 10u, 11u, 40u}) {
    SCOPED_TRACE(count);
    llvm::SmallVector<Modes> tensors{{0}};
    for (unsigned i = 1; i < count; ++i)
      tensors.push_back({i - 1, i});
    llvm::SmallVector<int64_t> sizes(count, 16);
    ContractionPlan plan = planContraction(tensors, {count - 1}, sizes);
    EXPECT_EQ(plan.steps.size(), count - 1);
    EXPECT_EQ(countFlops(plan, tensors, sizes), (count - 1) * 2u * 16 * 16);
  }
}

/// The place of `at` in a tensor of these modes.
size_t placeOf(const Modes &modes, llvm::ArrayRef<int64_t> at,
               llvm::ArrayRef<int64_t> sizes) {
  size_t place = 0;
  for (unsigned mode : modes)
    place = place * sizes[mode] + at[mode];
  return place;
}

// Point by point.
TEST(Network, NumbersAreContracted) {
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    llvm::SmallVector<int64_t> sizes;
    ModeTensor a, b;
    Modes kept;
    for (unsigned mode = 0, modes = 1 + random() % 5; mode < modes; ++mode) {
      sizes.push_back(1 + random() % 4);
      unsigned where = random() % 3;
      if (where != 1)
        a.modes.push_back(mode);
      if (where != 0)
        b.modes.push_back(mode);
      if (random() % 2)
        kept.push_back(mode);
    }
    std::shuffle(a.modes.begin(), a.modes.end(), random);
    std::shuffle(b.modes.begin(), b.modes.end(), random);
    for (ModeTensor *tensor : {&a, &b}) {
      size_t count = 1;
      for (unsigned mode : tensor->modes)
        count *= sizes[mode];
      for (size_t i = 0; i < count; ++i)
        tensor->values.push_back(int(random() % 9) - 4);
    }
    // In another order, too.
    std::shuffle(kept.begin(), kept.end(), random);
    ModeTensor got =
        reorderNumbers(contractNumbers(a, b, kept, sizes), kept, sizes);
    EXPECT_EQ(got.modes, kept);
    std::vector<double> expected(got.values.size(), 0.0);
    llvm::SmallVector<int64_t> at(sizes.size(), 0);
    for (size_t mode = 0; mode < at.size();) {
      expected[placeOf(kept, at, sizes)] +=
          a.values[placeOf(a.modes, at, sizes)] *
          b.values[placeOf(b.modes, at, sizes)];
      for (mode = 0; mode < at.size() && ++at[mode] == sizes[mode]; ++mode)
        at[mode] = 0;
    }
    EXPECT_EQ(got.values, expected);
  }
}

} // namespace
