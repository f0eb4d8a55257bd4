//===- LoweredModule.h - a module file after its passes ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_RUNTIME_LOWEREDMODULE_H
#define ALLOT_LIB_RUNTIME_LOWEREDMODULE_H

#include "Diagnostics.h"
#include "allot/Runtime/Program.h"
#include "llvm/Support/Format.h"
#include <chrono>

namespace allot::runtime {

/// Times of steps, told as they end.
class StepLog {
public:
  StepLog(llvm::raw_ostream *os, llvm::StringRef file) : os(os), file(file) {}
  /// Seconds since the step before ended; `what` is told.
  double step(llvm::StringRef what) {
    auto now = std::chrono::steady_clock::now();
    double seconds = std::chrono::duration<double>(now - begun).count();
    begun = now;
    if (os)
      *os << file << ": " << what << " " << llvm::format("%.2f s", seconds)
          << "\n";
    return seconds;
  }

private:
  llvm::raw_ostream *os;
  llvm::StringRef file;
  std::chrono::steady_clock::time_point begun =
      std::chrono::steady_clock::now();
};

/// What a program is made of, before there is code: for a process or a folder.
struct LoweredModule {
  /// Parses the file and runs `options.passes`.
  static llvm::Expected<std::unique_ptr<LoweredModule>>
  load(llvm::StringRef path, const mlir::DialectRegistry &registry,
       const ProgramOptions &options, StepLog &log);
  /// The same for a module in memory, of which a copy is made.
  static llvm::Expected<std::unique_ptr<LoweredModule>>
  load(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef folder,
       const mlir::DialectRegistry &registry, const ProgramOptions &options,
       StepLog &log);
  /// The same for what `parse` gives. Errors call it `name`; names of weight
  /// files are relative to `folder`.
  static llvm::Expected<std::unique_ptr<LoweredModule>>
  load(llvm::StringRef name, llvm::StringRef folder,
       const mlir::DialectRegistry &registry, const ProgramOptions &options,
       StepLog &log,
       llvm::function_ref<mlir::OwningOpRef<mlir::ModuleOp>(mlir::MLIRContext *)>
           parse);

  /// Reads the entries: of the func dialect where `isReference`, else of the
  /// LLVM dialect.
  llvm::Error readEntries(bool isReference);
  /// The module's `format.table`, empty where there is none and no entry takes
  /// weights.
  llvm::Expected<mlir::ArrayAttr> weightTable();

  std::string file;
  std::unique_ptr<mlir::MLIRContext> context;
  /// Collects what is reported while the module lives.
  std::unique_ptr<Diagnostics> diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::StringMap<int64_t> integers;
  ProgramOrigin origin;
  std::vector<TimedPart> parts;
  WeightSources sources;
  std::vector<Entry> entries;
  double parseSeconds = 0, passSeconds = 0;
  /// To which names of weight files are relative.
  std::string folder;
};

} // namespace allot::runtime

#endif // ALLOT_LIB_RUNTIME_LOWEREDMODULE_H
