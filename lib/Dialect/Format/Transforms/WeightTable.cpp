//===- WeightTable.cpp - entries of the weight table, and their bytes -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightTable.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

RankedTensorType format::getBytesType(MLIRContext *context) {
  return RankedTensorType::get({ShapedType::kDynamic},
                               IntegerType::get(context, 8));
}

static MemRefType getBufferType(MLIRContext *context) {
  return MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 8));
}

MemRefType format::getTableType(MLIRContext *context) {
  return MemRefType::get({ShapedType::kDynamic}, getBufferType(context));
}

LogicalResult format::verifyStoredGlobals(ModuleOp module) {
  bool valid = true;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto stored = dyn_cast_or_null<StoredAttr>(global.getValueAttr());
    if (!stored)
      continue;
    if (!getFormat(global.getType())) {
      global.emitOpError("tensor '")
          << stored.getTensor().getValue() << "' of file '"
          << stored.getFile().getValue() << "' is stored, but "
          << global.getType() << " has no format";
      valid = false;
      continue;
    }
    auto type = cast<RankedTensorType>(global.getType());
    if (stored.getAllBytes() == getStoredBytes(type))
      continue;
    global.emitOpError("tensor '")
        << stored.getTensor().getValue() << "' of file '"
        << stored.getFile().getValue() << "' has " << stored.getAllBytes()
        << " bytes, but " << type << " takes " << getStoredBytes(type);
    valid = false;
  }
  return success(valid);
}

//===----------------------------------------------------------------------===//
// WeightTable
//===----------------------------------------------------------------------===//

FailureOr<unsigned> WeightTable::getEntry(ml_program::GlobalLoadConstOp load,
                                          RankedTensorType type) {
  auto symbol = FlatSymbolRefAttr::get(load.getGlobal().getLeafReference());
  auto [it, isNew] = entries.insert({Key(symbol, type), entries.size()});
  if (!isNew)
    return it->second;
  auto global = symbols.lookup<ml_program::GlobalOp>(symbol.getValue());
  if (!global)
    return load.emitOpError("reads ")
           << load.getGlobal() << ", which is no global of this module";
  if (auto computed = dyn_cast_or_null<ComputedAttr>(global.getValueAttr()))
    programs[symbol] = computed;
  return it->second;
}

ArrayAttr WeightTable::getAttr(MLIRContext *context) const {
  SmallVector<Attribute> attrs;
  for (const auto &[key, index] : entries) {
    NamedAttrList entry;
    entry.append("global", key.first);
    entry.append("type", TypeAttr::get(key.second));
    // Its global goes, like all others; the program must not.
    if (ComputedAttr program = programs.lookup(key.first))
      entry.append("value", program);
    attrs.push_back(entry.getDictionary(context));
  }
  return ArrayAttr::get(context, attrs);
}

//===----------------------------------------------------------------------===//
// FunctionWeights
//===----------------------------------------------------------------------===//

FunctionWeights::FunctionWeights(func::FuncOp function, WeightTable &table)
    : function(function), table(table), builder(function.getContext()) {}

/// The place after everything that was loaded so far. (Not kept as an insertion
/// point: the op that it stands before may be erased.)
void FunctionWeights::goToBeginning() {
  if (last)
    builder.setInsertionPointAfter(last);
  else
    builder.setInsertionPointToStart(&function.front());
}

FailureOr<Value> FunctionWeights::getBuffer(ml_program::GlobalLoadConstOp load,
                                            RankedTensorType type) {
  FailureOr<unsigned> entry = table.getEntry(load, type);
  if (failed(entry))
    return failure();
  Value &buffer = buffers[*entry];
  if (!buffer) {
    Location loc = load.getLoc();
    goToBeginning();
    Value index = arith::ConstantIndexOp::create(builder, loc, *entry);
    buffer = memref::LoadOp::create(builder, loc, function.getArgument(0),
                                    ValueRange{index});
    last = buffer.getDefiningOp();
  }
  return buffer;
}

FailureOr<Value> FunctionWeights::getBytes(ml_program::GlobalLoadConstOp load,
                                           RankedTensorType type) {
  FailureOr<Value> buffer = getBuffer(load, type);
  if (failed(buffer))
    return failure();
  Value &result = bytes[*table.getEntry(load, type)];
  if (!result) {
    goToBeginning();
    result = bufferization::ToTensorOp::create(
        builder, load.getLoc(), getBytesType(load.getContext()), *buffer,
        /*restrict=*/true);
    last = result.getDefiningOp();
  }
  return result;
}

