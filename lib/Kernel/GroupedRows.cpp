//===- GroupedRows.cpp - sorting rows, and diagonals of members -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupedParts.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

Value allot::kernel::toIndex(Emitter &e, Value integer) {
  return arith::IndexCastOp::create(e.builder, e.loc, e.builder.getIndexType(),
                                    integer);
}
Value allot::kernel::fromIndex(Emitter &e, Value index, unsigned bits) {
  return arith::IndexCastOp::create(e.builder, e.loc,
                                    e.builder.getIntegerType(bits), index);
}
Value allot::kernel::loadIndex(Emitter &e, Value buffer, Value at) {
  return toIndex(e, e.load(buffer, at));
}

void allot::kernel::emitColumns(Emitter &e, Value lo, Value hi, int64_t lanes,
                                function_ref<void(Value, Value)> body) {
  Value whole = e.add(lo, e.mul(e.div(e.sub(hi, lo), lanes), lanes));
  e.forLoop(lo, whole, lanes, [&](Value at) { body(at, Value()); });
  e.forLoop(whole, hi, lanes,
            [&](Value at) { body(at, e.laneMask(e.sub(hi, at), lanes)); });
}

void allot::kernel::emitZeros(Emitter &e, Value y, Value row, Value lo,
                              Value hi) {
  Value zero = e.splat(0.0, e.f32Vector(16));
  emitColumns(e, lo, hi, 16, [&](Value at, Value mask) {
    if (mask)
      e.storeLanes(zero, y, {row, at}, mask);
    else
      e.storeVector(zero, y, {row, at});
  });
}

func::FuncOp allot::kernel::buildKernelFunction(
    ModuleOp module, StringRef name, ArrayRef<Type> arguments,
    function_ref<void(Emitter &, ValueRange)> body) {
  declareThreadFunctions(module);
  OpBuilder b(module.getContext());
  Location loc = b.getUnknownLoc();
  auto function =
      func::FuncOp::create(loc, name, b.getFunctionType(arguments, {}));
  function.setPrivate();
  SymbolTable(module).insert(function);
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToEnd(entry);
  Emitter e(b, loc);
  body(e, entry->getArguments());
  func::ReturnOp::create(b, loc);
  return function;
}

//===----------------------------------------------------------------------===//
// group_rows
//===----------------------------------------------------------------------===//

func::FuncOp allot::kernel::buildGroupRowsKernel(ModuleOp module) {
  Type i32 = IntegerType::get(module.getContext(), 32);
  Type numbers = MemRefType::get(ShapedType::kDynamic, i32);
  return buildKernelFunction(
      module, "group_rows", SmallVector<Type>(4, numbers),
      [&](Emitter &e, ValueRange args) {
        Value ids = args[0], order = args[1], places = args[2],
              offsets = args[3];
        Value zero = e.index(0), one32 = e.integer(1, 32),
              zero32 = e.integer(0, 32);
        Value members = e.sub(e.dim(offsets, 0), e.index(1)),
              bound = fromIndex(e, members, 32), count = e.dim(ids, 0);
        auto inside = [&](Value id) {
          return e.cmp(arith::CmpIPredicate::ult, id, bound);
        };
        e.forLoop(zero, e.dim(offsets, 0), 1,
                  [&](Value m) { e.store(zero32, offsets, m); });
        // How many chose a member stands at the next one, then where the rows
        // of each begin.
        e.forLoop(zero, count, 1, [&](Value place) {
          Value id = e.load(ids, place);
          e.ifThen(inside(id), [&] {
            Value at = e.add(toIndex(e, id), 1);
            e.store(e.add(e.load(offsets, at), one32), offsets, at);
          });
        });
        e.forLoop(zero, members, 1, Values{zero32},
                  [&](Value m, ValueRange sum) {
                    Value at = e.add(m, 1);
                    Value next = e.add(sum[0], e.load(offsets, at));
                    e.store(next, offsets, at);
                    return Values{next};
                  });
        // Each row takes the place where its member stands now.
        e.forLoop(zero, count, 1, Values{e.load(offsets, members)},
                  [&](Value place, ValueRange rest) {
                    Value id = e.load(ids, place), chosen = inside(id);
                    Values next = e.ifElse(
                        chosen, {i32, i32},
                        [&] {
                          Value at = toIndex(e, id), to = e.load(offsets, at);
                          e.store(e.add(to, one32), offsets, at);
                          return Values{to, rest[0]};
                        },
                        [&] { return Values{rest[0], e.add(rest[0], one32)}; });
                    e.store(fromIndex(e, place, 32), order,
                            toIndex(e, next[0]));
                    e.store(next[0], places, place);
                    return Values{next[1]};
                  });
        // Now each stands where the next one began; of the last that is kept.
        e.forLoop(zero, members, 1, Values{zero32},
                  [&](Value m, ValueRange before) {
                    Value now = e.load(offsets, m);
                    e.store(before[0], offsets, m);
                    return Values{now};
                  });
      });
}

//===----------------------------------------------------------------------===//
// grouped_diagonal
//===----------------------------------------------------------------------===//

