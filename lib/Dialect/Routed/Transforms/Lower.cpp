//===- Lower.cpp - routed-lower ---------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Routed/Transforms/Passes.h"
#include "allot/Dialect/Routed/Transforms/Transforms.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace allot::routed {
#define GEN_PASS_DEF_ROUTEDLOWER
#include "allot/Dialect/Routed/Transforms/Passes.h.inc"
} // namespace allot::routed

using namespace mlir;
using namespace allot;
using namespace allot::routed;

void routed::lowerSelect(RewriterBase &rewriter, SelectOp op) {
  Location loc = op.getLoc();
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rewriter, loc, op.getLogits());
  sizes.back() = rewriter.getIndexAttr(op.getType().getMost());
  SmallVector<Value> inits{
      vjp::buildEmpty(rewriter, loc, sizes, rewriter.getI32Type()),
      vjp::buildEmpty(rewriter, loc, sizes, rewriter.getF32Type())};
  auto choose = ChooseOp::create(
      rewriter, loc, ValueRange(inits).getTypes(), op.getLogits(), op.getBias(),
      inits[0], inits[1], op.getPolicy(), op.getScore(), op.getWeighting(),
      op.getFactor(), op.getCapacityAttr());
  rewriter.replaceOpWithNewOp<AssignOp>(op, op.getType(), choose.getResult(0),
                                        choose.getResult(1));
}

namespace {

/// Experts of one op on lists of ids and weights.
class ExpertsLowering {
public:
  ExpertsLowering(RewriterBase &rewriter, ExpertsOp op)
      : b(rewriter), op(op), loc(op.getLoc()),
        type(op.getAssignment().getType()) {}

  void run();

private:
  Value applyClass(unsigned index, Value y);
  Value applyCopies(Value y);
  /// For each place the number of its expert in `members`, -1 for none of them.
  Value numbersIn(ArrayRef<int64_t> members);
  AffineMap identity(unsigned rank) { return b.getMultiDimIdentityMap(rank); }
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  RewriterBase &b;
  ExpertsOp op;
  Location loc;
  AssignmentType type;
  /// x [rows.., H]; ids and weights [rows.., most].
  Value x, ids, weights;
};

} // namespace

Value ExpertsLowering::numbersIn(ArrayRef<int64_t> members) {
  SmallVector<int32_t> numbers(type.getExperts(), -1);
  for (auto [number, expert] : llvm::enumerate(members))
    numbers[expert] = int32_t(number);
  auto listType = RankedTensorType::get({type.getExperts()}, b.getI32Type());
  Value list = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(listType, ArrayRef(numbers)));
  unsigned rank = cast<RankedTensorType>(ids.getType()).getRank();
  Value init = vjp::buildEmpty(b, loc, tensor::getMixedSizes(b, loc, ids),
                               b.getI32Type());
  return vjp::buildStructured(
      b, loc, {ids, weights}, SmallVector<AffineMap>(3, identity(rank)), init,
      [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
        auto integer = [&](int32_t value) -> Value {
          return arith::ConstantOp::create(nested, l,
                                           nested.getI32IntegerAttr(value));
        };
        // An id out of range finds the first entry, which is not used then.
        Value isExpert =
            arith::CmpIOp::create(nested, l, arith::CmpIPredicate::ult, args[0],
                                  integer(int32_t(type.getExperts())));
        Value safe =
            arith::SelectOp::create(nested, l, isExpert, args[0], integer(0));
        Value number = tensor::ExtractOp::create(
            nested, l, list, ValueRange{adapter::buildIndex(nested, l, safe)});
        Value zero =
            arith::ConstantOp::create(nested, l, nested.getF32FloatAttr(0.0f));
        // A weight of NaN counts: what it makes of the row must be seen.
        Value counts = arith::CmpFOp::create(
            nested, l, arith::CmpFPredicate::UNE, args[1], zero);
        Value meets = arith::AndIOp::create(nested, l, isExpert, counts);
        return arith::SelectOp::create(nested, l, meets, number, integer(-1));
      });
}

