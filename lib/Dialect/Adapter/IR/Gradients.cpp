//===- Gradients.cpp - vector-Jacobian products of maps ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradient of a map is the dense tensor [OUT, IN] of the derivatives by the
// entries of its matrix: uses make it, combinators hand it on, leaves take what
// is theirs. By its input a use has the gradient that the transposed map gives.
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

static Value multiply(OpBuilder &b, Location loc, Value x, Value y) {
  return arith::MulFOp::create(b, loc, x, y);
}

/// Sum of products of the elements of tensors into a static tensor of `shape`.
/// `maps` say which loops each input has, then the result: numbers of loops.
static Value buildContraction(OpBuilder &builder, Location loc,
                              ValueRange inputs,
                              ArrayRef<SmallVector<unsigned>> maps,
                              ArrayRef<int64_t> shape) {
  unsigned loops = 0;
  for (ArrayRef<unsigned> map : maps)
    for (unsigned loop : map)
      loops = std::max(loops, loop + 1);
  SmallVector<AffineMap> affine;
  for (ArrayRef<unsigned> map : maps)
    affine.push_back(
        AffineMap::getMultiDimMapWithTargets(loops, map, builder.getContext()));
  return vjp::buildReduction(
      builder, loc, inputs, affine,
      getAsIndexOpFoldResult(builder.getContext(), shape),
      [](OpBuilder &b, Location l, ValueRange a) {
        Value product = a[0];
        for (Value factor : a.drop_front())
          product = multiply(b, l, product, factor);
        return product;
      });
}

static Value buildTransposed(OpBuilder &builder, Location loc, Value matrix) {
  // Of a bank each member.
  auto type = cast<RankedTensorType>(matrix.getType());
  if (type.getRank() == 3)
    return buildContraction(
        builder, loc, {matrix}, {{0, 2, 1}, {0, 1, 2}},
        {type.getDimSize(0), type.getDimSize(2), type.getDimSize(1)});
  return buildContraction(builder, loc, {matrix}, {{1, 0}, {0, 1}},
                          {type.getDimSize(1), type.getDimSize(0)});
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

/// The loops `first` .. `first + count - 1`.
static SmallVector<unsigned> loopsFrom(unsigned first, unsigned count) {
  return llvm::to_vector(llvm::seq(first, first + count));
}

/// By x each row goes back through the transposed member that it met; by the
/// bank each member is compared with each id.
static LogicalResult buildBankVJP(ApplyOp op, OpBuilder &builder, Value dy,
                                  const llvm::SmallBitVector &wanted,
                                  MutableArrayRef<Value> operands) {
  Location loc = op.getLoc();
  auto wants = [&](OpOperand &operand) {
    return wanted.test(operand.getOperandNumber());
  };
  if (op.getWeights() &&
      failed(vjp::refuse(op, wanted, *op.getWeightsMutable().begin(),
                         "the weights")))
    return failure();
  if (op.getOtherwise() &&
      failed(vjp::refuse(op, wanted, *op.getOtherwiseMutable().begin(),
                         "the map otherwise")))
    return failure();
  MapType map = op.getMap().getType();
  unsigned rows = op.getX().getType().getRank() - 1;
  unsigned perRow = op.getWeights() ? 1 : 0;
  if (wanted.test(0)) {
    // Loops: rows, members of a row, members, outputs, inputs.
    unsigned member = rows + perRow;
    SmallVector<unsigned> leading = loopsFrom(0, rows), withOut = leading,
                          withIn = leading;
    withOut.push_back(member + 1);
    withIn.push_back(member + 2);
    SmallVector<unsigned> ofIds = loopsFrom(0, rows + perRow);
    SmallVector<Value> inputs{dy, op.getX(), op.getIds()};
    SmallVector<SmallVector<unsigned>> maps{withOut, withIn, ofIds};
    if (op.getWeights()) {
      inputs.push_back(op.getWeights());
      maps.push_back(ofIds);
    }
    maps.push_back(loopsFrom(member, 3));
    SmallVector<AffineMap> affine;
    for (ArrayRef<unsigned> dims : maps)
      affine.push_back(AffineMap::getMultiDimMapWithTargets(
          member + 3, dims, builder.getContext()));
    operands[0] = vjp::buildReduction(
        builder, loc, inputs, affine,
        getAsIndexOpFoldResult(builder.getContext(), map.getShape()),
        [&](OpBuilder &b, Location l, ValueRange args) -> Value {
          Value product = multiply(b, l, args[0], args[1]);
          if (perRow)
            product = multiply(b, l, product, args[3]);
          Value id = arith::IndexCastOp::create(
              b, l, args[2].getType(), linalg::IndexOp::create(b, l, member));
          Value same = arith::CmpIOp::create(b, l, arith::CmpIPredicate::eq, id,
                                             args[2]);
          Value zero = arith::ConstantOp::create(b, l, b.getF32FloatAttr(0.0f));
          return arith::SelectOp::create(b, l, same, product, zero);
        });
  }
  if (wanted.test(1)) {
    auto transposed = [&](Value m) -> Value {
      return m ? TransposeOp::create(builder, loc, m).getResult() : Value();
    };
    operands[1] = ApplyOp::create(
        builder, loc, op.getX().getType(), transposed(op.getMap()), dy,
        op.getIds(), op.getWeights(), transposed(op.getOtherwise()),
        /*bias=*/Value(), StringAttr(), EvaluationAttr());
  }
  if (op.getBias() && wants(*op.getBiasMutable().begin())) {
    SmallVector<unsigned> withOut = loopsFrom(0, rows + 1);
    operands[op.getBiasMutable().begin()->getOperandNumber()] =
        buildContraction(builder, loc, {dy}, {withOut, {rows}}, {map.getOut()});
  }
  return success();
}

LogicalResult ApplyOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                const llvm::SmallBitVector &wanted,
                                MutableArrayRef<Value> operands) {
  Location loc = getLoc();
  Value dy = results[0];
  if (getIds())
    return buildBankVJP(*this, builder, dy, wanted, operands);
  MapType map = getMap().getType();
  unsigned rows = getX().getType().getRank() - 1;
  SmallVector<unsigned> leading = loopsFrom(0, rows), withOut = leading,
                        withIn = leading;
  withOut.push_back(rows);
  withIn.push_back(rows + 1);
  if (wanted.test(0))
    operands[0] = buildContraction(builder, loc, {dy, getX()},
                                   {withOut, withIn, {rows, rows + 1}},
                                   {map.getOut(), map.getIn()});
  if (wanted.test(1)) {
    Value transposed = TransposeOp::create(builder, loc, getMap());
    operands[1] = buildApplied(builder, loc, transposed, dy);
  }
  if (getBias() && wanted.test(2))
    operands[2] =
        buildContraction(builder, loc, {dy}, {withOut, {rows}}, {map.getOut()});
  return success();
}

