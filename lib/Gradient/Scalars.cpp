//===- Scalars.cpp - gradients of arith and math ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elementwise ops on floats, alone or in tensors: the formulas are the same.
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace allot;
using namespace allot::gradient;

namespace {

/// Short forms for formulas over floats or tensors of floats.
struct Formula {
  Formula(Operation *op, Pullback p)
      : op(op), p(p), b(p.builder), loc(op->getLoc()) {}

  Value x(unsigned i = 0) const { return op->getOperand(i); }
  Value y() const { return op->getResult(0); }
  Value dy() const { return p.results[0]; }
  Value number(double value) const {
    return vjp::buildConstantLike(b, loc, dy(), value);
  }
  Value add(Value l, Value r) const {
    return arith::AddFOp::create(b, loc, l, r);
  }
  Value sub(Value l, Value r) const {
    return arith::SubFOp::create(b, loc, l, r);
  }
  Value mul(Value l, Value r) const {
    return arith::MulFOp::create(b, loc, l, r);
  }
  Value div(Value l, Value r) const {
    return arith::DivFOp::create(b, loc, l, r);
  }
  Value negate(Value v) const { return arith::NegFOp::create(b, loc, v); }
  Value choose(Value condition, Value l, Value r) const {
    return arith::SelectOp::create(b, loc, condition, l, r);
  }
  Value compare(arith::CmpFPredicate predicate, Value l, Value r) const {
    return arith::CmpFOp::create(b, loc, predicate, l, r);
  }
  template <typename OpT>
  Value math(Value v) const {
    return OpT::create(b, loc, v);
  }
  /// Sets the gradient of an operand where it is wanted.
  template <typename F>
  LogicalResult give(unsigned i, F make) const {
    if (p.wanted.test(i))
      p.operands[i] = make();
    return success();
  }

  Operation *op;
  Pullback p;
  OpBuilder &b;
  Location loc;
};

LogicalResult addF(arith::AddFOp op, Pullback p) {
  p.operands[0] = p.operands[1] = p.results[0];
  return success();
}
LogicalResult subF(arith::SubFOp op, Pullback p) {
  Formula f(op, p);
  p.operands[0] = p.results[0];
  return f.give(1, [&] { return f.negate(f.dy()); });
}
LogicalResult mulF(arith::MulFOp op, Pullback p) {
  Formula f(op, p);
  (void)f.give(0, [&] { return f.mul(f.dy(), f.x(1)); });
  return f.give(1, [&] { return f.mul(f.dy(), f.x(0)); });
}
LogicalResult divF(arith::DivFOp op, Pullback p) {
  Formula f(op, p);
  (void)f.give(0, [&] { return f.div(f.dy(), f.x(1)); });
  return f.give(1,
                [&] { return f.negate(f.div(f.mul(f.dy(), f.y()), f.x(1))); });
}
LogicalResult negF(arith::NegFOp op, Pullback p) {
  Formula f(op, p);
  return f.give(0, [&] { return f.negate(f.dy()); });
}
LogicalResult fma(math::FmaOp op, Pullback p) {
  Formula f(op, p);
  (void)f.give(0, [&] { return f.mul(f.dy(), f.x(1)); });
  (void)f.give(1, [&] { return f.mul(f.dy(), f.x(0)); });
  p.operands[2] = p.results[0];
  return success();
}

/// Maximum and minimum: to the operand that is the result, the first of two
/// equal ones.
template <typename OpT, arith::CmpFPredicate firstWins>
LogicalResult extremum(OpT op, Pullback p) {
  Formula f(op, p);
  Value first = f.compare(firstWins, f.x(0), f.x(1)), zero = f.number(0.0);
  (void)f.give(0, [&] { return f.choose(first, f.dy(), zero); });
  return f.give(1, [&] { return f.choose(first, zero, f.dy()); });
}

LogicalResult select(arith::SelectOp op, Pullback p) {
  Formula f(op, p);
  Value zero = f.number(0.0), condition = op.getCondition();
  (void)f.give(1, [&] { return f.choose(condition, f.dy(), zero); });
  return f.give(2, [&] { return f.choose(condition, zero, f.dy()); });
}

/// A conversion between types of floats is undone.
template <typename OpT, typename InverseT>
LogicalResult convert(OpT op, Pullback p) {
  if (p.wanted.test(0))
    p.operands[0] = InverseT::create(p.builder, op.getLoc(),
                                     op->getOperand(0).getType(), p.results[0]);
  return success();
}

/// dx = dy * slope(x, y).
template <typename OpT, Value (*slope)(const Formula &)>
LogicalResult unary(OpT op, Pullback p) {
  Formula f(op, p);
  return f.give(0, [&] { return f.mul(f.dy(), slope(f)); });
}

Value expSlope(const Formula &f) { return f.y(); }
Value exp2Slope(const Formula &f) {
  return f.mul(f.y(), f.number(0.69314718055994530942));
}
Value expM1Slope(const Formula &f) { return f.add(f.y(), f.number(1.0)); }
Value logSlope(const Formula &f) { return f.div(f.number(1.0), f.x()); }
Value log1pSlope(const Formula &f) {
  return f.div(f.number(1.0), f.add(f.number(1.0), f.x()));
}
Value log2Slope(const Formula &f) {
  return f.div(f.number(1.44269504088896340736), f.x());
}
Value sqrtSlope(const Formula &f) { return f.div(f.number(0.5), f.y()); }
Value rsqrtSlope(const Formula &f) {
  return f.mul(f.number(-0.5), f.mul(f.y(), f.mul(f.y(), f.y())));
}
Value tanhSlope(const Formula &f) {
  return f.sub(f.number(1.0), f.mul(f.y(), f.y()));
}
Value erfSlope(const Formula &f) {
  return f.mul(f.number(1.12837916709551257390),
               f.math<math::ExpOp>(f.negate(f.mul(f.x(), f.x()))));
}
Value sinSlope(const Formula &f) { return f.math<math::CosOp>(f.x()); }
Value cosSlope(const Formula &f) {
  return f.negate(f.math<math::SinOp>(f.x()));
}
Value absSlope(const Formula &f) {
  return f.choose(f.compare(arith::CmpFPredicate::OLT, f.x(), f.number(0.0)),
                  f.number(-1.0), f.number(1.0));
}

template <typename OpT, LogicalResult (*build)(OpT, Pullback)>
void attach(MLIRContext *context) {
  OpT::template attachInterface<Model<OpT, build>>(*context);
}
template <typename OpT, Value (*slope)(const Formula &)>
void attachUnary(MLIRContext *context) {
  attach<OpT, unary<OpT, slope>>(context);
}

} // namespace

