//===- ValueProgram.cpp - the computation of one value ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Reference/ValueProgram.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Reference/Interpreter.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace allot;
using ml_program::GlobalLoadConstOp;
using ml_program::GlobalOp;

static constexpr llvm::StringLiteral kFunction = "value";

OwningOpRef<ModuleOp> reference::isolateValue(Value value,
                                              SymbolTable &symbols) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitUsesFromAbove = false;
  if (failed(getBackwardSlice(value, &slice, options)))
    return nullptr;
  Location loc = UnknownLoc::get(value.getContext());
  OpBuilder b(value.getContext());
  OwningOpRef<ModuleOp> program = ModuleOp::create(loc);
  b.setInsertionPointToEnd(program->getBody());
  llvm::DenseSet<Operation *> globals;
  for (Operation *op : slice) {
    if (llvm::any_of(op->getOperands(),
                     [](Value operand) { return !operand.getDefiningOp(); }))
      return nullptr;
    auto load = dyn_cast<GlobalLoadConstOp>(op);
    if (!load)
      continue;
    auto global = symbols.lookup<GlobalOp>(
        load.getGlobal().getLeafReference().getValue());
    if (!global)
      return nullptr;
    if (globals.insert(global).second)
      b.clone(*global);
  }
  auto function =
      func::FuncOp::create(b, loc, kFunction, b.getFunctionType({}, {}));
  b.setInsertionPointToStart(function.addEntryBlock());
  IRMapping mapping;
  for (Operation *op : slice)
    b.clone(*op, mapping);
  Value result = mapping.lookup(value);
  result = isa<adapter::MapType>(result.getType())
               ? adapter::buildMaterialized(b, loc, result)
               : adapter::buildDecoded(b, loc, result);
  func::ReturnOp::create(b, loc, result);
  function.setFunctionType(b.getFunctionType({}, result.getType()));
  return program;
}

llvm::Expected<std::vector<float>> reference::evaluateValue(ModuleOp program,
                                                            StringRef folder) {
  std::string why;
  ScopedDiagnosticHandler handler(
      program.getContext(), [&](Diagnostic &diagnostic) {
        why += (why.empty() ? "" : "; ") + diagnostic.str();
        return success();
      });
  auto interpreter = Interpreter::create(program, folder);
  if (!interpreter)
    return interpreter.takeError();
  SmallVector<RefValue> results;
  if (failed((*interpreter)->call(kFunction, {}, results)) ||
      results.size() != 1 || !results.front().floats)
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   why.empty() ? "gives no numbers"
                                               : why.c_str());
  return *results.front().floats;
}
