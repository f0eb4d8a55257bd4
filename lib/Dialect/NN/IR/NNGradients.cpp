//===- NNGradients.cpp - vector-Jacobian products of nn ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::nn;

namespace {

/// Scalar arithmetic in the bodies of structured ops.
struct Scalars {
  OpBuilder &b;
  Location loc;

  Value number(double value) {
    return arith::ConstantOp::create(
        b, loc, b.getF32FloatAttr(static_cast<float>(value)));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value exp(Value x) { return math::ExpOp::create(b, loc, x); }
};

/// The maps of structured ops over a tensor: its elements, its rows (all
/// dimensions but the last), its columns.
struct RowMaps {
  explicit RowMaps(Value x) {
    unsigned rank = cast<RankedTensorType>(x.getType()).getRank();
    element = AffineMap::getMultiDimIdentityMap(rank, x.getContext());
    row = AffineMap::get(rank, 0, element.getResults().drop_back(),
                         x.getContext());
    column = element.getMinorSubMap(1);
  }
  AffineMap element, row, column;
};

} // namespace

//===----------------------------------------------------------------------===//
// NormOp
//===----------------------------------------------------------------------===//

// With c = x - mean (rms: x), r = 1 / sqrt(mean(c^2) + epsilon), g = weight *
// dy: dx = r (g - mean(g) - c r^2 mean(g c)), where mean(g) stays out for rms;
// dweight = sum over rows of dy c r; dbias = sum over rows of dy.
LogicalResult NormOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                               const llvm::SmallBitVector &wanted,
                               MutableArrayRef<Value> operands) {
  Location loc = getLoc();
  Value x = getX(), weight = getWeight(), dy = results[0];
  RowMaps maps(x);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back();
  ArrayRef<OpFoldResult> columns = ArrayRef(sizes).take_back();
  bool layer = getKind() == NormKind::Layer;
  Scalars outside{builder, loc};
  // 1 / n, the number of columns.
  Value n = arith::SIToFPOp::create(
      builder, loc, builder.getF32Type(),
      arith::IndexCastOp::create(
          builder, loc, builder.getI64Type(),
          getValueOrCreateConstantIndexOp(builder, loc, columns[0])));
  Value share = outside.div(outside.number(1.0), n);
  Value epsilon = outside.number(getEpsilon().convertToDouble());
  auto rowMean = [&](ValueRange inputs, ArrayRef<AffineMap> inputMaps,
                     function_ref<Value(Scalars, ValueRange)> term) {
    SmallVector<AffineMap> all(inputMaps);
    all.push_back(maps.row);
    return vjp::buildReduction(builder, loc, inputs, all, rows,
                               [&](OpBuilder &b, Location l, ValueRange args) {
                                 Scalars s{b, l};
                                 return s.mul(share, term(s, args));
                               });
  };
  AffineMap element = maps.element, row = maps.row, column = maps.column;
  // Rms norms take zero for the mean, so that one formula serves both.
  Value mean =
      layer
          ? rowMean({x}, {element}, [](Scalars, ValueRange a) { return a[0]; })
          : vjp::buildFilled(builder, loc, rows, builder.getF32Type(), 0.0);
  Value variance =
      rowMean({x, mean}, {element, row}, [](Scalars s, ValueRange a) {
        Value c = s.sub(a[0], a[1]);
        return s.mul(c, c);
      });
  auto factor = [&](Scalars s, Value v) -> Value {
    return s.div(s.number(1.0),
                 math::SqrtOp::create(s.b, s.loc, s.add(v, epsilon)));
  };
  unsigned xIndex = getXMutable().getOperandNumber(),
           weightIndex = getWeightMutable().getOperandNumber();
  if (wanted.test(xIndex)) {
    Value along =
        rowMean({x, mean, weight, dy}, {element, row, column, element},
                [](Scalars s, ValueRange a) {
                  return s.mul(s.sub(a[0], a[1]), s.mul(a[2], a[3]));
                });
    Value level = mean;
    if (layer)
      level =
          rowMean({weight, dy}, {column, element},
                  [](Scalars s, ValueRange a) { return s.mul(a[0], a[1]); });
    operands[xIndex] = vjp::buildStructured(
        builder, loc, {x, mean, weight, dy, variance, along, level},
        {element, row, column, element, row, row, row, element},
        vjp::buildEmpty(builder, loc, sizes, builder.getF32Type()),
        [&](OpBuilder &b, Location l, ValueRange a) {
          Scalars s{b, l};
          Value c = s.sub(a[0], a[1]), r = factor(s, a[4]);
          Value g = s.sub(s.mul(a[2], a[3]), a[6]);
          return s.mul(r, s.sub(g, s.mul(s.mul(c, s.mul(r, r)), a[5])));
        });
  }
  if (wanted.test(weightIndex))
    operands[weightIndex] = vjp::buildReduction(
        builder, loc, {x, mean, dy, variance},
        {element, row, element, row, column}, columns,
        [&](OpBuilder &b, Location l, ValueRange a) {
          Scalars s{b, l};
          return s.mul(a[2], s.mul(s.sub(a[0], a[1]), factor(s, a[3])));
        });
  if (getBias() && wanted.test(weightIndex + 1))
    operands[weightIndex + 1] = vjp::buildReduction(
        builder, loc, {dy}, {element, column}, columns,
        [](OpBuilder &, Location, ValueRange a) { return a[0]; });
  return success();
}

