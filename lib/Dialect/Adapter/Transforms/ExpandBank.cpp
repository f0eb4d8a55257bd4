//===- ExpandBank.cpp - applications of banks become kernels ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all members share is applied once to all rows: maps that meet the input
// first in every member, and summands of every member. What is left of a member
// is matrices, pairs of factors, diagonals, or anything else: the first kinds
// are kernels that go over the members themselves; others are applied member by
// member to their rows, which are sorted for that.
//
//===----------------------------------------------------------------------===//

#include "ExpandBank.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

namespace {

class BankExpander {
public:
  BankExpander(RewriterBase &rewriter, ApplyOp op, bool merged)
      : b(rewriter), op(op), loc(op.getLoc()), merged(merged),
        out(op.getMap().getType().getOut()) {}

  Value run();

private:
  struct Pair {
    int64_t member;
    Value b, a;
    double scale;
  };
  struct Diagonal {
    int64_t member;
    MapMonomial monomial;
  };
  struct Matrix {
    int64_t member;
    Value tensor;
    double scale;
  };
  struct Apart {
    int64_t member;
    Value map;
  };

  void normalizeIds();
  /// Takes maps that every member applies first out of the members, and applies
  /// them to x.
  void takeSharedInputs();
  /// Takes summands of every member out of `terms`.
  MapTerms takeSharedTerms(MutableArrayRef<MapTerms> terms);
  void sortTerms(int64_t member, MapTerms &terms);

  Value applyShared(MapTerms &shared, Value &bias);
  Value applyDiagonals(Value y);
  Value applyMatrices(ArrayRef<Matrix> matrices, Value y);
  Value applyPairs(ArrayRef<Pair> pairs, Value y);
  Value applyApart(Value y);
  ValueRange groups();
  /// Sum of the weights of the members that a row has.
  Value rowWeights();

  Value empty(ArrayRef<OpFoldResult> sizes, Type element) {
    return tensor::EmptyOp::create(b, loc, sizes, element);
  }
  Value init(Value from) { return buildEmptyLike(b, loc, from, out); }
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  AffineMap identity(unsigned rank) { return b.getMultiDimIdentityMap(rank); }
  /// All loops but the last.
  AffineMap ofRows(unsigned loops) {
    return identity(loops).dropResult(loops - 1);
  }
  SmallVector<OpFoldResult> rowSizes() {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
    sizes.pop_back();
    return sizes;
  }
  /// y, or zeros where it is null.
  Value orZeros(Value y) {
    SmallVector<OpFoldResult> sizes = rowSizes();
    sizes.push_back(b.getIndexAttr(out));
    return y ? y : vjp::buildFilled(b, loc, sizes, b.getF32Type(), 0.0);
  }
  Value apply(Value map, Value x, Value bias = {}) {
    auto type = withLastDimension(cast<RankedTensorType>(x.getType()),
                                  cast<MapType>(map.getType()).getOut());
    return ApplyOp::create(b, loc, type, map, x, bias, op.getSiteAttr(),
                           op.getEvaluateAttr());
  }

  RewriterBase &b;
  ApplyOp op;
  Location loc;
  bool merged;
  int64_t out;
  SmallVector<Value> members;
  /// x [rows.., IN]; ids [rows..] or [rows.., K] as i32, -1 for none; weights
  /// [rows.., K].
  Value x, ids, weights;
  SmallVector<Value> sorted;
  llvm::MapVector<std::pair<Attribute, Attribute>, SmallVector<Pair>> pairs;
  /// By their formats.
  llvm::MapVector<Attribute, SmallVector<Matrix>> matrices;
  SmallVector<Diagonal> diagonals;
  SmallVector<Apart> apart;
};

} // namespace

