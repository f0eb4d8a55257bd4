//===- BenchKernels.h - one kernel, ready to be measured --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_BENCHKERNELS_H
#define ALLOT_TOOLS_ALLOT_BENCHKERNELS_H

#include "Bench.h"

namespace allot::tool {

/// Adapters on one matrix, of which each row meets another one (row i number i
/// modulo `members`): pairs of factors of ranks `low` to `high`, evenly spread,
/// or for `low` 0 magnitudes and rotations of pairs of outputs.
struct BankCase {
  int64_t members = 0, low = 0, high = 0;

  /// From `64r4-64`, `8r16` or `64rotation`.
  static llvm::Expected<BankCase> parse(llvm::StringRef text);
  std::string name() const;
  int64_t rankOf(int64_t member) const {
    return members == 1 ? high
                        : low + (member * (high - low) + (members - 1) / 2) /
                                    (members - 1);
  }
};

/// One kernel: y[n, m] = W[m, k] x, with a low-rank term where rank > 0, or
/// with a bank of adapters where it has members.
struct KernelCase {
  std::string format;
  int64_t m = 0, k = 0, n = 0, rank = 0;
  BankCase bank = {};

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
  std::vector<runtime::Tensor> inputs;
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
