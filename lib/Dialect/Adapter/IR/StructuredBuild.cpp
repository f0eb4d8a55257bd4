//===- StructuredBuild.cpp - what structured maps share ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StructuredBuild.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LinearMapOpInterface structured::definition(Value map) {
  return map.getDefiningOp<LinearMapOpInterface>();
}

bool structured::isIdentity(Value map) {
  if (map.getDefiningOp<IdentityOp>())
    return true;
  auto op = map.getDefiningOp<PermutationOp>();
  return op && llvm::all_of(llvm::enumerate(op.getSources()), [](auto entry) {
           return static_cast<int64_t>(entry.index()) == entry.value();
         });
}

bool structured::isZero(Value map) { return bool(map.getDefiningOp<ZeroOp>()); }

SmallVector<Value> structured::buildTransposedMaps(OpBuilder &builder,
                                                   Location loc,
                                                   ValueRange maps) {
  SmallVector<Value> transposed;
  for (Value map : maps)
    transposed.push_back(TransposeOp::create(builder, loc, map));
  return transposed;
}

int64_t structured::numMembers(MapType type) {
  return type.isBank() ? type.getShape().front() : 1;
}

uint64_t structured::saturatingSubtract(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

int64_t structured::saturatingSum(ArrayRef<int64_t> numbers) {
  int64_t sum = 0;
  for (int64_t number : numbers)
    if (llvm::AddOverflow(sum, number, sum))
      return std::numeric_limits<int64_t>::max();
  return sum;
}

int64_t structured::saturatingProduct(int64_t a, int64_t b) {
  int64_t product;
  return llvm::MulOverflow(a, b, product) ? std::numeric_limits<int64_t>::max()
                                          : product;
}

Value structured::buildConcatenated(OpBuilder &builder, Location loc,
                                    unsigned axis, ValueRange matrices) {
  if (matrices.size() == 1)
    return buildDecoded(builder, loc, matrices.front());
  SmallVector<int64_t> shape(tensorType(matrices.front()).getShape());
  shape[axis] = 0;
  for (Value matrix : matrices)
    shape[axis] += tensorType(matrix).getDimSize(axis);
  Value whole =
      tensor::EmptyOp::create(builder, loc, shape, builder.getF32Type());
  int64_t offset = 0;
  for (Value matrix : matrices) {
    Value plain = buildDecoded(builder, loc, matrix);
    SmallVector<OpFoldResult> offsets(2, builder.getIndexAttr(0)),
        strides(2, builder.getIndexAttr(1));
    offsets[axis] = builder.getIndexAttr(offset);
    whole = tensor::InsertSliceOp::create(
        builder, loc, plain, whole, offsets,
        tensor::getMixedSizes(builder, loc, plain), strides);
    offset += tensorType(matrix).getDimSize(axis);
  }
  return whole;
}

bool structured::isInside(MapType type, unsigned axis, int64_t offset,
                          int64_t size) {
  return !type.isBank() && axis <= 1 && offset >= 0 && size > 0 &&
         offset <= type.getShape()[axis] - size;
}

Value structured::buildSliceOfMap(OpBuilder &builder, Location loc, Value map,
                                  unsigned axis, int64_t offset, int64_t size) {
  auto type = cast<MapType>(map.getType());
  if (!isInside(type, axis, offset, size))
    return {};
  if (size == type.getShape()[axis])
    return map;
  if (LinearMapOpInterface op = definition(map))
    if (Value slice = op.buildSlice(builder, loc, axis, offset, size))
      return slice;
  return SliceOp::create(builder, loc, map, axis, offset, size);
}

Value structured::buildLastSlice(OpBuilder &builder, Location loc, Value x,
                                 int64_t offset, int64_t size) {
  if (offset == 0 && tensorType(x).getShape().back() == size)
    return x;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      strides(sizes.size(), builder.getIndexAttr(1));
  offsets.back() = builder.getIndexAttr(offset);
  sizes.back() = builder.getIndexAttr(size);
  return tensor::ExtractSliceOp::create(builder, loc,
                                        withLastDimension(tensorType(x), size),
                                        x, offsets, sizes, strides);
}

Value structured::buildLastInserted(OpBuilder &builder, Location loc,
                                    Value part, Value whole, int64_t offset) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, part);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      strides(sizes.size(), builder.getIndexAttr(1));
  offsets.back() = builder.getIndexAttr(offset);
  return tensor::InsertSliceOp::create(builder, loc, part, whole, offsets,
                                       sizes, strides);
}

