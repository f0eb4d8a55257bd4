//===- Target.h - what a processor answers to a kernel ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dot primitives of a processor, emitted as intrinsics: LLVM does not find
// them again in plain arithmetic. The class is chosen by the caller, never
// detected here, so that the same text gives the same code everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_KERNEL_TARGET_H
#define ALLOT_KERNEL_TARGET_H

#include "allot/Kernel/Emitter.h"
#include "llvm/Support/Error.h"

namespace allot::kernel {

class KernelTarget {
public:
  enum class Class {
    /// Upstream arithmetic only.
    Generic,
    AVX2,
    /// AVX2 with `vpdpbusd` on 256-bit registers.
    AVX512VNNI
  };

  KernelTarget(Class c = Class::AVX2) : targetClass(c) {}

  /// Reads `generic`, `avx2`, `avx512vnni`, or a list of LLVM features such as
  /// `+avx2,+fma`, from which the best class is taken. An unknown name is an
  /// error.
  static llvm::Expected<KernelTarget> parse(llvm::StringRef features);

  Class getClass() const { return targetClass; }
  llvm::StringRef getName() const;

  /// True where `dotBytesInto` is one instruction.
  bool hasByteDot() const { return targetClass == Class::AVX512VNNI; }

  /// True where products of f32 are best summed in 512 bits.
  bool hasWideFloats() const { return targetClass == Class::AVX512VNNI; }

  /// Unsigned codes (<= 127) times signed bytes, pairs summed:
  /// (32 x i8, 32 x i8) -> 16 x i16. The caller sees to it that nothing
  /// saturates.
  mlir::Value dotBytes(Emitter &e, mlir::Value codes, mlir::Value x) const;
  /// 16 x i16 times 16 x i16, pairs summed: 8 x i32.
  mlir::Value dotPairs(Emitter &e, mlir::Value a, mlir::Value b) const;
  /// accumulator (8 x i32) plus sums of four products of unsigned codes and
  /// signed bytes; only where `hasByteDot()`.
  mlir::Value dotBytesInto(Emitter &e, mlir::Value accumulator,
                           mlir::Value codes, mlir::Value x) const;

private:
  Class targetClass;
};

} // namespace allot::kernel

#endif // ALLOT_KERNEL_TARGET_H
