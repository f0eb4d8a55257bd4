//===- RandomMapsTest.cpp - four ways to the matrix of a map ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random expressions over all map ops. The matrix that
// LinearMapOpInterface::evaluateDense computes bottom-up must be what the
// interpreter's maps do to unit vectors, forwards and backwards, and what
// materialize and gather give.
//
//===----------------------------------------------------------------------===//

#include "RandomMaps.h"
#include "mlir/IR/Verifier.h"

using namespace allot;
using namespace allot::test;
using namespace mlir;

namespace {

struct RandomMapsTest : RandomMaps {
  /// The numbers of a tensor value, as the interpreter sees it.
  DenseMatrix numbersOf(Value tensor, ArrayRef<RefValue> tensors,
                        ArrayRef<Value> returned) {
    auto shape = cast<RankedTensorType>(tensor.getType()).getShape();
    // The matrices of a bank one below the other.
    int64_t rows = 1;
    for (int64_t size : shape.size() > 1 ? shape.drop_back() : shape)
      rows *= size;
    DenseMatrix matrix(rows, shape.size() > 1 ? shape.back() : 1);
    const RefValue &value =
        tensors[llvm::find(returned, tensor) - returned.begin()];
    for (size_t i = 0; i < matrix.values.size(); ++i)
      matrix.values[i] = (*value.floats)[i];
    return matrix;
  }
};

TEST_F(RandomMapsTest, EvaluateDenseIsWhatApplyDoesToUnitVectors) {
  llvm::StringMap<int> met;
  for (int round = 0; round < 800; ++round) {
    int64_t out = size(), in = size();
    module = ModuleOp::create(loc);
    builder.setInsertionPointToStart(module->getBody());
    auto function = func::FuncOp::create(builder, loc, "f",
                                         builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    Value top = map(out, in, 3);

    // Results: tensors of all leaves, decoded; apply to unit vectors; the same
    // of the transposed map; materialize; gather of all rows.
    llvm::SmallVector<Value> leaves, results;
    function.walk([&](LinearMapOpInterface op) {
      for (Value operand : op->getOperands())
        if (isa<RankedTensorType>(operand.getType()) &&
            !llvm::is_contained(leaves, operand))
          leaves.push_back(operand);
    });
    for (Value leaf : leaves) {
      auto type = cast<RankedTensorType>(leaf.getType());
      results.push_back(type.getEncoding()
                            ? format::DecodeOp::create(
                                  builder, loc, type.dropEncoding(), leaf)
                                  .getResult()
                            : leaf);
    }
    auto matrixType = [&](int64_t rows, int64_t columns) {
      return RankedTensorType::get({rows, columns}, builder.getF32Type());
    };
    auto identity = [&](int64_t n) -> Value {
      std::vector<float> ones(n * n, 0);
      for (int64_t i = 0; i < n; ++i)
        ones[i * n + i] = 1;
      return arith::ConstantOp::create(
          builder, loc,
          DenseElementsAttr::get(matrixType(n, n), llvm::ArrayRef(ones)));
    };
    auto apply = [&](Value map, int64_t n, int64_t m) -> Value {
      return adapter::ApplyOp::create(builder, loc, matrixType(n, m), map,
                                      identity(n), Value(), StringAttr(),
                                      adapter::EvaluationAttr());
    };
    results.push_back(apply(top, in, out));
    results.push_back(
        apply(adapter::TransposeOp::create(builder, loc, top), out, in));
    results.push_back(adapter::MaterializeOp::create(
        builder, loc, matrixType(out, in), top, StringAttr()));
    llvm::SmallVector<int64_t> allRows =
        llvm::to_vector(llvm::seq<int64_t>(0, out));
    Value ids = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(
            RankedTensorType::get({out}, builder.getI64Type()),
            llvm::ArrayRef<int64_t>(allRows)));
    results.push_back(adapter::GatherOp::create(
        builder, loc, matrixType(out, in), top, ids, StringAttr()));
    func::ReturnOp::create(builder, loc, results);
    function.setFunctionType(
        builder.getFunctionType({}, TypeRange(ValueRange(results))));
    ASSERT_TRUE(succeeded(verify(*module)));

    auto created = reference::Interpreter::create(*module, "");
    ASSERT_TRUE(bool(created));
    interpreter = std::move(*created);
    std::vector<RefValue> values = callAll({});
    ASSERT_EQ(values.size(), results.size());

    llvm::DenseMap<Value, DenseMatrix> matrices;
    bool evaluated = true;
    function.walk([&](LinearMapOpInterface op) {
      ++met[op->getName().stripDialect()];
      std::vector<DenseMatrix> operands;
      for (Value operand : op->getOperands())
        operands.push_back(matrices.count(operand)
                               ? matrices[operand]
                               : numbersOf(operand, values, leaves));
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
        EXPECT_NEAR((*values[n].floats)[j * out + i], expected(i, j),
                    tolerance);
        EXPECT_NEAR((*values[n + 1].floats)[i * in + j], expected(i, j),
                    tolerance);
        EXPECT_NEAR((*values[n + 2].floats)[i * in + j], expected(i, j),
                    tolerance);
        EXPECT_NEAR((*values[n + 3].floats)[i * in + j], expected(i, j),
                    tolerance);
      }
    interpreter.reset();
  }
  for (const char *name :
       {"identity", "zero", "dense", "lowrank", "diagonal", "permutation",
        "sum", "compose", "scale", "transpose", "concat", "reorder", "kron",
        "hadamard", "block_diagonal", "normalize", "slice", "sparse", "skew",
        "cayley", "householder", "circulant", "fourier", "haar", "contract", "bank",
         "select"})
    EXPECT_GE(met[name], 10) << name;
}

} // namespace
