//===- HoistConstants.cpp - what depends on weights alone -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Pipelines/Passes.h"
#include "allot/Reference/ValueProgram.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace allot::pipelines {
#define GEN_PASS_DEF_PROGRAMHOISTCONSTANTS
#include "allot/Pipelines/Passes.h.inc"
} // namespace allot::pipelines

using namespace mlir;
using namespace allot;
using format::DecodeOp;
using format::EncodeOp;
using format::PackOp;
using ml_program::GlobalLoadConstOp;
using ml_program::GlobalOp;

namespace {

/// The float format in which a computed weight is kept.
Attribute exactFormat(MLIRContext *context) {
  return format::FloatAttr::get(context, Float32Type::get(context));
}

bool isExact(Type type) {
  FormatAttrInterface format = format::getFormat(type);
  return format && format == exactFormat(type.getContext());
}

class Hoister {
public:
  explicit Hoister(ModuleOp module) : module(module), symbols(module) {}

  void run(func::FuncOp function) {
    findConstants(function.front());
    for (Value value : findFrontier(function.front()))
      hoist(value);
  }

private:
  /// Depends on globals and constants alone, and has no effect.
  bool dependsOnConstants(Operation *op) const {
    if (isa<GlobalLoadConstOp>(op) || op->hasTrait<OpTrait::ConstantLike>())
      return true;
    if (!isMemoryEffectFree(op) || op->hasTrait<OpTrait::IsTerminator>())
      return false;
    for (Type type : op->getResultTypes())
      if (auto shaped = dyn_cast<ShapedType>(type);
          shaped && !shaped.hasStaticShape())
        return false;
    llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), values);
    return llvm::all_of(values, [&](Value value) {
      Operation *def = value.getDefiningOp();
      return def && constants.contains(def);
    });
  }

  void findConstants(Block &block) {
    constants.clear();
    for (Operation &op : block)
      if (dependsOnConstants(&op))
        constants.insert(&op);
  }

  /// Costs nothing at run time, or little and no less as a weight.
  bool isFree(Operation *op) const {
    if (auto encode = dyn_cast<EncodeOp>(op))
      // Rounding a stored weight, which the loader does.
      return encode.getSource().getDefiningOp<DecodeOp>();
    return op->hasTrait<OpTrait::ConstantLike>() ||
           isa<GlobalLoadConstOp, DecodeOp, PackOp, tensor::EmptyOp,
               tensor::ExpandShapeOp, tensor::CollapseShapeOp,
               tensor::ExtractSliceOp, tensor::CastOp, linalg::FillOp>(op);
  }

  /// Whether anything in the computation of `op` is not free.
  bool isWorth(Operation *op) {
    auto [known, isNew] = worth.try_emplace(op, false);
    if (!isNew)
      return known->second;
    bool result = !isFree(op);
    llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), values);
    for (Value value : values)
      result = result || isWorth(value.getDefiningOp());
    return worth[op] = result;
  }

  /// A weight can stand for it: numbers, plain or kept exactly.
  static bool canBeWeight(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getElementType().isF32() && type.getRank() >= 1 &&
           type.hasStaticShape() && (!type.getEncoding() || isExact(type));
  }

  /// The values that become weights: constants that something else uses.
  SmallVector<Value> findFrontier(Block &block) {
    worth.clear();
    SmallVector<Value> frontier;
    // Users first: one that cannot be a weight stays, and needs its operands.
    for (Operation &op : llvm::reverse(block)) {
      if (!constants.contains(&op))
        continue;
      SmallVector<Value> used;
      for (Value result : op.getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) {
              return !constants.contains(block.findAncestorOpInBlock(*user));
            }))
          used.push_back(result);
      if (used.empty() || !isWorth(&op))
        continue;
      if (llvm::all_of(used, canBeWeight))
        frontier.append(used);
      else
        constants.erase(&op);
    }
    return frontier;
  }

  void hoist(Value value) {
    OwningOpRef<ModuleOp> program = reference::isolateValue(value, symbols);
    if (!program)
      return;
    auto type = cast<RankedTensorType>(value.getType());
    MLIRContext *context = module.getContext();
    std::string text;
    llvm::raw_string_ostream(text) << *program;
    RankedTensorType kept = format::withFormat(type, exactFormat(context));
    GlobalOp &global = known[text];
    OpBuilder b(context);
    if (!global) {
      b.setInsertionPointToStart(module.getBody());
      std::string name;
      do
        name = "computed." + std::to_string(count++);
      while (symbols.lookup(name));
      global = GlobalOp::create(
          b, value.getLoc(), b.getStringAttr(name), TypeAttr::get(kept),
          /*is_mutable=*/UnitAttr(),
          format::ComputedAttr::get(context, b.getStringAttr(text)),
          b.getStringAttr("private"));
      symbols.insert(global);
    }
    b.setInsertionPointAfterValue(value);
    Value weight = GlobalLoadConstOp::create(
        b, value.getLoc(), kept,
        FlatSymbolRefAttr::get(context, global.getSymName()));
    if (!type.getEncoding())
      weight = DecodeOp::create(b, value.getLoc(), type, weight);
    // Other programs compute it for themselves.
    value.replaceUsesWithIf(weight, [&](OpOperand &use) {
      Block *block = value.getParentBlock();
      return !constants.contains(block->findAncestorOpInBlock(*use.getOwner()));
    });
  }

  ModuleOp module;
  SymbolTable symbols;
  llvm::DenseSet<Operation *> constants;
  llvm::DenseMap<Operation *, bool> worth;
  /// Globals by their programs.
  llvm::StringMap<GlobalOp> known;
  unsigned count = 0;
};

struct ProgramHoistConstants
    : pipelines::impl::ProgramHoistConstantsBase<ProgramHoistConstants> {
  void runOnOperation() override {
    Hoister hoister(getOperation());
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (!function.isExternal())
        hoister.run(function);
  }
};

} // namespace
