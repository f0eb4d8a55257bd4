//===- Solve.cpp - the solver that fits a problem ---------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Classes.h"
#include "allot/Allocation/Solvers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace allot::allocation;
using namespace allot::allocation::detail;

llvm::StringRef allot::allocation::stringifyMethod(Method method) {
  switch (method) {
  case Method::Knapsack:
    return "knapsack";
  case Method::Cbc:
    return "cbc";
  case Method::BruteForce:
    return "brute-force";
  }
  llvm_unreachable("unknown method");
}

std::optional<Method> allot::allocation::parseMethod(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<Method>>(name)
      .Case("knapsack", Method::Knapsack)
      .Case("cbc", Method::Cbc)
      .Case("brute-force", Method::BruteForce)
      .Default(std::nullopt);
}

std::pair<Method, std::string>
allot::allocation::chooseMethod(const Problem &problem) {
  size_t budgets = llvm::count_if(problem.resources, [](const Resource &r) {
    return r.budget.has_value();
  });
  if (budgets > 1)
    return {Method::Cbc, std::to_string(budgets) + " budgets"};
  if (!hasSmallComponents(problem, maxComponentChoices))
    return {Method::Cbc,
            "optional ties join too many combinations for a knapsack"};
  return {Method::Knapsack, budgets ? "one budget" : "no budget"};
}

llvm::Expected<Solution> allot::allocation::solve(const Problem &problem,
                                                  Method method,
                                                  const CbcOptions &options) {
  switch (method) {
  case Method::Knapsack:
    return solveKnapsack(problem);
  case Method::Cbc:
    return solveCbc(problem, options);
  case Method::BruteForce:
    return solveBruteForce(problem);
  }
  llvm_unreachable("unknown method");
}
