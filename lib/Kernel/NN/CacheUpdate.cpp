//===- CacheUpdate.cpp - kernel that writes keys and values into a cache -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NNEmitter.h"
#include "allot/Kernel/NN.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

std::string CacheUpdateKernel::key() const { return "nn_cache_update"; }

/// Elements below which a second thread costs more than it brings: copies are
/// soon as fast as memory.
static constexpr int64_t kParallelElements = 65536;

func::FuncOp kernel::getOrCreateKernel(ModuleOp module,
                                       const CacheUpdateKernel &kernel) {
  Type f32 = Float32Type::get(module.getContext());
  Type i32 = IntegerType::get(module.getContext(), 32);
  Type index = IndexType::get(module.getContext());
  SmallVector<Type> arguments = {dynamicMemRef(f32, 4),
                                 dynamicMemRef(i32, 1),
                                 dynamicMemRef(i32, 1),
                                 dynamicMemRef(f32, 6, /*strided=*/true),
                                 index,
                                 index};
  return getOrCreate(
      module, kernel.key(), arguments,
      [&](NNEmitter &e, Block::BlockArgListType args) {
        Value source = args[0], past = args[1], count = args[2],
              cache = args[3], layer = args[4], slot = args[5];
        Value T = e.dim(source, 1), heads = e.dim(source, 2),
              D = e.dim(source, 3), capacity = e.dim(cache, 3);
        Value tokens = e.mul(e.dim(source, 0), T);
        Value many = e.sless(e.index(kParallelElements - 1),
                             e.mul(tokens, e.mul(heads, D)));
        e.parallelOrAlone(many, [&](kernel::Range threads) {
          kernel::Range mine = e.share(tokens, threads.lo, threads.hi);
          e.forLoop(mine.lo, mine.hi, 1, [&](Value token) {
            Value b = e.div(token, T), t = e.rem(token, T);
            Value position = e.add(e.toIndex(e.load(past, {b})), t);
            // An unsigned comparison also refuses negative positions. Callers
            // check both before a program runs; this keeps a wrong caller
            // inside its buffer.
            Value inside = e.make<arith::CmpIOp>(arith::CmpIPredicate::ult,
                                                 position, capacity);
            Value real = e.sless(t, e.toIndex(e.load(count, {b})));
            e.ifThen(e.make<arith::AndIOp>(inside, real), [&] {
              e.forLoop(e.index(0), heads, 1, [&](Value h) {
                e.vectors(D, [&](Value i, Value mask) {
                  e.vstore(e.vload(source, {b, t, h, i}, mask), cache,
                           {layer, slot, b, position, h, i}, mask);
                });
              });
            });
          });
        });
      });
}
