//===- Bank.cpp - many maps of one shape, by id -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Bank.h"
#include "MapTypes.h"
#include "StructuredBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::typing;
using structured::definition;
using structured::numMembers;

//===----------------------------------------------------------------------===//
// Result types and assembly
//===----------------------------------------------------------------------===//

/// (A61)
static MapType inferMapOfMembers(EmitError emitError, TypeRange types) {
  if (types.empty()) {
    emitError() << "a bank has at least one member (A61)";
    return {};
  }
  int64_t members = 0;
  auto first = dyn_cast<MapType>(types.front());
  for (auto [index, type] : llvm::enumerate(types)) {
    auto map = dyn_cast<MapType>(type);
    if (!map || map.getOut() != first.getOut() ||
        map.getIn() != first.getIn()) {
      emitError() << "the members of a bank have one shape, but map " << index
                  << " is " << type << " and map 0 is " << first << " (A61)";
      return {};
    }
    if (llvm::AddOverflow(members, numMembers(map), members)) {
      emitError() << "the bank is too large (A61)";
      return {};
    }
  }
  return MapType::getChecked(
      emitError, first.getContext(),
      ArrayRef<int64_t>{members, first.getOut(), first.getIn()},
      first.getElementType());
}

/// (A62)
static MapType inferMapOfSelected(EmitError emitError, Type type) {
  auto bank = dyn_cast<MapType>(type);
  if (!bank || !bank.isBank()) {
    emitError() << "a member is selected of a bank, but got " << type
                << " (A62)";
    return {};
  }
  return MapType::getChecked(emitError, type.getContext(),
                             bank.getShape().drop_front(),
                             bank.getElementType());
}

static ParseResult parseMapOfMembers(OpAsmParser &parser, ArrayRef<Type> maps,
                                     Type &result) {
  SMLoc loc = parser.getNameLoc();
  result = inferMapOfMembers([&] { return parser.emitError(loc); }, maps);
  return success(bool(result));
}
static void printMapOfMembers(OpAsmPrinter &, Operation *, TypeRange, Type) {}

static ParseResult parseMapOfSelected(OpAsmParser &parser, Type bank,
                                      Type &result) {
  SMLoc loc = parser.getNameLoc();
  result = inferMapOfSelected([&] { return parser.emitError(loc); }, bank);
  return success(bool(result));
}
static void printMapOfSelected(OpAsmPrinter &, Operation *, Type, Type) {}

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/BankOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Members
//===----------------------------------------------------------------------===//

/// Matrix `index` of a plain `[N, OUT, IN]` tensor.
static Value buildMatrixOf(OpBuilder &builder, Location loc, Value matrices,
                           OpFoldResult index) {
  auto type = cast<RankedTensorType>(matrices.getType());
  auto result = RankedTensorType::get(type.getShape().drop_front(),
                                      type.getElementType());
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets{index, zero, zero}, strides(3, one),
      sizes{one, builder.getIndexAttr(type.getDimSize(1)),
            builder.getIndexAttr(type.getDimSize(2))};
  return tensor::ExtractSliceOp::create(builder, loc, result, matrices, offsets,
                                        sizes, strides);
}

/// `dense` of matrix `index` of a plain or encoded tensor.
static Value buildDenseMember(OpBuilder &builder, Location loc, Value tensor,
                              int64_t index) {
  Value matrix = buildMatrixOf(builder, loc, buildDecoded(builder, loc, tensor),
                               builder.getIndexAttr(index));
  return DenseOp::create(builder, loc, buildEncoded(builder, loc, matrix));
}

Value adapter::buildMemberOf(OpBuilder &builder, Location loc, Value bank,
                             int64_t index) {
  if (LinearMapOpInterface op = definition(bank))
    if (Value member = op.buildMember(builder, loc, index))
      return member;
  return buildDenseMember(builder, loc, buildMaterialized(builder, loc, bank),
                          index);
}

