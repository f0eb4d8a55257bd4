//===- TestUtil.h - random problems for the tests ---------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef ALLOT_TEST_UNIT_ALLOCATION_TESTUTIL_H
#define ALLOT_TEST_UNIT_ALLOCATION_TESTUTIL_H

#include "allot/Allocation/Solvers.h"
#include "llvm/Support/Error.h"
#include <cmath>
#include <cstdint>
#include <string>

namespace allot::allocation::test {

/// The same numbers on every machine (the distributions of <random> are not).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}

  uint64_t next() { // splitmix64
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// Uniform in [low, high].
  int64_t integer(int64_t low, int64_t high) {
    return low + int64_t(next() % uint64_t(high - low + 1));
  }
  /// Uniform in [0, 1).
  double real() { return double(next() >> 11) * 0x1p-53; }
  bool chance(double p) { return real() < p; }

private:
  uint64_t state;
};

inline std::string messageOf(llvm::Error error) {
  return error ? llvm::toString(std::move(error)) : std::string();
}

template <typename T>
std::string messageOf(llvm::Expected<T> value) {
  return value ? std::string() : llvm::toString(value.takeError());
}

inline Option makeOption(std::string name, Costs costs, double loss) {
  return Option{std::move(name), std::move(costs), loss, "test"};
}

/// Two items with two shared option names, one budget.
inline Problem smallProblem() {
  Problem problem;
  problem.resources = {{"bytes", 30}};
  problem.items = {
      {"a", {makeOption("int4", {10}, 0.5), makeOption("int8", {20}, 0.1)}},
      {"b", {makeOption("int4", {10}, 0.25), makeOption("int8", {20}, 0.125)}}};
  return problem;
}

} // namespace allot::allocation::test

#endif // ALLOT_TEST_UNIT_ALLOCATION_TESTUTIL_H
