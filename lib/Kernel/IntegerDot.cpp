//===- IntegerDot.cpp - dot products of codes and integers ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes are unsigned; half of their range is subtracted by the start value of
// the accumulator. So sums of products stay small and, since addition modulo
// 2^16 is exact where the true sum fits, twice as many products are summed
// before the sums are widened.
//
//===----------------------------------------------------------------------===//

#include "LinearParts.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

IntegerPlan::IntegerPlan(const TileFacts &facts, adapter::Arithmetic arithmetic,
                         const KernelTarget &target) {
  block = facts.block;
  groups = facts.block / 4;
  chunkGroups = groups;
  if (arithmetic == adapter::Arithmetic::I16) {
    dot = Dot::PairsI32;
    level = 32767;
  } else if (target.hasByteDot()) {
    dot = Dot::BytesI32;
  } else if (facts.maxCode > 127) {
    dot = Dot::PairsI32;
  } else {
    dot = Dot::BytesI16;
  }
  words = dot == Dot::PairsI32 ? 2 : 1;
  if (dot != Dot::BytesI16) {
    center = facts.hasOffset ? 0 : facts.zeroPoint;
    needsSum = facts.hasOffset;
    return;
  }
  center = (facts.maxCode + 1) / 2;
  needsSum = facts.hasOffset || int64_t(facts.zeroPoint) != center;
  // Two products of a group meet in a lane of 16 bits.
  int64_t fit = 32767 / (2 * level * center);
  while (chunkGroups > fit)
    chunkGroups /= 2;
  chunks = groups / chunkGroups;
}

Value IntegerPlan::remainingOffset(Emitter &e, const TileFacts &facts,
                                   const ScaleOffset &scales) const {
  if (facts.hasOffset) {
    if (!center)
      return scales.offset;
    return e.fma(scales.scale, e.splat(double(center), e.f32Vector()),
                 scales.offset);
  }
  int64_t left = center - int64_t(facts.zeroPoint);
  if (!left)
    return {};
  return e.mulf(scales.scale, e.splat(double(left), e.f32Vector()));
}

Values allot::kernel::emitIntegerDot(Emitter &e, const KernelTarget &target,
                                     const IntegerPlan &plan,
                                     const PackedMatrix &w, Value tile,
                                     const IntegerActivations &x,
                                     Value rowGroup, ArrayRef<Value> acc) {
  const TileFacts &facts = w.facts;
  int64_t rowCount = acc.size();
  using Dot = IntegerPlan::Dot;
  Value byteMask = e.splatInt(255, e.i16Vector());
  Value ones = e.splatInt(1, e.i16Vector());
  auto block = [&](Value b, ValueRange args) {
    if (rowCount == 1)
      w.format.emitPrefetch(e.builder, e.loc, w.state, tile, b, 4096);
    Value place = x.place(e, rowGroup, b);
    // One accumulator for each chunk and row.
    Values inits;
    VectorType type = plan.dot == Dot::BytesI16 ? e.i16Vector() : e.i32Vector();
    for (int64_t chunk = 0; chunk < plan.chunks; ++chunk)
      for (int64_t c = 0; c < rowCount; ++c)
        inits.push_back(plan.hasStart()
                            ? e.bitcast(x.start(e, place, chunk, c), type)
                            : e.splatInt(0, type));
    Values sums = e.repeat(
        facts.stepsPerBlock, /*unroll=*/rowCount == 1 || plan.chunks > 1, inits,
        [&](Value step, ValueRange stepArgs) {
          Values values(stepArgs);
          SmallVector<Value> raw =
              w.format.emitLoadStep(e.builder, e.loc, w.state, tile, b, step);
          for (int64_t part = 0; part < facts.groupsPerStep; ++part) {
            Value codes = w.format.emitUnpack(e.builder, e.loc, raw, part);
            Value group = e.add(step, part * facts.stepsPerBlock);
            int64_t chunk = 0;
            if (plan.chunks > 1)
              chunk = *getConstantIntValue(group) / plan.chunkGroups;
            Value even, odd;
            if (plan.dot == Dot::PairsI32) {
              Value pairs = e.bitcast(codes, e.i16Vector());
              even = arith::AndIOp::create(e.builder, e.loc, pairs, byteMask);
              odd = e.shr(pairs, 8);
            }
            for (int64_t c = 0; c < rowCount; ++c) {
              Value &sum = values[chunk * rowCount + c];
              Value first = x.word(e, place, group, 0, c);
              switch (plan.dot) {
              case Dot::BytesI16:
                sum = e.add(sum, target.dotBytes(e, codes, first));
                break;
              case Dot::BytesI32:
                sum = target.dotBytesInto(e, sum, codes, first);
                break;
              case Dot::PairsI32:
                sum = e.add(sum, target.dotPairs(e, even, first));
                sum = e.add(sum, target.dotPairs(
                                     e, odd, x.word(e, place, group, 1, c)));
                break;
              }
            }
          }
          return values;
        });
    ScaleOffset so = w.format.emitScales(e.builder, e.loc, w.state, tile, b);
    Value offset = plan.remainingOffset(e, facts, so);
    Values next(args);
    for (int64_t c = 0; c < rowCount; ++c) {
      Value sum;
      for (int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
        Value part = sums[chunk * rowCount + c];
        if (plan.dot == Dot::BytesI16)
          part = target.dotPairs(e, part, ones);
        sum = sum ? e.add(sum, part) : part;
      }
      next[c] = x.finishBlock(e, place, c, sum, so.scale, offset, next[c]);
    }
    return next;
  };
  Values start(acc);
  Value rowScale = w.format.emitRowScale(e.builder, e.loc, w.state, tile);
  if (rowScale)
    start.assign(acc.size(), e.splat(0.0, e.f32Vector()));
  Values sums = e.forLoop(e.index(0), w.getBlocks(e), 1, start, block);
  if (rowScale)
    for (int64_t c = 0; c < rowCount; ++c)
      sums[c] = e.fma(sums[c], rowScale, acc[c]);
  return sums;
}
