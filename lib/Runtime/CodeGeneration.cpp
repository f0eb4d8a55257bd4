//===- CodeGeneration.cpp - object code from the LLVM dialect ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/CodeGeneration.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Utils/SplitModule.h"
#include <mutex>
#include <thread>

using namespace allot;
using namespace allot::runtime;

static constexpr llvm::StringLiteral kInterfacePrefix = "_mlir_ciface_";

static llvm::Error codeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "code generation: " + message);
}

static void initializeTarget() {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
}

//===----------------------------------------------------------------------===//
// Targets
//===----------------------------------------------------------------------===//

/// Names of the features that a loader can check.
static llvm::ArrayRef<const char *> checkedFeatures() {
  static constexpr const char *names[] = {
#define ALLOT_FEATURE(NAME, LEAF, SUBLEAF, REGISTER, BIT, STATE) NAME,
#include "Loader/Features.def"
#undef ALLOT_FEATURE
  };
  return names;
}

static bool isX86(const CodeTarget &target) {
  return llvm::Triple(target.triple).getArch() == llvm::Triple::x86_64;
}

CodeTarget CodeTarget::host() {
  CodeTarget target;
  target.triple = llvm::sys::getProcessTriple();
  if (!isX86(target)) {
    // No loader can check features there, so none are used.
    target.cpu = "generic";
    return target;
  }
  target.cpu = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> found = llvm::sys::getHostCPUFeatures();
  for (llvm::StringRef name : checkedFeatures())
    if (found.lookup(name))
      target.features.push_back(name.str());
  llvm::sort(target.features);
  return target;
}

llvm::Expected<CodeTarget> CodeTarget::named(llvm::StringRef cpu) {
  if (cpu == "host")
    return host();
  initializeTarget();
  CodeTarget target;
  target.triple = llvm::sys::getProcessTriple();
  target.cpu = cpu.str();
  llvm::Triple triple(target.triple);
  std::string reason;
  const llvm::Target *found =
      llvm::TargetRegistry::lookupTarget(triple, reason);
  if (!found)
    return codeError(reason);
  // The subtarget of an unknown name would be made with a warning on stderr.
  std::unique_ptr<llvm::MCSubtargetInfo> base(
      found->createMCSubtargetInfo(triple, "", ""));
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
  if (base && base->isCPUStringValid(cpu))
    subtarget.reset(found->createMCSubtargetInfo(triple, cpu, ""));
  if (!subtarget || (isX86(target) && !subtarget->checkFeatures("+64bit")))
    return llvm::createStringError(
        "there is no processor %s for %s: wanted host, or a name such as %s",
        support::quoted(cpu).c_str(), target.triple.c_str(),
        isX86(target) ? "x86-64-v3" : "generic");
  if (isX86(target))
    for (llvm::StringRef name : checkedFeatures())
      if (subtarget->checkFeatures(("+" + name).str()))
        target.features.push_back(name.str());
  llvm::sort(target.features);
  return target;
}

bool CodeTarget::has(llvm::StringRef feature) const {
  return llvm::is_contained(features, feature);
}

std::string CodeTarget::kernelTarget() const {
  if (!has("avx2") || !has("fma") || !has("f16c"))
    return "generic";
  return has("avx512vnni") && has("avx512vl") && has("avx512bw") ? "avx512vnni"
                                                                 : "avx2";
}

std::string CodeTarget::missingFeature(llvm::ArrayRef<std::string> features) {
  llvm::StringMap<bool> found = llvm::sys::getHostCPUFeatures();
  for (const std::string &name : features)
    if (!found.lookup(name))
      return name;
  return "";
}

llvm::orc::JITTargetMachineBuilder
runtime::targetMachineBuilder(const CodeTarget &target) {
  initializeTarget();
  llvm::Triple triple(target.triple);
  llvm::orc::JITTargetMachineBuilder builder(triple);
  // The first generation plus exactly the features that are named. What a
  // processor of that name is good at is told to each function.
  builder.setCPU(isX86(target) ? "x86-64" : target.cpu);
  for (const std::string &feature : target.features)
    builder.getFeatures().AddFeature(feature);
  builder.setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  builder.setRelocationModel(llvm::Reloc::PIC_);
  // For a shared library; by default code for a process is made for any
  // distance.
  builder.setCodeModel(llvm::CodeModel::Small);
  return builder;
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

std::string runtime::entrySymbol(llvm::StringRef name) {
  return ("_allot_entry_" + name).str();
}

/// Adds `void SYMBOL(ptr *arguments)` that calls the C interface of an entry,
/// so that callers need no signature.
static void addEntry(llvm::Module &module, llvm::Function &interface,
                     const std::string &symbol) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::getUnqual(context);
  auto *type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
  auto *function = llvm::Function::Create(
      type, llvm::GlobalValue::ExternalLinkage, symbol, module);
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

void runtime::optimizeCode(llvm::Module &module, llvm::TargetMachine &target) {
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
  optimizeCode(**module, **target);
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

/// Translates to LLVM IR and adds the entries.
static llvm::Expected<std::unique_ptr<llvm::Module>>
translate(mlir::ModuleOp source, const CodeOptions &options,
          llvm::LLVMContext &context,
          llvm::orc::JITTargetMachineBuilder targetBuilder) {
  auto target = targetBuilder.createTargetMachine();
  if (!target)
    return target.takeError();
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
        addEntry(*module, *interface, entrySymbol(function.getName()));
  if (options.extend)
    options.extend(*module);
  for (llvm::Function &function : *module) {
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (isX86(options.target))
      function.addFnAttr("tune-cpu", options.target.cpu);
  }
  return module;
}

llvm::Expected<std::vector<std::unique_ptr<llvm::MemoryBuffer>>>
runtime::generateObjects(mlir::ModuleOp source, const CodeOptions &options) {
  auto targetBuilder = targetMachineBuilder(options.target);
  llvm::LLVMContext context;
  auto module = translate(source, options, context, targetBuilder);
  if (!module)
    return module.takeError();
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
        **module, parts,
        [&](std::unique_ptr<llvm::Module> part) { keep(*part); },
        /*PreserveLocals=*/false, /*RoundRobin=*/true);
  else
    keep(**module);
  std::vector<
      std::optional<llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>>>
      objects(bitcode.size());
  std::vector<std::thread> workers;
  for (size_t i = 1; i < bitcode.size(); ++i)
    workers.emplace_back(
        [&, i] { objects[i].emplace(compilePart(bitcode[i], targetBuilder)); });
  objects[0].emplace(compilePart(bitcode[0], targetBuilder));
  for (std::thread &worker : workers)
    worker.join();

  std::vector<std::unique_ptr<llvm::MemoryBuffer>> result;
  llvm::Error failure = llvm::Error::success();
  for (auto &object : objects)
    if (*object)
      result.push_back(std::move(**object));
    else
      failure = llvm::joinErrors(std::move(failure), object->takeError());
  if (failure)
    return std::move(failure);
  return result;
}
