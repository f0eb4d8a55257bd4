//===- Elementwise.cpp - scalar functions of upstream ops -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::reference;

namespace {

/// The value of the low `width` bits, as Scalar keeps it.
int64_t wrap(Type type, uint64_t value) {
  type = getElementTypeOrSelf(type);
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  if (width >= 64)
    return int64_t(value);
  if (width == 1)
    return int64_t(value & 1);
  return int64_t(value << (64 - width)) >> (64 - width);
}

/// The same bits read as an unsigned number.
uint64_t unsignedValue(Type type, int64_t value) {
  type = getElementTypeOrSelf(type);
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  return width >= 64 ? uint64_t(value) : uint64_t(value) & ((uint64_t(1) << width) - 1);
}

template <double (*f)(double)> LogicalResult unary(Operation *, const Scalar *x, Scalar &y) {
  y.f = f(x[0].f);
  return success();
}
template <double (*f)(double, double)> LogicalResult binary(Operation *, const Scalar *x, Scalar &y) {
  y.f = f(x[0].f, x[1].f);
  return success();
}
template <uint64_t (*f)(uint64_t, uint64_t)> LogicalResult integer(Operation *op, const Scalar *x, Scalar &y) {
  y.i = wrap(op->getResult(0).getType(), f(uint64_t(x[0].i), uint64_t(x[1].i)));
  return success();
}
template <int64_t (*f)(int64_t, int64_t)> LogicalResult division(Operation *op, const Scalar *x, Scalar &y) {
  if (x[1].i == 0)
    return op->emitOpError() << "divides by zero";
  if (x[0].i == INT64_MIN && x[1].i == -1)
    return op->emitOpError() << "overflows";
  y.i = wrap(op->getResult(0).getType(), uint64_t(f(x[0].i, x[1].i)));
  return success();
}
LogicalResult keepInteger(Operation *op, const Scalar *x, Scalar &y) {
  y.i = wrap(op->getResult(0).getType(), uint64_t(x[0].i));
  return success();
}

double add(double a, double b) { return a + b; }
double subtract(double a, double b) { return a - b; }
double multiply(double a, double b) { return a * b; }
double divide(double a, double b) { return a / b; }
double negate(double a) { return -a; }
double reciprocalRoot(double a) { return 1.0 / std::sqrt(a); }

uint64_t addBits(uint64_t a, uint64_t b) { return a + b; }
uint64_t subtractBits(uint64_t a, uint64_t b) { return a - b; }
uint64_t multiplyBits(uint64_t a, uint64_t b) { return a * b; }
uint64_t andBits(uint64_t a, uint64_t b) { return a & b; }
uint64_t orBits(uint64_t a, uint64_t b) { return a | b; }
uint64_t xorBits(uint64_t a, uint64_t b) { return a ^ b; }
uint64_t signedMaximum(uint64_t a, uint64_t b) { return int64_t(a) > int64_t(b) ? a : b; }
uint64_t signedMinimum(uint64_t a, uint64_t b) { return int64_t(a) < int64_t(b) ? a : b; }
// Narrow integers are kept sign-extended, which keeps their unsigned order.
uint64_t unsignedMaximum(uint64_t a, uint64_t b) { return a < b ? b : a; }
uint64_t unsignedMinimum(uint64_t a, uint64_t b) { return a < b ? a : b; }

int64_t quotient(int64_t a, int64_t b) { return a / b; }
int64_t remainder(int64_t a, int64_t b) { return a % b; }
int64_t floorQuotient(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
int64_t ceilQuotient(int64_t a, int64_t b) { return a / b + (a % b != 0 && (a < 0) == (b < 0)); }

/// IEEE 754-2019 maximum and minimum: NaN wins, -0 is below +0.
double maximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : a == b ? (std::signbit(a) ? b : a) : a > b ? a : b; }
double minimum(double a, double b) { return -maximum(-a, -b); }

LogicalResult compareIntegers(Operation *op, const Scalar *x, Scalar &y) {
  Type type = op->getOperand(0).getType();
  int64_t a = x[0].i, b = x[1].i;
  uint64_t ua = unsignedValue(type, a), ub = unsignedValue(type, b);
  // Of i1 the one bit is the sign.
  if (getElementTypeOrSelf(type).isInteger(1))
    a = -a, b = -b;
  switch (cast<arith::CmpIOp>(op).getPredicate()) {
  case arith::CmpIPredicate::eq:
    y.i = a == b;
    break;
  case arith::CmpIPredicate::ne:
    y.i = a != b;
    break;
  case arith::CmpIPredicate::slt:
    y.i = a < b;
    break;
  case arith::CmpIPredicate::sle:
    y.i = a <= b;
    break;
  case arith::CmpIPredicate::sgt:
    y.i = a > b;
    break;
  case arith::CmpIPredicate::sge:
    y.i = a >= b;
    break;
  case arith::CmpIPredicate::ult:
    y.i = ua < ub;
    break;
  case arith::CmpIPredicate::ule:
    y.i = ua <= ub;
    break;
  case arith::CmpIPredicate::ugt:
    y.i = ua > ub;
    break;
  case arith::CmpIPredicate::uge:
    y.i = ua >= ub;
    break;
  }
  return success();
}

LogicalResult compareFloats(Operation *op, const Scalar *x, Scalar &y) {
  // The outcomes for which each predicate holds, in the order of the enumeration: 1 equal, 2 greater, 4 less, 8 unordered.
  constexpr unsigned holds[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 8, 15};
  static_assert(unsigned(arith::CmpFPredicate::ORD) == 7 && unsigned(arith::CmpFPredicate::UEQ) == 8 && unsigned(arith::CmpFPredicate::UNO) == 14,
                "the order of the enumeration has changed");
  double a = x[0].f, b = x[1].f;
  unsigned outcome = std::isnan(a) || std::isnan(b) ? 8 : a == b ? 1 : a > b ? 2 : 4;
  y.i = (holds[unsigned(cast<arith::CmpFOp>(op).getPredicate())] & outcome) != 0;
  return success();
}

LogicalResult select(Operation *, const Scalar *x, Scalar &y) {
  y = x[0].i ? x[1] : x[2];
  return success();
}

LogicalResult toFloat(Operation *op, const Scalar *x, Scalar &y) {
  Type from = op->getOperand(0).getType();
  y.f = isa<arith::UIToFPOp>(op) ? double(unsignedValue(from, x[0].i)) : getElementTypeOrSelf(from).isInteger(1) ? -double(x[0].i) : double(x[0].i);
  return success();
}

LogicalResult toInteger(Operation *op, const Scalar *x, Scalar &y) {
  if (!(std::abs(x[0].f) < 0x1p63))
    return op->emitOpError() << "converts " << x[0].f << ", which is no integer of its type";
  y.i = wrap(op->getResult(0).getType(), uint64_t(int64_t(x[0].f)));
  return success();
}

LogicalResult extendUnsigned(Operation *op, const Scalar *x, Scalar &y) {
  y.i = wrap(op->getResult(0).getType(), unsignedValue(op->getOperand(0).getType(), x[0].i));
  return success();
}

LogicalResult extendSigned(Operation *op, const Scalar *x, Scalar &y) {
  bool isBit = getElementTypeOrSelf(op->getOperand(0).getType()).isInteger(1);
  y.i = wrap(op->getResult(0).getType(), uint64_t(isBit ? -x[0].i : x[0].i));
  return success();
}

/// Between f32 and f64, the types that a Scalar holds exactly.
LogicalResult convertFloat(Operation *op, const Scalar *x, Scalar &y) {
  for (Type type : {op->getOperand(0).getType(), op->getResult(0).getType()})
    if (Type element = getElementTypeOrSelf(type); !element.isF32() && !element.isF64())
      return op->emitOpError() << "has no reference evaluation for " << element;
  y.f = isa<arith::TruncFOp>(op) ? double(float(x[0].f)) : x[0].f;
  return success();
}

LogicalResult fusedMultiplyAdd(Operation *, const Scalar *x, Scalar &y) {
  y.f = std::fma(x[0].f, x[1].f, x[2].f);
  return success();
}

LogicalResult powerOfInteger(Operation *, const Scalar *x, Scalar &y) {
  y.f = std::pow(x[0].f, double(x[1].i));
  return success();
}

const llvm::StringMap<ScalarFunction> &table() {
  static const llvm::StringMap<ScalarFunction> functions = {
      {"arith.addf", binary<add>},
      {"arith.subf", binary<subtract>},
      {"arith.mulf", binary<multiply>},
      {"arith.divf", binary<divide>},
      {"arith.remf", binary<std::fmod>},
      {"arith.negf", unary<negate>},
      {"arith.maximumf", binary<maximum>},
      {"arith.minimumf", binary<minimum>},
      {"arith.maxnumf", binary<std::fmax>},
      {"arith.minnumf", binary<std::fmin>},
      {"arith.addi", integer<addBits>},
      {"arith.subi", integer<subtractBits>},
      {"arith.muli", integer<multiplyBits>},
      {"arith.andi", integer<andBits>},
      {"arith.ori", integer<orBits>},
      {"arith.xori", integer<xorBits>},
      {"arith.maxsi", integer<signedMaximum>},
      {"arith.minsi", integer<signedMinimum>},
      {"arith.maxui", integer<unsignedMaximum>},
      {"arith.minui", integer<unsignedMinimum>},
      {"arith.divsi", division<quotient>},
      {"arith.remsi", division<remainder>},
      {"arith.floordivsi", division<floorQuotient>},
      {"arith.ceildivsi", division<ceilQuotient>},
      {"arith.cmpi", compareIntegers},
      {"arith.cmpf", compareFloats},
      {"arith.select", select},
      {"arith.index_cast", extendSigned},
      {"arith.index_castui", extendUnsigned},
      {"arith.extsi", extendSigned},
      {"arith.extui", extendUnsigned},
      {"arith.trunci", keepInteger},
      {"arith.sitofp", toFloat},
      {"arith.uitofp", toFloat},
      {"arith.fptosi", toInteger},
      {"arith.extf", convertFloat},
      {"arith.truncf", convertFloat},
      {"math.absf", unary<std::fabs>},
      {"math.ceil", unary<std::ceil>},
      {"math.cos", unary<std::cos>},
      {"math.erf", unary<std::erf>},
      {"math.exp", unary<std::exp>},
      {"math.exp2", unary<std::exp2>},
      {"math.expm1", unary<std::expm1>},
      {"math.floor", unary<std::floor>},
      {"math.fma", fusedMultiplyAdd},
      {"math.fpowi", powerOfInteger},
      {"math.log", unary<std::log>},
      {"math.log1p", unary<std::log1p>},
      {"math.log2", unary<std::log2>},
      {"math.powf", binary<std::pow>},
      {"math.roundeven", unary<std::nearbyint>},
      {"math.rsqrt", unary<reciprocalRoot>},
      {"math.sin", unary<std::sin>},
      {"math.sqrt", unary<std::sqrt>},
      {"math.tanh", unary<std::tanh>},
  };
  return functions;
}

} // namespace

ScalarFunction reference::lookupScalarFunction(Operation *op) { return table().lookup(op->getName().getStringRef()); }
