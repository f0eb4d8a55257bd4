//===- Evaluations.cpp - ways to evaluate a map and their costs -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A way is assessed by what comes out of it: the application is expanded in a
// function of its own, for a static number of rows, and the ops are counted. So
// the algebra may grow without a word here.
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

int64_t adapter::getNumRows(ApplyOp op, int64_t unknown) {
  int64_t rows = 1;
  for (int64_t size : op.getX().getType().getShape().drop_back()) {
    if (ShapedType::isDynamic(size))
      return unknown;
    if (llvm::MulOverflow(rows, size, rows))
      return std::numeric_limits<int64_t>::max();
  }
  return std::max<int64_t>(rows, 1);
}

namespace {

/// A function that is in no module: a place to expand an application of a map
/// whose ops stand elsewhere.
class Scratch {
public:
  struct Application {
    Value map;
    bool hasBias;
    WayAttr way;
  };

  Scratch(Value map, int64_t rows, bool hasBias, WayAttr way)
      : Scratch(Application{map, hasBias, way}, rows, false) {}

  /// Applications of several maps to one x, which share products or do not.
  Scratch(ArrayRef<Application> applications, int64_t rows, bool share)
      : rewriter(applications.front().map.getContext()) {
    Location loc = applications.front().map.getLoc();
    Type f32 = rewriter.getF32Type();
    function =
        func::FuncOp::create(loc, "scratch", rewriter.getFunctionType({}, {}));
    Block *block = function->addEntryBlock();
    rewriter.setInsertionPointToStart(block);
    auto argument = [&](ArrayRef<int64_t> shape) -> Value {
      return block->addArgument(RankedTensorType::get(shape, f32), loc);
    };
    auto typeOf = [](const Application &a) {
      return cast<MapType>(a.map.getType());
    };
    Value x = argument({rows, typeOf(applications.front()).getIn()});
    SmallVector<Value> results;
    for (const Application &a : applications) {
      int64_t out = typeOf(a).getOut();
      auto op = ApplyOp::create(rewriter, loc,
                                RankedTensorType::get({rows, out}, f32), a.map,
                                x, a.hasBias ? argument({out}) : Value(),
                                StringAttr(), EvaluationAttr(), a.way);
      if (share)
        op.setShare(0);
      results.push_back(op);
    }
    func::ReturnOp::create(rewriter, loc, results);
  }

  Block &body() { return function->front(); }

  /// The application becomes what it is made of; false where the way does not
  /// fit.
  bool expandOnce() {
    ApplyOp op = *body().getOps<ApplyOp>().begin();
    return expand(op, {});
  }

  /// The applications in order.
  SmallVector<ApplyOp> applications() {
    SmallVector<ApplyOp> ops;
    function->walk([&](ApplyOp op) { ops.push_back(op); });
    return ops;
  }

  bool expandAll(const ExpandOptions &options) {
    expandShared(rewriter, body(), options);
    for (bool changed = true; changed;) {
      changed = false;
      eraseUnused();
      SmallVector<Operation *> uses;
      function->walk([&](Operation *op) {
        if (isa<ApplyOp, GatherOp, MaterializeOp>(op))
          uses.push_back(op);
      });
      for (Operation *use : uses) {
        if (auto apply = dyn_cast<ApplyOp>(use)) {
          if (!expand(apply, options))
            return false;
        } else if (auto gather = dyn_cast<GatherOp>(use)) {
          rewriter.setInsertionPoint(use);
          if (failed(expandGather(rewriter, gather)))
            return false;
        } else {
          auto materialize = cast<MaterializeOp>(use);
          if (staysForLoading(materialize, options))
            continue;
          rewriter.setInsertionPoint(use);
          if (failed(expandMaterialize(rewriter, materialize)))
            return false;
        }
        changed = true;
      }
    }
    DominanceInfo dominance(*function);
    eliminateCommonSubExpressions(rewriter, dominance, *function);
    eraseUnused();
    return true;
  }

