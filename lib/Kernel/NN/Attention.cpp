//===- Attention.cpp - kernels of attention ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is common to one new token and thousands: AttentionCall.h tells how work
// is cut; the nests are in AttentionManyRows.cpp and AttentionFewRows.cpp.
//
//===----------------------------------------------------------------------===//

#include "AttentionCall.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

/// Units of work that are aimed at.
static constexpr int64_t kUnits = 16;
/// Keys that are worth a unit.
static constexpr int64_t kMinSplit = 64;
/// Multiplications below which a second thread costs more than it brings.
static constexpr int64_t kParallelWork = 65536;

std::string AttentionVariant::keyOf(const char *name) const {
  return std::string(name) + (causal ? "_causal" : "") +
         (softcap ? "_softcap" : "") + (total ? "_total" : "") +
         (mask ? "_mask" : "") + (distances ? "_distances" : "") +
         (sinks ? "_sinks" : "");
}

void AttentionVariant::appendTypes(SmallVectorImpl<Type> &types,
                                   MLIRContext *context) const {
  Type i32 = IntegerType::get(context, 32);
  if (total)
    types.push_back(dynamicMemRef(i32, 1));
  if (mask)
    types.push_back(dynamicMemRef(i32, 2));
  if (distances)
    types.push_back(dynamicMemRef(Float32Type::get(context), 2));
  if (sinks)
    types.push_back(dynamicMemRef(Float32Type::get(context), 1));
}

void AttentionRules::take(const AttentionVariant &kernel,
                          Block::BlockArgListType args, unsigned &next) {
  if (kernel.total)
    total = args[next++];
  if (kernel.mask)
    mask = args[next++];
  if (kernel.distances)
    distances = args[next++];
  if (kernel.sinks)
    sinks = args[next++];
}

Value AttentionRules::adjust(NNEmitter &e, Value score, Value key,
                             const Row &row) const {
  if (!distances && !mask)
    return score;
  Value all = e.make<arith::ConstantOp>(DenseElementsAttr::get(
      VectorType::get({kLanes}, e.builder.getI1Type()), true));
  Value zero = e.index(0);
  auto lanes = [&](int32_t number) { return e.spread(e.integer(number, 32)); };
  if (distances) {
    Value farthest = e.toI32(e.div(e.dim(distances, 1), e.index(2)));
    Value reach = e.spread(farthest);
    Value distance = e.make<arith::SubIOp>(key, e.spread(row.position));
    distance = e.smax(distance, e.make<arith::SubIOp>(lanes(0), reach));
    Value at = e.make<arith::AddIOp>(e.smin(distance, reach), reach);
    score = e.addf(
        score, e.make<vector::GatherOp>(e.f32Vector(), distances,
                                        ValueRange{e.toIndex(row.head), zero},
                                        at, all, e.vec(0.0)));
  }
  if (mask) {
    // Keys behind the last are hidden anyway.
    Value final = e.spread(e.toI32(e.sub(keys, e.index(1))));
    Value visible =
        e.make<vector::GatherOp>(e.i32Vector(), mask, ValueRange{row.b, zero},
                                 e.smin(key, final), all, lanes(0));
    score = e.select(e.cmp(arith::CmpIPredicate::ne, visible, lanes(0)), score,
                     e.vec(-std::numeric_limits<float>::infinity()));
  }
  return score;
}

AttentionCall::AttentionCall(NNEmitter &e, const AttentionKernel &kernel,
                             Block::BlockArgListType args)
    : e(e), kernel(kernel) {
  unsigned i = 0;
  q = args[i++], k = args[i++], v = args[i++], rules.past = args[i++];
  rules.take(kernel, args, i);
  out = args[i++], rules.scale = args[i++];
  if (kernel.softcap)
    rules.softcap = args[i++];
  rules.window = args[i++];

  Value B = e.dim(q, 0), Hq = e.dim(q, 2);
  T = e.dim(q, 1), D = e.dim(q, 3), S = e.dim(k, 1), Hkv = e.dim(k, 2),
  Dv = e.dim(v, 3);
  // Empty dimensions leave nothing to do; the divisions below must stand them
  // all the same.
  Value one = e.index(1);
  group = e.smax(one, e.div(Hq, e.smax(one, Hkv)));
  rules.causal = kernel.causal, rules.keys = S, rules.group = group;
  rowsAll = e.mul(T, group);
  pairs = e.mul(B, Hkv);
  columns = e.roundUp(Dv, kAttentionPanel);
  Value share =
      e.roundUp(e.div(e.mul(rowsAll, pairs), e.index(kUnits)), kAttentionTile);
  blockRows = e.smin(e.index(kAttentionRows),
                     e.smax(e.index(kAttentionFewRows), share));
  blockRows = e.smax(e.index(kAttentionTile),
                     e.smin(blockRows, e.roundUp(rowsAll, kAttentionTile)));
  rowBlocks = e.ceilDiv(rowsAll, blockRows);
  // Heads share a unit only where one block holds all rows; prompts have more
  // than enough units.
  unitHeads = e.smax(
      one, e.smin(Hkv, e.select(e.sless(one, rowBlocks), one,
                                e.div(e.index(kAttentionRows), blockRows))));
  unitRows = e.mul(unitHeads, blockRows);
  headGroups = e.ceilDiv(Hkv, unitHeads);
  groups = e.mul(B, headGroups);
  items = e.mul(groups, rowBlocks);
  Value wanted = e.ceilDiv(e.index(kUnits), e.smax(one, items));
  splits = e.smax(one, e.smin(wanted, e.div(S, e.index(kMinSplit))));
}

