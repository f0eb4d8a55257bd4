//===- Emitter.cpp - short forms for the code of kernels --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Kernel/Emitter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace allot::kernel;

static constexpr StringLiteral threadIdName = "omp_get_thread_num";
static constexpr StringLiteral numThreadsName = "omp_get_num_threads";

//===----------------------------------------------------------------------===//
// Types and constants
//===----------------------------------------------------------------------===//

VectorType Emitter::f32Vector(int64_t n) const {
  return VectorType::get(n, builder.getF32Type());
}
VectorType Emitter::i32Vector(int64_t n) const {
  return VectorType::get(n, builder.getI32Type());
}
VectorType Emitter::i16Vector(int64_t n) const {
  return VectorType::get(n, builder.getI16Type());
}
VectorType Emitter::i8Vector(int64_t n) const {
  return VectorType::get(n, builder.getI8Type());
}
MemRefType Emitter::buffer(Type element) const {
  return MemRefType::get(ShapedType::kDynamic, element);
}

Value Emitter::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value Emitter::f32(double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(float(value)));
}

Value Emitter::integer(int64_t value, unsigned bits) {
  return arith::ConstantOp::create(
      builder, loc,
      builder.getIntegerAttr(builder.getIntegerType(bits), value));
}

Value Emitter::splat(double value, VectorType type) {
  Attribute element = builder.getFloatAttr(type.getElementType(), value);
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, element));
}

Value Emitter::splatInt(int64_t value, VectorType type) {
  unsigned bits = type.getElementTypeBitWidth();
  APInt wide(64, uint64_t(value), /*isSigned=*/true);
  return arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(type, wide.trunc(bits)));
}