Value DenseOp::buildMember(OpBuilder &builder, Location loc, int64_t index) {
  return buildDenseMember(builder, loc, getTensor(), index);
}

Value ZeroOp::buildMember(OpBuilder &builder, Location loc, int64_t) {
  MapType type = getResult().getType();
  return ZeroOp::create(builder, loc, type.getOut(), type.getIn());
}

Value SumOp::buildMember(OpBuilder &builder, Location loc, int64_t index) {
  SmallVector<Value> members;
  for (Value map : getMaps())
    members.push_back(buildMemberOf(builder, loc, map, index));
  return SumOp::create(builder, loc, members.front().getType(), members);
}

Value ScaleOp::buildMember(OpBuilder &builder, Location loc, int64_t index) {
  return ScaleOp::create(builder, loc,
                         buildMemberOf(builder, loc, getMap(), index),
                         getFactorAttr());
}

Value TransposeOp::buildMember(OpBuilder &builder, Location loc,
                               int64_t index) {
  return TransposeOp::create(builder, loc,
                             buildMemberOf(builder, loc, getMap(), index));
}

//===----------------------------------------------------------------------===//
// BankOp
//===----------------------------------------------------------------------===//

void BankOp::build(OpBuilder &builder, OperationState &state, ValueRange maps) {
  // The verifier reports maps that are no bank.
  SmallVector<int64_t> shape{0, 0, 0};
  for (Value map : maps) {
    auto type = cast<MapType>(map.getType());
    shape = {shape[0] + numMembers(type), type.getOut(), type.getIn()};
  }
  build(builder, state,
        MapType::get(builder.getContext(), shape, builder.getF32Type()), maps);
}

LogicalResult BankOp::verify() {
  return checkResult(
      *this,
      inferMapOfMembers([&] { return emitOpError(); }, getMaps().getTypes()),
      "A61");
}

OpFoldResult BankOp::fold(FoldAdaptor) {
  return getMaps().size() == 1 && getMaps().front().getType() == getType()
             ? OpFoldResult(getMaps().front())
             : OpFoldResult();
}

void BankOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *) {
  patterns.add(+[](BankOp op, PatternRewriter &rewriter) -> LogicalResult {
    SmallVector<Value> maps;
    if (!structured::flatten(op, maps))
      return failure();
    rewriter.replaceOpWithNewOp<BankOp>(op, maps);
    return success();
  });
}

MapCost BankOp::getOwnCost(int64_t) { return {}; }

/// A bank is met by `apply` with ids alone, or through `select`.
Value BankOp::buildApplication(OpBuilder &, Location, Value) { return {}; }
Value BankOp::buildGather(OpBuilder &, Location, Value) { return {}; }

Value BankOp::buildMaterialization(OpBuilder &builder, Location loc) {
  MapType type = getResult().getType();
  Value all = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                      type.getElementType());
  int64_t first = 0;
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  for (Value map : getMaps()) {
    int64_t count = numMembers(cast<MapType>(map.getType()));
    SmallVector<OpFoldResult> offsets{builder.getIndexAttr(first), zero, zero},
        strides(3, one),
        sizes{builder.getIndexAttr(count), builder.getIndexAttr(type.getOut()),
              builder.getIndexAttr(type.getIn())};
    all = tensor::InsertSliceOp::create(builder, loc,
                                        buildMaterialized(builder, loc, map),
                                        all, offsets, sizes, strides);
    first += count;
  }
  return all;
}

LogicalResult BankOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                    DenseMatrix &result) {
  if (failed(checkCount(*this, operands)))
    return failure();
  // The matrices stand one below the other.
  MapType type = getResult().getType();
  result = DenseMatrix(numMembers(type) * type.getOut(), type.getIn());
  size_t at = 0;
  for (const DenseMatrix &operand : operands) {
    if (operand.values.size() > result.values.size() - at)
      return emitOpError() << "is evaluated with matrices of different sizes";
    std::copy(operand.values.begin(), operand.values.end(),
              result.values.begin() + at);
    at += operand.values.size();
  }
  return success();
}

