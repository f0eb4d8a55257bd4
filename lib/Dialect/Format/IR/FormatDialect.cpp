//===- FormatDialect.cpp - registration of the dialect -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

#include "allot/Dialect/Format/IR/FormatDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/Format/IR/FormatAttrs.cpp.inc"

#define GET_OP_CLASSES
#include "allot/Dialect/Format/IR/FormatOps.cpp.inc"

void FormatDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Format/IR/FormatOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "allot/Dialect/Format/IR/FormatAttrs.cpp.inc"
      >();
}
