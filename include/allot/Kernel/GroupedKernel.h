//===- GroupedKernel.h - kernels that go over members of a bank -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_KERNEL_GROUPEDKERNEL_H
#define ALLOT_KERNEL_GROUPEDKERNEL_H

#include "allot/Kernel/LinearKernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace allot::kernel {

/// What a kernel of `adapter.grouped_lowrank` is made for. Sizes, ranks,
/// members and scales are data, so one kernel serves all banks.
struct GroupedLowRankSpec {
  /// Packed formats of all B and all A.
  mlir::Attribute b, a;
  bool weights = false, accumulate = false;

  std::string getName() const;
  mlir::Attribute getKey(mlir::MLIRContext *context) const;
  llvm::LogicalResult
  verify(llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const;
};

/// Numbers of a pair in the list of terms: member, places of B and A in the
/// table, rank.
inline constexpr int64_t groupedPairNumbers = 4;
/// Numbers of a diagonal in the list of terms: place of its vector, of its
/// sources, or -1.
inline constexpr int64_t groupedDiagonalNumbers = 2;

/// `(ids, order, places, offsets)`, all memref<?xi32>.
mlir::func::FuncOp buildGroupRowsKernel(mlir::ModuleOp module);

/// `(x memref<?x?xf32>, order, offsets memref<?xi32>, table
/// memref<?xmemref<?xi8>>, terms memref<?xi32>, scales memref<?xf32>, [weights
/// memref<?xf32>], y memref<?x?xf32>)`. The factors
/// of pairs that no row chose are not read; one parallel region goes over
/// (pair, tile of A), then over tiles of all B.
mlir::func::FuncOp buildGroupedLowRankKernel(mlir::ModuleOp module,
                                             const GroupedLowRankSpec &spec);

/// Numbers of a matrix in the list of terms: member, place in the table.
inline constexpr int64_t groupedMatrixNumbers = 2;

/// `(x memref<?x?xf32>, order, offsets memref<?xi32>, table
/// memref<?xmemref<?xi8>>, terms memref<?xi32>, scales memref<?xf32>, [weights
/// memref<?xf32>], y memref<?x?xf32>)`, of matrices that are stored as
/// `spec.weight` says; `spec` is listed. Matrices that no row chose are not
/// read. Members of few rows are met in one parallel region, in which every
/// thread has its part of the outputs of each; those of many rows one after the
/// other. With `accumulate` y is added to, else written.
mlir::func::FuncOp buildGroupedLinearKernel(mlir::ModuleOp module,
                                            const LinearKernelSpec &spec,
                                            bool accumulate,
                                            const KernelTarget &target);

/// `(x memref<?x?xf32>, ids memref<?xi32>, vectors memref<?xmemref<?xf32>>,
/// sources memref<?xmemref<?xi32>>, starts memref<?xi32>, terms memref<?xi32>,
/// scales memref<?xf32>, [weights], y)`: member m has the terms
/// `starts[m]` up to `starts[m + 1]`.
mlir::func::FuncOp buildGroupedDiagonalKernel(mlir::ModuleOp module,
                                              bool weights, bool accumulate);

} // namespace allot::kernel

#endif // ALLOT_KERNEL_GROUPEDKERNEL_H
