//===- StructuredLeaves.cpp - maps that store nothing -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StructuredBuild.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::structured;

//===----------------------------------------------------------------------===//
// IdentityOp
//===----------------------------------------------------------------------===//

MapCost IdentityOp::getOwnCost(int64_t) { return {}; }

Value IdentityOp::buildApplication(OpBuilder &, Location, Value x) { return x; }

/// 1.0 where two indices agree, else 0.0.
static Value buildEqual(OpBuilder &b, Location loc, Value i, Value j) {
  Value equal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, i, j);
  return arith::SelectOp::create(
      b, loc, equal, arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1)),
      arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)));
}

Value IdentityOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Value init = tensor::EmptyOp::create(
      builder, loc, getResult().getType().getShape(), builder.getF32Type());
  return vjp::buildStructured(
      builder, loc, {},
      AffineMap::getMultiDimIdentityMap(2, builder.getContext()), init,
      [](OpBuilder &b, Location l, ValueRange) {
        return buildEqual(b, l, linalg::IndexOp::create(b, l, 0),
                          linalg::IndexOp::create(b, l, 1));
      });
}

LogicalResult IdentityOp::evaluateDense(ArrayRef<DenseMatrix>,
                                        DenseMatrix &result) {
  int64_t n = getResult().getType().getOut();
  result = DenseMatrix(n, n);
  for (int64_t i = 0; i < n; ++i)
    result(i, i) = 1;
  return success();
}

Value IdentityOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                             int64_t offset, int64_t size) {
  MapType type = getResult().getType();
  if (!isInside(type, axis, offset, size))
    return {};
  // Ones between zeros, along the axis that is not sliced.
  return buildBetweenZeros(builder, loc, axis, size, offset,
                           IdentityOp::create(builder, loc, size),
                           type.getIn() - offset - size);
}

Value IdentityOp::buildTransposed(OpBuilder &, Location, bool) {
  return getResult();
}

Value IdentityOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  auto idsType = cast<RankedTensorType>(ids.getType());
  unsigned rank = idsType.getRank() + 1;
  Value init = buildEmptyLike(builder, loc, ids, getResult().getType().getIn(),
                              /*append=*/true);
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(rank, builder.getContext());
  return vjp::buildStructured(
      builder, loc, {ids}, {identity.getMajorSubMap(rank - 1), identity}, init,
      [&](OpBuilder &b, Location l, ValueRange args) {
        Value column =
            arith::IndexCastOp::create(b, l, idsType.getElementType(),
                                       linalg::IndexOp::create(b, l, rank - 1));
        return buildEqual(b, l, args[0], column);
      });
}

//===----------------------------------------------------------------------===//
// ZeroOp
//===----------------------------------------------------------------------===//

MapCost ZeroOp::getOwnCost(int64_t) { return {}; }

int64_t ZeroOp::getRankBound(ArrayRef<int64_t>) { return 0; }

Value ZeroOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  return buildZerosLike(builder, loc, x, getResult().getType().getOut());
}

Value ZeroOp::buildMaterialization(OpBuilder &builder, Location loc) {
  return vjp::buildFilled(
      builder, loc,
      getAsIndexOpFoldResult(builder.getContext(),
                             getResult().getType().getShape()),
      builder.getF32Type(), 0.0);
}

LogicalResult ZeroOp::evaluateDense(ArrayRef<DenseMatrix>,
                                    DenseMatrix &result) {
  MapType type = getResult().getType();
  result = DenseMatrix(numMembers(type) * type.getOut(), type.getIn());
  return success();
}

Value ZeroOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                         int64_t offset, int64_t size) {
  MapType type = getResult().getType();
  if (!isInside(type, axis, offset, size))
    return {};
  return axis == 0 ? ZeroOp::create(builder, loc, size, type.getIn())
                   : ZeroOp::create(builder, loc, type.getOut(), size);
}

Value ZeroOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  SmallVector<int64_t> shape(getResult().getType().getShape());
  std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  return ZeroOp::create(
      builder, loc,
      MapType::get(builder.getContext(), shape, builder.getF32Type()));
}

Value ZeroOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildZerosLike(builder, loc, ids, getResult().getType().getIn(),
                        /*append=*/true);
}
