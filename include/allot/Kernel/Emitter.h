//===- Emitter.h - short forms for the code of kernels ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels are written in C++ over vector, scf, memref, arith and omp. This is
// the vocabulary in which they are written: index arithmetic that folds, loops
// with lambdas as bodies, vectors of one machine register.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_KERNEL_EMITTER_H
#define ALLOT_KERNEL_EMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

namespace allot::kernel {

/// Half-open range of loop indices.
struct Range {
  mlir::Value lo, hi;
};

/// Working memory of a kernel, see Emitter::scratch.
struct Scratch {
  mlir::Value bytes, isSmall;
};

class Emitter {
public:
  using Values = llvm::SmallVector<mlir::Value>;

  Emitter(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;

  // Types: vectors of one 256-bit register unless told.
  mlir::VectorType f32Vector(int64_t n = 8) const;
  mlir::VectorType i32Vector(int64_t n = 8) const;
  mlir::VectorType i16Vector(int64_t n = 16) const;
  mlir::VectorType i8Vector(int64_t n = 32) const;
  mlir::MemRefType buffer(mlir::Type element) const;

  // Constants.
  mlir::Value index(int64_t value);
  mlir::Value f32(double value);
  mlir::Value integer(int64_t value, unsigned bits);
  mlir::Value splat(double value, mlir::VectorType type);
  mlir::Value splatInt(int64_t value, mlir::VectorType type);

  // Integer and index arithmetic (unsigned division); constants fold.
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, constLike(b, a)); }
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b) { return mul(a, constLike(b, a)); }
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, int64_t b) { return div(a, constLike(b, a)); }
  mlir::Value rem(mlir::Value a, mlir::Value b);
  mlir::Value rem(mlir::Value a, int64_t b) { return rem(a, constLike(b, a)); }
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  mlir::Value bitAnd(mlir::Value a, int64_t mask);
  mlir::Value bitOr(mlir::Value a, mlir::Value b);
  mlir::Value shr(mlir::Value a, int64_t bits);
  mlir::Value shl(mlir::Value a, int64_t bits);
  mlir::Value ceilDiv(mlir::Value a, int64_t b) {
    return div(add(a, b - 1), b);
  }
  mlir::Value alignTo(mlir::Value a, int64_t b) {
    return mul(ceilDiv(a, b), b);
  }
  mlir::Value cmp(mlir::arith::CmpIPredicate predicate, mlir::Value a,
                  mlir::Value b);
  mlir::Value less(mlir::Value a, mlir::Value b) {
    return cmp(mlir::arith::CmpIPredicate::ult, a, b);
  }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);

  // Floating point.
  mlir::Value addf(mlir::Value a, mlir::Value b);
  mlir::Value mulf(mlir::Value a, mlir::Value b);
  mlir::Value divf(mlir::Value a, mlir::Value b);
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);
  /// Signed integer to f32 of the same shape.
  mlir::Value toFloat(mlir::Value a);
  /// f16 to f32 of the same shape.
  mlir::Value extend(mlir::Value a);
  /// Pairwise sum of float vectors.
  mlir::Value sum(llvm::ArrayRef<mlir::Value> values);

  // Memory. One-dimensional buffers take one index.
  mlir::Value dim(mlir::Value memref, int64_t axis);
  mlir::Value load(mlir::Value memref, mlir::ValueRange indices);
  void store(mlir::Value value, mlir::Value memref, mlir::ValueRange indices);
  mlir::Value loadVector(mlir::VectorType type, mlir::Value memref,
                         mlir::ValueRange indices);
  void storeVector(mlir::Value value, mlir::Value memref,
                   mlir::ValueRange indices);
  /// The first `count` lanes; 0 in the others, whose memory is not touched.
  mlir::Value loadLanes(mlir::VectorType type, mlir::Value memref,
                        mlir::ValueRange indices, mlir::Value mask);
  void storeLanes(mlir::Value value, mlir::Value memref,
                  mlir::ValueRange indices, mlir::Value mask);
  /// Mask of the first `count` (clamped) of `lanes` lanes.
  mlir::Value laneMask(mlir::Value count, int64_t lanes = 8);
  /// A scalar of memory in all lanes, reinterpreted as `type`.
  mlir::Value loadSplat(mlir::VectorType type, mlir::Value memref,
                        mlir::Value at);
  mlir::Value broadcast(mlir::Value scalar, mlir::VectorType type);
  mlir::Value bitcast(mlir::Value vector, mlir::VectorType type);
  void prefetch(mlir::Value memref, mlir::Value at);
  /// `count` elements of `element` at byte `offset` of a byte buffer.
  mlir::Value view(mlir::Value bytes, mlir::Value offset, mlir::Type element,
                   mlir::Value count) {
    return view(bytes, offset, element, mlir::ValueRange{count});
  }
  /// `sizes` elements of `element` at byte `offset` of a byte buffer.
  mlir::Value view(mlir::Value bytes, mlir::Value offset, mlir::Type element,
                   mlir::ValueRange sizes);
  void dealloc(mlir::Value memref);
  /// At least `bytes` bytes, aligned to a cache line, from the stack where they
  /// are few: a kernel on one row takes microseconds, as an allocation may.
  /// Not inside loops.
  Scratch scratch(mlir::Value bytes);
  void release(const Scratch &scratch);
  /// A contiguous memref as a buffer of one dimension.
  mlir::Value flatten(mlir::Value memref);

  // Control flow.
  void forLoop(mlir::Value lo, mlir::Value hi, int64_t step,
               llvm::function_ref<void(mlir::Value)> body);
  Values
  forLoop(mlir::Value lo, mlir::Value hi, int64_t step, mlir::ValueRange inits,
          llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  /// Iterations [0, count), either as a loop or one after the other with
  /// constant indices.
  Values repeat(int64_t count, bool unroll, mlir::ValueRange inits,
                llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> then);
  Values ifElse(mlir::Value condition, mlir::TypeRange types,
                llvm::function_ref<Values()> then,
                llvm::function_ref<Values()> otherwise);

  // Threads (OpenMP).
  /// Runs `body` on all threads of a team, on one if `condition` is false
  /// (null: true).
  void parallel(mlir::Value condition, llvm::function_ref<void()> body);
  /// The same for work so short that a team of one is felt: no team where
  /// `condition` is false. `body` is given this thread and the number of
  /// threads, and is emitted twice.
  void parallelOrAlone(mlir::Value condition,
                       llvm::function_ref<void(Range)> body);
  void barrier();
  mlir::Value threadId();
  mlir::Value numThreads();
  /// This thread's contiguous part of [0, total).
  Range share(mlir::Value total, mlir::Value thread, mlir::Value threads);

  /// A constant of the (scalar) type of `like`.
  mlir::Value constLike(int64_t value, mlir::Value like);
};

/// Declares the functions of the OpenMP runtime that kernels call; `module`
/// needs them before it is verified.
void declareThreadFunctions(mlir::ModuleOp module);

/// Memory of one allocation, cut into aligned parts: sizes first, then views.
class Arena {
public:
  explicit Arena(Emitter &e) : e(e), total(e.index(0)) {}
  /// Reserves `count` elements of `element`; returns the part's number.
  unsigned reserve(mlir::Type element, mlir::Value count);
  Emitter &getEmitter() { return e; }
  /// Size in bytes of all parts.
  mlir::Value getBytes() const { return total; }
  /// Part `part` of a byte buffer that has the arena's size.
  mlir::Value get(mlir::Value buffer, unsigned part);
  /// Where part `part` begins, in bytes.
  mlir::Value getOffset(unsigned part) const { return parts[part].offset; }

private:
  struct Part {
    mlir::Type element;
    mlir::Value offset, count;
  };
  Emitter &e;
  mlir::Value total;
  llvm::SmallVector<Part> parts;
};

} // namespace allot::kernel

#endif // ALLOT_KERNEL_EMITTER_H
