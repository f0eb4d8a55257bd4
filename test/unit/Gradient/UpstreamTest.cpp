//===- UpstreamTest.cpp - gradients of upstream ops -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GradientTest.h"

using namespace allot;
using namespace allot::test;

namespace {

using UpstreamGradient = GradientTest;

TEST_F(UpstreamGradient, Unary) {
  struct Case {
    const char *op;
    double scale = 1.0, offset = 0.0;
  };
  // Functions with a pole or a bend stay away from it.
  for (Case c : std::initializer_list<Case>{{"arith.negf"},
                                            {"math.exp", 0.5},
                                            {"math.exp2", 0.5},
                                            {"math.expm1", 0.5},
                                            {"math.tanh"},
                                            {"math.erf"},
                                            {"math.sin"},
                                            {"math.cos"},
                                            {"math.log", 0.05, 1.5},
                                            {"math.log1p", 0.05, 1.5},
                                            {"math.log2", 0.05, 1.5},
                                            {"math.sqrt", 0.05, 1.5},
                                            {"math.rsqrt", 0.05, 1.5},
                                            {"math.absf", 0.05, -1.0}})
    check(std::string("func.func @f(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {\n"
                      "  %y = ") +
              c.op + " %x : tensor<?x3xf32>\n  return %y : tensor<?x3xf32>\n}",
          {normal({2, 3}, c.scale, c.offset)});
}

TEST_F(UpstreamGradient, Binary) {
  for (const char *op :
       {"arith.addf", "arith.subf", "arith.mulf", "arith.divf",
        "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf"}) {
    std::string text =
        std::string("func.func @f(%x: tensor<5xf32>, %y: tensor<5xf32>) -> "
                    "tensor<5xf32> {\n  %z = ") +
        op + " %x, %y : tensor<5xf32>\n  return %z : tensor<5xf32>\n}";
    // Far enough apart that no step changes which one is larger.
    check(text, {floats({5}, {1, -1, 2, 0.5, 3}),
                 floats({5}, {2, 1.5, 1, -0.75, 2.5})});
  }
}

TEST_F(UpstreamGradient, SharedValuesAddUp) {
  check(
      R"(func.func @f(%x: tensor<3xf32>, %y: tensor<3xf32>, %c: tensor<3xi1>) -> (tensor<3xf32>, tensor<3xf32>) {
    %a = math.fma %x, %y, %x : tensor<3xf32>
    %b = arith.select %c, %a, %y : tensor<3xi1>, tensor<3xf32>
    %d = arith.mulf %a, %b : tensor<3xf32>
    return %d, %a : tensor<3xf32>, tensor<3xf32>
  })",
      {normal({3}), normal({3}), ints({3}, {1, 0, 1})});
}

TEST_F(UpstreamGradient, Tensors) {
  check(
      R"(func.func @f(%x: tensor<?x6xf32>, %y: tensor<2x3xf32>) -> (tensor<?x2x3xf32>, tensor<?x3xf32>, tensor<4xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = tensor.dim %x, %c0 : tensor<?x6xf32>
    %e = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 2, 3] : tensor<?x6xf32> into tensor<?x2x3xf32>
    %i = tensor.insert_slice %y into %e[1, 0, 0] [1, 2, 3] [1, 1, 1] : tensor<2x3xf32> into tensor<?x2x3xf32>
    %s = tensor.extract_slice %i[0, 1, 0] [%n, 1, 3] [1, 1, 1] : tensor<?x2x3xf32> to tensor<?x3xf32>
    %a = tensor.extract %s[%c1, %c0] : tensor<?x3xf32>
    %b = tensor.extract %y[%c1, %c1] : tensor<2x3xf32>
    %p = arith.mulf %a, %b : f32
    %t = tensor.splat %p : tensor<2xf32>
    %f = tensor.from_elements %p, %a, %b, %p : tensor<4xf32>
    %g = tensor.insert %b into %f[%c1] : tensor<4xf32>
    %h = tensor.insert_slice %t into %g[2] [2] [1] : tensor<2xf32> into tensor<4xf32>
    %k = tensor.cast %h : tensor<4xf32> to tensor<?xf32>
    %l = tensor.cast %k : tensor<?xf32> to tensor<4xf32>
    %m = arith.addf %l, %l : tensor<4xf32>
    return %i, %s, %m : tensor<?x2x3xf32>, tensor<?x3xf32>, tensor<4xf32>
  })",
      {normal({3, 6}), normal({2, 3})});
}

TEST_F(UpstreamGradient, Collapse) {
  check(R"(func.func @f(%x: tensor<?x2x?xf32>) -> tensor<?x?xf32> {
    %c = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x2x?xf32> into tensor<?x?xf32>
    %y = arith.mulf %c, %c : tensor<?x?xf32>
    return %y : tensor<?x?xf32>
  })",
        {normal({3, 2, 5})});
}

TEST_F(UpstreamGradient, ElementwiseGeneric) {
  // A broadcast operand, one that is read through a transposition, a captured
  // constant and an element that was there before.
  check(R"(#id = affine_map<(d0, d1) -> (d0, d1)>
    #row = affine_map<(d0, d1) -> (d0)>
    #t = affine_map<(d0, d1) -> (d1, d0)>
    func.func @f(%x: tensor<?x3xf32>, %v: tensor<?xf32>, %t: tensor<3x?xf32>, %init: tensor<?x3xf32>) -> tensor<?x3xf32> {
    %two = arith.constant 2.0 : f32
    %y = linalg.generic {indexing_maps = [#id, #row, #t, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %v, %t : tensor<?x3xf32>, tensor<?xf32>, tensor<3x?xf32>) outs(%init : tensor<?x3xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %d: f32):
      %i = linalg.index 1 : index
      %j = arith.index_cast %i : index to i64
      %k = arith.sitofp %j : i64 to f32
      %p = arith.mulf %a, %b : f32
      %q = math.tanh %p : f32
      %r = arith.mulf %q, %c : f32
      %s = arith.mulf %r, %two : f32
      %u = arith.mulf %d, %k : f32
      %w = arith.addf %s, %u : f32
      linalg.yield %w : f32
    } -> tensor<?x3xf32>
    return %y : tensor<?x3xf32>
  })",
        {normal({2, 3}), normal({2}), normal({3, 2}), normal({2, 3})});
}

