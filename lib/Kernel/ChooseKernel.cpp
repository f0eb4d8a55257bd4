//===- ChooseKernel.cpp - the kernel of routed.choose -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scores of all rows, the choice of each sequence by its policy, then ids and
// weights row by row.
//
//===----------------------------------------------------------------------===//

#include "GroupedParts.h"
#include "allot/Kernel/Routing.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using namespace allot::routed;
using Values = Emitter::Values;

Attribute ChooseSpec::getKey(MLIRContext *context) const {
  Builder b(context);
  return b.getArrayAttr(
      {b.getStringAttr("choose"), policy,
       b.getDenseI64ArrayAttr(
           {int64_t(score), int64_t(weighting), bias, capacity}),
       b.getF64FloatAttr(factor)});
}

namespace {

class ChooseCode {
public:
  ChooseCode(Emitter &e, const ChooseSpec &spec, ValueRange args)
      : e(e), spec(spec), bias(spec.bias ? args[1] : Value()) {
    batch = e.dim(args[0], 0);
    rows = e.dim(args[0], 1);
    experts = e.dim(args[0], 2);
    most = e.dim(args.back(), 2);
    logits = e.flatten(args[0]);
    ids = e.flatten(args[args.size() - 2]);
    weights = e.flatten(args.back());
  }

  void emit() {
    Type f32 = e.builder.getF32Type(), i8 = e.builder.getI8Type(),
         i32 = e.builder.getI32Type();
    Value perSequence = e.mul(rows, experts), all = e.mul(batch, perSequence);
    Arena arena(e);
    unsigned scoresPart = arena.reserve(f32, all),
             biasedPart = spec.bias ? arena.reserve(f32, all) : scoresPart,
             chosenPart = arena.reserve(i8, all),
             takenPart = arena.reserve(i32, experts);
    Scratch memory = e.scratch(arena.getBytes());
    scores = arena.get(memory.bytes, scoresPart);
    biased = arena.get(memory.bytes, biasedPart);
    chosen = arena.get(memory.bytes, chosenPart);
    taken = arena.get(memory.bytes, takenPart);
    Value zero = e.index(0);
    e.forLoop(zero, e.mul(batch, rows), 1,
              [&](Value row) { scoreRow(e.mul(row, experts)); });
    e.forLoop(zero, batch, 1, [&](Value sequence) {
      Value first = e.mul(sequence, perSequence);
      cast<RoutingKernelInterface>(spec.policy)
          .emitChoose(e, biased, chosen, first, rows, experts);
      if (spec.capacity)
        e.forLoop(zero, experts, 1,
                  [&](Value i) { e.store(e.integer(0, 32), taken, i); });
      e.forLoop(zero, rows, 1, [&](Value row) {
        packRow(e.add(first, e.mul(row, experts)),
                e.mul(e.add(e.mul(sequence, rows), row), most));
      });
    });
    e.release(memory);
  }

private:
  Value exp(Value x) { return math::ExpOp::create(e.builder, e.loc, x); }
  Value larger(Value a, Value b) {
    return arith::MaxNumFOp::create(e.builder, e.loc, a, b);
  }
  /// Loop over the experts of a row.
  Values forExperts(Values inits,
                    function_ref<Values(Value, ValueRange)> body) {
    return e.forLoop(e.index(0), experts, 1, inits, body);
  }

