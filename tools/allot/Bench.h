//===- Bench.h - rows of allot bench ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TOOLS_ALLOT_BENCH_H
#define ALLOT_TOOLS_ALLOT_BENCH_H

#include "Driver.h"
#include "allot/Report/PartTimes.h"
#include "allot/Runtime/Probes.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>
#include <string>
#include <vector>

namespace allot::tool {

/// One measured thing: what it is, and a sample per run of it.
struct BenchRow {
  std::string name, format, activations, target;
  /// Prefill or decode; empty for kernels.
  std::string phase;
  int64_t block = 0, m = 0, k = 0, n = 0, rank = 0, experts = 0;
  unsigned threads = 0;
  uint64_t bytes = 0;
  double flops = 0;
  struct Sample {
    double seconds, readSeconds, peak;
    /// The system took a processor away meanwhile.
    bool disturbed;
    /// Nanoseconds of each of `parts`; empty where they are not measured.
    std::vector<int64_t> parts;
  };
  std::vector<Sample> samples;
  /// What the program counts the time of.
  std::vector<runtime::TimedPart> parts;
  /// Of programs: which model and plan.
  std::optional<runtime::ProgramOrigin> origin;
  /// Samples that were left out because they were disturbed.
  unsigned dropped = 0;
  /// Of a kernel with a low-rank term: its time by that of the same kernel
  /// without, measured in turn.
  std::optional<double> overPlain;

  /// The median over samples of what `get` makes of each.
  double median(llvm::function_ref<double(const Sample &)> get) const;
  double seconds() const;
  double perSecond(double amount) const { return amount / seconds(); }
  double readGBs() const;
  double peakGFlops() const;
  double ofRead() const;
  double ofPeak() const;
  /// Interquartile range of the seconds divided by their median.
  double spread() const;
  /// The mean over the middle half of the samples, by their seconds; absent
  /// where parts were not measured.
  std::optional<report::PartTimes> partTimes() const;
};

/// Takes samples, each paired with the probes.
class Sampler {
public:
  static llvm::Expected<Sampler> create(unsigned threads);
  /// Times `work`, then reads `row.bytes` and measures the peak.
  llvm::Error sample(BenchRow &row, llvm::function_ref<llvm::Error()> work);
  /// Calls `round`, which takes a sample of each of `rows`: first some times
  /// for nothing (caches and clocks warm up), then `wanted` times and, while
  /// samples are disturbed, up to `most` times. Then leaves out disturbed
  /// rounds, unless hardly any other is there.
  llvm::Error repeat(llvm::MutableArrayRef<BenchRow *> rows, unsigned wanted,
                     unsigned most, llvm::function_ref<llvm::Error()> round);
  static constexpr unsigned warmUp = 3;

private:
  explicit Sampler(runtime::ReadProbe reads) : reads(std::move(reads)) {}
  runtime::ReadProbe reads;
  unsigned threads = 1;
};

void printJson(llvm::ArrayRef<BenchRow> rows);
void printTable(llvm::ArrayRef<BenchRow> rows);
/// Where the time of each row goes, by kind of part.
void printParts(llvm::ArrayRef<BenchRow> rows);

/// What `allot bench kernels` was asked for; empty lists: the default set.
struct KernelBenchOptions {
  std::vector<std::string> formats, shapes, banks;
  std::vector<int64_t> rows, ranks;
  std::string filter;
  unsigned repeat = 0, threads = 1;
};
llvm::Expected<std::vector<BenchRow>>
benchKernels(const KernelBenchOptions &options, const ProgramFlags &flags);

struct ProgramBenchOptions {
  unsigned prompt = 0, steps = 0, repeat = 0, threads = 1;
  /// Measure the time of each part of the program as well.
  bool parts = false;
};
/// What such a program is loaded with.
ProgramFlags::Wanted wantedOf(const ProgramBenchOptions &options);
llvm::Expected<std::vector<BenchRow>>
benchProgram(llvm::StringRef path, const ProgramBenchOptions &options,
             const ProgramFlags &flags);

/// The names of `--activations` and of the processor class, as rows give them.
std::string targetName(const ProgramFlags &flags);

} // namespace allot::tool

#endif // ALLOT_TOOLS_ALLOT_BENCH_H
