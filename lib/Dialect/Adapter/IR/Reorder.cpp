//===- Reorder.cpp - outputs of a map in a stored order ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
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

namespace {
/// Emits into the body of a linalg op that knows where it is.
struct Body {
  OpBuilder &b;
  Location loc;

  Value index(int64_t dim) const {
    return linalg::IndexOp::create(b, loc, dim);
  }
  /// Entry `at` of the positions, as an index in [0, out).
  Value position(Value positions, Value at, int64_t out) const {
    Value number = tensor::ExtractOp::create(b, loc, positions, at);
    Value whole = arith::FPToSIOp::create(b, loc, b.getI32Type(), number);
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
    };
    whole = arith::MaxSIOp::create(b, loc, whole, constant(0));
    whole = arith::MinSIOp::create(b, loc, whole, constant(out - 1));
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), whole);
  }
};
} // namespace

/// A tensor like `init` whose entries `compute` gives, out of their place.
static Value buildGenerated(OpBuilder &builder, Location loc, Value init,
                            function_ref<Value(const Body &)> compute) {
  unsigned rank = cast<RankedTensorType>(init.getType()).getRank();
  SmallVector<AffineMap> maps{
      AffineMap::getMultiDimIdentityMap(rank, builder.getContext())};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{init.getType()}, ValueRange{},
             ValueRange{init}, maps, iterators,
             [&](OpBuilder &b, Location l, ValueRange) {
               linalg::YieldOp::create(b, l, compute(Body{b, l}));
             })
      .getResult(0);
}

/// `from` with place `positions[i]` of dimension `dim` moved to place i.
static Value buildMoved(OpBuilder &builder, Location loc, Value from,
                        int64_t dim, Value positions) {
  auto type = cast<RankedTensorType>(from.getType());
  Value plain = buildDecoded(builder, loc, positions);
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, from),
      type.getElementType());
  return buildGenerated(builder, loc, init, [&](const Body &body) -> Value {
    SmallVector<Value> place;
    for (int64_t d = 0; d < type.getRank(); ++d)
      place.push_back(body.index(d));
    place[dim] = body.position(plain, place[dim], type.getDimSize(dim));
    return tensor::ExtractOp::create(body.b, body.loc, from, place);
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
  // The inputs of the transposed map would be scattered: no op does that, so the
  // matrix is multiplied out.
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
  Value moved =
      buildGenerated(builder, loc, init, [&](const Body &body) -> Value {
        SmallVector<Value> place;
        for (int64_t d = 0; d < type.getRank(); ++d)
          place.push_back(body.index(d));
        Value id = tensor::ExtractOp::create(body.b, body.loc, ids, place);
        id = arith::IndexCastOp::create(body.b, body.loc, body.b.getIndexType(),
                                        id);
        return arith::IndexCastOp::create(body.b, body.loc,
                                          type.getElementType(),
                                          body.position(plain, id, out));
      });
  return buildGathered(builder, loc, getMap(), moved);
}
