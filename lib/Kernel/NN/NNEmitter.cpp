//===- NNEmitter.cpp - what kernels of nn need beyond the Emitter -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NNEmitter.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

//===----------------------------------------------------------------------===//
// Arithmetic and memory
//===----------------------------------------------------------------------===//

Value NNEmitter::smin(Value a, Value b) { return make<arith::MinSIOp>(a, b); }
Value NNEmitter::smax(Value a, Value b) { return make<arith::MaxSIOp>(a, b); }
Value NNEmitter::toIndex(Value i32) {
  return make<arith::IndexCastOp>(builder.getIndexType(), i32);
}
Value NNEmitter::toI32(Value index) {
  return make<arith::IndexCastOp>(builder.getI32Type(), index);
}
Value NNEmitter::spread(Value scalar, int64_t lanes) {
  return broadcast(scalar, VectorType::get({lanes}, scalar.getType()));
}
Value NNEmitter::subf(Value a, Value b) { return make<arith::SubFOp>(a, b); }
Value NNEmitter::maxf(Value a, Value b) { return make<arith::MaxNumFOp>(a, b); }

Value NNEmitter::vload(Value memref, ValueRange indices, Value mask) {
  return mask ? loadLanes(f32Vector(), memref, indices, mask)
              : vload(memref, indices);
}
void NNEmitter::vstore(Value vector, Value memref, ValueRange indices,
                       Value mask) {
  if (mask)
    storeLanes(vector, memref, indices, mask);
  else
    vstore(vector, memref, indices);
}
Value NNEmitter::shuffle(Value a, Value b, ArrayRef<int64_t> lanes) {
  return make<vector::ShuffleOp>(a, b, lanes);
}
// Reassociation lets the backend fold halves instead of adding one lane after
// the other.
Value NNEmitter::lanesSum(Value vector) {
  return make<vector::ReductionOp>(vector::CombiningKind::ADD, vector,
                                   arith::FastMathFlags::reassoc);
}
Value NNEmitter::lanesMax(Value vector) {
  return make<vector::ReductionOp>(vector::CombiningKind::MAXNUMF, vector,
                                   arith::FastMathFlags::reassoc);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void NNEmitter::vectors(Value count, function_ref<void(Value, Value)> body) {
  Value whole = roundDown(count, kLanes);
  forLoop(index(0), whole, kLanes, [&](Value i) { body(i, Value()); });
  ifThen(sless(whole, count),
         [&] { body(whole, laneMask(sub(count, whole))); });
}

Values NNEmitter::vectors(Value count, ValueRange carried,
                          function_ref<Values(Value, Value, ValueRange)> body) {
  Value whole = roundDown(count, kLanes);
  Values results =
      forLoop(index(0), whole, kLanes, carried,
              [&](Value i, ValueRange now) { return body(i, Value(), now); });
  return ifElse(
      sless(whole, count), carried.getTypes(),
      [&] { return body(whole, laneMask(sub(count, whole)), results); },
      [&] { return results; });
}

void NNEmitter::handOut(Value counter, Value count,
                        function_ref<void(Value)> body) {
  Type indexType = builder.getIndexType();
  auto op =
      scf::WhileOp::create(builder, loc, TypeRange{indexType}, ValueRange{});
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getBefore());
  Value taken =
      make<memref::AtomicRMWOp>(arith::AtomicRMWKind::addi, integer(1, 64),
                                counter, ValueRange{index(0)});
  Value next = make<arith::IndexCastOp>(indexType, taken);
  scf::ConditionOp::create(builder, loc, sless(next, count), ValueRange{next});
  Block *after =
      builder.createBlock(&op.getAfter(), {}, TypeRange{indexType}, {loc});
  body(after->getArgument(0));
  scf::YieldOp::create(builder, loc);
}

//===----------------------------------------------------------------------===//
// Longer pieces
//===----------------------------------------------------------------------===//

