//===- Driver.h - what the subcommands of allot share -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_DRIVER_H
#define ALLOT_TOOLS_ALLOT_DRIVER_H

#include "allot/Pipelines/Pipelines.h"
#include "allot/Runtime/Program.h"
#include "allot/Support/Progress.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <memory>

namespace allot::tool {

namespace cl = llvm::cl;

/// A subcommand. Its options are members which register themselves with
/// `command`; a new subcommand is one file with a subclass, and one line in the
/// table of allot.cpp.
class Subcommand {
public:
  virtual ~Subcommand() = default;
  /// Does the work. The error becomes `error: ...` on stderr and exit status 1.
  virtual llvm::Error run() = 0;

  cl::SubCommand command;
  /// Holds the options that --help lists.
  cl::OptionCategory category;

protected:
  Subcommand(llvm::StringRef name, llvm::StringRef description)
      : command(name, description), category("Options") {}
};

std::unique_ptr<Subcommand> makeImportCommand();
std::unique_ptr<Subcommand> makeDequantizeCommand();
std::unique_ptr<Subcommand> makeMergeCommand();
std::unique_ptr<Subcommand> makeProfileCommand();
std::unique_ptr<Subcommand> makePlanCommand();
std::unique_ptr<Subcommand> makeApplyCommand();
std::unique_ptr<Subcommand> makeExplainCommand();
std::unique_ptr<Subcommand> makeCompileCommand();
std::unique_ptr<Subcommand> makeRunCommand();
std::unique_ptr<Subcommand> makeGenerateCommand();
std::unique_ptr<Subcommand> makeEvalCommand();
std::unique_ptr<Subcommand> makeBenchCommand();

enum class Activations { F32, I16, I8 };
enum class Evaluate { Auto, Factored, Merged };

/// The options of every subcommand that runs programs.
struct ProgramFlags {
  explicit ProgramFlags(Subcommand &owner);

  cl::opt<Activations> activations;
  cl::opt<Evaluate> evaluate;
  cl::opt<unsigned> threads;
  cl::opt<bool> reference;
  cl::opt<bool> printPipeline;
  cl::opt<std::string> emitLowered;
  cl::opt<bool> verbose;
  cl::list<std::string> slots;

  /// What the pipeline is asked for.
  struct Wanted : pipelines::ProgramRequest {
    /// f32 activations whatever --activations says: the base that programs are
    /// compared with.
    bool exactActivations = false;
    /// Class of the kernels; empty: the one for this processor.
    std::string target;
  };
  /// Writes the pass pipeline to stdout where the user asked for it alone; true
  /// if so. That of a compiled folder is the one that it was compiled with.
  llvm::Expected<bool> printed(llvm::StringRef path,
                               const Wanted &wanted) const;
  std::string pipelineText(const Wanted &wanted) const;
  /// Calls `use` with what the flags say about a program: what a module is
  /// lowered with, and what a folder must have been compiled with.
  llvm::Error
  with(const Wanted &wanted, support::Progress *progress,
       llvm::function_ref<llvm::Error(const runtime::ProgramOptions &)> use)
      const;
  /// Loads a program with these options. `progress` may be null.
  llvm::Expected<std::unique_ptr<runtime::Program>>
  load(llvm::StringRef path, const Wanted &wanted,
       support::Progress *progress) const;

private:
  /// Puts the adapters of --load-adapter into their slots.
  llvm::Error fillSlots(runtime::Program &program, llvm::StringRef path) const;
  void configure(pipelines::LoweringOptions &options,
                 const Wanted &wanted) const;
};

/// The values of --activations and --evaluate as text.
std::string activationsName(const ProgramFlags &flags);
std::string evaluateName(const ProgramFlags &flags);

/// Everything registered: dialects and extensions.
const mlir::DialectRegistry &registry();

/// The attributes model, plan, predicted_loss and solver of a JSON object:
/// strings and a number, or null where the program does not say.
void printOrigin(llvm::json::OStream &os, const runtime::ProgramOrigin &origin);

/// The tensor `tokens` or `input_ids` of a file, [rows, T] (a single row may
/// come without its dimension), as i32.
llvm::Expected<runtime::Tensor>
readTokens(const archive::SafetensorsFile &file);

/// The tensor `adapter` of such a file: of each of `rows` rows a member of the
/// program's bank, or -1. Empty where there is none.
llvm::Expected<std::vector<int32_t>>
readAdapters(const archive::SafetensorsFile &file, int64_t rows);

/// `a:b`, `a:`, `:b` or `a` as a half-open range within [0, size); all of it
/// where `text` is empty.
llvm::Expected<std::pair<int64_t, int64_t>> parseRows(llvm::StringRef text,
                                                      int64_t size);

} // namespace allot::tool

#endif // ALLOT_TOOLS_ALLOT_DRIVER_H
