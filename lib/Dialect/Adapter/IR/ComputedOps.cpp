//===- ComputedOps.cpp - tensors computed when weights are loaded -*- C++ -*-=//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Computed.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

#include "allot/Dialect/Adapter/IR/ComputedEnums.cpp.inc"

static bool isPlain(RankedTensorType type) {
  return type.hasStaticShape() && type.getElementType().isF32() &&
         !type.getEncoding();
}

/// Matrices that LAPACK's 32-bit sizes can hold.
static LogicalResult checkMatrices(Operation *op, ArrayRef<Value> values,
                                   StringRef number) {
  for (Value value : values) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!isPlain(type) || type.getRank() != 2 || type.getDimSize(0) < 1 ||
        type.getDimSize(1) < 1)
      return op->emitOpError() << "takes and makes static f32 matrices without "
                                  "encoding, but got "
                               << type << " (" << number << ")";
    if (type.getDimSize(0) > INT32_MAX / type.getDimSize(1))
      return op->emitOpError()
             << "takes and makes matrices of fewer than 2^31 elements, but got "
             << type << " (" << number << ")";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

static ParseResult parseSameAs(OpAsmParser &, Type operand, Type &result) {
  result = operand;
  return success();
}
static void printSameAs(OpAsmPrinter &, Operation *, Type, Type) {}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

// (A37)
LogicalResult SeededOp::verify() {
  RankedTensorType type = getResult().getType();
  if (!isPlain(type))
    return emitOpError() << "makes a static f32 tensor without encoding, but "
                            "the result is "
                         << type << " (A37)";
  constexpr int64_t limit = int64_t(1) << 40;
  int64_t skip = getSkip(), left = limit - skip;
  for (int64_t size : type.getShape())
    left = size ? left / size : left;
  if (skip < 0 || skip > limit || left < 1)
    return emitOpError() << "begins at number " << skip << " and makes " << type
                         << ", must stay within the first 2^40 numbers (A37)";
  auto bound = float(getBound().convertToDouble());
  if (!std::isfinite(2 * bound) || !(bound > 0))
    return emitOpError()
           << "the bound is positive and twice it a finite f32, but "
              "got "
           << getBound().convertToDouble() << " (A37)";
  return success();
}

// (A38)
LogicalResult SingularVectorsOp::verify() {
  if (failed(checkMatrices(*this, {getMatrix(), getResult()}, "A38")))
    return failure();
  ArrayRef<int64_t> matrix = getMatrix().getType().getShape(),
                    result = getResult().getType().getShape();
  int64_t most = std::min(matrix[0], matrix[1]);
  if (most > 1 << 14)
    return emitOpError() << "takes matrices of at most 2^14 rows or columns, "
                            "but got "
                         << getMatrix().getType() << " (A38)";
  unsigned along = getRight() ? 1 : 0;
  if (result[along] != matrix[along] || result[1 - along] > most)
    return emitOpError() << "makes at most " << most << " vectors of "
                         << matrix[along] << " numbers, "
                         << (getRight() ? "rows" : "columns")
                         << " of the result, which is " << getResult().getType()
                         << " (A38)";
  return success();
}

// (A39)
LogicalResult OrthonormalFactorOp::verify() {
  if (failed(checkMatrices(*this, {getMatrix(), getResult()}, "A39")))
    return failure();
  RankedTensorType type = getMatrix().getType();
  if (type.getDimSize(0) < type.getDimSize(1))
    return emitOpError() << "takes a matrix with at least as many rows as "
                            "columns, but got "
                         << type << " (A39)";
  if (type != getResult().getType())
    return emitOpError() << "makes " << type << ", but the result is "
                         << getResult().getType() << " (A39)";
  return success();
}

// (A40)
LogicalResult SolveOp::verify() {
  if (failed(checkMatrices(*this, {getA(), getB(), getResult()}, "A40")))
    return failure();
  RankedTensorType a = getA().getType(), b = getB().getType();
  if (a.getDimSize(0) != a.getDimSize(1) || a.getDimSize(0) != b.getDimSize(0))
    return emitOpError() << "takes a square matrix and one with as many rows, "
                            "but got "
                         << a << " and " << b << " (A40)";
  if (b != getResult().getType())
    return emitOpError() << "makes " << b << ", but the result is "
                         << getResult().getType() << " (A40)";
  return success();
}

// (A41)
LogicalResult ExtremeEntriesOp::verify() {
  if (failed(checkMatrices(*this, {getMatrix(), getResult()}, "A41")))
    return failure();
  ArrayRef<int64_t> matrix = getMatrix().getType().getShape(),
                    result = getResult().getType().getShape();
  if (std::max(matrix[0], matrix[1]) > 1 << 24)
    return emitOpError() << "takes matrices of at most 2^24 rows and columns, "
                            "but got "
                         << getMatrix().getType() << " (A41)";
  if (result[0] != 2 || result[1] > matrix[0] * matrix[1])
    return emitOpError() << "makes rows and columns, 2 x N, of at most "
                         << matrix[0] * matrix[1]
                         << " entries, but the result is "
                         << getResult().getType() << " (A41)";
  return success();
}

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/ComputedOps.cpp.inc"
