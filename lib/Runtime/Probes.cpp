//===- Probes.cpp - what the machine gives right now ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Probes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#ifdef __linux__
#include <sys/mman.h>
#include <sys/resource.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace allot;
using namespace allot::runtime;

double runtime::secondsNow() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double runtime::quantile(llvm::ArrayRef<double> values, double q) {
  if (values.empty())
    return 0;
  llvm::SmallVector<double> sorted(values);
  llvm::sort(sorted);
  double place = std::clamp(q, 0.0, 1.0) * double(sorted.size() - 1);
  size_t below = size_t(place);
  if (below + 1 >= sorted.size())
    return sorted.back();
  double part = place - double(below);
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

double runtime::relativeSpread(llvm::ArrayRef<double> values) {
  double middle = median(values);
  if (middle == 0)
    return 0;
  return (quantile(values, 0.75) - quantile(values, 0.25)) / middle;
}

uint64_t runtime::timesDescheduled() {
#ifdef __linux__
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    return uint64_t(usage.ru_nivcsw);
#endif
  return 0;
}

uint64_t runtime::lastLevelCacheBytes() {
  uint64_t largest = 0;
  for (unsigned index = 0; index < 16; ++index) {
    auto file = llvm::MemoryBuffer::getFileAsStream(
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) +
        "/size");
    if (!file)
      break;
    llvm::StringRef text = (*file)->getBuffer().trim();
    unsigned shift = text.consume_back("K")   ? 10
                     : text.consume_back("M") ? 20
                     : text.consume_back("G") ? 30
                                              : 0;
    uint64_t size = 0;
    if (!text.getAsInteger(10, size))
      largest = std::max(largest, size << shift);
  }
  return largest ? largest : uint64_t(32) << 20;
}

uint64_t runtime::coldBytes() {
  return std::clamp<uint64_t>(4 * lastLevelCacheBytes(), uint64_t(256) << 20,
                              uint64_t(1) << 30);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Where sums go, so that no compiler leaves out what made them.
static std::atomic<uint64_t> sink;

/// Sum of the 64-bit words of whole cache lines.
static uint64_t readPlain(const uint8_t *data, uint64_t bytes) {
  uint64_t sums[8] = {};
  for (uint64_t at = 0; at < bytes; at += 64) {
    uint64_t words[8];
    std::memcpy(words, data + at, 64);
    for (unsigned i = 0; i < 8; ++i)
      sums[i] += words[i];
  }
  uint64_t total = 0;
  for (uint64_t sum : sums)
    total += sum;
  return total;
}

#if defined(__x86_64__)
/// The same in 256-bit vectors. One stream without software prefetch: prefetch,
/// several streams and 512-bit vectors read no faster where this was tried.
__attribute__((target("avx2"))) static uint64_t readAVX2(const uint8_t *data,
                                                         uint64_t bytes) {
  __m256i sums[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(),
                     _mm256_setzero_si256(), _mm256_setzero_si256()};
  uint64_t at = 0;
  for (; at + 256 <= bytes; at += 256)
    for (unsigned line = 0; line < 4; ++line) {
      const uint8_t *from = data + at + line * 64;
      auto *vectors = reinterpret_cast<const __m256i *>(from);
      sums[line] = _mm256_add_epi64(
          sums[line], _mm256_add_epi64(_mm256_loadu_si256(vectors),
                                       _mm256_loadu_si256(vectors + 1)));
    }
  __m256i all = _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]),
                                 _mm256_add_epi64(sums[2], sums[3]));
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i *>(lanes), all);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3] +
         readPlain(data + at, bytes - at);
}
#endif

llvm::Expected<ReadProbe> ReadProbe::create(unsigned threads) {
  constexpr uint64_t largePage = uint64_t(2) << 20;
  ReadProbe probe;
  probe.threads = threads;
  probe.size = llvm::alignTo(coldBytes(), largePage);
  auto *data =
      static_cast<uint8_t *>(std::aligned_alloc(largePage, probe.size));
  if (!data)
    return llvm::createStringError("no memory for the paired reads: %llu bytes",
                                   (unsigned long long)probe.size);
  probe.pool = std::shared_ptr<uint8_t>(data, std::free);
#ifdef __linux__
  (void)madvise(data, probe.size, MADV_HUGEPAGE);
#endif
  // Memory that nobody wrote is one page of zeros, which a cache holds.
  std::memset(data, 1, probe.size);
  return probe;
}

double ReadProbe::read(uint64_t bytes) {
  using Read = uint64_t (*)(const uint8_t *, uint64_t);
  Read readPart = readPlain;
#if defined(__x86_64__)
  static const bool hasAVX2 = __builtin_cpu_supports("avx2");
  if (hasAVX2)
    readPart = readAVX2;
#endif
  const uint8_t *data = pool.get();
  double begun = secondsNow();
  for (uint64_t left = llvm::alignTo(bytes, 64); left;) {
    uint64_t length = std::min(left, size - next), lines = length / 64;
    uint64_t first = next;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (unsigned t = 0; t < threads; ++t) {
      uint64_t lo = lines * t / threads * 64,
               hi = lines * (t + 1) / threads * 64;
      sink.fetch_add(readPart(data + first + lo, hi - lo),
                     std::memory_order_relaxed);
    }
    next = next + length == size ? 0 : next + length;
    left -= length;
  }
  return secondsNow() - begun;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

namespace {

/// Runs `rounds` rounds of independent multiply-adds; returns the flops of a
/// round. Enough accumulators to hide the latency of both pipes.
constexpr unsigned accumulators = 12;

uint64_t peakPlain(uint64_t rounds) {
  float sums[accumulators] = {}, a = 0.999f, b = 0.001f;
  for (uint64_t i = 0; i < rounds; ++i) {
    for (float &sum : sums)
      sum = sum * a + b;
    asm volatile("" : : "r"(sums) : "memory");
  }
  return 2 * accumulators;
}

#if defined(__x86_64__)
#define ALLOT_PEAK(NAME, TARGET, VECTOR, SET1, FMADD)                          \
  __attribute__((target(TARGET))) uint64_t NAME(uint64_t rounds) {             \
    VECTOR sums[accumulators], a = SET1(0.999f), b = SET1(0.001f);             \
    for (VECTOR &sum : sums)                                                   \
      sum = b;                                                                 \
    for (uint64_t i = 0; i < rounds; ++i) {                                    \
      _Pragma("clang loop unroll(full)") for (VECTOR &sum : sums) {            \
        sum = FMADD(sum, a, b);                                                \
        /* Kept in registers, and not computed beforehand. */                  \
        asm volatile("" : "+v"(sum));                                          \
      }                                                                        \
    }                                                                          \
    return 2 * accumulators * (sizeof(VECTOR) / sizeof(float));                \
  }
ALLOT_PEAK(peakAVX2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)
ALLOT_PEAK(peakAVX512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
#undef ALLOT_PEAK
#endif

} // namespace

double runtime::measurePeak(unsigned threads) {
  uint64_t (*peak)(uint64_t) = peakPlain;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    peak = peakAVX512;
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    peak = peakAVX2;
#endif
  // A millisecond at two multiply-adds a cycle and 3 GHz.
  constexpr uint64_t rounds = 3000000 / (accumulators / 2);
  uint64_t flops = 0;
  double begun = secondsNow();
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(+ : flops)
  for (unsigned t = 0; t < threads; ++t)
    flops += rounds * peak(rounds);
  return double(flops) / (secondsNow() - begun);
}