  Alternative count(WayAttr way, const ChooseOptions &options) {
    Alternative result;
    result.way = way;
    llvm::SetVector<Value> kept;
    for (Operation &op : body()) {
      bool isComputedOnce =
          op.getNumResults() != 0 && dependsOnWeightsAlone(op.getResult(0));
      if (options.hoisted && isComputedOnce)
        continue;
      result.work += cost::countWork(&op, options.table);
      llvm::SetVector<Value> values(op.operand_begin(), op.operand_end());
      getUsedValuesDefinedAbove(op.getRegions(), values);
      for (Value value : values)
        if (options.hoisted && isa<RankedTensorType>(value.getType()) &&
            dependsOnWeightsAlone(value))
          kept.insert(value);
    }
    result.seconds = result.work.seconds(options.table);
    for (Value value : kept)
      result.keptBytes += getKeptBytes(value, options);
    return result;
  }

private:
  /// A stored weight as it is, shared by all who use it; what is computed in
  /// f32.
  static double getKeptBytes(Value value, const ChooseOptions &options) {
    Value root = value;
    while (Operation *op = root.getDefiningOp()) {
      if (!isa<format::DecodeOp, format::EncodeOp>(op))
        break;
      root = op->getOperand(0);
    }
    auto type = cast<RankedTensorType>(root.getType());
    Operation *op = root.getDefiningOp();
    // A constant is a part of the program.
    if (op && op->hasTrait<OpTrait::ConstantLike>() &&
        !type.getElementType().isF32())
      return 0;
    if (isa_and_nonnull<tensor::EmptyOp, linalg::FillOp>(op))
      return 0;
    bool isStored = !op || op->getNumOperands() == 0;
    double bytes = isStored && type.getEncoding()
                       ? double(format::getStoredBytes(type))
                       : sizeof(float) * double(type.getNumElements());
    return isStored && options.countUsers
               ? bytes / std::max(1u, options.countUsers(root))
               : bytes;
  }

  bool expand(ApplyOp op, const ExpandOptions &options) {
    // A way that does not fit is no error here.
    bool fits = true;
    ScopedDiagnosticHandler quiet(op.getContext(), [&](Diagnostic &) {
      fits = false;
      return success();
    });
    rewriter.setInsertionPoint(op);
    return succeeded(expandApply(rewriter, op, options)) && fits;
  }

  void eraseUnused() {
    for (bool changed = true; changed;) {
      changed = false;
      // Users first, and what is inside of an op before it.
      SmallVector<Operation *> ops;
      function->walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
        if (op != function->getOperation())
          ops.push_back(op);
      });
      for (Operation *op : ops)
        if (isOpTriviallyDead(op)) {
          rewriter.eraseOp(op);
          changed = true;
        }
    }
  }

  IRRewriter rewriter;
  OwningOpRef<func::FuncOp> function;
};

/// Best ways of maps.
class Search {
public:
  explicit Search(const ChooseOptions &options, MLIRContext *context)
      : options(options), context(context) {}

  SmallVector<Alternative> list(Value map, int64_t rows, bool hasBias);

private:
  struct Best {
    WayAttr way;
    double seconds;
  };

  WayAttr way(WayKind kind, ArrayRef<Attribute> parts = {},
              ArrayRef<int64_t> sizes = {}) {
    // What is left out is factored.
    if (kind == WayKind::Factored || kind == WayKind::Joined)
      while (!parts.empty() &&
             parts.back() == WayAttr::get(context, WayKind::Factored))
        parts = parts.drop_back();
    return WayAttr::get(context, kind, sizes, parts);
  }
  Best best(Value map, int64_t rows);
  WayAttr splitChain(ArrayRef<Value> chain, int64_t rows);
  std::optional<Alternative> assess(Value map, WayAttr way, int64_t rows,
                                    bool hasBias);
  double secondsOf(Value map, WayAttr way, int64_t rows) {
    std::optional<Alternative> found = assess(map, way, rows, false);
    return found ? found->seconds : std::numeric_limits<double>::infinity();
  }
  /// Whether a pair of factors of its rank is smaller than the matrix.
  static bool isThin(Value map) {
    auto type = cast<MapType>(map.getType());
    double out = double(type.getOut()), in = double(type.getIn());
    return double(getRankBound(map)) * (out + in) < out * in;
  }
  SmallVector<WayAttr> waysOf(Value map, int64_t rows);
  WayAttr factor(Value map, int64_t rows);

  const ChooseOptions &options;
  MLIRContext *context;
  llvm::DenseMap<std::pair<Value, int64_t>, Best> known;
  /// Expressions that ways make stand here as long as they may be met again.
  std::vector<std::unique_ptr<Scratch>> kept;
  unsigned depth = 0, assessed = 0;

  static constexpr unsigned mostDepth = 24, mostAssessed = 4000;
};

} // namespace

std::optional<Alternative> Search::assess(Value map, WayAttr way, int64_t rows,
                                          bool hasBias) {
  ++assessed;
  Scratch scratch(map, rows, hasBias, way);
  if (!scratch.expandAll({Evaluation::Factored, options.hoisted}))
    return std::nullopt;
  return scratch.count(way, options);
}

