//===- VJPBuild.h - ops that gradients are made of --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small builders that the implementations of VJPOpInterface share. Gradients
// are floats, or plain tensors of floats whose dimensions may be dynamic.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_VJPBUILD_H
#define ALLOT_INTERFACES_VJPBUILD_H

#include "allot/Interfaces/VJPInterfaces.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace allot::vjp {

/// The number `value` in the type of `like`, a float or a tensor of floats, in
/// all elements.
mlir::Value buildConstantLike(mlir::OpBuilder &builder, mlir::Location loc,
                              mlir::Value like, double value);

/// A tensor of these sizes without numbers, or with `value` everywhere.
mlir::Value buildEmpty(mlir::OpBuilder &builder, mlir::Location loc,
                       llvm::ArrayRef<mlir::OpFoldResult> sizes,
                       mlir::Type elementType);
mlir::Value buildFilled(mlir::OpBuilder &builder, mlir::Location loc,
                        llvm::ArrayRef<mlir::OpFoldResult> sizes,
                        mlir::Type elementType, double value);

/// Zeros of the type and size of a float or a plain tensor of floats.
mlir::Value buildZeros(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value like);

/// a + b, where null is zero.
mlir::Value buildSum(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value a, mlir::Value b);

/// `linalg.generic` with one result. `maps` are those of the inputs, then that
/// of `init`; a loop is parallel where the map of `init` has its dimension as a
/// result, else a reduction. `body` gets the elements of the inputs and, last,
/// the element that is written, and gives its new value.
mlir::Value buildStructured(
    mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs,
    llvm::ArrayRef<mlir::AffineMap> maps, mlir::Value init,
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                   mlir::ValueRange)>
        body);

/// `buildStructured` into zeros: the sum of `term` (of the elements of the
/// inputs) over the loops that the last map does not have. `sizes` are those of
/// the result.
mlir::Value
buildReduction(mlir::OpBuilder &builder, mlir::Location loc,
               mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
               llvm::ArrayRef<mlir::OpFoldResult> sizes,
               llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                              mlir::ValueRange)>
                   term);

/// Fails, with an error at the op, where the gradient of an operand is asked
/// for that the op has not.
llvm::LogicalResult refuse(mlir::Operation *op,
                           const llvm::SmallBitVector &wanted,
                           mlir::OpOperand &operand, llvm::StringRef name);

} // namespace allot::vjp

#endif // ALLOT_INTERFACES_VJPBUILD_H
