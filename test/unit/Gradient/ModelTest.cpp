//===- ModelTest.cpp - gradients of whole models ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small imported models, from the first hidden state to the loss. What each
// matrix gives is made an argument (a tensor of zeros is added), so that the
// gradients that profiling reads can be compared with numeric differences too.
//
//===----------------------------------------------------------------------===//

#include "GradientTest.h"
#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "allot/Dialect/NN/Transforms/Transforms.h"
#include "allot/Import/Import.h"

using namespace allot;
using namespace allot::test;
using namespace mlir;

namespace {

struct ModelGradient : GradientTest {
  /// From the first hidden state to the loss, each output of a matrix plus an
  /// argument.
  func::FuncOp prepare() {
    auto entry = module->lookupSymbol<func::FuncOp>("logits");
    if (failed(nn::appendLoss(entry)))
      return {};
    auto parts = nn::splitAtTaps(entry, "hidden_states.0");
    if (failed(parts) || parts->size() != 2)
      return {};
    func::FuncOp rest = (*parts)[1];
    adapter::instrument(rest, /*outputs=*/true);
    llvm::SmallVector<nn::TapOp> taps;
    rest.walk([&](nn::TapOp tap) {
      if (tap.getName().ends_with(".output"))
        taps.push_back(tap);
    });
    for (nn::TapOp tap : taps) {
      if (failed(rest.insertArgument(rest.getNumArguments(),
                                     tap.getResult().getType(), {},
                                     tap.getLoc())))
        return {};
      OpBuilder builder(tap);
      tap.getXMutable().assign(arith::AddFOp::create(
          builder, tap.getLoc(), tap.getX(), rest.getArguments().back()));
    }
    return rest;
  }

  double lossAt(StringRef function, std::vector<RefValue> &arguments) {
    llvm::SmallVector<RefValue> results;
    EXPECT_TRUE(succeeded(interpreter->call(function, arguments, results)));
    double sum = 0;
    for (float loss : *results[0].floats)
      sum += loss;
    return sum;
  }

  void check(const std::string &checkpoint);
};

void ModelGradient::check(const std::string &checkpoint) {
  SCOPED_TRACE(checkpoint);
  interpreter.reset();
  importer::ImportOptions options;
  options.checkpoint = std::string(ALLOT_MODELS) + "/" + checkpoint;
  auto imported = importer::importCheckpoint(context, options);
  ASSERT_TRUE(bool(imported)) << llvm::toString(imported.takeError());
  module = std::move(*imported);
  func::FuncOp rest = prepare();
  ASSERT_TRUE(rest);
  gradient::ReverseOptions reverse;
  reverse.gradients = {".output"};
  auto back = gradient::buildReverseFunction(rest, reverse);
  ASSERT_TRUE(succeeded(back) && *back);
  ASSERT_TRUE(succeeded(verify(*module)));
  auto created = reference::Interpreter::create(*module, ".");
  ASSERT_TRUE(bool(created)) << llvm::toString(created.takeError());
  interpreter = std::move(*created);

  // Two rows of five tokens; nothing follows the last of each.
  std::vector<int64_t> ids, labels;
  for (int i = 0; i < 10; ++i)
    ids.push_back(random() % 100);
  for (int i = 0; i < 10; ++i)
    labels.push_back(i % 5 == 4 ? -1 : ids[i + 1]);
  llvm::SmallVector<RefValue> hidden;
  std::vector<RefValue> arguments = {ints({2, 5}, ids), ints({2, 5}, labels)};
  ASSERT_TRUE(succeeded(interpreter->call("logits.part.0", arguments, hidden)));
  arguments.push_back(hidden[0]);
  for (Type type : rest.getArgumentTypes().drop_front(3)) {
    int64_t width = cast<RankedTensorType>(type).getShape().back();
    arguments.push_back(
        floats({2, 5, width}, std::vector<float>(10 * width, 0.0f)));
  }
  std::vector<RefValue> reverseArguments = arguments;
  reverseArguments.push_back(floats({2, 5}, std::vector<float>(10, 1.0f)));
  llvm::SmallVector<RefValue> gradients;
  ASSERT_TRUE(succeeded(
      interpreter->call(back->getName(), reverseArguments, gradients)));
  // By the hidden state and each argument, then again by each tap.
  size_t count = arguments.size() - 2;
  ASSERT_EQ(gradients.size(), 2 * count - 1);
  for (size_t i = 1; i < count; ++i)
    EXPECT_EQ(*gradients[i].floats, *gradients[count + i - 1].floats);

  std::string name = rest.getName().str();
  for (size_t i = 0; i < count; ++i) {
    llvm::ArrayRef<float> gradient = *gradients[i].floats;
    std::vector<float> direction(gradient.size());
    double slope = 0;
    for (size_t j = 0; j < gradient.size(); ++j) {
      direction[j] = random() % 2 ? 2 * gradient[j] : gradient[j] / 2;
      slope += double(direction[j]) * gradient[j];
    }
    ASSERT_GT(slope, 0.0) << "argument " << i;
    // Steps that change the loss by about a hundredth: far above what f32
    // losses resolve, far below where it bends.
    double h = 0.01 / slope;
    const std::vector<float> at = *arguments[2 + i].floats;
    auto loss = [&](double step) {
      std::vector<float> moved = at;
      for (size_t j = 0; j < moved.size(); ++j)
        moved[j] += float(step * direction[j]);
      arguments[2 + i] = floats(gradients[i].shape, moved);
      return lossAt(name, arguments);
    };
    double numeric =
        (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h);
    arguments[2 + i] = floats(gradients[i].shape, at);
    EXPECT_NEAR(numeric / slope, 1.0, 2e-3) << "argument " << i;
  }
}

TEST_F(ModelGradient, TiedLlama) { check("llama_tied_llama3"); }
TEST_F(ModelGradient, HalfPrecisionLlama) { check("llama_bf16"); }

} // namespace
