//===- DifferentialTest.cpp - lowerings against the reference ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random decoders, some formats each, run several times on the same tokens: by the reference evaluation as they are imported, by the reference evaluation after the
// passes that still work on tensors, and compiled. A prompt of rows of different lengths, then two steps behind it.
//
//===----------------------------------------------------------------------===//

#include "../Runtime/Fixture.h"
#include "Expanded.h"
#include "RandomProgram.h"
#include <cmath>

using namespace allot;
using namespace allot::test;
using runtime::Program;
using runtime::Tensor;

namespace {

struct DifferentialTest : RuntimeTest, testing::WithParamInterface<unsigned> {
  struct Step {
    std::vector<int32_t> tokens, count, past;
    int64_t length;
  };
  struct Run {
    std::vector<std::vector<float>> logits;
    std::vector<float> cache;
  };

  llvm::Expected<std::unique_ptr<Program>> program(llvm::StringRef file, bool reference, std::function<void(mlir::OpPassManager &)> passes) {
    runtime::ProgramOptions options;
    options.passes = std::move(passes);
    options.reference = reference;
    options.threads = 2;
    return Program::load(file, registry(), options);
  }

  /// Runs the steps, each behind the last one.
  Run run(llvm::Expected<std::unique_ptr<Program>> program, const std::vector<Step> &steps, llvm::ArrayRef<int64_t> cacheShape) {
    Run result;
    if (!program) {
      ADD_FAILURE() << llvm::toString(program.takeError());
      return result;
    }
    int64_t batch = cacheShape[2], elements = 1;
    for (int64_t d : cacheShape)
      elements *= d;
    Tensor cache = floats("cache", cacheShape, std::vector<float>(elements, 0.0f));
    for (const Step &step : steps) {
      auto outputs = (*program)->run(*(*program)->find("step"), {ints("tokens", {batch, step.length}, step.tokens), ints("count", {batch}, step.count),
                                                                 ints("past", {batch}, step.past), cache});
      if (!outputs) {
        ADD_FAILURE() << llvm::toString(outputs.takeError());
        return result;
      }
      // Behind the last real token of a row nothing is promised.
      auto logits = (*outputs)[0].values<float>();
      int64_t vocab = (*outputs)[0].shape()[2];
      std::vector<float> real;
      for (int64_t b = 0; b < batch; ++b)
        real.insert(real.end(), logits.begin() + b * step.length * vocab, logits.begin() + (b * step.length + step.count[b]) * vocab);
      result.logits.push_back(std::move(real));
      cache = (*outputs)[1];
    }
    auto values = cache.values<float>();
    result.cache.assign(values.begin(), values.end());
    return result;
  }

  void expectClose(llvm::ArrayRef<float> got, llvm::ArrayRef<float> expected, double tolerance) {
    ASSERT_EQ(got.size(), expected.size());
    double largest = 0, worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      largest = std::max(largest, std::abs(double(expected[i])));
      double error = std::abs(double(got[i]) - double(expected[i]));
      if (!(error <= worst))
        worst = error, at = i;
    }
    ASSERT_GT(largest, 0);
    EXPECT_LE(worst, tolerance * largest) << "at " << at << " of " << got.size() << ": " << got[at] << " and " << expected[at];
  }

  void expectSame(const Run &got, const Run &expected, double tolerance) {
    ASSERT_EQ(got.logits.size(), expected.logits.size());
    for (size_t i = 0; i < got.logits.size(); ++i)
      expectClose(got.logits[i], expected.logits[i], tolerance);
    expectClose(got.cache, expected.cache, tolerance);
  }
};

TEST_P(DifferentialTest, EveryStageComputesTheSame) {
  mlir::MLIRContext context(registry(), mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  RandomProgram source(context, GetParam());
  auto text = source.write(path(""));
  ASSERT_TRUE(bool(text)) << llvm::toString(text.takeError());
  std::string file = write("m.mlir", *text);

  std::mt19937 random(GetParam());
  int64_t batch = source.isWide ? 1 : 1 + random() % 3, length = 1 + random() % 7, capacity = length + 2 + random() % 3;
  auto token = [&] { return int32_t(random() % source.vocab); };
  std::vector<Step> steps(3);
  std::vector<int32_t> past(batch, 0);
  for (auto [i, step] : llvm::enumerate(steps)) {
    step.length = i == 0 ? length : 1;
    step.past = past;
    for (int64_t b = 0; b < batch; ++b) {
      step.count.push_back(i == 0 ? 1 + random() % length : 1);
      past[b] += step.count[b];
    }
    for (int64_t t = 0; t < batch * step.length; ++t)
      step.tokens.push_back(token());
  }
  llvm::SmallVector<int64_t> cache{source.layers, 2, batch, capacity, source.keyHeads, source.headSize};

  pipelines::LoweringOptions lowering;
  Run expected = run(program(file, true, [&](mlir::OpPassManager &pm) { pipelines::buildPreparePipeline(pm, lowering); }), steps, cache);
  for (const char *evaluate : {"factored", "merged"}) {
    SCOPED_TRACE(evaluate);
    // Expanded, fused and packed, on tensors still. Merged weights are rounded to f32 once more.
    auto expand = [&](mlir::OpPassManager &pm) { buildExpanded(pm, lowering, evaluate); };
    expectSame(run(program(file, true, expand), steps, cache), expected, 1e-6);
    // Each compilation takes seconds: merged programs are compiled for some seeds only.
    if (HasFailure() || (evaluate == llvm::StringRef("merged") && GetParam() % 4))
      continue;
    pipelines::LoweringOptions compiled;
    compiled.evaluate = evaluate;
    expectSame(run(program(file, false, [&](mlir::OpPassManager &pm) { pipelines::buildLowerToLLVMPipeline(pm, compiled); }), steps, cache), expected, 1e-5);
  }
  // The reference evaluation knows no rounded activations: these programs come near it only.
  const std::pair<const char *, double> rounded[] = {{"i16", 5e-4}, {"i8", 0.06}};
  auto [activations, tolerance] = rounded[GetParam() / 2 % 2];
  if (HasFailure() || GetParam() % 2 == 0)
    return;
  SCOPED_TRACE(activations);
  lowering.activations = activations;
  expectSame(run(program(file, false, [&](mlir::OpPassManager &pm) { pipelines::buildLowerToLLVMPipeline(pm, lowering); }), steps, cache), expected, tolerance);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DifferentialTest, testing::Range(0u, 12u));

} // namespace
