//===- Modules.cpp - module in, passes, module out --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Modules.h"
#include "allot/Archive/ModuleFile.h"
#include "allot/Import/Import.h"
#include "allot/Support/Error.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;

std::string tool::folderOf(llvm::StringRef path) {
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  return folder.empty() ? "." : folder.str();
}

LoadedModule::LoadedModule(llvm::StringRef path)
    : path(path.str()),
      context(registry(), mlir::MLIRContext::Threading::DISABLED),
      handler(sources, &context) {
  // A problem or a model is too long to be printed with every message.
  context.printOpOnDiagnostic(false);
}

llvm::Expected<std::unique_ptr<LoadedModule>>
LoadedModule::read(llvm::StringRef path) {
  std::unique_ptr<LoadedModule> result(new LoadedModule(path));
  result->module = archive::readModule(path, &result->context, result->sources);
  if (!result->module)
    return support::fileError(path, "the module cannot be read");
  return std::move(result);
}

llvm::Error
LoadedModule::run(llvm::function_ref<void(mlir::OpPassManager &)> build) {
  mlir::PassManager pm(&context);
  build(pm);
  if (mlir::failed(pm.run(*module)))
    return support::fileError(path, "nothing was written");
  return llvm::Error::success();
}

llvm::Error LoadedModule::write(llvm::StringRef output) {
  if (output == "-") {
    (*module)->print(llvm::outs());
    llvm::outs() << "\n";
    return llvm::Error::success();
  }
  return importer::writeModule(*module, output);
}

llvm::Expected<std::unique_ptr<support::AtomicFile>>
LoadedModule::prepare(llvm::StringRef output) {
  return importer::prepareModule(*module, output);
}
