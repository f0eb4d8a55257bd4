//===- Int.cpp - integer codes in blocks with a shared scale -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

/// `<4, block = [1, 64], scale = f16>` or `<4, ..., scale = f16, zero_point>`.
Attribute IntAttr::parse(AsmParser &parser, Type) {
  unsigned bits = 0;
  int64_t blockRows = 0, blockColumns = 0;
  Type scaleType;
  bool hasZeroPoint = false;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseInteger(bits) || parser.parseComma() ||
      parser.parseKeyword("block") || parser.parseEqual() ||
      parser.parseLSquare() || parser.parseInteger(blockRows) ||
      parser.parseComma() || parser.parseInteger(blockColumns) ||
      parser.parseRSquare() || parser.parseComma() ||
      parser.parseKeyword("scale") || parser.parseEqual() ||
      parser.parseType(scaleType))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("zero_point"))
      return {};
    hasZeroPoint = true;
  }
  if (parser.parseGreater())
    return {};
  if (blockRows != 1) {
    parser.emitError(location) << "a block is a part of one row: [1, N], not ["
                               << blockRows << ", N] (F3)";
    return {};
  }
  return IntAttr::getChecked([&] { return parser.emitError(location); },
                             parser.getContext(), bits, blockColumns, scaleType,
                             hasZeroPoint);
}

void IntAttr::print(AsmPrinter &printer) const {
  printer << "<" << getBits() << ", block = [1, " << getBlockColumns()
          << "], scale = " << getScaleType();
  if (getHasZeroPoint())
    printer << ", zero_point";
  printer << ">";
}

static bool isByteScale(Type type) { return type.isUnsignedInteger(8); }

LogicalResult IntAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              unsigned bits, int64_t blockColumns,
                              Type scaleType, bool) {
  if (bits < 2 || bits > 8)
    return emitError() << "codes have 2 to 8 bits, not " << bits << " (F2)";
  if (blockColumns != 32 && blockColumns != 64 && blockColumns != 128)
    return emitError() << "a block has 32, 64 or 128 columns, not "
                       << blockColumns << " (F3)";
  if (!scaleType.isF32() && !scaleType.isF16() && !isByteScale(scaleType))
    return emitError() << "scales are stored as f32, f16 or ui8, not as "
                       << scaleType << " (F4)";
  return success();
}

std::string IntAttr::getShortName() const {
  std::string name =
      "int" + llvm::utostr(getBits()) + "g" + llvm::itostr(getBlockColumns());
  if (getHasZeroPoint())
    name += "z";
  if (isByteScale(getScaleType()))
    name += "s8";
  else if (getScaleType().isF32())
    name += "s32";
  return name;
}

FormatAttrInterface facts::parseIntName(MLIRContext *context, StringRef name) {
  unsigned bits = 0, block = 0;
  if (!name.consume_front("int") || name.consumeInteger(10, bits) ||
      !name.consume_front("g") || name.consumeInteger(10, block))
    return {};
  bool hasZeroPoint = name.consume_front("z");
  Type scale = Float16Type::get(context);
  if (name.consume_front("s8"))
    scale = IntegerType::get(context, 8, IntegerType::Unsigned);
  else if (name.consume_front("s32"))
    scale = Float32Type::get(context);
  bool known = name.empty() && bits >= 2 && bits <= 8 &&
               (block == 32 || block == 64 || block == 128);
  return known ? cast<FormatAttrInterface>(Attribute(
                     IntAttr::get(context, bits, block, scale, hasZeroPoint)))
               : FormatAttrInterface();
}

CodeGrid IntAttr::getCodeGrid() const {
  CodeGrid grid;
  grid.bits = getBits();
  grid.maxCode = (1u << getBits()) - 1;
  grid.block = getBlockColumns();
  grid.scale = isByteScale(getScaleType()) ? CodeGrid::ScaleKind::U8
               : getScaleType().isF32()    ? CodeGrid::ScaleKind::F32
                                           : CodeGrid::ScaleKind::F16;
  if (getHasZeroPoint()) {
    grid.offset = CodeGrid::OffsetKind::ZeroPoint;
  } else {
    grid.minCode = 1;
    grid.zeroPoint = 1u << (getBits() - 1);
  }
  return grid;
}

int64_t IntAttr::getBlockSize() const { return getBlockColumns(); }

SmallVector<StorageBuffer>
IntAttr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  MatrixShape matrix = getMatrixShape(shape);
  uint64_t rows = matrix.rows;
  uint64_t blocks =
      rows * ((matrix.columns + getBlockColumns() - 1) / getBlockColumns());
  uint64_t codes = blocks * getBlockColumns();
  unsigned scaleBits = getScaleType().getIntOrFloatBitWidth();
  SmallVector<StorageBuffer> buffers;
  buffers.push_back({"codes", getBits(), codes, codes / 8 * getBits()});
  buffers.push_back({"scales", scaleBits, blocks, blocks * (scaleBits / 8)});
  if (getHasZeroPoint())
    buffers.push_back({"zero_points", 8, blocks, blocks});
  if (isByteScale(getScaleType()))
    buffers.push_back({"row_scales", 16, rows, rows * 2});
  return buffers;
}

uint64_t IntAttr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::sumBytes(getStorageBuffers(shape));
}

LogicalResult
IntAttr::verifyShape(ArrayRef<int64_t> shape,
                     function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyMatrixShape(shape, emitError);
}

LogicalResult
IntAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                        function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute IntAttr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(*this, tileRows);
}
