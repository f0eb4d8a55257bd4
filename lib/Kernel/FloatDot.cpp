//===- FloatDot.cpp - dot products and decoding in f32 ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearParts.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

PackedMatrix::PackedMatrix(Emitter &e, Attribute attr, Value bytes, Value rows,
                           Value columns)
    : format(cast<FormatTileInterface>(attr)), facts(format.getTileFacts()),
      rows(rows), columns(columns), tiles(e.ceilDiv(rows, tileRows)) {
  state = format.emitPrologue(e.builder, e.loc, bytes, rows, columns);
}

/// Bytes of a weight that are on their way from memory while others are met:
/// what processors fetch ahead on their own ends with a page, or sooner.
static constexpr int64_t prefetchDistance = 4096;

/// Accumulators for one (tile, row): enough to hide the latency of an fma.
static int64_t partialsFor(size_t pairs) {
  return pairs == 1 ? 4 : pairs == 2 ? 2 : 1;
}

/// Byte `kk` of each 32-bit lane as a float.
static Value codeFloat(Emitter &e, Value codes, int64_t kk) {
  Value lanes = e.shr(e.bitcast(codes, e.i32Vector()), 8 * kk);
  if (kk < 3)
    lanes = e.bitAnd(lanes, 255);
  return e.toFloat(lanes);
}

/// Sum of `count` (a multiple of 8) floats.
static Value sumFloats(Emitter &e, Value data, Value at, int64_t count) {
  Values vectors;
  for (int64_t i = 0; i < count; i += 8)
    vectors.push_back(e.loadVector(e.f32Vector(), data, e.add(at, i)));
  return vector::ReductionOp::create(
      e.builder, e.loc, vector::CombiningKind::ADD, e.sum(vectors));
}

static Values dotFloats(Emitter &e, const PackedMatrix &m,
                        ArrayRef<Value> tiles, ArrayRef<FloatVector> xs,
                        ArrayRef<Value> acc) {
  int64_t pairs = acc.size(), partials = partialsFor(pairs);
  Values inits(acc);
  inits.append(pairs * (partials - 1), e.splat(0.0, e.f32Vector()));
  auto column = [&](Value k, int64_t partial, Values &values) {
    Values w;
    for (Value tile : tiles)
      w.push_back(m.format.emitLoadFloat(e.builder, e.loc, m.state, tile, k));
    for (auto [c, x] : llvm::enumerate(xs)) {
      Value splat = e.loadSplat(e.f32Vector(), x.data, e.add(x.base, k));
      for (size_t r = 0; r < tiles.size(); ++r) {
        Value &sum = values[partial * pairs + r * xs.size() + c];
        sum = e.fma(w[r], splat, sum);
      }
    }
  };
  Value whole = e.mul(e.div(m.columns, partials), partials);
  Values sums = e.forLoop(
      e.index(0), whole, partials, inits, [&](Value k, ValueRange args) {
        Values values(args);
        if (pairs == 1)
          m.format.emitPrefetchFloats(e.builder, e.loc, m.state, tiles[0], k,
                                      partials, prefetchDistance);
        for (int64_t p = 0; p < partials; ++p)
          column(e.add(k, p), p, values);
        return values;
      });
  if (partials > 1)
    sums = e.forLoop(whole, m.columns, 1, sums, [&](Value k, ValueRange args) {
      Values values(args);
      column(k, 0, values);
      return values;
    });
  Values result;
  for (int64_t i = 0; i < pairs; ++i) {
    Values parts;
    for (int64_t p = 0; p < partials; ++p)
      parts.push_back(sums[p * pairs + i]);
    result.push_back(e.sum(parts));
  }
  return result;
}