TEST_F(UpstreamGradient, NamedSums) {
  check(
      R"(func.func @f(%x: tensor<?x3xf32>, %y: tensor<3x4xf32>, %init: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<4x?xf32>) {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x3xf32>
    %m = linalg.matmul ins(%x, %y : tensor<?x3xf32>, tensor<3x4xf32>) outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<4x?xf32>
    %t = linalg.transpose ins(%m : tensor<?x4xf32>) outs(%e : tensor<4x?xf32>) permutation = [1, 0]
    return %m, %t : tensor<?x4xf32>, tensor<4x?xf32>
  })",
      {normal({2, 3}), normal({3, 4}), normal({2, 4})});
}

TEST_F(UpstreamGradient, FillAndReduce) {
  check(R"(#id = affine_map<(d0, d1) -> (d0, d1)>
    #row = affine_map<(d0, d1) -> (d0)>
    func.func @f(%x: tensor<3x4xf32>) -> tensor<3xf32> {
    %c1 = arith.constant 1 : index
    %a = tensor.extract %x[%c1, %c1] : tensor<3x4xf32>
    %e = tensor.empty() : tensor<3xf32>
    %init = linalg.fill ins(%a : f32) outs(%e : tensor<3xf32>) -> tensor<3xf32>
    %y = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x4xf32>) outs(%init : tensor<3xf32>) {
    ^bb0(%p: f32, %q: f32):
      %s = math.exp %p : f32
      %t = arith.addf %s, %q : f32
      linalg.yield %t : f32
    } -> tensor<3xf32>
    return %y : tensor<3xf32>
  })",
        {normal({3, 4}, 0.5)});
}

TEST_F(UpstreamGradient, TwoResults) {
  check(R"(#id = affine_map<(d0) -> (d0)>
    func.func @f(%x: tensor<5xf32>) -> (tensor<5xf32>, tensor<5xf32>) {
    %e = tensor.empty() : tensor<5xf32>
    %y:2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x : tensor<5xf32>) outs(%e, %e : tensor<5xf32>, tensor<5xf32>) {
    ^bb0(%p: f32, %q: f32, %r: f32):
      %s = math.sin %p : f32
      %t = arith.mulf %s, %p : f32
      linalg.yield %s, %t : f32, f32
    } -> (tensor<5xf32>, tensor<5xf32>)
    return %y#0, %y#1 : tensor<5xf32>, tensor<5xf32>
  })",
        {normal({5})});
}

TEST_F(UpstreamGradient, MaximumOverALoopHasNone) {
  expectNone(R"(#id = affine_map<(d0) -> (d0)>
    #none = affine_map<(d0) -> ()>
    func.func @f(%x: tensor<5xf32>, %init: tensor<f32>) -> tensor<f32> {
    %y = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]} ins(%x : tensor<5xf32>) outs(%init : tensor<f32>) {
    ^bb0(%p: f32, %q: f32):
      %t = arith.maximumf %p, %q : f32
      linalg.yield %t : f32
    } -> tensor<f32>
    return %y : tensor<f32>
  })",
             "'linalg.generic' op has no gradient: it is neither elementwise "
             "nor a sum");
}

TEST_F(UpstreamGradient, CapturedValuesHaveNone) {
  expectNone(R"(#id = affine_map<(d0) -> (d0)>
    func.func @f(%x: tensor<5xf32>) -> tensor<5xf32> {
    %c0 = arith.constant 0 : index
    %a = tensor.extract %x[%c0] : tensor<5xf32>
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<5xf32>) outs(%x : tensor<5xf32>) {
    ^bb0(%p: f32, %q: f32):
      %t = arith.mulf %p, %a : f32
      linalg.yield %t : f32
    } -> tensor<5xf32>
    return %y : tensor<5xf32>
  })",
             "its region reads a value that is differentiated by");
}

TEST_F(UpstreamGradient, OpWithoutOne) {
  expectNone(R"(func.func @f(%x: tensor<5xf32>) -> tensor<5xf32> {
    %y = math.floor %x : tensor<5xf32>
    %z = arith.addf %y, %x : tensor<5xf32>
    return %z : tensor<5xf32>
  })",
             "'math.floor' op has no gradient: it does not implement "
             "VJPOpInterface");
}

TEST_F(UpstreamGradient, OpsOnOtherPathsNeedNone) {
  // What the result does not depend on, and what does not depend on x.
  check(R"(func.func @f(%x: tensor<2xf32>, %n: tensor<2xi32>) -> tensor<2xf32> {
    %c = arith.sitofp %n : tensor<2xi32> to tensor<2xf32>
    %unused = math.floor %x : tensor<2xf32>
    %rounded = math.floor %c : tensor<2xf32>
    %y = arith.mulf %x, %rounded : tensor<2xf32>
    return %y : tensor<2xf32>
  })",
        {normal({2}), ints({2}, {2, -3})});
}

} // namespace