//===----------------------------------------------------------------------===//
// RopeOp, AttentionOp
//===----------------------------------------------------------------------===//

// The transposed of a turn is the turn back.
LogicalResult RopeOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                               const llvm::SmallBitVector &wanted,
                               MutableArrayRef<Value> operands) {
  if (failed(vjp::refuse(*this, wanted, getFrequenciesMutable(),
                         "its frequencies")))
    return failure();
  unsigned index = getXMutable().getOperandNumber();
  if (!wanted.test(index))
    return success();
  Location loc = getLoc();
  Value back = arith::NegFOp::create(builder, loc, getFrequencies());
  Value init = vjp::buildEmpty(builder, loc,
                               tensor::getMixedSizes(builder, loc, results[0]),
                               builder.getF32Type());
  operands[index] =
      RopeOp::create(builder, loc, init.getType(), getLayout(), results[0],
                     getPast(), back, getScale(), init)
          .getResult();
  return success();
}

/// With p the weight of the sink of a head and o the result, the gradient of
/// its score is -p (grad . o), summed over all queries: all values together
/// have weighted u. p is what the weights of the keys, as values of 1 sum them
/// up, lack to 1.
static Value buildSinkGradient(OpBuilder &builder, AttentionOp op, Value grad) {
  Location loc = op.getLoc();
  Type f32 = builder.getF32Type();
  SmallVector<OpFoldResult> ofValues =
      tensor::getMixedSizes(builder, loc, op.getV());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, grad);
  SmallVector<OpFoldResult> single = sizes;
  ofValues.back() = single.back() = builder.getIndexAttr(1);
  Value ones = vjp::buildFilled(builder, loc, ofValues, f32, 1.0);
  Value init = vjp::buildEmpty(builder, loc, single, f32);
  Value seen = AttentionOp::create(
                   builder, loc, init.getType(), op.getQ(), op.getK(), ones,
                   op.getPast(), op.getTotal(), op.getMask(), op.getDistances(),
                   op.getSinks(), init, op.getCausalAttr(), op.getScaleAttr(),
                   op.getWindowAttr(), op.getSoftcapAttr())
                   .getResult();
  AffineMap element = builder.getMultiDimIdentityMap(4);
  SmallVector<AffineExpr> first(element.getResults());
  first.back() = builder.getAffineConstantExpr(0);
  AffineMap weight = AffineMap::get(4, 0, first, builder.getContext());
  AffineMap head = element.getSubMap({2});
  return vjp::buildReduction(
      builder, loc, {grad, op.getResult(), seen},
      {element, element, weight, head}, ArrayRef(sizes).slice(2, 1),
      [](OpBuilder &b, Location l, ValueRange a) {
        Scalars s{b, l};
        return s.mul(s.sub(a[2], s.number(1.0)), s.mul(a[0], a[1]));
      });
}