Value BankOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  SmallVector<Value> maps =
      structured::buildTransposedMaps(builder, loc, getMaps());
  return BankOp::create(builder, loc, maps);
}

Value BankOp::buildMember(OpBuilder &builder, Location loc, int64_t index) {
  for (Value map : getMaps()) {
    auto type = cast<MapType>(map.getType());
    if (index < numMembers(type))
      return type.isBank() ? buildMemberOf(builder, loc, map, index) : map;
    index -= numMembers(type);
  }
  return {};
}

LogicalResult BankOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                               const llvm::SmallBitVector &wanted,
                               MutableArrayRef<Value> operands) {
  MapType type = getResult().getType();
  int64_t first = 0;
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  for (auto [i, map] : llvm::enumerate(getMaps())) {
    auto part = cast<MapType>(map.getType());
    SmallVector<OpFoldResult> offsets{builder.getIndexAttr(first), zero, zero},
        strides(3, one),
        sizes{builder.getIndexAttr(numMembers(part)),
              builder.getIndexAttr(type.getOut()),
              builder.getIndexAttr(type.getIn())};
    first += numMembers(part);
    if (wanted.test(i))
      operands[i] = tensor::ExtractSliceOp::create(
          builder, getLoc(),
          RankedTensorType::get(part.getShape(), part.getElementType()),
          results[0], offsets, sizes, strides);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// SelectOp
//===----------------------------------------------------------------------===//

static MapType memberType(Value bank) {
  auto type = cast<MapType>(bank.getType());
  return MapType::get(bank.getContext(), type.getShape().take_back(2),
                      type.getElementType());
}

void SelectOp::build(OpBuilder &builder, OperationState &state, Value bank,
                     int64_t index) {
  build(builder, state, memberType(bank), bank,
        builder.getI64IntegerAttr(index), Value());
}

void SelectOp::build(OpBuilder &builder, OperationState &state, Value bank,
                     Value at) {
  build(builder, state, memberType(bank), bank, IntegerAttr(), at);
}

// (A62)
LogicalResult SelectOp::verify() {
  MapType type =
      inferMapOfSelected([&] { return emitOpError(); }, getBank().getType());
  if (failed(checkResult(*this, type, "A62")))
    return failure();
  if (getIndex().has_value() == bool(getAt()))
    return emitOpError() << "selects by a constant or by a tensor, one of them "
                            "(A62)";
  int64_t members = numMembers(getBank().getType());
  if (getIndex() &&
      (int64_t(*getIndex()) < 0 || int64_t(*getIndex()) >= members))
    return emitOpError() << "member " << int64_t(*getIndex())
                         << " is not one of the " << members
                         << " of the bank (A62)";
  if (getAt()) {
    auto at = cast<RankedTensorType>(getAt().getType());
    if (at.getRank() != 0 || at.getEncoding() ||
        (!at.getElementType().isSignlessInteger(32) &&
         !at.getElementType().isSignlessInteger(64)))
      return emitOpError() << "the number of a member is a tensor of rank 0 of "
                              "i32 or i64, but got "
                           << at << " (A62)";
  }
  return success();
}

/// The integers that a value is known to have; a splat as one.
static std::optional<DenseIntElementsAttr> constantIds(Value ids) {
  DenseIntElementsAttr attr;
  return ids && matchPattern(ids, m_Constant(&attr)) ? std::optional(attr)
                                                     : std::nullopt;
}

OpFoldResult SelectOp::fold(FoldAdaptor) {
  auto bank = getBank().getDefiningOp<BankOp>();
  if (!bank || !getIndex())
    return {};
  int64_t index = *getIndex();
  for (Value map : bank.getMaps()) {
    auto type = cast<MapType>(map.getType());
    if (index < numMembers(type)) {
      if (!type.isBank())
        return map;
      // The bank that the member is of.
      if (bank.getMaps().size() == 1)
        return {};
      getBankMutable().assign(map);
      setIndex(index);
      return getResult();
    }
    index -= numMembers(type);
  }
  return {};
}

void SelectOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *) {
  // A number that is known becomes an attribute.
  patterns.add(+[](SelectOp op, PatternRewriter &rewriter) -> LogicalResult {
    std::optional<DenseIntElementsAttr> at = constantIds(op.getAt());
    if (!at)
      return failure();
    int64_t index = (*at->getValues<APInt>().begin()).getSExtValue();
    if (index < 0 || index >= numMembers(op.getBank().getType()))
      return failure();
    rewriter.replaceOpWithNewOp<SelectOp>(op, op.getBank(), index);
    return success();
  });
  // Of a bank that is made member by member, where nothing is computed.
  patterns.add(+[](SelectOp op, PatternRewriter &rewriter) -> LogicalResult {
    Operation *bank = op.getBank().getDefiningOp();
    if (!op.getIndex() ||
        !isa_and_nonnull<SumOp, ScaleOp, TransposeOp, ZeroOp>(bank))
      return failure();
    rewriter.replaceOp(op, cast<LinearMapOpInterface>(bank).buildMember(
                               rewriter, op.getLoc(), *op.getIndex()));
    return success();
  });
}

MapCost SelectOp::getOwnCost(int64_t) { return {}; }

Value SelectOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  if (getIndex())
    return buildApplied(builder, loc,
                        buildMemberOf(builder, loc, getBank(), *getIndex()), x);
  // Every row asks for the same member.
  auto type = cast<RankedTensorType>(x.getType());
  auto at = cast<RankedTensorType>(getAt().getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.pop_back();
  MLIRContext *context = builder.getContext();
  Value init = vjp::buildEmpty(builder, loc, sizes, at.getElementType());
  Value ids = vjp::buildStructured(
      builder, loc, {getAt()},
      {AffineMap::get(sizes.size(), 0, context),
       AffineMap::getMultiDimIdentityMap(sizes.size(), context)},
      init, [](OpBuilder &, Location, ValueRange args) { return args[0]; });
  return ApplyOp::create(
      builder, loc, withLastDimension(type, getResult().getType().getOut()),
      getBank(), x, ids, /*weights=*/Value(), /*otherwise=*/Value(),
      /*bias=*/Value(), StringAttr(), EvaluationAttr());
}

/// The number of a member that is known at run time, moved into the bank;
/// `factor` is 1 where it was inside and 0 where not: that is the zero map.
static Value buildPlace(OpBuilder &builder, Location loc, SelectOp op,
                        Value &factor) {
  Value at = tensor::ExtractOp::create(builder, loc, op.getAt(), ValueRange());
  at = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), at);
  Value last = arith::ConstantIndexOp::create(
      builder, loc, numMembers(op.getBank().getType()) - 1);
  Value inside =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ule, at, last);
  Value one = arith::ConstantOp::create(builder, loc,
                                        builder.getF32FloatAttr(1.0f)),
        zero = arith::ConstantOp::create(builder, loc,
                                         builder.getF32FloatAttr(0.0f));
  factor = arith::SelectOp::create(builder, loc, inside, one, zero);
  return arith::MinUIOp::create(builder, loc, at, last);
}

