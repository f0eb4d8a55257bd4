//===- CompiledModule.h - machine code in this process ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_COMPILEDMODULE_H
#define ALLOT_RUNTIME_COMPILEDMODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm::orc {
class LLJIT;
}

namespace allot::runtime {

struct CompileOptions {
  /// Parts in which the module is compiled at the same time; 0: one per
  /// processor.
  unsigned threads = 0;
};

/// The class of kernels that this processor runs best, as the option `target`
/// of `allot-lower-to-llvm` takes it. Detected, never assumed.
std::string hostKernelTarget();

/// OpenMP's runtime must be in the process: usually it is linked, else the
/// loader is asked for it.
llvm::Error requireOpenMP();

/// A module of the LLVM dialect as machine code for the processor that this
/// process runs on, with the features detected there.
class CompiledModule {
public:
  /// Code as `generateObjects` makes it. OpenMP's functions are those of the
  /// process.
  static llvm::Expected<std::unique_ptr<CompiledModule>>
  compile(mlir::ModuleOp module, const CompileOptions &options = {});
  ~CompiledModule();
  CompiledModule(const CompiledModule &) = delete;
  CompiledModule &operator=(const CompiledModule &) = delete;

  /// The function of the entry called `name`, see `entrySymbol`.
  llvm::Expected<void (*)(void **)> entry(llvm::StringRef name) const;

  /// Bytes of object code.
  uint64_t codeBytes() const { return bytes; }

private:
  CompiledModule();
  std::unique_ptr<llvm::orc::LLJIT> jit;
  uint64_t bytes = 0;
};

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_COMPILEDMODULE_H
