//===- ExpandTest.cpp - expansions against what they expand -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random expressions over all map ops, used in all ways, evaluated by the
// reference evaluation before and after adapter-expand in each of its
// evaluations and adapter-fuse-epilogue. Slices and transpositions of maps
// against the matrix.
//
//===----------------------------------------------------------------------===//

#include "../Reference/RandomMaps.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace allot;
using namespace allot::test;
using namespace mlir;

namespace {

struct ExpandTest : RandomMaps {
  /// An f32 constant of whole numbers.
  Value numbers(ArrayRef<int64_t> shape) {
    auto type = RankedTensorType::get(shape, builder.getF32Type());
    std::vector<float> values(type.getNumElements());
    for (float &value : values)
      value = float(int(random() % 9) - 4);
    return arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(type, ArrayRef(values)));
  }

  RankedTensorType type(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, builder.getF32Type());
  }

  Value apply(Value map, Value x, Value bias, ArrayRef<int64_t> shape) {
    return adapter::ApplyOp::create(builder, loc, type(shape), map, x, bias,
                                    StringAttr(), adapter::EvaluationAttr());
  }

  Value materialize(Value map) {
    return adapter::MaterializeOp::create(
        builder, loc, type(cast<adapter::MapType>(map.getType()).getShape()),
        map, StringAttr());
  }

  /// Makes @f that returns what `make` gives.
  void makeFunction(llvm::function_ref<SmallVector<Value>()> make) {
    interpreter.reset();
    module = ModuleOp::create(loc);
    builder.setInsertionPointToStart(module->getBody());
    auto function = func::FuncOp::create(builder, loc, "f",
                                         builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    SmallVector<Value> results = make();
    func::ReturnOp::create(builder, loc, results);
    function.setFunctionType(
        builder.getFunctionType({}, TypeRange(ValueRange(results))));
    ASSERT_TRUE(succeeded(verify(*module)));
  }

  std::vector<RefValue> evaluateModule() {
    interpreter.reset();
    auto created = reference::Interpreter::create(*module, "");
    if (!created) {
      ADD_FAILURE() << llvm::toString(created.takeError());
      return {};
    }
    interpreter = std::move(*created);
    std::vector<RefValue> values = callAll({});
    interpreter.reset();
    return values;
  }

  void expectClose(const RefValue &got, const RefValue &expected) {
    ASSERT_EQ(ArrayRef<int64_t>(got.shape), ArrayRef<int64_t>(expected.shape));
    double largest = 1;
    for (float value : *expected.floats)
      largest = std::max(largest, double(std::abs(value)));
    for (size_t i = 0; i < expected.floats->size(); ++i)
      ASSERT_NEAR((*got.floats)[i], (*expected.floats)[i], 1e-5 * largest)
          << "at " << i;
  }
};

