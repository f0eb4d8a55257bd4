//===- Adapter.cpp - the adapter dialect in C -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot-c/Dialect/Adapter.h"
#include "Common.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "mlir/CAPI/Registration.h"

using namespace mlir;
using allot::adapter::MapType;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Adapter, adapter,
                                      allot::adapter::AdapterDialect)

bool allotTypeIsAAdapterMap(MlirType type) {
  return isa<MapType>(unwrap(type));
}

MlirType allotAdapterMapTypeGet(intptr_t rank, const int64_t *shape,
                                MlirType elementType) {
  Type element = unwrap(elementType);
  MLIRContext *context = element.getContext();
  context->getOrLoadDialect<allot::adapter::AdapterDialect>();
  return wrap(
      MapType::getChecked([&] { return emitError(UnknownLoc::get(context)); },
                          context, ArrayRef<int64_t>(shape, rank), element));
}

intptr_t allotAdapterMapTypeGetRank(MlirType type) {
  return cast<MapType>(unwrap(type)).getShape().size();
}
int64_t allotAdapterMapTypeGetDimSize(MlirType type, intptr_t pos) {
  return cast<MapType>(unwrap(type)).getShape()[pos];
}
int64_t allotAdapterMapTypeGetOut(MlirType type) {
  return cast<MapType>(unwrap(type)).getOut();
}
int64_t allotAdapterMapTypeGetIn(MlirType type) {
  return cast<MapType>(unwrap(type)).getIn();
}
MlirType allotAdapterMapTypeGetElementType(MlirType type) {
  return wrap(cast<MapType>(unwrap(type)).getElementType());
}
