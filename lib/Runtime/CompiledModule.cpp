//===- CompiledModule.cpp - machine code in this process --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/CompiledModule.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Utils/SplitModule.h"
#include <mutex>
#include <thread>

using namespace allot;
using namespace allot::runtime;

static constexpr llvm::StringLiteral kEntryPrefix = "_allot_entry_";
static constexpr llvm::StringLiteral kInterfacePrefix = "_mlir_ciface_";

static llvm::Error codeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "code generation: " + message);
}

/// Adds `void _allot_entry_NAME(ptr *arguments)` that calls the C interface of
/// NAME, so that callers need no signature.
static void addEntry(llvm::Module &module, llvm::Function &interface,
                     llvm::StringRef name) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::getUnqual(context);
  auto *type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
  auto *function = llvm::Function::Create(
      type, llvm::GlobalValue::ExternalLinkage, kEntryPrefix + name, module);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", function));
  llvm::SmallVector<llvm::Value *> arguments;
  for (llvm::Argument &argument : interface.args()) {
    llvm::Value *slot = builder.CreateLoad(
        pointer, builder.CreateConstGEP1_64(pointer, function->getArg(0),
                                            argument.getArgNo()));
    arguments.push_back(argument.getType()->isPointerTy()
                            ? slot
                            : builder.CreateLoad(argument.getType(), slot));
  }
  builder.CreateCall(&interface, arguments);
  builder.CreateRetVoid();
}

static void optimize(llvm::Module &module, llvm::TargetMachine &target) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&target, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

/// Compiles one part, held as bitcode, in a context of its own.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
compilePart(llvm::ArrayRef<char> bitcode,
            llvm::orc::JITTargetMachineBuilder targetBuilder) {
  llvm::LLVMContext context;
  auto module = llvm::parseBitcodeFile(
      llvm::MemoryBufferRef(llvm::StringRef(bitcode.data(), bitcode.size()),
                            "part"),
      context);
  if (!module)
    return module.takeError();
  auto target = targetBuilder.createTargetMachine();
  if (!target)
    return target.takeError();
  optimize(**module, **target);
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream os(object);
  llvm::legacy::PassManager pm;
  llvm::MCContext *mc = nullptr;
  if ((*target)->addPassesToEmitMC(pm, mc, os))
    return codeError("this target does not emit object code");
  pm.run(**module);
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(
      std::move(object), "program", /*RequiresNullTerminator=*/false);
}

/// OpenMP's runtime must be in the process: usually it is linked, else the
/// loader finds it.
static llvm::Error requireOpenMP() {
  if (llvm::sys::DynamicLibrary::SearchForAddressOfSymbol("__kmpc_fork_call"))
    return llvm::Error::success();
  std::string reason;
  for (const char *name : {"libomp.so.5", "libomp.so"})
    if (!llvm::sys::DynamicLibrary::LoadLibraryPermanently(name, &reason))
      return llvm::Error::success();
  return codeError("the OpenMP runtime is missing: " + reason);
}

std::string runtime::hostKernelTarget() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto has = [&](std::initializer_list<llvm::StringRef> names) {
    return llvm::all_of(
        names, [&](llvm::StringRef name) { return features.lookup(name); });
  };
  if (!has({"avx2", "fma", "f16c"}))
    return "generic";
  return has({"avx512vnni", "avx512vl", "avx512bw"}) ? "avx512vnni" : "avx2";
}

CompiledModule::CompiledModule() = default;
CompiledModule::~CompiledModule() = default;

llvm::Expected<std::unique_ptr<CompiledModule>>
CompiledModule::compile(mlir::ModuleOp source, const CompileOptions &options) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  if (llvm::Error error = requireOpenMP())
    return std::move(error);
  auto targetBuilder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!targetBuilder)
    return targetBuilder.takeError();
  targetBuilder->setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  targetBuilder->setRelocationModel(llvm::Reloc::PIC_);
  auto target = targetBuilder->createTargetMachine();
  if (!target)
    return target.takeError();

  llvm::LLVMContext context;
  auto module = mlir::translateModuleToLLVMIR(source, context);
  if (!module)
    return codeError("the module does not translate to LLVM IR");
  module->setTargetTriple((*target)->getTargetTriple());
  module->setDataLayout((*target)->createDataLayout());
  for (auto function : source.getOps<mlir::LLVM::LLVMFuncOp>())
    if (function->hasAttr(mlir::LLVM::LLVMDialect::getEmitCWrapperAttrName()) &&
        !function.isExternal())
      if (llvm::Function *interface = module->getFunction(
              (kInterfacePrefix + function.getName()).str()))
        addEntry(*module, *interface, function.getName());
  for (llvm::Function &function : *module)
    function.addFnAttr(llvm::Attribute::NoUnwind);

  unsigned parts = options.threads
                       ? options.threads
                       : std::max(1u, std::thread::hardware_concurrency());
  std::vector<llvm::SmallVector<char, 0>> bitcode;
  auto keep = [&](const llvm::Module &part) {
    llvm::raw_svector_ostream os(bitcode.emplace_back());
    llvm::WriteBitcodeToFile(part, os);
  };
  if (parts > 1)
    llvm::SplitModule(
        *module, parts,
        [&](std::unique_ptr<llvm::Module> part) { keep(*part); },
        /*PreserveLocals=*/false, /*RoundRobin=*/true);
  else
    keep(*module);
  std::vector<
      std::optional<llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>>>
      objects(bitcode.size());
  std::vector<std::thread> workers;
  for (size_t i = 1; i < bitcode.size(); ++i)
    workers.emplace_back([&, i] {
      objects[i].emplace(compilePart(bitcode[i], *targetBuilder));
    });
  objects[0].emplace(compilePart(bitcode[0], *targetBuilder));
  for (std::thread &worker : workers)
    worker.join();

  std::unique_ptr<CompiledModule> result(new CompiledModule);
  llvm::Error failure = llvm::Error::success();
  for (auto &object : objects)
    if (!*object)
      failure = llvm::joinErrors(std::move(failure), object->takeError());
  if (failure)
    return std::move(failure);
  auto jit = llvm::orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(*targetBuilder)
                 .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                 .create();
  if (!jit)
    return jit.takeError();
  result->jit = std::move(*jit);
  for (auto &object : objects) {
    result->bytes += (**object)->getBufferSize();
    if (llvm::Error error = result->jit->addObjectFile(std::move(**object)))
      return std::move(error);
  }
  return result;
}

llvm::Expected<void (*)(void **)>
CompiledModule::entry(llvm::StringRef name) const {
  auto address = jit->lookup((kEntryPrefix + name).str());
  if (!address)
    return address.takeError();
  return address->toPtr<void (*)(void **)>();
}
