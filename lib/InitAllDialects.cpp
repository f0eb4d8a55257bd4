//===- InitAllDialects.cpp - registration of all dialects -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/InitAllDialects.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Dialect/Plan/IR/Plan.h"
#include "allot/Dialect/Routed/IR/Routed.h"
#include "mlir/InitAllDialects.h"

void allot::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  registry.insert<adapter::AdapterDialect, format::FormatDialect, nn::NNDialect,
                  plan::PlanDialect, routed::RoutedDialect>();
}
