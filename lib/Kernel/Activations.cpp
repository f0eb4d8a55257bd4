//===- Activations.cpp - x as kernels read it -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearParts.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;
using Dot = IntegerPlan::Dot;

/// Loads 8 columns at `column` + j of a row that starts at `base`, zeros where
/// the row has ended.
static Value loadColumns(Emitter &e, Value x, Value base, Value column,
                         Value columns) {
  Value left = e.sub(e.max(columns, column), column);
  return e.loadLanes(e.f32Vector(), x, e.add(base, column), e.laneMask(left));
}

static Value reduce(Emitter &e, vector::CombiningKind kind, Value vector) {
  return vector::ReductionOp::create(e.builder, e.loc, kind, vector);
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

IntegerActivations::IntegerActivations(Emitter &e, const IntegerPlan &plan,
                                       int64_t rowGroup, Value rows,
                                       Value columns)
    : plan(plan), rowGroup(rowGroup), rows(rows), columns(columns),
      blocks(e.ceilDiv(columns, plan.block)),
      rowGroups(e.ceilDiv(rows, rowGroup)) {}

void IntegerActivations::reserve(Arena &arena) {
  Emitter &e = arena.getEmitter();
  Value places = e.mul(getNumItems(e), rowGroup);
  Type i32 = e.builder.getI32Type(), f32 = e.builder.getF32Type();
  wordsPart = arena.reserve(i32, e.mul(places, plan.groups * plan.words));
  scalesPart = arena.reserve(f32, places);
  if (plan.needsSum)
    sumsPart = arena.reserve(f32, places);
  if (plan.hasStart())
    startsPart = arena.reserve(i32, e.mul(places, plan.chunks));
}

void IntegerActivations::bind(Arena &arena, Value buffer) {
  words = arena.get(buffer, wordsPart);
  scales = arena.get(buffer, scalesPart);
  if (plan.needsSum)
    sums = arena.get(buffer, sumsPart);
  if (plan.hasStart())
    starts = arena.get(buffer, startsPart);
}

Value IntegerActivations::getNumItems(Emitter &e) const {
  return e.mul(rowGroups, blocks);
}

Value IntegerActivations::place(Emitter &e, Value group, Value block) const {
  return e.mul(e.add(e.mul(group, blocks), block), rowGroup);
}

VectorType IntegerActivations::wordType(Emitter &e) const {
  return plan.dot == Dot::PairsI32 ? e.i16Vector() : e.i8Vector();
}

Value IntegerActivations::word(Emitter &e, Value place, Value group,
                               int64_t word, int64_t row) const {
  Value at =
      e.add(e.mul(place, plan.groups * plan.words),
            e.add(e.mul(group, plan.words * rowGroup), word * rowGroup + row));
  return e.loadSplat(wordType(e), words, at);
}

Value IntegerActivations::start(Emitter &e, Value place, Value chunk,
                                int64_t row) const {
  Value at =
      e.add(e.mul(place, plan.chunks), e.add(e.mul(chunk, rowGroup), row));
  return e.loadSplat(e.i32Vector(), starts, at);
}

Value IntegerActivations::start(Emitter &e, Value place, int64_t chunk,
                                int64_t row) const {
  return start(e, place, e.index(chunk), row);
}

Value IntegerActivations::finishBlock(Emitter &e, Value place, int64_t row,
                                      Value sum, Value scale, Value offset,
                                      Value acc) const {
  Value at = e.add(place, row);
  Value sx = e.loadSplat(e.f32Vector(), scales, at);
  acc = e.fma(e.mulf(scale, sx), e.toFloat(sum), acc);
  if (offset)
    acc = e.fma(offset, e.loadSplat(e.f32Vector(), sums, at), acc);
  return acc;
}

void IntegerActivations::fill(Emitter &e, const RowSource &x,
                              kernel::Range items) const {
  e.forLoop(items.lo, items.hi, 1, [&](Value item) {
    Value group = e.div(item, blocks), block = e.rem(item, blocks);
    Value at = place(e, group, block);
    auto fillRow = [&](Value lane) {
      Value row = e.add(e.mul(group, rowGroup), lane);
      row = e.min(row, e.sub(rows, e.index(1)));
      fillBlock(e, x, row, block, at, lane);
    };
    if (rowGroup == 1)
      fillRow(e.index(0));
    else
      e.forLoop(e.index(0), e.index(rowGroup), 1, fillRow);
  });
}

void IntegerActivations::fillBlock(Emitter &e, const RowSource &x, Value row,
                                   Value block, Value place, Value lane) const {
  OpBuilder &b = e.builder;
  Location loc = e.loc;
  Value base = x.base(e, row), first = e.mul(block, plan.block);
  int64_t vectors = plan.block / 8;
  bool unroll = rowGroup == 1 && vectors <= 4;

  // Largest |x|, scale.
  Value zero = e.splat(0.0, e.f32Vector());
  Value largest = e.repeat(vectors, unroll, {zero}, [&](Value j, ValueRange m) {
    Value v = loadColumns(e, x.data, base, e.add(first, e.mul(j, 8)), columns);
    v = math::AbsFOp::create(b, loc, v);
    Value more =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, v, m[0]);
    return Values{arith::SelectOp::create(b, loc, more, v, m[0])};
  })[0];
  largest = reduce(e, vector::CombiningKind::MAXNUMF, largest);
  // Where 1 / |x| would overflow, x counts as zero.
  Value usable = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT,
                                       largest, e.f32(1e-30));
  Value level = e.f32(double(plan.level)), none = e.f32(0.0);
  Value scale = e.select(usable, e.divf(largest, level), none);
  Value inverse = e.select(usable, e.divf(level, largest), none);
  Value factor = e.broadcast(inverse, e.f32Vector());

  // Codes, chunk by chunk.
  bool needsSums = plan.hasStart() || plan.needsSum;
  int64_t chunkVectors = vectors / plan.chunks;
  Value wordBase = e.mul(place, plan.groups * plan.words);
  Value total = e.integer(0, 32);
  auto chunkBody = [&](Value chunk, ValueRange args) {
    Value chunkSums = e.splatInt(0, e.i32Vector());
    Values inits;
    if (needsSums)
      inits.push_back(chunkSums);
    Values sumsOfChunk =
        e.repeat(chunkVectors, unroll, inits, [&](Value i, ValueRange s) {
          Value j = e.add(e.mul(chunk, chunkVectors), i);
          Value v =
              loadColumns(e, x.data, base, e.add(first, e.mul(j, 8)), columns);
          v = math::RoundEvenOp::create(b, loc, e.mulf(v, factor));
          Value q = arith::FPToSIOp::create(b, loc, e.i32Vector(), v);
          Value packed;
          if (plan.dot == Dot::PairsI32) {
            packed = arith::TruncIOp::create(b, loc, e.i16Vector(8), q);
            packed = vector::ShuffleOp::create(
                b, loc, packed, packed,
                ArrayRef<int64_t>{0, 2, 1, 3, 4, 6, 5, 7});
          } else {
            packed = arith::TruncIOp::create(b, loc, e.i8Vector(8), q);
          }
          int64_t count = 2 * plan.words;
          packed = e.bitcast(packed, e.i32Vector(count));
          Value at = e.add(wordBase, e.mul(j, count * rowGroup));
          if (rowGroup == 1)
            e.storeVector(packed, words, at);
          else
            for (int64_t word = 0; word < count; ++word)
              e.store(vector::ExtractOp::create(b, loc, packed, word), words,
                      e.add(e.add(at, word * rowGroup), lane));
          if (!needsSums)
            return Values();
          return Values{e.add(s[0], q)};
        });
    if (!needsSums)
      return Values(args);
    auto lanesSum = [&](ArrayRef<int64_t> lanes) {
      Value part = vector::ShuffleOp::create(b, loc, sumsOfChunk[0],
                                             sumsOfChunk[0], lanes);
      return reduce(e, vector::CombiningKind::ADD, part);
    };
    // A lane of 16 bits holds columns 0 and 1, or 2 and 3, of a group.
    Value low = lanesSum({0, 1, 4, 5}), high = lanesSum({2, 3, 6, 7});
    if (plan.dot == Dot::BytesI16) {
      Value word = e.bitOr(e.bitAnd(e.mul(low, -plan.center), 0xffff),
                           e.shl(e.mul(high, -plan.center), 16));
      Value at =
          e.add(e.add(e.mul(place, plan.chunks), e.mul(chunk, rowGroup)), lane);
      e.store(word, starts, at);
    }
    return Values{e.add(args[0], e.add(low, high))};
  };
  total = e.repeat(plan.chunks, unroll, {total}, chunkBody)[0];
  Value at = e.add(place, lane);
  e.store(scale, scales, at);
  if (plan.hasStart() && plan.dot != Dot::BytesI16)
    e.store(e.mul(total, -plan.center), starts, at);
  if (plan.needsSum)
    e.store(e.mulf(scale, e.toFloat(total)), sums, at);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

