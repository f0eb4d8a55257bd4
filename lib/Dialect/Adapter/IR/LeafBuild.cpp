//===- LeafBuild.cpp - what the leaves build their code of -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using leaf::Emit;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value Emit::index(int64_t value) const {
  return arith::ConstantIndexOp::create(b, loc, value);
}
Value Emit::number(double value, Type type) const {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
}

/// The op for floats or the one for integers.
template <typename FloatOp, typename IntOp>
static Value binary(const Emit &e, Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return FloatOp::create(e.b, e.loc, x, y);
  return IntOp::create(e.b, e.loc, x, y);
}

Value Emit::add(Value x, Value y) const {
  return binary<arith::AddFOp, arith::AddIOp>(*this, x, y);
}
Value Emit::sub(Value x, Value y) const {
  return binary<arith::SubFOp, arith::SubIOp>(*this, x, y);
}
Value Emit::mul(Value x, Value y) const {
  return binary<arith::MulFOp, arith::MulIOp>(*this, x, y);
}
Value Emit::div(Value x, Value y) const {
  return binary<arith::DivFOp, arith::DivSIOp>(*this, x, y);
}
Value Emit::rem(Value x, Value y) const {
  return arith::RemSIOp::create(b, loc, x, y);
}
Value Emit::min(Value x, Value y) const {
  return arith::MinSIOp::create(b, loc, x, y);
}
Value Emit::max(Value x, Value y) const {
  return arith::MaxSIOp::create(b, loc, x, y);
}
Value Emit::equal(Value x, Value y) const {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
}
Value Emit::less(Value x, Value y) const {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
}
Value Emit::select(Value condition, Value x, Value y) const {
  return arith::SelectOp::create(b, loc, condition, x, y);
}
Value Emit::extract(Value tensor, ValueRange place) const {
  return tensor::ExtractOp::create(b, loc, tensor, place);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Value leaf::buildGenerated(OpBuilder &builder, Location loc, Value init,
                           Compute compute) {
  unsigned rank = cast<RankedTensorType>(init.getType()).getRank();
  SmallVector<AffineMap> maps{
      AffineMap::getMultiDimIdentityMap(rank, builder.getContext())};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{init.getType()}, ValueRange{},
             ValueRange{init}, maps, iterators,
             [&](OpBuilder &b, Location l, ValueRange) {
               SmallVector<Value> place;
               for (unsigned d = 0; d < rank; ++d)
                 place.push_back(linalg::IndexOp::create(b, l, d));
               linalg::YieldOp::create(b, l, compute(Emit{b, l}, place));
             })
      .getResult(0);
}

Value leaf::buildGenerated(OpBuilder &builder, Location loc,
                           ArrayRef<int64_t> shape, Compute compute,
                           Type elementType) {
  Value init = tensor::EmptyOp::create(
      builder, loc, shape, elementType ? elementType : builder.getF32Type());
  return buildGenerated(builder, loc, init, compute);
}

SmallVector<Value> leaf::buildLoopsTo(
    OpBuilder &builder, Location loc, ValueRange inputs, ValueRange inits,
    ArrayRef<SmallVector<unsigned>> maps, ArrayRef<unsigned> reductions,
    function_ref<SmallVector<Value>(const Emit &, ValueRange)> body) {
  unsigned loops = 0;
  for (ArrayRef<unsigned> map : maps)
    for (unsigned loop : map)
      loops = std::max(loops, loop + 1);
  SmallVector<AffineMap> affine;
  for (ArrayRef<unsigned> map : maps)
    affine.push_back(
        AffineMap::getMultiDimMapWithTargets(loops, map, builder.getContext()));
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::parallel);
  for (unsigned loop : reductions)
    iterators[loop] = utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(
      builder, loc, inits.getTypes(), inputs, inits, affine, iterators,
      [&](OpBuilder &b, Location l, ValueRange args) {
        linalg::YieldOp::create(b, l, body(Emit{b, l}, args));
      });
  return llvm::to_vector(ValueRange(generic.getResults()));
}

Value leaf::buildLoops(OpBuilder &builder, Location loc, ValueRange inputs,
                       Value init, ArrayRef<SmallVector<unsigned>> maps,
                       ArrayRef<unsigned> reductions,
                       function_ref<Value(const Emit &, ValueRange)> body) {
  return buildLoopsTo(
             builder, loc, inputs, init, maps, reductions,
             [&](const Emit &e, ValueRange args) -> SmallVector<Value> {
               return {body(e, args)};
             })
      .front();
}