static Values dotCodes(Emitter &e, const PackedMatrix &m, ArrayRef<Value> tiles,
                       ArrayRef<FloatVector> xs, ArrayRef<Value> acc) {
  const TileFacts &facts = m.facts;
  int64_t pairs = acc.size(), partials = partialsFor(pairs);
  Value zero = e.splat(0.0, e.f32Vector());
  auto block = [&](Value b, ValueRange args) {
    Value k0 = e.mul(b, facts.block);
    Values blockSums, bases, inits;
    bool needsSum = facts.hasOffset || facts.zeroPoint;
    for (const FloatVector &x : xs) {
      bases.push_back(e.add(x.base, k0));
      if (!needsSum)
        continue;
      Value sum = x.sums ? e.load(x.sums, e.add(x.sumBase, b))
                         : sumFloats(e, x.data, bases.back(), facts.block);
      blockSums.push_back(e.broadcast(sum, e.f32Vector()));
    }
    for (int64_t i = 0; i < pairs; ++i) {
      bool starts = !facts.hasOffset && facts.zeroPoint;
      inits.push_back(
          starts ? e.mulf(blockSums[i % xs.size()],
                          e.splat(-double(facts.zeroPoint), e.f32Vector()))
                 : zero);
    }
    inits.append(pairs * (partials - 1), zero);
    if (pairs == 1)
      m.format.emitPrefetch(e.builder, e.loc, m.state, tiles[0], b,
                            prefetchDistance);
    Values sums = e.repeat(
        facts.stepsPerBlock, /*unroll=*/false, inits,
        [&](Value step, ValueRange stepArgs) {
          Values values(stepArgs);
          SmallVector<SmallVector<Value>> raw;
          for (Value tile : tiles)
            raw.push_back(m.format.emitLoadStep(e.builder, e.loc, m.state, tile,
                                                b, step));
          for (int64_t part = 0; part < facts.groupsPerStep; ++part) {
            Values codes;
            for (size_t r = 0; r < tiles.size(); ++r)
              codes.push_back(
                  m.format.emitUnpack(e.builder, e.loc, raw[r], part));
            Value group = e.add(step, part * facts.stepsPerBlock);
            Value k = e.mul(group, 4);
            for (int64_t kk = 0; kk < 4; ++kk) {
              Values w;
              for (Value c : codes)
                w.push_back(codeFloat(e, c, kk));
              for (size_t c = 0; c < xs.size(); ++c) {
                Value at = e.add(e.add(bases[c], k), kk);
                Value splat = e.loadSplat(e.f32Vector(), xs[c].data, at);
                for (size_t r = 0; r < tiles.size(); ++r) {
                  Value &sum =
                      values[(kk % partials) * pairs + r * xs.size() + c];
                  sum = e.fma(w[r], splat, sum);
                }
              }
            }
          }
          return values;
        });
    Values next(args);
    for (size_t r = 0; r < tiles.size(); ++r) {
      ScaleOffset so =
          m.format.emitScales(e.builder, e.loc, m.state, tiles[r], b);
      for (size_t c = 0; c < xs.size(); ++c) {
        int64_t i = r * xs.size() + c;
        Values parts;
        for (int64_t p = 0; p < partials; ++p)
          parts.push_back(sums[p * pairs + i]);
        next[i] = e.fma(so.scale, e.sum(parts), next[i]);
        if (so.offset)
          next[i] = e.fma(so.offset, blockSums[c], next[i]);
      }
    }
    return next;
  };
  return e.forLoop(e.index(0), m.getBlocks(e), 1, acc, block);
}

Values allot::kernel::emitFloatDot(Emitter &e, const PackedMatrix &m,
                                   ArrayRef<Value> tiles,
                                   ArrayRef<FloatVector> xs,
                                   ArrayRef<Value> acc) {
  // A row scale multiplies this product alone, not what acc holds already.
  Values rowScales;
  for (Value tile : tiles)
    if (Value s = m.format.emitRowScale(e.builder, e.loc, m.state, tile))
      rowScales.push_back(s);
  Values start(acc);
  if (!rowScales.empty())
    start.assign(acc.size(), e.splat(0.0, e.f32Vector()));
  Values sums = m.isInteger() ? dotCodes(e, m, tiles, xs, start)
                              : dotFloats(e, m, tiles, xs, start);
  if (!rowScales.empty())
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] = e.fma(sums[i], rowScales[i / xs.size()], acc[i]);
  return sums;
}

void allot::kernel::emitDecodePanel(Emitter &e, const PackedMatrix &m,
                                    ArrayRef<Value> tiles, Value lo, Value hi,
                                    Value panel) {
  const TileFacts &facts = m.facts;
  int64_t width = tileRows * tiles.size();
  auto put = [&](Value value, Value column, size_t r) {
    e.storeVector(value, panel, e.add(e.mul(column, width), r * tileRows));
  };
  if (!m.isInteger()) {
    e.forLoop(lo, hi, 1, [&](Value k) {
      for (auto [r, tile] : llvm::enumerate(tiles))
        put(m.format.emitLoadFloat(e.builder, e.loc, m.state, tile, k),
            e.sub(k, lo), r);
    });
    return;
  }
  e.forLoop(lo, hi, 1, [&](Value b) {
    Value first = e.mul(e.sub(b, lo), facts.block);
    for (size_t r = 0; r < tiles.size(); ++r) {
      Value tile = tiles[r];
      ScaleOffset so = m.format.emitScales(e.builder, e.loc, m.state, tile, b);
      Value offset = so.offset;
      if (!offset)
        offset =
            e.mulf(so.scale, e.splat(-double(facts.zeroPoint), e.f32Vector()));
      e.repeat(facts.stepsPerBlock, /*unroll=*/false, {},
               [&](Value step, ValueRange) {
                 SmallVector<Value> raw = m.format.emitLoadStep(
                     e.builder, e.loc, m.state, tile, b, step);
                 for (int64_t part = 0; part < facts.groupsPerStep; ++part) {
                   Value codes =
                       m.format.emitUnpack(e.builder, e.loc, raw, part);
                   Value group = e.add(step, part * facts.stepsPerBlock);
                   Value column = e.add(first, e.mul(group, 4));
                   for (int64_t kk = 0; kk < 4; ++kk)
                     put(e.fma(codeFloat(e, codes, kk), so.scale, offset),
                         e.add(column, kk), r);
                 }
                 return Values();
               });
    }
  });
}
