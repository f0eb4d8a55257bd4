//===- Attention.cpp - kernels of attention ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One nest serves one new token and thousands. The queries that read one key
// head are rows: row t * G + g is query t of the g-th head of the group, so
// that grouped queries share every load of keys and values. A unit of work is a
// block of rows of one (batch, key head) and a part of the keys they see. It
// goes over blocks of 32 keys: the keys are transposed into panels of 16 (keys
// in lanes, so no horizontal sums), the values copied to where they are
// contiguous; then per tile of 4 rows scores, running maximum and sum, and the
// weighted values, 4 x 16 accumulators in registers each. Source of the running
// softmax: Milakov and Gimelshein 2018; of blocks over keys: Dao et al. 2022
// (FlashAttention). Few rows and many keys (one new token): a unit takes
// several key heads, so that it reads memory in order, the keys are split
// between units too, and partial results combined after a barrier. Units are
// handed out by a counter, the longest first.
//
//===----------------------------------------------------------------------===//

#include "NNEmitter.h"
#include "allot/Kernel/NN.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

std::string AttentionKernel::key() const {
  return std::string("nn_attention") + (causal ? "_causal" : "") +
         (softcap ? "_softcap" : "") + (total ? "_total" : "");
}

namespace {

constexpr int64_t kTile = 4; ///< rows of a register tile
constexpr int64_t kPanel =
    16; ///< keys, or columns of values, of a register tile
constexpr int64_t kBlock = 32;   ///< keys of a block: panels and values of a
                                 ///< block stay in the first cache
constexpr int64_t kMinRows = 16; ///< rows of a block, where there are that many
constexpr int64_t kMaxRows =
    64; ///< what a block of keys is transposed for at most
constexpr int64_t kUnits = 16;    ///< units of work that are aimed at
constexpr int64_t kMinSplit = 64; ///< keys that are worth a unit
constexpr int64_t kParallelWork =
    65536; ///< multiplications below which a second thread costs more than it
           ///< brings

class AttentionEmitter {
public:
  AttentionEmitter(NNEmitter &e, const AttentionKernel &kernel,
                   Block::BlockArgListType args)
      : e(e), kernel(kernel) {
    unsigned i = 0;
    q = args[i++], k = args[i++], v = args[i++], past = args[i++];
    if (kernel.total)
      total = args[i++];
    out = args[i++], scale = args[i++];
    if (kernel.softcap)
      softcap = args[i++];
    window = args[i++];
  }

  void emit();

private:
  struct Unit {
    Value b, h0, heads; // batch row, first key head, number of key heads
    Value r0, rows;     // first row of the block, number of rows; state row n *
                        // blockRows + r belongs to row r of head h0 + n
    Value first, last;  // keys [first, last) of this unit
    Value slot;         // where partial results go: slot * unitRows + state row
  };

  void allocate();
  void release();
  Unit decompose(Value unit);
  Value position(const Unit &u, Value r);
  Value limit(const Unit &u, Value position);
  Value firstSeen(Value position);
  void prepareRows(const Unit &u);
  void packKeys(const Unit &u, Value head, Value j0, Value panels);
  void packValues(const Unit &u, Value head, Value j0, Value keys);
  void touchBlock(const Unit &u, Value j0);
  Values scores(Value tile, Value j0, Value panels);
  void weights(Value panels);
  void accumulate(Value tile, Value correction, Value keys);
  void tileStep(Value tile, Value j0, Value panels, Value keys);
  void unitBody(Value unit);
  /// `body` gets each state row of a unit, its key head and its row.
  void stateRows(const Unit &u, function_ref<void(Value, Value, Value)> body);
  void writeRows(const Unit &u);
  void keepPartial(const Unit &u);
  void combine();
  void writeRow(Value b, Value h, Value row,
                function_ref<Value(Value)> columns);

