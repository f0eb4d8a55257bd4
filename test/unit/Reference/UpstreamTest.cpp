//===- UpstreamTest.cpp - upstream ops at the tensor level ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

using namespace allot;
using namespace allot::test;

namespace {

using UpstreamTest = ReferenceTest;

TEST_F(UpstreamTest, Elementwise) {
  parse(R"(func.func @f(%a: tensor<?xf32>, %b: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
    %sum = arith.addf %a, %b : tensor<?xf32>
    %difference = arith.subf %a, %b : tensor<?xf32>
    %quotient = arith.divf %a, %b : tensor<?xf32>
    %largest = arith.maximumf %a, %b : tensor<?xf32>
    %negative = arith.negf %a : tensor<?xf32>
    %root = math.rsqrt %b : tensor<?xf32>
    %product = arith.mulf %negative, %root : tensor<?xf32>
    return %sum, %difference, %quotient, %largest, %product : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32> })");
  auto results = callAll({floats({2}, {3, 8}), floats({2}, {4, 1})});
  expectFloats(results[0], {2}, {7, 9});
  expectFloats(results[1], {2}, {-1, 7});
  expectFloats(results[2], {2}, {0.75, 8});
  expectFloats(results[3], {2}, {4, 8});
  expectFloats(results[4], {2}, {-1.5, -8});
}

TEST_F(UpstreamTest, ComparisonsAndSelection) {
  RefValue y = evaluate(R"(func.func @f(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
    %less = arith.cmpf ult, %a, %b : tensor<4xf32>
    %y = arith.select %less, %a, %b : tensor<4xi1>, tensor<4xf32>
    return %y : tensor<4xf32> })",
                        {floats({4}, {1, 3, NAN, 2}), floats({4}, {2, 2, 5, 2})});
  EXPECT_EQ((*y.floats)[0], 1);
  EXPECT_EQ((*y.floats)[1], 2);
  EXPECT_TRUE(std::isnan((*y.floats)[2]));
  EXPECT_EQ((*y.floats)[3], 2);
}

TEST_F(UpstreamTest, EveryFloatPredicate) {
  // Less, equal, greater, unordered.
  RefValue a = floats({4}, {1, 2, 3, NAN}), b = floats({4}, {2, 2, 2, 2});
  const std::pair<const char *, std::vector<int64_t>> cases[] = {
      {"false", {0, 0, 0, 0}}, {"oeq", {0, 1, 0, 0}}, {"ogt", {0, 0, 1, 0}}, {"oge", {0, 1, 1, 0}}, {"olt", {1, 0, 0, 0}}, {"ole", {1, 1, 0, 0}},
      {"one", {1, 0, 1, 0}},   {"ord", {1, 1, 1, 0}}, {"ueq", {0, 1, 0, 1}}, {"ugt", {0, 0, 1, 1}}, {"uge", {0, 1, 1, 1}}, {"ult", {1, 0, 0, 1}},
      {"ule", {1, 1, 0, 1}},   {"une", {1, 0, 1, 1}}, {"uno", {0, 0, 0, 1}}, {"true", {1, 1, 1, 1}}};
  for (const auto &[predicate, expected] : cases) {
    SCOPED_TRACE(predicate);
    RefValue y = evaluate("func.func @f(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xi1> {\n %y = arith.cmpf " + std::string(predicate) +
                              ", %a, %b : tensor<4xf32>\n return %y : tensor<4xi1> }",
                          {a, b});
    expectInts(y, {4}, expected);
  }
}

