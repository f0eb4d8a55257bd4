//===- AdapterDialect.cpp - registration of the dialect -------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Adapter/IR/Computed.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

#include "allot/Dialect/Adapter/IR/AdapterDialect.cpp.inc"
#include "allot/Dialect/Adapter/IR/AdapterEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterTypes.cpp.inc"

void AdapterDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Adapter/IR/AdapterOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Adapter/IR/StructuredOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Adapter/IR/LeafOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Adapter/IR/ComputedOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Adapter/IR/BankOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "allot/Dialect/Adapter/IR/AdapterAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "allot/Dialect/Adapter/IR/AdapterTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// MapType
//===----------------------------------------------------------------------===//

LogicalResult MapType::verify(function_ref<InFlightDiagnostic()> emitError,
                              ArrayRef<int64_t> shape, Type elementType) {
  // (A1)
  if (shape.size() != 2 && shape.size() != 3)
    return emitError()
           << "a map has two dimensions, or three for a bank, but got "
           << shape.size() << " (A1)";
  int64_t elements = 1;
  for (int64_t dimension : shape) {
    if (dimension <= 0)
      return emitError() << "the dimensions of a map are positive, but got "
                         << dimension << " (A1)";
    auto product = llvm::checkedMul(elements, dimension);
    if (!product)
      return emitError()
             << "a map of this shape has 2^63 elements or more (A1)";
    elements = *product;
  }
  // (A2)
  if (!elementType.isF32())
    return emitError() << "the element type of a map is f32, but got "
                       << elementType << " (A2)";
  return success();
}

Type MapType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false,
                                /*withTrailingX=*/false) ||
      parser.parseComma() || parser.parseType(elementType) ||
      parser.parseGreater())
    return {};
  return MapType::getChecked([&] { return parser.emitError(loc); },
                             parser.getContext(), shape, elementType);
}

void MapType::print(AsmPrinter &printer) const {
  printer << '<';
  llvm::interleave(getShape(), printer.getStream(), "x");
  printer << ", " << getElementType() << '>';
}
