//===- AdapterTest.cpp - maps against numbers worked out by hand -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

using namespace allot;
using namespace allot::test;

namespace {

/// W = [[1, 2, 3], [4, 5, 6]], B = [[1], [2]], A = [[1, 0, -1]].
const char *const kLeaves = R"(
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %B = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %A = arith.constant dense<[[1.0, 0.0, -1.0]]> : tensor<1x3xf32>
  %dense = adapter.dense %w : tensor<2x3xf32>
  %low = adapter.lowrank %B, %A : tensor<2x1xf32>, tensor<1x3xf32>
)";

struct AdapterTest : ReferenceTest {
  /// The matrix of `map`, a value of `type`, made by `body` behind the leaves.
  RefValue matrix(const std::string &body, const std::string &map, const std::string &shape) {
    return evaluate("func.func @f() -> tensor<" + shape + "xf32> {" + kLeaves + body + "%r = adapter.materialize " + map + " : !adapter.map<" + shape +
                    ", f32> -> tensor<" + shape + "xf32>\n return %r : tensor<" + shape + "xf32>\n}");
  }
};

TEST_F(AdapterTest, Dense) { expectFloats(matrix("", "%dense", "2x3"), {2, 3}, {1, 2, 3, 4, 5, 6}); }

TEST_F(AdapterTest, LowRank) { expectFloats(matrix("", "%low", "2x3"), {2, 3}, {1, 0, -1, 2, 0, -2}); }

TEST_F(AdapterTest, LowRankWithGate) {
  expectFloats(matrix(R"(
    %B2 = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
    %A2 = arith.constant dense<[[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]> : tensor<2x3xf32>
    %g = arith.constant dense<[10.0, -1.0]> : tensor<2xf32>
    %m = adapter.lowrank %B2, %A2 gate %g : tensor<2x2xf32>, tensor<2x3xf32>, tensor<2xf32>
  )",
                      "%m", "2x3"),
               {2, 3}, {10, -2, 8, 30, -4, 26});
}

TEST_F(AdapterTest, Combinators) {
  expectFloats(matrix("%s = adapter.scale %low by 0.5 : !adapter.map<2x3, f32>\n %m = adapter.sum %dense, %s : !adapter.map<2x3, f32>\n", "%m", "2x3"),
               {2, 3}, {1.5, 2, 2.5, 5, 5, 5});
  expectFloats(matrix("%m = adapter.transpose %dense : !adapter.map<2x3, f32>\n", "%m", "3x2"), {3, 2}, {1, 4, 2, 5, 3, 6});
  expectFloats(matrix(R"(
    %v = arith.constant dense<[2.0, -1.0]> : tensor<2xf32>
    %d = adapter.diagonal %v : tensor<2xf32>
    %p = adapter.permutation [2, 0, 1] : !adapter.map<3x3, f32>
    %m = adapter.compose %d, %dense, %p : !adapter.map<2x2, f32>, !adapter.map<2x3, f32>, !adapter.map<3x3, f32>
  )",
                      "%m", "2x3"),
               // Column j of W meets input sources[j]: columns of the product are W's columns 1, 2, 0.
               {2, 3}, {4, 6, 2, -5, -6, -4});
  expectFloats(matrix("%p = adapter.permutation [2, 0, 1] : !adapter.map<3x3, f32>\n", "%p", "3x3"), {3, 3}, {0, 0, 1, 1, 0, 0, 0, 1, 0});
}

TEST_F(AdapterTest, ApplyFoldsLeadingDimensionsAndAddsTheBias) {
  std::string text = R"(func.func @f(%x: tensor<?x?x3xf32>, %b: tensor<2xf32>) -> tensor<?x?x2xf32> {)" + std::string(kLeaves) + R"(
    %m = adapter.sum %dense, %low : !adapter.map<2x3, f32>
    %y = adapter.apply %m, %x bias %b : !adapter.map<2x3, f32>, tensor<?x?x3xf32>, tensor<2xf32> -> tensor<?x?x2xf32>
    return %y : tensor<?x?x2xf32> })";
  RefValue y = evaluate(text, {floats({2, 1, 3}, {1, 1, 1, 0, 1, 0}), floats({2}, {100, 200})});
  expectFloats(y, {2, 1, 2}, {106, 215, 102, 205});
  // No rows at all.
  expectFloats(callAll({floats({0, 4, 3}, {}), floats({2}, {100, 200})})[0], {0, 4, 2}, {});
}

