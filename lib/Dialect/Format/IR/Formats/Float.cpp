//===- Float.cpp - floating-point numbers, each on its own -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

LogicalResult
format::FloatAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          Type elementType) {
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16())
    return emitError() << "numbers are stored as f32, f16 or bf16, not as "
                       << elementType << " (F1)";
  return success();
}

std::string format::FloatAttr::getShortName() const {
  return getElementType().isF32()   ? "f32"
         : getElementType().isF16() ? "f16"
                                    : "bf16";
}

FormatAttrInterface facts::parseFloatName(MLIRContext *context,
                                          StringRef name) {
  Type type = llvm::StringSwitch<Type>(name)
                  .Case("f32", Float32Type::get(context))
                  .Case("f16", Float16Type::get(context))
                  .Case("bf16", BFloat16Type::get(context))
                  .Default(Type());
  return type ? cast<FormatAttrInterface>(
                    Attribute(format::FloatAttr::get(context, type)))
              : FormatAttrInterface();
}

CodeGrid format::FloatAttr::getCodeGrid() const {
  CodeGrid grid;
  grid.elementType = getElementType();
  return grid;
}

int64_t format::FloatAttr::getBlockSize() const { return 1; }

SmallVector<StorageBuffer>
format::FloatAttr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  MatrixShape matrix = getMatrixShape(shape);
  unsigned bits = getElementType().getIntOrFloatBitWidth();
  uint64_t elements = uint64_t(matrix.rows) * matrix.columns;
  return {{"values", bits, elements, elements * (bits / 8)}};
}

uint64_t format::FloatAttr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::sumBytes(getStorageBuffers(shape));
}

LogicalResult format::FloatAttr::verifyShape(
    ArrayRef<int64_t> shape,
    function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyMatrixShape(shape, emitError);
}

LogicalResult format::FloatAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type elementType,
    function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute format::FloatAttr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(*this, tileRows);
}