Value leaf::buildZeros(OpBuilder &builder, Location loc, Value empty) {
  Type type = cast<RankedTensorType>(empty.getType()).getElementType();
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  return linalg::FillOp::create(builder, loc, ValueRange{zero},
                                ValueRange{empty})
      .getResult(0);
}

Value leaf::buildZeros(OpBuilder &builder, Location loc,
                       ArrayRef<int64_t> shape) {
  return buildZeros(
      builder, loc,
      tensor::EmptyOp::create(builder, loc, shape, builder.getF32Type()));
}

Value leaf::buildSliceAt(OpBuilder &builder, Location loc, Value tensor,
                         int64_t dim, Value index) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      strides(sizes.size(), builder.getIndexAttr(1));
  offsets[dim] = index;
  sizes[dim] = builder.getIndexAttr(1);
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + dim);
  return tensor::ExtractSliceOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), tensor,
      offsets, sizes, strides);
}

Value leaf::buildCopyAt(OpBuilder &builder, Location loc, Value tensor,
                        int64_t dim, Value index) {
  Value slice = buildSliceAt(builder, loc, tensor, dim, index);
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, slice),
      cast<RankedTensorType>(slice.getType()).getElementType());
  // Not a generic op: that would be fused into the one that changes the tensor.
  return linalg::CopyOp::create(builder, loc, ValueRange{slice},
                                ValueRange{init})
      .getResult(0);
}

Value leaf::buildFor(OpBuilder &builder, Location loc, Value count, Value value,
                     function_ref<Value(OpBuilder &, Value, Value)> body) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0),
        one = arith::ConstantIndexOp::create(builder, loc, 1);
  return scf::ForOp::create(
             builder, loc, zero, count, one, ValueRange{value},
             [&](OpBuilder &b, Location l, Value i, ValueRange args) {
               scf::YieldOp::create(b, l, body(b, i, args.front()));
             })
      .getResult(0);
}

Value leaf::buildAddedDiagonal(OpBuilder &builder, Location loc, Value matrix,
                               double diagonal) {
  auto type = cast<RankedTensorType>(matrix.getType());
  unsigned rank = type.getRank();
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType());
  SmallVector<unsigned> all = llvm::to_vector(llvm::seq(0u, rank));
  return buildLoops(
      builder, loc, matrix, init, {all, all}, {},
      [&](const Emit &e, ValueRange args) {
        Value row = linalg::IndexOp::create(e.b, e.loc, rank - 2),
              column = linalg::IndexOp::create(e.b, e.loc, rank - 1);
        Value sum = e.add(args[0], e.number(diagonal, type.getElementType()));
        return e.select(e.equal(row, column), sum, args[0]);
      });
}

// The columns are the innermost loop, so that it becomes vectors.
Value leaf::buildProduct(OpBuilder &builder, Location loc, Value lhs, Value rhs,
                         bool transposeLhs, bool transposeRhs) {
  auto type = cast<RankedTensorType>(lhs.getType());
  unsigned leading = type.getRank() - 2;
  auto loops = [&](unsigned row, unsigned column, bool transpose) {
    if (transpose)
      std::swap(row, column);
    SmallVector<unsigned> result = llvm::to_vector(llvm::seq(0u, leading));
    result.append({leading + row, leading + column});
    return result;
  };
  return buildLoops(builder, loc, {lhs, rhs},
                    buildZeros(builder, loc, type.getShape()),
                    {loops(0, 1, transposeLhs), loops(1, 2, transposeRhs),
                     loops(0, 2, false)},
                    {leading + 1}, [](const Emit &e, ValueRange args) {
                      return e.add(args[2], e.mul(args[0], args[1]));
                    });
}

LogicalResult leaf::refuseEncoded(Operation *op,
                                  const llvm::SmallBitVector &wanted,
                                  OpOperand &operand, StringRef name) {
  if (!cast<RankedTensorType>(operand.get().getType()).getEncoding())
    return success();
  return vjp::refuse(op, wanted, operand, (name + ", which is encoded").str());
}

Value leaf::buildAppliedMatrix(OpBuilder &builder, Location loc,
                               LinearMapOpInterface map, Value x) {
  Value matrix = buildEncoded(
      builder, loc, buildMaterialized(builder, loc, map->getResult(0)));
  return buildApplied(builder, loc, DenseOp::create(builder, loc, matrix), x);
}
