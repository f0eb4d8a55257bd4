//===- Sites.cpp - the matrices of a model, by name -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/Sites.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace allot;
using namespace allot::analysis;

ml_program::GlobalOp analysis::getLoadedGlobal(Value tensor,
                                               SymbolTable &symbols) {
  // A decoded vector is still the stored one.
  if (auto decode = tensor.getDefiningOp<format::DecodeOp>())
    tensor = decode.getSource();
  auto load = tensor.getDefiningOp<ml_program::GlobalLoadConstOp>();
  return load ? symbols.lookup<ml_program::GlobalOp>(
                    load.getGlobal().getLeafReference())
              : ml_program::GlobalOp();
}

/// All globals that an expression reads, in order.
static void collectGlobals(Value value, SymbolTable &symbols,
                           SmallVectorImpl<ml_program::GlobalOp> &globals) {
  if (auto global = getLoadedGlobal(value, symbols)) {
    globals.push_back(global);
    return;
  }
  if (Operation *op = value.getDefiningOp())
    for (Value operand : op->getOperands())
      collectGlobals(operand, symbols, globals);
}

/// The op with the axis `format` that an expression is, or null. What may be
/// merged (a low-rank term that nothing scales) is an adapter.
static Operation *getBase(Value map) {
  auto op = map.getDefiningOp<AllocatableOpInterface>();
  if (op && llvm::is_contained(op.getAllocationAxes(), "format") &&
      !llvm::is_contained(op.getAllocationAxes(), "merged"))
    return op;
  return nullptr;
}

/// `member`: of a use of a bank, the number of the map in it.
static LogicalResult addUse(Operation *use, Value map,
                            std::optional<int64_t> member, SymbolTable &symbols,
                            llvm::MapVector<Operation *, Site> &sites) {
  SmallVector<Value> adapters;
  Operation *base = getBase(map);
  if (!base) {
    auto sum = map.getDefiningOp<adapter::SumOp>();
    for (Value term : sum ? ValueRange(sum.getMaps()) : ValueRange()) {
      Operation *candidate = getBase(term);
      if (candidate && base)
        return use->emitOpError(
            "adds several stored matrices: nothing can be planned for it");
      if (candidate)
        base = candidate;
      else
        adapters.push_back(term);
    }
  }
  ml_program::GlobalOp weight =
      base ? getLoadedGlobal(base->getOperand(0), symbols)
           : ml_program::GlobalOp();
  if (!weight)
    return use->emitOpError("is no stored matrix with adapters added to it: "
                            "nothing can be planned for it");
  Site &site = sites[weight];
  bool isNew = site.maps.empty();
  SmallVector<ml_program::GlobalOp> adapterWeights;
  for (Value term : adapters)
    collectGlobals(term, symbols, adapterWeights);
  if (isNew) {
    auto shape = archive::matrixShape(cast<RankedTensorType>(weight.getType()));
    site.name = weight.getSymName().str();
    site.weight = weight;
    site.rows = shape.first;
    site.columns = shape.second;
    site.adapters = std::move(adapters);
    site.adapterWeights = std::move(adapterWeights);
  } else if (site.adapterWeights != adapterWeights) {
    return use->emitOpError("reads @")
           << site.name
           << " with other adapters than another use: nothing can be planned "
              "for it";
  }
  if (auto alias = use->getAttrOfType<StringAttr>("site"); alias && member) {
    std::pair<std::string, int64_t> place(alias.getValue().str(), *member);
    if (!llvm::is_contained(site.banks, place))
      site.banks.push_back(std::move(place));
  } else if (alias && !llvm::is_contained(site.aliases, alias.getValue())) {
    site.aliases.push_back(alias.getValue().str());
  }
  site.uses.push_back(use);
  site.maps.push_back(map);
  site.bases.push_back(base);
  return success();
}

FailureOr<std::vector<Site>> analysis::collectSites(ModuleOp module) {
  SymbolTable symbols(module);
  llvm::MapVector<Operation *, Site> found;
  WalkResult result = module.walk([&](Operation *op) {
    // Uses are known by the attribute that names their matrix.
    if (!op->hasAttr("site") || op->getNumOperands() == 0 ||
        !isa<adapter::MapType>(op->getOperand(0).getType()))
      return WalkResult::advance();
    Value map = op->getOperand(0);
    auto bank = map.getDefiningOp<adapter::BankOp>();
    if (!bank)
      return failed(addUse(op, map, std::nullopt, symbols, found))
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    for (auto [number, member] : llvm::enumerate(bank.getMaps()))
      if (failed(addUse(op, member, number, symbols, found)))
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  std::vector<Site> sites;
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (auto it = found.find(global); it != found.end())
      sites.push_back(std::move(it->second));
  return sites;
}

llvm::Expected<DenseMatrix>
analysis::evaluateMap(Value value, WeightReader read, SymbolTable &symbols) {
  if (auto global = getLoadedGlobal(value, symbols)) {
    auto values = read(global);
    if (!values)
      return values.takeError();
    auto [rows, columns] =
        archive::matrixShape(cast<RankedTensorType>(global.getType()));
    DenseMatrix matrix(rows, columns);
    matrix.values.assign(values->begin(), values->end());
    return matrix;
  }
  auto op = value.getDefiningOp<LinearMapOpInterface>();
  if (!op)
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "an expression of maps contains a value that is not stored");
  std::vector<DenseMatrix> operands;
  for (Value operand : op->getOperands()) {
    auto matrix = evaluateMap(operand, read, symbols);
    if (!matrix)
      return matrix.takeError();
    operands.push_back(std::move(*matrix));
  }
  DenseMatrix result;
  if (failed(op.evaluateDense(operands, result)))
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "the reference evaluation of '%s' failed",
                                   op->getName().getStringRef().str().c_str());
  return result;
}
