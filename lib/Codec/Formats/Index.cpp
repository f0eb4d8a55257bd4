//===- Index.cpp - codec of whole numbers -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "llvm/Support/ErrorHandling.h"
#include <cmath>

using namespace allot;
using namespace allot::codec;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using mlir::Attribute;

template <typename Number>
static void read(const uint8_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    Number number;
    std::memcpy(&number, from + i * sizeof(Number), sizeof(Number));
    to[i] = float(number);
  }
}

template <typename Number>
static void write(const float *from, uint8_t *to, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    // Who calls has checked that it fits.
    auto number = Number(std::nearbyint(from[i]));
    std::memcpy(to + i * sizeof(Number), &number, sizeof(Number));
  }
}

/// A byte that is 0 or not.
struct Flag {
  uint8_t byte;
  Flag() = default;
  explicit Flag(float number) : byte(number != 0) {}
  explicit operator float() const { return byte != 0; }
};

/// Calls `use` with a value of the C++ type.
template <typename Use>
static void dispatch(mlir::Type type, Use use) {
  auto integer = llvm::cast<mlir::IntegerType>(type);
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return use(Flag());
  case 8:
    return isUnsigned ? use(uint8_t()) : use(int8_t());
  case 16:
    return isUnsigned ? use(uint16_t()) : use(int16_t());
  case 32:
    return isUnsigned ? use(uint32_t()) : use(int32_t());
  default:
    return isUnsigned ? use(uint64_t()) : use(int64_t());
  }
}

namespace {
struct IndexCodec
    : FormatCodecInterface::ExternalModel<IndexCodec, format::IndexAttr> {
  void decodeRows(Attribute attr, ArrayRef<uint8_t> bytes, int64_t,
                  int64_t columns, int64_t firstRow, int64_t numRows,
                  MutableArrayRef<float> out) const {
    dispatch(llvm::cast<format::IndexAttr>(attr).getElementType(),
             [&](auto kind) {
               using Number = decltype(kind);
               read<Number>(bytes.data() +
                                size_t(firstRow) * columns * sizeof(Number),
                            out.data(), size_t(numRows) * columns);
             });
  }

  void writeFloats(Attribute attr, ArrayRef<float> values, int64_t,
                   int64_t columns, int64_t firstRow, int64_t numRows,
                   MutableArrayRef<uint8_t> bytes) const {
    dispatch(llvm::cast<format::IndexAttr>(attr).getElementType(),
             [&](auto kind) {
               using Number = decltype(kind);
               write<Number>(values.data(),
                             bytes.data() +
                                 size_t(firstRow) * columns * sizeof(Number),
                             size_t(numRows) * columns);
             });
  }

  // Never called: the format has no codes.
  void readCodes(Attribute, ArrayRef<uint8_t>, int64_t, int64_t, int64_t,
                 CodeBlocks &) const {
    llvm_unreachable("an index format has no codes");
  }
  void writeCodes(Attribute, const CodeBlocks &, int64_t, int64_t, int64_t,
                  MutableArrayRef<uint8_t>) const {
    llvm_unreachable("an index format has no codes");
  }
};
} // namespace

void codec::attachIndexCodec(mlir::MLIRContext &context) {
  format::IndexAttr::attachInterface<IndexCodec>(context);
}
