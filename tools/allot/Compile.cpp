//===- Compile.cpp - allot compile ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Compile.h"
#include "Driver.h"
#include "allot/Support/Error.h"

using namespace allot;
using namespace allot::tool;

namespace {

enum class Device { CPU, CUDA };

class CompileCommand : public Subcommand {
public:
  CompileCommand()
      : Subcommand("compile", "Compile a module to a folder: shared library, C "
                              "header, packed weights, manifest") {}

  llvm::Error run() override {
    if (device == Device::CUDA)
      return llvm::createStringError(
          "--target: code for cuda cannot be compiled yet, only for cpu");
    if (flags.reference)
      return llvm::createStringError(
          "--reference: the reference evaluation is not compiled");
    if (!flags.slots.empty())
      return llvm::createStringError(
          "--load-adapter: is for programs that run, not for compile");
    auto target = runtime::CodeTarget::named(cpu);
    if (!target)
      return llvm::createStringError("--cpu: " +
                                     llvm::toString(target.takeError()));
    if (llvm::is_contained(outputsAlso, ""))
      return llvm::createStringError("--outputs-also: a name is empty");
    ProgramFlags::Wanted wanted;
    wanted.entries.assign(entries.begin(), entries.end());
    wanted.taps = pipelines::tapsOf(outputsAlso);
    wanted.target = target->kernelTarget();
    auto printed = flags.printed(module, wanted);
    if (!printed)
      return printed.takeError();
    if (*printed)
      return llvm::Error::success();
    if (output.empty())
      return llvm::createStringError("-o is missing: the folder to write");
    support::Progress progress(llvm::errs());
    return flags.with(
        wanted, &progress, [&](const runtime::ProgramOptions &options) {
          runtime::CompileFolderOptions compile;
          compile.program = options;
          compile.program.activations = activationsName(flags);
          compile.program.evaluate = evaluateName(flags);
          compile.target = *target;
          compile.pipeline = flags.pipelineText(wanted);
          compile.name = name;
          compile.linker = linker;
          return runtime::compileToFolder(module, output, registry(), compile);
        });
  }

private:
  cl::opt<std::string> module{cl::Positional, cl::Required,
                              cl::desc("MODULE (.mlir or .mlirbc)"),
                              cl::sub(command), cl::cat(category)};
  cl::opt<std::string> output{
      "o", cl::value_desc("folder"),
      cl::desc("Folder to write, such as model.allot; it appears whole or not "
               "at all, and replaces a compiled folder of that name"),
      cl::sub(command), cl::cat(category)};
  cl::opt<Device> device{
      "target",
      cl::desc("What the code is for"),
      cl::values(clEnumValN(Device::CPU, "cpu", "processors (default)"),
                 clEnumValN(Device::CUDA, "cuda", "not yet there")),
      cl::init(Device::CPU),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> cpu{
      "cpu",
      cl::desc("Processor that the code is for, by LLVM's name, such as "
               "x86-64-v3 or znver4; it needs that processor's features "
               "(default: host, this one)"),
      cl::value_desc("name"),
      cl::init("host"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> entries{
      "entries",
      cl::desc("Functions to compile (default: all public ones)"),
      cl::value_desc("name,..."),
      cl::CommaSeparated,
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> outputsAlso{
      "outputs-also",
      cl::desc("Also put out the inner values whose names begin so, as allot "
               "run does"),
      cl::value_desc("prefix,..."),
      cl::CommaSeparated,
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> name{
      "name",
      cl::desc("Prefix of the C functions, also the name of library and header "
               "(default: from the name of the folder)"),
      cl::value_desc("identifier"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> linker{
      "linker",
      cl::desc("Program that links: the driver of a C compiler or a linker "
               "(default: the first of clang, cc, gcc, ld.lld, ld)"),
      cl::value_desc("program"), cl::sub(command), cl::cat(category)};
  ProgramFlags flags{*this};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeCompileCommand() {
  return std::make_unique<CompileCommand>();
}
