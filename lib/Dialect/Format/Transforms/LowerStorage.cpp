//===- LowerStorage.cpp - encoded tensors become bytes -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightTable.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Format/Transforms/Passes.h"
#include "allot/Dialect/Format/Transforms/Transforms.h"
#include "llvm/ADT/SetVector.h"

namespace allot::format {
#define GEN_PASS_DEF_FORMATLOWERSTORAGE
#include "allot/Dialect/Format/Transforms/Passes.h.inc"
} // namespace allot::format

using namespace mlir;
using namespace allot;
using namespace allot::format;
using ml_program::GlobalLoadConstOp;

//===----------------------------------------------------------------------===//
// Which functions need the table
//===----------------------------------------------------------------------===//

static bool isDeadFormatOp(Operation *op) {
  return isa<PackOp, EncodeOp, DecodeOp, GlobalLoadConstOp>(op) &&
         op->use_empty();
}

/// Erases format ops and loads that nothing uses, users first.
static void eraseDeadFormatOps(func::FuncOp function) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops))
    if (isDeadFormatOp(op))
      op->erase();
}

static bool readsWeights(func::FuncOp function) {
  return function
      .walk([](GlobalLoadConstOp load) {
        return getFormat(load.getType()) ? WalkResult::interrupt()
                                         : WalkResult::advance();
      })
      .wasInterrupted();
}

/// The functions that read weights, themselves or through others; an error
/// where one is used other than by a call.
static LogicalResult collectReaders(ModuleOp module,
                                    SetVector<func::FuncOp> &readers) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    eraseDeadFormatOps(function);
    if (readsWeights(function))
      readers.insert(function);
  }
  for (unsigned i = 0; i < readers.size(); ++i) {
    func::FuncOp function = readers[i];
    std::optional<SymbolTable::UseRange> uses =
        SymbolTable::getSymbolUses(function.getSymNameAttr(), module);
    if (!uses)
      return module.emitError("format-lower-storage: unknown ops hide the uses "
                              "of functions that read weights");
    for (SymbolTable::SymbolUse use : *uses) {
      auto call = dyn_cast<func::CallOp>(use.getUser());
      if (!call)
        return use.getUser()->emitOpError("uses ")
               << use.getSymbolRef()
               << " without calling it: the weight table cannot be passed on";
      auto caller = call->getParentOfType<func::FuncOp>();
      if (!caller)
        return call.emitOpError(
            "outside of a function has no weight table to pass on");
      readers.insert(caller);
    }
  }
  return success();
}

static LogicalResult addTableArgument(func::FuncOp function) {
  MLIRContext *context = function.getContext();
  Builder builder(context);
  auto attrs = builder.getDictionaryAttr(
      builder.getNamedAttr(tableArgAttrName, builder.getUnitAttr()));
  return function.insertArgument(0, getTableType(context), attrs,
                                 function.getLoc());
}

/// Passes the caller's table to the callees that need it.
static void passTableOn(func::FuncOp caller,
                        const SetVector<func::FuncOp> &readers) {
  llvm::DenseSet<StringAttr> names;
  for (func::FuncOp reader : readers)
    names.insert(reader.getSymNameAttr());
  caller.walk([&](func::CallOp call) {
    if (names.contains(call.getCalleeAttr().getAttr()))
      call->insertOperands(0, caller.getArgument(0));
  });
}

//===----------------------------------------------------------------------===//
// One function
//===----------------------------------------------------------------------===//

/// What `value` was before changes of layout.
static Value skipPacks(Value value) {
  while (auto pack = value.getDefiningOp<PackOp>())
    value = pack.getSource();
  return value;
}

static bool isExact(FormatAttrInterface format) {
  CodeGrid grid = format.getCodeGrid();
  return !grid.bits && grid.elementType.isF32();
}

/// The bytes of the encoded tensor `value`, used by `user`.
static FailureOr<Value> lowerToBytes(Operation *user, Value value,
                                     FunctionWeights &weights) {
  auto type = cast<RankedTensorType>(value.getType());
  Value root = skipPacks(value);
  if (auto load = root.getDefiningOp<GlobalLoadConstOp>())
    return weights.getBytes(load, type);
  auto encode = root.getDefiningOp<EncodeOp>();
  if (!encode)
    return user->emitOpError("uses an encoded tensor ")
           << type << " that is neither a global nor encoded here";
  // A global that is rounded to another float format: the loader does it.
  FormatAttrInterface format = getFormat(encode.getResult().getType());
  if (auto decode = encode.getSource().getDefiningOp<DecodeOp>())
    if (auto load =
            skipPacks(decode.getSource()).getDefiningOp<GlobalLoadConstOp>())
      if (!format.getCodeGrid().bits)
        return weights.getBytes(load, type);
  if (!isExact(format))
    return encode.emitOpError("to ")
           << format.getShortName()
           << " is not possible in a lowered program: only f32";
  return weights.storeComputed(encode.getSource(), type);
}

/// Lowers the encoded operands among `operands`; `stored` gets their types.
static LogicalResult lowerOperands(Operation *op, MutableOperandRange operands,
                                   FunctionWeights &weights,
                                   SmallVectorImpl<Attribute> &stored) {
  for (OpOperand &operand : operands) {
    Value value = operand.get();
    if (!getFormat(value.getType()))
      return op->emitOpError("has an operand ")
             << value.getType() << " without a format";
    FailureOr<Value> bytes = lowerToBytes(op, value, weights);
    if (failed(bytes))
      return failure();
    stored.push_back(TypeAttr::get(value.getType()));
    operand.set(*bytes);
  }
  return success();
}