void gradient::registerScalarModels(DialectRegistry &registry) {
  using P = arith::CmpFPredicate;
  registry.addExtension(+[](MLIRContext *c, arith::ArithDialect *) {
    attach<arith::AddFOp, addF>(c);
    attach<arith::SubFOp, subF>(c);
    attach<arith::MulFOp, mulF>(c);
    attach<arith::DivFOp, divF>(c);
    attach<arith::NegFOp, negF>(c);
    attach<arith::SelectOp, select>(c);
    attach<arith::MaximumFOp, extremum<arith::MaximumFOp, P::OGE>>(c);
    attach<arith::MaxNumFOp, extremum<arith::MaxNumFOp, P::OGE>>(c);
    attach<arith::MinimumFOp, extremum<arith::MinimumFOp, P::OLE>>(c);
    attach<arith::MinNumFOp, extremum<arith::MinNumFOp, P::OLE>>(c);
    attach<arith::ExtFOp, convert<arith::ExtFOp, arith::TruncFOp>>(c);
    attach<arith::TruncFOp, convert<arith::TruncFOp, arith::ExtFOp>>(c);
  });
  registry.addExtension(+[](MLIRContext *c, math::MathDialect *) {
    attach<math::FmaOp, fma>(c);
    attachUnary<math::ExpOp, expSlope>(c);
    attachUnary<math::Exp2Op, exp2Slope>(c);
    attachUnary<math::ExpM1Op, expM1Slope>(c);
    attachUnary<math::LogOp, logSlope>(c);
    attachUnary<math::Log1pOp, log1pSlope>(c);
    attachUnary<math::Log2Op, log2Slope>(c);
    attachUnary<math::SqrtOp, sqrtSlope>(c);
    attachUnary<math::RsqrtOp, rsqrtSlope>(c);
    attachUnary<math::TanhOp, tanhSlope>(c);
    attachUnary<math::ErfOp, erfSlope>(c);
    attachUnary<math::SinOp, sinSlope>(c);
    attachUnary<math::CosOp, cosSlope>(c);
    attachUnary<math::AbsFOp, absSlope>(c);
    c->loadDialect<arith::ArithDialect>();
  });
}