  Value inf() { return e.f32(-std::numeric_limits<float>::infinity()); }
  Value exp(Value x) { return e.make<math::ExpOp>(x); }
  Value finiteOrZero(Value x) {
    auto vector = dyn_cast<VectorType>(x.getType());
    Value low = vector ? e.vec(-std::numeric_limits<float>::infinity(),
                               vector.getNumElements())
                       : inf();
    Value zero = vector ? e.vec(0.0, vector.getNumElements()) : e.f32(0.0);
    return e.select(e.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, x, low),
                    zero, x);
  }

  NNEmitter &e;
  const AttentionKernel &kernel;
  Value q, k, v, past, total, out, scale, softcap, window;
  Value T, D, S, Hkv, Dv, group, rowsAll, pairs, columns;
  Value blockRows, rowBlocks, unitHeads, unitRows, headGroups, groups, items,
      splits;
  // Of the whole call: what units leave for `combine`, and the counter that
  // hands them out.
  Value partial, partialMax, partialSum, counter;
  // Of a thread. queries [tile][d][4], panels [2][d][16], values [32][columns],
  // result [row][columns].
  Value queries, keyPanels, values, result;
  Value scoreRows, rowMax, rowSum, lower, upper, tileMax, tileSum;
};

void AttentionEmitter::allocate() {
  Type f32 = e.builder.getF32Type(), i32 = e.builder.getI32Type();
  IntegerAttr align = e.builder.getI64IntegerAttr(64);
  auto heap = [&](ArrayRef<int64_t> shape, ValueRange sizes) -> Value {
    return e.make<memref::AllocOp>(MemRefType::get(shape, f32), sizes, align);
  };
  auto stack = [&](ArrayRef<int64_t> shape, Type type) -> Value {
    return e.make<memref::AllocaOp>(MemRefType::get(shape, type), align);
  };
  constexpr int64_t any = ShapedType::kDynamic;
  queries = heap({kMaxRows / kTile, any, kTile}, {D});
  keyPanels = heap({kBlock / kPanel, any, kPanel}, {e.roundUp(D, kLanes)});
  values = heap({kBlock, any}, {columns});
  result = heap({kMaxRows + 1, any}, {columns});
  scoreRows = stack({kTile, kBlock}, f32);
  rowMax = stack({kMaxRows}, f32);
  rowSum = stack({kMaxRows}, f32);
  lower = stack({kMaxRows}, i32);
  upper = stack({kMaxRows}, i32);
  tileMax = stack({kTile}, f32);
  tileSum = stack({kTile}, f32);
}

void AttentionEmitter::release() {
  for (Value buffer : {queries, keyPanels, values, result})
    e.dealloc(buffer);
}

Value AttentionEmitter::position(const Unit &u, Value r) {
  return e.add(e.toIndex(e.load(past, {u.b})), e.div(e.add(u.r0, r), group));
}

/// One behind the last key that a query at `position` sees.
Value AttentionEmitter::limit(const Unit &u, Value position) {
  Value end = S;
  if (kernel.total)
    end = e.smin(end, e.toIndex(e.load(total, {u.b})));
  if (kernel.causal)
    end = e.smin(end, e.add(position, 1));
  return e.smax(end, e.index(0));
}

Value AttentionEmitter::firstSeen(Value position) {
  return e.smax(e.index(0), e.add(e.sub(position, window), 1));
}

AttentionEmitter::Unit AttentionEmitter::decompose(Value unit) {
  Unit u;
  u.slot = unit;
  Value item = e.div(unit, splits), split = e.rem(unit, splits);
  // The last rows see most keys under a causal mask, so they go first.
  Value rowBlock = e.sub(e.sub(rowBlocks, e.index(1)), e.div(item, groups));
  Value member = e.rem(item, groups);
  u.b = e.div(member, headGroups);
  u.h0 = e.mul(e.rem(member, headGroups), unitHeads);
  u.heads = e.smin(unitHeads, e.sub(Hkv, u.h0));
  u.r0 = e.mul(rowBlock, blockRows);
  u.rows = e.smin(blockRows, e.sub(rowsAll, u.r0));
  // Limits grow with the row: the first row has the first key, the last row the
  // last.
  Value first = firstSeen(position(u, e.index(0)));
  Value last = e.smax(first, limit(u, position(u, e.sub(u.rows, e.index(1)))));
  Value chunk = e.roundUp(e.ceilDiv(e.sub(last, first), splits), kBlock);
  u.first = e.add(first, e.mul(split, chunk));
  u.last = e.smin(last, e.add(u.first, chunk));
  return u;
}

