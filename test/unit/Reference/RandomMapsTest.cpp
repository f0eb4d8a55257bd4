//===- RandomMapsTest.cpp - four ways to the matrix of a map ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random expressions over all map ops. The matrix that LinearMapOpInterface::evaluateDense computes bottom-up must be what the interpreter's maps
// do to unit vectors, forwards and backwards, and what materialize and gather give.
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"
#include <random>

using namespace allot;
using namespace allot::test;
using namespace mlir;

namespace {

struct RandomMapsTest : ReferenceTest {
  /// A plain or encoded tensor of random numbers.
  Value tensor(llvm::ArrayRef<int64_t> shape) {
    auto type = RankedTensorType::get(shape, builder.getF32Type());
    std::vector<float> numbers(type.getNumElements());
    for (float &number : numbers)
      number = float(int(random() % 17) - 8) / 4;
    Value value = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, llvm::ArrayRef(numbers)));
    if (random() % 2)
      return value;
    Attribute format = random() % 2 ? Attribute(format::getFormatByName(&context, "int8g32")) : format::getFormatByName(&context, "f16");
    return format::EncodeOp::create(builder, loc, format::withFormat(type, format), value);
  }

  int64_t size() { return 1 + random() % 9; }

  Value map(int64_t out, int64_t in, unsigned depth) {
    unsigned kinds = depth == 0 ? 2 : 6;
    if (out == in && random() % 3 == 0) {
      if (random() % 2) {
        Value vector = arith::ConstantOp::create(
            builder, loc, DenseElementsAttr::get(RankedTensorType::get({out}, builder.getF32Type()), builder.getF32FloatAttr(-1.5f)));
        return adapter::DiagonalOp::create(builder, loc, vector);
      }
      llvm::SmallVector<int64_t> sources = llvm::to_vector(llvm::seq<int64_t>(0, out));
      std::shuffle(sources.begin(), sources.end(), random);
      return adapter::PermutationOp::create(builder, loc, sources);
    }
    switch (random() % kinds) {
    case 0:
      return adapter::DenseOp::create(builder, loc, tensor({out, in}));
    case 1: {
      int64_t rank = size();
      Value b = tensor({out, rank}), a = tensor({rank, in}), gate = random() % 2 ? tensor({rank}) : Value();
      return adapter::LowRankOp::create(builder, loc, b, a, gate);
    }
    case 2: {
      llvm::SmallVector<Value> maps;
      for (unsigned i = 0, n = 1 + random() % 3; i < n; ++i)
        maps.push_back(map(out, in, depth - 1));
      return adapter::SumOp::create(builder, loc, maps.front().getType(), maps);
    }
    case 3: {
      int64_t between = size();
      Value outer = map(out, between, depth - 1), inner = map(between, in, depth - 1);
      return adapter::ComposeOp::create(builder, loc, ValueRange{outer, inner});
    }
    case 4: {
      Value operand = map(out, in, depth - 1);
      return adapter::ScaleOp::create(builder, loc, operand.getType(), operand, builder.getF64FloatAttr(0.75));
    }
    default:
      return adapter::TransposeOp::create(builder, loc, map(in, out, depth - 1));
    }
  }

  /// The numbers of a tensor value, as the interpreter sees it.
  DenseMatrix numbersOf(Value tensor, ArrayRef<RefValue> tensors, ArrayRef<Value> returned) {
    auto shape = cast<RankedTensorType>(tensor.getType()).getShape();
    DenseMatrix matrix(shape[0], shape.size() > 1 ? shape[1] : 1);
    const RefValue &value = tensors[llvm::find(returned, tensor) - returned.begin()];
    for (size_t i = 0; i < matrix.values.size(); ++i)
      matrix.values[i] = (*value.floats)[i];
    return matrix;
  }

  Location loc = UnknownLoc::get(&context);
  OpBuilder builder{&context};
  std::mt19937 random{20};
};