Value AttentionCall::inf() {
  return e.f32(-std::numeric_limits<float>::infinity());
}
Value AttentionCall::exp(Value x) { return e.make<math::ExpOp>(x); }

Value AttentionCall::finiteOrZero(Value x) {
  auto vector = dyn_cast<VectorType>(x.getType());
  Value low = vector ? e.vec(-std::numeric_limits<float>::infinity(),
                             vector.getNumElements())
                     : inf();
  Value zero = vector ? e.vec(0.0, vector.getNumElements()) : e.f32(0.0);
  return e.select(e.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, x, low),
                  zero, x);
}

Value AttentionRules::position(NNEmitter &e, Value b, Value row) const {
  return e.add(e.toIndex(e.load(past, {b})), e.div(row, group));
}

Value AttentionRules::limit(NNEmitter &e, Value b, Value position) const {
  Value end = keys;
  if (total)
    end = e.smin(end, e.toIndex(e.load(total, {b})));
  if (causal)
    end = e.smin(end, e.add(position, 1));
  return e.smax(end, e.index(0));
}

Value AttentionRules::firstSeen(NNEmitter &e, Value position) const {
  return e.smax(e.index(0), e.add(e.sub(position, window), 1));
}

Value AttentionRules::bend(NNEmitter &e, Value score, Value *slope) const {
  score = e.mulf(score, e.spread(scale));
  if (slope)
    *slope = Value();
  if (!softcap)
    return score;
  Value cap = e.spread(softcap);
  Value bent = e.make<math::TanhOp>(e.divf(score, cap));
  if (slope)
    *slope = e.subf(e.vec(1.0), e.mulf(bent, bent));
  return e.mulf(cap, bent);
}

Value AttentionRules::hide(NNEmitter &e, Value score, Value key, Value lower,
                           Value upper) {
  Value seen =
      e.make<arith::AndIOp>(e.cmp(arith::CmpIPredicate::sge, key, lower),
                            e.cmp(arith::CmpIPredicate::slt, key, upper));
  return e.select(seen, score, e.vec(-std::numeric_limits<float>::infinity()));
}

Value AttentionCall::finishScore(Value score, Value key, Value lower,
                                 Value upper, const AttentionRules::Row &row) {
  score = rules.adjust(e, rules.bend(e, score), key, row);
  return AttentionRules::hide(e, score, key, lower, upper);
}

Value AttentionCall::position(const Unit &u, Value r) {
  return rules.position(e, u.b, e.add(u.r0, r));
}

Value AttentionCall::limit(const Unit &u, Value position) {
  return rules.limit(e, u.b, position);
}

Value AttentionCall::firstSeen(Value position) {
  return rules.firstSeen(e, position);
}

AttentionCall::Unit AttentionCall::decompose(Value unit) {
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
  Value chunk =
      e.roundUp(e.ceilDiv(e.sub(last, first), splits), kAttentionBlock);
  u.first = e.add(first, e.mul(split, chunk));
  u.last = e.smin(last, e.add(u.first, chunk));
  return u;
}

std::pair<Value, Value> AttentionCall::query(Value head, Value row) {
  return {e.div(row, group), e.add(e.mul(head, group), e.rem(row, group))};
}