FloatActivations::FloatActivations(Emitter &e, int64_t unit, bool withSums,
                                   Value rows, Value columns)
    : unit(unit), withSums(withSums), rows(rows), columns(columns),
      units(e.div(e.alignTo(columns, maxBlock), unit)) {}

void FloatActivations::reserve(Arena &arena) {
  Emitter &e = arena.getEmitter();
  Type f32 = e.builder.getF32Type();
  dataPart = arena.reserve(f32, e.mul(getNumItems(e), unit));
  if (withSums)
    sumsPart = arena.reserve(f32, getNumItems(e));
}

void FloatActivations::bind(Arena &arena, Value buffer) {
  data = arena.get(buffer, dataPart);
  if (withSums)
    sums = arena.get(buffer, sumsPart);
}

Value FloatActivations::getNumItems(Emitter &e) const {
  return e.mul(rows, units);
}

void FloatActivations::fill(Emitter &e, const RowSource &x,
                            kernel::Range items) const {
  e.forLoop(items.lo, items.hi, 1, [&](Value item) {
    Value row = e.div(item, units), first = e.mul(e.rem(item, units), unit);
    Value base = x.base(e, row), target = e.mul(item, unit);
    Value zero = e.splat(0.0, e.f32Vector());
    Value sum = e.repeat(
        unit / 8, /*unroll=*/false, {zero}, [&](Value j, ValueRange s) {
          Value column = e.mul(j, 8);
          Value v = loadColumns(e, x.data, base, e.add(first, column), columns);
          e.storeVector(v, data, e.add(target, column));
          return Values{e.addf(s[0], v)};
        })[0];
    if (withSums)
      e.store(reduce(e, vector::CombiningKind::ADD, sum), sums, item);
  });
}

FloatVector FloatActivations::get(Emitter &e, Value row) const {
  Value first = e.mul(row, units);
  FloatVector x{data, e.mul(first, unit), {}, {}};
  if (withSums) {
    x.sums = sums;
    x.sumBase = first;
  }
  return x;
}
