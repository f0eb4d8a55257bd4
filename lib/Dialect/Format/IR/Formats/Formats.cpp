//===- Formats.cpp - what the files of the formats share -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

/// Larger tensors than this do not exist, and byte counts of smaller ones fit
/// in 64 bits whatever their padding.
static constexpr int64_t maxElements = int64_t(1) << 48;

LogicalResult facts::verifyMatrixShape(ArrayRef<int64_t> shape,
                                       EmitError emitError) {
  if (shape.empty()) {
    emitError() << "an encoded tensor has at least one dimension (F11)";
    return failure();
  }
  int64_t elements = 1;
  for (int64_t dim : shape) {
    if (ShapedType::isDynamic(dim) || dim <= 0) {
      emitError()
          << "dimensions of an encoded tensor are static and positive (F11)";
      return failure();
    }
    if (dim > maxElements / elements) {
      emitError() << "an encoded tensor has at most 2^48 elements (F11)";
      return failure();
    }
    elements *= dim;
  }
  return success();
}

LogicalResult facts::verifyTensorEncoding(FormatAttrInterface format,
                                          ArrayRef<int64_t> shape,
                                          Type elementType,
                                          EmitError emitError) {
  if (!elementType.isF32()) {
    emitError() << "elements of an encoded tensor are f32, not " << elementType
                << " (F11)";
    return failure();
  }
  return format.verifyShape(shape, emitError);
}

LogicalResult facts::verifyBlocksOf32(StringRef name, ArrayRef<int64_t> shape,
                                      EmitError emitError) {
  if (failed(verifyMatrixShape(shape, emitError)))
    return failure();
  if (shape.back() % 32) {
    emitError() << "a tensor of format " << name << " has " << shape.back()
                << " columns, which is no multiple of 32 (F5)";
    return failure();
  }
  return success();
}

StorageBuffer facts::blockBuffer(ArrayRef<int64_t> shape,
                                 unsigned bytesPerBlock) {
  MatrixShape matrix = getMatrixShape(shape);
  uint64_t blocks = uint64_t(matrix.rows) * (matrix.columns / 32);
  return {"blocks", bytesPerBlock * 8, blocks, blocks * bytesPerBlock};
}

uint64_t facts::sumBytes(ArrayRef<StorageBuffer> buffers) {
  uint64_t bytes = 0;
  for (const StorageBuffer &buffer : buffers)
    bytes += buffer.bytes;
  return bytes;
}

Attribute facts::packFormat(Attribute format, int64_t tileRows) {
  return PackedAttr::get(format.getContext(), format, tileRows);
}