void AttentionCall::writeRow(Value b, Value h, Value row,
                             function_ref<Value(Value)> columnsAt) {
  auto [t, head] = query(h, row);
  e.vectors(Dv, [&, t = t, head = head](Value c, Value mask) {
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

/// By what the sum of weighted values of a row is multiplied, where it and the
/// `sum` of weights are relative to exp(`rowMax`). A sink joins the sum here.
Value AttentionCall::normalizer(Value h, Value row, Value rowMax, Value sum) {
  if (!rules.sinks)
    return inverse(e, sum);
  Value sink = e.load(rules.sinks, {query(h, row).second});
  Value most = e.maxf(rowMax, sink);
  // Of a row that saw no key both are zero.
  Value weight = exp(e.subf(rowMax, most));
  Value whole = e.addf(e.mulf(sum, weight), exp(e.subf(sink, most)));
  return e.divf(weight, whole);
}

void AttentionCall::stateRows(const Unit &u,
                              function_ref<void(Value, Value, Value)> body) {
  e.forLoop(e.index(0), u.heads, 1, [&](Value n) {
    e.forLoop(e.index(0), u.rows, 1, [&](Value r) {
      body(e.add(e.mul(n, blockRows), r), e.add(u.h0, n), e.add(u.r0, r));
    });
  });
}

void AttentionCall::finish(const Unit &u, Value result, Value rowMax,
                           Value rowSum) {
  Value whole = e.cmp(arith::CmpIPredicate::eq, splits, e.index(1));
  auto write = [&] {
    stateRows(u, [&](Value n, Value h, Value row) {
      Value factor = e.spread(
          normalizer(h, row, e.load(rowMax, {n}), e.load(rowSum, {n})));
      writeRow(u.b, h, row, [&](Value c) {
        return e.mulf(e.vload(result, {n, c}), factor);
      });
    });
    return Values();
  };
  auto keep = [&] {
    stateRows(u, [&](Value n, Value, Value) {
      Value at = e.add(e.mul(u.slot, unitRows), n);
      e.store(e.load(rowMax, {n}), partialMax, {at});
      e.store(e.load(rowSum, {n}), partialSum, {at});
      e.forLoop(e.index(0), columns, kLanes, [&](Value c) {
        e.vstore(e.vload(result, {n, c}), partial, {at, c});
      });
    });
    return Values();
  };
  (void)e.ifElse(whole, {}, write, keep);
}

void AttentionCall::combine() {
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
      Value h = e.add(u.h0, head), row = e.add(u.r0, r);
      Value factor = e.spread(normalizer(h, row, most, sum));
      writeRow(u.b, h, row, [&](Value c) {
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

/// All units of a call, by all threads.
template <typename Nest>
static void emitUnits(AttentionCall &c) {
  NNEmitter &e = c.e;
  Type f32 = e.builder.getF32Type();
  Value units = e.mul(c.items, c.splits);
  Value several = e.sless(e.index(1), c.splits);
  Value kept = e.select(several, e.mul(units, c.unitRows), e.index(0));
  Arena arena(e);
  unsigned partial = arena.reserve(f32, e.mul(kept, c.columns)),
           most = arena.reserve(f32, kept), sum = arena.reserve(f32, kept);
  Scratch memory = e.scratch(arena.getBytes());
  c.partial = e.view(memory.bytes, arena.getOffset(partial), f32,
                     ValueRange{kept, c.columns});
  c.partialMax = arena.get(memory.bytes, most);
  c.partialSum = arena.get(memory.bytes, sum);
  // Hands out the units.
  Value counter =
      e.make<memref::AllocaOp>(MemRefType::get({1}, e.builder.getI64Type()));
  e.store(e.integer(0, 64), counter, {e.index(0)});

  Value work = e.mul(e.mul(e.mul(c.rowsAll, c.pairs), c.S), c.D);
  e.parallel(e.sless(e.index(kParallelWork - 1), work), [&] {
    Nest nest(c);
    nest.allocate();
    e.handOut(counter, units, [&](Value unit) { nest.emitUnit(unit); });
    nest.release();
    e.ifThen(several, [&] {
      e.barrier();
      c.combine();
    });
  });
  e.release(memory);
}

func::FuncOp kernel::getOrCreateKernel(ModuleOp module,
                                       const AttentionKernel &kernel) {
  Type f32 = Float32Type::get(module.getContext());
  Type i32 = IntegerType::get(module.getContext(), 32);
  SmallVector<Type> arguments = {
      dynamicMemRef(f32, 4), dynamicMemRef(f32, 4, /*strided=*/true),
      dynamicMemRef(f32, 4, /*strided=*/true), dynamicMemRef(i32, 1)};
  kernel.appendTypes(arguments, module.getContext());
  arguments.append({dynamicMemRef(f32, 4), f32});
  if (kernel.softcap)
    arguments.push_back(f32);
  arguments.push_back(IndexType::get(module.getContext()));
  return getOrCreate(module, kernel.key(), arguments,
                     [&](NNEmitter &e, Block::BlockArgListType args) {
                       AttentionCall call(e, kernel, args);
                       (void)e.ifElse(
                           e.sless(call.rowsAll, e.index(kAttentionFewRows)),
                           {},
                           [&] {
                             emitUnits<FewRowsAttention>(call);
                             return Values();
                           },
                           [&] {
                             emitUnits<ManyRowsAttention>(call);
                             return Values();
                           });
                     });
}