void BankExpander::normalizeIds() {
  // Compared as they are: a large i64 is no member because its low half is.
  int64_t count = op.getMap().getType().getShape().front();
  bool hasOtherwise = bool(op.getOtherwise());
  auto type = cast<RankedTensorType>(ids.getType());
  Value to = empty(tensor::getMixedSizes(b, loc, ids), b.getI32Type());
  ids = vjp::buildStructured(
      b, loc, {ids}, {identity(type.getRank()), identity(type.getRank())}, to,
      [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
        Type element = type.getElementType();
        Value bound = arith::ConstantOp::create(
            nested, l, nested.getIntegerAttr(element, count));
        Value none = arith::ConstantOp::create(
            nested, l,
            nested.getI32IntegerAttr(hasOtherwise ? int32_t(count) : -1));
        Value inside = arith::CmpIOp::create(
            nested, l, arith::CmpIPredicate::ult, args[0], bound);
        Value id = args[0];
        if (!element.isInteger(32))
          id = arith::TruncIOp::create(nested, l, nested.getI32Type(), id);
        return arith::SelectOp::create(nested, l, inside, id, none);
      });
}

void BankExpander::takeSharedInputs() {
  SmallVector<SmallVector<Value>> chains;
  for (Value member : members) {
    chains.emplace_back();
    chains.back() = member.getDefiningOp<LinearMapOpInterface>().getChain();
    if (chains.back().empty())
      chains.back().push_back(member);
  }
  bool changed = false;
  auto agree = [&](auto part) {
    return llvm::all_of(chains, [&](ArrayRef<Value> chain) {
      return !chain.empty() && part(chain) == part(ArrayRef(chains.front()));
    });
  };
  auto isChain = [](ArrayRef<Value> chain) { return chain.size() > 1; };
  while (llvm::any_of(chains, isChain) &&
         agree([](ArrayRef<Value> chain) { return chain.back(); })) {
    x = apply(chains.front().back(), x);
    for (SmallVector<Value> &chain : chains)
      chain.pop_back();
    changed = true;
  }
  if (!changed)
    return;
  int64_t in = cast<RankedTensorType>(x.getType()).getShape().back();
  for (auto [member, chain] : llvm::zip_equal(members, chains))
    member = buildComposed(b, loc, chain, in);
}

MapTerms BankExpander::takeSharedTerms(MutableArrayRef<MapTerms> terms) {
  MapTerms shared;
  auto take = [&](auto list, auto same) {
    auto first = terms.front().*list;
    for (const auto &term : first) {
      auto find = [&](MapTerms &of) {
        return llvm::find_if(
            of.*list, [&](const auto &other) { return same(term, other); });
      };
      if (!llvm::all_of(terms, [&](MapTerms &of) {
            return find(of) != (of.*list).end();
          }))
        continue;
      for (MapTerms &of : terms)
        (of.*list).erase(find(of));
      (shared.*list).push_back(term);
    }
  };
  take(&MapTerms::matrices, [](const auto &p, const auto &q) {
    return p.tensor == q.tensor && p.scale == q.scale;
  });
  take(&MapTerms::factors, [](const auto &p, const auto &q) {
    return p.b == q.b && p.a == q.a && p.gate == q.gate && p.scale == q.scale;
  });
  take(&MapTerms::others, [](const auto &p, const auto &q) {
    return p.map == q.map && p.scale == q.scale;
  });
  return shared;
}

/// The format in which kernels of groups read a factor; null where they do not.
static Attribute groupedFormat(OpBuilder &b, Value factor) {
  Attribute encoding = cast<RankedTensorType>(factor.getType()).getEncoding();
  if (!encoding)
    return format::FloatAttr::get(b.getContext(), b.getF32Type());
  auto format = dyn_cast<FormatAttrInterface>(encoding);
  return format && !format.getCodeGrid().bits ? encoding : Attribute();
}

