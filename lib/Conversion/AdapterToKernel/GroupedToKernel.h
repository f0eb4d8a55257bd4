//===- GroupedToKernel.h - kernels that go over members ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_GROUPEDTOKERNEL_H
#define ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_GROUPEDTOKERNEL_H

#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Kernel/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace allot::conversion {

/// The ops that rows of a bank became.
bool isGrouped(mlir::Operation *op);

/// Turns them into calls of kernels, each of which is built once.
class GroupedKernels {
public:
  GroupedKernels(mlir::ModuleOp module, const kernel::KernelTarget &target)
      : module(module), target(target) {}
  llvm::LogicalResult convert(mlir::Operation *op);

private:
  llvm::LogicalResult convert(adapter::GroupRowsOp op);
  llvm::LogicalResult convert(adapter::GroupedLinearOp op);
  llvm::LogicalResult convert(adapter::GroupedLowRankOp op);
  llvm::LogicalResult convert(adapter::GroupedDiagonalOp op);
  /// The numbers of the terms of an op, from the places of its stored operands
  /// in a table.
  using WriteTerms = llvm::function_ref<void(llvm::ArrayRef<int32_t>,
                                             llvm::SmallVectorImpl<int32_t> &)>;
  /// Replaces an op on groups of rows by a call of its kernel.
  template <typename OpT>
  void callOnGroups(OpT op, mlir::ValueRange stored,
                    mlir::func::FuncOp function, WriteTerms write);
  /// A constant vector of the module as a buffer of unknown size.
  mlir::Value constant(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::DenseElementsAttr numbers);

  mlir::ModuleOp module;
  const kernel::KernelTarget &target;
  llvm::DenseMap<mlir::Attribute, mlir::func::FuncOp> functions;
  llvm::DenseMap<mlir::Attribute, mlir::StringAttr> constants;
};

} // namespace allot::conversion

#endif // ALLOT_LIB_CONVERSION_ADAPTERTOKERNEL_GROUPEDTOKERNEL_H
