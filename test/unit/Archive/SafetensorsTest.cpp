//===- SafetensorsTest.cpp - reading safetensors files -------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Archive/Safetensors.h"
#include "../Support/TestFiles.h"
#include "Broken.h"
#include "llvm/Support/Endian.h"
#include <cmath>
#include <numeric>

using namespace allot::archive;
using namespace allot::test;

/// A file of `header` and `data`, parsed under the name f.safetensors.
static std::string fileOf(llvm::StringRef header, llvm::StringRef data) {
  std::string bytes(8, '\0');
  llvm::support::endian::write64le(bytes.data(), header.size());
  return bytes + header.str() + data.str();
}

static llvm::Expected<std::shared_ptr<const SafetensorsFile>>
parse(llvm::StringRef bytes) {
  return SafetensorsFile::parse(llvm::MemoryBufferRef(bytes, "f.safetensors"));
}

static const char *twoTensors =
    R"({"__metadata__":{"format":"pt"},)"
    R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},)"
    R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
    R"("none":{"dtype":"F16","shape":[0,7],"data_offsets":[4,4]},)"
    R"("one":{"dtype":"BF16","shape":[],"data_offsets":[12,14]}} )";

static std::string twoTensorsData() {
  std::string data("\1\2\3\4", 4);
  float values[] = {1.5f, -2.0f};
  data.append(reinterpret_cast<const char *>(values), 8);
  return data + std::string("\x80\x3f", 2);
}

TEST(Safetensors, Reads) {
  std::string bytes = fileOf(twoTensors, twoTensorsData());
  auto file = take(parse(bytes));
  ASSERT_EQ(file->tensors().size(), 4u);
  EXPECT_EQ(file->tensors()[0].name, "a");
  EXPECT_EQ(file->tensors()[1].name, "none");
  EXPECT_EQ(file->tensors()[2].name, "b");
  EXPECT_EQ(file->tensors()[3].name, "one");
  EXPECT_EQ(file->metadata().lookup("format"), "pt");
  EXPECT_EQ(file->path(), "f.safetensors");
  EXPECT_EQ(file->dataOffset(), 8 + std::strlen(twoTensors));

  const TensorEntry *b = file->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->dtype, DType::F32);
  EXPECT_EQ(b->shape, (llvm::SmallVector<int64_t>{2, 1}));
  EXPECT_EQ(b->offset, file->dataOffset() + 4);
  EXPECT_EQ(b->bytes, 8u);
  EXPECT_EQ(file->data(*b).data(),
            reinterpret_cast<const uint8_t *>(bytes.data()) + b->offset);
  EXPECT_EQ(take(file->readFloat("b")), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(take(file->readFloat("one")), (std::vector<float>{1.0f}));
  EXPECT_TRUE(take(file->readFloat("none")).empty());
  EXPECT_EQ(take(file->readInt64("a")), (std::vector<int64_t>{1, 2, 3, 4}));

  EXPECT_FALSE(file->find("c"));
  expectError(file->get("c"), {"f.safetensors", "'c'", "missing"});
  expectError(file->readFloat("a"), {"'a'", "floating point", "U8"});
  expectError(file->readInt32("b"), {"'b'", "integers", "F32"});
}

TEST(Safetensors, OpensFiles) {
  TemporaryFolder folder;
  std::string bytes = fileOf(twoTensors, twoTensorsData());
  auto file = take(SafetensorsFile::open(folder.write("m.safetensors", bytes)));
  EXPECT_EQ(take(file->readFloat("b"))[1], -2.0f);
  expectError(SafetensorsFile::open(folder.path("no.safetensors")),
              {"no.safetensors"});
  expectError(
      SafetensorsFile::open(folder.write("short.safetensors", "1234567")),
      {"short.safetensors", "header length"});
}

/// A header with one tensor of the given dtype, shape and offsets.
static std::string oneTensor(llvm::StringRef dtype, llvm::StringRef shape,
                             llvm::StringRef offsets) {
  return ("{\"w\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
          ",\"data_offsets\":" + offsets + "}}")
      .str();
}