/// The plain tensor that `decode` makes.
static FailureOr<Value> lowerDecode(DecodeOp decode, FunctionWeights &weights) {
  Value root = skipPacks(decode.getSource());
  if (auto load = root.getDefiningOp<GlobalLoadConstOp>())
    return weights.getNumbers(load);
  auto encode = root.getDefiningOp<EncodeOp>();
  if (encode && isExact(getFormat(encode.getResult().getType())))
    return encode.getSource();
  return decode.emitOpError("of ")
         << decode.getSource().getType()
         << " is not possible in a lowered program: only of a global";
}

/// Everything encoded must be gone.
static LogicalResult verifyLowered(func::FuncOp function) {
  auto isEncoded = [](Type type) { return bool(getFormat(type)); };
  WalkResult result = function.walk([&](Operation *op) {
    auto inSignature = [&](func::FuncOp f) {
      return llvm::any_of(f.getArgumentTypes(), isEncoded) ||
             llvm::any_of(f.getResultTypes(), isEncoded);
    };
    if (auto f = dyn_cast<func::FuncOp>(op); f && inSignature(f)) {
      f.emitOpError("has encoded tensors in its signature, which "
                    "format-lower-storage cannot turn into bytes");
      return WalkResult::interrupt();
    }
    if (llvm::any_of(op->getOperandTypes(), isEncoded) ||
        llvm::any_of(op->getResultTypes(), isEncoded)) {
      op->emitOpError("has encoded tensors that format-lower-storage cannot "
                      "turn into bytes");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return success(!result.wasInterrupted());
}

static LogicalResult lowerFunction(func::FuncOp function,
                                   FunctionWeights &weights) {
  // First the kernels, whose chains of format ops may go through a decode.
  WalkResult result = function.walk([&](Operation *op) {
    SmallVector<Attribute> stored;
    if (auto linear = dyn_cast<adapter::LinearOp>(op)) {
      if (linear.getStored())
        return WalkResult::advance();
      if (failed(lowerOperands(op,
                               MutableOperandRange(linear.getWeightMutable()),
                               weights, stored)) ||
          failed(
              lowerOperands(op, linear.getFactorsMutable(), weights, stored)))
        return WalkResult::interrupt();
      linear.setStoredAttr(ArrayAttr::get(op->getContext(), stored));
    } else if (auto linears = dyn_cast<adapter::GroupedLinearOp>(op)) {
      if (linears.getStored())
        return WalkResult::advance();
      if (failed(
              lowerOperands(op, linears.getMatricesMutable(), weights, stored)))
        return WalkResult::interrupt();
      linears.setStoredAttr(ArrayAttr::get(op->getContext(), stored));
    } else if (auto grouped = dyn_cast<adapter::GroupedLowRankOp>(op)) {
      if (grouped.getStored())
        return WalkResult::advance();
      if (failed(
              lowerOperands(op, grouped.getFactorsMutable(), weights, stored)))
        return WalkResult::interrupt();
      grouped.setStoredAttr(ArrayAttr::get(op->getContext(), stored));
    } else if (auto lookup = dyn_cast<adapter::LookupOp>(op)) {
      if (lookup.getStored())
        return WalkResult::advance();
      if (failed(lowerOperands(op,
                               MutableOperandRange(lookup.getTableMutable()),
                               weights, stored)))
        return WalkResult::interrupt();
      lookup.setStoredAttr(cast<TypeAttr>(stored.front()));
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  eraseDeadFormatOps(function);
  SmallVector<DecodeOp> decodes;
  function.walk([&](DecodeOp decode) { decodes.push_back(decode); });
  for (DecodeOp decode : decodes) {
    FailureOr<Value> numbers = lowerDecode(decode, weights);
    if (failed(numbers))
      return failure();
    decode.getResult().replaceAllUsesWith(*numbers);
  }
  eraseDeadFormatOps(function);
  return verifyLowered(function);
}

LogicalResult format::lowerStorage(ModuleOp module) {
  SetVector<func::FuncOp> readers;
  if (failed(verifyStoredGlobals(module)) ||
      failed(collectReaders(module, readers)))
    return failure();
  if (module->hasAttr(tableAttrName)) {
    if (readers.empty())
      return success();
    return module.emitError("format-lower-storage: the module has a "
                            "'format.table', but functions read globals");
  }
  for (func::FuncOp function : readers)
    if (failed(addTableArgument(function)))
      return function.emitOpError("cannot take the weight table");
  for (func::FuncOp function : readers)
    passTableOn(function, readers);
  WeightTable table(module);
  bool failedOnce = false;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal()) {
      failedOnce |= failed(verifyLowered(function));
      continue;
    }
    FunctionWeights weights(function, table);
    failedOnce |= failed(lowerFunction(function, weights));
  }
  if (failedOnce)
    return failure();
  module->setAttr(tableAttrName, table.getAttr(module.getContext()));
  return success();
}

namespace {
struct FormatLowerStorage
    : format::impl::FormatLowerStorageBase<FormatLowerStorage> {
  void runOnOperation() override {
    if (failed(format::lowerStorage(getOperation())))
      signalPassFailure();
  }
};
} // namespace