/// Each dimension alone but the last `grouped`, which are one group.
static SmallVector<ReassociationIndices> groupLast(int64_t rank,
                                                   int64_t grouped) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < rank - grouped; ++d)
    groups.push_back({d});
  groups.push_back(
      llvm::to_vector<2>(llvm::seq<int64_t>(rank - grouped, rank)));
  return groups;
}

Value structured::buildSplitLast(OpBuilder &builder, Location loc, Value x,
                                 int64_t outer, int64_t inner) {
  RankedTensorType type = tensorType(x);
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.append({outer, inner});
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.back() = builder.getIndexAttr(outer);
  sizes.push_back(builder.getIndexAttr(inner));
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), x,
      groupLast(shape.size(), 2), sizes);
}

Value structured::buildMergedLast(OpBuilder &builder, Location loc, Value x) {
  return tensor::CollapseShapeOp::create(builder, loc, x,
                                         groupLast(tensorType(x).getRank(), 2));
}

Value structured::buildSwappedLast(OpBuilder &builder, Location loc, Value x) {
  auto type = tensorType(x);
  unsigned rank = type.getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  std::swap(sizes[rank - 1], sizes[rank - 2]);
  SmallVector<unsigned> order = llvm::to_vector(llvm::seq(0u, rank));
  std::swap(order[rank - 1], order[rank - 2]);
  MLIRContext *context = builder.getContext();
  return vjp::buildStructured(
      builder, loc, {x},
      {AffineMap::getPermutationMap(order, context),
       AffineMap::getMultiDimIdentityMap(rank, context)},
      vjp::buildEmpty(builder, loc, sizes, type.getElementType()),
      [](OpBuilder &, Location, ValueRange args) -> Value { return args[0]; });
}

Value structured::buildZerosLike(OpBuilder &builder, Location loc, Value x,
                                 int64_t last, bool append) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  if (!append)
    sizes.pop_back();
  sizes.push_back(builder.getIndexAttr(last));
  return vjp::buildFilled(builder, loc, sizes, builder.getF32Type(), 0.0);
}

Value structured::buildOfIds(
    OpBuilder &builder, Location loc, Value ids,
    function_ref<Value(OpBuilder &, Location, Value)> compute) {
  RankedTensorType type = tensorType(ids);
  Value init = tensor::EmptyOp::create(builder, loc,
                                       tensor::getMixedSizes(builder, loc, ids),
                                       type.getElementType());
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(type.getRank(), builder.getContext());
  return vjp::buildStructured(
      builder, loc, {ids}, {identity, identity}, init,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        return compute(b, l, args[0]);
      });
}

Value structured::buildIdConstant(OpBuilder &builder, Location loc, Value ids,
                                  int64_t value) {
  return arith::ConstantOp::create(
      builder, loc,
      builder.getIntegerAttr(tensorType(ids).getElementType(), value));
}

Value structured::buildDenseOfMaterialized(OpBuilder &builder, Location loc,
                                           Value map) {
  return DenseOp::create(
      builder, loc,
      buildEncoded(builder, loc, buildMaterialized(builder, loc, map)));
}

Value structured::buildBetweenZeros(OpBuilder &builder, Location loc,
                                    unsigned axis, int64_t size, int64_t before,
                                    Value part, int64_t after) {
  SmallVector<Value> parts;
  auto addZeros = [&](int64_t count) {
    if (count == 0)
      return;
    Value zeros = axis == 0 ? ZeroOp::create(builder, loc, size, count)
                            : ZeroOp::create(builder, loc, count, size);
    parts.push_back(zeros);
  };
  addZeros(before);
  parts.push_back(part);
  addZeros(after);
  return parts.size() == 1
             ? part
             : ConcatOp::create(builder, loc, 1 - axis, parts).getResult();
}
