//===- FinalizeEntries.cpp - entries as the runtime calls them --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Pipelines/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace allot::pipelines {
#define GEN_PASS_DEF_PROGRAMFINALIZEENTRIES
#include "allot/Pipelines/Passes.h.inc"
} // namespace allot::pipelines

using namespace mlir;
using namespace allot;

namespace {

/// The argument of `function` that `value` is, looking through casts which keep
/// the buffer and its shape; -1 if it is none.
int64_t argumentOf(Value value, func::FuncOp function) {
  while (auto cast = value.getDefiningOp<memref::CastOp>())
    value = cast.getSource();
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == &function.getBody().front()
             ? int64_t(argument.getArgNumber())
             : -1;
}

struct ProgramFinalizeEntries
    : pipelines::impl::ProgramFinalizeEntriesBase<ProgramFinalizeEntries> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::SmallPtrSet<Operation *, 8> called;
    SymbolTableCollection symbols;
    module.walk([&](func::CallOp call) {
      if (Operation *callee =
              symbols.lookupNearestSymbolFrom(call, call.getCalleeAttr()))
        called.insert(callee);
    });
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        finalize(function, called.contains(function));
  }

  void finalize(func::FuncOp function, bool isCalled) {
    Builder b(&getContext());
    function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                      b.getUnitAttr());
    if (function.getNumArguments() > 0 &&
        function.getArgAttr(0, "allot.weights_table"))
      function->setAttr("allot.takes_weights", b.getUnitAttr());
    unsigned hidden = function->hasAttr("allot.takes_weights") ? 1 : 0;
    SmallVector<int64_t> origins(function.getNumResults(), -1);
    SmallVector<func::ReturnOp> returns;
    function.walk([&](func::ReturnOp op) { returns.push_back(op); });
    llvm::BitVector dropped(function.getNumResults());
    // A caller inside the module would have to change too, so there the result
    // stays (and is copied by deallocation).
    for (unsigned i = 0; i < function.getNumResults() && !isCalled; ++i) {
      int64_t argument = -1;
      for (auto [n, op] : llvm::enumerate(returns)) {
        int64_t here = argumentOf(op.getOperand(i), function);
        argument = n == 0 || here == argument ? here : -1;
        if (argument < 0)
          break;
      }
      if (argument < int64_t(hidden))
        continue;
      origins[i] = argument - hidden;
      dropped.set(i);
    }
    for (func::ReturnOp op : returns)
      op->eraseOperands(dropped);
    if (dropped.any())
      (void)function.eraseResults(dropped);
    function->setAttr("allot.results", b.getDenseI64ArrayAttr(origins));
  }
};

} // namespace