void BankExpander::sortTerms(int64_t member, MapTerms &terms) {
  MapTerms rest;
  for (const auto &term : terms.matrices) {
    Value tensor = buildEncoded(b, loc, term.tensor);
    Attribute encoding = cast<RankedTensorType>(tensor.getType()).getEncoding();
    matrices[encoding].push_back({member, tensor, term.scale});
  }
  for (MapTerms::Factors &pair : terms.factors) {
    if (pair.gate && groupedFormat(b, pair.a)) {
      pair.b = buildMultipliedByVector(b, loc, buildDecoded(b, loc, pair.b),
                                       pair.gate);
      pair.gate = Value();
    }
    Attribute ofB = groupedFormat(b, pair.b), ofA = groupedFormat(b, pair.a);
    if (ofB && ofA && !pair.gate)
      pairs[{ofB, ofA}].push_back({member, buildEncoded(b, loc, pair.b),
                                   buildEncoded(b, loc, pair.a), pair.scale});
    else
      rest.factors.push_back(pair);
  }
  for (const MapTerms::Other &other : terms.others) {
    auto map = other.map.getDefiningOp<LinearMapOpInterface>();
    SmallVector<MapMonomial> monomials;
    if (succeeded(map.buildMonomials(b, loc, monomials))) {
      for (MapMonomial &monomial : monomials) {
        monomial.scale *= other.scale;
        diagonals.push_back({member, std::move(monomial)});
      }
      continue;
    }
    rest.others.push_back(other);
  }
  if (Value map = buildMapOfTerms(b, loc, rest))
    apart.push_back({member, map});
}

Value BankExpander::rowWeights() {
  auto weightOf = [](OpBuilder &nested, Location l, Value id, Value weight) {
    Value none =
        arith::ConstantOp::create(nested, l, nested.getI32IntegerAttr(0));
    Value zero =
        arith::ConstantOp::create(nested, l, nested.getF32FloatAttr(0.0f));
    if (!weight)
      weight =
          arith::ConstantOp::create(nested, l, nested.getF32FloatAttr(1.0f));
    Value inside =
        arith::CmpIOp::create(nested, l, arith::CmpIPredicate::sge, id, none);
    return arith::SelectOp::create(nested, l, inside, weight, zero).getResult();
  };
  SmallVector<OpFoldResult> rows = rowSizes();
  if (!weights)
    return vjp::buildStructured(
        b, loc, {ids}, {identity(rows.size()), identity(rows.size())},
        empty(rows, b.getF32Type()),
        [&](OpBuilder &nested, Location l, ValueRange args) {
          return weightOf(nested, l, args[0], Value());
        });
  AffineMap all = identity(rows.size() + 1);
  return vjp::buildReduction(
      b, loc, {ids, weights}, {all, all, ofRows(rows.size() + 1)}, rows,
      [&](OpBuilder &nested, Location l, ValueRange args) {
        return weightOf(nested, l, args[0], args[1]);
      });
}

Value BankExpander::applyShared(MapTerms &shared, Value &bias) {
  Value map = buildMapOfTerms(b, loc, shared);
  if (!map)
    return {};
  // Every row has one member: the weights are 1.
  if (op.getOtherwise() && !weights) {
    Value y = apply(map, x, bias);
    bias = Value();
    return y;
  }
  Value y = apply(map, x);
  unsigned rank = cast<RankedTensorType>(x.getType()).getRank();
  return vjp::buildStructured(
      b, loc, {y, rowWeights()}, {identity(rank), ofRows(rank), identity(rank)},
      init(x), [](OpBuilder &nested, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(nested, l, args[0], args[1]);
      });
}

/// All numbers as one vector.
static Value flat(OpBuilder &b, Location loc, Value value) {
  return value ? buildFolded(b, loc, value, 0) : Value();
}

