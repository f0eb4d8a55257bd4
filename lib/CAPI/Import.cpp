//===- Import.cpp - checkpoints and module files in C -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot-c/Import.h"
#include "Common.h"
#include "allot/Archive/ModuleFile.h"
#include "allot/Import/Import.h"
#include "allot/Import/Merge.h"
#include "allot/Support/Error.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace allot;
using capi::report;
using capi::text;

AllotImportOptions allotImportOptionsGet(MlirStringRef checkpoint) {
  AllotImportOptions options = {};
  options.checkpoint = checkpoint;
  return options;
}

MlirModule allotImport(MlirContext context, const AllotImportOptions *options) {
  importer::ImportOptions request;
  request.checkpoint = text(options->checkpoint);
  request.modulesFile = text(options->modulesFile);
  request.outputDirectory = text(options->folder);
  for (intptr_t i = 0; i < options->numAdapters; ++i) {
    const AllotAdapterSource &adapter = options->adapters[i];
    request.adapters.push_back(
        {text(adapter.name), text(adapter.directory), adapter.weight});
  }
  auto module = importer::importCheckpoint(*unwrap(context), request);
  if (!module) {
    (void)report(unwrap(context), module.takeError());
    return wrap(ModuleOp());
  }
  return wrap(module->release());
}

MlirModule allotModuleRead(MlirContext context, MlirStringRef path) {
  auto module = archive::readModule(unwrap(path), unwrap(context));
  return wrap(module.release());
}

MlirLogicalResult allotModuleWrite(MlirModule module, MlirStringRef path) {
  if (mlirModuleIsNull(module))
    return mlirLogicalResultFailure();
  ModuleOp op = unwrap(module);
  return wrap(report(op.getContext(), importer::writeModule(op, unwrap(path))));
}

MlirLogicalResult allotModuleMergeWeights(MlirModule module,
                                          MlirStringRef folder,
                                          MlirStringRef path) {
  if (mlirModuleIsNull(module))
    return mlirLogicalResultFailure();
  ModuleOp op = unwrap(module);
  std::string from = capi::folderOf(op, folder);
  if (archive::holdsWeightsOf(op, from, unwrap(path)))
    return wrap(
        report(op.getContext(),
               support::fileError(unwrap(path), "would replace weights of the "
                                                "model")));
  return wrap(
      report(op.getContext(), importer::mergeWeights(op, from, unwrap(path))));
}
