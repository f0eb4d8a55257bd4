//===- CodeGeneration.h - object code from the LLVM dialect -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_CODEGENERATION_H
#define ALLOT_RUNTIME_CODEGENERATION_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class MemoryBuffer;
class Module;
class TargetMachine;
namespace orc {
class JITTargetMachineBuilder;
} // namespace orc
} // namespace llvm

namespace allot::runtime {

/// The processor that code is made for.
struct CodeTarget {
  /// LLVM's name of the target triple.
  std::string triple;
  /// The processor whose timings the compiler reckons with.
  std::string cpu;
  /// LLVM's names of the features that code may use beyond the architecture's
  /// first generation, all of them known to the loader of compiled programs
  /// (Loader/Features.def). Sorted.
  std::vector<std::string> features;

  /// The processor that this process runs on, detected.
  static CodeTarget host();
  /// `host`, or a processor by LLVM's name (`x86-64-v3`, `znver4`, ...) of the
  /// host's architecture; an unknown name is an error.
  static llvm::Expected<CodeTarget> named(llvm::StringRef cpu);

  bool has(llvm::StringRef feature) const;
  /// The class of kernels that suits it, as the option `target` of
  /// `allot-lower-to-llvm` takes it.
  std::string kernelTarget() const;
  /// The first feature that the processor of this process lacks; empty: none.
  static std::string missingFeature(llvm::ArrayRef<std::string> features);
};

struct CodeOptions {
  CodeTarget target = CodeTarget::host();
  /// Parts in which the module is compiled at the same time; 0: one per
  /// processor.
  unsigned threads = 0;
  /// Called with the whole module before it is optimized, to add to it; null
  /// for not at all.
  std::function<void(llvm::Module &)> extend;
};

/// The symbol `void SYMBOL(void **)` of the entry called `name`: it takes an
/// array of pointers, first to the memory for the results where there are
/// results, then to each argument (a memref descriptor or a scalar).
std::string entrySymbol(llvm::StringRef name);

/// LLVM -O3 without loop unrolling, which makes the rolled loops of kernels
/// slower and the compiler three times slower.
void optimizeCode(llvm::Module &module, llvm::TargetMachine &target);

/// Object files, one per part, of a module of the LLVM dialect, optimized.
/// Position-independent. Every function with
/// the unit attribute `llvm.emit_c_interface` gets the symbol `entrySymbol`.
llvm::Expected<std::vector<std::unique_ptr<llvm::MemoryBuffer>>>
generateObjects(mlir::ModuleOp module, const CodeOptions &options);

/// How LLVM is asked for code of this target.
llvm::orc::JITTargetMachineBuilder
targetMachineBuilder(const CodeTarget &target);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_CODEGENERATION_H