TEST(Safetensors, RefusesBrokenHeaders) {
  auto refuse = [](llvm::StringRef header,
                   std::initializer_list<const char *> parts) {
    std::string bytes = fileOf(header, "12345678");
    expectError(parse(bytes), {"f.safetensors: "});
    expectError(parse(bytes), parts);
  };
  refuse("{\"w\":{\"dtype\":", {"header", "JSON"});
  refuse("", {"header", "JSON"});
  refuse("[1]", {"header", "object"});
  refuse(std::string(1000, '['), {"header", "nested"});
  refuse("{\"w\":1}", {"'w'", "object"});
  refuse("{\"w\":{}}", {"'w'", "dtype"});
  refuse(oneTensor("F13", "[2]", "[0,8]"), {"'w'", "F13"});
  refuse(oneTensor("F32", "2", "[0,8]"), {"'w'", "shape"});
  refuse(oneTensor("F32", "[-2]", "[0,8]"), {"'w'", "shape"});
  refuse(oneTensor("F32", "[2.0]", "[0,8]"), {"'w'", "shape"});
  refuse(oneTensor("F32", "[9223372036854775808]", "[0,8]"), {"'w'", "shape"});
  refuse(oneTensor("F32", "[8589934592,8589934592]", "[0,8]"),
         {"'w'", "8589934592x8589934592"});
  refuse(oneTensor("F64", "[4611686018427387904]", "[0,8]"),
         {"'w'", "64 bits"});
  refuse(oneTensor("F32", "[2]", "[0]"), {"'w'", "data_offsets"});
  refuse(oneTensor("F32", "[2]", "[8,0]"), {"'w'", "data_offsets"});
  refuse(oneTensor("F32", "[2]", "[-8,0]"), {"'w'", "data_offsets"});
  refuse(oneTensor("F32", "[1]", "[0,8]"), {"'w'", "span 8", "needs 4"});
  refuse(oneTensor("F32", "[2]", "[18446744073709551607,18446744073709551615]"),
         {"'w'", "truncated or shorter than its header says"});
  refuse(oneTensor("F32", "[3]", "[0,12]"),
         {"'w'", "truncated or shorter than its header says"});
  refuse(oneTensor("F32", "[1]", "[0,4]"), {"4 bytes", "no tensor"});
  refuse(oneTensor("F32", "[1]", "[4,8]"), {"'w'", "hole"});
  refuse("{}", {"8 bytes", "no tensor"});
  refuse(R"({"__metadata__":{"a":1}})", {"__metadata__", "'a'"});
  refuse(R"({"__metadata__":"a"})", {"__metadata__"});
  refuse(R"({"v":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
         R"("w":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}})",
         {"'w'", "overlap", "'v'"});
  refuse(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
         R"("\u0077":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
         {"header", "'w' twice"});
  refuse(R"({"w":{"dtype":"F32","dtype":"F32","shape":[2],)"
         R"("data_offsets":[0,8]}})",
         {"header", "'dtype' twice"});
}

TEST(Safetensors, RefusesHeadersBeyondTheFile) {
  std::string bytes = fileOf("{}", "");
  EXPECT_EQ(message(parse(bytes)), "");
  for (uint64_t length :
       {uint64_t(3), uint64_t(1) << 40, ~uint64_t(0), ~uint64_t(0) - 7}) {
    llvm::support::endian::write64le(bytes.data(), length);
    expectError(parse(bytes), {"f.safetensors", "header length"});
  }
}

TEST(Safetensors, SurvivesDamage) {
  std::string good = fileOf(twoTensors, twoTensorsData());
  unsigned accepted = 0;
  forEachDamage(good, 8 + std::strlen(twoTensors), [&](const std::string &bad) {
    auto file = parse(bad);
    if (!file) {
      EXPECT_EQ(message(std::move(file)).rfind("f.safetensors: ", 0), 0u);
      return;
    }
    ++accepted;
    for (const TensorEntry &entry : (*file)->tensors()) {
      ASSERT_LE(entry.offset + entry.bytes, bad.size());
      (void)message((*file)->readFloat(entry));
      (void)message((*file)->readInt32(entry));
    }
  });
  EXPECT_GT(accepted, 0u); // a changed letter in a name is no damage
}

//===----------------------------------------------------------------------===//
// Values of every dtype, through the writer
//===----------------------------------------------------------------------===//

template <typename T>
static llvm::ArrayRef<uint8_t> raw(const std::vector<T> &values) {
  return llvm::ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(values.data()),
      values.size() * sizeof(T));
}

