//===- Models.h - vector-Jacobian products of upstream ops ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_GRADIENT_MODELS_H
#define ALLOT_LIB_GRADIENT_MODELS_H

#include "allot/Interfaces/VJPBuild.h"
#include "mlir/IR/DialectRegistry.h"

namespace allot::gradient {

/// What a model works with: the gradients of the results, which operands are
/// wanted, where their gradients go.
struct Pullback {
  mlir::OpBuilder &builder;
  llvm::ArrayRef<mlir::Value> results;
  const llvm::SmallBitVector &wanted;
  llvm::MutableArrayRef<mlir::Value> operands;
};

/// Turns a function into a model of VJPOpInterface.
template <typename Op, llvm::LogicalResult (*build)(Op, Pullback)>
struct Model : VJPOpInterface::ExternalModel<Model<Op, build>, Op> {
  llvm::LogicalResult
  buildVJP(mlir::Operation *op, mlir::OpBuilder &builder,
           llvm::ArrayRef<mlir::Value> results,
           const llvm::SmallBitVector &wanted,
           llvm::MutableArrayRef<mlir::Value> operands) const {
    return build(llvm::cast<Op>(op),
                 Pullback{builder, results, wanted, operands});
  }
};

/// One file per kind of op attaches its models.
void registerScalarModels(mlir::DialectRegistry &registry);
void registerStructuredModels(mlir::DialectRegistry &registry);
void registerTensorModels(mlir::DialectRegistry &registry);

} // namespace allot::gradient

#endif // ALLOT_LIB_GRADIENT_MODELS_H
