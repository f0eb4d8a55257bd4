//===- GroupedLinear.cpp - matrices of many members -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The drivers of adapter.linear on lists of rows. In the parallel region every
// thread has the same part of the outputs of each matrix, so it meets no other
// thread in y, and all threads have as much to do whatever the groups are.
//
//===----------------------------------------------------------------------===//

#include "GroupedParts.h"
#include "LinearParts.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

func::FuncOp allot::kernel::buildGroupedLinearKernel(
    ModuleOp module, const LinearKernelSpec &spec, bool accumulate,
    const KernelTarget &target) {
  std::string name = "grouped_" + spec.getName();
  auto driver = [&](StringRef suffix, function_ref<void(LinearDriver &)> emit) {
    return buildLinearDriver(module, spec, target, name + suffix, emit);
  };
  func::FuncOp one = driver(
      "_one", [](LinearDriver &d) { emitFewRows(d, 1, /*insideTeam=*/true); });
  func::FuncOp few = driver(
      "_few", [](LinearDriver &d) { emitFewRows(d, 4, /*insideTeam=*/true); });
  func::FuncOp many = driver("_many", emitManyRows);

  MLIRContext *context = module.getContext();
  int64_t any = ShapedType::kDynamic;
  Type f32 = Float32Type::get(context), i32 = IntegerType::get(context, 32),
       i8 = IntegerType::get(context, 8);
  Type vector = MemRefType::get(any, f32), numbers = MemRefType::get(any, i32),
       matrix = MemRefType::get({any, any}, f32),
       table = MemRefType::get(any, MemRefType::get(any, i8));
  SmallVector<Type> types{matrix, numbers, numbers, table, numbers, vector};
  if (spec.weighted)
    types.push_back(vector);
  types.push_back(matrix);
  if (accumulate)
    name += "_plus";
  return buildKernelFunction(
      module, name, types, [&](Emitter &e, ValueRange args) {
        Value x = args[0], order = args[1], offsets = args[2], table = args[3],
              terms = args[4], scales = args[5], y = args.back();
        Value zero = e.index(0), one64 = e.index(1), bound = e.index(manyRows);
        Value rows = e.dim(x, 0), out = e.dim(y, 1), count = e.dim(scales, 0);
        LinearKernelOperands o;
        o.x = x;
        o.y = y;
        o.order = order;
        if (spec.weighted)
          o.weights = args[6];
        o.perRow = e.div(e.dim(order, 0), e.max(rows, one64));
        auto forTerms = [&](function_ref<void(Value)> body) {
          e.forLoop(zero, count, 1, [&](Value t) {
            Value at = e.mul(t, groupedMatrixNumbers);
            Value member = loadIndex(e, terms, at);
            o.first = loadIndex(e, offsets, member);
            o.count = e.sub(loadIndex(e, offsets, e.add(member, 1)), o.first);
            e.ifThen(e.less(zero, o.count), [&] {
              o.weight = e.load(table, loadIndex(e, terms, e.add(at, 1)));
              o.factor = e.load(scales, t);
              body(t);
            });
          });
        };
        auto call = [&](func::FuncOp callee) {
          func::CallOp::create(e.builder, e.loc, callee, o.flatten());
          return Values();
        };

        Value places = loadIndex(e, offsets, e.sub(e.dim(offsets, 0), one64));
        Value products = e.mul(e.mul(places, e.dim(x, 1)), out);
        e.parallel(e.less(e.index(worthTeam), products), [&] {
          if (!accumulate) {
            kernel::Range part = e.share(rows, e.threadId(), e.numThreads());
            e.forLoop(part.lo, part.hi, 1,
                      [&](Value row) { emitZeros(e, y, row, zero, out); });
            e.barrier();
          }
          forTerms([&](Value) {
            e.ifThen(e.less(o.count, bound), [&] {
              (void)e.ifElse(
                  e.less(o.count, e.index(2)), {}, [&] { return call(one); },
                  [&] { return call(few); });
            });
          });
        });
        forTerms([&](Value) {
          e.ifThen(e.cmp(arith::CmpIPredicate::uge, o.count, bound),
                   [&] { (void)call(many); });
        });
      });
}