/// y[row, lo:hi) += factor * vector * x[row, sources].
static void emitDiagonal(Emitter &e, Value x, Value y, Value row, Value lo,
                         Value hi, Value factor, Value vector, Value sources) {
  VectorType type = e.f32Vector(16), places = e.i32Vector(16);
  Value scale = e.broadcast(factor, type);
  emitColumns(e, lo, hi, 16, [&](Value at, Value mask) {
    auto load = [&](VectorType of, Value from, ValueRange place) -> Value {
      if (!mask)
        return e.loadVector(of, from, place);
      Value none = of == type ? e.splat(0.0, of) : e.splatInt(0, of);
      return vector::MaskedLoadOp::create(e.builder, e.loc, of, from, place,
                                          mask, none);
    };
    Value taken;
    if (sources) {
      Value all = mask ? mask : e.laneMask(e.index(16), 16);
      taken = vector::GatherOp::create(
          e.builder, e.loc, type, x, ValueRange{row, e.index(0)},
          load(places, sources, at), all, e.splat(0.0, type));
    } else {
      taken = load(type, x, {row, at});
    }
    Value weight = vector ? e.mulf(load(type, vector, at), scale) : scale;
    Value sum = e.fma(weight, taken, load(type, y, {row, at}));
    if (mask)
      e.storeLanes(sum, y, {row, at}, mask);
    else
      e.storeVector(sum, y, {row, at});
  });
}

func::FuncOp allot::kernel::buildGroupedDiagonalKernel(ModuleOp module,
                                                       bool weights,
                                                       bool accumulate) {
  MLIRContext *context = module.getContext();
  int64_t any = ShapedType::kDynamic;
  Type f32 = Float32Type::get(context), i32 = IntegerType::get(context, 32);
  Type vector = MemRefType::get(any, f32), numbers = MemRefType::get(any, i32),
       matrix = MemRefType::get({any, any}, f32);
  SmallVector<Type> types{matrix,
                          numbers,
                          MemRefType::get(any, vector),
                          MemRefType::get(any, numbers),
                          numbers,
                          numbers,
                          vector};
  std::string name = "grouped_diagonal";
  if (weights) {
    types.push_back(vector);
    name += "_weighted";
  }
  if (accumulate)
    name += "_plus";
  types.push_back(matrix);
  return buildKernelFunction(
      module, name, types, [&](Emitter &e, ValueRange args) {
        Value x = args[0], ids = args[1], vectors = args[2], lists = args[3],
              starts = args[4], terms = args[5], scales = args[6];
        Value weightOf = weights ? args[7] : Value(), y = args.back();
        Value one = e.index(1);
        Value rows = e.dim(y, 0), columns = e.dim(y, 1);
        Value perRow = e.div(e.dim(ids, 0), e.max(rows, one));
        Value members = fromIndex(e, e.sub(e.dim(starts, 0), one), 32);
        // Parts of rows: few rows are work for all threads, too.
        constexpr int64_t part = 1024;
        Value parts = e.ceilDiv(columns, part), items = e.mul(rows, parts);
        Value isLarge = e.less(e.index(1 << 14), e.mul(rows, columns));
        e.parallelOrAlone(isLarge, [&](kernel::Range threads) {
          kernel::Range share = e.share(items, threads.lo, threads.hi);
          e.forLoop(share.lo, share.hi, 1, [&](Value item) {
            Value row = e.div(item, parts),
                  lo = e.mul(e.rem(item, parts), part),
                  hi = e.min(e.add(lo, part), columns);
            if (!accumulate)
              emitZeros(e, y, row, lo, hi);
            Value first = e.mul(row, perRow);
            e.forLoop(first, e.add(first, perRow), 1, [&](Value place) {
              Value id = e.load(ids, place);
              e.ifThen(e.cmp(arith::CmpIPredicate::ult, id, members), [&] {
                Value member = toIndex(e, id);
                e.forLoop(
                    loadIndex(e, starts, member),
                    loadIndex(e, starts, e.add(member, 1)), 1, [&](Value t) {
                      Value factor = e.load(scales, t);
                      if (weightOf)
                        factor = e.mulf(factor, e.load(weightOf, place));
                      Value at = e.mul(t, groupedDiagonalNumbers);
                      Value v = e.load(terms, at),
                            s = e.load(terms, e.add(at, 1));
                      Value none = e.integer(0, 32);
                      auto has = [&](Value number) {
                        return e.cmp(arith::CmpIPredicate::sge, number, none);
                      };
                      auto emit = [&](bool hasVector, bool hasSources) {
                        Value vector = hasVector
                                           ? e.load(vectors, toIndex(e, v))
                                           : Value();
                        Value sources =
                            hasSources ? e.load(lists, toIndex(e, s)) : Value();
                        emitDiagonal(e, x, y, row, lo, hi, factor, vector,
                                     sources);
                        return Values();
                      };
                      (void)e.ifElse(
                          has(v), {},
                          [&] {
                            return e.ifElse(
                                has(s), {}, [&] { return emit(true, true); },
                                [&] { return emit(true, false); });
                          },
                          [&] {
                            return e.ifElse(
                                has(s), {}, [&] { return emit(false, true); },
                                [&] { return emit(false, false); });
                          });
                    });
              });
            });
          });
        });
      });
}
