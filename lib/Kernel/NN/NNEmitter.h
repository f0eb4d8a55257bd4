//===- NNEmitter.h - what kernels of nn need beyond the Emitter -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_KERNEL_NN_NNEMITTER_H
#define ALLOT_LIB_KERNEL_NN_NNEMITTER_H

#include "allot/Kernel/Emitter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace allot::kernel {

using mlir::Value;
using mlir::ValueRange;
using Values = Emitter::Values;

/// Lanes of the vectors that kernels are written in: 8 floats, one AVX2
/// register.
constexpr int64_t kLanes = 8;

/// The Emitter with signed comparisons of positions, masked vectors over any
/// length, and the longer pieces that kernels of nn share.
class NNEmitter : public Emitter {
public:
  using Emitter::div;
  using Emitter::Emitter;
  using Emitter::rem;

  template <typename OpTy, typename... Args>
  Value make(Args &&...args) {
    return OpTy::create(builder, loc, std::forward<Args>(args)...);
  }

  Value rem(Value a, int64_t b) { return Emitter::rem(a, constLike(b, a)); }
  Value smin(Value a, Value b);
  Value smax(Value a, Value b);
  Value sless(Value a, Value b) {
    return cmp(mlir::arith::CmpIPredicate::slt, a, b);
  }
  /// `a` rounded to a multiple of `n`, a power of two.
  Value roundDown(Value a, int64_t n) { return bitAnd(a, -n); }
  Value roundUp(Value a, int64_t n) { return roundDown(add(a, n - 1), n); }
  using Emitter::ceilDiv;
  Value ceilDiv(Value a, Value b) { return div(sub(add(a, b), index(1)), b); }
  Value toIndex(Value i32);
  Value toI32(Value index);

  Value vec(double value, int64_t lanes = kLanes) {
    return splat(value, f32Vector(lanes));
  }
  Value spread(Value scalar, int64_t lanes = kLanes);
  Value subf(Value a, Value b);
  /// The larger one; a number where one of them is not.
  Value maxf(Value a, Value b);

  Value vload(Value memref, ValueRange indices, int64_t lanes = kLanes) {
    return loadVector(f32Vector(lanes), memref, indices);
  }
  void vstore(Value vector, Value memref, ValueRange indices) {
    storeVector(vector, memref, indices);
  }
  /// Loads and stores of the lanes that `mask` has; a null mask means all of
  /// them. Lanes not loaded are zero.
  Value vload(Value memref, ValueRange indices, Value mask);
  void vstore(Value vector, Value memref, ValueRange indices, Value mask);
  Value shuffle(Value a, Value b, llvm::ArrayRef<int64_t> lanes);
  Value lanesSum(Value vector);
  Value lanesMax(Value vector);

  /// For the vectors of `0 .. count`: `body(i, null)` for whole vectors, then
  /// `body(i, mask)` for the rest where there is one.
  void vectors(Value count, llvm::function_ref<void(Value, Value)> body);
  Values vectors(Value count, ValueRange carried,
                 llvm::function_ref<Values(Value, Value, ValueRange)> body);

  /// Inside a parallel region: threads take the next number below `count` from
  /// `counter` (memref<1xi64>, zero before the region) until none is left.
  void handOut(Value counter, Value count,
               llvm::function_ref<void(Value)> body);

  /// The transpose of 8 vectors of 8 lanes.
  Values transpose8(ValueRange rows);
  /// Sine and cosine of a vector of 8 f32 angles, to about 1e-7 absolute also
  /// for angles of many thousand radians: the quarter turns are taken off in
  /// f64, the rest are the polynomials of Moshier's Cephes library on [-pi/4,
  /// pi/4].
  std::pair<Value, Value> sinCos(Value angle);
};

/// Starts the private function `kernel_<key>` with these arguments at the end
/// of `module`, or finds it. `body` fills the function that is new.
mlir::func::FuncOp getOrCreate(
    mlir::ModuleOp module, llvm::StringRef key,
    llvm::ArrayRef<mlir::Type> arguments,
    llvm::function_ref<void(NNEmitter &, mlir::Block::BlockArgListType)> body);

/// memref<?x..xT>, identity layout or, with `strided`, dynamic strides but the
/// last and a dynamic offset.
mlir::MemRefType dynamicMemRef(mlir::Type element, int64_t rank,
                               bool strided = false);

} // namespace allot::kernel

#endif // ALLOT_LIB_KERNEL_NN_NNEMITTER_H
