//===- Pipelines.cpp - passes in the order in which they make sense -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Pipelines/Pipelines.h"
#include "allot/Conversion/AdapterToKernel/AdapterToKernel.h"
#include "allot/Conversion/NNToKernel/NNToKernel.h"
#include "allot/Conversion/RoutedToKernel/RoutedToKernel.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "allot/Dialect/Format/Transforms/Passes.h"
#include "allot/Dialect/NN/Transforms/Passes.h"
#include "allot/Dialect/Routed/Transforms/Passes.h"
#include "allot/Gradient/Passes.h"
#include "allot/Pipelines/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace allot;
using namespace allot::pipelines;

namespace {

void addCleanup(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// Map expressions to kernels' ops on packed bytes, still on tensors.
void addMaps(OpPassManager &pm, const LoweringOptions &options) {
  pm.addPass(routed::createRoutedLower());
  adapter::AdapterChooseEvaluationOptions choose;
  choose.evaluate = options.evaluate;
  choose.hoisted = options.hoist;
  choose.target = options.target;
  pm.addPass(adapter::createAdapterChooseEvaluation(choose));
  adapter::AdapterExpandOptions expand;
  expand.hoisted = options.hoist;
  pm.addPass(adapter::createAdapterExpand(expand));
  addCleanup(pm);
  pm.addPass(adapter::createAdapterFuseEpilogue());
  adapter::AdapterSelectArithmeticOptions arithmetic;
  arithmetic.activations = options.activations;
  pm.addPass(adapter::createAdapterSelectArithmetic(arithmetic));
  if (options.hoist) {
    pm.addPass(createProgramHoistConstants());
    addCleanup(pm);
    // Matrices that were left to be hoisted, but stand where nothing is.
    expand.hoisted = false;
    pm.addPass(adapter::createAdapterExpand(expand));
  }
  format::FormatPackOptions pack;
  pack.tileRows = options.tileRows;
  pack.as = options.weightsAs;
  pm.addPass(format::createFormatPack(pack));
  addCleanup(pm);
  pm.addPass(format::createFormatLowerStorage());
  // The table (an attribute of the module) knows the names of the weight
  // globals; their declarations would be taken for buffers.
  pm.addPass(createSymbolDCEPass());
  pm.addPass(conversion::createConvertNNToLinalg());
}

/// Tensors to memrefs; every allocation is freed after its last use.
void addBufferization(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  pm.addNestedPass<func::FuncOp>(createLinalgElementwiseOpFusionPass());
  addCleanup(pm);
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  bufferize.bufferAlignment = 64;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  addCleanup(pm);
  pm.addPass(bufferization::createDropEquivalentBufferResultsPass());
  pm.addPass(createProgramFinalizeEntries());
  bufferization::buildBufferDeallocationPipeline(pm);
  pm.addNestedPass<func::FuncOp>(
      bufferization::createOptimizeAllocationLivenessPass());
  pm.addPass(createConvertBufferizationToMemRefPass());
}

/// Memrefs, vectors and loops to the LLVM dialect.
void addCodeGeneration(OpPassManager &pm) {
  pm.addPass(createProgramLowerCopies());
  pm.addPass(createProgramParallelizeLoops());
  pm.addPass(createProgramExpandMath());
  pm.addPass(createConvertVectorToSCFPass());
  addCleanup(pm);
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertOpenMPToLLVMPass());
  addCleanup(pm);
  pm.addPass(createReconcileUnrealizedCastsPass());
}

} // namespace

void ProgramRequest::configure(LoweringOptions &options) const {
  options.entries = entries;
  options.taps = taps;
  options.splitAt = splitAt;
  options.instrument = instrument;
  options.gradients = gradients;
  options.timeParts = timeParts;
  options.weightsAs = weightsAs;
  options.hoist = !changesWeights;
}

std::vector<std::string> pipelines::tapsOf(ArrayRef<std::string> prefixes) {
  std::vector<std::string> taps;
  for (const std::string &prefix : prefixes) {
    taps.push_back(prefix);
    // The stream of a model goes under more than one name: encoder and decoder
    // have their own, and its end after the last norm is not numbered.
    if (prefix == kHiddenStates)
      taps.insert(taps.end(),
                  {"last_hidden_state", "enc_hidden_states",
                   "dec_hidden_states", "encoder_last_hidden_state"});
  }
  return taps;
}

