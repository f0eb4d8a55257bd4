//===- KernelHarness.h - one adapter.linear, compiled and by hand -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds functions that hold one adapter.linear on buffers, converts and
// compiles them, and computes the same with plain loops in double precision.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_KERNEL_KERNELHARNESS_H
#define ALLOT_TEST_UNIT_KERNEL_KERNELHARNESS_H

#include "../Codec/TestFormats.h"
#include "../JITHelper.h"
#include <random>
#include <string>

namespace allot::test {

/// A context with everything that kernels need.
struct KernelContext {
  KernelContext();
  FormatAttrInterface packed(llvm::StringRef shortName);
  mlir::MLIRContext context;
};

/// A random matrix in a packed format.
struct RandomMatrix {
  RandomMatrix(FormatAttrInterface format, int64_t rows, int64_t columns,
               std::mt19937 &random);
  /// The type of a tensor that is stored so.
  std::string typeText() const;
  std::string text() const;

  FormatAttrInterface format;
  int64_t rows, columns;
  std::vector<uint8_t> bytes;
  /// Numbers, and bounds of |scale * code| + |offset|, row-major.
  std::vector<double> values, magnitudes;
  /// Of formats with codes.
  CodeBlocks blocks;
};

struct LinearTerm {
  std::string b, a;
  int64_t rank;
  double scale;
};

/// What a kernel is made for.
struct LinearVariant {
  std::string weight;
  std::string arithmetic = "f32";
  llvm::SmallVector<LinearTerm> terms = {};
  bool bias = false, multiplier = false, residual = false;
  std::string activation = "none";
  /// The result is written where the residual is read.
  bool inPlace = false;
};

struct LinearShape {
  int64_t out, in, rows;
};

/// Compiles `variant` for all `shapes` as one module for `target` and compares
/// with the reference.
void checkLinear(KernelContext &kernels, const LinearVariant &variant,
                 llvm::ArrayRef<LinearShape> shapes, unsigned seed,
                 llvm::StringRef target = "avx2");

/// True where the processor runs code for AVX2.
bool hostHasAVX2();
bool hostHasVNNI();

/// Text of a function `name` that holds one adapter.linear.
std::string linearFunction(llvm::StringRef name, const LinearVariant &variant,
                           const RandomMatrix &weight,
                           llvm::ArrayRef<RandomMatrix> factors);

/// `convert-adapter-to-kernel` for `target`, compiled.
llvm::Expected<std::unique_ptr<CompiledKernels>>
compileLinear(KernelContext &kernels, llvm::StringRef source,
              llvm::StringRef target);

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_KERNEL_KERNELHARNESS_H
