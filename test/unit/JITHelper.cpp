//===- JITHelper.cpp - run the kernels of a module in a test ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "JITHelper.h"
#include "allot/Runtime/CodeGeneration.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <omp.h>

using namespace mlir;
using namespace allot;
using namespace allot::test;

static llvm::Error failed(const char *what) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), what);
}

void test::registerForJIT(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
}

/// exp, tanh and erf as polynomials: their calls into the C library would not
/// be vectors.
static LogicalResult expandMath(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
    name.consume_front("math.");
    return name == "exp" || name == "tanh" || name == "erf";
  });
  return applyPatternsGreedily(module, std::move(patterns));
}

static LogicalResult lower(ModuleOp module) {
  PassManager loops(module.getContext());
  loops.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  if (mlir::failed(loops.run(module)) || mlir::failed(expandMath(module)))
    return failure();
  PassManager pm(module.getContext());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertOpenMPToLLVMPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

llvm::Expected<std::unique_ptr<CompiledKernels>>
CompiledKernels::create(ModuleOp module) {
  // Kernels call the OpenMP runtime that this process has; asking it something
  // keeps the linker from leaving it out.
  if (omp_get_max_threads() < 1)
    return failed("no OpenMP runtime");
  if (mlir::failed(lower(module)))
    return failed("the module does not lower to the LLVM dialect");
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  builder->setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  auto forOptimizer = builder->createTargetMachine();
  if (!forOptimizer)
    return forOptimizer.takeError();
  auto forEngine = builder->createTargetMachine();
  if (!forEngine)
    return forEngine.takeError();
  auto transformer = [&](llvm::Module *code) -> llvm::Error {
    runtime::optimizeCode(*code, **forOptimizer);
    return llvm::Error::success();
  };
  ExecutionEngineOptions options;
  options.transformer = transformer;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Aggressive;
  options.enableGDBNotificationListener =
      options.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(module, options, std::move(*forEngine));
  if (!engine)
    return engine.takeError();
  auto result = std::make_unique<CompiledKernels>();
  result->engine = std::move(*engine);
  return result;
}

llvm::Expected<std::unique_ptr<CompiledKernels>>
CompiledKernels::create(StringRef source, MLIRContext &context,
                        function_ref<void(OpPassManager &)> convert) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  if (!module)
    return failed("the source does not parse");
  PassManager pm(&context);
  convert(pm);
  if (mlir::failed(pm.run(*module)))
    return failed("the conversion fails");
  return create(*module);
}
