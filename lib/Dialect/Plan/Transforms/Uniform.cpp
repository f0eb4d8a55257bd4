//===- Uniform.cpp - one storage for all matrices ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Plan/Transforms/Uniform.h"
#include "llvm/ADT/SetVector.h"

using namespace allot;
using llvm::StringRef;

/// An option's name without what it says about adapters, and that part: see the
/// names that plan-extract makes.
static std::pair<StringRef, StringRef> splitTreatment(StringRef name) {
  size_t at = std::min(name.find("+adapter"), name.find("+merged"));
  return {name.take_front(at), name.drop_front(std::min(at, name.size()))};
}

/// `problem` with the options that treat adapters as `treatment` says, or that
/// say nothing about them, under names without treatment. `origins` maps the
/// option numbers back.
static allocation::Problem
withTreatment(const allocation::Problem &problem, StringRef treatment,
              std::vector<std::vector<unsigned>> &origins) {
  allocation::Problem result = problem;
  origins.assign(problem.items.size(), {});
  for (auto [i, item] : llvm::enumerate(result.items)) {
    item.options.clear();
    for (auto [o, option] : llvm::enumerate(problem.items[i].options)) {
      auto [storage, suffix] = splitTreatment(option.name);
      if (!suffix.empty() && suffix != treatment)
        continue;
      if (item.findOption(storage))
        continue;
      item.options.push_back(option);
      item.options.back().name = storage.str();
      origins[i].push_back(o);
    }
    // Merging leaves no stored form; such an item keeps what it has.
    if (item.options.empty())
      for (auto [o, option] : llvm::enumerate(problem.items[i].options)) {
        item.options.push_back(option);
        origins[i].push_back(o);
      }
  }
  for (allocation::Pin &pin : result.pins)
    pin.option = splitTreatment(pin.option).first.str();
  for (allocation::Tie &tie : result.ties)
    tie.sharings.clear();
  return result;
}

llvm::Expected<std::vector<allocation::UniformChoice>>
plan::uniformChoices(const allocation::Problem &problem,
                     const allocation::UniformOptions &options) {
  llvm::SmallSetVector<StringRef, 4> treatments;
  treatments.insert("");
  for (const allocation::Item &item : problem.items)
    for (const allocation::Option &option : item.options)
      treatments.insert(splitTreatment(option.name).second);
  std::vector<allocation::UniformChoice> result;
  for (StringRef treatment : treatments) {
    std::vector<std::vector<unsigned>> origins;
    allocation::Problem reduced = withTreatment(problem, treatment, origins);
    auto uniform = allocation::bestUniform(reduced, options);
    if (!uniform)
      return uniform.takeError();
    for (allocation::UniformChoice &choice : uniform->all) {
      for (auto [origin, option] : llvm::zip_equal(origins, choice.choice))
        option = origin[option];
      if (llvm::Error error = problem.checkChoice(choice.choice)) {
        llvm::consumeError(std::move(error));
        continue;
      }
      allocation::Evaluation evaluation = problem.evaluate(choice.choice);
      choice.objective = evaluation.objective;
      choice.costs = evaluation.costs;
      result.push_back(std::move(choice));
    }
  }
  return result;
}
