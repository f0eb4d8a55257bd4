//===- Sparse.cpp - a matrix by its entries -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "LeafTypes.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using leaf::Emit;

/// f32 holds every whole number up to here.
static constexpr int64_t kLargestSize = int64_t(1) << 24;

void SparseOp::build(OpBuilder &builder, OperationState &state, Value indices,
                     Value values, int64_t out, int64_t in) {
  build(builder, state,
        MapType::get(builder.getContext(), {out, in}, builder.getF32Type()),
        indices, values);
}

// (A30)
LogicalResult SparseOp::verify() {
  MapType type = getResult().getType();
  if (type.isBank() || type.getOut() > kLargestSize ||
      type.getIn() > kLargestSize)
    return emitOpError() << "makes a single map of at most " << kLargestSize
                         << " outputs and inputs, but the result is " << type
                         << " (A30)";
  RankedTensorType indices = getIndices().getType(),
                   values = getValues().getType();
  if (!values.hasStaticShape() || values.getRank() != 1 ||
      values.getDimSize(0) < 1 || !values.getElementType().isF32())
    return emitOpError() << "the values are a static f32 tensor of rank 1 with "
                            "at least one number, but got "
                         << values << " (A30)";
  if (!indices.hasStaticShape() || indices.getRank() != 2 ||
      indices.getDimSize(0) != 2 ||
      indices.getDimSize(1) != values.getDimSize(0) ||
      !indices.getElementType().isF32())
    return emitOpError() << "the indices are 2 x " << values.getDimSize(0)
                         << " numbers of f32, a row and a column for each "
                            "value, but got "
                         << indices << " (A30)";
  return success();
}

int64_t SparseOp::getRankBound(ArrayRef<int64_t>) {
  return getValues().getType().getDimSize(0);
}

MapCost SparseOp::getOwnCost(int64_t rows) {
  return {format::getStoredBytes(getIndices().getType()) +
              format::getStoredBytes(getValues().getType()),
          2 * uint64_t(rows) * uint64_t(getValues().getType().getDimSize(0))};
}

/// Index `entry` of row `which` of the indices, in [0, size); NaN is 0.
static Value buildIndex(const Emit &e, Value indices, int64_t which,
                        Value entry, int64_t size) {
  Value number = e.extract(indices, {e.index(which), entry});
  Type f32 = e.b.getF32Type();
  // Before the conversion, which says nothing of numbers that do not fit.
  number = arith::MaxNumFOp::create(e.b, e.loc, number, e.number(0, f32));
  number = arith::MinNumFOp::create(e.b, e.loc, number,
                                    e.number(double(size - 1), f32));
  Value whole = arith::FPToSIOp::create(e.b, e.loc, e.b.getI32Type(), number);
  return arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(), whole);
}

/// `x` with its last dimension first and the others as one: `[last, rows]`.
static Value buildColumns(OpBuilder &builder, Location loc, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t rank = type.getRank();
  if (rank == 1)
    return tensor::ExpandShapeOp::create(
        builder, loc,
        RankedTensorType::get({type.getDimSize(0), 1}, type.getElementType()),
        x, ArrayRef<ReassociationIndices>{{0, 1}});
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  std::rotate(sizes.begin(), sizes.end() - 1, sizes.end());
  SmallVector<int64_t> order{rank - 1};
  llvm::append_range(order, llvm::seq<int64_t>(0, rank - 1));
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  Value moved =
      linalg::TransposeOp::create(builder, loc, x, init, order)->getResult(0);
  if (rank == 2)
    return moved;
  SmallVector<ReassociationIndices> groups{{0}, {}};
  llvm::append_range(groups[1], llvm::seq<int64_t>(1, rank));
  return tensor::CollapseShapeOp::create(builder, loc, moved, groups);
}

/// The inverse: `[last, rows]` as a tensor with the leading dimensions of `x`.
static Value buildRows(OpBuilder &builder, Location loc, Value columns,
                       Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t rank = type.getRank(),
          last = cast<RankedTensorType>(columns.getType()).getDimSize(0);
  if (rank == 1)
    return tensor::CollapseShapeOp::create(
        builder, loc, columns, ArrayRef<ReassociationIndices>{{0, 1}});
  Value init = buildEmptyLike(builder, loc, x, last);
  if (rank == 2)
    return linalg::TransposeOp::create(builder, loc, columns, init,
                                       ArrayRef<int64_t>{1, 0})
        ->getResult(0);
  // Upstream expands no dimension to several dynamic ones on memrefs.
  SmallVector<Value> sizes;
  for (int64_t d = 0; d + 1 < rank; ++d)
    sizes.push_back(getValueOrCreateConstantIndexOp(
        builder, loc, tensor::getMixedSize(builder, loc, x, d)));
  return leaf::buildGenerated(builder, loc, init,
                              [&](const Emit &e, ArrayRef<Value> place) {
                                Value row = place.front();
                                for (int64_t d = 1; d + 1 < rank; ++d)
                                  row = e.add(e.mul(row, sizes[d]), place[d]);
                                return e.extract(columns, {place.back(), row});
                              });
}

