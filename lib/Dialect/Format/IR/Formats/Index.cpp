//===- Index.cpp - whole numbers, each on its own -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

LogicalResult
format::IndexAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          Type elementType) {
  auto type = dyn_cast<IntegerType>(elementType);
  bool isKnown = false;
  if (type)
    for (unsigned width : {8u, 16u, 32u, 64u})
      isKnown |= type.getWidth() == width && !type.isSigned();
  if (!isKnown && !elementType.isSignlessInteger(1))
    return emitError()
           << "whole numbers are stored as i64, i32, i16, i8, ui64, ui32, "
              "ui16, ui8 or i1, not as "
           << elementType << " (F14)";
  return success();
}

// As files call them. No choice of a format by name finds them.
std::string format::IndexAttr::getShortName() const {
  auto type = cast<IntegerType>(getElementType());
  if (type.getWidth() == 1)
    return "bool";
  return (type.isUnsigned() ? "u" : "i") + std::to_string(type.getWidth());
}

CodeGrid format::IndexAttr::getCodeGrid() const {
  CodeGrid grid;
  grid.elementType = getElementType();
  return grid;
}

int64_t format::IndexAttr::getBlockSize() const { return 1; }

SmallVector<StorageBuffer>
format::IndexAttr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  MatrixShape matrix = getMatrixShape(shape);
  unsigned bits = std::max(8u, cast<IntegerType>(getElementType()).getWidth());
  uint64_t elements = uint64_t(matrix.rows) * matrix.columns;
  return {{"values", bits, elements, elements * (bits / 8)}};
}

uint64_t format::IndexAttr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::sumBytes(getStorageBuffers(shape));
}

LogicalResult format::IndexAttr::verifyShape(
    ArrayRef<int64_t> shape,
    function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyMatrixShape(shape, emitError);
}

LogicalResult format::IndexAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type elementType,
    function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

// Kernels know no whole numbers: they read f32.
Attribute format::IndexAttr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(
      format::FloatAttr::get(getContext(), Float32Type::get(getContext())),
      tileRows);
}
