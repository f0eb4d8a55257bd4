//===- NetworkBuild.h - code that contracts tensor networks -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_ADAPTER_IR_NETWORKBUILD_H
#define ALLOT_LIB_DIALECT_ADAPTER_IR_NETWORKBUILD_H

#include "allot/Dialect/Adapter/IR/Network.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace allot::adapter {

/// A tensor of a network while it is contracted.
struct NetworkTensor {
  mlir::Value value;
  Modes modes;
  /// Dimensions before the modes, if it is made of x: those of its rows. One
  /// tensor of a network is at most.
  int64_t leading = 0;
  bool isRows = false;
};

class NetworkBuilder {
public:
  /// `sizes` are those of all modes that tensors have.
  NetworkBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                 llvm::ArrayRef<int64_t> sizes)
      : b(builder), loc(loc), sizes(sizes) {}

  /// x whose last dimension is made of `modes`, with each mode as a dimension.
  NetworkTensor split(mlir::Value x, llvm::ArrayRef<unsigned> modes);
  /// The last `count` modes as one dimension.
  mlir::Value merge(const NetworkTensor &tensor, int64_t count);

  /// The modes in this order.
  NetworkTensor permute(NetworkTensor tensor, llvm::ArrayRef<unsigned> order);

  /// All tensors contracted, as a plan says, to one of the modes `result`.
  NetworkTensor contract(llvm::SmallVector<NetworkTensor> tensors,
                         const ContractionPlan &plan,
                         llvm::ArrayRef<unsigned> result);

private:
  NetworkTensor contractTwo(NetworkTensor left, NetworkTensor right,
                            llvm::ArrayRef<unsigned> kept);
  NetworkTensor contractByMap(NetworkTensor rows, NetworkTensor core,
                              llvm::ArrayRef<unsigned> summed,
                              llvm::ArrayRef<unsigned> made);
  llvm::SmallVector<int64_t> sizesOf(llvm::ArrayRef<unsigned> modes) const;

  mlir::OpBuilder &b;
  mlir::Location loc;
  llvm::ArrayRef<int64_t> sizes;
};

} // namespace allot::adapter

#endif // ALLOT_LIB_DIALECT_ADAPTER_IR_NETWORKBUILD_H
