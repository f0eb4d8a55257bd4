//===- GroupedToKernel.cpp - kernels that go over members -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupedToKernel.h"
#include "OperandShaper.h"
#include "allot/Kernel/GroupedKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace allot;
using namespace allot::conversion;
using namespace allot::kernel;
using adapter::GroupedDiagonalOp;
using adapter::GroupedLinearOp;
using adapter::GroupedLowRankOp;
using adapter::GroupRowsOp;

bool conversion::isGrouped(Operation *op) {
  return isa<GroupRowsOp, GroupedLinearOp, GroupedLowRankOp, GroupedDiagonalOp>(
      op);
}

static DenseElementsAttr numbersOf(Builder &builder,
                                   ArrayRef<int32_t> numbers) {
  return DenseElementsAttr::get(
      RankedTensorType::get({int64_t(numbers.size())}, builder.getI32Type()),
      numbers);
}

static DenseElementsAttr scalesOf(Builder &builder, ArrayRef<double> scales) {
  SmallVector<float> numbers(scales.begin(), scales.end());
  return DenseElementsAttr::get(
      RankedTensorType::get({int64_t(numbers.size())}, builder.getF32Type()),
      ArrayRef(numbers));
}

Value GroupedKernels::constant(OpBuilder &builder, Location loc,
                               DenseElementsAttr numbers) {
  auto type =
      MemRefType::get(numbers.getType().getShape(), numbers.getElementType());
  StringAttr &name = constants[numbers];
  if (!name) {
    OpBuilder::InsertionGuard guard(builder);
    auto global = memref::GlobalOp::create(
        builder, builder.getUnknownLoc(), "grouped.terms",
        builder.getStringAttr("private"), type, numbers, /*constant=*/true,
        /*alignment=*/IntegerAttr());
    global->remove();
    name = SymbolTable(module).insert(global, module.getBody()->begin());
  }
  Value buffer =
      memref::GetGlobalOp::create(builder, loc, type, name.getValue());
  return memref::CastOp::create(
      builder, loc,
      MemRefType::get(ShapedType::kDynamic, type.getElementType()), buffer);
}

/// The entry of a table that a buffer was loaded from.
static std::optional<std::pair<Value, int64_t>> entryOf(Value buffer) {
  while (auto cast = buffer.getDefiningOp<memref::CastOp>())
    buffer = cast.getSource();
  auto load = buffer.getDefiningOp<memref::LoadOp>();
  if (!load || load.getIndices().size() != 1)
    return std::nullopt;
  std::optional<int64_t> index = getConstantIntValue(load.getIndices()[0]);
  if (!index)
    return std::nullopt;
  return std::pair(load.getMemRef(), *index);
}

/// Buffers in a table, and the place of each: that which they all come from, or
/// one on the stack of the function, filled here.
static Value makeTable(OpBuilder &builder, Location loc, ValueRange buffers,
                       Type type, SmallVectorImpl<int32_t> &places) {
  auto dynamic = MemRefType::get(ShapedType::kDynamic, type);
  Value table;
  for (Value buffer : buffers) {
    auto entry = entryOf(buffer);
    if (!entry || (table && entry->first != table) ||
        entry->first.getType() != dynamic ||
        entry->second > std::numeric_limits<int32_t>::max()) {
      table = Value();
      places.clear();
      break;
    }
    table = entry->first;
    places.push_back(int32_t(entry->second));
  }
  if (table)
    return table;
  {
    // Not where it is filled, which may be in a loop.
    OpBuilder::InsertionGuard guard(builder);
    auto function = builder.getInsertionBlock()
                        ->getParentOp()
                        ->getParentOfType<func::FuncOp>();
    if (!function)
      function = cast<func::FuncOp>(builder.getInsertionBlock()->getParentOp());
    builder.setInsertionPointToStart(&function.front());
    table = memref::AllocaOp::create(
        builder, loc,
        MemRefType::get(std::max<int64_t>(buffers.size(), 1), type));
  }
  for (auto [i, buffer] : llvm::enumerate(buffers)) {
    places.push_back(i);
    memref::StoreOp::create(
        builder, loc, buffer, table,
        ValueRange{arith::ConstantIndexOp::create(builder, loc, i)});
  }
  return memref::CastOp::create(builder, loc, dynamic, table);
}

LogicalResult GroupedKernels::convert(GroupRowsOp op) {
  if (failed(verifyBuffers(op, {})))
    return failure();
  OpBuilder builder(op);
  OperandShaper shaper(builder, op.getLoc());
  func::FuncOp &function = functions[op->getName().getIdentifier()];
  if (!function)
    function = buildGroupRowsKernel(module);
  SmallVector<Value> operands{shaper.shape(op.getIds(), 1)};
  for (Value written : {op.getOrder(), op.getPlaces(), op.getOffsets()})
    operands.push_back(shaper.shape(written, 1, /*isWritten=*/true));
  func::CallOp::create(builder, op.getLoc(), function, operands);
  shaper.finish();
  op.erase();
  return success();
}

template <typename OpT>
void GroupedKernels::callOnGroups(OpT op, ValueRange stored,
                                  func::FuncOp function, WriteTerms write) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  OperandShaper shaper(builder, loc);
  SmallVector<Value> buffers;
  for (Value value : stored)
    buffers.push_back(shaper.shape(value, 1));
  SmallVector<int32_t> places, terms;
  Value table =
      makeTable(builder, loc, buffers, buffers.front().getType(), places);
  write(places, terms);
  SmallVector<Value> operands{
      shaper.shape(op.getX(), 2),
      shaper.shape(op.getOrder(), 1),
      shaper.shape(op.getOffsets(), 1),
      table,
      constant(builder, loc, numbersOf(builder, terms)),
      constant(builder, loc, scalesOf(builder, op.getScales()))};
  if (op.getWeights())
    operands.push_back(shaper.shape(op.getWeights(), 1));
  operands.push_back(
      shaper.shape(op.getInit(), 2, /*isWritten=*/true, op.getAccumulate()));
  func::CallOp::create(builder, loc, function, operands);
  shaper.finish();
  op.erase();
}

