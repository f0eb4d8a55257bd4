//===- FloatPanels.cpp - many rows meet a slab of floats -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Panels.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

void InterleavedFloats::reserve(Arena &arena) {
  Emitter &e = arena.getEmitter();
  Value count = e.mul(e.mul(groups, columns), rowGroup);
  part = arena.reserve(e.builder.getF32Type(), count);
}

Value InterleavedFloats::place(Emitter &e, Value group, Value first,
                               Value last) const {
  Value before = e.mul(first, groups), width = e.sub(last, first);
  return e.mul(e.add(before, e.mul(group, width)), rowGroup);
}

void InterleavedFloats::fill(Emitter &e, const RowSource &x,
                             kernel::Range items) const {
  e.forLoop(items.lo, items.hi, 1, [&](Value item) {
    Value group = e.rem(item, groups);
    Value first = e.mul(e.div(item, groups), slab);
    Value last = e.min(e.add(first, slab), columns);
    Value base = place(e, group, first, last);
    Values bases;
    for (int64_t lane = 0; lane < rowGroup; ++lane)
      bases.push_back(x.base(e, clampedRow(e, group, rowGroup, lane, rows)));
    e.forLoop(first, last, 1, [&](Value column) {
      Value to = e.add(base, e.mul(e.sub(column, first), rowGroup));
      for (int64_t lane = 0; lane < rowGroup; ++lane)
        e.store(e.load(x.data, e.add(bases[lane], column)), data,
                e.add(to, lane));
    });
  });
}

void allot::kernel::emitFloatSlab(Emitter &e, const FloatPanel &panel,
                                  const InterleavedFloats &x, Value first,
                                  Value last, Value isFirst, Value group,
                                  Value sumBase) {
  VectorType type = e.f32Vector(panel.width);
  int64_t rowGroup = x.rowGroup, parts = panel.rows / panel.width;
  auto sumAt = [&](int64_t i) {
    return e.add(sumBase,
                 (i % rowGroup) * panel.rows + (i / rowGroup) * panel.width);
  };
  Values inits(parts * rowGroup, e.splat(0.0, type));
  inits = e.ifElse(
      isFirst, ValueRange(inits).getTypes(), [&] { return inits; },
      [&] {
        Values before;
        for (int64_t i = 0; i < parts * rowGroup; ++i)
          before.push_back(e.loadVector(type, panel.sums, sumAt(i)));
        return before;
      });
  Value base = x.place(e, group, first, last);
  Values acc = e.forLoop(
      e.index(0), e.sub(last, first), 1, inits, [&](Value k, ValueRange args) {
        Values next(args), w;
        for (int64_t r = 0; r < parts; ++r)
          w.push_back(
              e.loadVector(type, panel.values,
                           e.add(e.mul(k, panel.rows), r * panel.width)));
        Value at = e.add(base, e.mul(k, rowGroup));
        for (int64_t c = 0; c < rowGroup; ++c) {
          Value splat = e.loadSplat(type, x.data, e.add(at, c));
          for (int64_t r = 0; r < parts; ++r) {
            Value &sum = next[r * rowGroup + c];
            sum = e.fma(w[r], splat, sum);
          }
        }
        return next;
      });
  for (auto [i, value] : llvm::enumerate(acc))
    e.storeVector(value, panel.sums, sumAt(i));
}
