//===- AttentionManyRows.cpp - attention of prompts -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A unit goes over blocks of 32 keys, head by head: the keys are transposed
// into panels of 16 (keys in lanes, so no horizontal sums), the values copied
// to where they are contiguous; then per tile of 4 rows scores, running maximum
// and sum, and the weighted values, 4 x 16 accumulators in registers each.
//
//===----------------------------------------------------------------------===//

#include "AttentionCall.h"
#include <limits>

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

void ManyRowsAttention::allocate() {
  Type f32 = e.builder.getF32Type(), i32 = e.builder.getI32Type();
  IntegerAttr align = e.builder.getI64IntegerAttr(64);
  auto heap = [&](ArrayRef<int64_t> shape, ValueRange sizes) -> Value {
    return e.make<memref::AllocOp>(MemRefType::get(shape, f32), sizes, align);
  };
  auto stack = [&](ArrayRef<int64_t> shape, Type type) -> Value {
    return e.make<memref::AllocaOp>(MemRefType::get(shape, type), align);
  };
  constexpr int64_t any = ShapedType::kDynamic;
  queries = heap({kAttentionRows / kAttentionTile, any, kAttentionTile}, {c.D});
  keyPanels = heap({kAttentionBlock / kAttentionPanel, any, kAttentionPanel},
                   {e.roundUp(c.D, kLanes)});
  values = heap({kAttentionBlock, any}, {c.columns});
  result = heap({kAttentionRows, any}, {c.columns});
  scoreRows = stack({kAttentionTile, kAttentionBlock}, f32);
  rowMax = stack({kAttentionRows}, f32);
  rowSum = stack({kAttentionRows}, f32);
  lower = stack({kAttentionRows}, i32);
  upper = stack({kAttentionRows}, i32);
  if (c.rules.distances) {
    headOf = stack({kAttentionRows}, i32);
    positionOf = stack({kAttentionRows}, i32);
  }
  tileMax = stack({kAttentionTile}, f32);
  tileSum = stack({kAttentionTile}, f32);
}

void ManyRowsAttention::release() {
  for (Value buffer : {queries, keyPanels, values, result})
    e.dealloc(buffer);
}

/// Queries into tiles, limits of rows, empty accumulators. Rows that fill the
/// last tile of a head see nothing.
void ManyRowsAttention::prepareRows(const Unit &u) {
  e.forLoop(e.index(0), e.mul(u.heads, c.blockRows), 1, [&](Value n) {
    Value r = e.rem(n, c.blockRows), h = e.add(u.h0, e.div(n, c.blockRows));
    Value tile = e.div(n, kAttentionTile), lane = e.rem(n, kAttentionTile);
    e.store(c.inf(), rowMax, {n});
    e.store(e.f32(0.0), rowSum, {n});
    e.store(e.integer(0, 32), lower, {n});
    e.store(e.integer(0, 32), upper, {n});
    if (positionOf) {
      e.store(e.integer(0, 32), headOf, {n});
      e.store(e.integer(0, 32), positionOf, {n});
    }
    e.forLoop(e.index(0), c.columns, kLanes,
              [&](Value at) { e.vstore(e.vec(0.0), result, {n, at}); });
    e.ifThen(e.sless(r, u.rows), [&] {
      Value at = c.position(u, r);
      e.store(e.toI32(e.smin(c.firstSeen(at), u.last)), lower, {n});
      e.store(e.toI32(e.smin(c.limit(u, at), u.last)), upper, {n});
      auto [query, head] = c.query(h, e.add(u.r0, r));
      if (positionOf) {
        e.store(e.toI32(head), headOf, {n});
        e.store(e.toI32(at), positionOf, {n});
      }
      e.forLoop(e.index(0), c.D, 1, [&, query = query, head = head](Value d) {
        e.store(e.load(c.q, {u.b, query, head, d}), queries, {tile, d, lane});
      });
    });
    e.ifThen(e.sless(e.sub(u.rows, e.index(1)), r), [&] {
      e.forLoop(e.index(0), c.D, 1, [&](Value d) {
        e.store(e.f32(0.0), queries, {tile, d, lane});
      });
    });
  });
}

