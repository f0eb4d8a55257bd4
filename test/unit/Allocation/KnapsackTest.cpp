//===- KnapsackTest.cpp - small problems against brute force ----*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "RandomProblem.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <limits>

using namespace allot::allocation;
using namespace allot::allocation::test;
using testing::HasSubstr;

namespace {

struct Tally {
  unsigned solved = 0, infeasible = 0, contradictory = 0;
};

/// Both solvers on one problem: same objective, or the same complaint.
void compare(const Problem &problem, const SolveOptions &options,
             Tally &tally) {
  llvm::Expected<Solution> exact = solveKnapsack(problem, options);
  llvm::Expected<Solution> oracle = solveBruteForce(problem);
  ASSERT_EQ(bool(exact), bool(oracle));
  if (!exact) {
    bool contradictory = bool(problem.check());
    std::string message = messageOf(std::move(exact));
    ASSERT_EQ(message, messageOf(std::move(oracle)));
    ASSERT_EQ(contradictory, message.find("cannot be met") == std::string::npos)
        << message;
    ++(contradictory ? tally.contradictory : tally.infeasible);
    return;
  }
  ++tally.solved;
  ASSERT_EQ(messageOf(problem.verify(*exact)), "");
  ASSERT_EQ(messageOf(problem.verify(*oracle)), "");
  ASSERT_LE(exact->bound, oracle->objective * (1 + 1e-12));
  ASSERT_GE(exact->objective, oracle->objective);
  if (options.maxWidth > 1) {
    ASSERT_EQ(exact->status, Status::Optimal);
    ASSERT_LE(exact->gap, 1e-12);
    ASSERT_LE(exact->objective, oracle->objective * (1 + 2e-12));
  }
}

void compareMany(uint64_t seed, int count, const Shape &shape,
                 const SolveOptions &options = {}) {
  Random random(seed);
  Tally tally;
  for (int n = 0; n != count; ++n) {
    SCOPED_TRACE("problem " + std::to_string(n));
    ASSERT_NO_FATAL_FAILURE(
        compare(randomProblem(random, shape), options, tally));
  }
  // The generator does make all kinds.
  EXPECT_GT(tally.solved, unsigned(count) / 5);
  EXPECT_GT(tally.infeasible, unsigned(count) / 200);
  if (shape.maxTies && shape.pin > 0)
    EXPECT_GT(tally.contradictory, 0u);
}

TEST(KnapsackTest, PlainAgainstBruteForce) { compareMany(1, 3000, {}); }

TEST(KnapsackTest, EqualSumsAgainstBruteForce) {
  compareMany(2, 3000, equalSums());
}

TEST(KnapsackTest, MoreItemsAgainstBruteForce) {
  Shape shape;
  shape.maxItems = 9;
  shape.maxOptions = 4;
  shape.maxCost = 1000;
  compareMany(3, 150, shape);
}

TEST(KnapsackTest, TiesAndPinsAgainstBruteForce) {
  compareMany(4, 3000, tiesAndPins());
}

TEST(KnapsackTest, UnbudgetedResourcesAreCounted) {
  Shape shape;
  shape.resources = 3;
  shape.maxTies = 1;
  compareMany(5, 500, shape);
}

TEST(KnapsackTest, NarrowSearchStillHasABound) {
  SolveOptions options;
  options.maxWidth = 1;
  compareMany(6, 1000, {}, options);
}

TEST(KnapsackTest, AllLossesZero) {
  Shape shape;
  shape.zeroLoss = 1;
  compareMany(7, 300, shape);
}

/// A hopeless option (a loss of 1e300) must not cost precision elsewhere.
TEST(KnapsackTest, HugeLossesDoNotHideSmallOnes) {
  Random random(8);
  Tally tally;
  for (int n = 0; n != 500; ++n) {
    SCOPED_TRACE("problem " + std::to_string(n));
    Problem problem = randomProblem(random, {});
    spreadLosses(random, problem);
    ASSERT_NO_FATAL_FAILURE(compare(problem, {}, tally));
  }
  EXPECT_GT(tally.solved, 100u);
}

TEST(KnapsackTest, TinyLosses) {
  Problem problem = smallProblem();
  double tiny = std::numeric_limits<double>::denorm_min();
  problem.items[0].options[0].loss = 3 * tiny;
  problem.items[0].options[1].loss = tiny;
  problem.items[1].options[0].loss = 2 * tiny;
  problem.items[1].options[1].loss = tiny;
  llvm::Expected<Solution> solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->choice, (std::vector<unsigned>{1, 0}));
  EXPECT_EQ(solution->objective, 3 * tiny);
}