LogicalResult AttentionOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                    const llvm::SmallBitVector &wanted,
                                    MutableArrayRef<Value> operands) {
  if (getDistances() &&
      failed(vjp::refuse(*this, wanted, getDistancesMutable()[0],
                         "its distances")))
    return failure();
  Location loc = getLoc();
  SmallVector<Value> inits;
  for (Value operand : {getQ(), getK(), getV()})
    inits.push_back(vjp::buildEmpty(
        builder, loc, tensor::getMixedSizes(builder, loc, operand),
        builder.getF32Type()));
  auto grad = AttentionGradOp::create(
      builder, loc, ValueRange(inits).getTypes(), getQ(), getK(), getV(),
      results[0], getPast(), getTotal(), getMask(), getDistances(), getSinks(),
      inits[0], inits[1], inits[2], getCausalAttr(), getScaleAttr(),
      getWindowAttr(), getSoftcapAttr());
  // Named: a list inside of the loop's head would die before the loop.
  const unsigned places[] = {getQMutable().getOperandNumber(),
                             getKMutable().getOperandNumber(),
                             getVMutable().getOperandNumber()};
  for (auto [place, gradient] : llvm::zip_equal(places, grad.getResults()))
    operands[place] = gradient;
  if (getSinks() && wanted.test(getSinksMutable()[0].getOperandNumber()))
    operands[getSinksMutable()[0].getOperandNumber()] =
        buildSinkGradient(builder, *this, results[0]);
  return success();
}

//===----------------------------------------------------------------------===//
// CrossEntropyOp
//===----------------------------------------------------------------------===//

// softmax - one-hot, with the logarithm of the sum of exponentials taken from
// the result: nll + logits[label].
LogicalResult CrossEntropyOp::buildVJP(OpBuilder &builder,
                                       ArrayRef<Value> results,
                                       const llvm::SmallBitVector &wanted,
                                       MutableArrayRef<Value> operands) {
  unsigned index = getLogitsMutable().getOperandNumber();
  if (!wanted.test(index))
    return success();
  Location loc = getLoc();
  Value logits = getLogits(), labels = getLabels();
  RowMaps maps(logits);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, logits);
  ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back();
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  AffineMap each =
      builder.getMultiDimIdentityMap(static_cast<unsigned>(rows.size()));
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value vocabulary =
      getValueOrCreateConstantIndexOp(builder, loc, sizes.back());
  auto isReal = [&](OpBuilder &b, Location l, Value label) -> Value {
    Value at = arith::IndexCastOp::create(b, l, b.getIndexType(), label);
    Value low =
        arith::CmpIOp::create(b, l, arith::CmpIPredicate::sge, at, zero);
    Value high =
        arith::CmpIOp::create(b, l, arith::CmpIPredicate::slt, at, vocabulary);
    return arith::AndIOp::create(b, l, low, high);
  };
  Value total = vjp::buildStructured(
      builder, loc, {labels, getResult()}, {each, each, each},
      vjp::buildEmpty(builder, loc, rows, f32),
      [&](OpBuilder &b, Location l, ValueRange a) -> Value {
        Value at = arith::IndexCastOp::create(b, l, b.getIndexType(), a[0]);
        Value place =
            arith::SelectOp::create(b, l, isReal(b, l, a[0]), at, zero);
        SmallVector<Value> indices;
        for (size_t i = 0; i < rows.size(); ++i)
          indices.push_back(linalg::IndexOp::create(b, l, i));
        indices.push_back(place);
        Value picked = tensor::ExtractOp::create(b, l, logits, indices);
        return arith::AddFOp::create(b, l, a[1], picked);
      });
  operands[index] = vjp::buildStructured(
      builder, loc, {logits, labels, total, results[0]},
      {maps.element, maps.row, maps.row, maps.row, maps.element},
      vjp::buildEmpty(builder, loc, sizes, f32),
      [&](OpBuilder &b, Location l, ValueRange a) -> Value {
        Scalars s{b, l};
        Value column = arith::IndexCastOp::create(
            b, l, i32, linalg::IndexOp::create(b, l, rows.size()));
        Value here =
            arith::CmpIOp::create(b, l, arith::CmpIPredicate::eq, column, a[1]);
        Value share = s.exp(s.sub(a[0], a[2]));
        Value rest =
            s.sub(share, arith::SelectOp::create(b, l, here, s.number(1.0),
                                                 s.number(0.0)));
        return arith::SelectOp::create(b, l, isReal(b, l, a[1]),
                                       s.mul(a[3], rest), s.number(0.0));
      });
  return success();
}

