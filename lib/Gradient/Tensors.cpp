//===- Tensors.cpp - gradients of tensor ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops that move numbers: their gradients move them back.
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::gradient;

namespace {

LogicalResult castTensor(tensor::CastOp op, Pullback p) {
  p.operands[0] = tensor::CastOp::create(
      p.builder, op.getLoc(), op.getSource().getType(), p.results[0]);
  return success();
}

LogicalResult expandShape(tensor::ExpandShapeOp op, Pullback p) {
  if (p.wanted.test(0))
    p.operands[0] = tensor::CollapseShapeOp::create(
        p.builder, op.getLoc(), op.getSrcType(), p.results[0],
        op.getReassociationIndices());
  return success();
}

LogicalResult collapseShape(tensor::CollapseShapeOp op, Pullback p) {
  p.operands[0] = tensor::ExpandShapeOp::create(
      p.builder, op.getLoc(), op.getSrcType(), p.results[0],
      op.getReassociationIndices(),
      tensor::getMixedSizes(p.builder, op.getLoc(), op.getSrc()));
  return success();
}

LogicalResult extractSlice(tensor::ExtractSliceOp op, Pullback p) {
  if (!p.wanted.test(0))
    return success();
  Location loc = op.getLoc();
  p.operands[0] = tensor::InsertSliceOp::create(
      p.builder, loc, p.results[0],
      vjp::buildZeros(p.builder, loc, op.getSource()), op.getMixedOffsets(),
      op.getMixedSizes(), op.getMixedStrides());
  return success();
}

LogicalResult insertSlice(tensor::InsertSliceOp op, Pullback p) {
  Location loc = op.getLoc();
  unsigned source = op.getSourceMutable().getOperandNumber(),
           dest = op.getDestMutable().getOperandNumber();
  if (p.wanted.test(source))
    p.operands[source] = tensor::ExtractSliceOp::create(
        p.builder, loc, cast<RankedTensorType>(op.getSource().getType()),
        p.results[0], op.getMixedOffsets(), op.getMixedSizes(),
        op.getMixedStrides());
  if (p.wanted.test(dest))
    p.operands[dest] = tensor::InsertSliceOp::create(
        p.builder, loc, vjp::buildZeros(p.builder, loc, op.getSource()),
        p.results[0], op.getMixedOffsets(), op.getMixedSizes(),
        op.getMixedStrides());
  return success();
}

/// The sum of all elements of a tensor.
Value buildTotal(OpBuilder &builder, Location loc, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value sum = vjp::buildReduction(
      builder, loc, {tensor},
      {builder.getMultiDimIdentityMap(type.getRank()),
       AffineMap::get(type.getRank(), 0, builder.getContext())},
      {}, [](OpBuilder &, Location, ValueRange a) { return a[0]; });
  return tensor::ExtractOp::create(builder, loc, sum, ValueRange{});
}

LogicalResult splat(tensor::SplatOp op, Pullback p) {
  if (p.wanted.test(0))
    p.operands[0] = buildTotal(p.builder, op.getLoc(), p.results[0]);
  return success();
}

LogicalResult extract(tensor::ExtractOp op, Pullback p) {
  if (!p.wanted.test(0))
    return success();
  Location loc = op.getLoc();
  p.operands[0] = tensor::InsertOp::create(
      p.builder, loc, p.results[0],
      vjp::buildZeros(p.builder, loc, op.getTensor()), op.getIndices());
  return success();
}

LogicalResult insert(tensor::InsertOp op, Pullback p) {
  Location loc = op.getLoc();
  unsigned scalar = op.getScalarMutable().getOperandNumber(),
           dest = op.getDestMutable().getOperandNumber();
  if (p.wanted.test(scalar))
    p.operands[scalar] = tensor::ExtractOp::create(p.builder, loc, p.results[0],
                                                   op.getIndices());
  if (p.wanted.test(dest))
    p.operands[dest] = tensor::InsertOp::create(
        p.builder, loc,
        vjp::buildConstantLike(p.builder, loc, op.getScalar(), 0.0),
        p.results[0], op.getIndices());
  return success();
}

LogicalResult fromElements(tensor::FromElementsOp op, Pullback p) {
  Location loc = op.getLoc();
  ArrayRef<int64_t> shape = op.getType().getShape();
  for (unsigned i = 0; i < op.getNumOperands(); ++i) {
    if (!p.wanted.test(i))
      continue;
    SmallVector<Value> indices(shape.size());
    int64_t rest = i;
    for (size_t axis = shape.size(); axis-- > 0; rest /= shape[axis])
      indices[axis] =
          arith::ConstantIndexOp::create(p.builder, loc, rest % shape[axis]);
    p.operands[i] =
        tensor::ExtractOp::create(p.builder, loc, p.results[0], indices);
  }
  return success();
}

LogicalResult concat(tensor::ConcatOp op, Pullback p) {
  Location loc = op.getLoc();
  OpBuilder &b = p.builder;
  uint64_t dim = op.getDim();
  Value offset = arith::ConstantIndexOp::create(b, loc, 0);
  for (auto [i, input] : llvm::enumerate(op.getInputs())) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, input);
    if (p.wanted.test(i)) {
      SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
          strides(sizes.size(), b.getIndexAttr(1));
      offsets[dim] = offset;
      p.operands[i] = tensor::ExtractSliceOp::create(
          b, loc, cast<RankedTensorType>(input.getType()), p.results[0],
          offsets, sizes, strides);
    }
    offset = arith::AddIOp::create(
        b, loc, offset, getValueOrCreateConstantIndexOp(b, loc, sizes[dim]));
  }
  return success();
}

} // namespace

void gradient::registerTensorModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *c, tensor::TensorDialect *) {
    using namespace tensor;
    CastOp::attachInterface<Model<CastOp, castTensor>>(*c);
    ExpandShapeOp::attachInterface<Model<ExpandShapeOp, expandShape>>(*c);
    CollapseShapeOp::attachInterface<Model<CollapseShapeOp, collapseShape>>(*c);
    ExtractSliceOp::attachInterface<Model<ExtractSliceOp, extractSlice>>(*c);
    InsertSliceOp::attachInterface<Model<InsertSliceOp, insertSlice>>(*c);
    SplatOp::attachInterface<Model<SplatOp, splat>>(*c);
    ExtractOp::attachInterface<Model<ExtractOp, extract>>(*c);
    InsertOp::attachInterface<Model<InsertOp, insert>>(*c);
    FromElementsOp::attachInterface<Model<FromElementsOp, fromElements>>(*c);
    ConcatOp::attachInterface<Model<ConcatOp, concat>>(*c);
    c->loadDialect<arith::ArithDialect, linalg::LinalgDialect>();
  });
}