TEST_F(UpstreamTest, IntegersWrapAndDivide) {
  parse(R"(func.func @f(%a: tensor<2xi32>, %b: tensor<2xi32>) -> (tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi1>, tensor<2xi64>) {
    %sum = arith.addi %a, %b : tensor<2xi32>
    %floor = arith.floordivsi %a, %b : tensor<2xi32>
    %ceil = arith.ceildivsi %a, %b : tensor<2xi32>
    %below = arith.cmpi ult, %a, %b : tensor<2xi32>
    %wide = arith.extui %a : tensor<2xi32> to tensor<2xi64>
    return %sum, %floor, %ceil, %below, %wide : tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi1>, tensor<2xi64> })");
  auto results = callAll({ints({2}, {2147483647, -7}), ints({2}, {2, 2})});
  expectInts(results[0], {2}, {-2147483647, -5});
  expectInts(results[1], {2}, {1073741823, -4});
  expectInts(results[2], {2}, {1073741824, -3});
  expectInts(results[3], {2}, {0, 0});
  expectInts(results[4], {2}, {2147483647, 4294967289});
  expectError(R"(func.func @f(%a: index, %b: index) -> index {
    %q = arith.divsi %a, %b : index
    return %q : index })",
              {ints({}, {1}), ints({}, {0})}, {"'arith.divsi' op divides by zero"});
}

TEST_F(UpstreamTest, ShapesOfDynamicTensors) {
  parse(R"(func.func @f(%x: tensor<?x6xf32>) -> (tensor<?x2x3xf32>, tensor<?xf32>, index) {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x6xf32>
    %e = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 2, 3] : tensor<?x6xf32> into tensor<?x2x3xf32>
    %c = tensor.collapse_shape %x [[0, 1]] : tensor<?x6xf32> into tensor<?xf32>
    return %e, %c, %n : tensor<?x2x3xf32>, tensor<?xf32>, index })");
  std::vector<float> numbers = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  auto results = callAll({floats({2, 6}, numbers)});
  std::vector<double> same(numbers.begin(), numbers.end());
  expectFloats(results[0], {2, 2, 3}, same);
  expectFloats(results[1], {12}, same);
  expectInts(results[2], {}, {2});
}

TEST_F(UpstreamTest, Slices) {
  const char *text = R"(func.func @f(%x: tensor<?x4xf32>, %at: index, %n: index) -> (tensor<?xf32>, tensor<?x4xf32>) {
    %s = tensor.extract_slice %x[%at, 0] [1, %n] [1, 2] : tensor<?x4xf32> to tensor<?xf32>
    %big = tensor.expand_shape %s [[0, 1]] output_shape [1, %n] : tensor<?xf32> into tensor<1x?xf32>
    %i = tensor.insert_slice %big into %x[0, 1] [1, %n] [1, 1] : tensor<1x?xf32> into tensor<?x4xf32>
    return %s, %i : tensor<?xf32>, tensor<?x4xf32> })";
  parse(text);
  RefValue x = floats({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  auto results = callAll({x, ints({}, {1}), ints({}, {2})});
  expectFloats(results[0], {2}, {5, 7});
  expectFloats(results[1], {2, 4}, {1, 5, 7, 4, 5, 6, 7, 8});
  expectError(text, {x, ints({}, {2}), ints({}, {2})}, {"'tensor.extract_slice' op takes 1 of dimension 0 from 2 in steps of 1, but there are 2"});
  expectError(text, {x, ints({}, {0}), ints({}, {3})}, {"takes 3 of dimension 1 from 0 in steps of 2, but there are 4"});
  expectError(text, {x, ints({}, {0}), ints({}, {-1})}, {"takes -1 of dimension 1"});
}

TEST_F(UpstreamTest, GenerateReadsTensorsFromOutside) {
  const char *text = R"(func.func @f(%x: tensor<?x2xf32>, %rows: tensor<?xi32>, %n: index) -> tensor<?x2xf32> {
    %g = tensor.generate %n {
    ^bb0(%i: index, %j: index):
      %row = tensor.extract %rows[%i] : tensor<?xi32>
      %at = arith.index_cast %row : i32 to index
      %v = tensor.extract %x[%at, %j] : tensor<?x2xf32>
      tensor.yield %v : f32
    } : tensor<?x2xf32>
    return %g : tensor<?x2xf32> })";
  RefValue x = floats({2, 2}, {1, 2, 3, 4});
  expectFloats(evaluate(text, {x, ints({3}, {1, 0, 1}), ints({}, {3})}), {3, 2}, {3, 4, 1, 2, 3, 4});
  expectError(text, {x, ints({1}, {2}), ints({}, {1})}, {"'tensor.extract' op index 2 is outside of dimension 0 of size 2"});
}

