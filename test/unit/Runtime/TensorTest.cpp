//===- TensorTest.cpp - named values ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

using namespace allot;
using archive::DType;
using runtime::Tensor;

namespace {

struct TensorTest : RuntimeTest {};

TEST_F(TensorTest, WritesAndReadsWithConversion) {
  auto wide = tensor<int64_t>("ids", DType::I64, {2, 2}, {1, 2, 3, 4});
  auto half = tensor<uint16_t>("h", DType::F16, {2}, {0x3c00, 0xc000});
  ASSERT_EQ(llvm::toString(
                runtime::writeTensors(path("t.safetensors"), {wide, half})),
            "");
  auto file = archive::SafetensorsFile::open(path("t.safetensors"));
  ASSERT_TRUE(bool(file));
  auto ids = Tensor::read(**file, "ids", DType::I32);
  ASSERT_TRUE(bool(ids));
  EXPECT_EQ(ids->values<int32_t>().vec(), (std::vector<int32_t>{1, 2, 3, 4}));
  EXPECT_EQ(ids->shape().vec(), (std::vector<int64_t>{2, 2}));
  auto h = Tensor::read(**file, "h", DType::F32);
  ASSERT_TRUE(bool(h));
  EXPECT_EQ(h->values<float>().vec(), (std::vector<float>{1, -2}));
  EXPECT_NE(messageOf(Tensor::read(**file, "h", DType::I32)).find("'h'"),
            std::string::npos);
  EXPECT_NE(messageOf(Tensor::read(**file, "none", DType::I32)).find("'none'"),
            std::string::npos);
}

TEST_F(TensorTest, ValuesThatDoNotFitAreRefused) {
  auto wide = tensor<int64_t>("ids", DType::I64, {1}, {int64_t(1) << 40});
  ASSERT_EQ(
      llvm::toString(runtime::writeTensors(path("t.safetensors"), {wide})), "");
  auto file = archive::SafetensorsFile::open(path("t.safetensors"));
  ASSERT_TRUE(bool(file));
  EXPECT_NE(messageOf(Tensor::read(**file, "ids", DType::I32)).find("ids"),
            std::string::npos);
}

TEST_F(TensorTest, SizesThatOverflowAreRefused) {
  EXPECT_NE(messageOf(Tensor::create("x", DType::F32,
                                     {int64_t(1) << 40, int64_t(1) << 40})),
            "");
  EXPECT_NE(messageOf(Tensor::create("x", DType::F32, {-1, 4})), "");
}

} // namespace

TEST_F(TensorTest, LargeOnesAreZeroAndAligned) {
  // Taken in large pages, and given back with the last copy.
  for (int64_t elements : {int64_t(1) << 20, (int64_t(1) << 20) + 3}) {
    auto made = Tensor::create("cache", DType::F32, {elements});
    ASSERT_TRUE(bool(made)) << llvm::toString(made.takeError());
    auto values = made->values<float>();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(values.data()) % (2 << 20), 0u);
    EXPECT_EQ(llvm::count(values, 0.0f), elements);
    values.back() = 1;
    Tensor copy = *made;
    *made = Tensor();
    EXPECT_EQ(copy.values<float>().back(), 1);
  }
}