/// `factored`, with the best ways of the parts.
WayAttr Search::factor(Value map, int64_t rows) {
  auto scratch =
      std::make_unique<Scratch>(map, rows, false, way(WayKind::Factored));
  if (!scratch->expandOnce())
    return way(WayKind::Factored);
  SmallVector<Attribute> parts;
  for (ApplyOp part : scratch->applications()) {
    int64_t met = getNumRows(part, rows);
    parts.push_back(best(part.getMap(), met).way);
  }
  kept.push_back(std::move(scratch));
  return way(WayKind::Factored, parts);
}

/// The cheapest grouping of neighbours of a chain. A group that is not one map
/// is a matrix or a pair of factors; times add up.
WayAttr Search::splitChain(ArrayRef<Value> chain, int64_t rows) {
  size_t n = chain.size();
  constexpr size_t longest = 12;
  if (n < 2 || n > longest)
    return {};
  auto scratch = std::make_unique<Scratch>(chain.front(), 1, false,
                                           way(WayKind::Factored));
  OpBuilder builder(context);
  builder.setInsertionPointToStart(&scratch->body());
  // Of the first i maps.
  std::vector<double> seconds(n + 1, std::numeric_limits<double>::infinity());
  std::vector<size_t> from(n + 1, 0);
  std::vector<WayAttr> ways(n + 1);
  seconds[0] = 0;
  for (size_t end = 1; end <= n; ++end)
    for (size_t begin = 0; begin < end; ++begin) {
      if (begin == 0 && end == n)
        continue;
      ArrayRef<Value> group = chain.slice(begin, end - begin);
      Best choice;
      if (group.size() == 1) {
        choice = best(group.front(), rows);
      } else {
        Value map = buildComposed(builder, chain.front().getLoc(), group);
        choice = {way(WayKind::Merged),
                  secondsOf(map, way(WayKind::Merged), rows)};
        if (isThin(map))
          if (double pair = secondsOf(map, way(WayKind::Pair), rows);
              pair < choice.seconds)
            choice = {way(WayKind::Pair), pair};
      }
      if (seconds[begin] + choice.seconds < seconds[end]) {
        seconds[end] = seconds[begin] + choice.seconds;
        from[end] = begin;
        ways[end] = choice.way;
      }
    }
  kept.push_back(std::move(scratch));
  SmallVector<int64_t> sizes;
  SmallVector<Attribute> parts;
  for (size_t end = n; end; end = from[end]) {
    sizes.push_back(end - from[end]);
    parts.push_back(ways[end]);
  }
  std::reverse(sizes.begin(), sizes.end());
  std::reverse(parts.begin(), parts.end());
  if (llvm::all_of(sizes, [](int64_t size) { return size == 1; }))
    return {};
  return way(WayKind::Split, parts, sizes);
}