/// Transposes keys [j0, j0 + 16 * panels) into panels. Keys behind the last are
/// read as the last one: their scores are masked.
void ManyRowsAttention::packKeys(const Unit &u, Value head, Value j0,
                                 Value panels) {
  Value final = e.sub(u.last, e.index(1));
  e.forLoop(e.index(0), e.mul(panels, kAttentionPanel), kLanes, [&](Value j) {
    Value panel = e.div(j, e.index(kAttentionPanel)),
          lane = e.rem(j, e.index(kAttentionPanel));
    Values keys;
    for (int64_t i = 0; i < kLanes; ++i)
      keys.push_back(e.smin(e.add(e.add(j0, j), i), final));
    e.vectors(c.D, [&](Value d, Value mask) {
      Values rows;
      for (Value key : keys)
        rows.push_back(e.vload(c.k, {u.b, key, head, d}, mask));
      Values lanes = e.transpose8(rows);
      // Panels hold whole vectors of d, so the rest is stored whole.
      for (int64_t i = 0; i < kLanes; ++i)
        e.vstore(lanes[i], keyPanels, {panel, e.add(d, i), lane});
    });
  });
}

void ManyRowsAttention::packValues(const Unit &u, Value head, Value j0,
                                   Value keys) {
  e.forLoop(e.index(0), keys, 1, [&](Value j) {
    Value key = e.add(j0, j);
    e.vectors(c.Dv, [&](Value at, Value mask) {
      e.vstore(e.vload(c.v, {u.b, key, head, at}, mask), values, {j, at});
    });
  });
}