TEST_F(UpstreamTest, MatmulSumsInDoublePrecision) {
  RefValue y = evaluate(R"(func.func @f(%a: tensor<2x3xf32>, %b: tensor<3x1xf32>) -> tensor<2x1xf32> {
    %zero = arith.constant 0.0 : f32
    %empty = tensor.empty() : tensor<2x1xf32>
    %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x1xf32>) -> tensor<2x1xf32>
    %c = linalg.matmul ins(%a, %b : tensor<2x3xf32>, tensor<3x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32>
    return %c : tensor<2x1xf32> })",
                        {floats({2, 3}, {16777216.0f, 1, -16777216.0f, 1, 2, 3}), floats({3, 1}, {1, 1, 1})});
  expectFloats(y, {2, 1}, {1, 6}, 0);
}

TEST_F(UpstreamTest, Transpose) {
  RefValue y = evaluate(R"(func.func @f(%a: tensor<2x3xf32>) -> tensor<3x2xf32> {
    %empty = tensor.empty() : tensor<3x2xf32>
    %t = linalg.transpose ins(%a : tensor<2x3xf32>) outs(%empty : tensor<3x2xf32>) permutation = [1, 0]
    return %t : tensor<3x2xf32> })",
                        {floats({2, 3}, {1, 2, 3, 4, 5, 6})});
  expectFloats(y, {3, 2}, {1, 4, 2, 5, 3, 6});
}

TEST_F(UpstreamTest, GenericWithIndicesAndReduction) {
  // y[i] = max over j of (x[i, j] + j), one generic; a window map in the next.
  RefValue y = evaluate(R"(
    #rows = affine_map<(i, j) -> (i)>
    #all = affine_map<(i, j) -> (i, j)>
    func.func @f(%x: tensor<?x3xf32>, %init: tensor<?xf32>) -> tensor<?xf32> {
      %y = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x3xf32>) outs(%init : tensor<?xf32>) {
      ^bb0(%a: f32, %r: f32):
        %j = linalg.index 1 : index
        %i = arith.index_cast %j : index to i32
        %f = arith.sitofp %i : i32 to f32
        %s = arith.addf %a, %f : f32
        %m = arith.maximumf %r, %s : f32
        linalg.yield %m : f32
      } -> tensor<?xf32>
      return %y : tensor<?xf32>
    })",
                        {floats({2, 3}, {5, 1, 1, 0, 0, 0}), floats({2}, {-100, 7})});
  expectFloats(y, {2}, {5, 7});
}

TEST_F(UpstreamTest, Convolution) {
  RefValue y = evaluate(R"(func.func @f(%x: tensor<4xf32>, %k: tensor<2xf32>, %init: tensor<3xf32>) -> tensor<3xf32> {
    %y = linalg.conv_1d ins(%x, %k : tensor<4xf32>, tensor<2xf32>) outs(%init : tensor<3xf32>) -> tensor<3xf32>
    return %y : tensor<3xf32> })",
                        {floats({4}, {1, 2, 3, 4}), floats({2}, {1, 10}), floats({3}, {0, 0, 0})});
  expectFloats(y, {3}, {21, 32, 43});
}