/// Queries into tiles, limits of rows, empty accumulators. Rows that fill the
/// last tile of a head see nothing.
void AttentionEmitter::prepareRows(const Unit &u) {
  e.forLoop(e.index(0), e.mul(u.heads, blockRows), 1, [&](Value n) {
    Value r = e.rem(n, blockRows), h = e.add(u.h0, e.div(n, blockRows));
    Value tile = e.div(n, kTile), lane = e.rem(n, kTile);
    e.store(inf(), rowMax, {n});
    e.store(e.f32(0.0), rowSum, {n});
    e.store(e.integer(0, 32), lower, {n});
    e.store(e.integer(0, 32), upper, {n});
    e.forLoop(e.index(0), columns, kLanes,
              [&](Value c) { e.vstore(e.vec(0.0), result, {n, c}); });
    e.ifThen(e.sless(r, u.rows), [&] {
      Value row = e.add(u.r0, r), at = position(u, r);
      e.store(e.toI32(e.smin(firstSeen(at), u.last)), lower, {n});
      e.store(e.toI32(e.smin(limit(u, at), u.last)), upper, {n});
      Value t = e.div(row, group),
            head = e.add(e.mul(h, group), e.rem(row, group));
      e.forLoop(e.index(0), D, 1, [&](Value d) {
        e.store(e.load(q, {u.b, t, head, d}), queries, {tile, d, lane});
      });
    });
    e.ifThen(e.sless(e.sub(u.rows, e.index(1)), r), [&] {
      e.forLoop(e.index(0), D, 1, [&](Value d) {
        e.store(e.f32(0.0), queries, {tile, d, lane});
      });
    });
  });
}

/// Transposes keys [j0, j0 + 16 * panels) into panels. Keys behind the last are
/// read as the last one: their scores are masked.
void AttentionEmitter::packKeys(const Unit &u, Value head, Value j0,
                                Value panels) {
  Value final = e.sub(u.last, e.index(1));
  e.forLoop(e.index(0), e.mul(panels, kPanel), kLanes, [&](Value j) {
    Value panel = e.div(j, e.index(kPanel)), lane = e.rem(j, e.index(kPanel));
    Values keys;
    for (int64_t i = 0; i < kLanes; ++i)
      keys.push_back(e.smin(e.add(e.add(j0, j), i), final));
    e.vectors(D, [&](Value d, Value mask) {
      Values rows;
      for (Value key : keys)
        rows.push_back(e.vload(k, {u.b, key, head, d}, mask));
      Values lanes = e.transpose8(rows);
      // Panels hold whole vectors of d, so the rest is stored whole.
      for (int64_t i = 0; i < kLanes; ++i)
        e.vstore(lanes[i], keyPanels, {panel, e.add(d, i), lane});
    });
  });
}

void AttentionEmitter::packValues(const Unit &u, Value head, Value j0,
                                  Value keys) {
  e.forLoop(e.index(0), keys, 1, [&](Value j) {
    Value key = e.add(j0, j);
    e.vectors(Dv, [&](Value c, Value mask) {
      e.vstore(e.vload(v, {u.b, key, head, c}, mask), values, {j, c});
    });
  });
}

