//===- CurveTest.cpp - other budgets -------------------------- -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Curve.h"
#include "gtest/gtest.h"

using namespace allot;
using namespace allot::report;

/// Ten items of 10 to 80 units whose losses halve with each step.
static allocation::Problem makeProblem(std::optional<int64_t> budget) {
  allocation::Problem problem;
  problem.resources = {{"bytes", budget}};
  for (int i = 0; i < 10; ++i) {
    allocation::Item item;
    item.name = "item" + std::to_string(i);
    for (int o = 0; o < 8; ++o)
      item.options.push_back({"o" + std::to_string(o),
                              {10 * (o + 1)},
                              (1.0 + i) / double(1 << o),
                              ""});
    problem.items.push_back(std::move(item));
  }
  return problem;
}

TEST(BudgetCurve, EveryPointIsTheOptimumOfItsBudget) {
  allocation::Problem problem = makeProblem(400);
  auto curve = budgetCurve(problem, 400, 24);
  ASSERT_TRUE(bool(curve)) << llvm::toString(curve.takeError());
  EXPECT_GE(curve->size(), 20u);
  bool own = false;
  for (size_t i = 0; i < curve->size(); ++i) {
    const CurvePoint &point = (*curve)[i];
    problem.resources[0].budget = point.budget;
    auto again = allocation::solveKnapsack(problem);
    ASSERT_TRUE(bool(again));
    EXPECT_EQ(point.loss, again->objective);
    EXPECT_LE(point.cost, point.budget);
    EXPECT_LE(point.bound, point.loss);
    own |= point.budget == 400;
    if (i > 0) {
      EXPECT_GT(point.budget, (*curve)[i - 1].budget);
      EXPECT_LE(point.loss, (*curve)[i - 1].loss);
    }
  }
  EXPECT_TRUE(own);
}

TEST(BudgetCurve, KeepsToBudgetsThatCanBeMetAndMatter) {
  auto curve = budgetCurve(makeProblem(110), 110, 24);
  ASSERT_TRUE(bool(curve)) << llvm::toString(curve.takeError());
  EXPECT_EQ(curve->front().budget, 100);
  curve = budgetCurve(makeProblem(790), 790, 24);
  ASSERT_TRUE(bool(curve)) << llvm::toString(curve.takeError());
  EXPECT_EQ(curve->back().budget, 800);
}

TEST(BudgetCurve, ABudgetThatCannotBeMetIsAnError) {
  auto curve = budgetCurve(makeProblem(50), 50, 24);
  ASSERT_FALSE(bool(curve));
  llvm::consumeError(curve.takeError());
}

TEST(BudgetCurve, SeveralBudgetsHaveNoCurve) {
  allocation::Problem problem = makeProblem(400);
  problem.resources.push_back({"time", 1000});
  for (allocation::Item &item : problem.items)
    for (allocation::Option &option : item.options)
      option.costs.push_back(1);
  auto curve = budgetCurve(problem, 400, 24);
  ASSERT_TRUE(bool(curve)) << llvm::toString(curve.takeError());
  EXPECT_TRUE(curve->empty());
}

TEST(BudgetCurve, OfAnyResource) {
  allocation::Problem problem = makeProblem(std::nullopt);
  problem.resources = {{"microseconds", std::nullopt}, {"bytes", 400}};
  for (allocation::Item &item : problem.items)
    for (allocation::Option &option : item.options)
      option.costs = {1, option.costs.front()};
  auto curve = budgetCurve(problem, 400, 24, /*resource=*/1),
       alone = budgetCurve(makeProblem(400), 400, 24);
  ASSERT_TRUE(bool(curve)) << llvm::toString(curve.takeError());
  ASSERT_TRUE(bool(alone)) << llvm::toString(alone.takeError());
  ASSERT_EQ(curve->size(), alone->size());
  for (size_t i = 0; i < curve->size(); ++i) {
    EXPECT_EQ((*curve)[i].cost, (*alone)[i].cost);
    EXPECT_EQ((*curve)[i].loss, (*alone)[i].loss);
  }
  // Seen from the other one, the budget on bytes is in the way.
  auto other = budgetCurve(problem, 10, 24, /*resource=*/0);
  ASSERT_TRUE(bool(other)) << llvm::toString(other.takeError());
  EXPECT_TRUE(other->empty());
}
