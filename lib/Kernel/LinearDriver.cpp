//===- LinearDriver.cpp - low-rank terms and epilogue -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearParts.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

static bool hasCodes(Attribute format) {
  return cast<FormatTileInterface>(format).getTileFacts().codeBits != 0;
}

Value allot::kernel::clampedRow(Emitter &e, Value group, int64_t size,
                                int64_t lane, Value rows) {
  if (size == 1)
    return group;
  return e.min(e.add(e.mul(group, size), lane), e.sub(rows, e.index(1)));
}

Value RowSource::placeOf(Emitter &e, Value row) const {
  Value place = e.load(order, e.add(first, row));
  return arith::IndexCastOp::create(e.builder, e.loc, e.builder.getIndexType(),
                                    place);
}
Value RowSource::rowOf(Emitter &e, Value row) const {
  return order ? e.div(placeOf(e, row), perRow) : row;
}

LinearDriver::LinearDriver(Emitter &e, const LinearKernelSpec &spec,
                           const KernelTarget &target,
                           LinearKernelOperands args)
    : e(e), spec(spec), target(target), args(std::move(args)) {
  const LinearKernelOperands &a = this->args;
  rows = spec.listed ? a.count : e.dim(a.x, 0);
  in = e.dim(a.x, 1);
  out = e.dim(this->args.y, 1);
  tiles = e.ceilDiv(out, tileRows);
  x = {e.flatten(a.x), in, a.order, a.first, a.perRow};
  integer = spec.getArithmetic() != adapter::Arithmetic::F32;
  hasIntegerFactorA = llvm::any_of(
      spec.terms, [](const auto &term) { return hasCodes(term.a); });
}

PackedMatrix LinearDriver::weight() {
  return PackedMatrix(e, spec.weight, args.weight, out, in);
}
PackedMatrix LinearDriver::factorA(unsigned term) {
  return PackedMatrix(e, spec.terms[term].a, args.a[term], args.ranks[term],
                      in);
}
PackedMatrix LinearDriver::factorB(unsigned term) {
  return PackedMatrix(e, spec.terms[term].b, args.b[term], out,
                      args.ranks[term]);
}
SmallVector<PackedMatrix> LinearDriver::allFactorsB() {
  SmallVector<PackedMatrix> bs;
  for (unsigned term = 0; term < spec.terms.size(); ++term)
    bs.push_back(factorB(term));
  return bs;
}

//===----------------------------------------------------------------------===//
// Low-rank terms
//===----------------------------------------------------------------------===//

void LinearDriver::reserveTerms(Arena &arena) {
  zStride = e.index(0);
  for (auto [term, rank] : llvm::zip_equal(spec.terms, args.ranks)) {
    zOffsets.push_back(zStride);
    // Codes of B are met in whole blocks.
    int64_t unit = hasCodes(term.b) ? maxBlock : tileRows;
    zStride = e.add(zStride, e.alignTo(rank, unit));
  }
  zPart = arena.reserve(e.builder.getF32Type(), e.mul(rows, zStride));
}

void LinearDriver::bindTerms(Arena &arena, Value buffer) {
  z = arena.get(buffer, zPart);
}

void LinearDriver::emitFactorsA(bool withCodes, const FloatActivations *padded,
                                int64_t rowGroup, kernel::Range threads) {
  for (unsigned term = 0; term < spec.terms.size(); ++term) {
    if (hasCodes(spec.terms[term].a) != withCodes)
      continue;
    PackedMatrix a = factorA(term);
    Value end = term + 1 < zOffsets.size() ? zOffsets[term + 1] : zStride;
    Value items = e.mul(e.ceilDiv(rows, rowGroup), a.tiles);
    kernel::Range share = e.share(items, threads.lo, threads.hi);
    Value zero = e.splat(0.0, e.f32Vector());
    Value scale = e.broadcast(args.scales[term], e.f32Vector());
    e.forLoop(share.lo, share.hi, 1, [&](Value item) {
      Value group = e.div(item, a.tiles), tile = e.rem(item, a.tiles);
      SmallVector<FloatVector> xs;
      SmallVector<Value> places;
      for (int64_t lane = 0; lane < rowGroup; ++lane) {
        Value row = clampedRow(e, group, rowGroup, lane, rows);
        FloatVector vector{x.data, x.base(e, row), {}, {}};
        if (withCodes) {
          // Its sums are those of the weight's blocks.
          vector = padded->get(e, row);
          vector.sums = {};
        }
        xs.push_back(vector);
        places.push_back(e.add(e.mul(row, zStride), zOffsets[term]));
      }
      Values acc = emitFloatDot(e, a, {tile}, xs, Values(rowGroup, zero));
      Value first = e.mul(tile, tileRows);
      Value mask = e.laneMask(e.sub(a.rows, first));
      Value last =
          e.cmp(arith::CmpIPredicate::eq, tile, e.sub(a.tiles, e.index(1)));
      for (auto [value, place] : llvm::zip_equal(acc, places)) {
        // What lies beyond the rank is met by padding of B: it must be zero.
        Value kept = e.select(mask, e.mulf(value, scale), zero);
        e.storeVector(kept, z, e.add(place, first));
        if (!hasCodes(spec.terms[term].b))
          continue;
        e.ifThen(last, [&, place = place] {
          Value stop = e.sub(end, zOffsets[term]);
          e.forLoop(e.add(first, tileRows), stop, tileRows, [&](Value at) {
            e.storeVector(zero, z, e.add(place, at));
          });
        });
      }
    });
  }
}

