//===- KnapsackLargeTest.cpp - problems of the size of a model --*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ModelProblem.h"
#include "gtest/gtest.h"
#include <chrono>
#include <cstdio>
#include <cstring>

using namespace allot::allocation;
using namespace allot::allocation::test;

namespace {

struct Kind {
  const char *name;
  double noise;
  bool grid;
};

class LargeTest : public testing::TestWithParam<Kind> {};

TEST_P(LargeTest, GapAndBudget) {
  double slowest = 0, widest = 0;
  uint64_t most = 0;
  unsigned optimal = 0, all = 0;
  for (uint64_t seed = 0; seed != 6; ++seed)
    for (double budgetAt : {0.02, 0.1, 0.2, 0.35, 0.6}) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " budget " +
                   std::to_string(budgetAt));
      Problem problem =
          modelProblem(seed, GetParam().noise, GetParam().grid, budgetAt);
      auto start = std::chrono::steady_clock::now();
      llvm::Expected<Solution> solution = solveKnapsack(problem);
      std::chrono::duration<double> seconds =
          std::chrono::steady_clock::now() - start;
      ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
      ASSERT_EQ(messageOf(problem.verify(*solution)), "");
      EXPECT_LE(solution->bound, solution->objective);
      EXPECT_LE(solution->gap, 1e-3);
      EXPECT_LE(solution->costs[0], *problem.resources[0].budget);
      slowest = std::max(slowest, seconds.count());
      widest = std::max(widest, solution->gap);
      most = std::max(most, solution->nodes);
      optimal += solution->status == Status::Optimal;
      ++all;

      // The answer and its bound cannot beat the relaxation of all budgets.
      llvm::Expected<std::vector<CurvePoint>> curve =
          lagrangianCurve(problem, 0);
      ASSERT_TRUE(bool(curve)) << messageOf(std::move(curve));
      auto next = std::find_if(
          curve->begin(), curve->end(), [&](const CurvePoint &point) {
            return point.cost > *problem.resources[0].budget;
          });
      ASSERT_NE(next, curve->begin());
      ASSERT_NE(next, curve->end());
      const CurvePoint &before = *std::prev(next);
      double relaxed =
          before.objective -
          before.price * double(*problem.resources[0].budget - before.cost);
      EXPECT_GE(solution->objective, relaxed * (1 - 1e-9));
      EXPECT_GE(solution->bound, relaxed * (1 - 1e-9));
    }
  RecordProperty("optimal", std::to_string(optimal));
  RecordProperty("slowest_seconds", std::to_string(slowest));
  std::printf("%s: %u of %u optimal, largest gap %.3g, slowest %.3f s, at most "
              "%llu nodes\n",
              GetParam().name, optimal, all, widest, slowest,
              static_cast<unsigned long long>(most));
  // Far above what it takes; a machine under load must not fail this.
  EXPECT_LT(slowest, 20);
}

INSTANTIATE_TEST_SUITE_P(
    Allocation, LargeTest,
    testing::Values(Kind{"ConvexGrid", 0, true}, Kind{"NoisyGrid", 1, true},
                    Kind{"WildGrid", 50, true}, Kind{"ConvexAny", 0, false},
                    Kind{"NoisyAny", 1, false}, Kind{"WildAny", 50, false}),
    [](const auto &info) { return info.param.name; });

bool sameBits(double a, double b) { return !std::memcmp(&a, &b, sizeof(a)); }

TEST(KnapsackLargeTest, Deterministic) {
  Problem problem = modelProblem(42, 1, true, 0.2);
  llvm::Expected<Solution> first = solveKnapsack(problem);
  ASSERT_TRUE(bool(first)) << messageOf(std::move(first));
  // Other memory addresses, same answer.
  std::vector<Problem> copies(3, problem);
  for (const Problem &copy : copies) {
    llvm::Expected<Solution> again = solveKnapsack(copy);
    ASSERT_TRUE(bool(again)) << messageOf(std::move(again));
    EXPECT_EQ(again->choice, first->choice);
    EXPECT_TRUE(sameBits(again->objective, first->objective));
    EXPECT_TRUE(sameBits(again->bound, first->bound));
    EXPECT_EQ(again->nodes, first->nodes);
  }
}

TEST(KnapsackLargeTest, LimitsGiveABound) {
  Problem problem = modelProblem(7, 1, true, 0.2);
  llvm::Expected<Solution> full = solveKnapsack(problem);
  ASSERT_TRUE(bool(full)) << messageOf(std::move(full));
  for (unsigned width : {0u, 1u, 16u, 256u})
    for (uint64_t nodes : {uint64_t(0), uint64_t(100), uint64_t(1) << 20}) {
      SolveOptions options;
      options.maxWidth = width;
      options.maxNodes = nodes;
      llvm::Expected<Solution> limited = solveKnapsack(problem, options);
      ASSERT_TRUE(bool(limited)) << messageOf(std::move(limited));
      EXPECT_EQ(messageOf(problem.verify(*limited)), "");
      EXPECT_GE(limited->objective, full->bound);
      EXPECT_LE(limited->bound, full->objective);
      EXPECT_LE(limited->gap, 0.01);
    }
}

TEST(KnapsackLargeTest, StopsAtTheGapAskedFor) {
  Problem problem = modelProblem(9, 1, false, 0.2);
  SolveOptions options;
  options.relativeGap = 1e-3;
  llvm::Expected<Solution> quick = solveKnapsack(problem, options);
  llvm::Expected<Solution> full = solveKnapsack(problem);
  ASSERT_TRUE(bool(quick)) << messageOf(std::move(quick));
  ASSERT_TRUE(bool(full)) << messageOf(std::move(full));
  EXPECT_LE(quick->gap, 1e-3);
  EXPECT_EQ(messageOf(problem.verify(*quick)), "");
  EXPECT_LE(quick->nodes, full->nodes);
  EXPECT_LE(quick->bound, full->objective);
}

TEST(KnapsackLargeTest, TiedBlocksAndPins) {
  // All q and k of a block take the same; the embedding is pinned.
  Problem problem = modelProblem(11, 1, true, 0.2);
  for (unsigned block = 0; block != 30; ++block) {
    Tie tie;
    tie.items = {block * 7, block * 7 + 1, block * 7 + 2};
    tie.required = block % 2 == 0;
    if (!tie.required)
      tie.items.pop_back(); // 8100 combinations
    tie.sharings = {{"int4.b64.r0", {-4096}, 0, "one scale table"}};
    problem.ties.push_back(tie);
  }
  problem.pins = {{210, "int8.b32.r0"}};
  llvm::Expected<int64_t> least = leastTotal(problem, 0);
  ASSERT_TRUE(bool(least)) << messageOf(std::move(least));
  problem.resources[0].budget = *least + 20000000;
  llvm::Expected<Solution> solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(messageOf(problem.verify(*solution)), "");
  EXPECT_LE(solution->gap, 1e-3);
  problem.resources[0].budget = *least;
  solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->costs[0], *least);
  EXPECT_EQ(solution->status, Status::Optimal);
}

} // namespace
