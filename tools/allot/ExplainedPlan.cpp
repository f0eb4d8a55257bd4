//===- ExplainedPlan.cpp - what allot explain tells about a plan -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExplainedPlan.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringMap.h"

using namespace allot;
using namespace allot::tool;

static EdgePrices edgePrices(llvm::ArrayRef<allocation::MarginalPrice> prices) {
  EdgePrices edge;
  for (const allocation::MarginalPrice &price : prices) {
    if (price.better && (!edge.better || price.better->price > *edge.better))
      edge.better = price.better->price;
    if (price.worse && (!edge.worse || price.worse->price < *edge.worse))
      edge.worse = price.worse->price;
  }
  return edge;
}

llvm::Expected<ExplainedPlan> ExplainedPlan::read(llvm::StringRef path,
                                                  plan::SolutionOp solution) {
  ExplainedPlan plan;
  plan.solution = solution;
  plan.problem = mlir::SymbolTable::lookupNearestSymbolFrom<plan::ProblemOp>(
      solution, solution.getProblemAttr());
  auto data = plan::toAllocation(plan.problem);
  if (mlir::failed(data))
    return support::fileError(path, "the problem makes no sense");
  plan.data = std::move(*data);
  auto answer = plan::toAllocation(solution, plan.problem, plan.data);
  if (mlir::failed(answer))
    return support::fileError(path, "the solution does not fit the problem");
  plan.answer = std::move(*answer);
  plan.main = plan::mainResource(plan.problem);
  auto prices = allocation::marginalPrices(plan.data, plan.answer, plan.main);
  if (!prices)
    return prices.takeError();
  plan.prices = edgePrices(*prices);
  for (auto [r, name] : llvm::enumerate(
           plan.problem.getResources().getAsValueRange<mlir::StringAttr>()))
    plan.resources.push_back({name, plan::budgetOf(plan.problem, r),
                              solution.getCosts()[r],
                              plan.problem.getFixed()[r]});
  llvm::StringMap<plan::ChoiceOp> choices;
  for (auto choice : solution.getBody().getOps<plan::ChoiceOp>())
    choices[choice.getItem()] = choice;
  for (auto item : plan.problem.getBody().getOps<plan::ItemOp>()) {
    plan::ChoiceOp choice = choices.lookup(item.getName());
    plan.items.push_back({item, choice, item.findOption(choice.getOption())});
  }
  return plan;
}
