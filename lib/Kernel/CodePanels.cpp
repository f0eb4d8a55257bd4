//===- CodePanels.cpp - many rows meet a slab of codes -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Panels.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

void CodePanel::reserve(Arena &arena) {
  Emitter &e = arena.getEmitter();
  Type f32 = e.builder.getF32Type();
  codesPart =
      arena.reserve(e.builder.getI8Type(),
                    e.index(slabBlocks * plan.block * codeTiles * tileRows));
  scalesPart = arena.reserve(f32, e.index(slabBlocks * codeTiles * tileRows));
  if (plan.needsSum)
    offsetsPart =
        arena.reserve(f32, e.index(slabBlocks * codeTiles * tileRows));
}

void CodePanel::bind(Arena &arena, Value buffer) {
  codes = arena.get(buffer, codesPart);
  scales = arena.get(buffer, scalesPart);
  if (plan.needsSum)
    offsets = arena.get(buffer, offsetsPart);
}

Value CodePanel::codeAt(Emitter &e, Value block, Value group, int64_t r) const {
  Value at = e.add(e.mul(block, plan.groups), group);
  return e.add(e.mul(at, codeTiles * 32), r * 32);
}

Value CodePanel::scaleAt(Emitter &e, Value block, int64_t r) const {
  return e.add(e.mul(block, codeTiles * tileRows), r * tileRows);
}

void CodePanel::decode(Emitter &e, const PackedMatrix &w, ArrayRef<Value> tiles,
                       Value lo, Value hi) const {
  const TileFacts &facts = w.facts;
  e.forLoop(lo, hi, 1, [&](Value b) {
    Value local = e.sub(b, lo);
    for (size_t r = 0; r < tiles.size(); ++r) {
      Value tile = tiles[r];
      ScaleOffset so = w.format.emitScales(e.builder, e.loc, w.state, tile, b);
      e.storeVector(so.scale, scales, scaleAt(e, local, r));
      if (Value offset = plan.remainingOffset(e, facts, so))
        e.storeVector(offset, offsets, scaleAt(e, local, r));
      e.repeat(
          facts.stepsPerBlock, /*unroll=*/false, {},
          [&](Value step, ValueRange) {
            SmallVector<Value> raw =
                w.format.emitLoadStep(e.builder, e.loc, w.state, tile, b, step);
            for (int64_t part = 0; part < facts.groupsPerStep; ++part) {
              Value group = e.add(step, part * facts.stepsPerBlock);
              e.storeVector(w.format.emitUnpack(e.builder, e.loc, raw, part),
                            codes, codeAt(e, local, group, r));
            }
            return Values();
          });
    }
  });
}

/// Sums of products of one block of the panel: codeTiles * rows vectors of
/// i32.
Values allot::kernel::emitBlockSums(Emitter &e, const KernelTarget &target,
                                    const CodePanel &panel,
                                    const IntegerActivations &x, Value place,
                                    Value local, int64_t rowGroup) {
  using Dot = IntegerPlan::Dot;
  const IntegerPlan &plan = panel.plan;
  int64_t pairs = codeTiles * rowGroup;
  bool narrow = plan.dot == Dot::BytesI16;
  VectorType type = narrow ? e.i16Vector() : e.i32Vector();
  Value byteMask = e.splatInt(255, e.i16Vector());
  Value ones = e.splatInt(1, e.i16Vector());

  auto group = [&](Value g, ValueRange args) {
    Values sums(args);
    Values codes, even, odd;
    for (int64_t r = 0; r < codeTiles; ++r) {
      codes.push_back(e.loadVector(e.i8Vector(), panel.codes,
                                   panel.codeAt(e, local, g, r)));
      if (plan.dot == Dot::PairsI32) {
        Value words = e.bitcast(codes[r], e.i16Vector());
        even.push_back(
            arith::AndIOp::create(e.builder, e.loc, words, byteMask));
        odd.push_back(e.shr(words, 8));
      }
    }
    // A broadcast is consumed at once by all rows of the panel.
    for (int64_t c = 0; c < rowGroup; ++c) {
      Value first = x.word(e, place, g, 0, c);
      for (int64_t r = 0; r < codeTiles; ++r) {
        Value &sum = sums[r * rowGroup + c];
        if (narrow)
          sum = e.add(sum, target.dotBytes(e, codes[r], first));
        else if (plan.dot == Dot::BytesI32)
          sum = target.dotBytesInto(e, sum, codes[r], first);
        else
          sum = e.add(sum, target.dotPairs(e, even[r], first));
      }
      if (plan.dot != Dot::PairsI32)
        continue;
      Value second = x.word(e, place, g, 1, c);
      for (int64_t r = 0; r < codeTiles; ++r) {
        Value &sum = sums[r * rowGroup + c];
        sum = e.add(sum, target.dotPairs(e, odd[r], second));
      }
    }
    return sums;
  };
  auto chunkSums = [&](Value chunk) {
    Values inits;
    for (int64_t i = 0; i < pairs; ++i)
      inits.push_back(
          plan.hasStart()
              ? e.bitcast(x.start(e, place, chunk, i % rowGroup), type)
              : e.splatInt(0, type));
    Value firstGroup = e.mul(chunk, plan.chunkGroups);
    Values sums = e.repeat(plan.chunkGroups, /*unroll=*/plan.chunkGroups <= 4,
                           inits, [&](Value g, ValueRange args) {
                             return group(e.add(firstGroup, g), args);
                           });
    if (narrow)
      for (Value &sum : sums)
        sum = target.dotPairs(e, sum, ones);
    return sums;
  };
  if (plan.chunks == 1)
    return chunkSums(e.index(0));
  return e.forLoop(e.index(0), e.index(plan.chunks), 1,
                   Values(pairs, e.splatInt(0, e.i32Vector())),
                   [&](Value chunk, ValueRange args) {
                     Values sums = chunkSums(chunk);
                     for (int64_t i = 0; i < pairs; ++i)
                       sums[i] = e.add(sums[i], args[i]);
                     return sums;
                   });
}