/// Ways of the whole map that are worth comparing.
SmallVector<WayAttr> Search::waysOf(Value map, int64_t rows) {
  auto op = map.getDefiningOp<LinearMapOpInterface>();
  MapTerms terms;
  op.collectTerms(1.0, terms);
  SmallVector<WayAttr> ways{factor(map, rows)};
  bool isStored = terms.others.empty() && terms.factors.empty() &&
                  terms.matrices.size() == 1 && terms.matrices[0].scale == 1;
  if (isStored)
    return ways;
  if (ways.front() != way(WayKind::Factored))
    ways.push_back(way(WayKind::Factored));
  ways.push_back(way(WayKind::Merged));
  if (depth > mostDepth || assessed > mostAssessed)
    return ways;
  size_t numTerms =
      terms.matrices.size() + terms.factors.size() + terms.others.size();
  if (numTerms > 1) {
    // Other terms as pairs or matrices, beside the others: one after the other,
    // as long as it gains.
    SmallVector<Attribute> parts, pairs;
    for (auto [i, other] : llvm::enumerate(terms.others)) {
      parts.push_back(ways.front().getPart(i));
      pairs.push_back(isThin(other.map) ? way(WayKind::Pair)
                                        : cast<WayAttr>(parts.back()));
    }
    double seconds = secondsOf(map, ways.front(), rows);
    for (auto [i, other] : llvm::enumerate(terms.others)) {
      if (!isThin(other.map))
        continue;
      Attribute before = parts[i];
      parts[i] = way(WayKind::Pair);
      WayAttr changed = way(WayKind::Factored, parts);
      if (double found = secondsOf(map, changed, rows); found < seconds)
        seconds = found;
      else
        parts[i] = before;
    }
    // What gained, and all of them.
    for (WayAttr paired :
         {way(WayKind::Factored, parts), way(WayKind::Factored, pairs)})
      if (!llvm::is_contained(ways, paired))
        ways.push_back(paired);
    auto isConstant = [&](Value value) {
      return !value || dependsOnWeightsAlone(value);
    };
    size_t constant =
        llvm::count_if(terms.matrices,
                       [&](auto &m) { return isConstant(m.tensor); }) +
        llvm::count_if(terms.factors, [&](auto &f) {
          return isConstant(f.b) && isConstant(f.a) && isConstant(f.gate);
        });
    SmallVector<Attribute> rest;
    for (auto [i, other] : llvm::enumerate(terms.others)) {
      if (isConstant(other.map))
        ++constant;
      else
        rest.push_back(parts[i]);
    }
    if (constant > 1 && constant < numTerms)
      ways.push_back(way(WayKind::Joined, rest));
  } else if (isThin(map)) {
    ways.push_back(way(WayKind::Pair));
  }
  if (WayAttr split = splitChain(op.getChain(), rows))
    ways.push_back(split);
  // The sum that it is multiplied out to stays for its parts.
  auto scratch =
      std::make_unique<Scratch>(map, 1, false, way(WayKind::Factored));
  OpBuilder builder(context);
  builder.setInsertionPointToStart(&scratch->body());
  if (Value sum = op.buildDistributed(builder, map.getLoc())) {
    WayAttr part = best(sum, rows).way;
    if (part.getKind() != WayKind::Merged)
      ways.push_back(way(WayKind::Distributed, {part}));
  }
  kept.push_back(std::move(scratch));
  return ways;
}

Search::Best Search::best(Value map, int64_t rows) {
  auto found = known.find({map, rows});
  if (found != known.end())
    return found->second;
  Best result{way(WayKind::Factored), std::numeric_limits<double>::infinity()};
  if (isExpandable(map)) {
    ++depth;
    SmallVector<Alternative> found = list(map, rows, false);
    if (!found.empty())
      result = {found.front().way, found.front().seconds};
    --depth;
  }
  return known[{map, rows}] = result;
}

SmallVector<Alternative> Search::list(Value map, int64_t rows, bool hasBias) {
  SmallVector<Alternative> alternatives;
  std::optional<Alternative> factored =
      assess(map, way(WayKind::Factored), rows, hasBias);
  double most = factored ? options.growth * factored->keptBytes
                         : std::numeric_limits<double>::infinity();
  // Of equal ones the first in the order of kinds.
  auto isBefore = [](const Alternative &a, const Alternative &b) {
    return std::make_pair(a.isTooLarge, a.seconds) <
           std::make_pair(b.isTooLarge, b.seconds);
  };
  for (WayAttr candidate : waysOf(map, rows))
    if (std::optional<Alternative> found =
            assess(map, candidate, rows, hasBias)) {
      found->isTooLarge = options.hoisted && found->keptBytes > most;
      alternatives.insert(llvm::upper_bound(alternatives, *found, isBefore),
                          *found);
    }
  return alternatives;
}

SmallVector<Alternative>
adapter::listAlternatives(ApplyOp op, int64_t rows,
                          const ChooseOptions &options) {
  return Search(options, op.getContext())
      .list(op.getMap(), rows, bool(op.getBias()));
}

Alternative adapter::assessWay(ApplyOp op, WayAttr way, int64_t rows,
                               const ChooseOptions &options) {
  Scratch scratch(op.getMap(), rows, bool(op.getBias()), way);
  if (!scratch.expandAll({Evaluation::Factored, options.hoisted}))
    return {way, {}, std::numeric_limits<double>::infinity(), 0, false};
  return scratch.count(way, options);
}

Alternative adapter::assessTogether(ArrayRef<ApplyOp> ops, bool share,
                                    int64_t rows,
                                    const ChooseOptions &options) {
  SmallVector<Scratch::Application> applications;
  for (ApplyOp op : ops)
    applications.push_back({op.getMap(), bool(op.getBias()), op.getWayAttr()});
  Scratch scratch(applications, rows, share);
  if (!scratch.expandAll({Evaluation::Factored, options.hoisted}))
    return {{}, {}, std::numeric_limits<double>::infinity(), 0, false};
  return scratch.count({}, options);
}
