//===- LeavesTest.cpp - computed maps by hand -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

using namespace allot;
using namespace allot::test;

namespace {

struct LeavesTest : ReferenceTest {
  /// The text of @f that gives the matrix of `%m`, a map that `body` makes.
  std::string text(const std::string &body, const std::string &shape) {
    return "func.func @f() -> tensor<" + shape + "xf32> {\n" + body +
           "\n%r = adapter.materialize %m : !adapter.map<" + shape +
           ", f32> -> tensor<" + shape + "xf32>\n return %r : tensor<" + shape +
           "xf32>\n}";
  }
  RefValue matrix(const std::string &body, const std::string &shape) {
    return evaluate(text(body, shape));
  }
};

// Two entries in one place, and indices outside of the matrix.
TEST_F(LeavesTest, Sparse) {
  expectFloats(matrix(R"(
    %i = arith.constant dense<[[0.0, 1.0, 1.0, 5.0, -3.0], [2.0, 0.0, 0.0, 9.0, 1.0]]> : tensor<2x5xf32>
    %v = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
    %m = adapter.sparse %i, %v : tensor<2x5xf32>, tensor<5xf32> -> !adapter.map<2x3, f32>
  )",
                      "2x3"),
               {2, 3}, {0, 5, 1, 5, 0, 4});
}

TEST_F(LeavesTest, SparseOfEncodedTensors) {
  expectFloats(matrix(R"(
    %i = arith.constant dense<[[0.0, 1.0], [2.0, 0.0]]> : tensor<2x2xf32>
    %j = format.encode %i : tensor<2x2xf32> -> tensor<2x2xf32, #format.index<ui8>>
    %v = arith.constant dense<[1.5, -2.0]> : tensor<2xf32>
    %w = format.encode %v : tensor<2xf32> -> tensor<2xf32, #format.float<f16>>
    %m = adapter.sparse %j, %w : tensor<2x2xf32, #format.index<ui8>>, tensor<2xf32, #format.float<f16>> -> !adapter.map<2x3, f32>
  )",
                      "2x3"),
               {2, 3}, {0, 0, 1.5, -2, 0, 0});
}

TEST_F(LeavesTest, Skew) {
  expectFloats(matrix(R"(
    %v = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
    %m = adapter.skew %v : tensor<6xf32>
  )",
                      "4x4"),
               {4, 4}, {0, 1, 2, 3, -1, 0, 4, 5, -2, -4, 0, 6, -3, -5, -6, 0});
  expectFloats(matrix(R"(
    %v = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
    %m = adapter.skew %v : tensor<2x1xf32>
  )",
                      "2x2x2"),
               {2, 2, 2}, {0, 1, -1, 0, 0, 2, -2, 0});
}

// Of K = [[0, k], [-k, 0]] with k = 1/2, and of 0.
TEST_F(LeavesTest, Cayley) {
  const char *const skew = R"(
    %v = arith.constant dense<[[0.5], [0.0]]> : tensor<2x1xf32>
    %k = adapter.skew %v : tensor<2x1xf32>
  )";
  auto cayley = [&](const std::string &terms) {
    return matrix(skew + ("%m = adapter.cayley %k " + terms +
                          " : !adapter.map<2x2x2, f32>"),
                  "2x2x2");
  };
  expectFloats(cayley(""), {2, 2, 2}, {0.6, -0.8, 0.8, 0.6, 1, 0, 0, 1});
  // The series have the opposite sign; three terms are as four.
  expectFloats(cayley("terms 1"), {2, 2, 2}, {1, 0, 0, 1, 1, 0, 0, 1});
  expectFloats(cayley("terms 2"), {2, 2, 2}, {1, 1, -1, 1, 1, 0, 0, 1});
  for (const char *terms : {"terms 3", "terms 4"})
    expectFloats(cayley(terms), {2, 2, 2},
                 {0.5, 0.875, -0.875, 0.5, 1, 0, 0, 1});
  expectFloats(cayley("terms 5"), {2, 2, 2},
               {0.5625, 0.75, -0.75, 0.5625, 1, 0, 0, 1});
  // A long series is the inverse of the exact form.
  expectFloats(cayley("terms 60"), {2, 2, 2},
               {0.6, 0.8, -0.8, 0.6, 1, 0, 0, 1});
}

