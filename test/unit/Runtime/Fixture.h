//===- Fixture.h - programs written in a test -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_RUNTIME_FIXTURE_H
#define ALLOT_TEST_UNIT_RUNTIME_FIXTURE_H

#include "allot/InitAllDialects.h"
#include "allot/InitAllExtensions.h"
#include "allot/Pipelines/Pipelines.h"
#include "allot/Runtime/Program.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

/// A folder of its own per test, removed afterwards.
class RuntimeTest : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("allot-runtime", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(llvm::StringRef name) const {
    llvm::SmallString<128> result(folder);
    llvm::sys::path::append(result, name);
    return result.str().str();
  }
  std::string write(llvm::StringRef name, llvm::StringRef text) const {
    std::error_code error;
    llvm::raw_fd_ostream os(path(name), error);
    os << text;
    return path(name);
  }

  static const mlir::DialectRegistry &registry() {
    static const mlir::DialectRegistry all = [] {
      mlir::DialectRegistry made;
      allot::registerAllDialects(made);
      allot::registerAllExtensions(made);
      return made;
    }();
    return all;
  }

  /// Loads a module given as text, with the pipeline of `allot run`.
  llvm::Expected<std::unique_ptr<allot::runtime::Program>>
  load(llvm::StringRef text, std::vector<std::string> entries = {},
       unsigned threads = 1) const {
    allot::pipelines::LoweringOptions lowering;
    lowering.entries = entries;
    allot::runtime::ProgramOptions options;
    options.passes = [&](mlir::OpPassManager &pm) {
      allot::pipelines::buildLowerToLLVMPipeline(pm, lowering);
    };
    options.entries = entries;
    options.threads = threads;
    return allot::runtime::Program::load(write("m.mlir", text), registry(),
                                         options);
  }

  template <typename T>
  static allot::runtime::Tensor
  tensor(llvm::StringRef name, allot::archive::DType dtype,
         llvm::ArrayRef<int64_t> shape, std::vector<T> values) {
    auto made = allot::runtime::Tensor::create(name, dtype, shape);
    EXPECT_TRUE(bool(made));
    std::copy(values.begin(), values.end(), made->template values<T>().begin());
    return *made;
  }
  static allot::runtime::Tensor floats(llvm::StringRef name,
                                       llvm::ArrayRef<int64_t> shape,
                                       std::vector<float> values) {
    return tensor<float>(name, allot::archive::DType::F32, shape,
                         std::move(values));
  }
  static allot::runtime::Tensor ints(llvm::StringRef name,
                                     llvm::ArrayRef<int64_t> shape,
                                     std::vector<int32_t> values) {
    return tensor<int32_t>(name, allot::archive::DType::I32, shape,
                           std::move(values));
  }

  template <typename T>
  static std::string messageOf(llvm::Expected<T> value) {
    return value ? std::string() : llvm::toString(value.takeError());
  }

private:
  llvm::SmallString<128> folder;
};

#endif // ALLOT_TEST_UNIT_RUNTIME_FIXTURE_H