// Entries are met one after the other, and all rows of x at an entry: in
// columns they lie side by side.
Value SparseOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  MapType type = getResult().getType();
  Value indices = buildDecoded(builder, loc, getIndices()),
        values = buildDecoded(builder, loc, getValues());
  Value from = buildColumns(builder, loc, x);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, from);
  sizes[0] = builder.getIndexAttr(type.getOut());
  Value to = leaf::buildZeros(
      builder, loc,
      tensor::EmptyOp::create(builder, loc, sizes, builder.getF32Type()));
  Emit top{builder, loc};
  Value rows = getValueOrCreateConstantIndexOp(builder, loc, sizes[1]);
  Value count = top.index(getValues().getType().getDimSize(0));
  to = leaf::buildFor(
      builder, loc, count, to, [&](OpBuilder &b, Value entry, Value y) {
        Emit e{b, loc};
        Value row = buildIndex(e, indices, 0, entry, type.getOut()),
              column = buildIndex(e, indices, 1, entry, type.getIn());
        Value value = e.extract(values, entry);
        return leaf::buildFor(
            b, loc, rows, y, [&](OpBuilder &inner, Value t, Value z) -> Value {
              Emit f{inner, loc};
              Value product = f.mul(value, f.extract(from, {column, t}));
              Value sum = f.add(f.extract(z, {row, t}), product);
              return tensor::InsertOp::create(inner, loc, sum, z,
                                              ValueRange{row, t});
            });
      });
  return buildRows(builder, loc, to, x);
}

Value SparseOp::buildMaterialization(OpBuilder &builder, Location loc) {
  MapType type = getResult().getType();
  Value indices = buildDecoded(builder, loc, getIndices()),
        values = buildDecoded(builder, loc, getValues());
  Value matrix = leaf::buildZeros(builder, loc, type.getShape());
  Value count = Emit{builder, loc}.index(getValues().getType().getDimSize(0));
  return leaf::buildFor(
      builder, loc, count, matrix,
      [&](OpBuilder &b, Value entry, Value m) -> Value {
        Emit e{b, loc};
        Value row = buildIndex(e, indices, 0, entry, type.getOut()),
              column = buildIndex(e, indices, 1, entry, type.getIn());
        Value sum =
            e.add(e.extract(m, {row, column}), e.extract(values, entry));
        return tensor::InsertOp::create(b, loc, sum, m,
                                        ValueRange{row, column});
      });
}

LogicalResult SparseOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                      DenseMatrix &result) {
  if (failed(typing::checkOperands(*this, operands)))
    return failure();
  MapType type = getResult().getType();
  result = DenseMatrix(type.getOut(), type.getIn());
  auto index = [](double number, int64_t size) {
    return int64_t(std::fmin(std::fmax(number, 0.0), double(size - 1)));
  };
  int64_t count = operands[1].values.size();
  for (int64_t e = 0; e < count; ++e)
    result(index(operands[0].values[e], type.getOut()),
           index(operands[0].values[count + e], type.getIn())) +=
        operands[1].values[e];
  return success();
}

Value SparseOp::buildTransposed(OpBuilder &builder, Location loc,
                                bool structureOnly) {
  if (structureOnly)
    return {};
  MapType type = getResult().getType();
  Value indices = buildDecoded(builder, loc, getIndices());
  Value swapped = leaf::buildGenerated(
      builder, loc, getIndices().getType().getShape(),
      [&](const Emit &e, ArrayRef<Value> place) {
        return e.extract(indices, {e.sub(e.index(1), place[0]), place[1]});
      });
  return SparseOp::create(builder, loc, swapped, getValues(), type.getIn(),
                          type.getOut());
}

Value SparseOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

// By the values the entries in their places; indices are no continuous numbers.
LogicalResult SparseOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                 const llvm::SmallBitVector &wanted,
                                 MutableArrayRef<Value> operands) {
  if (failed(vjp::refuse(*this, wanted, getIndicesMutable(), "its indices")) ||
      failed(
          leaf::refuseEncoded(*this, wanted, getValuesMutable(), "its values")))
    return failure();
  if (!wanted.test(1))
    return success();
  MapType type = getResult().getType();
  Value indices = buildDecoded(builder, getLoc(), getIndices());
  operands[1] = leaf::buildGenerated(
      builder, getLoc(), getValues().getType().getShape(),
      [&](const Emit &e, ArrayRef<Value> place) {
        Value row = buildIndex(e, indices, 0, place[0], type.getOut()),
              column = buildIndex(e, indices, 1, place[0], type.getIn());
        return e.extract(results[0], {row, column});
      });
  return success();
}
