//===- VJPBuild.cpp - ops that gradients are made of ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;

Value vjp::buildConstantLike(OpBuilder &builder, Location loc, Value like,
                             double value) {
  auto tensor = dyn_cast<RankedTensorType>(like.getType());
  FloatAttr number =
      builder.getFloatAttr(getElementTypeOrSelf(like.getType()), value);
  if (!tensor)
    return arith::ConstantOp::create(builder, loc, number);
  if (tensor.hasStaticShape())
    return arith::ConstantOp::create(builder, loc,
                                     DenseElementsAttr::get(tensor, number));
  Value scalar = arith::ConstantOp::create(builder, loc, number);
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < tensor.getRank(); ++i)
    if (tensor.isDynamicDim(i))
      sizes.push_back(tensor::DimOp::create(builder, loc, like, i));
  return tensor::SplatOp::create(builder, loc, scalar, tensor.getShape(),
                                 sizes);
}

Value vjp::buildEmpty(OpBuilder &builder, Location loc,
                      ArrayRef<OpFoldResult> sizes, Type elementType) {
  return tensor::EmptyOp::create(builder, loc, sizes, elementType);
}

Value vjp::buildFilled(OpBuilder &builder, Location loc,
                       ArrayRef<OpFoldResult> sizes, Type elementType,
                       double value) {
  Value empty = buildEmpty(builder, loc, sizes, elementType);
  Value number = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(elementType, value));
  return linalg::FillOp::create(builder, loc, ValueRange{number},
                                ValueRange{empty})
      .getResult(0);
}

Value vjp::buildZeros(OpBuilder &builder, Location loc, Value like) {
  auto tensor = dyn_cast<RankedTensorType>(like.getType());
  if (!tensor)
    return buildConstantLike(builder, loc, like, 0.0);
  return buildFilled(builder, loc, tensor::getMixedSizes(builder, loc, like),
                     tensor.getElementType(), 0.0);
}

Value vjp::buildSum(OpBuilder &builder, Location loc, Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return arith::AddFOp::create(builder, loc, a, b);
}

Value vjp::buildStructured(
    OpBuilder &builder, Location loc, ValueRange inputs,
    ArrayRef<AffineMap> maps, Value init,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  SmallVector<utils::IteratorType> iterators(maps.back().getNumDims(),
                                             utils::IteratorType::reduction);
  for (AffineExpr expr : maps.back().getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      iterators[dim.getPosition()] = utils::IteratorType::parallel;
  return linalg::GenericOp::create(
             builder, loc, TypeRange{init.getType()}, inputs, ValueRange{init},
             maps, iterators,
             [&](OpBuilder &nested, Location nestedLoc, ValueRange args) {
               linalg::YieldOp::create(nested, nestedLoc,
                                       body(nested, nestedLoc, args));
             })
      .getResult(0);
}

Value vjp::buildReduction(
    OpBuilder &builder, Location loc, ValueRange inputs,
    ArrayRef<AffineMap> maps, ArrayRef<OpFoldResult> sizes,
    function_ref<Value(OpBuilder &, Location, ValueRange)> term) {
  Type elementType = builder.getF32Type();
  return buildStructured(
      builder, loc, inputs, maps,
      buildFilled(builder, loc, sizes, elementType, 0.0),
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::AddFOp::create(b, l, args.back(),
                                     term(b, l, args.drop_back()));
      });
}

LogicalResult vjp::refuse(Operation *op, const llvm::SmallBitVector &wanted,
                          OpOperand &operand, StringRef name) {
  if (!wanted.test(operand.getOperandNumber()))
    return success();
  return op->emitOpError() << "has no gradient by " << name;
}