TEST_F(UpstreamTest, DynamicShapesMustAgree) {
  expectError(R"(func.func @f(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
    %y = arith.addf %a, %b : tensor<?xf32>
    return %y : tensor<?xf32> })",
              {floats({2}, {1, 2}), floats({3}, {1, 2, 3})}, {"'arith.addf' op operand 0 is 2 at run time, another is 3"});
  expectError(R"(func.func @f(%a: tensor<?xf32>) -> tensor<3xf32> {
    %y = tensor.cast %a : tensor<?xf32> to tensor<3xf32>
    return %y : tensor<3xf32> })",
              {floats({2}, {1, 2})}, {"'tensor.cast' op the result at run time is 2, but its type is"});
  expectError(R"(func.func @f(%a: tensor<?x3xf32>, %b: tensor<?xf32>) -> tensor<?x3xf32> {
    %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
        ins(%b : tensor<?xf32>) outs(%a : tensor<?x3xf32>) {
    ^bb0(%u: f32, %v: f32):
      linalg.yield %u : f32
    } -> tensor<?x3xf32>
    return %y : tensor<?x3xf32> })",
              {floats({1, 3}, {1, 2, 3}), floats({2}, {1, 2})}, {"'linalg.generic' op operand 1 of 1x3 is too small for the loops of 2x3"});
}

TEST_F(UpstreamTest, ReadingWhatNobodyWroteIsAnError) {
  expectError(R"(func.func @f(%a: tensor<2xf32>) -> tensor<2xf32> {
    %e = tensor.empty() : tensor<2xf32>
    %y = arith.addf %a, %e : tensor<2xf32>
    return %y : tensor<2xf32> })",
              {floats({2}, {1, 2})}, {"'arith.addf' op reads operand 1 before it is written"});
  expectError(R"(func.func @f(%a: tensor<1x1xf32>) -> tensor<1x1xf32> {
    %e = tensor.empty() : tensor<1x1xf32>
    %y = linalg.matmul ins(%a, %a : tensor<1x1xf32>, tensor<1x1xf32>) outs(%e : tensor<1x1xf32>) -> tensor<1x1xf32>
    return %y : tensor<1x1xf32> })",
              {floats({1, 1}, {1})}, {"'linalg.matmul' op reads operand 2 before it is written"});
}

TEST_F(UpstreamTest, SizesThatNoModelHasAreErrors) {
  expectError(R"(func.func @f(%n: index) -> tensor<?x?xf32> {
    %v = arith.constant 1.0 : f32
    %y = tensor.splat %v[%n, %n] : tensor<?x?xf32>
    return %y : tensor<?x?xf32> })",
              {ints({}, {int64_t(1) << 40})}, {"'tensor.splat' op a tensor of 1099511627776x1099511627776 elements cannot be evaluated"});
  expectError(R"(func.func @f(%n: index) -> tensor<?xf32> {
    %y = tensor.empty(%n) : tensor<?xf32>
    return %y : tensor<?xf32> })",
              {ints({}, {-3})}, {"a tensor of -3 elements cannot be evaluated"});
}

TEST_F(UpstreamTest, Loops) {
  parse(R"(func.func @f(%x: tensor<4xf32>, %n: index) -> (tensor<4xf32>, index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %y:2 = scf.for %i = %c0 to %n step %c2 iter_args(%a = %x, %count = %c0) -> (tensor<4xf32>, index) {
      %b = scf.for %j = %c0 to %i step %c1 iter_args(%c = %a) -> (tensor<4xf32>) {
        %old = tensor.extract %c[%j] : tensor<4xf32>
        %from = tensor.extract %x[%i] : tensor<4xf32>
        %sum = arith.addf %old, %from : f32
        %d = tensor.insert %sum into %c[%j] : tensor<4xf32>
        scf.yield %d : tensor<4xf32>
      }
      %next = arith.addi %count, %c1 : index
      scf.yield %b, %next : tensor<4xf32>, index
    }
    return %y#0, %y#1 : tensor<4xf32>, index })");
  auto results = callAll({floats({4}, {1, 2, 3, 4}), ints({}, {4})});
  expectFloats(results[0], {4}, {4, 5, 3, 4});
  expectInts(results[1], {}, {2});
  // No round at all.
  results = callAll({floats({4}, {1, 2, 3, 4}), ints({}, {0})});
  expectFloats(results[0], {4}, {1, 2, 3, 4});
  expectInts(results[1], {}, {0});
  expectError(R"(func.func @f(%step: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.for %i = %c0 to %c1 step %step { }
    return })",
              {ints({}, {0})}, {"'scf.for' op has a step of 0"});
}

} // namespace
