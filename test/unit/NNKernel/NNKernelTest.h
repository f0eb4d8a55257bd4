//===- NNKernelTest.h - what the tests of nn kernels share ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_NNKERNEL_NNKERNELTEST_H
#define ALLOT_TEST_UNIT_NNKERNEL_NNKERNELTEST_H

#include "../JITHelper.h"
#include "allot/Conversion/NNToKernel/NNToKernel.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>
#include <string>

namespace allot::test {

using F1 = Buffer<float, 1>;
using F2 = Buffer<float, 2>;
using F4 = Buffer<float, 4>;
using F6 = Buffer<float, 6>;
using I1 = Buffer<int32_t, 1>;
using I2 = Buffer<int32_t, 2>;

/// Compiles functions of nn ops on buffers through convert-nn-to-kernel.
class NNKernelTest : public ::testing::Test {
protected:
  NNKernelTest()
      : context(registry(), mlir::MLIRContext::Threading::DISABLED) {}

  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerForJIT(registry);
    registry.insert<nn::NNDialect>();
    return registry;
  }

  std::unique_ptr<CompiledKernels> compile(const std::string &source) {
    auto code =
        CompiledKernels::create(source, context, [](mlir::OpPassManager &pm) {
          pm.addPass(conversion::createConvertNNToKernel());
        });
    if (!code) {
      ADD_FAILURE() << llvm::toString(code.takeError());
      return nullptr;
    }
    return std::move(*code);
  }

  float uniform(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(random);
  }
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
  template <typename B>
  void fill(B &buffer, float scale = 1.0f) {
    std::normal_distribution<float> normal(0.0f, scale);
    for (int64_t i = 0; i < buffer.count(); ++i)
      buffer.data()[i] = normal(random);
  }

  mlir::MLIRContext context;
  std::mt19937 random{20261124};
};

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_NNKERNEL_NNKERNELTEST_H