Value ExpertsLowering::applyClass(unsigned index, Value y) {
  ArrayRef<int64_t> members = op.getClassMembers(index);
  Value numbers = numbersIn(members);
  Value flat = adapter::buildFolded(b, loc, numbers, 0);
  SmallVector<Value> groups =
      adapter::buildGroups(b, loc, flat, members.size());
  Value order = groups[0], places = groups[1], offsets = groups[2];
  Value end = tensor::ExtractOp::create(b, loc, offsets,
                                        ValueRange{constant(members.size())});
  Value total = adapter::buildIndex(b, loc, end);
  // Loops below read a row for places of other classes, too: there is one.
  Value numPlaces = tensor::DimOp::create(b, loc, order, 0);
  Value least = arith::MinSIOp::create(b, loc, numPlaces, constant(1));
  Value count = arith::MaxSIOp::create(b, loc, total, least);
  Value k = constant(type.getMost());
  Value rows = adapter::buildRowsOfPlaces(
      b, loc, adapter::buildFolded(b, loc, x, 1), order, count, k);
  Value sortedInit =
      vjp::buildEmpty(b, loc, ArrayRef<OpFoldResult>{count}, b.getI32Type());
  Value sorted = vjp::buildStructured(
      b, loc, {}, {identity(1)}, sortedInit,
      [&](OpBuilder &nested, Location l, ValueRange) -> Value {
        Value at = linalg::IndexOp::create(nested, l, 0);
        Value place =
            tensor::ExtractOp::create(nested, l, order, ValueRange{at});
        return tensor::ExtractOp::create(
            nested, l, flat, ValueRange{adapter::buildIndex(nested, l, place)});
      });

  // The code of the class.
  Block &body = op.getBodies()[index].front();
  Value result = cast<YieldOp>(body.getTerminator()).getValue();
  SmallVector<Value> arguments{rows, sorted};
  for (auto [value, argument] : llvm::zip_equal(arguments, body.getArguments()))
    if (value.getType() != argument.getType())
      value = tensor::CastOp::create(b, loc, argument.getType(), value);
  // An argument that is given on has become what it stands for.
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  for (Operation &inner : body.without_terminator())
    b.clone(inner, mapping);
  result = mapping.lookupOrDefault(result);

  // Back to the rows.
  unsigned rank = cast<RankedTensorType>(y.getType()).getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, ids);
  AffineMap all = identity(rank + 1), perPlace = all.dropResult(rank - 1);
  AffineMap perRow = all.dropResult(rank);
  return vjp::buildStructured(
      b, loc, {numbers, weights}, {perPlace, perPlace, perRow}, y,
      [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
        auto loop = [&](unsigned at) -> Value {
          return linalg::IndexOp::create(nested, l, at);
        };
        Value place = loop(0);
        for (unsigned axis = 1; axis + 1 < rank; ++axis)
          place = arith::AddIOp::create(
              nested, l,
              arith::MulIOp::create(
                  nested, l, place,
                  getValueOrCreateConstantIndexOp(nested, l, sizes[axis])),
              loop(axis));
        place = arith::AddIOp::create(
            nested, l, arith::MulIOp::create(nested, l, place, k), loop(rank));
        Value none =
            arith::ConstantOp::create(nested, l, nested.getI32IntegerAttr(0));
        Value meets = arith::CmpIOp::create(
            nested, l, arith::CmpIPredicate::sge, args[0], none);
        Value at = adapter::buildIndex(
            nested, l,
            tensor::ExtractOp::create(nested, l, places, ValueRange{place}));
        at = arith::SelectOp::create(
            nested, l, meets, at, arith::ConstantIndexOp::create(nested, l, 0));
        Value value = tensor::ExtractOp::create(nested, l, result,
                                                ValueRange{at, loop(rank - 1)});
        Value term = arith::MulFOp::create(nested, l, args[1], value);
        Value sum = arith::AddFOp::create(nested, l, args[2], term);
        return arith::SelectOp::create(nested, l, meets, sum, args[2]);
      });
}