template <typename T>
static std::shared_ptr<const SafetensorsFile>
written(const TemporaryFolder &folder, DType dtype,
        const std::vector<T> &values) {
  auto writer = take(SafetensorsWriter::create(
      folder.path("t"), TensorSpec{"t", dtype, {int64_t(values.size())}}));
  expectSuccess(writer->write("t", raw(values)));
  expectSuccess(writer->commit());
  return take(SafetensorsFile::open(folder.path("t")));
}

TEST(Safetensors, IntegersOfEveryWidth) {
  TemporaryFolder folder;
  auto check = [&](DType dtype, auto low, auto high) {
    std::vector<decltype(low)> values = {low, 0, 1, high};
    auto file = written(folder, dtype, values);
    EXPECT_EQ(take(file->readInt64("t")),
              (std::vector<int64_t>{int64_t(low), 0, 1, int64_t(high)}));
  };
  check(DType::I8, int8_t(-128), int8_t(127));
  check(DType::U8, uint8_t(0), uint8_t(255));
  check(DType::I16, int16_t(-32768), int16_t(32767));
  check(DType::U16, uint16_t(0), uint16_t(65535));
  check(DType::I32, INT32_MIN, INT32_MAX);
  check(DType::U32, uint32_t(0), UINT32_MAX);
  check(DType::I64, INT64_MIN, INT64_MAX);
  check(DType::U64, uint64_t(0), uint64_t(INT64_MAX));
  check(DType::BOOL, uint8_t(0), uint8_t(1));

  auto big = written<uint64_t>(folder, DType::U64, {0, uint64_t(1) << 63});
  expectError(big->readInt64("t"), {"'t'", "9223372036854775808", "index 1"});
  auto wide = written<int64_t>(folder, DType::I64, {7, int64_t(1) << 31});
  expectError(wide->readInt32("t"), {"'t'", "2147483648", "32 bits"});
  auto fits = written<int64_t>(folder, DType::I64, {INT32_MIN, INT32_MAX});
  EXPECT_EQ(take(fits->readInt32("t")),
            (std::vector<int32_t>{INT32_MIN, INT32_MAX}));
}

TEST(Safetensors, FloatsOfEveryWidth) {
  TemporaryFolder folder;
  EXPECT_EQ(take(written<double>(folder, DType::F64, {1e300, 0.1, -3})
                     ->readFloat("t")),
            (std::vector<float>{INFINITY, 0.1f, -3.0f}));
  EXPECT_EQ(
      take(written<float>(folder, DType::F32, {0.1f, 1e-40f})->readFloat("t")),
      (std::vector<float>{0.1f, 1e-40f}));
  EXPECT_EQ(take(written<uint16_t>(folder, DType::F16, {0x3c00, 0x0001})
                     ->readFloat("t")),
            (std::vector<float>{1.0f, std::ldexp(1.0f, -24)}));
  EXPECT_EQ(take(written<uint16_t>(folder, DType::BF16, {0xbf80, 0x7f80})
                     ->readFloat("t")),
            (std::vector<float>{-1.0f, INFINITY}));
  EXPECT_EQ(take(written<uint8_t>(folder, DType::F8_E4M3, {0x38, 0x7e})
                     ->readFloat("t")),
            (std::vector<float>{1.0f, 448.0f}));
  EXPECT_EQ(take(written<uint8_t>(folder, DType::F8_E5M2, {0xbc, 0x7b})
                     ->readFloat("t")),
            (std::vector<float>{-1.0f, 57344.0f}));
}

TEST(Safetensors, DTypesHaveNames) {
  for (DType dtype :
       {DType::F64, DType::F32, DType::F16, DType::BF16, DType::F8_E4M3,
        DType::F8_E5M2, DType::I64, DType::I32, DType::I16, DType::I8,
        DType::U64, DType::U32, DType::U16, DType::U8, DType::BOOL}) {
    EXPECT_EQ(parseDType(dtypeName(dtype)), dtype);
    EXPECT_FALSE(isFloat(dtype) && isInteger(dtype));
  }
  EXPECT_FALSE(parseDType("f32"));
  float one;
  uint8_t two[2] = {};
  EXPECT_FALSE(convertToFloat(DType::F32, two, one));
  EXPECT_FALSE(convertToFloat(DType::I16, two, one));
  EXPECT_TRUE(convertToFloat(DType::F16, two, one));
}
