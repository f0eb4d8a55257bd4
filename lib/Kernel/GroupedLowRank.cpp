//===- GroupedLowRank.cpp - pairs of factors of many members ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One parallel region for all members. First z = w s A x, [pair][place of the
// member][rank, padded to a tile]: work is (pair, tile of A, group of rows),
// of pairs that some row chose. Then, behind a barrier, every thread has a
// range of outputs, to which it adds B z pair by pair: it reads
// its part of each B once, and meets no other thread in y.
//
//===----------------------------------------------------------------------===//

#include "GroupedParts.h"
#include "LinearParts.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

std::string GroupedLowRankSpec::getName() const {
  auto formatName = [](Attribute format) {
    return cast<FormatAttrInterface>(format).getShortName();
  };
  std::string name = "grouped_" + formatName(b) + formatName(a);
  if (weights)
    name += "_weighted";
  if (accumulate)
    name += "_plus";
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name;
}

Attribute GroupedLowRankSpec::getKey(MLIRContext *context) const {
  Builder builder(context);
  return builder.getArrayAttr(
      {b, a, builder.getDenseI64ArrayAttr({weights, accumulate})});
}

LogicalResult
GroupedLowRankSpec::verify(function_ref<InFlightDiagnostic()> emitError) const {
  for (Attribute format : {b, a}) {
    LinearKernelSpec spec;
    spec.weight = format;
    if (failed(spec.verify(emitError)))
      return failure();
    if (cast<FormatTileInterface>(format).getTileFacts().codeBits)
      return emitError() << "kernels of groups read factors without codes, not "
                         << format;
  }
  return success();
}

namespace {

/// Rows of a member that meet a tile of A together.
constexpr int64_t rowGroup = 4;

struct Driver {
  Emitter &e;
  const GroupedLowRankSpec &spec;
  Value x, order, offsets, table, terms, scales, weights, y;
  Value rows, in, out, perRow, numTerms, flatX;
  /// Of pair t: where its work begins, and its part of z.
  Value itemStarts, zStarts, z;

  Driver(Emitter &e, const GroupedLowRankSpec &spec, ValueRange args)
      : e(e), spec(spec) {
    auto next = args.begin();
    x = *next++;
    order = *next++;
    offsets = *next++;
    table = *next++;
    terms = *next++;
    scales = *next++;
    if (spec.weights)
      weights = *next++;
    y = *next++;
    rows = e.dim(x, 0);
    in = e.dim(x, 1);
    out = e.dim(y, 1);
    perRow = e.div(e.dim(order, 0), e.max(rows, e.index(1)));
    numTerms = e.dim(scales, 0);
    flatX = e.flatten(x);
  }

  struct Pair {
    Value first, count, b, a, rank, tiles;
  };
  Pair load(Value t) {
    Value at = e.mul(t, groupedPairNumbers);
    Value member = loadIndex(e, terms, at);
    Pair pair;
    pair.first = loadIndex(e, offsets, member);
    pair.count = e.sub(loadIndex(e, offsets, e.add(member, 1)), pair.first);
    pair.b = loadIndex(e, terms, e.add(at, 1));
    pair.a = loadIndex(e, terms, e.add(at, 2));
    pair.rank = loadIndex(e, terms, e.add(at, 3));
    pair.tiles = e.ceilDiv(pair.rank, tileRows);
    return pair;
  }
  /// The place of number `i` of the rows of a pair.
  Value placeOf(const Pair &pair, Value i) {
    return loadIndex(e, order, e.add(pair.first, i));
  }
  Value rowOf(Value place) {
    return spec.weights ? e.div(place, perRow) : place;
  }
  /// Runs `one` where a group has one row, else `many`.
  void bySize(Value left, function_ref<void()> one, function_ref<void()> many) {
    (void)e.ifElse(
        e.less(left, e.index(2)), {},
        [&] {
          one();
          return Values();
        },
        [&] {
          many();
          return Values();
        });
  }

