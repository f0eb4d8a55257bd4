//===- BankBuild.cpp - rows sorted by the member that they chose -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

Value adapter::buildFolded(OpBuilder &b, Location loc, Value value,
                           int64_t kept) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t rank = type.getRank();
  if (rank == kept + 1)
    return value;
  if (rank == kept) {
    SmallVector<int64_t> shape{1};
    llvm::append_range(shape, type.getShape());
    SmallVector<OpFoldResult> sizes{b.getIndexAttr(1)};
    llvm::append_range(sizes, tensor::getMixedSizes(b, loc, value));
    SmallVector<ReassociationIndices> groups;
    for (int64_t axis = 0; axis < kept; ++axis)
      groups.push_back(axis == 0 ? ReassociationIndices{0, 1}
                                 : ReassociationIndices{axis + 1});
    return tensor::ExpandShapeOp::create(
        b, loc, RankedTensorType::get(shape, type.getElementType()), value,
        groups, sizes);
  }
  SmallVector<ReassociationIndices> groups(kept + 1);
  for (int64_t axis = 0; axis < rank; ++axis)
    groups[std::max<int64_t>(0, axis - (rank - kept) + 1)].push_back(axis);
  return tensor::CollapseShapeOp::create(b, loc, value, groups);
}

SmallVector<Value> adapter::buildGroups(OpBuilder &b, Location loc, Value ids,
                                        int64_t members) {
  SmallVector<OpFoldResult> size = tensor::getMixedSizes(b, loc, ids);
  Type i32 = b.getI32Type();
  auto empty = [&](ArrayRef<OpFoldResult> sizes) {
    return vjp::buildEmpty(b, loc, sizes, i32);
  };
  SmallVector<Value> inits{empty(size), empty(size),
                           empty({b.getIndexAttr(members + 1)})};
  auto group = GroupRowsOp::create(b, loc, ValueRange(inits).getTypes(), ids,
                                   inits[0], inits[1], inits[2]);
  return SmallVector<Value>(group.getResults());
}

Value adapter::buildIndex(OpBuilder &b, Location loc, Value integer) {
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), integer);
}

Value adapter::buildRowsOfPlaces(OpBuilder &b, Location loc, Value x,
                                 Value order, OpFoldResult count,
                                 Value perRow) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Value chosen = tensor::ExtractSliceOp::create(
      b, loc, order, ArrayRef<OpFoldResult>{zero},
      ArrayRef<OpFoldResult>{count}, ArrayRef<OpFoldResult>{one});
  auto type = cast<RankedTensorType>(x.getType());
  Value init =
      vjp::buildEmpty(b, loc, {count, b.getIndexAttr(type.getDimSize(1))},
                      type.getElementType());
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return vjp::buildStructured(
      b, loc, {chosen}, {identity.dropResult(1), identity}, init,
      [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
        Value row = arith::DivSIOp::create(
            nested, l, buildIndex(nested, l, args[0]), perRow);
        Value column = linalg::IndexOp::create(nested, l, 1);
        return tensor::ExtractOp::create(nested, l, x, ValueRange{row, column});
      });
}
