//===- allot.cpp - the driver -------------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One subcommand per step from a checkpoint to tokens. Exit status 0: done; 1: an error of the user, told on stderr.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "allot/InitAllPasses.h"
#include "mlir/InitAllPasses.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>

using namespace allot::tool;

/// The table of subcommands, in the order of a model's way.
static std::unique_ptr<Subcommand> (*const table[])() = {
    makeImportCommand,
    makeMergeCommand,
    makeProfileCommand,
    makePlanCommand,
    makeApplyCommand,
    makeExplainCommand,
    makeCompileCommand,
    makeRunCommand,
    makeGenerateCommand,
    makeEvalCommand,
    makeBenchCommand,
    makeDequantizeCommand,
};

/// A message may quote names from broken files: what is no text is escaped before it reaches a terminal.
static std::string printable(llvm::StringRef message) {
  bool utf8 = llvm::json::isUTF8(message);
  std::string text;
  for (unsigned char c : message)
    if ((c < 0x20 && c != '\n') || c == 0x7f || (c >= 0x80 && !utf8))
      text += "\\x" + llvm::utohexstr(c, /*LowerCase=*/true, /*Width=*/2);
    else
      text += char(c);
  return text;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
#ifdef SIGXFSZ
  // A file beyond the limit of its size is an error of writing it, as a full disk is. After InitLLVM, which has a handler for it.
  std::signal(SIGXFSZ, SIG_IGN);
#endif
  mlir::registerAllPasses();
  allot::registerAllPasses();
  std::vector<std::unique_ptr<Subcommand>> commands;
  for (auto make : table)
    commands.push_back(make());

  // The compiler's own options stay out of the help.
  static cl::OptionCategory none("Options");
  cl::HideUnrelatedOptions(none);
  for (auto &command : commands)
    cl::HideUnrelatedOptions(command->category, command->command);
  cl::SetVersionPrinter([](llvm::raw_ostream &os) { os << "allot 0.1.0, LLVM " << LLVM_VERSION_STRING << "\n"; });
  cl::ParseCommandLineOptions(argc, argv,
                              "Allot: decides how many ranks and bits each weight of a network deserves, and compiles exactly that.\n\n"
                              "  allot SUBCOMMAND --help tells the options of a subcommand.\n");
  for (auto &command : commands) {
    if (!command->command)
      continue;
    if (llvm::Error error = command->run()) {
      llvm::handleAllErrors(std::move(error), [](const llvm::ErrorInfoBase &info) { llvm::errs() << "error: " << printable(info.message()) << "\n"; });
      return 1;
    }
    llvm::outs().flush();
    if (std::error_code code = llvm::outs().error()) {
      llvm::outs().clear_error();
      llvm::errs() << "error: standard output cannot be written: " << code.message() << "\n";
      return 1;
    }
    return 0;
  }
  cl::PrintHelpMessage();
  return argc > 1 ? 1 : 0;
}
