//===- AdapterBuild.cpp - upstream ops around maps ----------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;

RankedTensorType adapter::withLastDimension(RankedTensorType type,
                                            int64_t last) {
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = last;
  return RankedTensorType::get(shape, type.getElementType());
}

Value adapter::buildEmptyLike(OpBuilder &builder, Location loc, Value x,
                              int64_t last, bool append) {
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  if (!append)
    sizes.pop_back();
  sizes.push_back(builder.getIndexAttr(last));
  Type elementType = append ? builder.getF32Type() : type.getElementType();
  return tensor::EmptyOp::create(builder, loc, sizes, elementType);
}

Value adapter::buildDecoded(OpBuilder &builder, Location loc, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.getEncoding())
    return tensor;
  return format::DecodeOp::create(builder, loc, type.dropEncoding(), tensor);
}

Value adapter::buildEncoded(OpBuilder &builder, Location loc, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getEncoding())
    return tensor;
  auto f32 = format::FloatAttr::get(builder.getContext(), builder.getF32Type());
  return format::EncodeOp::create(builder, loc, format::withFormat(type, f32),
                                  tensor);
}

Value adapter::buildTransposedMatrix(OpBuilder &builder, Location loc,
                                     Value tensor) {
  // The last two dimensions; of a bank each matrix.
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(order[rank - 2], order[rank - 1]);
  // encode(transpose(decode(t))) is what this function makes; its transposition
  // is t.
  if (auto encode = tensor.getDefiningOp<format::EncodeOp>();
      encode &&
      format::getFormat(encode.getResult().getType()) ==
          format::FloatAttr::get(builder.getContext(), builder.getF32Type()))
    if (auto transpose =
            encode.getSource().getDefiningOp<linalg::TransposeOp>())
      if (auto decode = transpose.getInput().getDefiningOp<format::DecodeOp>();
          decode && transpose.getPermutation().equals(order))
        return decode.getSource();
  Value plain = buildDecoded(builder, loc, tensor);
  auto type = cast<RankedTensorType>(plain.getType());
  SmallVector<int64_t> shape(type.getShape());
  std::swap(shape[rank - 2], shape[rank - 1]);
  Value init =
      tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  auto transposed =
      linalg::TransposeOp::create(builder, loc, plain, init, order);
  return buildEncoded(builder, loc, transposed->getResult(0));
}

/// result[..., i] = combine(x[..., i], vector[i]), or combine(x[..., i],
/// scalar) where the vector is null.
static Value buildElementwise(
    OpBuilder &builder, Location loc, Value x, Value vector,
    function_ref<Value(OpBuilder &, Location, ValueRange)> combine) {
  auto type = cast<RankedTensorType>(x.getType());
  unsigned rank = type.getRank();
  MLIRContext *context = builder.getContext();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, context);
  SmallVector<AffineMap> maps{identity};
  SmallVector<Value> inputs{x};
  if (vector) {
    inputs.push_back(adapter::buildDecoded(builder, loc, vector));
    maps.push_back(
        AffineMap::get(rank, 0, getAffineDimExpr(rank - 1, context)));
  }
  maps.push_back(identity);
  Value init = tensor::EmptyOp::create(builder, loc,
                                       tensor::getMixedSizes(builder, loc, x),
                                       type.getElementType());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{type}, inputs, ValueRange{init}, maps, iterators,
      [&](OpBuilder &nested, Location nestedLoc, ValueRange args) {
        linalg::YieldOp::create(nested, nestedLoc,
                                combine(nested, nestedLoc, args.drop_back()));
      });
  return generic.getResult(0);
}

Value adapter::buildScaled(OpBuilder &builder, Location loc, Value x,
                           double factor) {
  if (factor == 1.0)
    return x;
  Value scalar = arith::ConstantOp::create(
      builder, loc, builder.getF32FloatAttr(static_cast<float>(factor)));
  return buildElementwise(
      builder, loc, x, Value(),
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(b, l, args[0], scalar);
      });
}

Value adapter::buildMultipliedByVector(OpBuilder &builder, Location loc,
                                       Value x, Value vector) {
  return buildElementwise(
      builder, loc, x, vector,
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(b, l, args[0], args[1]);
      });
}

Value adapter::buildAddedVector(OpBuilder &builder, Location loc, Value x,
                                Value vector) {
  return buildElementwise(
      builder, loc, x, vector,
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::AddFOp::create(b, l, args[0], args[1]);
      });
}

