//===- ChooseEvaluation.cpp - decide how maps are evaluated -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/FormatVariadic.h"

namespace allot::adapter {
#define GEN_PASS_DEF_ADAPTERCHOOSEEVALUATION
#define GEN_PASS_DEF_ADAPTERREPORTFACTS
#include "allot/Dialect/Adapter/Transforms/Passes.h.inc"
} // namespace allot::adapter

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

static std::string text(WayAttr way) {
  std::string result;
  llvm::raw_string_ostream(result) << way;
  // #adapter.way<..>
  return StringRef(result)
      .drop_until([](char c) { return c == '<'; })
      .drop_front()
      .drop_back()
      .str();
}

static std::string microseconds(double seconds) {
  return llvm::formatv("{0:f2} us", 1e6 * seconds).str();
}

namespace {

/// How many applications reach each weight, but for those that are computed
/// when weights are loaded.
class UserCounts {
public:
  explicit UserCounts(ModuleOp module, bool hoisted) {
    module.walk([&](ApplyOp op) {
      if (hoisted && dependsOnWeightsAlone(op.getX()))
        return;
      llvm::SetVector<Value> values;
      llvm::SmallPtrSet<const void *, 8> keys;
      values.insert(op.getMap());
      for (size_t i = 0; i < values.size(); ++i) {
        Operation *def = values[i].getDefiningOp();
        if (def)
          values.insert(def->operand_begin(), def->operand_end());
        if (!def || def->getNumOperands() == 0)
          keys.insert(key(values[i]));
      }
      for (const void *key : keys)
        ++counts[key];
    });
  }
  unsigned count(Value weight) const { return counts.lookup(key(weight)); }

private:
  /// A global is one whatever the functions that load it.
  static const void *key(Value weight) {
    if (auto load = weight.getDefiningOp<ml_program::GlobalLoadConstOp>())
      return load.getGlobalAttr().getAsOpaquePointer();
    return weight.getAsOpaquePointer();
  }
  llvm::DenseMap<const void *, unsigned> counts;
};

struct AdapterChooseEvaluation
    : adapter::impl::AdapterChooseEvaluationBase<AdapterChooseEvaluation> {
  using AdapterChooseEvaluationBase::AdapterChooseEvaluationBase;

  void runOnOperation() override {
    decided.clear();
    std::optional<Evaluation> asked = symbolizeEvaluation(evaluate);
    if (!asked) {
      getOperation().emitError()
          << "adapter-choose-evaluation: unknown evaluation '" << evaluate
          << "', expected auto, factored or merged";
      return signalPassFailure();
    }
    if (rows < 1 || mostRows < 0 || rows > (int64_t(1) << 32) ||
        mostRows > (int64_t(1) << 32)) {
      getOperation().emitError()
          << "adapter-choose-evaluation: rows are 1 to 2^32, most-rows 0 to "
             "2^32, but got "
          << rows.getValue() << " and " << mostRows.getValue();
      return signalPassFailure();
    }
    if (!(growth >= 1)) {
      getOperation().emitError()
          << "adapter-choose-evaluation: growth is at least 1, but got "
          << growth.getValue();
      return signalPassFailure();
    }
    UserCounts users(getOperation(), hoisted);
    ChooseOptions options{
        rows,    mostRows > rows ? mostRows.getValue() : 0,
        hoisted, cost::CostTable::forTarget(target),
        growth,  [&](Value weight) { return users.count(weight); }};
    for (const std::string &assignment : costs)
      if (llvm::Error error = options.table.set(assignment)) {
        getOperation().emitError() << "adapter-choose-evaluation: "
                                   << llvm::toString(std::move(error));
        return signalPassFailure();
      }
    getOperation().walk([&](ApplyOp op) {
      // The expansion refuses a map of which nothing is known, and has one way
      // for a bank, or its members merged where that is asked for.
      if (op.getMap().getType().isBank()) {
        if (*asked != Evaluation::Auto && !op.getEvaluate())
          op.setEvaluate(*asked);
      } else if (isExpandable(op.getMap())) {
        choose(op, *asked, options);
      }
    });
    if (*asked == Evaluation::Auto)
      getOperation().walk([&](Block *block) { shareFactors(*block, options); });
  }

private:
  /// Applications that read the same x and take factors with them compute the
  /// products with these together, where that costs less.
  void shareFactors(Block &block, const ChooseOptions &options) {
    llvm::MapVector<Value, SmallVector<ApplyOp>> groups;
    for (ApplyOp op : block.getOps<ApplyOp>())
      if (decided.contains(op) &&
          op.getWayAttr().getKind() == WayKind::Factored)
        groups[op.getX()].push_back(op);
    int64_t number = 0;
    for (auto &[x, ops] : groups) {
      if (ops.size() < 2)
        continue;
      int64_t numRows = getNumRows(ops.front(), options.rows);
      Alternative apart = assessTogether(ops, false, numRows, options),
                  together = assessTogether(ops, true, numRows, options);
      bool isCheaper = together.seconds < apart.seconds &&
                       together.keptBytes <= options.growth * apart.keptBytes;
      if (isCheaper) {
        for (ApplyOp op : ops)
          op.setShare(number);
        ++number;
      }
      if (remarks)
        ops.front().emitRemark()
            << ops.size() << " maps that read the same x "
            << (isCheaper ? "share" : "do not share")
            << " products with factors: " << microseconds(together.seconds)
            << " with, " << microseconds(apart.seconds) << " without";
    }
  }

  /// Applications that nobody asked a way for.
  llvm::DenseSet<Operation *> decided;

  void choose(ApplyOp op, Evaluation byOption, const ChooseOptions &options) {
    Evaluation asked = op.getEvaluate().value_or(Evaluation::Auto);
    if (asked == Evaluation::Auto)
      asked = byOption;
    int64_t numRows = getNumRows(op, options.rows);
    bool isGiven = bool(op.getWayAttr());
    if (!isGiven && asked != Evaluation::Auto)
      op.setWayAttr(WayAttr::get(op.getContext(), asked == Evaluation::Merged
                                                      ? WayKind::Merged
                                                      : WayKind::Factored));
    if (op.getWayAttr()) {
      if (remarks) {
        Alternative only = assessWay(op, op.getWayAttr(), numRows, options);
        op.emitRemark() << "evaluated " << text(only.way)
                        << " as asked: " << microseconds(only.seconds)
                        << " for " << numRows << " rows";
      }
      return;
    }
    SmallVector<Alternative> ways = listAlternatives(op, numRows, options);
    if (ways.empty())
      return;
    decided.insert(op);
    size_t place = std::min<size_t>(alternative, ways.size() - 1);
    WayAttr chosen = ways[place].way;
    bool isUnknown = getNumRows(op, 0) == 0;
    if (options.mostRows && isUnknown)
      chosen = switchRows(op, chosen, options);
    op.setWayAttr(chosen);
    if (!remarks)
      return;
    InFlightDiagnostic remark = op.emitRemark();
    remark << "evaluated " << text(chosen) << " for " << numRows
           << " rows: " << microseconds(ways[place].seconds);
    for (auto [i, other] : llvm::enumerate(ways))
      if (i != place)
        remark << "; " << text(other.way) << ": " << microseconds(other.seconds)
               << (other.isTooLarge ? " (keeps too many bytes)" : "");
  }

  /// The number of rows up to which the way for few of them costs no more, by
  /// bisection: costs grow steadily with rows.
  WayAttr switchRows(ApplyOp op, WayAttr few, const ChooseOptions &options) {
    SmallVector<Alternative> ways =
        listAlternatives(op, options.mostRows, options);
    WayAttr many = ways.empty() ? few : ways.front().way;
    if (many == few)
      return few;
    int64_t low = options.rows, high = options.mostRows;
    while (high - low > 1) {
      int64_t middle = low + (high - low) / 2;
      bool isFew = assessWay(op, few, middle, options).seconds <=
                   assessWay(op, many, middle, options).seconds;
      (isFew ? low : high) = middle;
    }
    return WayAttr::get(op.getContext(), WayKind::Switch, {low}, {few, many});
  }
};

struct AdapterReportFacts
    : adapter::impl::AdapterReportFactsBase<AdapterReportFacts> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (!isa<ApplyOp, GatherOp, MaterializeOp>(op))
        return;
      MapFacts facts = getFacts(op->getOperand(0));
      op->emitRemark() << facts.parameters << " parameters in "
                       << facts.storedBytes << " bytes; rank at most "
                       << facts.rankBound << ", of the change at most "
                       << facts.deltaRankBound;
    });
  }
};

} // namespace
