//===- CbcTest.cpp - general problems against brute force -------*- C++ -*-===//
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
  unsigned solved = 0, infeasible = 0, together = 0, contradictory = 0;
};

/// All solvers that take the problem: same objective, or the same complaint.
void compare(const Problem &problem, Tally &tally) {
  llvm::Expected<Solution> found = solveCbc(problem);
  llvm::Expected<Solution> oracle = solveBruteForce(problem);
  auto [method, why] =
      problem.check() ? std::make_pair(Method::Cbc, "") : chooseMethod(problem);
  if (!found || !oracle) {
    std::string message = messageOf(std::move(found));
    ASSERT_EQ(message, messageOf(std::move(oracle)));
    if (problem.check())
      ++tally.contradictory;
    else if (message.find("together") != std::string::npos)
      ++tally.together;
    else
      ++tally.infeasible;
    return;
  }
  ++tally.solved;
  ASSERT_EQ(messageOf(problem.verify(*found)), "");
  ASSERT_EQ(found->status, Status::Optimal);
  ASSERT_LE(found->bound, oracle->objective);
  ASSERT_GE(found->objective, oracle->objective * (1 - 1e-15));
  ASSERT_LE(found->objective, oracle->objective * (1 + 1e-9));
  if (method != Method::Knapsack)
    return;
  llvm::Expected<Solution> exact = solveKnapsack(problem);
  ASSERT_TRUE(bool(exact)) << messageOf(std::move(exact));
  ASSERT_LE(std::fabs(found->objective - exact->objective),
            1e-9 * exact->objective);
}

Tally compareMany(uint64_t seed, int count, const Shape &shape) {
  Tally tally;
  for (int n = 0; n != count; ++n) {
    uint64_t own = seed * 1000000 + uint64_t(n);
    SCOPED_TRACE("seed " + std::to_string(own));
    Random random(own);
    compare(randomProblem(random, shape), tally);
    if (testing::Test::HasFatalFailure())
      return tally;
  }
  // The generator does make all kinds.
  EXPECT_GT(tally.solved, unsigned(count) / 8);
  EXPECT_GT(tally.infeasible, unsigned(count) / 200);
  return tally;
}

TEST(CbcTest, OneBudget) { compareMany(1, 300, {}); }

TEST(CbcTest, EqualSums) { compareMany(2, 300, equalSums()); }

TEST(CbcTest, TwoBudgets) {
  Shape shape;
  shape.resources = shape.budgets = 2;
  Tally tally = compareMany(3, 300, shape);
  EXPECT_GT(tally.together, 3u);
}

TEST(CbcTest, ThreeBudgetsOfFourResources) {
  Shape shape;
  shape.resources = 4;
  shape.budgets = 3;
  shape.maxItems = 7;
  shape.maxOptions = 4;
  shape.maxCost = 1000;
  Tally tally = compareMany(4, 250, shape);
  EXPECT_GT(tally.together, 3u);
}

TEST(CbcTest, TiesAndPins) {
  Tally tally = compareMany(5, 500, tiesAndPins());
  EXPECT_GT(tally.contradictory, 0u);
}

TEST(CbcTest, TiesPinsAndTwoBudgets) {
  Shape shape;
  shape.maxItems = 7;
  shape.maxTies = 4;
  shape.pin = 0.05;
  shape.maxOptions = 4;
  shape.resources = shape.budgets = 2;
  Tally tally = compareMany(6, 500, shape);
  EXPECT_GT(tally.together, 3u);
}

/// Bytes as models have them, to the byte: CBC's tolerances are far coarser.
TEST(CbcTest, BudgetsAreKeptToTheByte) {
  Shape shape;
  shape.maxItems = 8;
  shape.maxOptions = 4;
  shape.maxCost = (int64_t(1) << 40) - 1;
  shape.resources = shape.budgets = 2;
  Tally tally = compareMany(7, 150, shape);
  EXPECT_GT(tally.solved, 30u);
}

