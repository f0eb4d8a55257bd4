//===- Rope.cpp - kernels of the rotary position embedding ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread makes a table of cosines and sines for a token and turns all heads
// with it. Angles are position * frequency in f32, as the models that this has
// to agree with compute them.
//
//===----------------------------------------------------------------------===//

#include "NNEmitter.h"
#include "allot/Kernel/NN.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

std::string RopeKernel::key() const {
  return neighbours ? "nn_rope_neighbours" : "nn_rope_halves";
}

namespace {

/// Work (elements turned, and a guess at a table entry's price in elements)
/// below which a second thread costs more than it brings.
constexpr int64_t kParallelWork = 16384;
constexpr int64_t kAnglePrice = 8;

/// Fills `cosines` and `sines` with `size` entries. For neighbours each angle
/// stands twice, the first sine negated: y = x * cos + swapped(x) * sin.
void emitTable(NNEmitter &e, const RopeKernel &kernel, Value cosines,
               Value sines, Value frequencies, Value position, Value scale) {
  Value pairs = e.dim(frequencies, 0);
  Value factor = e.spread(scale);
  Value at = e.spread(e.toFloat(position));
  e.vectors(pairs, [&](Value i, Value mask) {
    auto [sine, cosine] = e.sinCos(e.mulf(at, e.vload(frequencies, {i}, mask)));
    sine = e.mulf(sine, factor);
    cosine = e.mulf(cosine, factor);
    // The tables are as long as whole vectors, so the rest is stored whole.
    if (!kernel.neighbours) {
      e.vstore(cosine, cosines, {i});
      e.vstore(sine, sines, {i});
      return;
    }
    Value negated = e.make<arith::NegFOp>(sine);
    Value at0 = e.mul(i, 2), at1 = e.add(at0, kLanes);
    e.vstore(e.shuffle(cosine, cosine, {0, 0, 1, 1, 2, 2, 3, 3}), cosines,
             {at0});
    e.vstore(e.shuffle(cosine, cosine, {4, 4, 5, 5, 6, 6, 7, 7}), cosines,
             {at1});
    e.vstore(e.shuffle(negated, sine, {0, 8, 1, 9, 2, 10, 3, 11}), sines,
             {at0});
    e.vstore(e.shuffle(negated, sine, {4, 12, 5, 13, 6, 14, 7, 15}), sines,
             {at1});
  });
}

} // namespace

func::FuncOp kernel::getOrCreateKernel(ModuleOp module,
                                       const RopeKernel &kernel) {
  Type f32 = Float32Type::get(module.getContext());
  Type i32 = IntegerType::get(module.getContext(), 32);
  SmallVector<Type> arguments = {dynamicMemRef(f32, 4), dynamicMemRef(i32, 1),
                                 dynamicMemRef(f32, 1), dynamicMemRef(f32, 4),
                                 f32};
  return getOrCreate(
      module, kernel.key(), arguments,
      [&](NNEmitter &e, Block::BlockArgListType args) {
        Value x = args[0], past = args[1], frequencies = args[2], out = args[3],
              scale = args[4];
        Value T = e.dim(x, 1), heads = e.dim(x, 2), D = e.dim(x, 3);
        Value tokens = e.mul(e.dim(x, 0), T);
        Value pairs = e.dim(frequencies, 0);
        Value rotary = e.mul(pairs, 2);
        Value work =
            e.mul(tokens, e.add(e.mul(heads, D), e.mul(pairs, kAnglePrice)));
        e.parallelOrAlone(
            e.sless(e.index(kParallelWork - 1), work),
            [&](kernel::Range threads) {
              // Two vectors more than needed: neighbours store them in pairs.
              Value size = e.roundUp(e.add(rotary, 2 * kLanes), kLanes);
              MemRefType table = dynamicMemRef(f32, 1);
              Value cosines = e.make<memref::AllocOp>(
                  table, ValueRange{size}, e.builder.getI64IntegerAttr(64));
              Value sines = e.make<memref::AllocOp>(
                  table, ValueRange{size}, e.builder.getI64IntegerAttr(64));
              kernel::Range mine = e.share(tokens, threads.lo, threads.hi);
              e.forLoop(mine.lo, mine.hi, 1, [&](Value token) {
                Value b = e.div(token, T), t = e.rem(token, T);
                Value position = e.add(e.load(past, {b}), e.toI32(t));
                emitTable(e, kernel, cosines, sines, frequencies, position,
                          scale);
                e.forLoop(e.index(0), heads, 1, [&](Value h) {
                  if (kernel.neighbours) {
                    e.vectors(rotary, [&](Value i, Value mask) {
                      Value v = e.vload(x, {b, t, h, i}, mask);
                      Value swapped = e.shuffle(v, v, {1, 0, 3, 2, 5, 4, 7, 6});
                      e.vstore(e.fma(swapped, e.vload(sines, {i}),
                                     e.mulf(v, e.vload(cosines, {i}))),
                               out, {b, t, h, i}, mask);
                    });
                  } else {
                    e.vectors(pairs, [&](Value i, Value mask) {
                      Value j = e.add(i, pairs);
                      Value a = e.vload(x, {b, t, h, i}, mask),
                            c = e.vload(x, {b, t, h, j}, mask);
                      Value cosine = e.vload(cosines, {i}),
                            sine = e.vload(sines, {i});
                      e.vstore(e.subf(e.mulf(a, cosine), e.mulf(c, sine)), out,
                               {b, t, h, i}, mask);
                      e.vstore(e.fma(c, cosine, e.mulf(a, sine)), out,
                               {b, t, h, j}, mask);
                    });
                  }
                  e.vectors(e.sub(D, rotary), [&](Value i, Value mask) {
                    Value j = e.add(rotary, i);
                    e.vstore(e.vload(x, {b, t, h, j}, mask), out, {b, t, h, j},
                             mask);
                  });
                });
              });
              e.dealloc(cosines);
              e.dealloc(sines);
            });
      });
}
