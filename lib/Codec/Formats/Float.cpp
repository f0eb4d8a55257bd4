//===- Float.cpp - codec of floating-point numbers -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "llvm/Support/ErrorHandling.h"

using namespace allot;
using namespace allot::codec;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using mlir::Attribute;

namespace {
struct FloatCodec
    : FormatCodecInterface::ExternalModel<FloatCodec, format::FloatAttr> {
  void decodeRows(Attribute attr, ArrayRef<uint8_t> bytes, int64_t,
                  int64_t columns, int64_t firstRow, int64_t numRows,
                  MutableArrayRef<float> out) const {
    mlir::Type type = llvm::cast<format::FloatAttr>(attr).getElementType();
    size_t width = type.getIntOrFloatBitWidth() / 8;
    size_t count = size_t(numRows) * columns;
    const uint8_t *from = bytes.data() + size_t(firstRow) * columns * width;
    if (type.isF32())
      std::memcpy(out.data(), from, count * 4);
    else if (type.isF16())
      support::f16ToFloat(from, out.data(), count);
    else
      support::bf16ToFloat(from, out.data(), count);
  }

  void writeFloats(Attribute attr, ArrayRef<float> values, int64_t,
                   int64_t columns, int64_t firstRow, int64_t numRows,
                   MutableArrayRef<uint8_t> bytes) const {
    mlir::Type type = llvm::cast<format::FloatAttr>(attr).getElementType();
    size_t width = type.getIntOrFloatBitWidth() / 8;
    size_t count = size_t(numRows) * columns;
    uint8_t *to = bytes.data() + size_t(firstRow) * columns * width;
    if (type.isF32())
      std::memcpy(to, values.data(), count * 4);
    else if (type.isF16())
      support::floatToF16(values.data(), to, count);
    else
      support::floatToBF16(values.data(), to, count);
  }

  // Never called: the format has no codes.
  void readCodes(Attribute, ArrayRef<uint8_t>, int64_t, int64_t, int64_t,
                 CodeBlocks &) const {
    llvm_unreachable("a float format has no codes");
  }
  void writeCodes(Attribute, const CodeBlocks &, int64_t, int64_t, int64_t,
                  MutableArrayRef<uint8_t>) const {
    llvm_unreachable("a float format has no codes");
  }
};
} // namespace

void codec::attachFloatCodec(mlir::MLIRContext &context) {
  format::FloatAttr::attachInterface<FloatCodec>(context);
}