Values LinearDriver::emitFactorsB(ArrayRef<PackedMatrix> bs,
                                  ArrayRef<Value> tiles, ArrayRef<Value> rows,
                                  Values acc) {
  for (auto [term, b] : llvm::enumerate(bs)) {
    SmallVector<FloatVector> zs;
    for (Value row : rows)
      zs.push_back({z, e.add(e.mul(row, zStride), zOffsets[term]), {}, {}});
    acc = emitFloatDot(e, b, tiles, zs, acc);
  }
  return acc;
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

static Value activate(Emitter &e, adapter::Activation activation, Value v) {
  OpBuilder &b = e.builder;
  Location loc = e.loc;
  auto constant = [&](double value) { return e.splat(value, e.f32Vector()); };
  switch (activation) {
  case adapter::Activation::None:
    return v;
  case adapter::Activation::ReLU: {
    Value positive = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ULT, v,
                                           constant(0.0));
    return e.select(positive, constant(0.0), v);
  }
  case adapter::Activation::SiLU: {
    Value negated = arith::NegFOp::create(b, loc, v);
    Value exp = math::ExpOp::create(b, loc, negated);
    return e.divf(v, e.addf(exp, constant(1.0)));
  }
  case adapter::Activation::GELU: {
    Value erf =
        math::ErfOp::create(b, loc, e.mulf(v, constant(0.70710678118654752)));
    return e.mulf(e.mulf(v, constant(0.5)), e.addf(erf, constant(1.0)));
  }
  case adapter::Activation::GELUTanh: {
    Value cube = e.mulf(e.mulf(v, v), v);
    Value inner = e.mulf(e.fma(cube, constant(0.044715), v),
                         constant(0.79788456080286536));
    Value tanh = math::TanhOp::create(b, loc, inner);
    return e.mulf(e.mulf(v, constant(0.5)), e.addf(tanh, constant(1.0)));
  }
  }
  llvm_unreachable("all activations are handled");
}

void LinearDriver::emitEpilogue(Value tile, Value row, Value acc) {
  Value first = e.mul(tile, tileRows);
  Value left = e.sub(out, first);
  Value mask = e.laneMask(left);
  VectorType type = e.f32Vector();
  if (spec.listed) {
    Value factor = args.factor;
    if (args.weights)
      factor = e.mulf(factor, e.load(args.weights, x.placeOf(e, row)));
    row = x.rowOf(e, row);
    Value before = e.loadLanes(type, args.y, {row, first}, mask);
    acc = e.fma(e.broadcast(factor, type), acc, before);
  }
  if (args.bias)
    acc = e.addf(acc, e.loadLanes(type, args.bias, first, mask));
  acc = activate(e, spec.activation, acc);
  if (args.multiplier)
    acc = e.mulf(acc, e.loadLanes(type, args.multiplier, {row, first}, mask));
  if (args.residual)
    acc = e.addf(acc, e.loadLanes(type, args.residual, {row, first}, mask));
  Value whole = e.cmp(arith::CmpIPredicate::uge, left, e.index(tileRows));
  (void)e.ifElse(
      whole, {},
      [&] {
        e.storeVector(acc, args.y, {row, first});
        return Values();
      },
      [&] {
        e.storeLanes(acc, args.y, {row, first}, mask);
        return Values();
      });
}
