//===- Registration.cpp - registration and pipelines of the C API *- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot-c/Registration.h"
#include "Common.h"
#include "allot-c/Pipelines.h"
#include "allot/InitAllDialects.h"
#include "allot/InitAllExtensions.h"
#include "allot/InitAllPasses.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>

using namespace mlir;

void allotRegisterAllDialects(MlirDialectRegistry registry) {
  allot::registerAllDialects(*unwrap(registry));
  allot::registerAllExtensions(*unwrap(registry));
}

void allotRegisterAllPasses(void) {
  // A pipeline may be registered once.
  static std::once_flag done;
  std::call_once(done, [] {
    mlir::registerAllPasses();
    allot::registerAllPasses();
  });
}

MlirStringRef allotVersion(void) {
  return mlirStringRefCreateFromCString(ALLOT_VERSION);
}

MlirLogicalResult allotRunPipeline(MlirModule module, MlirStringRef pipeline) {
  if (mlirModuleIsNull(module))
    return mlirLogicalResultFailure();
  ModuleOp op = unwrap(module);
  std::string message;
  llvm::raw_string_ostream os(message);
  FailureOr<OpPassManager> parsed = parsePassPipeline(unwrap(pipeline), os);
  if (succeeded(parsed) &&
      parsed->getOpAnchorName() != ModuleOp::getOperationName() &&
      parsed->getOpAnchorName() != OpPassManager::getAnyOpAnchorName()) {
    os << "the pipeline is for " << parsed->getOpAnchorName()
       << ", wanted one for " << ModuleOp::getOperationName();
    parsed = failure();
  }
  if (failed(parsed))
    return wrap(LogicalResult(emitError(UnknownLoc::get(op.getContext()))
                              << llvm::StringRef(message).rtrim()));
  PassManager manager(op.getContext(), ModuleOp::getOperationName());
  static_cast<OpPassManager &>(manager) = std::move(*parsed);
  return wrap(manager.run(op));
}