Value adapter::buildMatmul(OpBuilder &builder, Location loc, Value lhs,
                           Value rhs) {
  auto left = cast<RankedTensorType>(lhs.getType()),
       right = cast<RankedTensorType>(rhs.getType());
  Value empty = tensor::EmptyOp::create(
      builder, loc, {left.getDimSize(0), right.getDimSize(1)},
      left.getElementType());
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(left.getElementType()));
  Value init =
      linalg::FillOp::create(builder, loc, ValueRange{zero}, ValueRange{empty})
          .getResult(0);
  return linalg::MatmulOp::create(builder, loc, TypeRange{init.getType()},
                                  ValueRange{lhs, rhs}, ValueRange{init})
      .getResult(0);
}

Value adapter::buildMaterialized(OpBuilder &builder, Location loc, Value map) {
  auto type = cast<MapType>(map.getType());
  return MaterializeOp::create(
      builder, loc,
      RankedTensorType::get(type.getShape(), type.getElementType()), map,
      StringAttr());
}

Value adapter::buildApplied(OpBuilder &builder, Location loc, Value map,
                            Value x) {
  auto type = withLastDimension(cast<RankedTensorType>(x.getType()),
                                cast<MapType>(map.getType()).getOut());
  return ApplyOp::create(builder, loc, type, map, x, Value(), StringAttr(),
                         EvaluationAttr());
}

Value adapter::buildGathered(OpBuilder &builder, Location loc, Value map,
                             Value ids) {
  auto type = cast<MapType>(map.getType());
  SmallVector<int64_t> shape(cast<RankedTensorType>(ids.getType()).getShape());
  shape.push_back(type.getIn());
  return GatherOp::create(builder, loc,
                          RankedTensorType::get(shape, type.getElementType()),
                          map, ids, StringAttr());
}

Value adapter::buildComposed(OpBuilder &builder, Location loc,
                             ArrayRef<Value> maps) {
  return maps.size() == 1 ? maps.front()
                          : ComposeOp::create(builder, loc, maps).getResult();
}

Value adapter::buildGatherOfMaterialized(OpBuilder &builder, Location loc,
                                         Value map, Value ids) {
  Value matrix =
      buildEncoded(builder, loc, buildMaterialized(builder, loc, map));
  return buildGathered(builder, loc, DenseOp::create(builder, loc, matrix),
                       ids);
}

Value adapter::buildComposed(OpBuilder &builder, Location loc, ValueRange maps,
                             int64_t size) {
  if (maps.empty())
    return IdentityOp::create(builder, loc, size);
  return maps.size() == 1 ? maps.front()
                          : ComposeOp::create(builder, loc, maps).getResult();
}

Value adapter::buildMapOfTerms(OpBuilder &builder, Location loc,
                               const MapTerms &terms) {
  SmallVector<Value> maps;
  auto add = [&](Value map, double scale) {
    if (scale != 1.0)
      map = ScaleOp::create(builder, loc, map, builder.getF64FloatAttr(scale));
    maps.push_back(map);
  };
  for (const MapTerms::Matrix &matrix : terms.matrices)
    add(DenseOp::create(builder, loc, matrix.tensor), matrix.scale);
  for (const MapTerms::Factors &pair : terms.factors)
    add(LowRankOp::create(builder, loc, pair.b, pair.a, pair.gate), pair.scale);
  for (const MapTerms::Other &other : terms.others)
    add(other.map, other.scale);
  if (maps.size() < 2)
    return maps.empty() ? Value() : maps.front();
  return SumOp::create(builder, loc, maps.front().getType(), maps);
}

Value adapter::buildMatrixSlice(OpBuilder &builder, Location loc, Value tensor,
                                unsigned axis, int64_t offset, int64_t size) {
  Value plain = buildDecoded(builder, loc, tensor);
  auto type = cast<RankedTensorType>(plain.getType());
  if (axis > 1 || type.getRank() != 2 || offset < 0 || size <= 0 ||
      offset > type.getDimSize(axis) - size)
    return {};
  SmallVector<OpFoldResult> offsets(2, builder.getIndexAttr(0)),
      strides(2, builder.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes{builder.getIndexAttr(type.getDimSize(0)),
                                  builder.getIndexAttr(type.getDimSize(1))};
  offsets[axis] = builder.getIndexAttr(offset);
  sizes[axis] = builder.getIndexAttr(size);
  return tensor::ExtractSliceOp::create(builder, loc, plain, offsets, sizes,
                                        strides);
}