TEST_F(AdapterTest, BankMeetsEachRowByItsId) {
  std::string text = R"(func.func @f(%x: tensor<?x3xf32>, %ids: tensor<?xi32>, %i: tensor<i64>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {)" + std::string(kLeaves) + R"(
    %bank = adapter.bank %dense, %low : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>
    %y = adapter.apply %bank, %x ids(%ids : tensor<?xi32>) : !adapter.map<2x2x3, f32>, tensor<?x3xf32> -> tensor<?x2xf32>
    %z = adapter.apply %bank, %x ids(%ids : tensor<?xi32>) otherwise(%dense : !adapter.map<2x3, f32>) : !adapter.map<2x2x3, f32>, tensor<?x3xf32> -> tensor<?x2xf32>
    %m = adapter.select %bank at %i : !adapter.map<2x2x3, f32>, tensor<i64>
    %u = adapter.apply %m, %x : !adapter.map<2x3, f32>, tensor<?x3xf32> -> tensor<?x2xf32>
    return %y, %z, %u : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32> })";
  RefValue x = floats({3, 3}, {1, 1, 0, 1, 1, 0, 1, 1, 0});
  parse(text);
  std::vector<RefValue> results = callAll({x, ints({3}, {1, -1, 0}), ints({}, {1})});
  expectFloats(results[0], {3, 2}, {1, 2, 0, 0, 3, 9});
  expectFloats(results[1], {3, 2}, {1, 2, 3, 9, 3, 9});
  expectFloats(results[2], {3, 2}, {1, 2, 1, 2, 1, 2});
  // No rows.
  expectFloats(callAll({floats({0, 3}, {}), ints({0}, {}), ints({}, {0})})[1], {0, 2}, {});
  expectError(text, {x, ints({3}, {0, 2, 0}), ints({}, {0})}, {"'adapter.apply' op id 2 at place 1 is not in [-1, 2)"});
  expectError(text, {x, ints({3}, {0, -2, 0}), ints({}, {0})}, {"id -2 at place 1 is not in [-1, 2)"});
  expectError(text, {x, ints({3}, {0, 0, 0}), ints({}, {2})}, {"'adapter.select' op member 2 is not one of the 2 of the bank"});
}

TEST_F(AdapterTest, BankMixesMembersByWeights) {
  RefValue y = evaluate(R"(func.func @f(%x: tensor<?x3xf32>, %ids: tensor<?x2xi32>, %weights: tensor<?x2xf32>, %b: tensor<2xf32>) -> tensor<?x2xf32> {)" + std::string(kLeaves) + R"(
    %bank = adapter.bank %dense, %low : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>
    %y = adapter.apply %bank, %x ids(%ids : tensor<?x2xi32>) weights(%weights : tensor<?x2xf32>) bias %b : !adapter.map<2x2x3, f32>, tensor<?x3xf32>, tensor<2xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32> })",
                        {floats({2, 3}, {1, 1, 0, 1, 1, 0}), ints({2, 2}, {0, 1, 1, -1}), floats({2, 2}, {2, -1, 0.5, 7}), floats({2}, {100, 200})});
  // 2 (3, 9) - (1, 2); 0.5 (1, 2).
  expectFloats(y, {2, 2}, {105, 216, 100.5, 201});
}

TEST_F(AdapterTest, EncodedWeightsAreWhatTheirCodesSay) {
  // Row by row the scale is 1 (largest number 7, 7 steps): numbers are rounded to integers.
  std::vector<float> w(2 * 32, 0);
  for (int i = 0; i < 32; ++i)
    w[i] = float(i % 8) - 0.3f, w[32 + i] = -float(i % 8) + 0.3f;
  w[7] = 7, w[39] = -7;
  RefValue y = evaluate(R"(func.func @f(%w: tensor<2x32xf32>, %x: tensor<1x32xf32>) -> tensor<1x2xf32> {
    %e = format.encode %w : tensor<2x32xf32> -> tensor<2x32xf32, #format.int<4, block = [1, 32], scale = f32>>
    %p = format.pack %e : tensor<2x32xf32, #format.int<4, block = [1, 32], scale = f32>> -> tensor<2x32xf32, #format.packed<#format.int<4, block = [1, 32], scale = f32>, rows = 8>>
    %m = adapter.dense %p : tensor<2x32xf32, #format.packed<#format.int<4, block = [1, 32], scale = f32>, rows = 8>>
    %y = adapter.apply %m, %x : !adapter.map<2x32, f32>, tensor<1x32xf32> -> tensor<1x2xf32>
    return %y : tensor<1x2xf32> })",
                        {floats({2, 32}, w), floats({1, 32}, std::vector<float>(32, 1))});
  expectFloats(y, {1, 2}, {4 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7), -4 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7)});
}

TEST_F(AdapterTest, DecodeAndEncodedVectors) {
  RefValue y = evaluate(R"(func.func @f(%v: tensor<3xf32>) -> tensor<3xf32> {
    %e = format.encode %v : tensor<3xf32> -> tensor<3xf32, #format.float<bf16>>
    %d = format.decode %e : tensor<3xf32, #format.float<bf16>> -> tensor<3xf32>
    return %d : tensor<3xf32> })",
                        {floats({3}, {1.0f, 1.00390625f, -3.0f})});
  // 1 + 2^-8 lies half way between 1 and 1 + 2^-7 and goes to the even one.
  expectFloats(y, {3}, {1.0, 1.0, -3.0}, 0);
}