//===----------------------------------------------------------------------===//
// ActivationOp, TapOp
//===----------------------------------------------------------------------===//

/// The derivative of an activation.
static Value buildSlope(Scalars s, ActivationKind kind, Value x) {
  Value one = s.number(1.0), half = s.number(0.5);
  switch (kind) {
  case ActivationKind::SiLU: {
    Value sigmoid =
        s.div(one, s.add(one, s.exp(arith::NegFOp::create(s.b, s.loc, x))));
    return s.mul(sigmoid, s.add(one, s.mul(x, s.sub(one, sigmoid))));
  }
  case ActivationKind::GELU: {
    Value erf = math::ErfOp::create(s.b, s.loc,
                                    s.mul(x, s.number(0.70710678118654752440)));
    Value density = s.mul(s.number(0.39894228040143267794),
                          s.exp(s.mul(s.number(-0.5), s.mul(x, x))));
    return s.add(s.mul(half, s.add(one, erf)), s.mul(x, density));
  }
  case ActivationKind::GELUTanh: {
    Value c = s.number(0.79788456080286535588), square = s.mul(x, x);
    Value inner =
        s.mul(s.mul(c, x), s.add(one, s.mul(s.number(0.044715), square)));
    Value tanh = math::TanhOp::create(s.b, s.loc, inner);
    Value slope = s.mul(c, s.add(one, s.mul(s.number(3 * 0.044715), square)));
    Value rise = s.mul(s.sub(one, s.mul(tanh, tanh)), slope);
    return s.mul(half, s.add(s.add(one, tanh), s.mul(x, rise)));
  }
  case ActivationKind::ReLU: {
    Value positive = arith::CmpFOp::create(
        s.b, s.loc, arith::CmpFPredicate::OGT, x, s.number(0.0));
    return arith::SelectOp::create(s.b, s.loc, positive, one, s.number(0.0));
  }
  }
  llvm_unreachable("all kinds are above");
}

LogicalResult ActivationOp::buildVJP(OpBuilder &builder,
                                     ArrayRef<Value> results,
                                     const llvm::SmallBitVector &wanted,
                                     MutableArrayRef<Value> operands) {
  if (!wanted.test(0))
    return success();
  Location loc = getLoc();
  AffineMap element = builder.getMultiDimIdentityMap(
      cast<RankedTensorType>(getX().getType()).getRank());
  operands[0] = vjp::buildStructured(
      builder, loc, {getX(), results[0]}, {element, element, element},
      vjp::buildEmpty(builder, loc, tensor::getMixedSizes(builder, loc, getX()),
                      builder.getF32Type()),
      [&](OpBuilder &b, Location l, ValueRange a) {
        Scalars s{b, l};
        return s.mul(a[1], buildSlope(s, getKind(), a[0]));
      });
  return success();
}

LogicalResult TapOp::buildVJP(OpBuilder &, ArrayRef<Value> results,
                              const llvm::SmallBitVector &,
                              MutableArrayRef<Value> operands) {
  operands[0] = results[0];
  return success();
}
