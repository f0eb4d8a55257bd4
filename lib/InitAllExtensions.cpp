//===- InitAllExtensions.cpp - registration of external models --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/InitAllExtensions.h"
#include "allot/Codec/Codec.h"
#include "allot/Conversion/DpsBufferization.h"
#include "allot/Gradient/Reverse.h"
#include "allot/Kernel/PackedTile.h"
#include "allot/Kernel/Routing.h"
#include "allot/Reference/Interpreter.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"

void allot::registerAllExtensions(mlir::DialectRegistry &registry) {
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  codec::registerCodecExternalModels(registry);
  kernel::registerTileExternalModels(registry);
  kernel::registerRoutingExternalModels(registry);
  gradient::registerVJPExternalModels(registry);
  conversion::registerBufferizationExternalModels(registry);
  reference::registerReferenceExternalModels(registry);
}
