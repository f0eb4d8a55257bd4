//===- ExplainPage.cpp - allot explain --html -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExplainPage.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "allot/Dialect/Plan/Transforms/Uniform.h"
#include "allot/Report/PlanReport.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace allot;
using namespace allot::tool;
using report::AdapterUse;

/// The option leaves the matrix and its adapters as they are stored.
static bool keepsAll(plan::OptionOp option) {
  return !option.getFormat() && !option.getMerged() &&
         !option.getAdapterFormat();
}

static AdapterUse adapterUse(plan::ItemOp item, plan::OptionOp taken) {
  if (taken.getMerged())
    return AdapterUse::Merged;
  if (taken.getAdapterFormat())
    return AdapterUse::Rounded;
  // Who has no adapter has no option about one.
  for (auto option : item.getBody().getOps<plan::OptionOp>())
    if (option.getMerged() || option.getAdapterFormat())
      return AdapterUse::Stored;
  return AdapterUse::None;
}

static report::PlannedItem makeItem(const ExplainedPlan &plan,
                                    ExplainedPlan::Item entry) {
  auto &[item, choice, taken] = entry;
  report::PlannedItem planned;
  planned.name = item.getName();
  planned.site = item.getSite();
  if (auto rows = item.getRows())
    planned.rows = {(*rows)[0], (*rows)[1]};
  planned.choice = choice.getOption();
  planned.origin = item.getOrigin();
  planned.reason = choice.getReason().value_or("");
  planned.weights = static_cast<int64_t>(item.getWeights());
  planned.cost = plan.costOf(taken);
  planned.rank = taken.getRank().value_or(0);
  planned.loss = taken.getLoss().convertToDouble();
  planned.adapters = adapterUse(item, taken);
  for (auto other : item.getBody().getOps<plan::OptionOp>())
    if (keepsAll(other))
      planned.storedCost = plan.costOf(other);
  return planned;
}

/// Curve and uniform choices, fixed costs added.
static llvm::Error addAlternatives(report::PlanReport &page,
                                   const ExplainedPlan &plan) {
  constexpr unsigned numBudgets = 24;
  // Should a problem be hard, its bounds say what the limit lost.
  allocation::SolveOptions limits;
  limits.maxNodes = 1u << 22;
  if (page.budget && page.cost <= *page.budget) {
    auto curve = report::budgetCurve(plan.data, *page.budget - page.fixed,
                                     numBudgets, plan.main, limits);
    if (!curve)
      return curve.takeError();
    for (report::CurvePoint &point : *curve) {
      point.budget += page.fixed;
      point.cost += page.fixed;
    }
    page.curve = std::move(*curve);
  }
  auto uniform = plan::uniformChoices(plan.data);
  if (!uniform)
    return uniform.takeError();
  // Of the ways to treat adapters the one of least loss stands for a storage.
  llvm::StringMap<size_t> found;
  for (const allocation::UniformChoice &choice : *uniform) {
    report::UniformPoint point{
        choice.name, choice.costs[plan.main] + page.fixed, choice.objective};
    auto [it, isNew] = found.try_emplace(choice.name, page.uniform.size());
    if (isNew)
      page.uniform.push_back(std::move(point));
    else if (report::UniformPoint &old = page.uniform[it->second];
             std::pair(point.loss, point.cost) < std::pair(old.loss, old.cost))
      old = std::move(point);
  }
  return llvm::Error::success();
}

static llvm::Error addMeasurements(report::PlanReport &page,
                                   const report::Subject &subject,
                                   const PageOptions &options) {
  for (const std::string &file : options.measured) {
    auto measured = report::readMeasuredLoss(file, subject);
    if (!measured)
      return measured.takeError();
    page.measured.push_back(std::move(*measured));
  }
  for (const std::string &file : options.times) {
    auto times = report::readMeasuredTimes(file, subject);
    if (!times)
      return times.takeError();
    page.times.insert(page.times.end(), times->begin(), times->end());
  }
  return llvm::Error::success();
}

/// The page takes the place of nothing that was read for it.
static llvm::Error checkOutput(llvm::StringRef path,
                               const PageOptions &options) {
  auto check = [&](llvm::StringRef input) -> llvm::Error {
    if (!llvm::sys::fs::equivalent(input, options.output))
      return llvm::Error::success();
    return support::fileError(options.output,
                              "the page would replace a file that is read");
  };
  if (llvm::Error error = check(path))
    return error;
  for (const auto &files : {options.measured, options.times})
    for (const std::string &file : files)
      if (llvm::Error error = check(file))
        return error;
  return llvm::Error::success();
}

llvm::Error tool::writePlanPage(llvm::StringRef path, ExplainedPlan &plan,
                                const PageOptions &options) {
  if (llvm::Error error = checkOutput(path, options))
    return error;
  const ExplainedPlan::Resource &main = plan.resource();
  report::PlanReport page;
  page.file = llvm::sys::path::filename(path).str();
  page.model = plan.problem.getModel();
  page.resource = main.name;
  page.solver = plan.solution.getSolver();
  page.budget = main.budget;
  page.cost = main.taken;
  page.fixed = main.fixed;
  page.weights = plan.weights();
  page.loss = plan.answer.objective;
  page.bound = plan.answer.bound;
  page.gap = plan.answer.gap;
  page.priceBetter = plan.prices.better;
  page.priceWorse = plan.prices.worse;
  for (auto [r, other] : llvm::enumerate(plan.resources))
    if (r != plan.main)
      page.others.push_back({other.name.str(), other.budget, other.taken});
  for (const ExplainedPlan::Item &item : plan.items)
    page.items.push_back(makeItem(plan, item));
  report::Subject subject{page.model,
                          plan::solutionDigest(plan.solution, plan.problem),
                          options.force};
  if (llvm::Error error = addMeasurements(page, subject, options))
    return error;
  if (llvm::Error error = addAlternatives(page, plan))
    return support::fileError(path, llvm::toString(std::move(error)));

  auto file = support::AtomicFile::create(options.output);
  if (!file)
    return file.takeError();
  report::writePage((*file)->stream(), page);
  return (*file)->commit();
}