Value Emitter::constLike(int64_t value, Value like) {
  Type type = like.getType();
  if (auto vector = dyn_cast<VectorType>(type))
    return splatInt(value, vector);
  if (type.isIndex())
    return index(value);
  return integer(value, type.getIntOrFloatBitWidth());
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value Emitter::add(Value a, Value b) {
  return builder.createOrFold<arith::AddIOp>(loc, a, b);
}
Value Emitter::sub(Value a, Value b) {
  return builder.createOrFold<arith::SubIOp>(loc, a, b);
}
Value Emitter::mul(Value a, Value b) {
  return builder.createOrFold<arith::MulIOp>(loc, a, b);
}
Value Emitter::div(Value a, Value b) {
  return builder.createOrFold<arith::DivUIOp>(loc, a, b);
}
Value Emitter::rem(Value a, Value b) {
  return builder.createOrFold<arith::RemUIOp>(loc, a, b);
}
Value Emitter::min(Value a, Value b) {
  return builder.createOrFold<arith::MinUIOp>(loc, a, b);
}
Value Emitter::max(Value a, Value b) {
  return builder.createOrFold<arith::MaxUIOp>(loc, a, b);
}
Value Emitter::bitAnd(Value a, int64_t mask) {
  return builder.createOrFold<arith::AndIOp>(loc, a, constLike(mask, a));
}
Value Emitter::bitOr(Value a, Value b) {
  return builder.createOrFold<arith::OrIOp>(loc, a, b);
}
Value Emitter::shr(Value a, int64_t bits) {
  return bits ? builder.createOrFold<arith::ShRUIOp>(loc, a, constLike(bits, a))
              : a;
}
Value Emitter::shl(Value a, int64_t bits) {
  return bits ? builder.createOrFold<arith::ShLIOp>(loc, a, constLike(bits, a))
              : a;
}
Value Emitter::cmp(arith::CmpIPredicate predicate, Value a, Value b) {
  return builder.createOrFold<arith::CmpIOp>(loc, predicate, a, b);
}
Value Emitter::select(Value condition, Value a, Value b) {
  return builder.createOrFold<arith::SelectOp>(loc, condition, a, b);
}

Value Emitter::addf(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}
Value Emitter::mulf(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}
Value Emitter::divf(Value a, Value b) {
  return arith::DivFOp::create(builder, loc, a, b);
}
Value Emitter::fma(Value a, Value b, Value c) {
  return vector::FMAOp::create(builder, loc, a, b, c);
}

Value Emitter::toFloat(Value a) {
  Type type = builder.getF32Type();
  if (auto vector = dyn_cast<VectorType>(a.getType()))
    type = vector.clone(type);
  return arith::SIToFPOp::create(builder, loc, type, a);
}

Value Emitter::extend(Value a) {
  Type type = builder.getF32Type();
  if (auto vector = dyn_cast<VectorType>(a.getType()))
    type = vector.clone(type);
  return arith::ExtFOp::create(builder, loc, type, a);
}

Value Emitter::sum(ArrayRef<Value> values) {
  Values level(values);
  while (level.size() > 1) {
    Values next;
    for (size_t i = 0; i + 1 < level.size(); i += 2)
      next.push_back(addf(level[i], level[i + 1]));
    if (level.size() % 2)
      next.push_back(level.back());
    level = next;
  }
  return level.front();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value Emitter::dim(Value memref, int64_t axis) {
  return builder.createOrFold<memref::DimOp>(loc, memref, axis);
}
Value Emitter::load(Value memref, ValueRange indices) {
  return memref::LoadOp::create(builder, loc, memref, indices);
}
void Emitter::store(Value value, Value memref, ValueRange indices) {
  memref::StoreOp::create(builder, loc, value, memref, indices);
}
Value Emitter::loadVector(VectorType type, Value memref, ValueRange indices) {
  return vector::LoadOp::create(builder, loc, type, memref, indices);
}
void Emitter::storeVector(Value value, Value memref, ValueRange indices) {
  vector::StoreOp::create(builder, loc, value, memref, indices);
}

Value Emitter::laneMask(Value count, int64_t lanes) {
  auto type = VectorType::get(lanes, builder.getI1Type());
  return vector::CreateMaskOp::create(builder, loc, type, ValueRange{count});
}

Value Emitter::loadLanes(VectorType type, Value memref, ValueRange indices,
                         Value mask) {
  return vector::MaskedLoadOp::create(builder, loc, type, memref, indices, mask,
                                      splat(0.0, type));
}
void Emitter::storeLanes(Value value, Value memref, ValueRange indices,
                         Value mask) {
  vector::MaskedStoreOp::create(builder, loc, memref, indices, mask, value);
}

Value Emitter::broadcast(Value scalar, VectorType type) {
  return vector::BroadcastOp::create(builder, loc, type, scalar);
}
Value Emitter::bitcast(Value vector, VectorType type) {
  if (vector.getType() == type)
    return vector;
  return vector::BitCastOp::create(builder, loc, type, vector);
}

Value Emitter::loadSplat(VectorType type, Value memref, Value at) {
  Value scalar = load(memref, at);
  int64_t bits = type.getNumElements() * type.getElementTypeBitWidth();
  auto lanes = VectorType::get(bits / scalar.getType().getIntOrFloatBitWidth(),
                               scalar.getType());
  return bitcast(broadcast(scalar, lanes), type);
}

void Emitter::prefetch(Value memref, Value at) {
  memref::PrefetchOp::create(builder, loc, memref, ValueRange{at},
                             /*isWrite=*/false, /*localityHint=*/3,
                             /*isDataCache=*/true);
}

Value Emitter::view(Value bytes, Value offset, Type element, ValueRange sizes) {
  auto type = MemRefType::get(
      SmallVector<int64_t>(sizes.size(), ShapedType::kDynamic), element);
  return memref::ViewOp::create(builder, loc, type, bytes, offset, sizes);
}

void Emitter::dealloc(Value memref) {
  memref::DeallocOp::create(builder, loc, memref);
}

Scratch Emitter::scratch(Value bytes) {
  constexpr int64_t stackBytes = 16 << 10;
  Type byte = builder.getI8Type();
  IntegerAttr align = builder.getI64IntegerAttr(64);
  Value stack = memref::AllocaOp::create(
      builder, loc, MemRefType::get({stackBytes}, byte), align);
  MemRefType type = buffer(byte);
  Scratch scratch;
  scratch.isSmall = less(bytes, index(stackBytes + 1));
  scratch.bytes = ifElse(
      scratch.isSmall, TypeRange{type},
      [&] { return Values{memref::CastOp::create(builder, loc, type, stack)}; },
      [&] {
        return Values{memref::AllocOp::create(builder, loc, type,
                                              ValueRange{bytes}, align)};
      })[0];
  return scratch;
}

void Emitter::release(const Scratch &scratch) {
  (void)ifElse(
      scratch.isSmall, {}, [] { return Values(); },
      [&] {
        dealloc(scratch.bytes);
        return Values();
      });
}

Value Emitter::flatten(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getRank() == 1)
    return memref;
  ReassociationIndices all(type.getRank());
  for (auto [i, axis] : llvm::enumerate(all))
    axis = i;
  return memref::CollapseShapeOp::create(
      builder, loc, memref, SmallVector<ReassociationIndices>{all});
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void Emitter::forLoop(Value lo, Value hi, int64_t step,
                      function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(builder, loc, lo, hi, index(step));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVar());
}

Emitter::Values Emitter::forLoop(Value lo, Value hi, int64_t step,
                                 ValueRange inits,
                                 function_ref<Values(Value, ValueRange)> body) {
  if (inits.empty()) {
    forLoop(lo, hi, step, [&](Value iv) { (void)body(iv, {}); });
    return {};
  }
  auto loop = scf::ForOp::create(builder, loc, lo, hi, index(step), inits);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(loop.getBody());
    Values results = body(loop.getInductionVar(), loop.getRegionIterArgs());
    scf::YieldOp::create(builder, loc, results);
  }
  return Values(loop.getResults());
}

