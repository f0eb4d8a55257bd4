//===- Norm.cpp - kernels of RMS and layer norm -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NNEmitter.h"
#include "allot/Kernel/NN.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

std::string NormKernel::key() const {
  return std::string(layer ? "nn_norm_layer" : "nn_norm_rms") +
         (bias ? "_bias" : "");
}

namespace {

/// Elements below which a second thread costs more than it brings.
constexpr int64_t kParallelElements = 32768;
/// Independent partial sums, so that the additions of a row do not wait for
/// each other.
constexpr int64_t kPartials = 4;

/// Sum over i < n of term(vector i of row): whole groups of four vectors, then
/// vectors, then the masked rest. `term` adds a vector (null mask: whole) to
/// its last argument.
Value rowSum(NNEmitter &e, Value n,
             function_ref<Value(Value, Value, Value)> term) {
  Value grouped = e.roundDown(n, kPartials * kLanes);
  Values zeros(kPartials, e.vec(0.0));
  Values partial = e.forLoop(
      e.index(0), grouped, kPartials * kLanes, zeros,
      [&](Value i, ValueRange sums) {
        Values next;
        for (int64_t p = 0; p < kPartials; ++p)
          next.push_back(term(e.add(i, p * kLanes), Value(), sums[p]));
        return next;
      });
  Value total =
      e.addf(e.addf(partial[0], partial[1]), e.addf(partial[2], partial[3]));
  total = e.vectors(e.sub(n, grouped), {total},
                    [&](Value i, Value mask, ValueRange sums) {
                      return Values{term(e.add(grouped, i), mask, sums[0])};
                    })[0];
  return e.lanesSum(total);
}

void emitRow(NNEmitter &e, const NormKernel &kernel, Value x, Value weight,
             Value bias, Value out, Value epsilon, Value row) {
  Value n = e.dim(x, 1);
  Value count = e.make<arith::SIToFPOp>(
      e.builder.getF32Type(),
      e.make<arith::IndexCastOp>(e.builder.getI64Type(), n));
  Value mean;
  if (kernel.layer) {
    Value sum = rowSum(e, n, [&](Value i, Value mask, Value sofar) {
      return e.addf(sofar, e.vload(x, {row, i}, mask));
    });
    mean = e.spread(e.divf(sum, count));
  }
  Value squares = rowSum(e, n, [&](Value i, Value mask, Value sofar) {
    Value v = e.vload(x, {row, i}, mask);
    if (kernel.layer) {
      v = e.subf(v, mean);
      // The lanes behind the row hold -mean now, and must not count.
      if (mask)
        v = e.select(mask, v, e.vec(0.0));
    }
    return e.fma(v, v, sofar);
  });
  Value root = e.make<math::SqrtOp>(e.addf(e.divf(squares, count), epsilon));
  Value factor = e.spread(e.divf(e.f32(1.0), root));
  e.vectors(n, [&](Value i, Value mask) {
    Value v = e.vload(x, {row, i}, mask);
    if (kernel.layer)
      v = e.subf(v, mean);
    v = e.mulf(e.mulf(v, factor), e.vload(weight, {i}, mask));
    if (kernel.bias)
      v = e.addf(v, e.vload(bias, {i}, mask));
    e.vstore(v, out, {row, i}, mask);
  });
}

} // namespace

func::FuncOp kernel::getOrCreateKernel(ModuleOp module,
                                       const NormKernel &kernel) {
  Type f32 = Float32Type::get(module.getContext());
  SmallVector<Type> arguments = {dynamicMemRef(f32, 2), dynamicMemRef(f32, 1)};
  if (kernel.bias)
    arguments.push_back(dynamicMemRef(f32, 1));
  arguments.append({dynamicMemRef(f32, 2), f32});
  return getOrCreate(
      module, kernel.key(), arguments,
      [&](NNEmitter &e, Block::BlockArgListType args) {
        Value x = args[0], weight = args[1],
              bias = kernel.bias ? Value(args[2]) : Value();
        Value out = args[args.size() - 2], epsilon = args.back();
        Value rows = e.dim(x, 0);
        Value many =
            e.sless(e.index(kParallelElements - 1), e.mul(rows, e.dim(x, 1)));
        e.parallelOrAlone(many, [&](kernel::Range threads) {
          kernel::Range mine = e.share(rows, threads.lo, threads.hi);
          e.forLoop(mine.lo, mine.hi, 1, [&](Value row) {
            emitRow(e, kernel, x, weight, bias, out, epsilon, row);
          });
        });
      });
}
