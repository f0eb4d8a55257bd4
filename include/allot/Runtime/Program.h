//===- Program.h - a model that runs ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_PROGRAM_H
#define ALLOT_RUNTIME_PROGRAM_H

#include "allot/Runtime/Tensor.h"
#include "allot/Runtime/WeightStore.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include <functional>
#include <optional>
#include <string>

namespace llvm {
class raw_ostream;
}

namespace allot::reference {
class Interpreter;
} // namespace allot::reference

namespace allot::runtime {

class CompiledModule;
class ProgramLibrary;
class StepLog;
struct LoweredModule;
struct Manifest;

/// An input or output of an entry. Dimensions of any size are
/// ShapedType::kDynamic.
struct Parameter {
  std::string name;
  archive::DType dtype = archive::DType::F32;
  llvm::SmallVector<int64_t> shape;
  /// Of integer inputs that are looked up in tables: values are 0 .. ids - 1.
  /// 0: anything.
  int64_t ids = 0;
  /// Of integer inputs that choose members of banks: values are -1 (none) ..
  /// members - 1. 0: anything.
  int64_t members = 0;
  /// A name for each dimension, or none at all: inputs of an entry agree in
  /// sizes of one name; an empty name says nothing.
  llvm::SmallVector<std::string> sizes;
  /// The largest size of each dimension (0: any), or none at all.
  llvm::SmallVector<int64_t> limits;
  /// What fills an input of integers that the caller does not give; its sizes
  /// have the names of some of the first input. Absent: it must be given.
  std::optional<int64_t> otherwise;
};

/// A function that can be run.
struct Entry {
  std::string name;
  std::vector<Parameter> inputs, outputs;
  /// Per output the input whose memory it is (updated in place), or -1.
  std::vector<int64_t> aliases;
  bool takesWeights = false;

  const Parameter *input(llvm::StringRef name) const;
  const Parameter *output(llvm::StringRef name) const;
};

struct ProgramOptions {
  /// Adds the passes from the module in the file to the LLVM dialect
  /// (pipelines::buildLowerToLLVMPipeline), or, with `reference`, those that
  /// come before any lowering (pipelines::buildPreparePipeline).
  std::function<void(mlir::OpPassManager &)> passes;
  /// Entries that the caller will run; they must be there. Empty: all.
  std::vector<std::string> entries;
  /// Evaluate with plain loops, one op after the other, instead of compiling.
  bool reference = false;
  /// Threads of the compiler and the kernels; 0: one per processor.
  unsigned threads = 0;
  /// Where times are written, as text; null for nowhere.
  llvm::raw_ostream *log = nullptr;
  support::Progress *progress = nullptr;
  /// Called with the module after the passes, before code is generated; null
  /// for not at all.
  std::function<void(mlir::ModuleOp)> lowered;
  /// What a compiled folder must have been compiled with, where the caller
  /// minds: how activations are rounded, how map expressions are evaluated,
  /// which inner values come out. The passes decide it for a module.
  std::optional<std::string> activations, evaluate;
  std::vector<std::string> taps;
};

/// Times in seconds, sizes in bytes.
struct ProgramStats {
  double parseSeconds = 0, passSeconds = 0, compileSeconds = 0,
         weightSeconds = 0;
  uint64_t codeBytes = 0;
  /// What the program reads: codes, scales, padding, everything of the weight
  /// table.
  uint64_t weightBytes = 0;
  /// What the same weights take in their files.
  uint64_t storedBytes = 0;
  /// Number of weights of the base model (module attribute `allot.weights`); 0
  /// if the module does not say.
  int64_t numWeights = 0;
};

/// What the module says about where it comes from.
struct ProgramOrigin {
  /// Digest of the imported model (`allot.model_digest`); empty if unknown.
  std::string model;
  /// Of the plan that was applied (`allot.plan`): digest of its choices, the
  /// sum of losses that it predicts in nats per token, and how it was found.
  struct Plan {
    std::string digest, solver;
    double predictedLoss = 0;
  };
  /// Absent where no plan was applied.
  std::optional<Plan> plan;
};

/// Something that a program counts the time of, in the input `part_times` of
/// its entries: element 1 + i holds the nanoseconds that runs added for the
/// i-th part. See the pass program-time-parts.
struct TimedPart {
  /// Where in the model, and which kind of op; the site may be empty.
  std::string site, op;
};
inline constexpr llvm::StringLiteral kPartTimes = "part_times";

/// A model loaded from a module file (compiled for this processor, or ready for
/// the reference evaluation) or from a folder that `compileToFolder` wrote
/// (checked whole: every byte of its files is what the compiler wrote, and this
/// processor has all features that its code needs). Errors of a module carry
/// its file, line and column, those of a folder the file and field.
///
/// Compiled code may be run by several threads at once if the tensors that
/// entries update in place are their own; each run uses all threads of the
/// program. The reference evaluation is not thread-safe.
class Program {
public:
  /// `path` is a module or a compiled folder. `options.passes` is for modules.
  static llvm::Expected<std::unique_ptr<Program>>
  load(llvm::StringRef path, const mlir::DialectRegistry &registry,
       const ProgramOptions &options);
  /// The same for a module in memory, of which a copy is made. Errors call it
  /// `name`; names of weight files are relative to `folder`.
  static llvm::Expected<std::unique_ptr<Program>>
  load(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef folder,
       const mlir::DialectRegistry &registry, const ProgramOptions &options);
  ~Program();
  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;

