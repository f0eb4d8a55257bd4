//===- Reorder.cpp - outputs of a map in a stored order ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

/// f32 holds every whole number up to here.
static constexpr int64_t kLargestOut = int64_t(1) << 24;

void ReorderOp::build(OpBuilder &builder, OperationState &state, Value map,
                      Value positions) {
  build(builder, state, map.getType(), map, positions);
}

// (A19)
LogicalResult ReorderOp::verify() {
  MapType map = getMap().getType();
  if (map.isBank())
    return emitOpError() << "reorders the outputs of a single map, but got "
                         << map << " (A19)";
  if (getResult().getType() != map)
    return emitOpError() << "the map is " << map << ", but the result is "
                         << getResult().getType() << " (A19)";
  if (map.getOut() > kLargestOut)
    return emitOpError() << "reorders at most " << kLargestOut
                         << " outputs, but got " << map.getOut() << " (A19)";
  auto type = getPositions().getType();
  if (!type.hasStaticShape() || type.getRank() != 1 ||
      !type.getElementType().isF32() || type.getDimSize(0) != map.getOut())
    return emitOpError() << "the positions are " << map.getOut()
                         << " numbers of f32, but got " << type << " (A19)";
  return success();
}

MapCost ReorderOp::getOwnCost(int64_t) {
  return {format::getStoredBytes(getPositions().getType()), 0};
}

/// Entry `at` of the positions, as an index in [0, out).
static Value buildPosition(const leaf::Emit &e, Value positions, Value at,
                           int64_t out) {
  Value whole = arith::FPToSIOp::create(e.b, e.loc, e.b.getI32Type(),
                                        e.extract(positions, at));
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(e.b, e.loc, e.b.getI32IntegerAttr(value));
  };
  whole = arith::MaxSIOp::create(e.b, e.loc, whole, constant(0));
  whole = arith::MinSIOp::create(e.b, e.loc, whole, constant(out - 1));
  return arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(), whole);
}

/// `from` with place `positions[i]` of dimension `dim` moved to place i.
static Value buildMoved(OpBuilder &builder, Location loc, Value from,
                        int64_t dim, Value positions) {
  auto type = cast<RankedTensorType>(from.getType());
  Value plain = buildDecoded(builder, loc, positions);
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, from),
      type.getElementType());
  return leaf::buildGenerated(
      builder, loc, init,
      [&](const leaf::Emit &e, ArrayRef<Value> here) -> Value {
        SmallVector<Value> place(here);
        place[dim] = buildPosition(e, plain, place[dim], type.getDimSize(dim));
        return e.extract(from, place);
      });
}

Value ReorderOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  Value y = buildApplied(builder, loc, getMap(), x);
  int64_t last = cast<RankedTensorType>(y.getType()).getRank() - 1;
  return buildMoved(builder, loc, y, last, getPositions());
}

Value ReorderOp::buildMaterialization(OpBuilder &builder, Location loc) {
  return buildMoved(builder, loc, buildMaterialized(builder, loc, getMap()), 0,
                    getPositions());
}

LogicalResult ReorderOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                       DenseMatrix &result) {
  MapType type = getResult().getType();
  if (operands.size() != 2 || operands[0].rows != type.getOut() ||
      operands[0].columns != type.getIn() ||
      operands[1].values.size() != size_t(type.getOut()))
    return emitOpError() << "is evaluated with operands of other sizes";
  result = DenseMatrix(type.getOut(), type.getIn());
  for (int64_t i = 0; i < type.getOut(); ++i) {
    double position = std::clamp(std::trunc(operands[1].values[i]), 0.0,
                                 double(type.getOut() - 1));
    for (int64_t j = 0; j < type.getIn(); ++j)
      result(i, j) = operands[0](int64_t(position), j);
  }
  return success();
}

Value ReorderOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                            int64_t offset, int64_t size) {
  auto op = getMap().getDefiningOp<LinearMapOpInterface>();
  Value slice = op && axis == 1
                    ? op.buildSlice(builder, loc, axis, offset, size)
                    : Value();
  return slice ? ReorderOp::create(builder, loc, slice, getPositions())
                     .getResult()
               : Value();
}

Value ReorderOp::buildTransposed(OpBuilder &builder, Location loc,
                                 bool structureOnly) {
  // The inputs of the transposed map would be scattered: no op does that, so
  // the matrix is multiplied out.
  if (structureOnly)
    return {};
  return DenseOp::create(
      builder, loc,
      buildTransposedMatrix(builder, loc,
                            buildMaterialized(builder, loc, getResult())));
}

Value ReorderOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  auto type = cast<RankedTensorType>(ids.getType());
  Value plain = buildDecoded(builder, loc, getPositions());
  Value init = tensor::EmptyOp::create(builder, loc,
                                       tensor::getMixedSizes(builder, loc, ids),
                                       type.getElementType());
  int64_t out = getResult().getType().getOut();
  Value moved = leaf::buildGenerated(
      builder, loc, init,
      [&](const leaf::Emit &e, ArrayRef<Value> place) -> Value {
        Value id = arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(),
                                              e.extract(ids, place));
        return arith::IndexCastOp::create(e.b, e.loc, type.getElementType(),
                                          buildPosition(e, plain, id, out));
      });
  return buildGathered(builder, loc, getMap(), moved);
}

int64_t ReorderOp::getRankBound(ArrayRef<int64_t> operands) {
  return operands.front();
}