TEST_F(ExpandTest, ExpandedUsesGiveTheSame) {
  for (int round = 0; round < 240; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    int64_t out = size(), in = size();
    makeFunction([&]() -> SmallVector<Value> {
      Value top = map(out, in, 3);
      Value transposed = adapter::TransposeOp::create(builder, loc, top);
      Value plain = apply(top, numbers({3, in}), Value(), {3, out});
      Value biased =
          apply(top, numbers({2, 1, in}), numbers({out}), {2, 1, out});
      Value gated = arith::MulFOp::create(
          builder, loc,
          nn::ActivationOp::create(builder, loc, nn::ActivationKind::SiLU,
                                   biased),
          numbers({2, 1, out}));
      Value back = apply(transposed, numbers({out}), Value(), {in});
      SmallVector<int64_t> rows;
      for (int i = 0; i < 4; ++i)
        rows.push_back(random() % out);
      Value ids = arith::ConstantOp::create(
          builder, loc,
          DenseElementsAttr::get(
              RankedTensorType::get({2, 2}, builder.getI64Type()),
              ArrayRef<int64_t>(rows)));
      Value gathered = adapter::GatherOp::create(builder, loc, type({2, 2, in}),
                                                 top, ids, StringAttr());
      return {plain,
              arith::AddFOp::create(builder, loc, gated, numbers({2, 1, out})),
              back, gathered, materialize(transposed)};
    });
    std::vector<RefValue> expected = evaluateModule();
    ASSERT_EQ(expected.size(), 5u);
    OwningOpRef<ModuleOp> before = std::move(module);
    for (const char *evaluation : {"factored", "merged", "chosen"}) {
      SCOPED_TRACE(evaluation);
      module = before->clone();
      PassManager pm(&context);
      if (random() % 2)
        pm.addPass(createCanonicalizerPass());
      adapter::AdapterExpandOptions options;
      if (evaluation == StringRef("chosen")) {
        adapter::AdapterChooseEvaluationOptions choose;
        choose.rows = 1 + random() % 100;
        pm.addPass(adapter::createAdapterChooseEvaluation(choose));
      } else {
        options.evaluate = evaluation;
      }
      pm.addPass(adapter::createAdapterExpand(options));
      pm.addPass(createCanonicalizerPass());
      pm.addPass(createCSEPass());
      pm.addPass(adapter::createAdapterFuseEpilogue());
      ASSERT_TRUE(succeeded(pm.run(*module)));
      module->walk([&](Operation *op) {
        EXPECT_FALSE(isa<LinearMapOpInterface>(op) ||
                     isa<adapter::ApplyOp>(op) || isa<adapter::GatherOp>(op) ||
                     isa<adapter::MaterializeOp>(op));
      });
      std::vector<RefValue> got = evaluateModule();
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i) {
        SCOPED_TRACE("result " + std::to_string(i));
        expectClose(got[i], expected[i]);
      }
    }
  }
}

TEST_F(ExpandTest, SlicesAndTranspositionsAreThoseOfTheMatrix) {
  unsigned sliced = 0;
  for (int round = 0; round < 240; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    int64_t out = size(), in = size(), offsets[2] = {}, sizes[2] = {};
    bool has[3] = {};
    makeFunction([&]() -> SmallVector<Value> {
      Value top = map(out, in, 2);
      auto op = top.getDefiningOp<LinearMapOpInterface>();
      SmallVector<Value> results{materialize(top)};
      for (unsigned axis = 0; axis < 2; ++axis) {
        int64_t extent = axis == 0 ? out : in;
        offsets[axis] = random() % extent;
        sizes[axis] = 1 + random() % (extent - offsets[axis]);
        Value slice =
            op.buildSlice(builder, loc, axis, offsets[axis], sizes[axis]);
        has[axis] = bool(slice);
        if (slice)
          results.push_back(materialize(slice));
        EXPECT_FALSE(op.buildSlice(builder, loc, axis, 0, extent + 1));
        EXPECT_FALSE(op.buildSlice(builder, loc, axis, -1, 1));
      }
      Value transposed =
          op.buildTransposed(builder, loc, /*structureOnly=*/false);
      has[2] = bool(transposed);
      if (transposed)
        results.push_back(materialize(transposed));
      return results;
    });
    std::vector<RefValue> values = evaluateModule();
    ASSERT_FALSE(values.empty());
    auto at = [&](const RefValue &value, int64_t i, int64_t j) {
      return (*value.floats)[i * value.shape[1] + j];
    };
    // Sums in another order: equal but for the last bits.
    auto expectNear = [](float got, float expected) {
      EXPECT_NEAR(got, expected, 1e-6 * std::max(1.0f, std::abs(expected)));
    };
    size_t next = 1;
    for (unsigned axis = 0; axis < 2; ++axis) {
      if (!has[axis])
        continue;
      ++sliced;
      ASSERT_LT(next, values.size());
      const RefValue &slice = values[next++];
      SmallVector<int64_t> shape{out, in};
      shape[axis] = sizes[axis];
      ASSERT_EQ(ArrayRef<int64_t>(slice.shape), ArrayRef<int64_t>(shape));
      for (int64_t i = 0; i < shape[0]; ++i)
        for (int64_t j = 0; j < shape[1]; ++j)
          expectNear(at(slice, i, j),
                     at(values[0], i + (axis == 0 ? offsets[0] : 0),
                        j + (axis == 1 ? offsets[1] : 0)));
    }
    ASSERT_TRUE(has[2]);
    const RefValue &transposed = values[next];
    for (int64_t i = 0; i < in; ++i)
      for (int64_t j = 0; j < out; ++j)
        expectNear(at(transposed, i, j), at(values[0], j, i));
  }
  EXPECT_GT(sliced, 60u);
}