  llvm::ArrayRef<Entry> entries() const { return signatures; }
  const Entry *find(llvm::StringRef name) const;
  /// The entry called `name`, or an error.
  llvm::Expected<const Entry *> get(llvm::StringRef name) const;

  /// Runs an entry on one tensor per input, found by name. Results are in the
  /// order of `Entry::outputs`; one that is updated in place shares the memory
  /// of its input, which the caller owns. Checks before running: names, types,
  /// static dimensions, sizes that must agree, ids in range, room in the cache.
  llvm::Expected<std::vector<Tensor>> run(const Entry &entry,
                                          llvm::ArrayRef<Tensor> inputs);

  /// The weights in use; null with the reference evaluation.
  WeightStore *weights() { return store.get(); }
  const ProgramStats &stats() const { return statistics; }
  /// An integer attribute of the module, such as `allot.vocab`.
  std::optional<int64_t> integer(llvm::StringRef attribute) const;
  /// Which model and plan the module says it is of.
  const ProgramOrigin &origin() const { return provenance; }
  /// What the program counts the time of; empty if it does not.
  llvm::ArrayRef<TimedPart> parts() const { return timedParts; }
  llvm::StringRef path() const { return file; }
  /// What the folder says about itself; null for a module.
  const Manifest *manifest() const { return folderManifest.get(); }

private:
  Program();
  static llvm::Expected<std::unique_ptr<Program>>
  create(llvm::StringRef path, const ProgramOptions &options);
  llvm::Error loadModule(LoweredModule &lowered, const ProgramOptions &options,
                         StepLog &log);
  llvm::Error loadFolder(const mlir::DialectRegistry &registry,
                         const ProgramOptions &options);
  llvm::Error check(const Entry &entry,
                    llvm::ArrayRef<const Tensor *> inputs) const;
  llvm::Expected<std::vector<Tensor>>
  runCompiled(const Entry &entry, llvm::ArrayRef<const Tensor *> inputs);
  llvm::Expected<std::vector<Tensor>>
  runReference(const Entry &entry, llvm::ArrayRef<const Tensor *> inputs);

  std::string file;
  unsigned threads = 0;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::StringMap<int64_t> integers;
  ProgramOrigin provenance;
  std::vector<TimedPart> timedParts;
  std::vector<Entry> signatures;
  std::unique_ptr<WeightStore> store;
  std::unique_ptr<Manifest> folderManifest;
  std::unique_ptr<CompiledModule> code;
  std::unique_ptr<ProgramLibrary> library;
  llvm::StringMap<void (*)(void **)> functions;
  std::unique_ptr<reference::Interpreter> interpreter;
  ProgramStats statistics;
};

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_PROGRAM_H