/// Reads a number of each cache line of the keys and values of a block, all
/// heads, in the order of memory. With few rows they come from there: what runs
/// in this order is fetched ahead by the processor, head by head it is not (two
/// to three times slower, and prefetch instructions do not help).
void AttentionEmitter::touchBlock(const Unit &u, Value j0) {
  constexpr int64_t line = 64 / sizeof(float);
  Value end = e.smin(u.last, e.add(j0, kBlock));
  auto touch = [&](Value buffer, Value width, ValueRange sum) {
    return e.forLoop(j0, end, 1, sum, [&](Value key, ValueRange keys) {
      return e.forLoop(
          u.h0, e.add(u.h0, u.heads), 1, keys, [&](Value h, ValueRange heads) {
            return e.forLoop(e.index(0), width, line, heads,
                             [&](Value c, ValueRange lines) {
                               Value x = e.load(buffer, {u.b, key, h, c});
                               return Values{e.addf(lines[0], x)};
                             });
          });
    });
  };
  Values sum = touch(v, Dv, touch(k, D, e.f32(0.0)));
  // Kept, else the reads would be dead; nobody looks at this row.
  e.store(sum[0], result, {e.index(kMaxRows), e.index(0)});
}

/// Masked scores of a tile into `scoreRows`; returns the maximum of each row.
Values AttentionEmitter::scores(Value tile, Value j0, Value panels) {
  VectorType i32x8 = VectorType::get({kLanes}, e.builder.getI32Type());
  Value iota = e.make<arith::ConstantOp>(
      DenseElementsAttr::get(i32x8, ArrayRef<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  Value low = e.vec(-std::numeric_limits<float>::infinity());
  Value factor = e.spread(scale);
  Values lowers, uppers;
  for (int64_t r = 0; r < kTile; ++r) {
    Value row = e.add(e.mul(tile, kTile), r);
    lowers.push_back(e.spread(e.load(lower, {row})));
    uppers.push_back(e.spread(e.load(upper, {row})));
  }
  Values maxima = e.forLoop(
      e.index(0), panels, 1, Values(kTile, low),
      [&](Value panel, ValueRange sofar) {
        Values acc = e.forLoop(
            e.index(0), D, 1, Values(2 * kTile, e.vec(0.0)),
            [&](Value d, ValueRange now) {
              Value k0 = e.vload(keyPanels, {panel, d, e.index(0)}),
                    k1 = e.vload(keyPanels, {panel, d, e.index(kLanes)});
              Values next;
              for (int64_t r = 0; r < kTile; ++r) {
                Value query = e.spread(e.load(queries, {tile, d, e.index(r)}));
                next.push_back(e.fma(query, k0, now[2 * r]));
                next.push_back(e.fma(query, k1, now[2 * r + 1]));
              }
              return next;
            });
        Values next(sofar);
        for (int64_t half = 0; half < 2; ++half) {
          Value lane = e.add(e.mul(panel, kPanel), half * kLanes);
          Value key =
              e.make<arith::AddIOp>(e.spread(e.toI32(e.add(j0, lane))), iota);
          for (int64_t r = 0; r < kTile; ++r) {
            Value score = e.mulf(acc[2 * r + half], factor);
            if (kernel.softcap) {
              Value cap = e.spread(softcap);
              score = e.mulf(cap, e.make<math::TanhOp>(e.divf(score, cap)));
            }
            Value seen = e.make<arith::AndIOp>(
                e.make<arith::CmpIOp>(arith::CmpIPredicate::sge, key,
                                      lowers[r]),
                e.make<arith::CmpIOp>(arith::CmpIPredicate::slt, key,
                                      uppers[r]));
            score = e.select(seen, score, low);
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
void AttentionEmitter::weights(Value panels) {
  Value width = e.mul(panels, kPanel);
  e.forLoop(e.index(0), e.index(kTile), 1, [&](Value r) {
    Value most = e.spread(e.load(tileMax, {r}));
    Value sum = e.forLoop(e.index(0), width, kLanes, {e.vec(0.0)},
                          [&](Value j, ValueRange sofar) {
                            Value weight =
                                exp(e.subf(e.vload(scoreRows, {r, j}), most));
                            e.vstore(weight, scoreRows, {r, j});
                            return Values{e.addf(sofar[0], weight)};
                          })[0];
    e.store(e.lanesSum(sum), tileSum, {r});
  });
}

/// result = result * correction + weights * values, for the rows of a tile.
void AttentionEmitter::accumulate(Value tile, Value correction, Value keys) {
  Values rows, factors;
  for (int64_t r = 0; r < kTile; ++r) {
    rows.push_back(e.add(e.mul(tile, kTile), r));
    factors.push_back(
        e.spread(e.make<vector::ExtractOp>(correction, ArrayRef<int64_t>{r})));
  }
  e.forLoop(e.index(0), columns, kPanel, [&](Value c) {
    Value c1 = e.add(c, kLanes);
    Values start;
    for (int64_t r = 0; r < kTile; ++r) {
      start.push_back(e.mulf(e.vload(result, {rows[r], c}), factors[r]));
      start.push_back(e.mulf(e.vload(result, {rows[r], c1}), factors[r]));
    }
    Values acc =
        e.forLoop(e.index(0), keys, 1, start, [&](Value j, ValueRange now) {
          Value v0 = e.vload(values, {j, c}), v1 = e.vload(values, {j, c1});
          Values next;
          for (int64_t r = 0; r < kTile; ++r) {
            Value weight = e.spread(e.load(scoreRows, {e.index(r), j}));
            next.push_back(e.fma(weight, v0, now[2 * r]));
            next.push_back(e.fma(weight, v1, now[2 * r + 1]));
          }
          return next;
        });
    for (int64_t r = 0; r < kTile; ++r) {
      e.vstore(acc[2 * r], result, {rows[r], c});
      e.vstore(acc[2 * r + 1], result, {rows[r], c1});
    }
  });
}

void AttentionEmitter::tileStep(Value tile, Value j0, Value panels,
                                Value keys) {
  Values maxima = scores(tile, j0, panels);
  Value row = e.mul(tile, kTile);
  Value most = e.make<vector::FromElementsOp>(e.f32Vector(kTile), maxima);
  Value before = e.vload(rowMax, {row}, kTile);
  Value now = e.maxf(before, most);
  // A row that has seen nothing yet keeps -inf; zero in its place makes its
  // weights exp(-inf) = 0 instead of exp(nan).
  Value reference = finiteOrZero(now);
  e.vstore(now, rowMax, {row});
  e.vstore(reference, tileMax, {e.index(0)});
  weights(panels);
  Value correction = exp(e.subf(before, reference));
  Value sum = e.fma(e.vload(rowSum, {row}, kTile), correction,
                    e.vload(tileSum, {e.index(0)}, kTile));
  e.vstore(sum, rowSum, {row});
  accumulate(tile, correction, keys);
}

void AttentionEmitter::writeRow(Value b, Value h, Value row,
                                function_ref<Value(Value)> columnsAt) {
  Value t = e.div(row, group), head = e.add(e.mul(h, group), e.rem(row, group));
  e.vectors(Dv, [&](Value c, Value mask) {
    e.vstore(columnsAt(c), out, {b, t, head, c}, mask);
  });
}

/// 1 / sum, zero where there was no key.
static Value inverse(NNEmitter &e, Value sum) {
  Value some =
      e.make<arith::CmpFOp>(arith::CmpFPredicate::OGT, sum, e.f32(0.0));
  // A sum that is not a number gives a result that is not a number, not
  // silence.
  Value odd = e.make<arith::CmpFOp>(arith::CmpFPredicate::UNO, sum, sum);
  return e.select(e.make<arith::OrIOp>(some, odd), e.divf(e.f32(1.0), sum),
                  e.f32(0.0));
}

void AttentionEmitter::stateRows(const Unit &u,
                                 function_ref<void(Value, Value, Value)> body) {
  e.forLoop(e.index(0), u.heads, 1, [&](Value n) {
    e.forLoop(e.index(0), u.rows, 1, [&](Value r) {
      body(e.add(e.mul(n, blockRows), r), e.add(u.h0, n), e.add(u.r0, r));
    });
  });
}

void AttentionEmitter::writeRows(const Unit &u) {
  stateRows(u, [&](Value n, Value h, Value row) {
    Value factor = e.spread(inverse(e, e.load(rowSum, {n})));
    writeRow(u.b, h, row,
             [&](Value c) { return e.mulf(e.vload(result, {n, c}), factor); });
  });
}

void AttentionEmitter::keepPartial(const Unit &u) {
  stateRows(u, [&](Value n, Value h, Value row) {
    Value at = e.add(e.mul(u.slot, unitRows), n);
    e.store(e.load(rowMax, {n}), partialMax, {at});
    e.store(e.load(rowSum, {n}), partialSum, {at});
    e.forLoop(e.index(0), columns, kLanes, [&](Value c) {
      e.vstore(e.vload(result, {n, c}), partial, {at, c});
    });
  });
}

/// Rows of all items, each put together from the parts of its keys.
void AttentionEmitter::combine() {
  kernel::Range mine =
      e.share(e.mul(items, unitRows), e.threadId(), e.numThreads());
  e.forLoop(mine.lo, mine.hi, 1, [&](Value index) {
    Value item = e.div(index, unitRows), n = e.rem(index, unitRows);
    Unit u = decompose(e.mul(item, splits));
    Value head = e.div(n, blockRows), r = e.rem(n, blockRows);
    Value real =
        e.make<arith::AndIOp>(e.sless(head, u.heads), e.sless(r, u.rows));
    e.ifThen(real, [&] {
      auto at = [&](Value split) {
        return e.add(e.mul(e.add(e.mul(item, splits), split), unitRows), n);
      };
      Value most = e.forLoop(
          e.index(0), splits, 1, {inf()}, [&](Value s, ValueRange sofar) {
            return Values{e.maxf(sofar[0], e.load(partialMax, {at(s)}))};
          })[0];
      Value reference = finiteOrZero(most);
      Value sum = e.forLoop(
          e.index(0), splits, 1, {e.f32(0.0)}, [&](Value s, ValueRange sofar) {
            Value weight = exp(e.subf(e.load(partialMax, {at(s)}), reference));
            e.store(weight, partialMax, {at(s)});
            return Values{
                e.addf(sofar[0], e.mulf(weight, e.load(partialSum, {at(s)})))};
          })[0];
      Value factor = e.spread(inverse(e, sum));
      writeRow(u.b, e.add(u.h0, head), e.add(u.r0, r), [&](Value c) {
        Value weighted = e.forLoop(
            e.index(0), splits, 1, {e.vec(0.0)},
            [&](Value s, ValueRange sofar) {
              return Values{e.fma(e.spread(e.load(partialMax, {at(s)})),
                                  e.vload(partial, {at(s), c}), sofar[0])};
            })[0];
        return e.mulf(weighted, factor);
      });
    });
  });
}

void AttentionEmitter::unitBody(Value unit) {
  Unit u = decompose(unit);
  Value few = e.sless(u.rows, e.index(kMinRows));
  prepareRows(u);
  e.forLoop(u.first, u.last, kBlock, [&](Value j0) {
    Value keys = e.smin(e.index(kBlock), e.sub(u.last, j0));
    Value panels = e.ceilDiv(keys, kPanel);
    e.ifThen(few, [&] { touchBlock(u, j0); });
    e.forLoop(e.index(0), u.heads, 1, [&](Value n) {
      Value head = e.add(u.h0, n),
            firstTile = e.div(e.mul(n, blockRows), kTile);
      packKeys(u, head, j0, panels);
      packValues(u, head, j0, keys);
      e.forLoop(e.index(0), e.ceilDiv(u.rows, kTile), 1, [&](Value tile) {
        tileStep(e.add(firstTile, tile), j0, panels, keys);
      });
    });
  });
  Value whole =
      e.make<arith::CmpIOp>(arith::CmpIPredicate::eq, splits, e.index(1));
  e.ifThen(whole, [&] { writeRows(u); });
  e.ifThen(e.sless(e.index(1), splits), [&] { keepPartial(u); });
}

void AttentionEmitter::emit() {
  Value B = e.dim(q, 0), Hq = e.dim(q, 2);
  T = e.dim(q, 1), D = e.dim(q, 3), S = e.dim(k, 1), Hkv = e.dim(k, 2),
  Dv = e.dim(v, 3);
  // Empty dimensions leave nothing to do; the divisions below must stand them
  // all the same.
  Value one = e.index(1);
  group = e.smax(one, e.div(Hq, e.smax(one, Hkv)));
  rowsAll = e.mul(T, group);
  pairs = e.mul(B, Hkv);
  columns = e.roundUp(Dv, kPanel);
  Value share = e.roundUp(e.div(e.mul(rowsAll, pairs), e.index(kUnits)), kTile);
  blockRows = e.smin(e.index(kMaxRows), e.smax(e.index(kMinRows), share));
  blockRows =
      e.smax(e.index(kTile), e.smin(blockRows, e.roundUp(rowsAll, kTile)));
  rowBlocks = e.ceilDiv(rowsAll, blockRows);
  // Heads share a unit only where one block holds all rows; prompts have more
  // than enough units.
  unitHeads =
      e.smax(one, e.smin(Hkv, e.select(e.sless(one, rowBlocks), one,
                                       e.div(e.index(kMaxRows), blockRows))));
  unitRows = e.mul(unitHeads, blockRows);
  headGroups = e.ceilDiv(Hkv, unitHeads);
  groups = e.mul(B, headGroups);
  items = e.mul(groups, rowBlocks);
  Value wanted = e.ceilDiv(e.index(kUnits), e.smax(one, items));
  splits = e.smax(one, e.smin(wanted, e.div(S, e.index(kMinSplit))));
  Value units = e.mul(items, splits);

  Type f32 = e.builder.getF32Type();
  Value several = e.sless(one, splits);
  Value kept = e.select(several, e.mul(units, unitRows), e.index(0));
  partial =
      e.make<memref::AllocOp>(dynamicMemRef(f32, 2), ValueRange{kept, columns},
                              e.builder.getI64IntegerAttr(64));
  partialMax = e.make<memref::AllocOp>(dynamicMemRef(f32, 1), ValueRange{kept});
  partialSum = e.make<memref::AllocOp>(dynamicMemRef(f32, 1), ValueRange{kept});
  Type i64 = e.builder.getI64Type();
  counter = e.make<memref::AllocaOp>(MemRefType::get({1}, i64));
  e.store(e.integer(0, 64), counter, {e.index(0)});

  Value work = e.mul(e.mul(e.mul(rowsAll, pairs), S), D);
  e.parallel(e.sless(e.index(kParallelWork - 1), work), [&] {
    allocate();
    e.handOut(counter, units, [&](Value unit) { unitBody(unit); });
    release();
    e.barrier();
    e.ifThen(several, [&] { combine(); });
  });
  for (Value buffer : {partial, partialMax, partialSum})
    e.dealloc(buffer);
}

} // namespace

func::FuncOp kernel::getOrCreateKernel(ModuleOp module,
                                       const AttentionKernel &kernel) {
  Type f32 = Float32Type::get(module.getContext());
  Type i32 = IntegerType::get(module.getContext(), 32);
  SmallVector<Type> arguments = {
      dynamicMemRef(f32, 4), dynamicMemRef(f32, 4, /*strided=*/true),
      dynamicMemRef(f32, 4, /*strided=*/true), dynamicMemRef(i32, 1)};
  if (kernel.total)
    arguments.push_back(dynamicMemRef(i32, 1));
  arguments.append({dynamicMemRef(f32, 4), f32});
  if (kernel.softcap)
    arguments.push_back(f32);
  arguments.push_back(IndexType::get(module.getContext()));
  return getOrCreate(module, kernel.key(), arguments,
                     [&](NNEmitter &e, Block::BlockArgListType args) {
                       AttentionEmitter(e, kernel, args).emit();
                     });
}
