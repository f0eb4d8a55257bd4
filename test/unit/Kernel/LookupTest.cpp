//===- LookupTest.cpp - kernels of adapter.lookup ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"
#include <cmath>

using namespace allot;
using namespace allot::test;

namespace {

template <typename Id>
void checkLookup(KernelContext &kernels, llvm::StringRef format, int64_t rows,
                 int64_t columns, int64_t count, unsigned seed) {
  SCOPED_TRACE(format.str());
  std::mt19937 random(seed);
  RandomMatrix table(kernels.packed(format), rows, columns, random);
  std::string ids = "memref<?xi" + std::to_string(8 * sizeof(Id)) + ">";
  std::string source =
      "func.func @f(%t: memref<?xi8>, %ids: " + ids +
      ", %y: memref<?x?xf32>) attributes {llvm.emit_c_interface} {\n"
      "  adapter.lookup table(%t : memref<?xi8>) ins(%ids : " +
      ids + ") outs(%y : memref<?x?xf32>) {stored = " + table.typeText() +
      "}\n  return\n}\n";
  auto compiled = compileLinear(kernels, source, "generic");
  ASSERT_TRUE(bool(compiled)) << messageOf(compiled.takeError());
  Buffer<Id, 1> id({count});
  for (int64_t i = 0; i < count; ++i)
    id(i) = random() % rows;
  id(0) = rows - 1;
  Buffer<float, 2> y({count, columns}, NAN);
  Buffer<int8_t, 1> bytes(reinterpret_cast<int8_t *>(table.bytes.data()),
                          {int64_t(table.bytes.size())}, {1});
  llvm::Error error = (*compiled)->call("f", bytes, id, y);
  ASSERT_FALSE(bool(error)) << messageOf(std::move(error));
  for (int64_t i = 0; i < count; ++i)
    for (int64_t k = 0; k < columns; ++k) {
      int64_t at = id(i) * columns + k;
      ASSERT_NEAR(y(i, k), table.values[at], 1e-6 * table.magnitudes[at])
          << "id " << id(i) << ", column " << k;
    }
}

TEST(Lookup, DecodesRows) {
  KernelContext kernels;
  for (const char *name :
       {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "mxfp4", "mxfp4split"})
    checkLookup<int32_t>(kernels, name, 37, 96, 9, 1);
  for (const char *name : {"f32", "f16", "bf16", "int2g64", "int3g32zs8",
                           "int5g128", "int6g32s8", "int7g32zs32", "int8g64z"})
    checkLookup<int64_t>(kernels, name, 29, 77, 5, 2);
  // Several threads.
  checkLookup<int32_t>(kernels, "q4_1", 130, 576, 200, 3);
}

TEST(Lookup, UnknownIdsReadNothingElse) {
  KernelContext kernels;
  std::mt19937 random(4);
  RandomMatrix table(kernels.packed("f32"), 9, 16, random);
  std::string source =
      "func.func @f(%t: memref<?xi8>, %ids: memref<?xi32>, %y: "
      "memref<?x?xf32>) attributes {llvm.emit_c_interface} {\n"
      "  adapter.lookup table(%t : memref<?xi8>) ins(%ids : memref<?xi32>) "
      "outs(%y : memref<?x?xf32>) {stored = " +
      table.typeText() + "}\n  return\n}\n";
  auto compiled = compileLinear(kernels, source, "generic");
  ASSERT_TRUE(bool(compiled)) << messageOf(compiled.takeError());
  Buffer<int32_t, 1> id({3});
  id(0) = -1, id(1) = 9, id(2) = 1 << 30;
  Buffer<float, 2> y({3, 16}, NAN);
  Buffer<int8_t, 1> bytes(reinterpret_cast<int8_t *>(table.bytes.data()),
                          {int64_t(table.bytes.size())}, {1});
  ASSERT_FALSE(bool((*compiled)->call("f", bytes, id, y)));
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t k = 0; k < 16; ++k)
      EXPECT_EQ(y(i, k), table.values[8 * 16 + k]);
}

} // namespace