// Each row of the map is compared with each id: no upstream op on tensors adds
// into places that are known at run time only.
LogicalResult GatherOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                 const llvm::SmallBitVector &wanted,
                                 MutableArrayRef<Value> operands) {
  if (!wanted.test(0))
    return success();
  MapType map = getMap().getType();
  Type id = getIds().getType().getElementType();
  unsigned rows = getIds().getType().getRank();
  SmallVector<unsigned> leading = loopsFrom(0, rows), withIn = leading;
  withIn.push_back(rows + 1);
  auto mapOf = [&](ArrayRef<unsigned> loops) {
    return AffineMap::getMultiDimMapWithTargets(rows + 2, loops,
                                                builder.getContext());
  };
  operands[0] = vjp::buildReduction(
      builder, getLoc(), {getIds(), results[0]},
      {mapOf(leading), mapOf(withIn), mapOf({rows, rows + 1})},
      getAsIndexOpFoldResult(builder.getContext(), {map.getOut(), map.getIn()}),
      [&](OpBuilder &b, Location l, ValueRange a) -> Value {
        Value row = arith::IndexCastOp::create(
            b, l, id, linalg::IndexOp::create(b, l, rows));
        Value here =
            arith::CmpIOp::create(b, l, arith::CmpIPredicate::eq, row, a[0]);
        return arith::SelectOp::create(b, l, here, a[1],
                                       vjp::buildConstantLike(b, l, a[1], 0.0));
      });
  return success();
}

LogicalResult MaterializeOp::buildVJP(OpBuilder &, ArrayRef<Value> results,
                                      const llvm::SmallBitVector &,
                                      MutableArrayRef<Value> operands) {
  operands[0] = results[0];
  return success();
}

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

LogicalResult DenseOp::buildVJP(OpBuilder &, ArrayRef<Value> results,
                                const llvm::SmallBitVector &wanted,
                                MutableArrayRef<Value> operands) {
  if (failed(
          leaf::refuseEncoded(*this, wanted, getTensorMutable(), "its tensor")))
    return failure();
  operands[0] = results[0];
  return success();
}

// M[o, i] = sum_r B[o, r] gate[r] A[r, i]; each factor's gradient is the sum of
// the products of the others.
LogicalResult LowRankOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                  const llvm::SmallBitVector &wanted,
                                  MutableArrayRef<Value> operands) {
  if (failed(leaf::refuseEncoded(*this, wanted, getBMutable(), "B")) ||
      failed(leaf::refuseEncoded(*this, wanted, getAMutable(), "A")))
    return failure();
  for (OpOperand &gate : getGateMutable())
    if (failed(leaf::refuseEncoded(*this, wanted, gate, "the gate")))
      return failure();
  Location loc = getLoc();
  const SmallVector<unsigned> loops[] = {{0, 1}, {1, 2}, {1}}, whole = {0, 2};
  for (auto [index, operand] : llvm::enumerate(getOperands())) {
    if (!wanted.test(index))
      continue;
    SmallVector<Value> inputs{results[0]};
    SmallVector<SmallVector<unsigned>> maps{whole};
    for (auto [other, factor] : llvm::enumerate(getOperands())) {
      if (other == index)
        continue;
      inputs.push_back(buildDecoded(builder, loc, factor));
      maps.push_back(loops[other]);
    }
    maps.push_back(loops[index]);
    operands[index] =
        buildContraction(builder, loc, inputs, maps,
                         cast<RankedTensorType>(operand.getType()).getShape());
  }
  return success();
}

