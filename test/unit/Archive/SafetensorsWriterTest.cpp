//===- SafetensorsWriterTest.cpp - writing safetensors files -------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "../Support/TestFiles.h"
#include "allot/Archive/Safetensors.h"
#include <random>

using namespace allot::archive;
using namespace allot::test;

static std::vector<uint8_t> randomBytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(size);
  for (uint8_t &byte : bytes)
    byte = uint8_t(random());
  return bytes;
}

static std::vector<TensorSpec> someSpecs() {
  return {{"odd", DType::U8, {3}},       {"half", DType::F16, {5, 1}},
          {"none", DType::F32, {4, 0}},  {"big", DType::F32, {16, 8}},
          {"scalar", DType::F64, {}},    {"naïve \"name\"", DType::I32, {2}},
          {"big2", DType::BF16, {32, 2}}};
}

TEST(SafetensorsWriter, PiecesInAnyOrder) {
  TemporaryFolder folder;
  std::string path = folder.path("w.safetensors");
  std::vector<TensorSpec> specs = someSpecs();
  auto writer = take(SafetensorsWriter::create(
      path, specs, {{"format", "pt"}, {"a", "\"quoted\"\n"}}));
  std::mt19937 random(3);
  struct Piece {
    unsigned tensor;
    uint64_t begin, end;
  };
  std::vector<Piece> pieces;
  std::vector<std::vector<uint8_t>> data;
  for (unsigned i = 0; i < specs.size(); ++i) {
    uint64_t size = writer->find(specs[i].name)->bytes;
    data.push_back(randomBytes(size, i));
    for (uint64_t at = 0; at < size;) {
      uint64_t end = std::min<uint64_t>(size, at + 1 + random() % 40);
      pieces.push_back({i, at, end});
      at = end;
    }
  }
  std::shuffle(pieces.begin(), pieces.end(), random);
  for (const Piece &piece : pieces)
    expectSuccess(
        writer->write(specs[piece.tensor].name, piece.begin,
                      llvm::ArrayRef<uint8_t>(data[piece.tensor])
                          .slice(piece.begin, piece.end - piece.begin)));
  EXPECT_FALSE(llvm::sys::fs::exists(path));
  expectSuccess(writer->commit());
  EXPECT_EQ(folder.entries(), 1u);

  auto file = take(SafetensorsFile::open(path));
  EXPECT_EQ(slurp(path).size(), writer->fileBytes());
  EXPECT_EQ(file->dataOffset(), writer->headerBytes());
  EXPECT_EQ(file->dataOffset() % 64, 0u);
  EXPECT_EQ(file->metadata().lookup("a"), "\"quoted\"\n");
  ASSERT_EQ(file->tensors().size(), specs.size());
  for (unsigned i = 0; i < specs.size(); ++i) {
    const TensorEntry *entry = file->find(specs[i].name);
    ASSERT_TRUE(entry) << specs[i].name;
    EXPECT_EQ(entry->dtype, specs[i].dtype);
    EXPECT_EQ(entry->shape, specs[i].shape);
    EXPECT_EQ(file->data(*entry), llvm::ArrayRef<uint8_t>(data[i]));
    EXPECT_EQ(entry->offset % dtypeBytes(entry->dtype), 0u);
    EXPECT_EQ(entry->offset, writer->find(specs[i].name)->offset);
  }
  EXPECT_EQ(file->find("big")->offset % 64, 0u);
  EXPECT_EQ(file->find("big2")->offset % 64, 0u);
}

TEST(SafetensorsWriter, SameInputSameBytes) {
  TemporaryFolder folder;
  std::vector<TensorSpec> specs = someSpecs();
  for (const char *name : {"a", "b"}) {
    auto writer = take(SafetensorsWriter::create(folder.path(name), specs,
                                                 {{"z", "1"}, {"y", "2"}}));
    if (*name == 'b')
      std::reverse(specs.begin(), specs.end()); // order of writing only
    for (const TensorSpec &spec : specs)
      expectSuccess(writer->write(
          spec.name, randomBytes(writer->find(spec.name)->bytes, 1)));
    expectSuccess(writer->commit());
  }
  EXPECT_EQ(slurp(folder.path("a")), slurp(folder.path("b")));
}

TEST(SafetensorsWriter, NoTensors) {
  TemporaryFolder folder;
  auto writer = take(SafetensorsWriter::create(folder.path("e"), {}));
  expectSuccess(writer->commit());
  EXPECT_EQ(take(SafetensorsFile::open(folder.path("e")))->tensors().size(),
            0u);
  EXPECT_EQ(slurp(folder.path("e")).size(), 64u);
}

