//===- CompiledModule.cpp - machine code in this process --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/CompiledModule.h"
#include "allot/Runtime/CodeGeneration.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/MapperJITLinkMemoryManager.h"
#include "llvm/ExecutionEngine/Orc/MemoryMapper.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace allot;
using namespace allot::runtime;

llvm::Error runtime::requireOpenMP() {
  if (llvm::sys::DynamicLibrary::SearchForAddressOfSymbol("__kmpc_fork_call"))
    return llvm::Error::success();
  std::string reason;
  for (const char *name : {"libomp.so.5", "libomp.so"})
    if (!llvm::sys::DynamicLibrary::LoadLibraryPermanently(name, &reason))
      return llvm::Error::success();
  return llvm::createStringError(
      "code generation: the OpenMP runtime is missing: " + reason);
}

std::string runtime::hostKernelTarget() {
  return CodeTarget::host().kernelTarget();
}

CompiledModule::CompiledModule() = default;
CompiledModule::~CompiledModule() = default;

/// Objects of `size` bytes together are linked in one range of memory: calls
/// between them reach 2 GiB, and by default each gets a range of its own, which
/// the system may put anywhere.
static llvm::orc::LLJITBuilderState::ObjectLinkingLayerCreator
linkingLayerWithin(size_t size) {
  // Besides what is in the files: tables for calls to the outside, and pages
  // of their own for what has other permissions.
  size_t range = llvm::alignTo(2 * size + (size_t(1) << 20), size_t(1) << 20);
  return [range](llvm::orc::ExecutionSession &session)
             -> llvm::Expected<std::unique_ptr<llvm::orc::ObjectLayer>> {
    auto memory = llvm::orc::MapperJITLinkMemoryManager::CreateWithMapper<
        llvm::orc::InProcessMemoryMapper>(range);
    if (!memory)
      return memory.takeError();
    return std::make_unique<llvm::orc::ObjectLinkingLayer>(session,
                                                           std::move(*memory));
  };
}

llvm::Expected<std::unique_ptr<CompiledModule>>
CompiledModule::compile(mlir::ModuleOp source, const CompileOptions &options) {
  if (llvm::Error error = requireOpenMP())
    return std::move(error);
  CodeOptions code;
  code.threads = options.threads;
  auto objects = generateObjects(source, code);
  if (!objects)
    return objects.takeError();
  size_t size = 0;
  for (const auto &object : *objects)
    size += object->getBufferSize();
  auto jit = llvm::orc::LLJITBuilder()
                 .setObjectLinkingLayerCreator(linkingLayerWithin(size))
                 .setJITTargetMachineBuilder(targetMachineBuilder(code.target))
                 .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                 .create();
  if (!jit)
    return jit.takeError();
  std::unique_ptr<CompiledModule> result(new CompiledModule);
  result->jit = std::move(*jit);
  for (auto &object : *objects) {
    result->bytes += object->getBufferSize();
    if (llvm::Error error = result->jit->addObjectFile(std::move(object)))
      return std::move(error);
  }
  return result;
}

llvm::Expected<void (*)(void **)>
CompiledModule::entry(llvm::StringRef name) const {
  auto address = jit->lookup(entrySymbol(name));
  if (!address)
    return address.takeError();
  return address->toPtr<void (*)(void **)>();
}
