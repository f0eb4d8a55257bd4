//===- Restrict.cpp - budgets, pins and ties from options -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Restrict.h"
#include "allot/Dialect/Plan/Transforms/Budget.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"
#include "llvm/ADT/SmallSet.h"
#include <map>
#include <regex>

using namespace mlir;
using namespace allot;
using namespace allot::plan;

LogicalResult plan::addBudgets(ProblemOp op, ArrayRef<std::string> texts) {
  llvm::SmallSet<unsigned, 4> seen;
  for (StringRef text : texts) {
    auto error = [&]() {
      return emitError(op.getLoc()) << "budget '" << text << "': ";
    };
    unsigned index = plan::mainResource(op);
    StringRef amount = text;
    if (size_t at = text.find('='); at != StringRef::npos) {
      amount = text.drop_front(at + 1);
      std::optional<unsigned> named = op.findResource(text.take_front(at));
      if (!named) {
        InFlightDiagnostic diagnostic = error()
                                        << "there is no resource '"
                                        << text.take_front(at) << "', but ";
        llvm::interleaveComma(op.getResources().getAsValueRange<StringAttr>(),
                              diagnostic);
        return diagnostic;
      }
      index = *named;
    }
    auto resource = cast<StringAttr>(op.getResources()[index]);
    if (!seen.insert(index).second)
      return error() << "is a second one for '" << resource.getValue() << "'";
    auto limit =
        plan::parseBudget(amount, resource.getValue(), op.getWeights());
    if (!limit)
      return emitError(op.getLoc()) << llvm::toString(limit.takeError());
    for (auto old : llvm::to_vector(op.getBody().getOps<BudgetOp>()))
      if (old.getResourceAttr() == resource)
        old.erase();
    auto builder = OpBuilder::atBlockBegin(&op.getBody().front());
    BudgetOp::create(builder, op.getLoc(), resource,
                     builder.getI64IntegerAttr(*limit));
  }
  return success();
}

static LogicalResult addPin(OpBuilder &builder, ProblemOp op, ItemOp item,
                            StringRef option) {
  StringRef site = item.getName();
  if (!item.findOption(option)) {
    InFlightDiagnostic diagnostic =
        item.emitError() << "cannot pin '" << site << "' to '" << option
                         << "': it has no such option, but ";
    llvm::interleaveComma(item.getBody().getOps<OptionOp>(), diagnostic,
                          [&](OptionOp o) { diagnostic << o.getName(); });
    return diagnostic;
  }
  for (auto old : llvm::to_vector(op.getBody().getOps<PinOp>()))
    if (old.getItem() == site)
      old.erase();
  PinOp::create(builder, op.getLoc(), builder.getStringAttr(site),
                builder.getStringAttr(option));
  return success();
}

LogicalResult plan::addPins(ProblemOp op, ArrayRef<std::string> texts) {
  auto builder = OpBuilder::atBlockEnd(&op.getBody().front());
  for (StringRef text : texts) {
    auto [site, option] = text.split('=');
    if (site.empty() || option.empty())
      return emitError(op.getLoc())
             << "bad pin '" << text << "': expected SITE=OPTION";
    // All ranges of rows of a matrix, or one of them.
    SmallVector<ItemOp> items;
    for (auto item : op.getBody().getOps<ItemOp>())
      if (item.getName() == site || item.getSite() == site)
        items.push_back(item);
    if (items.empty())
      return emitError(op.getLoc())
             << "cannot pin '" << site << "': there is no such item";
    for (ItemOp item : items)
      if (failed(addPin(builder, op, item, option)))
        return failure();
  }
  return success();
}

/// What the groups of an expression capture in a name that it matches.
static std::optional<std::vector<std::string>> captures(const std::regex &regex,
                                                        StringRef name) {
  std::string text = name.str();
  std::smatch match;
  if (!std::regex_match(text, match, regex))
    return std::nullopt;
  return std::vector<std::string>(std::next(match.begin()), match.end());
}

LogicalResult plan::addTies(ProblemOp op, ArrayRef<std::string> texts) {
  auto builder = OpBuilder::atBlockEnd(&op.getBody().front());
  for (const std::string &text : texts) {
    auto error = [&]() {
      return emitError(op.getLoc()) << "tie '" << text << "': ";
    };
    std::regex regex;
    try {
      regex = std::regex(text);
    } catch (const std::regex_error &exception) {
      return error() << "bad regular expression: " << exception.what();
    }
    std::map<std::vector<std::string>, unsigned> numbers;
    std::vector<SmallVector<Attribute>> tied;
    for (auto item : op.getBody().getOps<ItemOp>()) {
      auto key = captures(regex, item.getName());
      if (!key)
        key = captures(regex, item.getSite());
      if (!key)
        continue;
      auto [it, isNew] = numbers.try_emplace(*key, tied.size());
      if (isNew)
        tied.emplace_back();
      tied[it->second].push_back(item.getNameAttr());
    }
    if (tied.empty())
      return error() << "matches no item";
    if (llvm::all_of(tied, [](const auto &items) { return items.size() < 2; }))
      return error() << "ties nothing: no two items that match agree in what "
                        "its groups capture";
    for (ArrayRef<Attribute> items : tied) {
      if (items.size() < 2)
        continue;
      ArrayAttr names = builder.getArrayAttr(items);
      // Solving again does not pile them up.
      if (llvm::any_of(op.getBody().getOps<TieOp>(), [&](TieOp old) {
            return !old.getIsOptional() && old.getItems() == names;
          }))
        continue;
      TieOp::create(builder, op.getLoc(), names, UnitAttr());
    }
  }
  return success();
}