Value BankExpander::applyDiagonals(Value y) {
  if (diagonals.empty())
    return y;
  SmallVector<Value> vectors, sources;
  SmallVector<int64_t> memberOf, vectorOf, sourcesOf;
  SmallVector<double> scales;
  DenseMap<Value, int64_t> knownVectors;
  DenseMap<Attribute, int64_t> knownSources;
  for (const Diagonal &term : diagonals) {
    const MapMonomial &m = term.monomial;
    memberOf.push_back(term.member);
    scales.push_back(m.scale);
    int64_t vector = -1, list = -1;
    if (m.vector) {
      vector = knownVectors.try_emplace(m.vector, vectors.size()).first->second;
      if (vector == int64_t(vectors.size()))
        vectors.push_back(m.vector);
    }
    if (!m.sources.empty()) {
      SmallVector<int32_t> numbers(m.sources.begin(), m.sources.end());
      auto attr = DenseElementsAttr::get(
          RankedTensorType::get({int64_t(numbers.size())}, b.getI32Type()),
          ArrayRef<int32_t>(numbers));
      list = knownSources.try_emplace(attr, sources.size()).first->second;
      if (list == int64_t(sources.size()))
        sources.push_back(arith::ConstantOp::create(b, loc, attr));
    }
    vectorOf.push_back(vector);
    sourcesOf.push_back(list);
  }
  Value to = y ? y : init(x);
  return GroupedDiagonalOp::create(b, loc, to.getType(), x, flat(b, loc, ids),
                                   vectors, sources, flat(b, loc, weights), to,
                                   memberOf, vectorOf, sourcesOf,
                                   b.getDenseF64ArrayAttr(scales),
                                   /*accumulate=*/bool(y), op.getSiteAttr())
      .getResult();
}

ValueRange BankExpander::groups() {
  if (!sorted.empty())
    return sorted;
  sorted = buildGroups(b, loc, flat(b, loc, ids), members.size());
  return sorted;
}

Value BankExpander::applyMatrices(ArrayRef<Matrix> list, Value y) {
  SmallVector<Value> tensors;
  SmallVector<int64_t> memberOf;
  SmallVector<double> scales;
  for (const Matrix &matrix : list) {
    tensors.push_back(matrix.tensor);
    memberOf.push_back(matrix.member);
    scales.push_back(matrix.scale);
  }
  ValueRange group = groups();
  Value to = y ? y : init(x);
  return GroupedLinearOp::create(
             b, loc, to.getType(), x, group[0], group[2], tensors,
             flat(b, loc, weights), to, memberOf, scales, Arithmetic::F32,
             /*accumulate=*/bool(y), /*stored=*/ArrayAttr(), op.getSiteAttr())
      .getResult();
}

Value BankExpander::applyPairs(ArrayRef<Pair> list, Value y) {
  SmallVector<Value> factors;
  SmallVector<int64_t> memberOf;
  SmallVector<double> scales;
  for (const Pair &pair : list) {
    llvm::append_values(factors, pair.b, pair.a);
    memberOf.push_back(pair.member);
    scales.push_back(pair.scale);
  }
  ValueRange group = groups();
  Value to = y ? y : init(x);
  return GroupedLowRankOp::create(
             b, loc, to.getType(), x, group[0], group[2], factors,
             flat(b, loc, weights), to, memberOf, scales,
             /*accumulate=*/bool(y), /*stored=*/ArrayAttr(), op.getSiteAttr())
      .getResult();
}

