//===- WeightStoreTest.cpp - from files into the table ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"
#include "allot/Archive/FileDigest.h"
#include "mlir/Parser/Parser.h"

using namespace allot;
using runtime::WeightStore;

namespace {

struct WeightStoreTest : RuntimeTest {
  void SetUp() override {
    RuntimeTest::SetUp();
    std::vector<float> values(128 * 64);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float(int(i * 37 % 101) - 50) / 16;
    runtime::Tensor w = floats("w", {128, 64}, values),
                    n = floats("n", {6}, {1, 2, 3, 4, 5, 6});
    ASSERT_EQ(
        llvm::toString(runtime::writeTensors(path("w.safetensors"), {w, n})),
        "");
    auto file = archive::SafetensorsFile::open(path("w.safetensors"));
    ASSERT_TRUE(bool(file));
    weights = std::move(*file);
    context.appendDialectRegistry(registry());
    context.loadAllAvailableDialects();
  }

  std::string stored(llvm::StringRef tensor, llvm::StringRef digest = {},
                     llvm::StringRef more = {}) const {
    const archive::TensorEntry *entry = weights->find(tensor);
    std::string text;
    llvm::raw_string_ostream os(text);
    os << "#format.stored<\"w.safetensors\", tensor = \"" << tensor
       << "\", offset = " << entry->offset << ", bytes = " << entry->bytes
       << ", digest = \""
       << (digest.empty() ? archive::fileDigest(*weights) : digest.str())
       << "\"" << more << ">";
    return text;
  }

  /// A store for one global of `type` stored as `value`, wanted as `wanted`.
  llvm::Expected<std::unique_ptr<WeightStore>> load(const std::string &value,
                                                    const std::string &type,
                                                    const std::string &wanted) {
    module = mlir::parseSourceString<mlir::ModuleOp>(
        "module attributes {format.table = [{global = @g, type = " + wanted +
            "}]} {\n ml_program.global private @g(" + value + ") : " + type +
            "\n}",
        &context);
    EXPECT_TRUE(module);
    std::string folder = path("");
    return WeightStore::load(
        (*module)->getAttrOfType<mlir::ArrayAttr>("format.table"),
        runtime::collectWeightSources(*module), folder);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::shared_ptr<const archive::SafetensorsFile> weights;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

constexpr const char *kF32 = "tensor<128x64xf32, #format.float<f32>>";

TEST_F(WeightStoreTest, UsesTheMappedBytes) {
  auto store = load(stored("w"), kF32, kF32);
  ASSERT_TRUE(bool(store)) << llvm::toString(store.takeError());
  ASSERT_EQ((*store)->weights().size(), 1u);
  EXPECT_TRUE((*store)->weights()[0].mapped);
  EXPECT_EQ((*store)->bytes(0), weights->data(*weights->find("w")));
  EXPECT_EQ((*store)->tableBytes(), 128u * 64 * 4);
  EXPECT_EQ((*store)->storedBytes(), 128u * 64 * 4);
  // Changing a weight leaves the file alone.
  auto writable = (*store)->writable(0);
  ASSERT_TRUE(bool(writable));
  (*writable)[0] ^= 0xff;
  EXPECT_FALSE((*store)->weights()[0].mapped);
  EXPECT_NE((*store)->bytes(0)[0], weights->data(*weights->find("w"))[0]);
}

TEST_F(WeightStoreTest, ConvertsToTheWantedEncoding) {
  auto store =
      load(stored("w"), kF32,
           "tensor<128x64xf32, #format.packed<#format.float<f32>, rows = 8>>");
  ASSERT_TRUE(bool(store)) << llvm::toString(store.takeError());
  EXPECT_FALSE((*store)->weights()[0].mapped);
  auto *packed = reinterpret_cast<const float *>((*store)->bytes(0).data());
  auto *plain = reinterpret_cast<const float *>(
      weights->data(*weights->find("w")).data());
  for (int64_t r = 0; r < 128; ++r)
    for (int64_t c = 0; c < 64; ++c)
      ASSERT_EQ(packed[(r / 8 * 64 + c) * 8 + r % 8], plain[r * 64 + c]);
}

TEST_F(WeightStoreTest, UndoesTheRowOrder) {
  auto store = load(stored("w", {}, ", row_interleave = 4"), kF32, kF32);
  ASSERT_TRUE(bool(store)) << llvm::toString(store.takeError());
  auto *got = reinterpret_cast<const float *>((*store)->bytes(0).data());
  auto *plain = reinterpret_cast<const float *>(
      weights->data(*weights->find("w")).data());
  const int64_t from[4] = {0, 2, 1, 3};
  for (int64_t r = 0; r < 128; ++r)
    for (int64_t c = 0; c < 64; ++c)
      ASSERT_EQ(got[r * 64 + c], plain[(r / 4 * 4 + from[r % 4]) * 64 + c]);
}

TEST_F(WeightStoreTest, JoinsTheTwoPartsOfATensor) {
  // Six numbers, then the first two of another tensor.
  uint64_t rest = weights->find("w")->offset;
  const char *type = "tensor<8xf32, #format.float<f32>>";
  auto load8 = [&](uint64_t at) {
    return load(stored("n", {}, " rest = 8 at " + std::to_string(at)), type,
                type);
  };
  auto store = load8(rest);
  ASSERT_TRUE(bool(store)) << llvm::toString(store.takeError());
  auto *got = reinterpret_cast<const float *>((*store)->bytes(0).data());
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(got[i], float(i + 1));
  EXPECT_EQ(got[6], -50.0f / 16);
  EXPECT_EQ(got[7], -13.0f / 16);
  EXPECT_NE(messageOf(load8(uint64_t(1) << 40)).find("beyond the end"),
            std::string::npos);
}

TEST_F(WeightStoreTest, ChangedAndMissingFilesAreNamed) {
  EXPECT_NE(messageOf(load(stored("w", "00"), kF32, kF32)).find("changed"),
            std::string::npos);
  EXPECT_NE(messageOf(load(stored("w"), "tensor<64x64xf32, #format.float<f32>>",
                           "tensor<64x64xf32, #format.float<f32>>"))
                .find("'w'"),
            std::string::npos);
  llvm::sys::fs::remove(path("w.safetensors"));
  EXPECT_NE(messageOf(load(stored("w"), kF32, kF32)).find("w.safetensors"),
            std::string::npos);
}

TEST_F(WeightStoreTest, TablesThatDoNotFitAreRefused) {
  EXPECT_NE(messageOf(load(stored("w"), kF32,
                           "tensor<64x128xf32, #format.float<f32>>"))
                .find("@g: has shape 128x64"),
            std::string::npos);
  // Rounding to codes is the work of an encoder, not of a loader.
  EXPECT_NE(
      messageOf(load(stored("w"), kF32, "tensor<128x64xf32, #format.q8_0>"))
          .find("'w'"),
      std::string::npos);
}

} // namespace
