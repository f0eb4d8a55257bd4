//===- BenchKernels.h - one kernel, ready to be measured --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_BENCHKERNELS_H
#define ALLOT_TOOLS_ALLOT_BENCHKERNELS_H

#include "Bench.h"

namespace allot::tool {

/// One kernel: y[n, m] = W[m, k] x, with a low-rank term where rank > 0.
struct KernelCase {
  std::string format;
  int64_t m = 0, k = 0, n = 0, rank = 0;

  std::string name() const;
};

/// A file in the temporary folder that goes when this goes, or on a signal.
class TemporaryFile {
public:
  static llvm::Expected<TemporaryFile> create(llvm::StringRef suffix);
  TemporaryFile(TemporaryFile &&other) : path(std::move(other.path)) {
    other.path.clear();
  }
  ~TemporaryFile();
  std::string path;

private:
  explicit TemporaryFile(std::string path) : path(std::move(path)) {}
};

/// Numbers in [-1, 1) that only depend on `seed`.
std::vector<float> randomNumbers(uint64_t count, uint64_t seed);

/// A kernel that is ready to be measured.
struct LoadedKernel {
  BenchRow row;
  std::unique_ptr<runtime::Program> program;
  std::vector<const runtime::Entry *> entries;
  runtime::Tensor x;
  /// The reference evaluation opens the weights when it meets them.
  std::vector<TemporaryFile> files;
};

/// Writes random weights and a module with as many copies of them as measuring
/// needs, and loads it. `context` finds formats.
llvm::Expected<LoadedKernel> loadKernel(const KernelCase &c, unsigned threads,
                                        const ProgramFlags &flags,
                                        mlir::MLIRContext &context);

} // namespace allot::tool

#endif // ALLOT_TOOLS_ALLOT_BENCHKERNELS_H