  void emitA(Value t, const Pair &pair, Value tile, Value group) {
    Value first = e.mul(group, rowGroup);
    PackedMatrix a(e, spec.a, e.load(table, pair.a), pair.rank, in);
    Value zBase = toIndex(e, e.load(zStarts, t));
    Value padded = e.mul(pair.tiles, tileRows);
    auto emit = [&](int64_t size) {
      SmallVector<FloatVector> xs;
      Values factors, places;
      for (int64_t lane = 0; lane < size; ++lane) {
        Value i = size == 1 ? first
                            : e.min(e.add(first, lane),
                                    e.sub(pair.count, e.index(1)));
        Value place = placeOf(pair, i);
        xs.push_back({flatX, e.mul(rowOf(place), in), {}, {}});
        Value factor = e.load(scales, t);
        if (weights)
          factor = e.mulf(factor, e.load(weights, place));
        factors.push_back(factor);
        places.push_back(
            e.add(e.add(zBase, e.mul(i, padded)), e.mul(tile, tileRows)));
      }
      VectorType type = e.f32Vector();
      Values acc =
          emitFloatDot(e, a, {tile}, xs, Values(size, e.splat(0.0, type)));
      for (auto [value, factor, to] : llvm::zip_equal(acc, factors, places))
        e.storeVector(e.mulf(value, e.broadcast(factor, type)), z, to);
    };
    bySize(e.sub(pair.count, first), [&] { emit(1); }, [&] { emit(rowGroup); });
  }

  /// y[row i, tiles] += B z for rows from `i` on.
  void emitB(const Pair &pair, const PackedMatrix &b, Value zBase, Value i,
             int64_t size, ArrayRef<Value> tiles, bool whole) {
    Value padded = e.mul(pair.tiles, tileRows);
    VectorType type = e.f32Vector();
    SmallVector<FloatVector> zs;
    Values at, acc;
    for (int64_t lane = 0; lane < size; ++lane) {
      Value number =
          size == 1 ? i : e.min(e.add(i, lane), e.sub(pair.count, e.index(1)));
      zs.push_back({z, e.add(zBase, e.mul(number, padded)), {}, {}});
      at.push_back(rowOf(placeOf(pair, number)));
    }
    SmallVector<std::pair<Values, Value>> targets;
    for (Value tile : tiles)
      for (Value row : at) {
        Value column = e.mul(tile, tileRows);
        Value mask = whole ? Value() : e.laneMask(e.sub(out, column));
        Values place{row, column};
        acc.push_back(mask ? e.loadLanes(type, y, place, mask)
                           : e.loadVector(type, y, place));
        targets.push_back({place, mask});
      }
    acc = emitFloatDot(e, b, tiles, zs, acc);
    for (auto [value, target] : llvm::zip_equal(acc, targets)) {
      if (target.second)
        e.storeLanes(value, y, target.first, target.second);
      else
        e.storeVector(value, y, target.first);
    }
  }

  void emitPairB(Value t, const Pair &pair, kernel::Range tiles) {
    PackedMatrix b(e, spec.b, e.load(table, pair.b), out, pair.rank);
    Value zBase = toIndex(e, e.load(zStarts, t));
    // Rows come one by one where a row may come twice.
    int64_t size = spec.weights ? 1 : rowGroup;
    // Of one row tile by tile, in the order of memory.
    constexpr int64_t together = 1;
    Value whole = e.min(tiles.hi, e.div(out, tileRows));
    whole = e.max(whole, tiles.lo);
    e.forLoop(e.index(0), pair.count, size, [&](Value i) {
      auto one = [&] {
        Value end = e.add(
            tiles.lo, e.mul(e.div(e.sub(whole, tiles.lo), together), together));
        e.forLoop(tiles.lo, end, together, [&](Value tile) {
          Values next;
          for (int64_t r = 0; r < together; ++r)
            next.push_back(e.add(tile, r));
          emitB(pair, b, zBase, i, 1, next, /*whole=*/true);
        });
        e.forLoop(end, tiles.hi, 1, [&](Value tile) {
          emitB(pair, b, zBase, i, 1, {tile}, /*whole=*/false);
        });
      };
      if (size == 1)
        return one();
      bySize(e.sub(pair.count, i), one, [&] {
        e.forLoop(tiles.lo, whole, 1, [&](Value tile) {
          emitB(pair, b, zBase, i, size, {tile}, /*whole=*/true);
        });
        e.forLoop(whole, tiles.hi, 1, [&](Value tile) {
          emitB(pair, b, zBase, i, size, {tile}, /*whole=*/false);
        });
      });
    });
  }

