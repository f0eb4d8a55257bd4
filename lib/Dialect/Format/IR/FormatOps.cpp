//===- FormatOps.cpp - verifiers and folders of the ops -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

#define GET_OP_CLASSES
#include "allot/Dialect/Format/IR/FormatOps.cpp.inc"

/// (F8), (F9): the two sides hold the same numbers.
static LogicalResult verifySameNumbers(Operation *op, RankedTensorType source,
                                       RankedTensorType result,
                                       StringRef label) {
  if (source.getShape() != result.getShape() ||
      source.getElementType() != result.getElementType())
    return op->emitOpError("source ")
           << source << " and result " << result
           << " differ in shape or element type (" << label << ")";
  return success();
}

//===----------------------------------------------------------------------===//
// EncodeOp
//===----------------------------------------------------------------------===//

LogicalResult EncodeOp::verify() {
  if (getSource().getType().getEncoding())
    return emitOpError("source ")
           << getSource().getType() << " is encoded already (F8)";
  if (!getFormat(getResult().getType()))
    return emitOpError("result ")
           << getResult().getType() << " has no format (F8)";
  return verifySameNumbers(*this, getSource().getType(), getResult().getType(),
                           "F8");
}

OpFoldResult EncodeOp::fold(FoldAdaptor) {
  // Rounding a number that was rounded in the same way changes nothing; a block
  // may take another scale.
  if (auto decode = getSource().getDefiningOp<DecodeOp>())
    if (decode.getSource().getType() == getResult().getType() &&
        !getFormat(getResult().getType()).getCodeGrid().bits)
      return decode.getSource();
  return {};
}

//===----------------------------------------------------------------------===//
// DecodeOp
//===----------------------------------------------------------------------===//

LogicalResult DecodeOp::verify() {
  if (!getFormat(getSource().getType()))
    return emitOpError("source ")
           << getSource().getType() << " has no format (F8)";
  if (getResult().getType().getEncoding())
    return emitOpError("result ")
           << getResult().getType() << " is encoded (F8)";
  return verifySameNumbers(*this, getSource().getType(), getResult().getType(),
                           "F8");
}

OpFoldResult DecodeOp::fold(FoldAdaptor) {
  if (auto pack = getSource().getDefiningOp<PackOp>()) {
    getSourceMutable().assign(pack.getSource());
    return getResult();
  }
  if (auto encode = getSource().getDefiningOp<EncodeOp>()) {
    CodeGrid grid = getFormat(getSource().getType()).getCodeGrid();
    if (!grid.bits &&
        grid.elementType == getResult().getType().getElementType())
      return encode.getSource();
  }
  return {};
}

//===----------------------------------------------------------------------===//
// PackOp
//===----------------------------------------------------------------------===//

LogicalResult PackOp::verify() {
  FormatAttrInterface from = getFormat(getSource().getType());
  FormatAttrInterface to = getFormat(getResult().getType());
  if (!from || !to)
    return emitOpError("source ")
           << getSource().getType() << " and result " << getResult().getType()
           << " have formats (F9)";
  if (from.getUnpackedFormat() != to.getUnpackedFormat())
    return emitOpError("packing keeps the codes, but ")
           << from.getUnpackedFormat() << " is not " << to.getUnpackedFormat()
           << " (F9)";
  return verifySameNumbers(*this, getSource().getType(), getResult().getType(),
                           "F9");
}

OpFoldResult PackOp::fold(FoldAdaptor) {
  if (getSource().getType() == getResult().getType())
    return getSource();
  if (auto pack = getSource().getDefiningOp<PackOp>()) {
    getSourceMutable().assign(pack.getSource());
    return getResult();
  }
  return {};
}