Value BankExpander::applyApart(Value y) {
  if (apart.empty())
    return y;
  ValueRange group = groups();
  Value order = group[0], places = group[1], offsets = group[2];
  Type f32 = b.getF32Type();
  auto offset = [&](int64_t member) -> Value {
    Value at = tensor::ExtractOp::create(b, loc, offsets,
                                         ValueRange{constant(member)});
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), at);
  };
  OpFoldResult perRow = b.getIndexAttr(1);
  unsigned numRows = rowSizes().size();
  if (weights)
    perRow = tensor::getMixedSize(b, loc, weights, numRows);
  Value k = getValueOrCreateConstantIndexOp(b, loc, perRow);
  auto asIndex = [](OpBuilder &nested, Location l, Value value) -> Value {
    return arith::IndexCastOp::create(nested, l, nested.getIndexType(), value);
  };
  // Rows of x in the order of the members that chose them, the others left out.
  Value from = buildFolded(b, loc, x, 1), total = offset(members.size());
  int64_t in = cast<RankedTensorType>(from.getType()).getDimSize(1);
  Value xs = buildRowsOfPlaces(b, loc, from, order, total, k);
  OpFoldResult numPlaces = tensor::getMixedSize(b, loc, order, 0);
  Value ys = vjp::buildFilled(b, loc, {numPlaces, b.getIndexAttr(out)}, f32, 0);
  for (const Apart &term : apart) {
    Value first = offset(term.member);
    Value count = arith::SubIOp::create(b, loc, offset(term.member + 1), first);
    SmallVector<OpFoldResult> at{first, b.getIndexAttr(0)},
        strides(2, b.getIndexAttr(1));
    Value part = tensor::ExtractSliceOp::create(
        b, loc, xs, at, ArrayRef<OpFoldResult>{count, b.getIndexAttr(in)},
        strides);
    ys = tensor::InsertSliceOp::create(
        b, loc, apply(term.map, part), ys, at,
        ArrayRef<OpFoldResult>{count, b.getIndexAttr(out)}, strides);
  }
  // Back in the order of x: number `member` of the row that the loops are at.
  SmallVector<Value> sizes;
  for (OpFoldResult size : rowSizes())
    sizes.push_back(getValueOrCreateConstantIndexOp(b, loc, size));
  auto take = [&](OpBuilder &nested, Location l, Value member) -> Value {
    auto index = [&](unsigned loop) -> Value {
      return linalg::IndexOp::create(nested, l, loop);
    };
    Value place = constant(0);
    for (auto [loop, size] : llvm::enumerate(sizes)) {
      place = arith::MulIOp::create(nested, l, place, size);
      place = arith::AddIOp::create(nested, l, place, index(loop));
    }
    if (member) {
      place = arith::MulIOp::create(nested, l, place, k);
      place = arith::AddIOp::create(nested, l, place, member);
    }
    Value at =
        asIndex(nested, l, tensor::ExtractOp::create(nested, l, places, place));
    return tensor::ExtractOp::create(nested, l, ys,
                                     ValueRange{at, index(numRows)});
  };
  y = orZeros(y);
  unsigned rank = numRows + 1;
  if (!weights)
    return vjp::buildStructured(
        b, loc, {y}, {identity(rank), identity(rank)}, init(x),
        [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
          return arith::AddFOp::create(nested, l, args[0],
                                       take(nested, l, Value()));
        });
  // The last loop is over the members of a row.
  return vjp::buildStructured(
      b, loc, {weights},
      {identity(rank + 1).dropResult(rank - 1), ofRows(rank + 1)}, y,
      [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
        Value member = linalg::IndexOp::create(nested, l, rank);
        Value term =
            arith::MulFOp::create(nested, l, args[0], take(nested, l, member));
        return arith::AddFOp::create(nested, l, args[1], term);
      });
}

Value BankExpander::run() {
  int64_t count = op.getMap().getType().getShape().front();
  for (int64_t m = 0; m < count; ++m)
    members.push_back(buildMemberOf(b, loc, op.getMap(), m));
  if (op.getOtherwise())
    members.push_back(op.getOtherwise());
  x = op.getX();
  ids = op.getIds();
  weights = op.getWeights();
  normalizeIds();
  Value bias = op.getBias(), y;
  if (merged) {
    for (auto [m, member] : llvm::enumerate(members))
      apart.push_back({int64_t(m), member});
  } else {
    bool isShared = members.size() > 1;
    if (isShared)
      takeSharedInputs();
    SmallVector<MapTerms> terms(members.size());
    for (auto [member, list] : llvm::zip_equal(members, terms))
      member.getDefiningOp<LinearMapOpInterface>().collectTerms(1.0, list);
    if (isShared) {
      MapTerms shared = takeSharedTerms(terms);
      y = applyShared(shared, bias);
    }
    for (auto [m, list] : llvm::enumerate(terms))
      sortTerms(m, list);
  }
  y = applyDiagonals(y);
  for (auto &[format, list] : matrices)
    y = applyMatrices(list, y);
  for (auto &[formats, list] : pairs)
    y = applyPairs(list, y);
  y = applyApart(y);
  y = orZeros(y);
  return bias ? buildAddedVector(b, loc, y, bias) : y;
}

Value adapter::buildBankApplication(RewriterBase &rewriter, ApplyOp op,
                                    bool merged) {
  return BankExpander(rewriter, op, merged).run();
}
