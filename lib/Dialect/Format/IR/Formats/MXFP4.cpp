//===- MXFP4.cpp - 4-bit floats in blocks with a power of two -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

Attribute MXFP4Attr::parse(AsmParser &parser, Type) {
  bool split = succeeded(parser.parseOptionalLess());
  if (split && (parser.parseKeyword("split") || parser.parseGreater()))
    return {};
  return MXFP4Attr::get(parser.getContext(), split);
}

void MXFP4Attr::print(AsmPrinter &printer) const {
  if (getSplit())
    printer << "<split>";
}

std::string MXFP4Attr::getShortName() const {
  return getSplit() ? "mxfp4split" : "mxfp4";
}

FormatAttrInterface facts::parseMXFP4Name(MLIRContext *context,
                                          StringRef name) {
  return name == "mxfp4" || name == "mxfp4split"
             ? cast<FormatAttrInterface>(Attribute(
                   MXFP4Attr::get(context, /*split=*/name == "mxfp4split")))
             : FormatAttrInterface();
}

/// Twice the values 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, and 12.
static constexpr uint8_t levels[] = {12, 13, 14, 15, 16, 18, 20, 24,
                                     12, 11, 10, 9,  8,  6,  4,  0};

CodeGrid MXFP4Attr::getCodeGrid() const {
  CodeGrid grid;
  grid.bits = 4;
  grid.maxCode = 24;
  grid.block = 32;
  grid.scale = CodeGrid::ScaleKind::PowerOfTwo;
  grid.zeroPoint = 12;
  grid.codebook = levels;
  return grid;
}

int64_t MXFP4Attr::getBlockSize() const { return 32; }

SmallVector<StorageBuffer>
MXFP4Attr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  if (!getSplit())
    return {facts::blockBuffer(shape, 17)};
  MatrixShape matrix = getMatrixShape(shape);
  uint64_t blocks = uint64_t(matrix.rows) * (matrix.columns / 32);
  return {{"codes", 4, blocks * 32, blocks * 16},
          {"scales", 8, blocks, blocks}};
}

uint64_t MXFP4Attr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::sumBytes(getStorageBuffers(shape));
}

LogicalResult
MXFP4Attr::verifyShape(ArrayRef<int64_t> shape,
                       function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyBlocksOf32(getShortName(), shape, emitError);
}

LogicalResult
MXFP4Attr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                          function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute MXFP4Attr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(*this, tileRows);
}
