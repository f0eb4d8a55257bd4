//===- Compile.cpp - compiling ahead of time in C ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot-c/Compile.h"
#include "Common.h"
#include "allot/Pipelines/Pipelines.h"
#include "allot/Runtime/Compile.h"
#include "allot/Support/Error.h"

using namespace mlir;
using namespace allot;
using capi::text;
using capi::texts;

AllotCompileOptions allotCompileOptionsGet(void) {
  AllotCompileOptions options = {};
  options.activations = mlirStringRefCreateFromCString("f32");
  options.evaluate = mlirStringRefCreateFromCString("auto");
  options.cpu = mlirStringRefCreateFromCString("host");
  return options;
}

static llvm::Error compile(ModuleOp module, StringRef output,
                           const AllotCompileOptions &options) {
  if (output.empty())
    return llvm::createStringError("the name of the folder to write is empty");
  auto target = runtime::CodeTarget::named(unwrap(options.cpu));
  if (!target)
    return target.takeError();
  pipelines::LoweringOptions lowering;
  std::vector<std::string> entries = texts(options.numEntries, options.entries);
  std::vector<std::string> also =
      texts(options.numOutputsAlso, options.outputsAlso);
  if (llvm::is_contained(also, ""))
    return llvm::createStringError("a name of inner values is empty");
  std::vector<std::string> taps = pipelines::tapsOf(also);
  lowering.entries = entries;
  lowering.taps = taps;
  lowering.activations = text(options.activations);
  lowering.evaluate = text(options.evaluate);
  lowering.target = target->kernelTarget();
  auto passes = [&](OpPassManager &pm) {
    pipelines::buildLowerToLLVMPipeline(pm, lowering);
  };
  runtime::CompileFolderOptions compile;
  compile.program.passes = passes;
  compile.program.entries = entries;
  compile.program.taps = taps;
  compile.program.threads = options.threads;
  compile.program.activations = text(options.activations);
  compile.program.evaluate = text(options.evaluate);
  compile.target = *target;
  compile.pipeline = pipelines::pipelineText(passes);
  compile.name = text(options.name);
  compile.linker = text(options.linker);
  return runtime::compileToFolder(module, capi::nameOf(module),
                                  capi::folderOf(module, options.folder),
                                  output, capi::programRegistry(), compile);
}

MlirLogicalResult allotCompile(MlirModule module, MlirStringRef output,
                               const AllotCompileOptions *options) {
  if (mlirModuleIsNull(module))
    return mlirLogicalResultFailure();
  ModuleOp op = unwrap(module);
  return wrap(
      capi::report(op.getContext(), compile(op, unwrap(output), *options)));
}