FailureOr<Value>
FunctionWeights::getNumbers(ml_program::GlobalLoadConstOp load) {
  auto loaded = cast<RankedTensorType>(load.getType());
  Type element = loaded.getElementType();
  RankedTensorType type =
      withFormat(loaded, format::FloatAttr::get(load.getContext(), element));
  FailureOr<Value> buffer = getBuffer(load, type);
  if (failed(buffer))
    return failure();
  Value &result = numbers[*table.getEntry(load, type)];
  if (!result) {
    Location loc = load.getLoc();
    goToBeginning();
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value view = memref::ViewOp::create(
        builder, loc, MemRefType::get(loaded.getShape(), element), *buffer,
        zero, ValueRange());
    result = bufferization::ToTensorOp::create(
        builder, loc, withFormat(loaded, nullptr), view, /*restrict=*/true);
    last = result.getDefiningOp();
  }
  return result;
}

/// `source` as `[tile][column][row]`, rows padded with zeros.
static Value packTiles(OpBuilder &builder, Location loc, Value source,
                       int64_t tileRows) {
  auto type = cast<RankedTensorType>(source.getType());
  MatrixShape matrix = getMatrixShape(type.getShape());
  Type element = type.getElementType();
  auto shaped = [&](ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, element);
  };
  // Leading axes are rows.
  if (type.getRank() == 1) {
    source = tensor::ExpandShapeOp::create(
        builder, loc, shaped({1, matrix.columns}), source,
        ArrayRef<ReassociationIndices>{{0, 1}});
  } else if (type.getRank() > 2) {
    SmallVector<ReassociationIndices> groups(2);
    for (int64_t axis = 0; axis + 1 < type.getRank(); ++axis)
      groups[0].push_back(axis);
    groups[1].push_back(type.getRank() - 1);
    source = tensor::CollapseShapeOp::create(
        builder, loc, shaped({matrix.rows, matrix.columns}), source, groups);
  }
  int64_t tiles = llvm::divideCeil(matrix.rows, tileRows);
  if (int64_t missing = tiles * tileRows - matrix.rows) {
    Value zero =
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
    SmallVector<OpFoldResult> low(2, builder.getIndexAttr(0));
    SmallVector<OpFoldResult> high = {builder.getIndexAttr(missing),
                                      builder.getIndexAttr(0)};
    source = tensor::PadOp::create(builder, loc,
                                   shaped({tiles * tileRows, matrix.columns}),
                                   source, low, high, zero);
  }
  source = tensor::ExpandShapeOp::create(
      builder, loc, shaped({tiles, tileRows, matrix.columns}), source,
      ArrayRef<ReassociationIndices>{{0, 1}, {2}});
  Value init = tensor::EmptyOp::create(
      builder, loc, ArrayRef<int64_t>{tiles, matrix.columns, tileRows},
      element);
  return linalg::TransposeOp::create(builder, loc, source, init,
                                     ArrayRef<int64_t>{0, 2, 1})
      ->getResult(0);
}

Value FunctionWeights::storeComputed(Value source, RankedTensorType type) {
  Value &result = computed[{source, type}];
  if (result)
    return result;
  Location loc = source.getLoc();
  OpBuilder after(builder.getContext());
  after.setInsertionPointAfterValue(source);
  // The packed layout of floats has one section; padding behind it is never
  // read.
  FormatAttrInterface format = getFormat(type);
  if (int64_t tileRows = format.getTileRows())
    source = packTiles(after, loc, source, tileRows);
  Value size = arith::ConstantIndexOp::create(
      after, loc, format.getStorageBytes(type.getShape()));
  Value buffer =
      memref::AllocOp::create(after, loc, getBufferType(builder.getContext()),
                              ValueRange{size}, after.getI64IntegerAttr(64));
  Value zero = arith::ConstantIndexOp::create(after, loc, 0);
  auto sourceType = cast<RankedTensorType>(source.getType());
  Value view = memref::ViewOp::create(
      after, loc,
      MemRefType::get(sourceType.getShape(), sourceType.getElementType()),
      buffer, zero, ValueRange());
  bufferization::MaterializeInDestinationOp::create(
      after, loc, Type(), source, view, /*restrict=*/true, /*writable=*/true);
  result = bufferization::ToTensorOp::create(
      after, loc, getBytesType(builder.getContext()), buffer,
      /*restrict=*/true);
  return result;
}