/// A static matrix times a scalar.
static Value buildMultiplied(OpBuilder &builder, Location loc, Value matrix,
                             Value factor) {
  auto type = cast<RankedTensorType>(matrix.getType());
  AffineMap identity = builder.getMultiDimIdentityMap(2);
  Value init = buildEmptyLike(builder, loc, matrix, type.getShape().back());
  return vjp::buildStructured(
      builder, loc, {matrix}, {identity, identity}, init,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(b, l, args[0], factor);
      });
}

Value SelectOp::buildMaterialization(OpBuilder &builder, Location loc) {
  if (getIndex())
    return buildMaterialized(
        builder, loc, buildMemberOf(builder, loc, getBank(), *getIndex()));
  Value factor, at = buildPlace(builder, loc, *this, factor);
  Value matrices = buildMaterialized(builder, loc, getBank());
  return buildMultiplied(builder, loc,
                         buildMatrixOf(builder, loc, matrices, at), factor);
}

LogicalResult SelectOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                 const llvm::SmallBitVector &wanted,
                                 MutableArrayRef<Value> operands) {
  if (!wanted.test(0))
    return success();
  Location loc = getLoc();
  MapType bank = getBank().getType();
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1),
               place;
  Value matrix = results[0];
  if (getIndex()) {
    place = builder.getIndexAttr(*getIndex());
  } else {
    Value factor;
    place = buildPlace(builder, loc, *this, factor);
    matrix = buildMultiplied(builder, loc, matrix, factor);
  }
  Value zeros = vjp::buildFilled(
      builder, loc,
      getAsIndexOpFoldResult(builder.getContext(), bank.getShape()),
      builder.getF32Type(), 0.0);
  SmallVector<OpFoldResult> offsets{place, zero, zero}, strides(3, one),
      sizes{one, builder.getIndexAttr(bank.getOut()),
            builder.getIndexAttr(bank.getIn())};
  operands[0] = tensor::InsertSliceOp::create(builder, loc, matrix, zeros,
                                              offsets, sizes, strides);
  return success();
}

