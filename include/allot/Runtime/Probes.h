//===- Probes.h - what the machine gives right now --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Speed is told as a ratio to what memory and arithmetic give at the same
// moment, because machines are shared: every measurement is paired with a plain
// read of as many bytes and with a loop of fused multiply-adds.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_PROBES_H
#define ALLOT_RUNTIME_PROBES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>

namespace allot::runtime {

/// Seconds of a clock that never goes back.
double secondsNow();

/// The number below which a share `q` of `values` lies, linear between
/// neighbours (the median at 0.5); 0 of nothing.
double quantile(llvm::ArrayRef<double> values, double q);
inline double median(llvm::ArrayRef<double> values) {
  return quantile(values, 0.5);
}
/// Interquartile range divided by the median; 0 where the median is 0.
double relativeSpread(llvm::ArrayRef<double> values);

/// How often the system took a processor away from a thread of this process; 0
/// where it does not tell.
uint64_t timesDescheduled();

/// Bytes of the largest cache that the system names; 32 MiB where it names
/// none.
uint64_t lastLevelCacheBytes();
/// Bytes that measurements from memory cycle through: several times the last
/// cache and at least 256 MiB, at most 1 GiB.
uint64_t coldBytes();

/// Reads memory as fast as it goes: all threads, each a contiguous part, vector
/// loads that are summed, from a pool of `coldBytes()` in large pages, so that
/// what is read was not read lately.
class ReadProbe {
public:
  static llvm::Expected<ReadProbe> create(unsigned threads);
  /// Seconds to read `bytes` (rounded up to whole cache lines).
  double read(uint64_t bytes);

private:
  ReadProbe() = default;
  std::shared_ptr<uint8_t> pool;
  uint64_t size = 0, next = 0;
  unsigned threads = 1;
};

/// The peak of f32 arithmetic: independent fused multiply-adds in the widest
/// vectors that the processor has, on all threads, about a millisecond. Returns
/// flops per second.
double measurePeak(unsigned threads);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_PROBES_H