const char *const kGather = R"(func.func @f(%ids: tensor<?xi64>) -> tensor<?x3xf32> {
    %B = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
    %A = arith.constant dense<[[1.0, 0.0, -1.0]]> : tensor<1x3xf32>
    %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
    %dense = adapter.dense %w : tensor<2x3xf32>
    %low = adapter.lowrank %B, %A : tensor<2x1xf32>, tensor<1x3xf32>
    %t = adapter.transpose %low : !adapter.map<2x3, f32>
    %tt = adapter.transpose %t : !adapter.map<3x2, f32>
    %m = adapter.sum %dense, %tt : !adapter.map<2x3, f32>
    %y = adapter.gather %m, %ids : !adapter.map<2x3, f32>, tensor<?xi64> -> tensor<?x3xf32>
    return %y : tensor<?x3xf32> })";

TEST_F(AdapterTest, Gather) {
  RefValue y = evaluate(kGather, {ints({4}, {1, 0, 1, 1})});
  expectFloats(y, {4, 3}, {6, 5, 4, 2, 2, 2, 6, 5, 4, 6, 5, 4});
}

TEST_F(AdapterTest, IdsOutsideTheTableAreErrors) {
  expectError(kGather, {ints({2}, {1, 2})}, {"'adapter.gather' op id 2 at place 1 is not in [0, 2)"});
  expectError(kGather, {ints({1}, {-1})}, {"id -1 at place 0"});
}

TEST_F(AdapterTest, Linear) {
  // W x = (6, 15), 2 * B A x = 2 * (1, 2) * (x0 - x2), here 0 and -2.
  std::string text = R"(func.func @f(%x: tensor<?x3xf32>, %m: tensor<?x2xf32>, %r: tensor<?x2xf32>, %init: tensor<?x2xf32>) -> tensor<?x2xf32> {)" +
                     std::string(kLeaves) + R"(
    %ew = format.encode %w : tensor<2x3xf32> -> tensor<2x3xf32, #format.float<f32>>
    %eB = format.encode %B : tensor<2x1xf32> -> tensor<2x1xf32, #format.float<f16>>
    %eA = format.encode %A : tensor<1x3xf32> -> tensor<1x3xf32, #format.float<f16>>
    %b = arith.constant dense<[1.0, -20.0]> : tensor<2xf32>
    %y = adapter.linear weight(%ew : tensor<2x3xf32, #format.float<f32>>) ins(%x : tensor<?x3xf32>)
           factors(%eB, %eA : tensor<2x1xf32, #format.float<f16>>, tensor<1x3xf32, #format.float<f16>>) scales([2.0]) bias(%b : tensor<2xf32>)
           activation relu multiplier(%m : tensor<?x2xf32>) residual(%r : tensor<?x2xf32>) outs(%init : tensor<?x2xf32>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32> })";
  RefValue y = evaluate(text, {floats({2, 3}, {1, 1, 1, 0, 1, 1}), floats({2, 2}, {10, 10, 10, 10}), floats({2, 2}, {1, 2, 3, 4}), floats({2, 2}, {0, 0, 0, 0})});
  // Row 0: (6, 15) + 0 + (1, -20) = (7, -5); row 1: (5, 11) - (2, 4) + (1, -20) = (4, -13).
  expectFloats(y, {2, 2}, {71, 2, 43, 4});
  expectError(text, {floats({2, 3}, {1, 1, 1, 0, 1, 1}), floats({1, 2}, {1, 1}), floats({2, 2}, {1, 2, 3, 4}), floats({2, 2}, {0, 0, 0, 0})},
              {"'adapter.linear' op the multiplier is 1x2 at run time, but must be 2x2"});
}

TEST_F(AdapterTest, Lookup) {
  RefValue y = evaluate(R"(func.func @f(%ids: tensor<?xi32>, %init: tensor<?x3xf32>) -> tensor<?x3xf32> {)" + std::string(kLeaves) + R"(
    %e = format.encode %w : tensor<2x3xf32> -> tensor<2x3xf32, #format.float<f16>>
    %y = adapter.lookup table(%e : tensor<2x3xf32, #format.float<f16>>) ins(%ids : tensor<?xi32>) outs(%init : tensor<?x3xf32>) -> tensor<?x3xf32>
    return %y : tensor<?x3xf32> })",
                        {ints({2}, {1, 0}), floats({2, 3}, std::vector<float>(6))});
  expectFloats(y, {2, 3}, {4, 5, 6, 1, 2, 3});
}

TEST_F(AdapterTest, SumsAreTakenInDoublePrecision) {
  // 2^25 ones and a small number that f32 sums would lose at 2^24.
  RefValue y = evaluate(R"(func.func @f(%w: tensor<1x3xf32>, %x: tensor<1x3xf32>) -> tensor<1x1xf32> {
    %m = adapter.dense %w : tensor<1x3xf32>
    %y = adapter.apply %m, %x : !adapter.map<1x3, f32>, tensor<1x3xf32> -> tensor<1x1xf32>
    return %y : tensor<1x1xf32> })",
                        {floats({1, 3}, {16777216.0f, 1.0f, -16777216.0f}), floats({1, 3}, {1, 1, 1})});
  expectFloats(y, {1, 1}, {1.0}, 0);
}

} // namespace
