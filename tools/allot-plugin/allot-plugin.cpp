//===- allot-plugin.cpp - Allot inside other drivers ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the stock mlir-opt loads: all dialects, external models and passes. Passes are reached by --pass-pipeline.
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Dialect/Plan/IR/Plan.h"
#include "allot/InitAllExtensions.h"
#include "allot/InitAllPasses.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Allot", "0.1.0", [](mlir::DialectRegistry *registry) {
            // mlir-opt has the upstream dialects already.
            registry->insert<allot::adapter::AdapterDialect, allot::format::FormatDialect, allot::nn::NNDialect, allot::plan::PlanDialect>();
            allot::registerAllExtensions(*registry);
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Allot", "0.1.0", [] { allot::registerAllPasses(); }};
}
