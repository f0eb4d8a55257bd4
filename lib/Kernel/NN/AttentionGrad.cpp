//===- AttentionGrad.cpp - kernels of attention's gradients -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A unit of work is one (batch, key head): it owns its rows of the gradients of
// keys and values, which are summed where they lie. Keys and values are
// transposed once per unit, so that keys are lanes. Rows of queries (row t * G
// + g is query t of the g-th head of the group) go in tiles of four: scores and
// grad . v for all keys that they see, softmax, the gradients of the scores,
// and from these, over the same keys once more, the three results. Source of
// the form: Dao et al. 2022 (FlashAttention), appendix B; whole rows of scores
// are kept, since prompts for calibration are short.
//
//===----------------------------------------------------------------------===//

#include "AttentionCall.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

namespace {

constexpr int64_t kTile = 4;           ///< rows of a register tile
constexpr int64_t kPanel = 2 * kLanes; ///< keys of a register tile
/// Multiplications below which a second thread costs more than it brings.
constexpr int64_t kParallelWork = 65536;

class AttentionGradEmitter {
public:
  AttentionGradEmitter(NNEmitter &e, const AttentionGradKernel &kernel,
                       Block::BlockArgListType args)
      : e(e) {
    unsigned i = 0;
    q = args[i++], k = args[i++], v = args[i++], grad = args[i++],
    rules.causal = kernel.causal, rules.past = args[i++];
    rules.take(kernel, args, i);
    dq = args[i++], dk = args[i++], dv = args[i++], rules.scale = args[i++];
    if (kernel.softcap)
      rules.softcap = args[i++];
    rules.window = args[i++];
  }

  void emit();

private:
  /// Of one unit: batch row and key head.
  struct Unit {
    Value b, h;
  };
  /// Four rows and the keys [first, last) that one of them sees.
  struct Tile {
    Value row, first, last;
  };

  void unitBody(Value unit);
  void transposeInto(const Unit &u, Value source, Value panels, Value width,
                     Value seen);
  void clear(const Unit &u, Value result, Value width);
  /// The limits of a row, empty behind the last row.
  std::pair<Value, Value> seen(const Unit &u, Value row);
  void loadTile(const Unit &u, const Tile &tile);
  void scores(const Unit &u, const Tile &tile);
  Values products(Value rows, Value panels, Value width, Value j);
  void softmax(const Tile &tile);
  void gather(const Unit &u, const Tile &tile);
  /// `body` gets t and query head of row `row + r` where there is one.
  void forRow(const Tile &tile, int64_t r,
              function_ref<void(Value, Value)> body);

  Value low() { return e.f32(-std::numeric_limits<float>::infinity()); }

