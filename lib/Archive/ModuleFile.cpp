//===- ModuleFile.cpp - modules from files ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Archive/ModuleFile.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace allot {

OwningOpRef<ModuleOp> archive::readModule(StringRef path,
                                          const ParserConfig &config,
                                          llvm::SourceMgr &sources) {
  // What changes ("volatile") is not mapped. Data inside of bytecode may ask
  // for any alignment that a mapping has.
  auto buffer = llvm::MemoryBuffer::getFile(
      path, /*IsText=*/false, /*RequiresNullTerminator=*/true,
      /*IsVolatile=*/true, llvm::Align(4096));
  if (!buffer) {
    emitError(UnknownLoc::get(config.getContext()))
        << path << ": " << buffer.getError().message();
    return nullptr;
  }
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  return parseSourceFile<ModuleOp>(sources, config);
}

OwningOpRef<ModuleOp> archive::readModule(StringRef path,
                                          const ParserConfig &config) {
  llvm::SourceMgr sources;
  return readModule(path, config, sources);
}

} // namespace allot