// A train of 16 x 16 outputs and 4 x 16 inputs, ranks 3: two cores are contracted
// to 16 x 16 x 3 numbers and two to 3 x 4 x 16, which the rows meet.
TEST_F(ExpandTest, CostOfANetwork) {
  makeFunction([&]() -> SmallVector<Value> {
    Value train = adapter::ContractOp::create(
        builder, loc, "ar,rbs,sct,td->ab|cd",
        ValueRange{numbers({16, 3}), numbers({3, 16, 3}), numbers({3, 4, 3}),
                   numbers({3, 16})});
    auto op = train.getDefiningOp<LinearMapOpInterface>();
    uint64_t cores = 48 + 144 + 36 + 48, made = 16 * 16 * 3 + 3 * 4 * 16,
             once = 2 * (16 * 3 * 16 * 3 + 3 * 4 * 3 * 16),
             row = 2 * (64 * 3 + 256 * 3);
    for (int64_t rows : {1, 10}) {
      EXPECT_EQ(op.getOwnCost(rows).flops, once + rows * row);
      EXPECT_EQ(op.getOwnCost(rows).bytesRead, 4 * (cores + made));
    }
    return {materialize(train)};
  });
}

// Sizes at which leaves are applied in other ways than small ones.
TEST_F(ExpandTest, LargerLeavesGiveTheSame) {
  for (int round = 0; round < 18; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    auto build = [&]() -> Value {
      const int64_t blocks[][3] = {{1, 1, 768}, {2, 3, 64}, {3, 1, 60},
                                   {1, 4, 96},  {2, 2, 61}, {2, 3, 256}};
      const int64_t points[] = {36, 49, 60, 97, 128, 74};
      switch (round / 6) {
      case 0: {
        const int64_t *shape = blocks[round % 6];
        return adapter::CirculantOp::create(
            builder, loc, numbers({shape[0], shape[1], shape[2]}));
      }
      case 1:
        return adapter::FourierOp::create(builder, loc, points[round % 6],
                                          bool(random() % 2));
      default: {
        Value operand = skew(6 + round, round % 2 ? 3 : 0);
        std::optional<int64_t> terms;
        if (round % 3)
          terms = 3 + round % 3;
        Value scaled =
            adapter::ScaleOp::create(builder, loc, operand.getType(), operand,
                                     builder.getF64FloatAttr(0.125));
        Value q = adapter::CayleyOp::create(builder, loc, scaled, terms);
        return round % 2 ? adapter::BlockDiagonalOp::create(builder, loc,
                                                            ValueRange{q})
                               .getResult()
                         : q;
      }
      }
    };
    makeFunction([&]() -> SmallVector<Value> {
      Value top = build();
      auto of = cast<adapter::MapType>(top.getType());
      return {apply(top, numbers({3, of.getIn()}), Value(), {3, of.getOut()}),
              apply(top, numbers({of.getIn()}), Value(), {of.getOut()})};
    });
    std::vector<RefValue> expected = evaluateModule();
    ASSERT_EQ(expected.size(), 2u);
    OwningOpRef<ModuleOp> before = std::move(module);
    for (const char *evaluation : {"factored", "merged"}) {
      SCOPED_TRACE(evaluation);
      module = before->clone();
      PassManager pm(&context);
      adapter::AdapterExpandOptions options;
      options.evaluate = evaluation;
      pm.addPass(adapter::createAdapterExpand(options));
      ASSERT_TRUE(succeeded(pm.run(*module)));
      std::vector<RefValue> got = evaluateModule();
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i)
        expectClose(got[i], expected[i]);
    }
  }
}

} // namespace
