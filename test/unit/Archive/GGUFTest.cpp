//===- GGUFTest.cpp - reading GGUF files ---------------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Archive/GGUF.h"
#include "../Support/TestFiles.h"
#include "Broken.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace allot::archive;
using namespace allot::test;

namespace {

/// Writes a GGUF file piece by piece; nothing is checked, so it writes broken
/// files as well.
class Builder {
public:
  std::string bytes;

  template <typename T>
  Builder &put(T value) {
    bytes.append(reinterpret_cast<const char *>(&value), sizeof(T));
    return *this;
  }
  Builder &text(llvm::StringRef string) {
    put<uint64_t>(string.size());
    bytes += string;
    return *this;
  }
  Builder &header(uint64_t tensors, uint64_t values, uint32_t version = 3) {
    bytes += "GGUF";
    return put(version).put(tensors).put(values);
  }
  template <typename T>
  Builder &scalar(llvm::StringRef key, GGUFType type, T value) {
    return text(key).put(uint32_t(type)).put(value);
  }
  Builder &string(llvm::StringRef key, llvm::StringRef value) {
    return text(key).put(uint32_t(GGUFType::String)).text(value);
  }
  Builder &array(llvm::StringRef key, GGUFType element, uint64_t count) {
    return text(key)
        .put(uint32_t(GGUFType::Array))
        .put(uint32_t(element))
        .put(count);
  }
  Builder &tensor(llvm::StringRef name, std::initializer_list<uint64_t> ne,
                  uint32_t type, uint64_t offset) {
    text(name).put(uint32_t(ne.size()));
    for (uint64_t size : ne)
      put(size);
    return put(type).put(offset);
  }
  Builder &data(size_t size, size_t alignment = 32) {
    bytes.resize(llvm::alignTo(bytes.size(), alignment));
    for (size_t i = 0; i < size; ++i)
      bytes += char(i);
    return *this;
  }
};

} // namespace

static llvm::Expected<std::shared_ptr<const GGUFFile>>
parse(llvm::StringRef bytes) {
  return GGUFFile::parse(llvm::MemoryBufferRef(bytes, "m.gguf"));
}

/// Everything that a file can have.
static Builder complete() {
  Builder b;
  b.header(3, 17);
  b.string("general.architecture", "llama");
  b.scalar<uint32_t>("general.alignment", GGUFType::U32, 64);
  b.scalar<uint8_t>("u8", GGUFType::U8, 200);
  b.scalar<int8_t>("i8", GGUFType::I8, -5);
  b.scalar<uint16_t>("u16", GGUFType::U16, 60000);
  b.scalar<int16_t>("i16", GGUFType::I16, -300);
  b.scalar<int32_t>("i32", GGUFType::I32, -70000);
  b.scalar<float>("f32", GGUFType::F32, 1e-5f);
  b.scalar<uint8_t>("yes", GGUFType::Bool, 1);
  b.scalar<uint64_t>("u64", GGUFType::U64, uint64_t(1) << 63);
  b.scalar<int64_t>("i64", GGUFType::I64, INT64_MIN);
  b.scalar<double>("f64", GGUFType::F64, 1e300);
  b.array("strings", GGUFType::String, 3).text("a").text("").text("long one");
  b.array("ints", GGUFType::I32, 3)
      .put<int32_t>(1)
      .put<int32_t>(-2)
      .put<int32_t>(3);
  b.array("floats", GGUFType::F32, 2).put(0.5f).put(2.0f);
  b.array("bools", GGUFType::Bool, 2).put<uint8_t>(0).put<uint8_t>(1);
  b.array("nested", GGUFType::Array, 2);
  b.put(uint32_t(GGUFType::U8)).put<uint64_t>(2).put<uint16_t>(0);
  b.put(uint32_t(GGUFType::String)).put<uint64_t>(1).text("x");
  b.tensor("rows", {64, 3}, 3, 0);   // Q4_1: 6 blocks of 20 bytes
  b.tensor("norm", {5}, 0, 192);     // F32
  b.tensor("none", {32, 0}, 8, 128); // Q8_0
  return b.data(192 + 20, 64);
}

