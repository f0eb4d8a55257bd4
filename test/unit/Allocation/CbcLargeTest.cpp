//===- CbcLargeTest.cpp - two budgets at the size of a model ----*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ModelProblem.h"
#include "gtest/gtest.h"
#include <chrono>
#include <cstdio>

using namespace allot::allocation;
using namespace allot::allocation::test;

namespace {

TEST(CbcLargeTest, OneBudgetAsTheKnapsack) {
  for (double noise : {0.0, 1.0}) {
    Problem problem = modelProblem(1, noise, true, 0.2);
    llvm::Expected<Solution> exact = solveKnapsack(problem);
    ASSERT_TRUE(bool(exact)) << messageOf(std::move(exact));
    CbcOptions options;
    options.maxNodes = getenv("NODES") ? atoi(getenv("NODES")) : 2000;
    auto start = std::chrono::steady_clock::now();
    llvm::Expected<Solution> found = solveCbc(problem, options);
    std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - start;
    ASSERT_TRUE(bool(found)) << messageOf(std::move(found));
    EXPECT_EQ(messageOf(problem.verify(*found)), "");
    EXPECT_LE(found->bound, exact->objective);
    EXPECT_GE(found->objective * (1 + 1e-12), exact->bound);
    std::printf("gap %.3g, true %.3g, %.3f s, %llu nodes\n", found->gap,
                found->objective / exact->objective - 1, seconds.count(),
                static_cast<unsigned long long>(found->nodes));
    EXPECT_LE(found->gap, 1e-4);
  }
}

} // namespace
