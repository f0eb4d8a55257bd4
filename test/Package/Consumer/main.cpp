// A project that embeds Allot: parses a problem, runs a pass of Allot from C++, prints what it says.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allot/Dialect/Plan/IR/Plan.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "allot/InitAllDialects.h"
#include "allot/InitAllExtensions.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"

int main() {
  mlir::DialectRegistry registry;
  allot::registerAllDialects(registry);
  allot::registerAllExtensions(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    plan.problem @p resources ["bytes"] fixed [0] weights 100 model "" {
      plan.budget "bytes" 150
      plan.item "a" weights 50 origin "text" {
        plan.option "small" costs [50] loss 4.0
        plan.option "large" costs [100] loss 1.0
      }
      plan.item "b" weights 50 origin "text" {
        plan.option "small" costs [50] loss 2.0
        plan.option "large" costs [100] loss 1.0
      }
    })",
                                                        &context);
  mlir::PassManager pm(&context);
  pm.addPass(allot::plan::createPlanSolve());
  if (!module || mlir::failed(pm.run(*module)))
    return 1;
  for (auto solution : module->getOps<allot::plan::SolutionOp>())
    for (auto choice : solution.getBody().getOps<allot::plan::ChoiceOp>())
      llvm::outs() << choice.getItem() << " takes " << choice.getOption() << "\n";
  return 0;
}
