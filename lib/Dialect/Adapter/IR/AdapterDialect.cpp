//===- AdapterDialect.cpp - registration of the dialect -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

#include "allot/Dialect/Adapter/IR/AdapterDialect.cpp.inc"
#include "allot/Dialect/Adapter/IR/AdapterEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterTypes.cpp.inc"

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterOps.cpp.inc"

void AdapterDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Adapter/IR/AdapterOps.cpp.inc"
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
