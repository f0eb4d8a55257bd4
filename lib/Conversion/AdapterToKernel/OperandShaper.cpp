//===- OperandShaper.cpp - operands as kernels take them --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperandShaper.h"

using namespace mlir;
using namespace allot;
using namespace allot::conversion;

LogicalResult allot::conversion::verifyBuffers(Operation *op,
                                               ValueRange bytes) {
  for (Value value : op->getOperands())
    if (!isa<MemRefType>(value.getType()))
      return op->emitOpError("is on tensors still; bufferize it first");
  for (Value value : bytes) {
    auto type = cast<MemRefType>(value.getType());
    if (type.getRank() != 1 || !type.getElementType().isInteger(8) ||
        !type.getLayout().isIdentity())
      return op->emitOpError("takes stored bytes as memref<?xi8>, not ")
             << type;
  }
  return success();
}

Value OperandShaper::shape(Value value, int64_t rank, bool isWritten,
                           bool isRead) {
  if (!value)
    return {};
  auto type = cast<MemRefType>(value.getType());
  if (!type.getLayout().isIdentity()) {
    Value copy = allocLike(value, type);
    if (isWritten)
      copiesBack.push_back({copy, value});
    if (!isWritten || isRead)
      memref::CopyOp::create(builder, loc, value, copy);
    copies.push_back(copy);
    value = copy;
    type = cast<MemRefType>(copy.getType());
  }
  if (type.getRank() > rank)
    value = fold(value, rank);
  else if (type.getRank() < rank)
    value = unfold(value, rank);
  SmallVector<int64_t> sizes(rank, ShapedType::kDynamic);
  auto wanted =
      MemRefType::get(sizes, type.getElementType(), MemRefLayoutAttrInterface(),
                      type.getMemorySpace());
  if (value.getType() == wanted)
    return value;
  return memref::CastOp::create(builder, loc, wanted, value);
}

void OperandShaper::finish() {
  for (auto [copy, target] : copiesBack)
    memref::CopyOp::create(builder, loc, copy, target);
  for (Value copy : copies)
    memref::DeallocOp::create(builder, loc, copy);
}

Value OperandShaper::allocLike(Value value, MemRefType type) {
  SmallVector<Value> sizes;
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    if (type.isDynamicDim(axis))
      sizes.push_back(memref::DimOp::create(builder, loc, value, axis));
  auto plain =
      MemRefType::get(type.getShape(), type.getElementType(),
                      MemRefLayoutAttrInterface(), type.getMemorySpace());
  return memref::AllocOp::create(builder, loc, plain, sizes,
                                 builder.getI64IntegerAttr(64));
}

Value OperandShaper::fold(Value value, int64_t rank) {
  int64_t from = cast<MemRefType>(value.getType()).getRank();
  SmallVector<ReassociationIndices> groups(rank);
  for (int64_t axis = 0; axis < from; ++axis)
    groups[std::max<int64_t>(0, axis - (from - rank))].push_back(axis);
  return memref::CollapseShapeOp::create(builder, loc, value, groups);
}

Value OperandShaper::unfold(Value value, int64_t rank) {
  auto type = cast<MemRefType>(value.getType());
  SmallVector<int64_t> sizes(rank - type.getRank(), 1);
  llvm::append_range(sizes, type.getShape());
  SmallVector<OpFoldResult> dynamicSizes;
  for (int64_t axis = 0; axis < rank; ++axis) {
    int64_t of = axis - (rank - type.getRank());
    if (of >= 0 && type.isDynamicDim(of))
      dynamicSizes.push_back(
          memref::DimOp::create(builder, loc, value, of).getResult());
    else
      dynamicSizes.push_back(builder.getIndexAttr(sizes[axis]));
  }
  SmallVector<ReassociationIndices> groups(type.getRank());
  for (int64_t axis = 0; axis < rank; ++axis)
    groups[std::max<int64_t>(0, axis - (rank - type.getRank()))].push_back(
        axis);
  return memref::ExpandShapeOp::create(builder, loc, sizes, value, groups,
                                       dynamicSizes);
}