TEST_F(RandomMapsTest, EvaluateDenseIsWhatApplyDoesToUnitVectors) {
  for (int round = 0; round < 60; ++round) {
    int64_t out = size(), in = size();
    module = ModuleOp::create(loc);
    builder.setInsertionPointToStart(module->getBody());
    auto function = func::FuncOp::create(builder, loc, "f", builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    Value top = map(out, in, 3);

    // Results: tensors of all leaves, decoded; apply to unit vectors; the same of the transposed map; materialize; gather of all rows.
    llvm::SmallVector<Value> leaves, results;
    function.walk([&](LinearMapOpInterface op) {
      for (Value operand : op->getOperands())
        if (isa<RankedTensorType>(operand.getType()) && !llvm::is_contained(leaves, operand))
          leaves.push_back(operand);
    });
    for (Value leaf : leaves) {
      auto type = cast<RankedTensorType>(leaf.getType());
      results.push_back(type.getEncoding() ? format::DecodeOp::create(builder, loc, type.dropEncoding(), leaf).getResult() : leaf);
    }
    auto matrixType = [&](int64_t rows, int64_t columns) { return RankedTensorType::get({rows, columns}, builder.getF32Type()); };
    auto identity = [&](int64_t n) -> Value {
      std::vector<float> ones(n * n, 0);
      for (int64_t i = 0; i < n; ++i)
        ones[i * n + i] = 1;
      return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(matrixType(n, n), llvm::ArrayRef(ones)));
    };
    auto apply = [&](Value map, int64_t n, int64_t m) -> Value {
      return adapter::ApplyOp::create(builder, loc, matrixType(n, m), map, identity(n), Value(), StringAttr(), adapter::EvaluationAttr());
    };
    results.push_back(apply(top, in, out));
    results.push_back(apply(adapter::TransposeOp::create(builder, loc, top), out, in));
    results.push_back(adapter::MaterializeOp::create(builder, loc, matrixType(out, in), top, StringAttr()));
    llvm::SmallVector<int64_t> allRows = llvm::to_vector(llvm::seq<int64_t>(0, out));
    Value ids = arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(RankedTensorType::get({out}, builder.getI64Type()), llvm::ArrayRef<int64_t>(allRows)));
    results.push_back(adapter::GatherOp::create(builder, loc, matrixType(out, in), top, ids, StringAttr()));
    func::ReturnOp::create(builder, loc, results);
    function.setFunctionType(builder.getFunctionType({}, TypeRange(ValueRange(results))));
    ASSERT_TRUE(succeeded(verify(*module)));

    auto created = reference::Interpreter::create(*module, "");
    ASSERT_TRUE(bool(created));
    interpreter = std::move(*created);
    std::vector<RefValue> values = callAll({});
    ASSERT_EQ(values.size(), results.size());

    llvm::DenseMap<Value, DenseMatrix> matrices;
    bool evaluated = true;
    function.walk([&](LinearMapOpInterface op) {
      std::vector<DenseMatrix> operands;
      for (Value operand : op->getOperands())
        operands.push_back(matrices.count(operand) ? matrices[operand] : numbersOf(operand, values, leaves));
      DenseMatrix matrix;
      evaluated &= succeeded(op.evaluateDense(operands, matrix));
      matrices[op->getResult(0)] = std::move(matrix);
    });
    ASSERT_TRUE(evaluated);
    const DenseMatrix &expected = matrices[top];
    size_t n = leaves.size();
    double largest = 1;
    for (double value : expected.values)
      largest = std::max(largest, std::abs(value));
    for (int64_t i = 0; i < out; ++i)
      for (int64_t j = 0; j < in; ++j) {
        double tolerance = 1e-6 * largest;
        EXPECT_NEAR((*values[n].floats)[j * out + i], expected(i, j), tolerance);
        EXPECT_NEAR((*values[n + 1].floats)[i * in + j], expected(i, j), tolerance);
        EXPECT_NEAR((*values[n + 2].floats)[i * in + j], expected(i, j), tolerance);
        EXPECT_NEAR((*values[n + 3].floats)[i * in + j], expected(i, j), tolerance);
      }
    interpreter.reset();
  }
}

} // namespace
