//===- ModelProblem.h - problems of the size of a model ---------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef ALLOT_TEST_UNIT_ALLOCATION_MODELPROBLEM_H
#define ALLOT_TEST_UNIT_ALLOCATION_MODELPROBLEM_H

#include "TestUtil.h"

namespace allot::allocation::test {

/// The matrices of a small decoder (30 blocks of 7 and an embedding), each with
/// bits x block x rank of error compensation. `noise` makes losses non-convex,
/// `grid` keeps costs as real formats have them, else every byte count occurs.
inline Problem modelProblem(uint64_t seed, double noise, bool grid,
                            double budgetAt) {
  Random random(seed);
  const int64_t shapes[7][2] = {{576, 576}, {192, 576},  {192, 576},
                                {576, 576}, {1536, 576}, {1536, 576},
                                {576, 1536}};
  Problem problem;
  problem.resources = {{"bytes", std::nullopt}};
  int64_t least = 0, most = 0;
  for (int i = 0; i != 211; ++i) {
    int64_t out = i == 210 ? 49152 : shapes[i % 7][0];
    int64_t in = i == 210 ? 576 : shapes[i % 7][1];
    double sensitivity = std::exp2(-12 + 11 * random.real());
    Item item{"matrix" + std::to_string(i), {}};
    int64_t cheapest = INT64_MAX, dearest = 0;
    for (int bits : {2, 3, 4, 5, 6, 8})
      for (int block : {32, 64, 128})
        for (int rank : {0, 4, 8, 16, 64}) {
          int64_t bytes = out * in * bits / 8 + out * in / block * 2 +
                          rank * (out + in) * 2;
          if (!grid)
            bytes += random.integer(0, bytes / 10);
          double loss = sensitivity * std::exp2(-2.0 * (bits - 2)) *
                        (1 + block / 128.0) / (1 + 0.01 * rank);
          loss *= 1 + noise * random.real();
          item.options.push_back(makeOption("int" + std::to_string(bits) +
                                                ".b" + std::to_string(block) +
                                                ".r" + std::to_string(rank),
                                            {bytes}, loss));
          cheapest = std::min(cheapest, bytes);
          dearest = std::max(dearest, bytes);
        }
    least += cheapest;
    most += dearest;
    problem.items.push_back(std::move(item));
  }
  problem.resources[0].budget =
      least + int64_t(double(most - least) * budgetAt);
  return problem;
}

} // namespace allot::allocation::test

#endif // ALLOT_TEST_UNIT_ALLOCATION_MODELPROBLEM_H
