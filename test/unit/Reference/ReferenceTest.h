//===- ReferenceTest.h - evaluating modules written in tests ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_REFERENCE_REFERENCETEST_H
#define ALLOT_TEST_UNIT_REFERENCE_REFERENCETEST_H

#include "allot/Codec/Codec.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Reference/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <cmath>

namespace allot::test {

inline RefValue floats(llvm::ArrayRef<int64_t> shape, std::vector<float> values) { return reference::makeTensor(shape, std::move(values)); }
inline RefValue ints(llvm::ArrayRef<int64_t> shape, std::vector<int64_t> values) { return reference::makeTensor(shape, std::move(values)); }

struct ReferenceTest : testing::Test {
  ReferenceTest() {
    mlir::DialectRegistry registry;
    registry.insert<adapter::AdapterDialect, format::FormatDialect, nn::NNDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect,
                    mlir::linalg::LinalgDialect, mlir::math::MathDialect, mlir::ml_program::MLProgramDialect, mlir::scf::SCFDialect,
                    mlir::tensor::TensorDialect>();
    codec::registerCodecExternalModels(registry);
    reference::registerReferenceExternalModels(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  void parse(llvm::StringRef text, llvm::StringRef folder = "") {
    interpreter.reset();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module) << text.str();
    auto created = reference::Interpreter::create(*module, folder);
    ASSERT_TRUE(bool(created)) << llvm::toString(created.takeError());
    interpreter = std::move(*created);
  }

  /// Evaluates @f; all of its results.
  std::vector<RefValue> callAll(llvm::ArrayRef<RefValue> arguments, reference::Interpreter::TapCallback taps = nullptr) {
    llvm::SmallVector<RefValue> results;
    if (!interpreter || mlir::failed(interpreter->call("f", arguments, results, taps)))
      ADD_FAILURE() << "the evaluation fails";
    return {results.begin(), results.end()};
  }

  /// The one result of @f in a module of this text.
  RefValue evaluate(llvm::StringRef text, llvm::ArrayRef<RefValue> arguments = {}) {
    parse(text);
    std::vector<RefValue> results = callAll(arguments);
    EXPECT_EQ(results.size(), 1u);
    return results.empty() ? RefValue() : results[0];
  }

  /// Expects that @f fails with errors that have all of `parts`.
  void expectError(llvm::StringRef text, llvm::ArrayRef<RefValue> arguments, std::initializer_list<const char *> parts) {
    parse(text);
    if (!interpreter)
      return;
    std::string errors;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      errors += diagnostic.str() + "\n";
      return mlir::success();
    });
    llvm::SmallVector<RefValue> results;
    EXPECT_TRUE(mlir::failed(interpreter->call("f", arguments, results)));
    for (const char *part : parts)
      EXPECT_NE(errors.find(part), std::string::npos) << "no '" << part << "' in: " << errors;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<reference::Interpreter> interpreter;
};

inline void expectFloats(const RefValue &value, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> expected, double tolerance = 1e-6) {
  EXPECT_EQ(llvm::ArrayRef<int64_t>(value.shape), shape);
  ASSERT_TRUE(value.floats);
  ASSERT_EQ(value.floats->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR((*value.floats)[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i]))) << "at " << i;
}

inline void expectInts(const RefValue &value, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> expected) {
  EXPECT_EQ(llvm::ArrayRef<int64_t>(value.shape), shape);
  ASSERT_TRUE(value.ints);
  EXPECT_EQ(llvm::ArrayRef<int64_t>(*value.ints), expected);
}

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_REFERENCE_REFERENCETEST_H
