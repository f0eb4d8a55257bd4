//===- CbcLargeTest.cpp - two budgets at the size of a model ----*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ModelProblem.h"
#include "gtest/gtest.h"
#include <chrono>
#include <cstdio>

using namespace allot::allocation;
using namespace allot::allocation::test;

namespace {

/// As many nodes as take about a second.
constexpr uint64_t kNodes = 300;

Solution solveAndReport(const char *name, const Problem &problem) {
  CbcOptions options;
  options.maxNodes = kNodes;
  auto start = std::chrono::steady_clock::now();
  llvm::Expected<Solution> found = solveCbc(problem, options);
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  if (!found) {
    ADD_FAILURE() << messageOf(std::move(found));
    return {};
  }
  EXPECT_EQ(messageOf(problem.verify(*found)), "");
  EXPECT_LE(found->gap, 1e-3);
  std::printf("%s: gap %.3g, %.3f s, %llu nodes\n", name, found->gap,
              seconds.count(), static_cast<unsigned long long>(found->nodes));
  return std::move(*found);
}

TEST(CbcLargeTest, OneBudgetAsTheKnapsack) {
  for (double noise : {0.0, 1.0})
    for (double budgetAt : {0.05, 0.2}) {
      Problem problem = modelProblem(1, noise, true, budgetAt);
      llvm::Expected<Solution> exact = solveKnapsack(problem);
      ASSERT_TRUE(bool(exact)) << messageOf(std::move(exact));
      Solution found = solveAndReport(noise == 0 ? "convex" : "noisy", problem);
      EXPECT_LE(found.bound, exact->objective);
      EXPECT_GE(found.objective * (1 + 1e-12), exact->bound);
    }
}

/// Ranks cost operations, so that a second budget binds beside bytes.
TEST(CbcLargeTest, TwoBudgets) {
  Problem problem = modelProblem(2, 1, true, 0.2);
  llvm::Expected<Solution> one = solveKnapsack(problem);
  ASSERT_TRUE(bool(one)) << messageOf(std::move(one));
  problem.resources.push_back({"flops", std::nullopt});
  for (Item &item : problem.items)
    for (Option &option : item.options) {
      size_t at = option.name.rfind(".r");
      option.costs.push_back(std::stoll(option.name.substr(at + 2)));
    }
  int64_t free = problem.evaluate(one->choice).costs[1];
  ASSERT_GT(free, 100);
  problem.resources[1].budget = free / 2;
  Solution two = solveAndReport("two budgets", problem);
  EXPECT_GE(two.objective * (1 + 1e-12), one->bound);
  EXPECT_LE(two.costs[1], free / 2);
}

} // namespace
