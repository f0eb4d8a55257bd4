//===- RoutedDialect.cpp - registration of the dialect ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Routed/IR/Routed.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace allot;
using namespace allot::routed;

#include "allot/Dialect/Routed/IR/RoutedDialect.cpp.inc"
#include "allot/Dialect/Routed/IR/RoutedEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/Routed/IR/RoutedAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "allot/Dialect/Routed/IR/RoutedTypes.cpp.inc"

/// What chooses is attached from outside.
template <typename... Policies>
static void promiseChoosing(RoutedDialect &dialect) {
  (dialect.declarePromisedInterface<RoutingReferenceInterface, Policies>(),
   ...);
  (dialect.declarePromisedInterface<RoutingKernelInterface, Policies>(), ...);
}

void RoutedDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "allot/Dialect/Routed/IR/RoutedOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "allot/Dialect/Routed/IR/RoutedAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "allot/Dialect/Routed/IR/RoutedTypes.cpp.inc"
      >();
  promiseChoosing<TokenChoiceAttr, ExpertChoiceAttr, GlobalChoiceAttr, TopPAttr,
                  ThresholdAttr>(*this);
}

// (R1)
LogicalResult
AssignmentType::verify(function_ref<InFlightDiagnostic()> emitError,
                       int64_t most, int64_t experts) {
  if (most >= 1 && most <= experts)
    return success();
  return emitError() << "a row has from 1 to all of the experts, but got "
                     << most << " of " << experts << " (R1)";
}
