//===- StructuredGradients.cpp - VJPs of structured maps --------*- C++ -*-===//
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

LogicalResult IdentityOp::buildVJP(OpBuilder &, ArrayRef<Value>,
                                   const llvm::SmallBitVector &,
                                   MutableArrayRef<Value>) {
  return success();
}

LogicalResult ZeroOp::buildVJP(OpBuilder &, ArrayRef<Value>,
                               const llvm::SmallBitVector &,
                               MutableArrayRef<Value>) {
  return success();
}

// M[(o1, o2), (i1, i2)] = a[o1, i1] b[o2, i2]: each map's gradient is the sum
// of that of M times the other one.
LogicalResult KronOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                               const llvm::SmallBitVector &wanted,
                               MutableArrayRef<Value> operands) {
  Location loc = getLoc();
  MLIRContext *context = builder.getContext();
  MapType types[] = {getA().getType(), getB().getType()};
  auto split = RankedTensorType::get({types[0].getOut(), types[1].getOut(),
                                      types[0].getIn(), types[1].getIn()},
                                     builder.getF32Type());
  Value gradient = tensor::ExpandShapeOp::create(
      builder, loc, split, results[0],
      SmallVector<ReassociationIndices>{{0, 1}, {2, 3}});
  auto mapOf = [&](ArrayRef<unsigned> loops) {
    return AffineMap::getMultiDimMapWithTargets(4, loops, context);
  };
  AffineMap maps[] = {mapOf({0, 2}), mapOf({1, 3})};
  for (unsigned k : {0, 1}) {
    if (!wanted.test(k))
      continue;
    Value other = buildMaterialized(builder, loc, getOperand(1 - k));
    operands[k] = vjp::buildReduction(
        builder, loc, {gradient, other},
        {AffineMap::getMultiDimIdentityMap(4, context), maps[1 - k], maps[k]},
        getAsIndexOpFoldResult(context, types[k].getShape()),
        [](OpBuilder &b, Location l, ValueRange a) -> Value {
          return arith::MulFOp::create(b, l, a[0], a[1]);
        });
  }
  return success();
}

LogicalResult HadamardOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                   const llvm::SmallBitVector &wanted,
                                   MutableArrayRef<Value> operands) {
  for (unsigned k = 0; k < getMaps().size(); ++k) {
    if (!wanted.test(k))
      continue;
    operands[k] = results[0];
    for (unsigned other = 0; other < getMaps().size(); ++other)
      if (other != k)
        operands[k] = arith::MulFOp::create(
            builder, getLoc(), operands[k],
            buildMaterialized(builder, getLoc(), getMaps()[other]));
  }
  return success();
}

LogicalResult BlockDiagonalOp::buildVJP(OpBuilder &builder,
                                        ArrayRef<Value> results,
                                        const llvm::SmallBitVector &wanted,
                                        MutableArrayRef<Value> operands) {
  Location loc = getLoc();
  MLIRContext *context = builder.getContext();
  int64_t row = 0, column = 0;
  for (auto [index, map] : llvm::enumerate(getMaps())) {
    auto type = cast<MapType>(map.getType());
    int64_t rows = numMembers(type) * type.getOut(),
            columns = numMembers(type) * type.getIn();
    if (wanted.test(index)) {
      Value part = buildMatrixSlice(builder, loc, results[0], 0, row, rows);
      part = buildMatrixSlice(builder, loc, part, 1, column, columns);
      if (type.isBank()) {
        // The blocks of the members alone.
        SmallVector<OpFoldResult> sizes =
            getAsIndexOpFoldResult(context, type.getShape());
        int64_t out = type.getOut(), in = type.getIn();
        part = vjp::buildStructured(
            builder, loc, {}, AffineMap::getMultiDimIdentityMap(3, context),
            vjp::buildEmpty(builder, loc, sizes, builder.getF32Type()),
            [&](OpBuilder &b, Location l, ValueRange) -> Value {
              auto place = [&](unsigned within, int64_t size) -> Value {
                Value first = arith::MulIOp::create(
                    b, l, linalg::IndexOp::create(b, l, 0),
                    arith::ConstantIndexOp::create(b, l, size));
                return arith::AddIOp::create(
                    b, l, first, linalg::IndexOp::create(b, l, within));
              };
              return tensor::ExtractOp::create(
                  b, l, part, ValueRange{place(1, out), place(2, in)});
            });
      }
      operands[index] = part;
    }
    row += rows;
    column += columns;
  }
  return success();
}
