//===- AttentionFewRows.cpp - attention of a new token ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing is packed: with few rows keys and values are met a few times only. A
// unit takes several key heads and goes over groups of 8 keys, all heads of a
// group before the next, which is the order of memory (head by head the
// processor does not fetch ahead, and it is two to three times slower). Scores
// are dot products along d, 8 keys at once, whose lanes are summed by a
// transpose.
//
//===----------------------------------------------------------------------===//

#include "AttentionCall.h"
#include <limits>

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

void FewRowsAttention::allocate() {
  Type f32 = e.builder.getF32Type(), i32 = e.builder.getI32Type();
  auto stack = [&](ArrayRef<int64_t> shape, Type type) -> Value {
    return e.make<memref::AllocaOp>(MemRefType::get(shape, type),
                                    e.builder.getI64IntegerAttr(64));
  };
  scoreRows = stack({kAttentionRows, kAttentionBlock}, f32);
  blockMax = stack({kAttentionRows, kLanes}, f32);
  rowMax = stack({kAttentionRows}, f32);
  rowSum = stack({kAttentionRows}, f32);
  for (Value *row : {&lower, &upper, &queryOf, &headOf})
    *row = stack({kAttentionRows}, i32);
  if (c.rules.distances)
    positionOf = stack({kAttentionRows}, i32);
  Value rows = e.add(c.unitRows, 1);
  memory = e.scratch(e.mul(e.mul(rows, c.columns), sizeof(float)));
  result = e.view(memory.bytes, e.index(0), f32, ValueRange{rows, c.columns});
}

void FewRowsAttention::release() { e.release(memory); }

/// Limits and queries of rows, empty accumulators. Rows that fill the last tile
/// of a head have weights of zero.
void FewRowsAttention::prepareRows(const Unit &u) {
  e.forLoop(e.index(0), e.mul(u.heads, c.blockRows), 1, [&](Value n) {
    Value r = e.rem(n, c.blockRows);
    Value real = e.sless(r, u.rows);
    Value row = e.add(u.r0, e.smin(r, e.sub(u.rows, e.index(1))));
    Value at = c.position(u, e.sub(row, u.r0));
    Value none = e.integer(0, 32);
    e.store(c.inf(), rowMax, {n});
    e.store(e.f32(0.0), rowSum, {n});
    e.store(e.select(real, e.toI32(e.smin(c.firstSeen(at), u.last)), none),
            lower, {n});
    e.store(e.select(real, e.toI32(e.smin(c.limit(u, at), u.last)), none),
            upper, {n});
    auto [query, head] = c.query(e.add(u.h0, e.div(n, c.blockRows)), row);
    e.store(e.toI32(query), queryOf, {n});
    e.store(e.toI32(head), headOf, {n});
    if (positionOf)
      e.store(e.toI32(at), positionOf, {n});
    auto clear = [&](Value rows, Value width) {
      e.forLoop(e.index(0), width, kLanes,
                [&](Value at) { e.vstore(e.vec(0.0), rows, {n, at}); });
    };
    clear(result, c.columns);
    clear(scoreRows, e.index(kAttentionBlock));
    e.vstore(e.vec(-std::numeric_limits<float>::infinity()), blockMax,
             {n, e.index(0)});
  });
}

void FewRowsAttention::keyGroups(const Unit &u, Value j0, Value keys,
                                 function_ref<void(Value, Value, Value)> body) {
  e.forLoop(e.index(0), keys, kLanes, [&](Value j) {
    e.forLoop(e.index(0), u.heads, 1,
              [&](Value n) { body(j, e.add(u.h0, n), e.mul(n, c.blockRows)); });
  });
}

