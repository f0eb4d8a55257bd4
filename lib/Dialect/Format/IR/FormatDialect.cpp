//===- FormatDialect.cpp - registration of the dialect -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats/Formats.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

#include "allot/Dialect/Format/IR/FormatDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/Format/IR/FormatAttrs.cpp.inc"

/// Codecs of all formats are attached from outside.
template <typename... Attrs>
static void promiseCodecs(FormatDialect &dialect) {
  (dialect.declarePromisedInterface<FormatCodecInterface, Attrs>(), ...);
}

void FormatDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Format/IR/FormatOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "allot/Dialect/Format/IR/FormatAttrs.cpp.inc"
      >();
  promiseCodecs<format::FloatAttr, IndexAttr, IntAttr, MXFP4Attr, Q4_0Attr,
                Q4_1Attr, Q5_0Attr, Q5_1Attr, Q8_0Attr, PackedAttr>(*this);
  declarePromisedInterface<FormatTileInterface, PackedAttr>();
}

/// (F12)
LogicalResult
FormatDialect::verifyOperationAttribute(Operation *op,
                                        NamedAttribute attribute) {
  if (attribute.getName() != tableAttrName)
    return op->emitOpError("has an unknown attribute '")
           << attribute.getName().getValue() << "' of the format dialect";
  if (!isa<ModuleOp>(op))
    return op->emitOpError("'format.table' belongs on a module (F12)");
  auto entries = dyn_cast<ArrayAttr>(attribute.getValue());
  if (!entries)
    return op->emitOpError("'format.table' is an array (F12)");
  for (auto [index, entry] : llvm::enumerate(entries)) {
    auto fields = dyn_cast<DictionaryAttr>(entry);
    auto global = fields ? fields.getAs<FlatSymbolRefAttr>("global") : nullptr;
    auto type = fields ? fields.getAs<TypeAttr>("type") : nullptr;
    // Of a weight that is computed the program stands beside it.
    bool computed = fields && fields.getAs<ComputedAttr>("value");
    if (!global || !type || fields.size() != (computed ? 3u : 2u) ||
        !getFormat(type.getValue()))
      return op->emitOpError("entry ")
             << index
             << " of 'format.table' is not of the form {global = @symbol, type "
                "= tensor<..., #format...>} (F12)";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Stored
//===----------------------------------------------------------------------===//

LogicalResult StoredAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringAttr file, StringAttr tensor,
                                 uint64_t offset, uint64_t bytes,
                                 StringAttr digest, int64_t rowInterleave,
                                 uint64_t restBytes, uint64_t restOffset) {
  if (rowInterleave < 0 || rowInterleave % 2)
    return emitError() << "row_interleave is 0 or a positive even number, not "
                       << rowInterleave << " (F10)";
  if (file.empty())
    return emitError() << "the file of a stored tensor has a name (F13)";
  if (offset + bytes < offset || restOffset + restBytes < restOffset ||
      bytes + restBytes < bytes)
    return emitError() << "offset and bytes of stored tensor '"
                       << tensor.getValue() << "' do not fit 64 bits (F13)";
  return success();
}

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

FormatAttrInterface format::getFormat(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<FormatAttrInterface>(tensor.getEncoding())
                : FormatAttrInterface();
}

RankedTensorType format::withFormat(RankedTensorType type, Attribute format) {
  return RankedTensorType::get(type.getShape(), type.getElementType(), format);
}

MatrixShape format::getMatrixShape(ArrayRef<int64_t> shape) {
  MatrixShape matrix;
  if (shape.empty())
    return matrix;
  for (int64_t dim : shape.drop_back())
    matrix.rows *= dim;
  matrix.columns = shape.back();
  return matrix;
}

SmallVector<unsigned, 3> format::getCodePlanes(unsigned bits) {
  SmallVector<unsigned, 3> planes;
  for (unsigned width : {8u, 4u, 2u, 1u})
    if (bits & width)
      planes.push_back(width);
  return planes;
}

FormatAttrInterface format::getFormatByName(MLIRContext *context,
                                            StringRef name) {
  context->loadDialect<FormatDialect>();
  for (auto parse :
       {facts::parseFloatName, facts::parseIntName, facts::parseMXFP4Name,
        facts::parseQ4_0Name, facts::parseQ4_1Name, facts::parseQ5_0Name,
        facts::parseQ5_1Name, facts::parseQ8_0Name})
    if (FormatAttrInterface format = parse(context, name))
      return format;
  return {};
}

uint64_t format::getStoredBytes(RankedTensorType type) {
  if (FormatAttrInterface format = getFormat(type))
    return format.getStorageBytes(type.getShape());
  uint64_t bits = type.getElementTypeBitWidth();
  return uint64_t(type.getNumElements()) * ((bits + 7) / 8);
}