LogicalResult DiagonalOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                   const llvm::SmallBitVector &wanted,
                                   MutableArrayRef<Value> operands) {
  if (failed(
          leaf::refuseEncoded(*this, wanted, getVectorMutable(), "its vector")))
    return failure();
  if (wanted.test(0))
    operands[0] =
        buildContraction(builder, getLoc(), {results[0]}, {{0, 0}, {0}},
                         getVector().getType().getShape());
  return success();
}

//===----------------------------------------------------------------------===//
// Combinators
//===----------------------------------------------------------------------===//

LogicalResult SumOp::buildVJP(OpBuilder &, ArrayRef<Value> results,
                              const llvm::SmallBitVector &,
                              MutableArrayRef<Value> operands) {
  llvm::fill(operands, results[0]);
  return success();
}

LogicalResult ScaleOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                const llvm::SmallBitVector &,
                                MutableArrayRef<Value> operands) {
  operands[0] =
      buildScaled(builder, getLoc(), results[0], getFactor().convertToDouble());
  return success();
}

LogicalResult TransposeOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                    const llvm::SmallBitVector &,
                                    MutableArrayRef<Value> operands) {
  operands[0] = ::buildTransposed(builder, getLoc(), results[0]);
  return success();
}

// Of M = L N R the gradient by N is L^T dM R^T, computed by applying the other
// maps to rows and to columns.
LogicalResult ComposeOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                  const llvm::SmallBitVector &wanted,
                                  MutableArrayRef<Value> operands) {
  Location loc = getLoc();
  unsigned count = getMaps().size();
  // L^T dM, transposed: the outer maps before operand k have been taken off.
  Value left = ::buildTransposed(builder, loc, results[0]);
  for (unsigned k = 0; k < count; ++k) {
    if (wanted.test(k)) {
      Value gradient = ::buildTransposed(builder, loc, left);
      for (unsigned inner = count - 1; inner > k; --inner)
        gradient = buildApplied(builder, loc, getMaps()[inner], gradient);
      operands[k] = gradient;
    }
    Value transposed = TransposeOp::create(builder, loc, getMaps()[k]);
    if (k + 1 < count)
      left = buildApplied(builder, loc, transposed, left);
  }
  return success();
}

LogicalResult ConcatOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                 const llvm::SmallBitVector &wanted,
                                 MutableArrayRef<Value> operands) {
  int64_t offset = 0;
  for (auto [index, map] : llvm::enumerate(getMaps())) {
    auto type = cast<MapType>(map.getType());
    int64_t size = getDim() == 0 ? type.getOut() : type.getIn();
    if (wanted.test(index))
      operands[index] = buildMatrixSlice(builder, getLoc(), results[0],
                                         getDim(), offset, size);
    offset += size;
  }
  return success();
}

// Row positions[i] of the map is output i: compared place by place, see
// GatherOp.
LogicalResult ReorderOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                  const llvm::SmallBitVector &wanted,
                                  MutableArrayRef<Value> operands) {
  if (failed(
          vjp::refuse(*this, wanted, getPositionsMutable(), "its positions")))
    return failure();
  if (!wanted.test(0))
    return success();
  Location loc = getLoc();
  MapType map = getMap().getType();
  auto mapOf = [&](ArrayRef<unsigned> loops) {
    return AffineMap::getMultiDimMapWithTargets(3, loops, builder.getContext());
  };
  Value last = arith::ConstantOp::create(
      builder, loc,
      builder.getF32FloatAttr(static_cast<float>(map.getOut() - 1)));
  operands[0] = vjp::buildReduction(
      builder, loc, {buildDecoded(builder, loc, getPositions()), results[0]},
      {mapOf({0}), mapOf({0, 2}), mapOf({1, 2})},
      getAsIndexOpFoldResult(builder.getContext(), {map.getOut(), map.getIn()}),
      [&](OpBuilder &b, Location l, ValueRange a) -> Value {
        Value zero = vjp::buildConstantLike(b, l, a[1], 0.0);
        Value place = arith::MinNumFOp::create(
            b, l, arith::MaxNumFOp::create(b, l, a[0], zero), last);
        Value row = arith::SIToFPOp::create(
            b, l, b.getF32Type(),
            arith::IndexCastOp::create(b, l, b.getI64Type(),
                                       linalg::IndexOp::create(b, l, 1)));
        Value here =
            arith::CmpFOp::create(b, l, arith::CmpFPredicate::OEQ, row, place);
        return arith::SelectOp::create(b, l, here, a[1], zero);
      });
  return success();
}