Values NNEmitter::transpose8(ValueRange rows) {
  // Pairs of lanes, pairs of pairs, halves: 24 shuffles, each one instruction
  // on AVX2.
  Values pairs, quads, columns(8);
  for (int i = 0; i < 8; i += 2) {
    pairs.push_back(shuffle(rows[i], rows[i + 1], {0, 8, 1, 9, 4, 12, 5, 13}));
    pairs.push_back(
        shuffle(rows[i], rows[i + 1], {2, 10, 3, 11, 6, 14, 7, 15}));
  }
  for (int half = 0; half < 8; half += 4)
    for (int i = 0; i < 2; ++i) {
      quads.push_back(shuffle(pairs[half + i], pairs[half + i + 2],
                              {0, 1, 8, 9, 4, 5, 12, 13}));
      quads.push_back(shuffle(pairs[half + i], pairs[half + i + 2],
                              {2, 3, 10, 11, 6, 7, 14, 15}));
    }
  for (int i = 0; i < 4; ++i) {
    columns[i] = shuffle(quads[i], quads[i + 4], {0, 1, 2, 3, 8, 9, 10, 11});
    columns[i + 4] =
        shuffle(quads[i], quads[i + 4], {4, 5, 6, 7, 12, 13, 14, 15});
  }
  return columns;
}

std::pair<Value, Value> NNEmitter::sinCos(Value angle) {
  VectorType f64x8 = VectorType::get({kLanes}, builder.getF64Type());
  Value wide = make<arith::ExtFOp>(f64x8, angle);
  Value turns =
      make<math::RoundEvenOp>(mulf(wide, splat(0.63661977236758134308, f64x8)));
  Value rest = make<arith::TruncFOp>(
      f32Vector(), fma(turns, splat(-1.57079632679489661923, f64x8), wide));
  Value quarter = make<arith::FPToSIOp>(i32Vector(), turns);

  Value z = mulf(rest, rest);
  Value s = fma(z, vec(-1.9515295891e-4), vec(8.3321608736e-3));
  s = fma(s, z, vec(-1.6666654611e-1));
  s = fma(mulf(s, z), rest, rest);
  Value c = fma(z, vec(2.443315711809948e-5), vec(-1.388731625493765e-3));
  c = fma(c, z, vec(4.166664568298827e-2));
  c = fma(mulf(c, z), z, fma(z, vec(-0.5), vec(1.0)));

  // sin goes s, c, -s, -c with the quarter; cos goes c, -s, -c, s.
  auto bit = [&](Value value, int64_t mask) {
    return cmp(arith::CmpIPredicate::ne, bitAnd(value, mask),
               splatInt(0, i32Vector()));
  };
  auto negateIf = [&](Value condition, Value value) {
    return select(condition, make<arith::NegFOp>(value), value);
  };
  Value odd = bit(quarter, 1);
  Value sine = negateIf(bit(quarter, 2), select(odd, c, s));
  Value cosine = negateIf(bit(add(quarter, 1), 2), select(odd, s, c));
  return {sine, cosine};
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

MemRefType kernel::dynamicMemRef(Type element, int64_t rank, bool strided) {
  SmallVector<int64_t> shape(rank, ShapedType::kDynamic);
  if (!strided)
    return MemRefType::get(shape, element);
  SmallVector<int64_t> strides(rank, ShapedType::kDynamic);
  strides.back() = 1;
  return MemRefType::get(shape, element,
                         StridedLayoutAttr::get(element.getContext(),
                                                ShapedType::kDynamic, strides));
}

func::FuncOp kernel::getOrCreate(
    ModuleOp module, StringRef key, ArrayRef<Type> arguments,
    function_ref<void(NNEmitter &, Block::BlockArgListType)> body) {
  std::string name = ("kernel_" + key).str();
  // A function of that name which is not ours keeps it: ours gets the first
  // free number.
  for (unsigned suffix = 0;; ++suffix) {
    std::string candidate =
        suffix == 0 ? name : name + "_" + std::to_string(suffix);
    Operation *found = SymbolTable::lookupSymbolIn(module, candidate);
    if (!found) {
      name = candidate;
      break;
    }
    auto function = dyn_cast<func::FuncOp>(found);
    if (function && function->hasAttr("allot.kernel"))
      return function;
  }
  declareThreadFunctions(module);
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = builder.getUnknownLoc();
  auto function = func::FuncOp::create(builder, loc, name,
                                       builder.getFunctionType(arguments, {}));
  function.setPrivate();
  function->setAttr("allot.kernel", builder.getUnitAttr());
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  NNEmitter emitter(builder, loc);
  body(emitter, entry->getArguments());
  func::ReturnOp::create(builder, loc);
  return function;
}