TEST(GGUF, ReadsEverything) {
  Builder b = complete();
  auto file = take(parse(b.bytes));
  EXPECT_EQ(file->version(), 3u);
  EXPECT_EQ(file->alignment(), 64u);
  EXPECT_EQ(file->path(), "m.gguf");
  EXPECT_EQ(file->dataOffset() % 64, 0u);
  EXPECT_EQ(take(file->getString("general.architecture")), "llama");
  EXPECT_EQ(take(file->getU32("u8")), 200u);
  EXPECT_EQ(take(file->getI64("i8")), -5);
  EXPECT_EQ(take(file->getU32("u16")), 60000u);
  EXPECT_EQ(take(file->getI64("i16")), -300);
  EXPECT_EQ(take(file->getI64("i32")), -70000);
  EXPECT_EQ(take(file->getF32("f32")), 1e-5f);
  EXPECT_EQ(take(file->getF64("f64")), 1e300);
  EXPECT_EQ(take(file->getBool("yes")), true);
  EXPECT_EQ(take(file->getU64("u64")), uint64_t(1) << 63);
  EXPECT_EQ(take(file->getI64("i64")), INT64_MIN);
  EXPECT_EQ(take(file->getStringArray("strings")),
            (std::vector<llvm::StringRef>{"a", "", "long one"}));
  EXPECT_EQ(take(file->getI64Array("ints")), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(take(file->getF64Array("floats")), (std::vector<double>{0.5, 2}));
  EXPECT_EQ(take(file->getBoolArray("bools")),
            (std::vector<bool>{false, true}));
  ASSERT_TRUE(file->value("nested"));
  EXPECT_EQ(file->value("nested")->elementType, GGUFType::Array);
  EXPECT_EQ(file->metadata().size(), 17u);
  EXPECT_EQ(file->metadata()[2].key, "u8");

  ASSERT_EQ(file->tensors().size(), 3u);
  const GGUFTensor *rows = file->find("rows");
  ASSERT_TRUE(rows);
  EXPECT_STREQ(rows->type->name, "Q4_1");
  EXPECT_EQ(rows->shape, (llvm::SmallVector<int64_t>{3, 64})); // row-major
  EXPECT_EQ(rows->bytes, 120u);
  EXPECT_EQ(rows->offset, file->dataOffset());
  const GGUFTensor *norm = take(file->get("norm"));
  EXPECT_EQ(norm->offset, file->dataOffset() + 192);
  EXPECT_EQ(file->data(*norm).size(), 20u);
  EXPECT_EQ(file->data(*norm)[0], 192u);
  EXPECT_EQ(file->data(*file->find("none")).size(), 0u);
  expectError(file->get("no"), {"m.gguf", "'no'", "missing"});
}

TEST(GGUF, GettersNameFileAndKey) {
  Builder b = complete();
  auto file = take(parse(b.bytes));
  expectError(file->getU32("gone"), {"m.gguf", "'gone'", "missing"});
  expectError(file->getU32("f32"), {"'f32'", "integer", "F32"});
  expectError(file->getU32("i8"), {"'i8'", "negative", "-5"});
  expectError(file->getU64("i64"), {"'i64'", "-9223372036854775808"});
  expectError(file->getU32("u64"), {"'u64'", "32 bits"});
  expectError(file->getI64("u64"), {"'u64'", "too large"});
  expectError(file->getU32("ints"), {"'ints'", "array"});
  expectError(file->getF32("u8"), {"'u8'", "floating point"});
  expectError(file->getF32("f64"), {"'f64'", "32-bit float"});
  expectError(file->getBool("u8"), {"'u8'", "bool"});
  expectError(file->getString("u8"), {"'u8'", "string"});
  expectError(file->getI64Array("u8"), {"'u8'", "array"});
  expectError(file->getI64Array("floats"), {"'floats'", "integers"});
  expectError(file->getI64Array("strings"), {"'strings'", "integers"});
  expectError(file->getF64Array("ints"), {"'ints'", "floating point"});
  expectError(file->getStringArray("ints"), {"'ints'", "strings"});
  expectError(file->getBoolArray("ints"), {"'ints'", "bools"});
  EXPECT_EQ(take(file->getU32Or("gone", 7)), 7u);
  EXPECT_EQ(take(file->getU64Or("u8", 7)), 200u);
  EXPECT_EQ(take(file->getF32Or("gone", 0.5f)), 0.5f);
  EXPECT_EQ(take(file->getBoolOr("gone", true)), true);
  EXPECT_EQ(take(file->getStringOr("gone", "s")), "s");
  expectError(file->getU32Or("f32", 7), {"'f32'", "integer"});
  EXPECT_EQ(message(file->keyError("k", "is zero")),
            "m.gguf: key 'k': is zero");
}

TEST(GGUF, Version2AndNoTensors) {
  Builder b;
  b.header(0, 1, 2).scalar<float>("nan", GGUFType::F32, NAN);
  auto file = take(parse(b.bytes));
  EXPECT_EQ(file->version(), 2u);
  EXPECT_EQ(file->alignment(), 32u);
  EXPECT_TRUE(std::isnan(take(file->getF32("nan"))));
}

TEST(GGUF, RefusesBrokenHeaders) {
  auto refuse = [](const Builder &b,
                   std::initializer_list<const char *> parts) {
    expectError(parse(b.bytes), {"m.gguf: "});
    expectError(parse(b.bytes), parts);
  };
  Builder magic;
  magic.bytes = "GGML";
  refuse(magic, {"magic", "GGML"});
  refuse(Builder(), {"magic"});
  refuse(Builder().header(0, 0, 1), {"version 1"});
  refuse(Builder().header(0, 0, 4), {"version 4"});
  refuse(Builder().header(0, 0, 3u << 24), {"big-endian"});
  refuse(Builder().header(uint64_t(1) << 60, 0), {"tensor count"});
  refuse(Builder().header(0, uint64_t(1) << 60), {"metadata count"});
  refuse(Builder().header(0, 1).put(uint64_t(1) << 62).data(64),
         {"string length", "4611686018427387904"});
  refuse(Builder()
             .header(0, 1)
             .text("general.architecture")
             .put(uint32_t(GGUFType::String))
             .put(uint64_t(1) << 62),
         {"'general.architecture'", "string length"});
  refuse(Builder().header(0, 1).text("k").put<uint32_t>(13).put<uint64_t>(0),
         {"'k'", "type 13"});
  refuse(Builder().header(0, 1).array("k", GGUFType(13), 0),
         {"'k'", "type 13"});
  refuse(Builder().header(0, 1).array("k", GGUFType::F64, uint64_t(1) << 61),
         {"'k'", "array", "2305843009213693952"});
  refuse(Builder().header(0, 1).array("k", GGUFType::String, 1000),
         {"'k'", "array"});
  refuse(
      Builder().header(0, 1).array("k", GGUFType::String, 1).put(~uint64_t(0)),
      {"'k'", "string length"});
  refuse(Builder().header(0, 1).text("key").put(uint32_t(GGUFType::U64)).put(1),
         {"'key'", "truncated"});
  refuse(Builder()
             .header(0, 2)
             .scalar<uint8_t>("k", GGUFType::U8, 1)
             .scalar<uint8_t>("k", GGUFType::U8, 1),
         {"'k'", "twice"});
  Builder deep;
  deep.header(0, 1).array("k", GGUFType::Array, 1);
  for (int i = 0; i < 8; ++i)
    deep.put(uint32_t(GGUFType::Array)).put<uint64_t>(1);
  deep.data(64);
  refuse(deep, {"'k'", "nested"});
  for (uint32_t alignment : {0u, 24u, 1u << 31})
    refuse(Builder().header(0, 1).scalar("general.alignment", GGUFType::U32,
                                         alignment),
           {"general.alignment", "alignment"});
}

TEST(GGUF, RefusesBrokenTensors) {
  auto refuse = [](const Builder &b,
                   std::initializer_list<const char *> parts) {
    expectError(parse(b.bytes), {"m.gguf: "});
    expectError(parse(b.bytes), parts);
  };
  auto one = [](std::initializer_list<uint64_t> ne, uint32_t type,
                uint64_t offset) {
    return Builder().header(1, 0).tensor("w", ne, type, offset).data(128);
  };
  EXPECT_EQ(message(parse(one({32}, 0, 0).bytes)), "");
  EXPECT_EQ(message(parse(one({}, 0, 0).bytes)), "");
  refuse(one({32}, 0, 33), {"'w'", "offset 33", "alignment 32"});
  refuse(one({32}, 0, 32), {"'w'", "offset 32", "truncated"});
  refuse(one({33}, 0, 0), {"'w'", "132 bytes", "truncated"});
  refuse(one({32}, 0, ~uint64_t(0) - 31), {"'w'", "truncated"});
  refuse(one({32}, 4, 0), {"'w'", "type 4"});
  refuse(one({32}, 1000, 0), {"'w'", "type 1000"});
  refuse(one({48}, 2, 0), {"'w'", "48", "Q4_0", "32"});
  refuse(one({1, 1, 1, 1, 1}, 0, 0), {"'w'", "5 dimensions"});
  refuse(one({uint64_t(1) << 63}, 0, 0), {"'w'", "dimension"});
  refuse(one({uint64_t(1) << 33, uint64_t(1) << 33}, 0, 0),
         {"'w'", "8589934592x8589934592"});
  refuse(one({uint64_t(1) << 62}, 0, 0), {"'w'", "64 bits"});
  refuse(Builder()
             .header(2, 0)
             .tensor("v", {16}, 0, 0)
             .tensor("w", {8}, 0, 32)
             .data(128),
         {"'w'", "within tensor 'v'"});
  refuse(Builder()
             .header(2, 0)
             .tensor("w", {8}, 0, 0)
             .tensor("w", {8}, 0, 32)
             .data(128),
         {"'w'", "twice"});
}

TEST(GGUF, SurvivesDamage) {
  std::string good = complete().bytes;
  size_t headerSize = take(parse(good))->dataOffset();
  unsigned accepted = 0;
  forEachDamage(good, headerSize, [&](const std::string &bad) {
    auto file = parse(bad);
    if (!file) {
      EXPECT_EQ(message(std::move(file)).rfind("m.gguf: ", 0), 0u);
      return;
    }
    ++accepted;
    for (const GGUFTensor &tensor : (*file)->tensors())
      ASSERT_LE(tensor.offset + tensor.bytes, bad.size());
    for (const GGUFValue &value : (*file)->metadata()) {
      (void)message((*file)->getU32(value.key));
      (void)message((*file)->getF32(value.key));
      (void)message((*file)->getString(value.key));
      (void)message((*file)->getI64Array(value.key));
      (void)message((*file)->getF64Array(value.key));
      (void)message((*file)->getBoolArray(value.key));
      (void)message((*file)->getStringArray(value.key));
    }
  });
  EXPECT_GT(accepted, 0u);
}

TEST(GGUF, OpensFiles) {
  TemporaryFolder folder;
  auto file = take(GGUFFile::open(folder.write("m.gguf", complete().bytes)));
  EXPECT_EQ(file->tensors().size(), 3u);
  expectError(GGUFFile::open(folder.path("no.gguf")), {"no.gguf"});
}

TEST(GGUF, Types) {
  uint32_t last = 0;
  for (const GGMLType &type : ggmlTypes()) {
    EXPECT_EQ(findGGMLType(type.id), &type);
    EXPECT_EQ(findGGMLType(llvm::StringRef(type.name)), &type);
    EXPECT_TRUE(type.id == 0 || type.id > last);
    last = type.id;
  }
  EXPECT_FALSE(findGGMLType(4));
  EXPECT_FALSE(findGGMLType(llvm::StringRef("Q4_2")));
  EXPECT_EQ(ggufTypeName(GGUFType::F64), "F64");
  EXPECT_EQ(ggufTypeName(GGUFType(99)), "unknown");
}