LogicalResult SelectOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                      DenseMatrix &result) {
  if (failed(checkCount(*this, operands)))
    return failure();
  int64_t index = getIndex() ? int64_t(*getIndex())
                             : int64_t(operands[1].values.empty()
                                           ? -1
                                           : operands[1].values.front());
  MapType type = getResult().getType();
  int64_t members = numMembers(getBank().getType());
  if (index < 0 || index >= members)
    return emitOpError() << "member " << index << " is not one of the "
                         << members << " of the bank";
  result = DenseMatrix(type.getOut(), type.getIn());
  if (operands[0].values.size() != members * result.values.size())
    return emitOpError() << "is evaluated with matrices of different sizes";
  std::copy_n(operands[0].values.begin() + index * result.values.size(),
              result.values.size(), result.values.begin());
  return success();
}

Value SelectOp::buildTransposed(OpBuilder &builder, Location loc,
                                bool structureOnly) {
  if (structureOnly)
    return {};
  return SelectOp::create(builder, loc,
                          MapType::get(builder.getContext(),
                                       {getResult().getType().getIn(),
                                        getResult().getType().getOut()},
                                       builder.getF32Type()),
                          TransposeOp::create(builder, loc, getBank()),
                          getIndexAttr(), getAt());
}

Value SelectOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  if (getIndex())
    return buildGathered(
        builder, loc, buildMemberOf(builder, loc, getBank(), *getIndex()), ids);
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

//===----------------------------------------------------------------------===//
// Monomials
//===----------------------------------------------------------------------===//

LogicalResult DiagonalOp::buildMonomials(OpBuilder &builder, Location loc,
                                         SmallVectorImpl<MapMonomial> &all) {
  all.push_back({1.0, buildDecoded(builder, loc, getVector()), {}});
  return success();
}

LogicalResult PermutationOp::buildMonomials(OpBuilder &, Location,
                                            SmallVectorImpl<MapMonomial> &all) {
  all.push_back({1.0, Value(), SmallVector<int64_t>(getSources())});
  return success();
}

LogicalResult IdentityOp::buildMonomials(OpBuilder &, Location,
                                         SmallVectorImpl<MapMonomial> &all) {
  all.push_back({1.0, Value(), {}});
  return success();
}

LogicalResult ZeroOp::buildMonomials(OpBuilder &, Location,
                                     SmallVectorImpl<MapMonomial> &) {
  return success();
}