  NNEmitter &e;
  AttentionRules rules;
  Value q, k, v, grad, dq, dk, dv;
  Value T, D, S, Hkv, Dv, group, rows, room;
  // Of a thread: keys and values transposed, queries and gradients of a tile,
  // and per row of a tile one number for each key.
  Value keyPanels, valuePanels, queries, grads, weights, along, slopes;
  Value lower, upper, largest;
  Value headOf, positionOf; // with distances; the head with sinks, too
};

/// panels[d][j] = source[b, j, h, d] for the keys that are seen, else 0: keys
/// that nobody may read are not read.
void AttentionGradEmitter::transposeInto(const Unit &u, Value source,
                                         Value panels, Value width,
                                         Value seenKeys) {
  e.forLoop(e.index(0), width, 1, [&](Value d) {
    e.forLoop(e.index(0), room, kLanes,
              [&](Value j) { e.vstore(e.vec(0.0), panels, {d, j}); });
  });
  e.forLoop(e.index(0), seenKeys, 1, [&](Value j) {
    e.forLoop(e.index(0), width, 1, [&](Value d) {
      e.store(e.load(source, {u.b, j, u.h, d}), panels, {d, j});
    });
  });
}

void AttentionGradEmitter::clear(const Unit &u, Value result, Value width) {
  e.forLoop(e.index(0), S, 1, [&](Value j) {
    e.vectors(width, [&](Value c, Value mask) {
      e.vstore(e.vec(0.0), result, {u.b, j, u.h, c}, mask);
    });
  });
}

std::pair<Value, Value> AttentionGradEmitter::seen(const Unit &u, Value row) {
  Value position = rules.position(e, u.b, row);
  Value last =
      e.select(e.sless(row, rows), rules.limit(e, u.b, position), e.index(0));
  return {rules.firstSeen(e, position), last};
}

void AttentionGradEmitter::forRow(const Tile &tile, int64_t r,
                                  function_ref<void(Value, Value)> body) {
  Value row = e.add(tile.row, r);
  e.ifThen(e.sless(row, rows),
           [&] { body(e.div(row, group), e.rem(row, group)); });
}

void AttentionGradEmitter::loadTile(const Unit &u, const Tile &tile) {
  for (int64_t r = 0; r < kTile; ++r) {
    auto fill = [&](Value buffer, Value width, Value source, Value t,
                    Value head) {
      e.vectors(width, [&](Value c, Value mask) {
        // Buffers hold whole vectors.
        e.vstore(source ? e.vload(source, {u.b, t, head, c}, mask) : e.vec(0.0),
                 buffer, {e.index(r), c});
      });
    };
    fill(queries, D, Value(), Value(), Value());
    fill(grads, Dv, Value(), Value(), Value());
    forRow(tile, r, [&](Value t, Value member) {
      Value head = e.add(e.mul(u.h, group), member);
      fill(queries, D, q, t, head);
      fill(grads, Dv, grad, t, head);
    });
    auto [first, last] = seen(u, e.add(tile.row, r));
    e.store(e.toI32(first), lower, {e.index(r)});
    e.store(e.toI32(last), upper, {e.index(r)});
    if (headOf) {
      // Behind the last row nothing is seen; what is read is some head's.
      Value row = e.smin(e.add(tile.row, r), e.sub(rows, e.index(1)));
      Value head = e.add(e.mul(u.h, group), e.rem(row, group));
      e.store(e.toI32(head), headOf, {e.index(r)});
      if (positionOf)
        e.store(e.toI32(rules.position(e, u.b, row)), positionOf, {e.index(r)});
    }
  }
}

/// Inner products of four rows with the keys j .. j + 15: two vectors a row.
Values AttentionGradEmitter::products(Value rowsOf, Value panels, Value width,
                                      Value j) {
  return e.forLoop(e.index(0), width, 1, Values(2 * kTile, e.vec(0.0)),
                   [&](Value d, ValueRange sums) {
                     Value k0 = e.vload(panels, {d, j}),
                           k1 = e.vload(panels, {d, e.add(j, kLanes)});
                     Values next;
                     for (int64_t r = 0; r < kTile; ++r) {
                       Value x = e.spread(e.load(rowsOf, {e.index(r), d}));
                       next.push_back(e.fma(x, k0, sums[2 * r]));
                       next.push_back(e.fma(x, k1, sums[2 * r + 1]));
                     }
                     return next;
                   });
}

/// Masked scores into `weights`, grad . v into `along`, what the soft cap
/// passes on into `slopes`; the largest score of each row.
void AttentionGradEmitter::scores(const Unit &u, const Tile &tile) {
  VectorType i32x8 = VectorType::get({kLanes}, e.builder.getI32Type());
  Value iota = e.make<arith::ConstantOp>(
      DenseElementsAttr::get(i32x8, ArrayRef<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  Value lowest = e.spread(low());
  Values maxima = e.forLoop(
      tile.first, tile.last, kPanel, Values(kTile, lowest),
      [&](Value j, ValueRange sofar) {
        Values sums = products(queries, keyPanels, D, j),
               values = products(grads, valuePanels, Dv, j), next(sofar);
        for (int64_t half = 0; half < 2; ++half) {
          Value at = e.add(j, half * kLanes);
          Value key = e.make<arith::AddIOp>(e.spread(e.toI32(at)), iota);
          for (int64_t r = 0; r < kTile; ++r) {
            Value row = e.index(r), slope;
            Value score = rules.bend(e, sums[2 * r + half], &slope);
            if (slope)
              e.vstore(slope, slopes, {row, at});
            AttentionRules::Row facts{u.b, Value(), Value()};
            if (positionOf)
              facts.head = e.load(headOf, {row}),
              facts.position = e.load(positionOf, {row});
            score = rules.adjust(e, score, key, facts);
            score = AttentionRules::hide(e, score, key,
                                         e.spread(e.load(lower, {row})),
                                         e.spread(e.load(upper, {row})));
            e.vstore(score, weights, {row, at});
            e.vstore(values[2 * r + half], along, {row, at});
            next[r] = e.maxf(next[r], score);
          }
        }
        return next;
      });
  for (int64_t r = 0; r < kTile; ++r)
    e.store(e.lanesMax(maxima[r]), largest, {e.index(r)});
}

/// Scores to weights, `along` to gradients of the scores before the scale.
void AttentionGradEmitter::softmax(const Tile &tile) {
  Value end = e.roundUp(tile.last, kPanel);
  e.forLoop(e.index(0), e.index(kTile), 1, [&](Value r) {
    Value most = e.load(largest, {r});
    // A row that sees nothing: weights exp(-inf - 0) = 0.
    most =
        e.select(e.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, most, low()),
                 e.f32(0.0), most);
    Values sums = e.forLoop(
        tile.first, end, kLanes, {e.vec(0.0), e.vec(0.0)},
        [&](Value j, ValueRange sofar) {
          Value weight = e.make<math::ExpOp>(
              e.subf(e.vload(weights, {r, j}), e.spread(most)));
          e.vstore(weight, weights, {r, j});
          return Values{e.addf(sofar[0], weight),
                        e.fma(weight, e.vload(along, {r, j}), sofar[1])};
        });
    Value sum = e.lanesSum(sums[0]);
    if (rules.sinks) {
      Value sink = e.load(rules.sinks, {e.toIndex(e.load(headOf, {r}))});
      sum = e.addf(sum, e.make<math::ExpOp>(e.subf(sink, most)));
    }
    Value none =
        e.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, sum, e.f32(0.0));
    Value inverse = e.select(none, e.f32(0.0), e.divf(e.f32(1.0), sum));
    Value mean = e.spread(e.mulf(e.lanesSum(sums[1]), inverse));
    Value factor = e.spread(inverse);
    e.forLoop(tile.first, end, kLanes, [&](Value j) {
      Value weight = e.mulf(e.vload(weights, {r, j}), factor);
      Value change = e.mulf(weight, e.subf(e.vload(along, {r, j}), mean));
      if (rules.softcap)
        change = e.mulf(change, e.vload(slopes, {r, j}));
      e.vstore(weight, weights, {r, j});
      e.vstore(e.mulf(change, e.spread(rules.scale)), along, {r, j});
    });
  });
}

/// dq of the tile, and what it adds to dk and dv.
void AttentionGradEmitter::gather(const Unit &u, const Tile &tile) {
  auto factors = [&](Value buffer, Value j) {
    Values result;
    for (int64_t r = 0; r < kTile; ++r)
      result.push_back(e.spread(e.load(buffer, {e.index(r), j})));
    return result;
  };
  auto rowsAt = [&](Value buffer, Value c) {
    Values result;
    for (int64_t r = 0; r < kTile; ++r)
      result.push_back(e.vload(buffer, {e.index(r), c}));
    return result;
  };
  auto addTo = [&](Value result, ValueRange at, Value mask,
                   ValueRange factorsOf, ValueRange vectors) {
    Value sum = e.vload(result, at, mask);
    for (int64_t r = 0; r < kTile; ++r)
      sum = e.fma(factorsOf[r], vectors[r], sum);
    e.vstore(sum, result, at, mask);
  };
  e.vectors(D, [&](Value c, Value mask) {
    Values x = rowsAt(queries, c);
    Values sums =
        e.forLoop(tile.first, tile.last, 1, Values(kTile, e.vec(0.0)),
                  [&](Value j, ValueRange sofar) {
                    Values changes = factors(along, j), next;
                    Value key = e.vload(k, {u.b, j, u.h, c}, mask);
                    for (int64_t r = 0; r < kTile; ++r)
                      next.push_back(e.fma(changes[r], key, sofar[r]));
                    addTo(dk, {u.b, j, u.h, c}, mask, changes, x);
                    return next;
                  });
    for (int64_t r = 0; r < kTile; ++r)
      forRow(tile, r, [&](Value t, Value member) {
        Value head = e.add(e.mul(u.h, group), member);
        e.vstore(sums[r], dq, {u.b, t, head, c}, mask);
      });
  });
  e.vectors(Dv, [&](Value c, Value mask) {
    Values x = rowsAt(grads, c);
    e.forLoop(tile.first, tile.last, 1, [&](Value j) {
      addTo(dv, {u.b, j, u.h, c}, mask, factors(weights, j), x);
    });
  });
}

void AttentionGradEmitter::unitBody(Value unit) {
  Unit u{e.div(unit, Hkv), e.rem(unit, Hkv)};
  clear(u, dk, D);
  clear(u, dv, Dv);
  // Limits grow with the row: the last one sees what any of them sees.
  Value seenKeys = e.smax(
      e.index(0), seen(u, e.smax(e.sub(rows, e.index(1)), e.index(0))).second);
  transposeInto(u, k, keyPanels, D, seenKeys);
  transposeInto(u, v, valuePanels, Dv, seenKeys);
  e.forLoop(e.index(0), rows, kTile, [&](Value row) {
    Tile tile;
    tile.row = row;
    Value final = e.smin(e.add(row, kTile - 1), e.sub(rows, e.index(1)));
    tile.last = e.smax(e.index(0), seen(u, final).second);
    tile.first = e.smin(e.roundDown(seen(u, row).first, kPanel), tile.last);
    loadTile(u, tile);
    scores(u, tile);
    softmax(tile);
    gather(u, tile);
  });
}

void AttentionGradEmitter::emit() {
  Value B = e.dim(q, 0), Hq = e.dim(q, 2), one = e.index(1);
  T = e.dim(q, 1), D = e.dim(q, 3), S = e.dim(k, 1), Hkv = e.dim(k, 2),
  Dv = e.dim(v, 3);
  group = e.smax(one, e.div(Hq, e.smax(one, Hkv)));
  rules.keys = S, rules.group = group;
  rows = e.mul(T, group);
  room = e.roundUp(S, kPanel);
  Value units = e.mul(B, Hkv);

  Type f32 = e.builder.getF32Type(), i32 = e.builder.getI32Type();
  IntegerAttr align = e.builder.getI64IntegerAttr(64);
  constexpr int64_t any = ShapedType::kDynamic;
  Value counter =
      e.make<memref::AllocaOp>(MemRefType::get({1}, e.builder.getI64Type()));
  e.store(e.integer(0, 64), counter, {e.index(0)});
  Value work = e.mul(e.mul(e.mul(rows, units), S), D);
  e.parallel(e.sless(e.index(kParallelWork - 1), work), [&] {
    auto heap = [&](int64_t count, ValueRange sizes) -> Value {
      return e.make<memref::AllocOp>(MemRefType::get({count, any}, f32), sizes,
                                     align);
    };
    auto stack = [&](Type type) -> Value {
      return e.make<memref::AllocaOp>(MemRefType::get({kTile}, type), align);
    };
    keyPanels = heap(any, {D, room}), valuePanels = heap(any, {Dv, room});
    queries = heap(kTile, {e.roundUp(D, kLanes)});
    grads = heap(kTile, {e.roundUp(Dv, kLanes)});
    weights = heap(kTile, {room}), along = heap(kTile, {room});
    slopes = rules.softcap ? heap(kTile, {room}) : Value();
    lower = stack(i32), upper = stack(i32), largest = stack(f32);
    if (rules.distances || rules.sinks)
      headOf = stack(i32);
    if (rules.distances)
      positionOf = stack(i32);
    e.handOut(counter, units, [&](Value unit) { unitBody(unit); });
    for (Value buffer :
         {keyPanels, valuePanels, queries, grads, weights, along, slopes})
      if (buffer)
        e.dealloc(buffer);
  });
}

} // namespace

func::FuncOp kernel::getOrCreateKernel(ModuleOp module,
                                       const AttentionGradKernel &kernel) {
  Type f32 = Float32Type::get(module.getContext());
  Type i32 = IntegerType::get(module.getContext(), 32);
  Type buffer = dynamicMemRef(f32, 4),
       strided = dynamicMemRef(f32, 4, /*strided=*/true);
  SmallVector<Type> arguments = {buffer, strided, strided, buffer,
                                 dynamicMemRef(i32, 1)};
  kernel.appendTypes(arguments, module.getContext());
  arguments.append({buffer, buffer, buffer, f32});
  if (kernel.softcap)
    arguments.push_back(f32);
  arguments.push_back(IndexType::get(module.getContext()));
  return getOrCreate(module, kernel.key(), arguments,
                     [&](NNEmitter &e, Block::BlockArgListType args) {
                       AttentionGradEmitter(e, kernel, args).emit();
                     });
}