void pipelines::buildPreparePipeline(OpPassManager &pm,
                                     const LoweringOptions &options) {
  if (!options.entries.empty()) {
    SmallVector<std::string> keep(options.entries.begin(),
                                  options.entries.end());
    pm.addPass(createSymbolPrivatizePass(keep));
    pm.addPass(createSymbolDCEPass());
  }
  if (options.gradients)
    pm.addPass(nn::createNNAppendLoss());
  if (!options.splitAt.empty()) {
    nn::NNSplitAtTapsOptions split;
    split.prefix = options.splitAt;
    pm.addPass(nn::createNNSplitAtTaps(split));
    pm.addPass(createSymbolDCEPass());
  }
  if (options.instrument || options.gradients) {
    // What experts read is seen on their sorted rows.
    pm.addPass(routed::createRoutedLower());
    adapter::AdapterInstrumentOptions instrument;
    instrument.outputs = options.gradients;
    pm.addPass(adapter::createAdapterInstrument(instrument));
  }
  if (options.gradients) {
    gradient::GradientReverseOptions reverse;
    reverse.gradients = {".output"};
    reverse.values = {".input"};
    pm.addPass(gradient::createGradientReverse(reverse));
    // The two ways make the same sizes and tables.
    addCleanup(pm);
  }
  if (!options.taps.empty()) {
    nn::NNExposeTapsOptions expose;
    expose.names.assign(options.taps.begin(), options.taps.end());
    pm.addPass(nn::createNNExposeTaps(expose));
  }
  pm.addPass(nn::createNNStripTaps());
  pm.addPass(createProgramDescribeEntries());
}

void pipelines::buildLowerToLLVMPipeline(OpPassManager &pm,
                                         const LoweringOptions &options) {
  buildPreparePipeline(pm, options);
  if (options.timeParts)
    pm.addPass(createProgramNameParts());
  addMaps(pm, options);
  addBufferization(pm);
  conversion::ConvertAdapterToKernelOptions kernels;
  kernels.target = options.target;
  pm.addPass(conversion::createConvertAdapterToKernel(kernels));
  pm.addPass(conversion::createConvertNNToKernel());
  pm.addPass(conversion::createConvertRoutedToKernel());
  if (options.timeParts)
    pm.addPass(createProgramTimeParts());
  addCodeGeneration(pm);
}

void pipelines::buildProgramPipeline(OpPassManager &pm,
                                     const LoweringOptions &options,
                                     bool reference) {
  if (reference)
    buildPreparePipeline(pm, options);
  else
    buildLowerToLLVMPipeline(pm, options);
}

void pipelines::buildPlanPipeline(OpPassManager &pm,
                                  plan::PlanExtractOptions extract,
                                  const plan::PlanSolveOptions &solve,
                                  support::Progress *progress) {
  // A uniform choice has no use for rows by importance, and does not pay for
  // it.
  if (!solve.uniform.empty())
    extract.splitRows = false;
  // What has a budget is counted.
  for (StringRef text : solve.budgets)
    if (size_t at = text.find('='); at != StringRef::npos)
      extract.resources.push_back(text.take_front(at).str());
  pm.addPass(plan::createPlanExtract(extract, progress));
  pm.addPass(plan::createPlanSolve(solve));
  pm.addPass(plan::createPlanIsolate());
}

std::string
pipelines::pipelineText(llvm::function_ref<void(OpPassManager &)> build) {
  OpPassManager pm(ModuleOp::getOperationName());
  build(pm);
  std::string text;
  llvm::raw_string_ostream os(text);
  pm.printAsTextualPipeline(os);
  return text;
}

void pipelines::registerPipelines() {
  registerPipelinesPasses();
  PassPipelineRegistration<LoweringOptions>(
      "allot-prepare",
      "Choose entries and taps and describe them: what the reference "
      "evaluation runs on",
      buildPreparePipeline);
  PassPipelineRegistration<LoweringOptions>(
      "allot-lower-to-llvm", "Lower an imported model to the LLVM dialect",
      buildLowerToLLVMPipeline);
}