LogicalResult ScaleOp::buildMonomials(OpBuilder &builder, Location loc,
                                      SmallVectorImpl<MapMonomial> &all) {
  LinearMapOpInterface map = definition(getMap());
  SmallVector<MapMonomial> inner;
  if (getResult().getType().isBank() || !map ||
      failed(map.buildMonomials(builder, loc, inner)))
    return failure();
  for (MapMonomial &monomial : inner) {
    monomial.scale *= getFactor().convertToDouble();
    all.push_back(std::move(monomial));
  }
  return success();
}

LogicalResult SumOp::buildMonomials(OpBuilder &builder, Location loc,
                                    SmallVectorImpl<MapMonomial> &all) {
  if (getResult().getType().isBank())
    return failure();
  for (Value operand : getMaps()) {
    LinearMapOpInterface map = definition(operand);
    if (!map || failed(map.buildMonomials(builder, loc, all)))
      return failure();
  }
  return success();
}

/// v[i] * w[sources[i]], where null is 1.
static Value buildProduct(OpBuilder &builder, Location loc, Value v, Value w,
                          ArrayRef<int64_t> sources) {
  if (!w)
    return v;
  if (!sources.empty())
    w = cast<LinearMapOpInterface>(
            PermutationOp::create(builder, loc, sources).getOperation())
            .buildApplication(builder, loc, w);
  return v ? arith::MulFOp::create(builder, loc, v, w).getResult() : w;
}

LogicalResult ComposeOp::buildMonomials(OpBuilder &builder, Location loc,
                                        SmallVectorImpl<MapMonomial> &all) {
  // Sums multiply out; a long one is better applied map by map.
  constexpr size_t mostMonomials = 4;
  SmallVector<MapMonomial> product{{}};
  for (Value operand : getMaps()) {
    LinearMapOpInterface map = definition(operand);
    SmallVector<MapMonomial> inner, next;
    if (!map || failed(map.buildMonomials(builder, loc, inner)) ||
        inner.size() * product.size() > mostMonomials)
      return failure();
    for (const MapMonomial &a : product)
      for (const MapMonomial &b : inner) {
        MapMonomial c{a.scale * b.scale,
                      buildProduct(builder, loc, a.vector, b.vector, a.sources),
                      b.sources.empty() ? a.sources : b.sources};
        if (!a.sources.empty() && !b.sources.empty())
          for (auto [source, through] : llvm::zip_equal(c.sources, a.sources))
            source = b.sources[through];
        next.push_back(std::move(c));
      }
    product = std::move(next);
  }
  llvm::append_range(all, product);
  return success();
}

//===----------------------------------------------------------------------===//
// Application
//===----------------------------------------------------------------------===//

namespace {
/// A constant id for all rows needs no ids.
struct ApplyOneMember : OpRewritePattern<ApplyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ApplyOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<DenseIntElementsAttr> ids = constantIds(op.getIds());
    if (!ids || ids->empty() || !ids->isSplat() || op.getWeights())
      return failure();
    int64_t id = ids->getSplatValue<APInt>().getSExtValue();
    Value map = op.getOtherwise();
    if (id < -1 || id >= numMembers(op.getMap().getType()))
      return rewriter.notifyMatchFailure(op, "the id is none of the bank");
    if (id >= 0)
      map = SelectOp::create(rewriter, op.getLoc(), op.getMap(), id);
    if (!map) {
      MapType type = op.getMap().getType();
      map = ZeroOp::create(rewriter, op.getLoc(), type.getOut(), type.getIn());
    }
    rewriter.replaceOpWithNewOp<ApplyOp>(op, op.getType(), map, op.getX(),
                                         op.getBias(), op.getSiteAttr(),
                                         op.getEvaluateAttr());
    return success();
  }
};
} // namespace

void structured::populateBankApplyPatterns(RewritePatternSet &patterns) {
  patterns.add<ApplyOneMember>(patterns.getContext());
}