TEST(SafetensorsWriter, TypedValues) {
  TemporaryFolder folder;
  std::vector<TensorSpec> specs = {
      {"f", DType::F32, {2}},  {"h", DType::F16, {100000}},
      {"b", DType::BF16, {2}}, {"i", DType::I32, {2}},
      {"l", DType::I64, {1}},  {"d", DType::F64, {1}}};
  auto writer = take(SafetensorsWriter::create(folder.path("t"), specs));
  std::vector<float> many(100000);
  for (size_t i = 0; i < many.size(); ++i)
    many[i] = float(i % 2048) / 64.0f;
  expectSuccess(writer->writeFloat("f", {0.1f, 2.0f}));
  expectSuccess(writer->writeFloat("h", many));
  expectSuccess(writer->writeFloat("b", {1.00390625f, -3.0f})); // a tie
  expectSuccess(writer->writeInt32("i", {-1, 5}));
  expectSuccess(writer->writeInt64("l", {int64_t(1) << 40}));
  expectError(writer->writeFloat("d", {1.0f}), {"'d'", "F64", "F32"});
  expectError(writer->writeInt32("l", {1}), {"'l'", "I64", "I32"});
  expectError(writer->writeFloat("f", {1.0f}), {"'f'", "1 elements"});
  double one = 1;
  expectSuccess(writer->write(
      "d", llvm::ArrayRef<uint8_t>(reinterpret_cast<uint8_t *>(&one), 8)));
  expectSuccess(writer->commit());
  auto file = take(SafetensorsFile::open(folder.path("t")));
  EXPECT_EQ(take(file->readFloat("f")), (std::vector<float>{0.1f, 2.0f}));
  EXPECT_EQ(take(file->readFloat("h")), many);
  EXPECT_EQ(take(file->readFloat("b")), (std::vector<float>{1.0f, -3.0f}));
  EXPECT_EQ(take(file->readInt32("i")), (std::vector<int32_t>{-1, 5}));
  EXPECT_EQ(take(file->readInt64("l"))[0], int64_t(1) << 40);
  EXPECT_EQ(take(file->readFloat("d"))[0], 1.0f);
}

TEST(SafetensorsWriter, RefusesBadDeclarations) {
  TemporaryFolder folder;
  auto refuse = [&](std::vector<TensorSpec> specs,
                    std::initializer_list<const char *> parts) {
    expectError(SafetensorsWriter::create(folder.path("w.st"), specs),
                {"w.st"});
    expectError(SafetensorsWriter::create(folder.path("w.st"), specs), parts);
  };
  refuse({{"a", DType::F32, {1}}, {"a", DType::F32, {1}}}, {"'a'", "twice"});
  refuse({{"__metadata__", DType::F32, {1}}}, {"__metadata__"});
  refuse({{"\xff", DType::F32, {1}}}, {"cannot be written"});
  refuse({{"a", DType::F32, {-1}}}, {"'a'", "too large"});
  refuse({{"a", DType::F32, {int64_t(1) << 62}}}, {"'a'", "too large"});
  refuse({{"a", DType::U8, {int64_t(1) << 62}},
          {"b", DType::U8, {int64_t(1) << 62}}},
         {"'b'", "too large"});
  expectError(
      SafetensorsWriter::create(folder.path("w.st"), {}, {{"k", "\xff"}}),
      {"w.st", "'k'", "UTF-8"});
  expectError(SafetensorsWriter::create(folder.path("no/w.st"), {}), {"w.st"});
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(SafetensorsWriter, RefusesBadWrites) {
  TemporaryFolder folder;
  {
    auto writer = take(SafetensorsWriter::create(
        folder.path("w.st"), TensorSpec{"a", DType::U8, {8}}));
    std::vector<uint8_t> four(4);
    expectError(writer->write("b", four), {"w.st", "'b'", "declared"});
    expectError(writer->write("a", four), {"'a'", "8 bytes"});
    expectError(writer->write("a", 5, four), {"'a'", "beyond"});
    expectError(writer->write("a", UINT64_MAX, four), {"'a'", "beyond"});
    expectSuccess(writer->write("a", 2, four));
    expectError(writer->write("a", 0, four), {"'a'", "twice"});
    expectError(writer->write("a", 4, four), {"'a'", "twice"});
    expectError(writer->write("a", 2, four), {"'a'", "twice"});
    expectSuccess(
        writer->write("a", 0, llvm::ArrayRef<uint8_t>(four).take_front(2)));
    expectError(writer->commit(), {"w.st", "'a'", "in full"});
  }
  EXPECT_EQ(folder.entries(), 0u);
}