Emitter::Values Emitter::repeat(int64_t count, bool unroll, ValueRange inits,
                                function_ref<Values(Value, ValueRange)> body) {
  if (!unroll && count > 1)
    return forLoop(index(0), index(count), 1, inits, body);
  Values values(inits);
  for (int64_t i = 0; i < count; ++i)
    values = body(index(i), values);
  return values;
}

void Emitter::ifThen(Value condition, function_ref<void()> then) {
  auto op = scf::IfOp::create(builder, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op.thenBlock()->getTerminator());
  then();
}

Emitter::Values Emitter::ifElse(Value condition, TypeRange types,
                                function_ref<Values()> then,
                                function_ref<Values()> otherwise) {
  auto op =
      scf::IfOp::create(builder, loc, types, condition, /*withElse=*/true);
  auto fill = [&](Block *block, function_ref<Values()> body) {
    OpBuilder::InsertionGuard guard(builder);
    bool terminated = !block->empty() && isa<scf::YieldOp>(block->back());
    if (terminated)
      builder.setInsertionPoint(block->getTerminator());
    else
      builder.setInsertionPointToEnd(block);
    Values results = body();
    if (!terminated)
      scf::YieldOp::create(builder, loc, results);
  };
  fill(op.thenBlock(), then);
  fill(op.elseBlock(), otherwise);
  return Values(op.getResults());
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

void allot::kernel::declareThreadFunctions(ModuleOp module) {
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto type = builder.getFunctionType({}, builder.getI32Type());
  for (StringRef name : {threadIdName, numThreadsName}) {
    if (SymbolTable::lookupSymbolIn(module, name))
      continue;
    auto function = func::FuncOp::create(builder, module.getLoc(), name, type);
    function.setPrivate();
  }
}

void Emitter::parallel(Value condition, function_ref<void()> body) {
  omp::ParallelOperands clauses;
  clauses.ifExpr = condition;
  auto op = omp::ParallelOp::create(builder, loc, clauses);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getRegion());
  body();
  omp::TerminatorOp::create(builder, loc);
}

void Emitter::parallelOrAlone(Value condition,
                              function_ref<void(kernel::Range)> body) {
  (void)ifElse(
      condition, {},
      [&] {
        parallel({}, [&] { body({threadId(), numThreads()}); });
        return Values();
      },
      [&] {
        body({index(0), index(1)});
        return Values();
      });
}

void Emitter::barrier() { omp::BarrierOp::create(builder, loc); }

static Value callIndex(Emitter &e, StringRef name) {
  Value id = func::CallOp::create(e.builder, e.loc, name,
                                  TypeRange{e.builder.getI32Type()})
                 .getResult(0);
  return arith::IndexCastOp::create(e.builder, e.loc, e.builder.getIndexType(),
                                    id);
}

Value Emitter::threadId() { return callIndex(*this, threadIdName); }
Value Emitter::numThreads() { return callIndex(*this, numThreadsName); }

allot::kernel::Range Emitter::share(Value total, Value thread, Value threads) {
  Value next = add(thread, 1);
  return {div(mul(total, thread), threads), div(mul(total, next), threads)};
}

//===----------------------------------------------------------------------===//
// Arena
//===----------------------------------------------------------------------===//

unsigned Arena::reserve(Type element, Value count) {
  parts.push_back({element, total, count});
  Value bytes = e.mul(count, element.getIntOrFloatBitWidth() / 8);
  total = e.add(total, e.alignTo(bytes, 64));
  return parts.size() - 1;
}

Value Arena::get(Value buffer, unsigned part) {
  const Part &p = parts[part];
  return e.view(buffer, p.offset, p.element, p.count);
}
