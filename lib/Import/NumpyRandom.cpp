//===- NumpyRandom.cpp - NumPy's default random numbers ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NumpyRandom.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include <array>
#include <numeric>

using namespace allot::importer;

//===----------------------------------------------------------------------===//
// The seed
//===----------------------------------------------------------------------===//

namespace {

/// `numpy.random.SeedSequence` of one number: a pool of words into which the
/// seed is mixed, and from which the generator's state is drawn.
class SeedSequence {
public:
  explicit SeedSequence(uint64_t seed) {
    // The words of the seed, zeros for the rest of the pool.
    pool = {uint32_t(seed), uint32_t(seed >> 32), 0, 0};
    uint32_t key = 0x43b0d7e5;
    auto hash = [&](uint32_t value) {
      value ^= key;
      key *= 0x931e8875;
      value *= key;
      return value ^ value >> 16;
    };
    for (uint32_t &word : pool)
      word = hash(word);
    for (size_t from = 0; from < pool.size(); ++from)
      for (size_t to = 0; to < pool.size(); ++to)
        if (from != to) {
          uint32_t mixed =
              0xca01f9ddu * pool[to] - 0x4973f715u * hash(pool[from]);
          pool[to] = mixed ^ mixed >> 16;
        }
  }

  /// Four numbers.
  std::array<uint64_t, 4> draw() const {
    std::array<uint64_t, 4> numbers{};
    uint32_t key = 0x8b51f9dd;
    for (size_t i = 0; i < 2 * numbers.size(); ++i) {
      uint32_t word = pool[i % pool.size()] ^ key;
      key *= 0x58f38ded;
      word *= key;
      word ^= word >> 16;
      numbers[i / 2] |= uint64_t(word) << (i % 2 * 32);
    }
    return numbers;
  }

private:
  std::array<uint32_t, 4> pool;
};

} // namespace

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

NumpyRandom::NumpyRandom(uint64_t seed) {
  std::array<uint64_t, 4> drawn = SeedSequence(seed).draw();
  increment = (UInt128(drawn[2]) << 64 | drawn[3]) << 1 | 1;
  step();
  state += UInt128(drawn[0]) << 64 | drawn[1];
  step();
}

void NumpyRandom::step() {
  constexpr UInt128 multiplier =
      UInt128(2549297995355413924ull) << 64 | 4865540595714422341ull;
  state = state * multiplier + increment;
}

uint64_t NumpyRandom::next64() {
  step();
  return llvm::rotr(uint64_t(state >> 64) ^ uint64_t(state), int(state >> 122));
}

uint32_t NumpyRandom::next32() {
  if (hasSpare) {
    hasSpare = false;
    return spare;
  }
  uint64_t both = next64();
  hasSpare = true;
  spare = uint32_t(both >> 32);
  return uint32_t(both);
}

uint64_t NumpyRandom::upTo(uint64_t last) {
  if (last == 0)
    return 0;
  // Products whose low half is below the remainder would favour some numbers.
  if (last < UINT32_MAX) {
    uint32_t count = uint32_t(last) + 1;
    uint64_t product = uint64_t(next32()) * count;
    if (uint32_t(product) < count)
      for (uint32_t least = (UINT32_MAX - uint32_t(last)) % count;
           uint32_t(product) < least;)
        product = uint64_t(next32()) * count;
    return product >> 32;
  }
  if (last == UINT32_MAX)
    return next32();
  if (last == UINT64_MAX)
    return next64();
  uint64_t count = last + 1;
  UInt128 product = UInt128(next64()) * count;
  if (uint64_t(product) < count)
    for (uint64_t least = (UINT64_MAX - last) % count;
         uint64_t(product) < least;)
      product = UInt128(next64()) * count;
  return uint64_t(product >> 64);
}

uint64_t NumpyRandom::upToByMask(uint64_t last) {
  if (last == 0)
    return 0;
  uint64_t mask = llvm::NextPowerOf2(last) - 1;
  uint64_t value;
  do
    value = (last <= UINT32_MAX ? next32() : next64()) & mask;
  while (value > last);
  return value;
}

//===----------------------------------------------------------------------===//
// Orders
//===----------------------------------------------------------------------===//

void NumpyRandom::shuffle(llvm::MutableArrayRef<uint32_t> values) {
  for (size_t i = values.size(); i-- > 1;)
    std::swap(values[i], values[upToByMask(i)]);
}

void NumpyRandom::shuffleFrom(size_t first,
                              llvm::MutableArrayRef<uint32_t> values) {
  for (size_t i = values.size(); i-- > first;)
    std::swap(values[i], values[upTo(i)]);
}

std::vector<uint32_t> NumpyRandom::choice(uint32_t population, uint32_t size) {
  std::vector<uint32_t> chosen;
  // A good part of many: the tail of a shuffle.
  if (population > 10000 && size > population / 50) {
    chosen.resize(population);
    std::iota(chosen.begin(), chosen.end(), 0);
    shuffleFrom(std::max<size_t>(population - size, 1), chosen);
    chosen.erase(chosen.begin(), chosen.end() - size);
    return chosen;
  }
  // Else one number after the other, Floyd's algorithm, and then their order.
  llvm::DenseSet<uint64_t> taken;
  for (uint32_t j = population - size; j < population; ++j) {
    uint32_t value = upTo(j);
    if (!taken.insert(value).second)
      taken.insert(value = j);
    chosen.push_back(value);
  }
  shuffleFrom(1, chosen);
  return chosen;
}
