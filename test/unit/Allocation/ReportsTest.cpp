//===- ReportsTest.cpp - uniform choices, curve, prices ---------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestUtil.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace allot::allocation;
using namespace allot::allocation::test;
using testing::HasSubstr;

namespace {

/// Three matrices and a norm that offers one option of its own.
Problem uniformProblem() {
  Problem problem;
  problem.resources = {{"bytes", 65}};
  for (int i = 0; i != 3; ++i) {
    double s = i + 1;
    problem.items.push_back({"w" + std::to_string(i),
                             {makeOption("int4.b32", {12}, 0.4 * s),
                              makeOption("int4.b64", {11}, 0.5 * s),
                              makeOption("int6.b64", {20}, 0.2 * s),
                              makeOption("int8.b64", {25}, 0.1 * s),
                              makeOption("int8.b32", {24}, 0.15 * s)}});
  }
  problem.items.push_back({"norm", {makeOption("stored", {5}, 0)}});
  return problem;
}

TEST(UniformTest, BestWithinAndSmallestAbove) {
  Problem problem = uniformProblem();
  llvm::Expected<UniformResult> result = bestUniform(problem);
  ASSERT_TRUE(bool(result)) << messageOf(std::move(result));
  ASSERT_TRUE(result->within);
  EXPECT_EQ(result->within->name, "int6.b64");
  EXPECT_EQ(result->within->costs[0], 65);
  EXPECT_EQ(result->within->fallbacks, 1u);
  EXPECT_DOUBLE_EQ(result->within->objective, 1.2);
  ASSERT_TRUE(result->above);
  EXPECT_EQ(result->above->name, "int8.b32");
  EXPECT_EQ(result->above->costs[0], 77);
  // "stored" is not offered by the matrices.
  EXPECT_EQ(result->all.size(), 5u);
}

TEST(UniformTest, NamesFallbacksPinsAndTies) {
  Problem problem = uniformProblem();
  UniformOptions options;
  options.names = {"int8.b64", "int4.b64", "nothing"};
  llvm::Expected<UniformResult> result = bestUniform(problem, options);
  ASSERT_TRUE(bool(result)) << messageOf(std::move(result));
  EXPECT_EQ(result->within->name, "int4.b64");
  EXPECT_EQ(result->above->name, "int8.b64");

  // An item without the name needs a fallback.
  problem.items[1].options.erase(problem.items[1].options.begin() + 1);
  result = bestUniform(problem, options);
  ASSERT_TRUE(bool(result)) << messageOf(std::move(result));
  EXPECT_FALSE(result->within);
  options.fallbacks = {"absent", "int4.b32"};
  result = bestUniform(problem, options);
  ASSERT_TRUE(bool(result)) << messageOf(std::move(result));
  ASSERT_TRUE(result->within);
  EXPECT_EQ(result->within->costs[0], 11 + 12 + 11 + 5);
  EXPECT_EQ(result->within->fallbacks, 2u);

  // A required tie that the fallback breaks rules the name out.
  problem.ties = {Tie{"t", {0, 1}, true, {}}};
  result = bestUniform(problem, options);
  ASSERT_TRUE(bool(result)) << messageOf(std::move(result));
  EXPECT_FALSE(result->within);
  problem.ties.clear();

  // A pinned item keeps its pin.
  problem.pins = {{2, "int8.b32"}};
  result = bestUniform(problem, options);
  ASSERT_TRUE(bool(result)) << messageOf(std::move(result));
  EXPECT_EQ(result->within->choice[2], 4u);
  options.resource = 3;
  EXPECT_THAT(messageOf(bestUniform(problem, options)),
              HasSubstr("no resource number 3"));
}

TEST(UniformTest, NeverBeatsTheAllocation) {
  Problem problem = uniformProblem();
  for (int64_t budget = 40; budget != 90; ++budget) {
    problem.resources[0].budget = budget;
    llvm::Expected<UniformResult> uniform = bestUniform(problem);
    llvm::Expected<Solution> solution = solveKnapsack(problem);
    ASSERT_TRUE(bool(uniform)) << messageOf(std::move(uniform));
    ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
    if (uniform->within)
      EXPECT_LE(solution->objective, uniform->within->objective + 1e-12);
  }
}

TEST(CurveTest, HullOfOneItem) {
  Problem problem;
  problem.resources = {{"bytes", std::nullopt}};
  problem.items = {{"a",
                    {makeOption("o0", {0}, 8), makeOption("o1", {1}, 4),
                     makeOption("o2", {2}, 3.5), makeOption("o3", {3}, 1),
                     makeOption("o4", {5}, 1)}}};
  llvm::Expected<std::vector<CurvePoint>> curve = lagrangianCurve(problem, 0);
  ASSERT_TRUE(bool(curve)) << messageOf(std::move(curve));
  ASSERT_EQ(curve->size(), 3u); // o2 is above the hull, o4 is dominated
  EXPECT_EQ((*curve)[0].cost, 0);
  EXPECT_EQ((*curve)[0].price, 4);
  EXPECT_EQ((*curve)[1].cost, 1);
  EXPECT_EQ((*curve)[1].price, 1.5);
  EXPECT_EQ((*curve)[2].cost, 3);
  EXPECT_EQ((*curve)[2].objective, 1);
  EXPECT_EQ((*curve)[2].price, 0);
}

TEST(CurveTest, ConvexThinnedAndBelowEverySolution) {
  Random random(3);
  Problem problem;
  problem.resources = {{"bytes", std::nullopt}};
  for (int i = 0; i != 12; ++i) {
    Item item{"i" + std::to_string(i), {}};
    for (int o = 0; o != 9; ++o)
      item.options.push_back(makeOption(
          "o" + std::to_string(o), {random.integer(0, 1000)}, random.real()));
    problem.items.push_back(std::move(item));
  }
  llvm::Expected<std::vector<CurvePoint>> curve = lagrangianCurve(problem, 0);
  ASSERT_TRUE(bool(curve)) << messageOf(std::move(curve));
  ASSERT_GT(curve->size(), 10u);
  for (size_t i = 1; i != curve->size(); ++i) {
    EXPECT_GT((*curve)[i].cost, (*curve)[i - 1].cost);
    EXPECT_LT((*curve)[i].objective, (*curve)[i - 1].objective);
    EXPECT_LT((*curve)[i].price, (*curve)[i - 1].price);
  }
  // At its vertices the hull is attained, and the solver finds that.
  for (const CurvePoint &point : *curve) {
    problem.resources[0].budget = point.cost;
    llvm::Expected<Solution> solution = solveKnapsack(problem);
    ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
    EXPECT_NEAR(solution->objective, point.objective, 1e-12);
  }
  for (unsigned n : {2u, 3u, 5u, 8u}) {
    llvm::Expected<std::vector<CurvePoint>> few = lagrangianCurve(problem, n);
    ASSERT_TRUE(bool(few)) << messageOf(std::move(few));
    EXPECT_LE(few->size(), n);
    EXPECT_GE(few->size(), 2u);
    EXPECT_EQ(few->front().cost, curve->front().cost);
    EXPECT_EQ(few->back().cost, curve->back().cost);
  }
  EXPECT_THAT(messageOf(lagrangianCurve(problem, 2, 1)),
              HasSubstr("no resource number 1"));
}

TEST(PriceTest, NextBetterAndNextWorse) {
  Problem problem = uniformProblem();
  problem.pins = {{0, "int4.b32"}};
  Solution solution;
  solution.choice = {0, 2, 3, 0};
  llvm::Expected<std::vector<MarginalPrice>> prices =
      marginalPrices(problem, solution);
  ASSERT_TRUE(bool(prices)) << messageOf(std::move(prices));
  // w0 at int4.b32 (12, 0.4): int6 costs 8 more for 0.2, int8.b64 13 for 0.3.
  ASSERT_TRUE((*prices)[0].better);
  EXPECT_EQ((*prices)[0].better->option, 2u);
  EXPECT_EQ((*prices)[0].better->cost, 8);
  EXPECT_DOUBLE_EQ((*prices)[0].better->price, 0.2 / 8);
  ASSERT_TRUE((*prices)[0].worse);
  EXPECT_EQ((*prices)[0].worse->option, 1u);
  EXPECT_DOUBLE_EQ((*prices)[0].worse->price, 0.1);
  // w2 has the best there is, and b32 costs 0.15 for one byte less.
  EXPECT_FALSE((*prices)[2].better);
  ASSERT_TRUE((*prices)[2].worse);
  EXPECT_EQ((*prices)[2].worse->option, 2u);
  // The norm has no choice.
  EXPECT_FALSE((*prices)[3].better);
  EXPECT_FALSE((*prices)[3].worse);
}

TEST(PriceTest, TiedItemsMoveTogether) {
  Problem problem = smallProblem();
  problem.ties = {Tie{"t", {0, 1}, true, {{"int8", {-10}, 0.125, ""}}}};
  Solution solution;
  solution.choice = {0, 0};
  llvm::Expected<std::vector<MarginalPrice>> prices =
      marginalPrices(problem, solution);
  ASSERT_TRUE(bool(prices)) << messageOf(std::move(prices));
  for (const MarginalPrice &price : *prices) {
    ASSERT_TRUE(price.better);
    EXPECT_EQ(price.better->cost, 10);
    EXPECT_DOUBLE_EQ(price.better->loss, 0.1 + 0.125 + 0.125 - 0.75);
    EXPECT_FALSE(price.worse);
  }
}

TEST(PriceTest, FreeImprovement) {
  Problem problem = smallProblem();
  problem.items[0].options[1].costs = {10};
  Solution solution;
  solution.choice = {0, 0};
  llvm::Expected<std::vector<MarginalPrice>> prices =
      marginalPrices(problem, solution);
  ASSERT_TRUE(bool(prices)) << messageOf(std::move(prices));
  ASSERT_TRUE((*prices)[0].better);
  EXPECT_TRUE(std::isinf((*prices)[0].better->price));
  solution.choice = {0};
  EXPECT_THAT(messageOf(marginalPrices(problem, solution)),
              HasSubstr("chooses for 1 items"));
}

} // namespace