TEST_F(LeavesTest, CayleyOfWhatIsNotSkewSymmetric) {
  expectError(text(R"(
    %v = arith.constant dense<-1.0> : tensor<2xf32>
    %k = adapter.diagonal %v : tensor<2xf32>
    %m = adapter.cayley %k : !adapter.map<2x2, f32>
  )",
                   "2x2"),
              {}, {"'adapter.cayley' op has a map K with a singular I + K"});
}

// Reflections at e_0 and at e_0 + e_1.
TEST_F(LeavesTest, Householder) {
  std::string u = R"(
    %u = arith.constant dense<[[2.0, 1.0], [0.0, 1.0], [0.0, 0.0]]> : tensor<3x2xf32>
  )";
  expectFloats(
      matrix(u + "%m = adapter.householder %u : tensor<3x2xf32>", "3x3"),
      {3, 3}, {0, 1, 0, -1, 0, 0, 0, 0, 1});
  expectFloats(
      matrix(u + "%m = adapter.householder %u orthonormalize : tensor<3x2xf32>",
             "3x3"),
      {3, 3}, {-1, 0, 0, 0, -1, 0, 0, 0, 1});
}

TEST_F(LeavesTest, Circulant) {
  expectFloats(matrix(R"(
    %k = arith.constant dense<[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]> : tensor<1x2x3xf32>
    %m = adapter.circulant %k : tensor<1x2x3xf32>
  )",
                      "3x6"),
               {3, 6}, {1, 2, 3, 4, 5, 6, 3, 1, 2, 6, 4, 5, 2, 3, 1, 5, 6, 4});
}

// Output (a, b) is a 2 + b; one mode, r, is in three cores.
TEST_F(LeavesTest, Contract) {
  expectFloats(matrix(R"(
    %a = arith.constant dense<[[1.0, 2.0], [3.0, -1.0]]> : tensor<2x2xf32>
    %b = arith.constant dense<[[1.0, 0.0], [2.0, 1.0]]> : tensor<2x2xf32>
    %c = arith.constant dense<[[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]> : tensor<2x3xf32>
    %m = adapter.contract "ar,br,rc->ab|c" %a, %b, %c : tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x3xf32>
  )",
                      "4x3"),
               {4, 3}, {1, 2, 3, 2, 6, 6, 3, 6, 9, 6, 11, 18});
  // One core, of which the modes change places.
  expectFloats(matrix(R"(
    %a = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]]]> : tensor<1x2x2xf32>
    %m = adapter.contract "cba->ab|c" %a : tensor<1x2x2xf32>
  )",
                      "4x1"),
               {4, 1}, {1, 3, 2, 4});
}

TEST_F(LeavesTest, Fourier) {
  expectFloats(
      matrix("%m = adapter.fourier cos : !adapter.map<4x4, f32>", "4x4"),
      {4, 4}, {1, 1, 1, 1, 1, 0, -1, 0, 1, -1, 1, -1, 1, 0, -1, 0});
  expectFloats(
      matrix("%m = adapter.fourier sin : !adapter.map<4x4, f32>", "4x4"),
      {4, 4}, {0, 0, 0, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, -1, 0, 1});
}

TEST_F(LeavesTest, Haar) {
  double r = std::sqrt(0.5);
  expectFloats(matrix("%m = adapter.haar : !adapter.map<3x4, f32>", "3x4"),
               {3, 4}, {r, 0, r, 0, r, 0, -r, 0, 0, r, 0, r});
  expectFloats(
      matrix("%m = adapter.haar transposed : !adapter.map<4x3, f32>", "4x3"),
      {4, 3}, {r, r, 0, 0, 0, r, r, -r, 0, 0, 0, r});
}

} // namespace
