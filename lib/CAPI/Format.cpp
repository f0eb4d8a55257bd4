//===- Format.cpp - the format dialect in C ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot-c/Dialect/Format.h"
#include "Common.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/CAPI/Registration.h"

using namespace mlir;
using allot::CodeGrid;
using allot::FormatAttrInterface;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Format, format,
                                      allot::format::FormatDialect)

static FormatAttrInterface format(MlirAttribute attribute) {
  return cast<FormatAttrInterface>(unwrap(attribute));
}

static void load(MLIRContext *context) {
  context->getOrLoadDialect<allot::format::FormatDialect>();
}

bool allotAttributeIsAFormat(MlirAttribute attribute) {
  return isa<FormatAttrInterface>(unwrap(attribute));
}

MlirAttribute allotFormatGetByName(MlirContext context, MlirStringRef name) {
  load(unwrap(context));
  FormatAttrInterface found =
      allot::format::getFormatByName(unwrap(context), unwrap(name));
  if (!found)
    emitError(UnknownLoc::get(unwrap(context)))
        << "there is no format '" << unwrap(name) << "'";
  return wrap(Attribute(found));
}

void allotFormatGetName(MlirAttribute attribute, MlirStringCallback callback,
                        void *userData) {
  callback(wrap(StringRef(format(attribute).getShortName())), userData);
}

// The enumerators have the values of ours.
static_assert(ALLOT_SCALE_F32 == int(CodeGrid::ScaleKind::F32) &&
              ALLOT_SCALE_F16 == int(CodeGrid::ScaleKind::F16) &&
              ALLOT_SCALE_U8 == int(CodeGrid::ScaleKind::U8) &&
              ALLOT_SCALE_POWER_OF_TWO == int(CodeGrid::ScaleKind::PowerOfTwo));
static_assert(ALLOT_OFFSET_CONSTANT == int(CodeGrid::OffsetKind::Constant) &&
              ALLOT_OFFSET_ZERO_POINT == int(CodeGrid::OffsetKind::ZeroPoint) &&
              ALLOT_OFFSET_MINIMUM == int(CodeGrid::OffsetKind::Minimum));

AllotCodeGrid allotFormatGetCodeGrid(MlirAttribute attribute) {
  CodeGrid grid = format(attribute).getCodeGrid();
  return {grid.bits,
          grid.minCode,
          grid.maxCode,
          AllotScaleKind(grid.scale),
          AllotOffsetKind(grid.offset),
          grid.zeroPoint};
}
MlirType allotFormatGetElementType(MlirAttribute attribute) {
  return wrap(format(attribute).getCodeGrid().elementType);
}
int64_t allotFormatGetBlockSize(MlirAttribute attribute) {
  return format(attribute).getBlockSize();
}

MlirLogicalResult allotFormatGetStorageBytes(MlirAttribute attribute,
                                             intptr_t rank,
                                             const int64_t *shape,
                                             uint64_t *bytes) {
  ArrayRef<int64_t> dims(shape, rank);
  Attribute encoding = unwrap(attribute);
  auto complain = [&] {
    return emitError(UnknownLoc::get(encoding.getContext()));
  };
  // The tensor type checks what holds for all formats: positive dimensions,
  // bounded sizes.
  auto type = RankedTensorType::getChecked(
      complain, dims, Float32Type::get(encoding.getContext()), encoding);
  if (!type || failed(format(attribute).verifyShape(dims, complain)))
    return wrap(LogicalResult(failure()));
  *bytes = format(attribute).getStorageBytes(dims);
  return wrap(LogicalResult(success()));
}

MlirLogicalResult allotFormatGetBitsPerElement(MlirAttribute attribute,
                                               intptr_t rank,
                                               const int64_t *shape,
                                               double *bits) {
  uint64_t bytes = 0;
  MlirLogicalResult result =
      allotFormatGetStorageBytes(attribute, rank, shape, &bytes);
  if (mlirLogicalResultIsSuccess(result)) {
    double elements = 1;
    for (int64_t size : ArrayRef<int64_t>(shape, rank))
      elements *= double(size);
    *bits = 8.0 * double(bytes) / elements;
  }
  return result;
}

MlirAttribute allotFormatGetPacked(MlirAttribute attribute, int64_t tileRows) {
  if (tileRows != 8 && tileRows != 16)
    return wrap(Attribute());
  return wrap(format(attribute).getPackedFormat(tileRows));
}