LogicalResult GroupedKernels::convert(GroupedLowRankOp op) {
  if (failed(verifyBuffers(op, op.getFactors())))
    return failure();
  GroupedLowRankSpec spec;
  spec.b = op.getStoredType(0).getEncoding();
  spec.a = op.getStoredType(1).getEncoding();
  spec.weights = bool(op.getWeights());
  spec.accumulate = op.getAccumulate();
  if (failed(spec.verify([&] { return op->emitOpError(); })))
    return failure();
  func::FuncOp &function = functions[spec.getKey(op.getContext())];
  if (!function)
    function = buildGroupedLowRankKernel(module, spec);

  callOnGroups(op, op.getFactors(), function,
               [&](ArrayRef<int32_t> places, SmallVectorImpl<int32_t> &terms) {
                 for (auto [t, member] : llvm::enumerate(op.getMembers())) {
                   int64_t rank = op.getStoredType(2 * t).getDimSize(1);
                   llvm::append_values(terms, int32_t(member), places[2 * t],
                                       places[2 * t + 1], int32_t(rank));
                 }
               });
  return success();
}

LogicalResult GroupedKernels::convert(GroupedLinearOp op) {
  if (failed(verifyBuffers(op, op.getMatrices())))
    return failure();
  LinearKernelSpec spec;
  spec.weight = op.getStoredType(0).getEncoding();
  spec.arithmetic = op.getArithmetic();
  spec.listed = true;
  spec.weighted = bool(op.getWeights());
  if (failed(spec.verify([&] { return op->emitOpError(); })))
    return failure();
  Builder builder(op.getContext());
  bool accumulate = op.getAccumulate();
  func::FuncOp &function = functions[builder.getArrayAttr(
      {spec.getKey(op.getContext()), builder.getBoolAttr(accumulate)})];
  if (!function)
    function = buildGroupedLinearKernel(module, spec, accumulate, target);

  callOnGroups(op, op.getMatrices(), function,
               [&](ArrayRef<int32_t> places, SmallVectorImpl<int32_t> &terms) {
                 for (auto [member, place] :
                      llvm::zip_equal(op.getMembers(), places))
                   llvm::append_values(terms, int32_t(member), place);
               });
  return success();
}

LogicalResult GroupedKernels::convert(GroupedDiagonalOp op) {
  if (failed(verifyBuffers(op, {})))
    return failure();
  OpBuilder builder(op);
  Location loc = op.getLoc();
  bool weights = bool(op.getWeights()), accumulate = op.getAccumulate();
  Attribute key = builder.getArrayAttr({op->getName().getIdentifier(),
                                        builder.getBoolAttr(weights),
                                        builder.getBoolAttr(accumulate)});
  func::FuncOp &function = functions[key];
  if (!function)
    function = buildGroupedDiagonalKernel(module, weights, accumulate);

  OperandShaper shaper(builder, loc);
  auto table = [&](ValueRange values, Type element,
                   SmallVectorImpl<int32_t> &places) {
    SmallVector<Value> buffers;
    for (Value value : values)
      buffers.push_back(shaper.shape(value, 1));
    return makeTable(builder, loc, buffers,
                     MemRefType::get(ShapedType::kDynamic, element), places);
  };
  SmallVector<int32_t> ofVectors, ofSources, starts{0}, terms;
  Value vectors = table(op.getVectors(), builder.getF32Type(), ofVectors),
        sources = table(op.getSources(), builder.getI32Type(), ofSources);
  auto place = [](ArrayRef<int32_t> places, int64_t number) {
    return number < 0 ? -1 : places[number];
  };
  for (auto [t, member] : llvm::enumerate(op.getMembers())) {
    // Members without terms begin where the next one does.
    while (int64_t(starts.size()) <= member)
      starts.push_back(int32_t(t));
    llvm::append_values(terms, place(ofVectors, op.getVectorOf()[t]),
                        place(ofSources, op.getSourcesOf()[t]));
  }
  starts.push_back(int32_t(op.getMembers().size()));
  SmallVector<Value> operands{
      shaper.shape(op.getX(), 2),
      shaper.shape(op.getIds(), 1),
      vectors,
      sources,
      constant(builder, loc, numbersOf(builder, starts)),
      constant(builder, loc, numbersOf(builder, terms)),
      constant(builder, loc, scalesOf(builder, op.getScales()))};
  if (weights)
    operands.push_back(shaper.shape(op.getWeights(), 1));
  operands.push_back(
      shaper.shape(op.getInit(), 2, /*isWritten=*/true, accumulate));
  func::CallOp::create(builder, loc, function, operands);
  shaper.finish();
  op.erase();
  return success();
}

LogicalResult GroupedKernels::convert(Operation *op) {
  if (auto group = dyn_cast<GroupRowsOp>(op))
    return convert(group);
  if (auto matrices = dyn_cast<GroupedLinearOp>(op))
    return convert(matrices);
  if (auto pairs = dyn_cast<GroupedLowRankOp>(op))
    return convert(pairs);
  return convert(cast<GroupedDiagonalOp>(op));
}
