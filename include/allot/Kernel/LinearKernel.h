//===- LinearKernel.h - the kernel of adapter.linear ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_KERNEL_LINEARKERNEL_H
#define ALLOT_KERNEL_LINEARKERNEL_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Interfaces/FormatInterfaces.h"
#include "allot/Kernel/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace allot::kernel {

/// What a kernel of `adapter.linear` is made for. Sizes, ranks and scales are
/// arguments, so that one kernel serves matrices of all shapes.
struct LinearKernelSpec {
  struct Term {
    mlir::Attribute b, a;
  };
  /// Packed formats.
  mlir::Attribute weight;
  llvm::SmallVector<Term> terms;
  bool bias = false, multiplier = false, residual = false;
  adapter::Activation activation = adapter::Activation::None;
  adapter::Arithmetic arithmetic = adapter::Arithmetic::F32;
  /// Rows are those of a list, each times a factor and, with `weighted`, a
  /// weight of its own; they are added to y. No low-rank terms, no epilogue.
  bool listed = false, weighted = false;

  /// The arithmetic that the kernel has: f32 where the weight has no codes.
  adapter::Arithmetic getArithmetic() const;

  /// A symbol name, such as `linear_q4_1_i8_f16f16_bias_silu`.
  std::string getName() const;

  /// Equal for equal kernels.
  mlir::Attribute getKey(mlir::MLIRContext *context) const;

  /// Emits an error and fails where a format has no tile code for tiles of 8
  /// rows.
  llvm::LogicalResult
  verify(llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const;
};

/// Operands of a kernel, in the order of its arguments.
struct LinearKernelOperands {
  /// memref<?xi8>
  mlir::Value weight;
  /// memref<?x?xf32> [rows, IN]
  mlir::Value x;
  /// memref<?xi8>: B and A of each term.
  llvm::SmallVector<mlir::Value> b, a;
  /// memref<?xf32> [OUT], or null.
  mlir::Value bias;
  /// memref<?x?xf32> [rows, OUT], or null.
  mlir::Value multiplier, residual;
  /// memref<?x?xf32> [rows, OUT]
  mlir::Value y;
  /// index, f32: rank and scale of each term.
  llvm::SmallVector<mlir::Value> ranks, scales;
  /// Of listed rows: memref<?xi32> of places, of which `order[first]` up to
  /// `order[first + count - 1]` are met; place p is in row p / perRow of x and
  /// y; memref<?xf32> of weights by place, or null; index, index, index, f32.
  mlir::Value order, weights, first, count, perRow, factor;

  llvm::SmallVector<mlir::Value> flatten() const;
};

/// The functions of a kernel.
struct LinearKernel {
  /// Any number of rows, in an OpenMP team of its own.
  mlir::func::FuncOp function;
  /// One row of x: the calling thread's share, in a team that runs already; it
  /// waits for no other thread. Shares of equal OUT are equal, so that a
  /// multiplier or residual may be what a kernel before it put out. Null where
  /// the kernel has low-rank terms.
  mlir::func::FuncOp shareOfOne;
};

/// Builds the kernel `y = activation(W x + sum_i s_i B_i (A_i x) + bias) *
/// multiplier + residual` into `module`: a private function named after
/// `spec.getName()` (made unique) and the drivers that it calls. `spec` was
/// verified. x does not overlap y; multiplier and residual are y or do not
/// overlap it. The functions are re-entrant.
LinearKernel buildLinearKernel(mlir::ModuleOp module,
                               const LinearKernelSpec &spec,
                               const KernelTarget &target);

/// Multiplications (rows * IN * OUT) beyond which a linear kernel is shared by
/// a team: about two microseconds of work, which is what starting a team costs.
inline constexpr int64_t worthTeam = 1 << 16;

} // namespace allot::kernel

#endif // ALLOT_KERNEL_LINEARKERNEL_H
