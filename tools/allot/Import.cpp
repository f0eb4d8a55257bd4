//===- Import.cpp - allot import --------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/Import.h"
#include "Driver.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;

namespace {

class ImportCommand : public Subcommand {
public:
  ImportCommand()
      : Subcommand("import", "Import a checkpoint, with adapters, as a module "
                             "whose weights stay in their files") {}

  llvm::Error run() override {
    importer::ImportOptions options;
    options.checkpoint = checkpoint;
    options.modulesFile = modules;
    options.bank = bank;
    bool toStandardOutput = output == "-";
    if (!toStandardOutput)
      options.outputDirectory = llvm::sys::path::parent_path(output).str();
    for (const std::string &text : adapters) {
      auto source = importer::parseAdapterSource(text);
      if (!source)
        return source.takeError();
      options.adapters.push_back(std::move(*source));
    }
    // One thread and few dialects: most of the time goes into starting up.
    mlir::DialectRegistry dialects;
    importer::registerImportDialects(dialects);
    mlir::MLIRContext context(dialects,
                              mlir::MLIRContext::Threading::DISABLED);
    auto module = importer::importCheckpoint(context, options);
    if (!module)
      return module.takeError();
    if (!toStandardOutput)
      return importer::writeModule(**module, output);
    (*module)->print(llvm::outs());
    return llvm::Error::success();
  }

private:
  cl::opt<std::string> checkpoint{
      cl::Positional, cl::Required,
      cl::desc("<Hugging Face folder, GGUF file or safetensors file>"),
      cl::sub(command), cl::cat(category)};
  cl::list<std::string> adapters{
      "adapter", cl::value_desc("[NAME=]DIR[:WEIGHT]"),
      cl::desc("PEFT folder to put on the model; several are active together "
               "and summed"),
      cl::sub(command), cl::cat(category)};
  cl::opt<bool> bank{
      "bank",
      cl::desc("The adapters are not summed: each sequence of a batch has one "
               "of them, or none (-1), as the input `adapter` of entries says "
               "by number, in the order in which they are given here"),
      cl::sub(command), cl::cat(category)};
  cl::opt<std::string> modules{
      "modules", cl::value_desc("map.json"),
      cl::desc("Kinds of the modules of a bare safetensors file (without it "
               "every 2-D weight is linear)"),
      cl::sub(command), cl::cat(category)};
  cl::opt<std::string> output{
      "o", cl::Required, cl::value_desc("file"),
      cl::desc("Module to write: text, bytecode where it ends in .mlirbc, or "
               "- for text on standard output"),
      cl::sub(command), cl::cat(category)};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeImportCommand() {
  return std::make_unique<ImportCommand>();
}
