//===- BankTest.cpp - applications of banks against the reference -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Banks of members of all kinds, applied to rows that choose them in all ways: nobody, all the same, each another one, at random; no row, one row, more rows than members.
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

struct BankTest : RuntimeTest, testing::WithParamInterface<unsigned> {
  using Outputs = std::vector<std::vector<float>>;

  Outputs run(llvm::StringRef file, bool reference, std::function<void(mlir::OpPassManager &)> passes, llvm::ArrayRef<std::vector<Tensor>> inputs) {
    runtime::ProgramOptions options;
    options.passes = std::move(passes);
    options.reference = reference;
    options.threads = 2;
    auto program = Program::load(file, registry(), options);
    Outputs outputs;
    if (!program) {
      ADD_FAILURE() << llvm::toString(program.takeError());
      return outputs;
    }
    for (const std::vector<Tensor> &given : inputs) {
      auto result = (*program)->run(*(*program)->find("bank"), given);
      if (!result) {
        ADD_FAILURE() << llvm::toString(result.takeError());
        return outputs;
      }
      auto values = (*result)[0].values<float>();
      outputs.emplace_back(values.begin(), values.end());
    }
    return outputs;
  }

  void expectSame(const Outputs &got, const Outputs &expected, double tolerance) {
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].size(), expected[i].size());
      double largest = 1e-3;
      for (float value : expected[i])
        largest = std::max(largest, std::abs(double(value)));
      for (size_t j = 0; j < got[i].size(); ++j)
        ASSERT_NEAR(got[i][j], expected[i][j], tolerance * largest) << "case " << i << " at " << j;
    }
  }
};

TEST_P(BankTest, EveryStageComputesTheSame) {
  mlir::MLIRContext context(registry(), mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  RandomProgram source(context, GetParam());
  std::mt19937 random(GetParam());
  int64_t members = 1 + random() % 9;
  auto text = source.writeBank(path(""), members);
  ASSERT_TRUE(bool(text)) << llvm::toString(text.takeError());
  std::string file = write("m.mlir", *text);

  std::vector<std::vector<Tensor>> inputs;
  bool wide = text->find("%ids: tensor<?xi64>") != std::string::npos || text->find("xi64> {allot.name = \"ids\"") != std::string::npos;
  // `used` of the rows take part.
  auto add = [&](int64_t rows, llvm::function_ref<int64_t(int64_t)> choose, std::optional<int64_t> used = std::nullopt) {
    std::normal_distribution<float> normal;
    std::vector<float> x(rows * source.bankIn), weights(rows * source.perRow);
    std::vector<int64_t> ids(rows * source.perRow);
    for (float &value : x)
      value = normal(random);
    for (float &value : weights)
      value = normal(random);
    for (auto [place, id] : llvm::enumerate(ids))
      id = choose(place);
    llvm::SmallVector<int64_t> shape{rows};
    if (source.weighted)
      shape.push_back(source.perRow);
    std::vector<Tensor> given{floats("x", {rows, source.bankIn}, x),
                              wide ? tensor<int64_t>("ids", archive::DType::I64, shape, ids) : ints("ids", shape, std::vector<int32_t>(ids.begin(), ids.end()))};
    given.push_back(ints("rows", {1}, {int32_t(used.value_or(rows))}));
    if (source.weighted)
      given.push_back(floats("weights", shape, weights));
    inputs.push_back(std::move(given));
  };
  auto any = [&](int64_t) { return int64_t(random() % (members + 1)) - 1; };
  add(2, any, 0);
  add(1, [&](int64_t) { return members - 1; });
  add(1, [](int64_t) { return -1; });
  add(5, [](int64_t) { return -1; });
  add(7, [&](int64_t) { return members / 2; });
  add(members, [&](int64_t place) { return (members - 1 - place % members); });
  add(3 + random() % 20, any);
  add(64, any);

  pipelines::LoweringOptions lowering;
  Outputs expected = run(file, true, [&](mlir::OpPassManager &pm) { pipelines::buildPreparePipeline(pm, lowering); }, inputs);
  for (const char *evaluate : {"factored", "merged"}) {
    SCOPED_TRACE(evaluate);
    auto expand = [&](mlir::OpPassManager &pm) { buildExpanded(pm, lowering, evaluate); };
    expectSame(run(file, true, expand, inputs), expected, 2e-6);
    if (HasFailure() || (evaluate == llvm::StringRef("merged") && GetParam() % 4))
      continue;
    pipelines::LoweringOptions compiled;
    compiled.evaluate = evaluate;
    expectSame(run(file, false, [&](mlir::OpPassManager &pm) { pipelines::buildLowerToLLVMPipeline(pm, compiled); }, inputs), expected, 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, BankTest, testing::Range(0u, 12u));

} // namespace
