//===- FisherTest.cpp - squares of the gradients of a matrix ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/Fisher.h"
#include "gtest/gtest.h"
#include <random>
#include <vector>

using namespace allot;

// More rows than are made at a time, and numbers that were there before.
TEST(Fisher, SumsOfSquares) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (auto [out, in, tokens] :
       {std::tuple(3, 5, 4), {1, 1, 1}, {300, 7, 9}, {513, 2, 3}}) {
    std::vector<float> g(tokens * out), x(tokens * in);
    for (float &v : g)
      v = normal(random);
    for (float &v : x)
      v = normal(random);
    std::vector<double> rows(out, 1.0), columns(in, 2.0);
    analysis::addFisher(g, x, tokens, 0.25, rows, columns);
    std::vector<double> expectedRows(out, 1.0), expectedColumns(in, 2.0);
    for (int o = 0; o < out; ++o)
      for (int i = 0; i < in; ++i) {
        double sum = 0;
        for (int t = 0; t < tokens; ++t)
          sum += double(g[t * out + o]) * x[t * in + i];
        expectedRows[o] += 0.25 * sum * sum;
        expectedColumns[i] += 0.25 * sum * sum;
      }
    for (int o = 0; o < out; ++o)
      EXPECT_NEAR(rows[o], expectedRows[o], 1e-5 * expectedRows[o]);
    for (int i = 0; i < in; ++i)
      EXPECT_NEAR(columns[i], expectedColumns[i], 1e-5 * expectedColumns[i]);
  }
}
