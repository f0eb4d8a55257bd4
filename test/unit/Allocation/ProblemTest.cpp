//===- ProblemTest.cpp - check and verify -----------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestUtil.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <functional>
#include <limits>

using namespace allot::allocation;
using namespace allot::allocation::test;
using testing::HasSubstr;

namespace {

struct BadProblem {
  const char *name;
  std::function<void(Problem &)> spoil;
  const char *message;
};

class CheckTest : public testing::TestWithParam<BadProblem> {};

const double infinity = std::numeric_limits<double>::infinity();
const double notANumber = std::numeric_limits<double>::quiet_NaN();

Tie makeTie(std::string name, llvm::SmallVector<unsigned, 4> items,
            std::vector<Sharing> sharings = {}) {
  return Tie{std::move(name), std::move(items), true, std::move(sharings)};
}

const BadProblem badProblems[] = {
    {"NoResource", [](Problem &p) { p.resources.clear(); },
     "the problem has no resource"},
    {"EmptyResourceName", [](Problem &p) { p.resources[0].name = ""; },
     "a resource has an empty name"},
    {"DuplicateResource",
     [](Problem &p) { p.resources.push_back({"bytes", std::nullopt}); },
     "two resources are named 'bytes'"},
    {"NegativeBudget", [](Problem &p) { p.resources[0].budget = -1; },
     "resource 'bytes': field 'budget' is negative (-1)"},
    {"EmptyItemName", [](Problem &p) { p.items[1].name = ""; },
     "an item has an empty name"},
    {"DuplicateItem", [](Problem &p) { p.items[1].name = "a"; },
     "two items are named 'a'"},
    {"NoOptions", [](Problem &p) { p.items[1].options.clear(); },
     "item 'b': field 'options' is empty"},
    {"EmptyOptionName", [](Problem &p) { p.items[1].options[0].name = ""; },
     "item 'b': an option has an empty name"},
    {"DuplicateOption", [](Problem &p) { p.items[1].options[0].name = "int8"; },
     "item 'b': two options are named 'int8'"},
    {"MissingCost", [](Problem &p) { p.items[0].options[1].costs.clear(); },
     "item 'a': option 'int8': field 'costs' has 0 numbers, but there are 1 "
     "resources"},
    {"TooManyCosts", [](Problem &p) { p.items[0].options[1].costs = {1, 2}; },
     "item 'a': option 'int8': field 'costs' has 2 numbers"},
    {"NegativeCost", [](Problem &p) { p.items[0].options[1].costs = {-5}; },
     "item 'a': option 'int8': field 'costs': resource 'bytes' has a negative "
     "cost (-5)"},
    {"HugeCost", [](Problem &p) { p.items[0].options[1].costs = {INT64_MAX}; },
     "item 'a': field 'costs': the sum of the costs of resource 'bytes' "
     "exceeds 2^61"},
    {"CostOverflow",
     [](Problem &p) {
       p.items[0].options[1].costs = {int64_t(1) << 60};
       p.items[1].options[0].costs = {(int64_t(1) << 60) + 1};
     },
     "item 'b': field 'costs': the sum of the costs"},
    {"NegativeLoss", [](Problem &p) { p.items[1].options[0].loss = -0.5; },
     "item 'b': option 'int4': field 'loss' is negative (-0.5)"},
    {"InfiniteLoss", [](Problem &p) { p.items[1].options[0].loss = infinity; },
     "item 'b': option 'int4': field 'loss' is not finite"},
    {"NaNLoss", [](Problem &p) { p.items[1].options[0].loss = notANumber; },
     "item 'b': option 'int4': field 'loss' is not finite"},
    {"LossOverflow",
     [](Problem &p) {
       p.items[0].options[0].loss = 3e307;
       p.items[1].options[0].loss = 3e307;
     },
     "item 'b': option 'int4': field 'loss': the sum of the losses is too "
     "large"},
    {"TieOfOne", [](Problem &p) { p.ties = {makeTie("t", {0})}; },
     "tie 't': field 'items' has fewer than two items"},
    {"TieUnknownItem", [](Problem &p) { p.ties = {makeTie("t", {0, 7})}; },
     "tie 't': field 'items': there is no item number 7"},
    {"TieTwice", [](Problem &p) { p.ties = {makeTie("", {0, 1, 0})}; },
     "tie number 0: field 'items' has item 'a' twice"},
    {"DuplicateTie",
     [](Problem &p) { p.ties = {makeTie("t", {0, 1}), makeTie("t", {1, 0})}; },
     "two ties are named 't'"},
    {"SharingUnknownOption",
     [](Problem &p) {
       p.items[1].options.pop_back();
       p.ties = {makeTie("t", {0, 1}, {{"int8", {-1}, 0, ""}})};
     },
     "tie 't': sharing 'int8': item 'b' has no such option"},
    {"SharingTwice",
     [](Problem &p) {
       p.ties = {
           makeTie("t", {0, 1}, {{"int8", {-1}, 0, ""}, {"int8", {0}, 0, ""}})};
     },
     "tie 't': two sharings are for option 'int8'"},
    {"SharingCosts",
     [](Problem &p) { p.ties = {makeTie("t", {0, 1}, {{"int8", {}, 0, ""}})}; },
     "tie 't': sharing 'int8': field 'costs' has 0 numbers"},
    {"SharingSavesTooMuch",
     [](Problem &p) {
       p.ties = {makeTie("t", {0, 1}, {{"int8", {-41}, 0, ""}})};
     },
     "tie 't': sharing 'int8': field 'costs': resource 'bytes' saves more than "
     "the items pay (40)"},
    {"SharingSavesMost",
     [](Problem &p) {
       p.ties = {makeTie("t", {0, 1}, {{"int8", {INT64_MIN}, 0, ""}})};
     },
     "saves more than the items pay (40)"},
    {"SharingOverflow",
     [](Problem &p) {
       p.ties = {makeTie("t", {0, 1}, {{"int8", {INT64_MAX}, 0, ""}})};
     },
     "tie 't': field 'costs': the sum of the costs of resource 'bytes' exceeds "
     "2^61"},
    {"SharingLoss",
     [](Problem &p) {
       p.ties = {makeTie("t", {0, 1}, {{"int8", {0}, -1, ""}})};
     },
     "tie 't': sharing 'int8': field 'loss' is negative (-1)"},
    {"PinUnknownItem", [](Problem &p) { p.pins = {{2, "int4"}}; },
     "pin: there is no item number 2"},
    {"PinUnknownOption", [](Problem &p) { p.pins = {{1, "int5"}}; },
     "pin: item 'b' has no option 'int5'"},
    {"PinsContradict", [](Problem &p) { p.pins = {{1, "int4"}, {1, "int8"}}; },
     "pin: item 'b' is pinned to both 'int4' and 'int8'"},
    {"TieWithoutCommonName",
     [](Problem &p) {
       for (Option &option : p.items[1].options)
         option.name += "x";
       p.ties = {makeTie("t", {0, 1})};
     },
     "ties: the tied items 'a', 'b' have no permitted option name in common"},
    {"TieAgainstPins",
     [](Problem &p) {
       p.ties = {makeTie("t", {0, 1})};
       p.pins = {{0, "int4"}, {1, "int8"}};
     },
     "ties: the tied items 'a' (pinned to 'int4'), 'b' (pinned to 'int8') have "
     "no permitted option name in common"},
};

TEST_P(CheckTest, NamesItemAndField) {
  Problem problem = smallProblem();
  ASSERT_EQ(messageOf(problem.check()), "");
  GetParam().spoil(problem);
  EXPECT_THAT(messageOf(problem.check()), HasSubstr(GetParam().message));
  // Solvers refuse it in the same words, and none crashes on it.
  EXPECT_THAT(messageOf(solveKnapsack(problem)), HasSubstr(GetParam().message));
  EXPECT_THAT(messageOf(solveBruteForce(problem)),
              HasSubstr(GetParam().message));
  EXPECT_THAT(messageOf(bestUniform(problem)), HasSubstr(GetParam().message));
  EXPECT_THAT(messageOf(lagrangianCurve(problem, 3)),
              HasSubstr(GetParam().message));
  EXPECT_THAT(messageOf(leastTotal(problem, 0)), HasSubstr(GetParam().message));
  EXPECT_THAT(messageOf(marginalPrices(problem, Solution())),
              HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Allocation, CheckTest, testing::ValuesIn(badProblems),
                         [](const auto &info) { return info.param.name; });

TEST(ProblemTest, HostileNamesAreEscapedAndCut) {
  Problem problem = smallProblem();
  problem.items[0].name = "x\033[31m" + std::string(100000, 'y');
  problem.items[0].options.clear();
  std::string message = messageOf(problem.check());
  EXPECT_LT(message.size(), 400u);
  EXPECT_EQ(message.find('\033'), std::string::npos);
}

TEST(ProblemTest, RepeatedEqualPinsAreFine) {
  Problem problem = smallProblem();
  problem.pins = {{1, "int4"}, {1, "int4"}};
  EXPECT_EQ(messageOf(problem.check()), "");
}

TEST(ProblemTest, EvaluateCountsSharingOnce) {
  Problem problem = smallProblem();
  problem.ties = {
      Tie{"t", {0, 1}, false, {{"int8", {-7}, 0.5, "one codebook"}}}};
  ASSERT_EQ(messageOf(problem.check()), "");
  Evaluation apart = problem.evaluate({0, 1});
  EXPECT_EQ(apart.costs[0], 30);
  EXPECT_EQ(apart.objective, 0.625);
  Evaluation together = problem.evaluate({1, 1});
  EXPECT_EQ(together.costs[0], 33);
  EXPECT_EQ(together.objective, 0.1 + 0.125 + 0.5);
  // Agreeing on an option without a sharing changes nothing.
  EXPECT_EQ(problem.evaluate({0, 0}).costs[0], 20);
}

struct BadSolution {
  const char *name;
  std::function<void(Solution &)> spoil;
  const char *message;
};

class VerifyTest : public testing::TestWithParam<BadSolution> {};

const BadSolution badSolutions[] = {
    {"TooShort", [](Solution &s) { s.choice.pop_back(); },
     "chooses for 1 items, but there are 2"},
    {"NoSuchOption", [](Solution &s) { s.choice[1] = 9; },
     "item 'b': field 'choice': there is no option number 9"},
    {"AgainstPin", [](Solution &s) { s.choice[0] = 0; },
     "item 'a': field 'choice' is 'int4', but the item is pinned to 'int8'"},
    {"NoCosts", [](Solution &s) { s.costs.clear(); },
     "field 'costs' has 0 numbers"},
    {"WrongCosts", [](Solution &s) { s.costs[0] = 29; },
     "claims a total of 29 for resource 'bytes', but its choices sum to 30"},
    {"OverBudget",
     [](Solution &s) {
       s.choice[1] = 1;
       s.costs[0] = 40;
     },
     "takes 40 of resource 'bytes', more than the budget of 30"},
    {"WrongObjective", [](Solution &s) { s.objective = 0.3; },
     "claims an objective of 0.2"},
    {"NaNObjective", [](Solution &s) { s.objective = notANumber; },
     "is not finite"},
    {"BoundAbove", [](Solution &s) { s.bound = 0.4; },
     "is above its objective"},
    {"WrongGap", [](Solution &s) { s.gap = 0.5; }, "claims a gap of 0.5"},
    {"NotOptimal",
     [](Solution &s) {
       s.bound = 0.3;
       s.gap = Solution::relativeGap(s.objective, s.bound);
     },
     "claims to be optimal, but its bound"},
};

TEST_P(VerifyTest, Recomputes) {
  Problem problem = smallProblem();
  problem.pins = {{0, "int8"}};
  llvm::Expected<Solution> solution = solveKnapsack(problem);
  ASSERT_TRUE(bool(solution)) << messageOf(std::move(solution));
  ASSERT_EQ(messageOf(problem.verify(*solution)), "");
  GetParam().spoil(*solution);
  EXPECT_THAT(messageOf(problem.verify(*solution)),
              HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Allocation, VerifyTest,
                         testing::ValuesIn(badSolutions),
                         [](const auto &info) { return info.param.name; });

TEST(ProblemTest, VerifySeesBrokenTies) {
  Problem problem = smallProblem();
  problem.ties = {makeTie("t", {0, 1})};
  EXPECT_THAT(messageOf(problem.checkChoice({0, 1})),
              HasSubstr("item 'b': field 'choice' is 'int8', but item 'a' to "
                        "which it is tied takes 'int4'"));
}

} // namespace