Value ExpertsLowering::applyCopies(Value y) {
  if (op.getCopies().empty())
    return y;
  Value numbers = numbersIn(op.getCopies());
  unsigned rank = cast<RankedTensorType>(y.getType()).getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, ids);
  sizes.pop_back();
  Value weightOfRow = vjp::buildReduction(
      b, loc, {numbers, weights},
      {identity(rank), identity(rank), identity(rank).dropResult(rank - 1)},
      sizes, [](OpBuilder &nested, Location l, ValueRange args) -> Value {
        Value none =
            arith::ConstantOp::create(nested, l, nested.getI32IntegerAttr(0));
        Value zero =
            arith::ConstantOp::create(nested, l, nested.getF32FloatAttr(0.0f));
        Value meets = arith::CmpIOp::create(
            nested, l, arith::CmpIPredicate::sge, args[0], none);
        return arith::SelectOp::create(nested, l, meets, args[1], zero);
      });
  return vjp::buildStructured(
      b, loc, {x, weightOfRow},
      {identity(rank), identity(rank).dropResult(rank - 1), identity(rank)}, y,
      [](OpBuilder &nested, Location l, ValueRange args) -> Value {
        Value term = arith::MulFOp::create(nested, l, args[0], args[1]);
        return arith::AddFOp::create(nested, l, args[2], term);
      });
}

void ExpertsLowering::run() {
  x = op.getX();
  auto xType = cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> shape(xType.getShape());
  shape.back() = type.getMost();
  auto unpack = UnpackOp::create(
      b, loc, RankedTensorType::get(shape, b.getI32Type()),
      RankedTensorType::get(shape, b.getF32Type()), op.getAssignment());
  ids = unpack.getIds();
  weights = unpack.getWeights();
  auto resultType = cast<RankedTensorType>(op.getResult().getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
  sizes.back() = b.getIndexAttr(resultType.getShape().back());
  Value y = vjp::buildFilled(b, loc, sizes, b.getF32Type(), 0.0);
  for (unsigned index = 0; index < op.getBodies().size(); ++index)
    y = applyClass(index, y);
  y = applyCopies(y);
  if (y.getType() != resultType)
    y = tensor::CastOp::create(b, loc, resultType, y);
  b.replaceOp(op, y);
}

void routed::lowerExperts(RewriterBase &rewriter, ExpertsOp op) {
  ExpertsLowering(rewriter, op).run();
}

namespace {

/// Lists that were folded or cast on the way are what they were made of.
struct LowerUnpack : OpRewritePattern<UnpackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnpackOp op,
                                PatternRewriter &rewriter) const override {
    auto assign = op.getAssignment().getDefiningOp<AssignOp>();
    if (!assign)
      return failure();
    Location loc = op.getLoc();
    Value ids = assign.getIds(), weights = assign.getWeights();
    if (!weights)
      weights = vjp::buildFilled(rewriter, loc,
                                 tensor::getMixedSizes(rewriter, loc, ids),
                                 rewriter.getF32Type(), 1.0);
    auto fit = [&](Value value, Type type) -> Value {
      if (value.getType() == type)
        return value;
      return tensor::CastOp::create(rewriter, loc, type, value);
    };
    if (!tensor::CastOp::areCastCompatible(ids.getType(),
                                           op.getIds().getType()) ||
        !tensor::CastOp::areCastCompatible(weights.getType(),
                                           op.getWeights().getType()))
      return rewriter.notifyMatchFailure(op, "the lists have other shapes");
    rewriter.replaceOp(op, {fit(ids, op.getIds().getType()),
                            fit(weights, op.getWeights().getType())});
    return success();
  }
};

struct RoutedLower : routed::impl::RoutedLowerBase<RoutedLower> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populateLowerPatterns(set);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      return signalPassFailure();
    WalkResult walked = getOperation().walk([](Operation *op) {
      if (!isa<SelectOp, UnpackOp, ExpertsOp>(op))
        return WalkResult::advance();
      op->emitOpError() << "cannot be lowered: its assignment is not made by "
                           "routed.select or routed.assign with lists for "
                           "these rows in this function";
      return WalkResult::interrupt();
    });
    if (walked.wasInterrupted())
      signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};

} // namespace

void routed::populateLowerPatterns(RewritePatternSet &patterns) {
  patterns.add(+[](SelectOp op, PatternRewriter &rewriter) -> LogicalResult {
    lowerSelect(rewriter, op);
    return success();
  });
  patterns.add(+[](ExpertsOp op, PatternRewriter &rewriter) -> LogicalResult {
    lowerExperts(rewriter, op);
    return success();
  });
  patterns.add<LowerUnpack>(patterns.getContext());
}