void FewRowsAttention::scores(const Unit &u, Value j0, Value keys) {
  VectorType i32x8 = e.i32Vector();
  Value iota = e.make<arith::ConstantOp>(
      DenseElementsAttr::get(i32x8, ArrayRef<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  Value final = e.sub(u.last, e.index(1));
  keyGroups(u, j0, keys, [&](Value j, Value head, Value first) {
    // Keys behind the last are read as the last one: their scores are masked.
    Values group;
    for (int64_t i = 0; i < kLanes; ++i)
      group.push_back(e.smin(e.add(e.add(j0, j), i), final));
    Value key = e.add(e.spread(e.toI32(e.add(j0, j))), iota);
    e.forLoop(first, e.add(first, u.rows), 1, [&](Value n) {
      Value query = e.toIndex(e.load(queryOf, {n})),
            queryHead = e.toIndex(e.load(headOf, {n}));
      Values sums =
          e.vectors(c.D, Values(kLanes, e.vec(0.0)),
                    [&](Value d, Value mask, ValueRange now) {
                      Value x = e.vload(c.q, {u.b, query, queryHead, d}, mask);
                      Values next;
                      for (auto [sum, at] : llvm::zip_equal(now, group))
                        next.push_back(e.fma(
                            x, e.vload(c.k, {u.b, at, head, d}, mask), sum));
                      return next;
                    });
      AttentionRules::Row row{u.b, Value(), Value()};
      if (positionOf)
        row.head = e.load(headOf, {n}), row.position = e.load(positionOf, {n});
      Value score = c.finishScore(e.sum(e.transpose8(sums)), key,
                                  e.spread(e.load(lower, {n})),
                                  e.spread(e.load(upper, {n})), row);
      e.vstore(score, scoreRows, {n, j});
      Value most =
          e.select(e.cmp(arith::CmpIPredicate::eq, j, e.index(0)), score,
                   e.maxf(score, e.vload(blockMax, {n, e.index(0)})));
      e.vstore(most, blockMax, {n, e.index(0)});
    });
  });
}

/// Scores of a block to weights, in place, and what was summed up before to the
/// new maximum.
void FewRowsAttention::weights(const Unit &u, Value keys) {
  c.stateRows(u, [&](Value n, Value, Value) {
    Value before = e.load(rowMax, {n});
    Value now = e.maxf(before, e.lanesMax(e.vload(blockMax, {n, e.index(0)})));
    // A row that has seen nothing yet keeps -inf; zero in its place makes its
    // weights exp(-inf) = 0 instead of exp(nan).
    Value reference = c.finiteOrZero(now), spread = e.spread(reference);
    Value sum = e.forLoop(
        e.index(0), keys, kLanes, {e.vec(0.0)}, [&](Value j, ValueRange sofar) {
          Value weight = c.exp(e.subf(e.vload(scoreRows, {n, j}), spread));
          e.vstore(weight, scoreRows, {n, j});
          return Values{e.addf(sofar[0], weight)};
        })[0];
    Value correction = e.make<vector::ExtractOp>(
        c.exp(e.spread(e.subf(before, reference))), ArrayRef<int64_t>{0});
    e.store(now, rowMax, {n});
    Value total =
        e.addf(e.mulf(e.load(rowSum, {n}), correction), e.lanesSum(sum));
    e.store(total, rowSum, {n});
    Value factor = e.spread(correction);
    e.forLoop(e.index(0), c.columns, kLanes, [&](Value at) {
      e.vstore(e.mulf(e.vload(result, {n, at}), factor), result, {n, at});
    });
  });
}

/// result += weights * values.
void FewRowsAttention::accumulate(const Unit &u, Value j0, Value keys) {
  keyGroups(u, j0, keys, [&](Value j, Value head, Value first) {
    Value end = e.smin(keys, e.add(j, kLanes));
    e.forLoop(first, e.add(first, c.blockRows), kAttentionTile, [&](Value n) {
      Values rows;
      for (int64_t r = 0; r < kAttentionTile; ++r)
        rows.push_back(e.add(n, r));
      auto columns = [&](ArrayRef<Value> at, Value mask) {
        Values start;
        for (Value row : rows)
          for (Value column : at)
            start.push_back(e.vload(result, {row, column}));
        Values acc =
            e.forLoop(j, end, 1, start, [&](Value key, ValueRange now) {
              Values values, next;
              for (Value column : at)
                values.push_back(
                    e.vload(c.v, {u.b, e.add(j0, key), head, column}, mask));
              for (auto [i, row] : llvm::enumerate(rows)) {
                Value weight = e.spread(e.load(scoreRows, {row, key}));
                for (auto [n, value] : llvm::enumerate(values))
                  next.push_back(
                      e.fma(weight, value, now[i * values.size() + n]));
              }
              return next;
            });
        auto sum = acc.begin();
        for (Value row : rows)
          for (Value column : at)
            e.vstore(*sum++, result, {row, column});
      };
      Value whole = e.roundDown(c.Dv, kAttentionPanel);
      e.forLoop(e.index(0), whole, kAttentionPanel,
                [&](Value at) { columns({at, e.add(at, kLanes)}, {}); });
      e.forLoop(whole, c.Dv, kLanes,
                [&](Value at) { columns({at}, e.laneMask(e.sub(c.Dv, at))); });
    });
  });
}

/// Reads a number of each cache line of the keys and values of a block, all
/// heads, in the order of memory: what runs in this order is fetched ahead by
/// the processor, what scores and values do is not, and prefetch instructions
/// help less.
void FewRowsAttention::touchBlock(const Unit &u, Value j0) {
  constexpr int64_t line = 64 / sizeof(float);
  Value end = e.smin(u.last, e.add(j0, kAttentionBlock));
  // Sums take turns, so that additions do not wait for each other.
  Values sums(4, e.f32(0.0));
  for (auto [buffer, width] : {std::pair(c.k, c.D), std::pair(c.v, c.Dv)})
    sums = e.forLoop(
        j0, end, 1, sums,
        [&, buffer = buffer, width = width](Value key, ValueRange keys) {
          return e.forLoop(
              u.h0, e.add(u.h0, u.heads), 1, keys,
              [&](Value head, ValueRange heads) {
                return e.forLoop(
                    e.index(0), width, line, heads,
                    [&](Value d, ValueRange now) {
                      Value x = e.load(buffer, {u.b, key, head, d});
                      return Values{now[1], now[2], now[3], e.addf(now[0], x)};
                    });
              });
        });
  // Kept, else the reads would be dead; nobody looks at this row.
  for (auto [i, sum] : llvm::enumerate(sums))
    e.store(sum, result, {c.unitRows, e.index(i)});
}

void FewRowsAttention::emitUnit(Value unit) {
  Unit u = c.decompose(unit);
  prepareRows(u);
  e.forLoop(u.first, u.last, kAttentionBlock, [&](Value j0) {
    Value keys = e.smin(e.index(kAttentionBlock), e.sub(u.last, j0));
    touchBlock(u, j0);
    scores(u, j0, keys);
    weights(u, keys);
    accumulate(u, j0, keys);
  });
  c.finish(u, result, rowMax, rowSum);
}
