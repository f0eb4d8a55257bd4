//===- GradientTest.h - gradients against numeric differences ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_GRADIENT_GRADIENTTEST_H
#define ALLOT_TEST_UNIT_GRADIENT_GRADIENTTEST_H

#include "../Reference/ReferenceTest.h"
#include "allot/Gradient/Reverse.h"
#include "mlir/IR/Verifier.h"
#include <random>

namespace allot::test {

/// Compares the reverse function of @f, run by the reference evaluation, with
/// numeric differences of @f.
struct GradientTest : ReferenceTest {
  GradientTest() {
    mlir::DialectRegistry registry;
    gradient::registerVJPExternalModels(registry);
    context.appendDialectRegistry(registry);
  }

  /// A tensor of normal numbers times `scale`, plus `offset`.
  RefValue normal(llvm::ArrayRef<int64_t> shape, double scale = 1.0,
                  double offset = 0.0) {
    std::normal_distribution<double> distribution;
    std::vector<float> values(numberOf(shape));
    for (float &value : values)
      value = float(offset + scale * distribution(random));
    return floats(shape, std::move(values));
  }

  /// @f of this text at `arguments`: the derivatives of a random combination of
  /// its results by each number of each argument of floats, by four points
  /// around it (error h^4), must be what @f.reverse gives. Numbers are stored
  /// as f32, so a difference over h = 2^-6 is good to about 1e-5 of the largest
  /// result; `tolerance` is relative to the largest derivative, or 1.
  void check(llvm::StringRef text, std::vector<RefValue> arguments,
             double tolerance = 2e-4) {
    SCOPED_TRACE(text.str());
    interpreter.reset();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    auto function = module->lookupSymbol<mlir::func::FuncOp>("f");
    auto reverse = gradient::buildReverseFunction(function, {});
    ASSERT_TRUE(mlir::succeeded(reverse) && *reverse);
    ASSERT_TRUE(mlir::succeeded(mlir::verify(*module)));
    auto created = reference::Interpreter::create(*module, "");
    ASSERT_TRUE(bool(created)) << llvm::toString(created.takeError());
    interpreter = std::move(*created);

    std::vector<RefValue> reverseArguments = arguments;
    std::vector<std::vector<float>> weights;
    for (const RefValue &result : callAll(arguments)) {
      if (!result.floats)
        continue;
      reverseArguments.push_back(normal(result.shape));
      weights.push_back(*reverseArguments.back().floats);
    }
    llvm::SmallVector<RefValue> gradients;
    ASSERT_TRUE(mlir::succeeded(
        interpreter->call("f.reverse", reverseArguments, gradients)));
    size_t next = 0;
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (!arguments[i].floats)
        continue;
      ASSERT_LT(next, gradients.size());
      const RefValue &gradient = gradients[next++];
      ASSERT_EQ(gradient.shape, arguments[i].shape);
      compare(arguments, i, weights, *gradient.floats, tolerance);
    }
    EXPECT_EQ(next, gradients.size());
  }

  /// Expects that @f has no reverse function, for a reason that has `part`.
  void expectNone(llvm::StringRef text, llvm::StringRef part) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module) << text.str();
    std::string errors;
    mlir::ScopedDiagnosticHandler handler(&context,
                                          [&](mlir::Diagnostic &diagnostic) {
                                            errors += diagnostic.str() + "\n";
                                            return mlir::success();
                                          });
    auto function = module->lookupSymbol<mlir::func::FuncOp>("f");
    EXPECT_TRUE(mlir::failed(gradient::buildReverseFunction(function, {})));
    EXPECT_NE(errors.find(part.str()), std::string::npos)
        << "no '" << part.str() << "' in: " << errors;
  }

  static int64_t numberOf(llvm::ArrayRef<int64_t> shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    return count;
  }

  std::mt19937 random{7};

private:
  void compare(std::vector<RefValue> arguments, size_t index,
               llvm::ArrayRef<std::vector<float>> weights,
               llvm::ArrayRef<float> gradient, double tolerance) {
    std::vector<float> at = *arguments[index].floats;
    llvm::SmallVector<int64_t> shape = arguments[index].shape;
    double largest = 1.0;
    for (float g : gradient)
      largest = std::max(largest, double(std::abs(g)));
    auto loss = [&](size_t place, double step) {
      std::vector<float> moved = at;
      moved[place] = float(at[place] + step);
      arguments[index] = floats(shape, moved);
      double sum = 0;
      size_t k = 0;
      for (const RefValue &result : callAll(arguments)) {
        if (!result.floats)
          continue;
        for (auto [w, y] : llvm::zip_equal(weights[k], *result.floats))
          sum += double(w) * y;
        ++k;
      }
      return sum;
    };
    constexpr double h = 0x1p-6;
    for (size_t place = 0; place < at.size(); ++place) {
      double numeric = (8 * (loss(place, h) - loss(place, -h)) -
                        (loss(place, 2 * h) - loss(place, -2 * h))) /
                       (12 * h);
      EXPECT_NEAR(gradient[place], numeric, tolerance * largest)
          << "argument " << index << ", number " << place;
    }
  }
};

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_GRADIENT_GRADIENTTEST_H