  void scoreRow(Value first) {
    Value one = e.f32(1);
    Value largest, total;
    if (spec.score == Score::Softmax) {
      largest = forExperts({e.f32(-INFINITY)}, [&](Value i, ValueRange so) {
        return Values{larger(so[0], e.load(logits, e.add(first, i)))};
      })[0];
      total = forExperts({e.f32(0)}, [&](Value i, ValueRange so) {
        Value at = e.add(first, i);
        Value s = exp(subf(e.load(logits, at), largest));
        e.store(s, scores, at);
        return Values{e.addf(so[0], s)};
      })[0];
    }
    e.forLoop(e.index(0), experts, 1, [&](Value i) {
      Value at = e.add(first, i), s;
      if (spec.score == Score::Softmax)
        s = e.divf(e.load(scores, at), total);
      else
        s = e.load(logits, at);
      if (spec.score == Score::Sigmoid)
        s = e.divf(one, e.addf(one, exp(subf(e.f32(0), s))));
      e.store(s, scores, at);
      if (bias)
        e.store(e.addf(s, e.load(bias, i)), biased, at);
      e.store(e.integer(0, 8), chosen, at);
    });
  }

  Value subf(Value a, Value b) {
    return arith::SubFOp::create(e.builder, e.loc, a, b);
  }
  Value isChosen(Value at) {
    return e.cmp(arith::CmpIPredicate::eq, e.load(chosen, at), e.integer(1, 8));
  }

  /// Ids and weights of a row from `to` on.
  void packRow(Value first, Value to) {
    Value zero = e.f32(0), one = e.f32(1);
    Value largest;
    if (spec.weighting == Weighting::Softmax)
      largest = forExperts({e.f32(-INFINITY)}, [&](Value i, ValueRange so) {
        Value at = e.add(first, i);
        Value logit = larger(so[0], e.load(logits, at));
        return Values{e.select(isChosen(at), logit, so[0])};
      })[0];
    Values sums = forExperts({e.index(0), zero}, [&](Value i, ValueRange so) {
      Value at = e.add(first, i);
      return e.ifElse(
          isChosen(at), so.getTypes(),
          [&] {
            Value weight = spec.weighting == Weighting::Ones ? one
                           : spec.weighting == Weighting::Softmax
                               ? exp(subf(e.load(logits, at), largest))
                               : e.load(scores, at);
            Value place = e.add(to, so[0]);
            e.store(fromIndex(e, i, 32), ids, place);
            e.store(weight, weights, place);
            return Values{e.add(so[0], 1), e.addf(so[1], weight)};
          },
          [&] { return Values(so); });
    });
    bool divides = spec.weighting == Weighting::Normalized ||
                   spec.weighting == Weighting::Softmax;
    e.forLoop(e.index(0), sums[0], 1, [&](Value slot) {
      Value place = e.add(to, slot), weight = e.load(weights, place);
      if (divides)
        weight = e.divf(weight, sums[1]);
      weight = e.mulf(weight, e.f32(spec.factor));
      if (spec.capacity) {
        Value expert = loadIndex(e, ids, place);
        Value before = e.load(taken, expert);
        e.store(e.add(before, 1), taken, expert);
        Value fits = e.less(before, e.integer(spec.capacity, 32));
        weight = e.select(fits, weight, zero);
      }
      e.store(weight, weights, place);
    });
    e.forLoop(sums[0], most, 1, [&](Value slot) {
      e.store(e.integer(-1, 32), ids, e.add(to, slot));
      e.store(zero, weights, e.add(to, slot));
    });
  }

  Emitter &e;
  const ChooseSpec &spec;
  Value bias, batch, rows, experts, most, logits, ids, weights;
  Value scores, biased, chosen, taken;
};

} // namespace

func::FuncOp kernel::buildChooseKernel(ModuleOp module,
                                       const ChooseSpec &spec) {
  MLIRContext *context = module.getContext();
  int64_t any = ShapedType::kDynamic;
  Type f32 = Float32Type::get(context), i32 = IntegerType::get(context, 32);
  SmallVector<Type> types{MemRefType::get({any, any, any}, f32)};
  if (spec.bias)
    types.push_back(MemRefType::get(any, f32));
  types.push_back(MemRefType::get({any, any, any}, i32));
  types.push_back(MemRefType::get({any, any, any}, f32));
  return buildKernelFunction(
      module, "choose_experts", types,
      [&](Emitter &e, ValueRange args) { ChooseCode(e, spec, args).emit(); });
}
