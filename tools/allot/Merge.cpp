//===- Merge.cpp - allot merge ----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/Merge.h"
#include "Driver.h"
#include "allot/Archive/ModuleFile.h"
#include "allot/Archive/StoredWeights.h"
#include "allot/Support/Error.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;

namespace {

class MergeCommand : public Subcommand {
public:
  MergeCommand()
      : Subcommand("merge", "Write the weights of a module with their adapters "
                            "merged in, f32, named as in the checkpoint") {}

  llvm::Error run() override {
    mlir::MLIRContext context(registry());
    llvm::SourceMgr sources;
    mlir::SourceMgrDiagnosticHandler handler(sources, &context);
    auto module = archive::readModule(input, &context, sources);
    if (!module)
      return llvm::createStringError(input + ": the module cannot be read");
    llvm::StringRef folder = llvm::sys::path::parent_path(input);
    if (archive::holdsWeightsOf(*module, folder, output))
      return support::fileError(output, "would replace weights of the model");
    support::Progress progress(llvm::errs());
    return importer::mergeWeights(*module, folder, output, &progress);
  }

private:
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("<module: .mlir or .mlirbc>"),
                             cl::sub(command), cl::cat(category)};
  cl::opt<std::string> output{"o",
                              cl::Required,
                              cl::value_desc("file"),
                              cl::desc("Safetensors file to write"),
                              cl::sub(command),
                              cl::cat(category)};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeMergeCommand() {
  return std::make_unique<MergeCommand>();
}