/// The budget lies at, and just below, the cost of a solution.
TEST(CbcTest, BudgetsAtTheCostOfAChoice) {
  Tally tally;
  for (uint64_t seed = 8000000; seed != 8000150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Shape shape;
    shape.maxItems = 7;
    shape.maxOptions = 4;
    shape.maxCost = int64_t(1) << random.integer(3, 56);
    shape.resources = shape.budgets = 2;
    Problem problem = randomProblem(random, shape);
    std::vector<unsigned> choice;
    for (const Item &item : problem.items)
      choice.push_back(
          unsigned(random.integer(0, int64_t(item.options.size()) - 1)));
    Costs costs = problem.evaluate(choice).costs;
    for (int64_t below : {0, 1}) {
      problem.resources[0].budget = std::max<int64_t>(costs[0] - below, 0);
      problem.resources[1].budget = costs[1];
      compare(problem, tally);
      ASSERT_FALSE(HasFatalFailure());
    }
  }
  EXPECT_GT(tally.solved, 200u);
}

/// A hopeless option (a loss of 1e300) must not cost precision elsewhere.
TEST(CbcTest, HugeLossesDoNotHideSmallOnes) {
  Tally tally;
  for (uint64_t seed = 9000000; seed != 9000200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Shape shape;
    shape.resources = shape.budgets = 2;
    Problem problem = randomProblem(random, shape);
    spreadLosses(random, problem);
    compare(problem, tally);
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_GT(tally.solved, 50u);
}

TEST(CbcTest, UnlimitedAndEmpty) {
  Problem problem = smallProblem();
  problem.resources[0].budget.reset();
  llvm::Expected<Solution> solution = solveCbc(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->choice, (std::vector<unsigned>{1, 1}));
  EXPECT_EQ(solution->bound, solution->objective);
  problem.items.clear();
  problem.resources[0].budget = 0;
  solution = solveCbc(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->objective, 0);
  EXPECT_EQ(messageOf(problem.verify(*solution)), "");
}

TEST(CbcTest, OfEqualOptionsTheCheaperIsTaken) {
  Problem problem = equalOptions(2);
  llvm::Expected<Solution> solution = solveCbc(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(solution->choice[0], 1u);
}

/// What the knapsack refuses for its size.
TEST(CbcTest, ManyOptionalTies) {
  Problem problem;
  problem.resources = {{"bytes", 30}};
  Tie tie;
  tie.required = false;
  for (unsigned i = 0; i != 40; ++i) {
    Item item{"i" + std::to_string(i), {}};
    for (int o = 0; o != 4; ++o)
      item.options.push_back(makeOption("o" + std::to_string(o), {o}, 4.0 - o));
    problem.items.push_back(item);
    tie.items.push_back(i);
  }
  // 40 of o1 cost 40, and 15 when they share: the best 10 of them instead cost
  // 30 without.
  tie.sharings = {{"o1", {-25}, 0.5, "test"}};
  problem.ties = {tie};
  EXPECT_EQ(chooseMethod(problem).first, Method::Cbc);
  llvm::Expected<Solution> solution =
      solve(problem, chooseMethod(problem).first);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  EXPECT_EQ(messageOf(problem.verify(*solution)), "");
  EXPECT_EQ(solution->objective, 120.5);
  EXPECT_EQ(solution->costs[0], 15);
  EXPECT_EQ(solution->status, Status::Optimal);
  // Pins leave nothing below 15 - 1 + 3.
  for (unsigned i = 0; i != 40; ++i)
    problem.pins.push_back({i, "o1"});
  llvm::Expected<int64_t> least = leastTotal(problem, 0);
  ASSERT_TRUE(bool(least)) << messageOf(std::move(least));
  EXPECT_EQ(*least, 15);
  problem.pins.clear();
  least = leastTotal(problem, 0);
  ASSERT_TRUE(bool(least)) << messageOf(std::move(least));
  EXPECT_EQ(*least, 0);
}

TEST(CbcTest, ALimitOfNodesLeavesAGap) {
  unsigned open = 0;
  for (uint64_t seed = 10000000; seed != 10000020; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Problem problem;
    problem.resources = {{"bytes", 0}, {"flops", 0}};
    for (int i = 0; i != 40; ++i) {
      Item item{"i" + std::to_string(i), {}};
      for (int o = 0; o != 6; ++o)
        item.options.push_back(
            makeOption("o" + std::to_string(o),
                       {random.integer(0, 1000000), random.integer(0, 1000000)},
                       random.real()));
      problem.items.push_back(item);
    }
    problem.resources[0].budget = problem.resources[1].budget = 12000000;
    CbcOptions few;
    few.maxNodes = 1;
    llvm::Expected<Solution> quick = solveCbc(problem, few);
    llvm::Expected<Solution> full = solveCbc(problem);
    ASSERT_TRUE(bool(full)) << messageOf(std::move(full));
    EXPECT_EQ(full->status, Status::Optimal);
    EXPECT_EQ(messageOf(problem.verify(*full)), "");
    ASSERT_TRUE(bool(quick)) << messageOf(std::move(quick));
    EXPECT_EQ(messageOf(problem.verify(*quick)), "");
    EXPECT_LE(quick->nodes, full->nodes);
    EXPECT_LE(quick->bound, full->objective);
    EXPECT_LE(full->objective, quick->objective);
    open += quick->status == Status::Feasible;
    // A gap that is allowed is kept to.
    few.maxNodes = 100000;
    few.relativeGap = 0.05;
    llvm::Expected<Solution> loose = solveCbc(problem, few);
    ASSERT_TRUE(bool(loose)) << messageOf(std::move(loose));
    EXPECT_LE(loose->gap, 0.05 + 1e-6);
    EXPECT_LE(loose->bound, full->objective);
  }
  EXPECT_GT(open, 5u);
}

TEST(CbcTest, TheSameAnswerEveryTime) {
  Random random(11);
  Shape shape;
  shape.maxItems = 12;
  shape.resources = shape.budgets = 3;
  shape.maxTies = 4;
  unsigned solved = 0;
  for (int n = 0; n != 40; ++n) {
    Problem problem = randomProblem(random, shape);
    llvm::Expected<Solution> one = solveCbc(problem), two = solveCbc(problem);
    ASSERT_EQ(bool(one), bool(two));
    if (!one) {
      EXPECT_EQ(messageOf(std::move(one)), messageOf(std::move(two)));
      continue;
    }
    ++solved;
    EXPECT_EQ(one->choice, two->choice);
    EXPECT_EQ(one->bound, two->bound);
    EXPECT_EQ(one->nodes, two->nodes);
  }
  EXPECT_GT(solved, 5u);
}

TEST(CbcTest, QuietOnStandardOutput) {
  Random random(12);
  Shape shape;
  shape.resources = shape.budgets = 2;
  shape.maxItems = 10;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  for (int n = 0; n != 20; ++n)
    (void)messageOf(solveCbc(randomProblem(random, shape)));
  std::fflush(stdout);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(CbcTest, BudgetsThatExcludeEachOther) {
  Problem problem;
  problem.resources = {{"bytes", 1}, {"flops", 1}};
  problem.items = {
      {"a", {makeOption("x", {0, 2}, 1), makeOption("y", {3, 0}, 1)}}};
  llvm::Expected<Solution> solution = solveCbc(problem);
  ASSERT_FALSE(bool(solution));
  unsigned parts = 0;
  llvm::handleAllErrors(solution.takeError(),
                        [&](const InfeasibleTogetherError &error) {
                          parts = error.getParts().size();
                          EXPECT_EQ(error.getParts()[0].least, 0);
                          EXPECT_EQ(error.getParts()[0].leastWithin, 3);
                          EXPECT_EQ(error.getParts()[1].leastWithin, 2);
                        });
  EXPECT_EQ(parts, 2u);
}

TEST(CbcTest, RefusesWhatMakesNoSense) {
  Problem problem = smallProblem();
  problem.items[1].options[0].loss = -1;
  EXPECT_THAT(messageOf(solveCbc(problem)), HasSubstr("'loss' is negative"));
  problem = smallProblem();
  problem.resources[0].budget = -1;
  EXPECT_THAT(messageOf(solveCbc(problem)), HasSubstr("'budget' is negative"));
  problem = smallProblem();
  problem.items[0].options[0].costs[0] = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(messageOf(solveCbc(problem)), HasSubstr("exceeds 2^61"));
  problem = smallProblem();
  problem.ties = {{"t", {0, 1}, true, {}}};
  problem.pins = {{0, "int4"}, {1, "int8"}};
  EXPECT_THAT(messageOf(solveCbc(problem)), HasSubstr("no permitted option"));
}

} // namespace