/// Masked scores of a tile into `scoreRows`; returns the maximum of each row.
Values ManyRowsAttention::scores(const Unit &u, Value tile, Value j0,
                                 Value panels) {
  Value iota = e.make<arith::ConstantOp>(DenseElementsAttr::get(
      e.i32Vector(), ArrayRef<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  Value low = e.vec(-std::numeric_limits<float>::infinity());
  Values lowers, uppers;
  SmallVector<AttentionRules::Row> rowsOf;
  for (int64_t r = 0; r < kAttentionTile; ++r) {
    Value row = e.add(e.mul(tile, kAttentionTile), r);
    lowers.push_back(e.spread(e.load(lower, {row})));
    uppers.push_back(e.spread(e.load(upper, {row})));
    AttentionRules::Row &facts = rowsOf.emplace_back();
    facts.b = u.b;
    if (positionOf) {
      facts.head = e.load(headOf, {row});
      facts.position = e.load(positionOf, {row});
    }
  }
  Values maxima = e.forLoop(
      e.index(0), panels, 1, Values(kAttentionTile, low),
      [&](Value panel, ValueRange sofar) {
        Values acc = e.forLoop(
            e.index(0), c.D, 1, Values(2 * kAttentionTile, e.vec(0.0)),
            [&](Value d, ValueRange now) {
              Value k0 = e.vload(keyPanels, {panel, d, e.index(0)}),
                    k1 = e.vload(keyPanels, {panel, d, e.index(kLanes)});
              Values next;
              for (int64_t r = 0; r < kAttentionTile; ++r) {
                Value query = e.spread(e.load(queries, {tile, d, e.index(r)}));
                next.push_back(e.fma(query, k0, now[2 * r]));
                next.push_back(e.fma(query, k1, now[2 * r + 1]));
              }
              return next;
            });
        Values next(sofar);
        for (int64_t half = 0; half < 2; ++half) {
          Value lane = e.add(e.mul(panel, kAttentionPanel), half * kLanes);
          Value key = e.add(e.spread(e.toI32(e.add(j0, lane))), iota);
          for (int64_t r = 0; r < kAttentionTile; ++r) {
            Value score = c.finishScore(acc[2 * r + half], key, lowers[r],
                                        uppers[r], rowsOf[r]);
            e.vstore(score, scoreRows, {e.index(r), lane});
            next[r] = e.maxf(next[r], score);
          }
        }
        return next;
      });
  for (Value &maximum : maxima)
    maximum = e.lanesMax(maximum);
  return maxima;
}

/// Scores to weights exp(score - tileMax), in place; their sums to `tileSum`.
void ManyRowsAttention::weights(Value panels) {
  Value width = e.mul(panels, kAttentionPanel);
  e.forLoop(e.index(0), e.index(kAttentionTile), 1, [&](Value r) {
    Value most = e.spread(e.load(tileMax, {r}));
    Value sum = e.forLoop(e.index(0), width, kLanes, {e.vec(0.0)},
                          [&](Value j, ValueRange sofar) {
                            Value weight =
                                c.exp(e.subf(e.vload(scoreRows, {r, j}), most));
                            e.vstore(weight, scoreRows, {r, j});
                            return Values{e.addf(sofar[0], weight)};
                          })[0];
    e.store(e.lanesSum(sum), tileSum, {r});
  });
}

/// result = result * correction + weights * values, for the rows of a tile.
void ManyRowsAttention::accumulate(Value tile, Value correction, Value keys) {
  Values rows, factors;
  for (int64_t r = 0; r < kAttentionTile; ++r) {
    rows.push_back(e.add(e.mul(tile, kAttentionTile), r));
    factors.push_back(
        e.spread(e.make<vector::ExtractOp>(correction, ArrayRef<int64_t>{r})));
  }
  e.forLoop(e.index(0), c.columns, kAttentionPanel, [&](Value at) {
    Value at1 = e.add(at, kLanes);
    Values start;
    for (int64_t r = 0; r < kAttentionTile; ++r) {
      start.push_back(e.mulf(e.vload(result, {rows[r], at}), factors[r]));
      start.push_back(e.mulf(e.vload(result, {rows[r], at1}), factors[r]));
    }
    Values acc =
        e.forLoop(e.index(0), keys, 1, start, [&](Value j, ValueRange now) {
          Value v0 = e.vload(values, {j, at}), v1 = e.vload(values, {j, at1});
          Values next;
          for (int64_t r = 0; r < kAttentionTile; ++r) {
            Value weight = e.spread(e.load(scoreRows, {e.index(r), j}));
            next.push_back(e.fma(weight, v0, now[2 * r]));
            next.push_back(e.fma(weight, v1, now[2 * r + 1]));
          }
          return next;
        });
    for (int64_t r = 0; r < kAttentionTile; ++r) {
      e.vstore(acc[2 * r], result, {rows[r], at});
      e.vstore(acc[2 * r + 1], result, {rows[r], at1});
    }
  });
}

void ManyRowsAttention::tileStep(const Unit &u, Value tile, Value j0,
                                 Value panels, Value keys) {
  Values maxima = scores(u, tile, j0, panels);
  Value row = e.mul(tile, kAttentionTile);
  Value most =
      e.make<vector::FromElementsOp>(e.f32Vector(kAttentionTile), maxima);
  Value before = e.vload(rowMax, {row}, kAttentionTile);
  Value now = e.maxf(before, most);
  // A row that has seen nothing yet keeps -inf; zero in its place makes its
  // weights exp(-inf) = 0 instead of exp(nan).
  Value reference = c.finiteOrZero(now);
  e.vstore(now, rowMax, {row});
  e.vstore(reference, tileMax, {e.index(0)});
  weights(panels);
  Value correction = c.exp(e.subf(before, reference));
  Value sum = e.fma(e.vload(rowSum, {row}, kAttentionTile), correction,
                    e.vload(tileSum, {e.index(0)}, kAttentionTile));
  e.vstore(sum, rowSum, {row});
  accumulate(tile, correction, keys);
}

void ManyRowsAttention::emitUnit(Value unit) {
  Unit u = c.decompose(unit);
  prepareRows(u);
  e.forLoop(u.first, u.last, kAttentionBlock, [&](Value j0) {
    Value keys = e.smin(e.index(kAttentionBlock), e.sub(u.last, j0));
    Value panels = e.ceilDiv(keys, kAttentionPanel);
    e.forLoop(e.index(0), u.heads, 1, [&](Value n) {
      Value head = e.add(u.h0, n),
            firstTile = e.div(e.mul(n, c.blockRows), kAttentionTile);
      packKeys(u, head, j0, panels);
      packValues(u, head, j0, keys);
      e.forLoop(e.index(0), e.ceilDiv(u.rows, kAttentionTile), 1,
                [&](Value tile) {
                  tileStep(u, e.add(firstTile, tile), j0, panels, keys);
                });
    });
  });
  c.finish(u, result, rowMax, rowSum);
}
