//===- allot-opt.cpp - mlir-opt with the dialects and passes of Allot -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/InitAllDialects.h"
#include "allot/InitAllExtensions.h"
#include "allot/InitAllPasses.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::registerAllPasses();
  allot::registerAllPasses();
  mlir::DialectRegistry registry;
  allot::registerAllDialects(registry);
  allot::registerAllExtensions(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Allot modular optimizer driver\n", registry));
}