  void emit() {
    Value zero = e.index(0);
    Arena lists(e);
    Type i64 = e.builder.getI64Type();
    unsigned itemsPart = lists.reserve(i64, e.add(numTerms, 1)),
             zPart = lists.reserve(i64, e.add(numTerms, 1));
    Scratch listMemory = e.scratch(lists.getBytes());
    itemStarts = lists.get(listMemory.bytes, itemsPart);
    zStarts = lists.get(listMemory.bytes, zPart);
    // Items, numbers of z, products.
    Values totals = e.forLoop(
        zero, numTerms, 1, Values(3, zero), [&](Value t, ValueRange sums) {
          Pair pair = load(t);
          e.store(fromIndex(e, sums[0], 64), itemStarts, t);
          e.store(fromIndex(e, sums[1], 64), zStarts, t);
          Value items = e.mul(e.ceilDiv(pair.count, rowGroup), pair.tiles);
          Value numbers = e.mul(e.mul(pair.count, pair.tiles), tileRows);
          return Values{e.add(sums[0], items), e.add(sums[1], numbers),
                        e.add(sums[2], e.mul(numbers, e.add(in, out)))};
        });
    e.store(fromIndex(e, totals[0], 64), itemStarts, numTerms);
    e.store(fromIndex(e, totals[1], 64), zStarts, numTerms);
    Arena results(e);
    unsigned resultPart = results.reserve(e.builder.getF32Type(), totals[1]);
    Scratch zMemory = e.scratch(results.getBytes());
    z = results.get(zMemory.bytes, resultPart);
    Value work = e.add(totals[2], e.mul(rows, out));
    e.parallel(e.less(e.index(worthTeam), work), [&] {
      kernel::Range threads{e.threadId(), e.numThreads()};
      kernel::Range share = e.share(totals[0], threads.lo, threads.hi);
      e.forLoop(zero, numTerms, 1, [&](Value t) {
        Value begin = toIndex(e, e.load(itemStarts, t)),
              end = toIndex(e, e.load(itemStarts, e.add(t, 1)));
        Value lo = e.max(share.lo, begin), hi = e.min(share.hi, end);
        e.ifThen(e.less(lo, hi), [&] {
          Pair pair = load(t);
          Value groups = e.ceilDiv(pair.count, rowGroup);
          e.forLoop(lo, hi, 1, [&](Value item) {
            Value local = e.sub(item, begin);
            // All rows meet a tile before the next one is read.
            emitA(t, pair, e.div(local, groups), e.rem(local, groups));
          });
        });
      });
      e.barrier();
      kernel::Range tiles =
          e.share(e.ceilDiv(out, tileRows), threads.lo, threads.hi);
      Value from = e.mul(tiles.lo, tileRows),
            to = e.min(e.mul(tiles.hi, tileRows), out);
      if (!spec.accumulate)
        e.forLoop(zero, rows, 1,
                  [&](Value row) { emitZeros(e, y, row, from, to); });
      e.forLoop(zero, numTerms, 1, [&](Value t) {
        Pair pair = load(t);
        e.ifThen(e.less(zero, pair.count), [&] { emitPairB(t, pair, tiles); });
      });
    });
    e.release(zMemory);
    e.release(listMemory);
  }
};

} // namespace

func::FuncOp
allot::kernel::buildGroupedLowRankKernel(ModuleOp module,
                                         const GroupedLowRankSpec &spec) {
  MLIRContext *context = module.getContext();
  int64_t any = ShapedType::kDynamic;
  Type f32 = Float32Type::get(context);
  Type bytes = MemRefType::get(any, IntegerType::get(context, 8)),
       numbers = MemRefType::get(any, IntegerType::get(context, 32)),
       vector = MemRefType::get(any, f32),
       matrix = MemRefType::get({any, any}, f32);
  SmallVector<Type> types{
      matrix, numbers, numbers, MemRefType::get(any, bytes), numbers, vector};
  if (spec.weights)
    types.push_back(vector);
  types.push_back(matrix);
  return buildKernelFunction(
      module, spec.getName(), types,
      [&](Emitter &e, ValueRange args) { Driver(e, spec, args).emit(); });
}
