//===- NumpyRandom.h - NumPy's default random numbers -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The random numbers of `numpy.random.default_rng(seed)`, which adapters that
// store a seed in place of numbers were made with: bit for bit.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_NUMPYRANDOM_H
#define ALLOT_LIB_IMPORT_NUMPYRANDOM_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace allot::importer {

/// PCG XSL RR 128/64, O'Neill 2014, started by a hash of the seed.
class NumpyRandom {
public:
  explicit NumpyRandom(uint64_t seed);

  uint64_t next64();
  /// Halves of `next64`, the low one first.
  uint32_t next32();
  /// A number in [0, last], all as likely as each other: Lemire 2019.
  uint64_t upTo(uint64_t last);

  /// The same in another way, which takes other numbers from the generator:
  /// bits are drawn until they are no larger number than `last`.
  uint64_t upToByMask(uint64_t last);

  /// `Generator.shuffle`.
  void shuffle(llvm::MutableArrayRef<uint32_t> values);
  /// `Generator.choice(population, size, replace=False)`; `size` is at most
  /// `population`.
  std::vector<uint32_t> choice(uint32_t population, uint32_t size);

private:
  /// Swaps each value, from the last down to `first`, with one before it, as
  /// `choice` does.
  void shuffleFrom(size_t first, llvm::MutableArrayRef<uint32_t> values);

  using UInt128 = unsigned __int128;
  void step();

  UInt128 state = 0, increment = 0;
  uint32_t spare = 0;
  bool hasSpare = false;
};

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_NUMPYRANDOM_H