TEST(KnapsackTest, HugeCosts) {
  Problem problem = smallProblem();
  int64_t scale = (int64_t(1) << 61) / 40;
  for (Item &item : problem.items)
    for (Option &option : item.options)
      option.costs[0] *= scale;
  problem.resources[0].budget = 30 * scale;
  llvm::Expected<Solution> solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->choice, (std::vector<unsigned>{1, 0}));
  problem.resources[0].budget = 30 * scale - 1;
  solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->choice, (std::vector<unsigned>{0, 0}));
  problem.resources[0].budget = std::numeric_limits<int64_t>::max();
  solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->choice, (std::vector<unsigned>{1, 1}));
}

TEST(KnapsackTest, EqualOptionsLowerCostThenLowerIndex) {
  Problem problem = equalOptions(1);
  llvm::Expected<Solution> solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->choice[0], 1u);
  problem.resources[0].budget = std::nullopt;
  solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->choice[0], 1u);
  EXPECT_EQ(solution->status, Status::Optimal);
}

TEST(KnapsackTest, NoItems) {
  Problem problem;
  problem.resources = {{"bytes", 0}};
  llvm::Expected<Solution> solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(messageOf(problem.verify(*solution)), "");
  EXPECT_EQ(solution->objective, 0);
}

TEST(KnapsackTest, InfeasibleStatesTheLeastPossible) {
  Problem problem = smallProblem();
  problem.resources[0].budget = 19;
  std::string message = "the budget of 19 for resource 'bytes' cannot be met: "
                        "the least possible total is 20";
  EXPECT_EQ(messageOf(solveKnapsack(problem)), message);
  EXPECT_EQ(messageOf(solveBruteForce(problem)), message);
  // A pin raises it.
  problem.pins = {{0, "int8"}};
  llvm::Expected<Solution> solution = solveKnapsack(problem);
  ASSERT_FALSE(bool(solution));
  int64_t least = 0;
  llvm::handleAllErrors(
      solution.takeError(),
      [&](const InfeasibleError &error) { least = error.getLeast(); });
  EXPECT_EQ(least, 30);
  llvm::Expected<int64_t> total = leastTotal(problem, 0);
  ASSERT_TRUE(bool(total)) << messageOf(std::move(total));
  EXPECT_EQ(*total, 30);
  EXPECT_THAT(messageOf(leastTotal(problem, 1)),
              HasSubstr("no resource number 1"));
}

TEST(KnapsackTest, TwoBudgetsAreForAnotherSolver) {
  Problem problem = smallProblem();
  problem.resources.push_back({"flops", 5});
  for (Item &item : problem.items)
    for (Option &option : item.options)
      option.costs.push_back(2);
  EXPECT_EQ(messageOf(solveKnapsack(problem)),
            "resources 'bytes' and 'flops' both have a budget; the knapsack "
            "solver takes one");
  llvm::Expected<Solution> oracle = solveBruteForce(problem);
  ASSERT_TRUE(bool(oracle)) << messageOf(std::move(oracle));
  EXPECT_EQ(oracle->costs, (Costs{30, 4}));
}

TEST(KnapsackTest, BudgetsThatExcludeEachOther) {
  Problem problem;
  problem.resources = {{"bytes", 1}, {"flops", 1}};
  problem.items = {
      {"a", {makeOption("x", {0, 2}, 1), makeOption("y", {2, 0}, 1)}}};
  EXPECT_EQ(messageOf(solveBruteForce(problem)),
            "the budgets cannot be met together, though each of them can "
            "alone: resource 'bytes' with the budget 1 takes at least 0, "
            "within the other budgets 2; resource 'flops' with the budget 1 "
            "takes at least 0, within the other budgets 2");
}

TEST(KnapsackTest, BruteForceRefusesLargeProblems) {
  Problem problem = smallProblem();
  EXPECT_THAT(messageOf(solveBruteForce(problem, 3)),
              HasSubstr("more than 3 choices"));
}

TEST(KnapsackTest, ComponentsAreLimited) {
  // Optional ties make one component of all items: 4^12 combinations.
  Problem problem;
  problem.resources = {{"bytes", 100}};
  Tie tie;
  tie.required = false;
  for (unsigned i = 0; i != 12; ++i) {
    Item item{"i" + std::to_string(i), {}};
    for (int o = 0; o != 4; ++o)
      item.options.push_back(
          makeOption("o" + std::to_string(o), {o}, 1.0 / (o + 1)));
    problem.items.push_back(item);
    tie.items.push_back(i);
  }
  problem.ties = {tie};
  EXPECT_THAT(messageOf(solveKnapsack(problem)),
              HasSubstr("'i0' have more than 1048576 combinations"));
  // Required, they are four.
  problem.ties[0].required = true;
  EXPECT_EQ(messageOf(solveKnapsack(problem)), "");
}

} // namespace
