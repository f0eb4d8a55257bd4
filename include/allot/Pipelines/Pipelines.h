//===- Pipelines.h - passes in the order in which they make sense -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_PIPELINES_PIPELINES_H
#define ALLOT_PIPELINES_PIPELINES_H

#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace allot::pipelines {

/// Options of `allot-lower-to-llvm`.
struct LoweringOptions : public mlir::PassPipelineOptions<LoweringOptions> {
  ListOption<std::string> entries{
      *this, "entries",
      llvm::cl::desc("Functions to keep; all public ones if none is named")};
  ListOption<std::string> taps{
      *this, "taps",
      llvm::cl::desc(
          "Prefixes of the taps that become results; the others are removed")};
  Option<std::string> splitAt{
      *this, "split-at",
      llvm::cl::desc("Cut `logits` into parts at the taps that start so "
                     "(nn-split-at-taps)"),
      llvm::cl::init("")};
  Option<bool> instrument{
      *this, "instrument",
      llvm::cl::desc("Make the inputs of matrices taps (adapter-instrument) "
                     "before taps are chosen"),
      llvm::cl::init(false)};
  Option<bool> gradients{
      *this, "gradients",
      llvm::cl::desc(
          "Make `logits` give its loss (nn-append-loss) before it is "
          "cut, and add reverse functions (gradient-reverse) that "
          "give gradients by the outputs of matrices, and their "
          "inputs"),
      llvm::cl::init(false)};
  Option<bool> timeParts{
      *this, "time-parts",
      llvm::cl::desc("Give entries an input in which they count the time of "
                     "each part (program-name-parts, program-time-parts)"),
      llvm::cl::init(false)};
  Option<std::string> evaluate{
      *this, "evaluate",
      llvm::cl::desc(
          "How map expressions are evaluated: auto, factored or merged"),
      llvm::cl::init("auto")};
  Option<bool> hoist{
      *this, "hoist",
      llvm::cl::desc("Compute what depends on weights alone once, when they "
                     "are loaded (program-hoist-constants)"),
      llvm::cl::init(true)};
  Option<std::string> activations{
      *this, "activations",
      llvm::cl::desc("Type of the activations in dot products: f32, i16 or i8"),
      llvm::cl::init("f32")};
  Option<int64_t> tileRows{
      *this, "tile-rows",
      llvm::cl::desc("Rows of a tile of packed weights: 8 or 16"),
      llvm::cl::init(8)};
  Option<std::string> target{
      *this, "target",
      llvm::cl::desc("What the processor can do: generic, avx2, avx512vnni, or "
                     "LLVM features such as +avx2,+fma"),
      llvm::cl::init("avx2")};
  Option<std::string> weightsAs{
      *this, "weights-as",
      llvm::cl::desc("Keep all packed weights in this float format (f32) "
                     "instead of their own"),
      llvm::cl::init("")};
};

/// The prefixes of taps (LoweringOptions::taps) that users' prefixes stand for:
/// the hidden states of a model have several names.
std::vector<std::string> tapsOf(llvm::ArrayRef<std::string> prefixes);
inline constexpr llvm::StringLiteral kHiddenStates = "hidden_states",
                                     kRouter = "router";

/// What the user of a program asks of the pipeline that makes it; the other
/// options say how.
struct ProgramRequest {
  std::vector<std::string> entries, taps;
  /// Cut the entry `logits` into parts at the taps that start so.
  std::string splitAt;
  /// Make the inputs of matrices taps first.
  bool instrument = false;
  /// Make the loss of `logits`, and gradients of it.
  bool gradients = false;
  /// Make entries count the time of each part.
  bool timeParts = false;
  /// Keep packed weights in this float format; empty: in their own.
  std::string weightsAs;

  /// Whoever runs the program changes weights: nothing may be computed from
  /// them in advance.
  bool changesWeights = false;

  void configure(LoweringOptions &options) const;
};

/// The part before any lowering: drops functions that are not wanted, exposes
/// or strips taps, describes the entries. What the reference evaluation runs
/// on.
void buildPreparePipeline(mlir::OpPassManager &pm,
                          const LoweringOptions &options);

/// From an imported model to the LLVM dialect: `buildPreparePipeline`, then
/// maps, formats, bufferization, kernels, LLVM.
void buildLowerToLLVMPipeline(mlir::OpPassManager &pm,
                              const LoweringOptions &options);

/// What a program is made with: `buildPreparePipeline` where it is run by the
/// reference evaluation, else `buildLowerToLLVMPipeline`.
void buildProgramPipeline(mlir::OpPassManager &pm,
                          const LoweringOptions &options, bool reference);

/// From a model to a plan: plan-extract, plan-solve, plan-isolate. `progress`
/// may be null.
void buildPlanPipeline(mlir::OpPassManager &pm,
                       plan::PlanExtractOptions extract,
                       const plan::PlanSolveOptions &solve,
                       support::Progress *progress);

/// The passes which `build` adds to a module pass manager, as text that
/// `allot-opt --pass-pipeline` takes.
std::string pipelineText(llvm::function_ref<void(mlir::OpPassManager &)> build);

/// Registers `allot-prepare` and `allot-lower-to-llvm`, and the passes of this
/// library.
void registerPipelines();

} // namespace allot::pipelines

#endif // ALLOT_PIPELINES_PIPELINES_H
