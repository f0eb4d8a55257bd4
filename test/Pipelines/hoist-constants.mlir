// RUN: allot-opt %s --program-hoist-constants --canonicalize --cse | FileCheck %s
// Once is enough: what was hoisted is free.
// RUN: allot-opt %s --program-hoist-constants --program-hoist-constants --canonicalize --cse | FileCheck %s

// CHECK-DAG: ml_program.global private @computed.0(#format.computed<"module {{.*}}linalg.matmul{{.*}}">) : tensor<4x3xf32, #format.float<f32>>
// CHECK-DAG: ml_program.global private @computed.1(#format.computed<"module {{.*}}arith.mulf{{.*}}">) : tensor<4xf32, #format.float<f32>>
// CHECK-NOT: @computed.2

ml_program.global private @b(#format.stored<"w", tensor = "b", offset = 0, bytes = 32, digest = "0">) : tensor<4x2xf32, #format.float<f32>>
ml_program.global private @a(#format.stored<"w", tensor = "a", offset = 32, bytes = 24, digest = "0">) : tensor<2x3xf32, #format.float<f32>>
ml_program.global private @v(#format.stored<"w", tensor = "v", offset = 56, bytes = 16, digest = "0">) : tensor<4xf32, #format.float<f32>>

// CHECK-LABEL: func.func @matrix(
// CHECK: %[[W:.*]] = ml_program.global_load_const @computed.0 : tensor<4x3xf32, #format.float<f32>>
// CHECK: adapter.linear weight(%[[W]]
// CHECK-NOT: linalg.matmul
func.func @matrix(%x: tensor<?x3xf32>, %init: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %sb = ml_program.global_load_const @b : tensor<4x2xf32, #format.float<f32>>
  %sa = ml_program.global_load_const @a : tensor<2x3xf32, #format.float<f32>>
  %b = format.decode %sb : tensor<4x2xf32, #format.float<f32>> -> tensor<4x2xf32>
  %a = format.decode %sa : tensor<2x3xf32, #format.float<f32>> -> tensor<2x3xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x3xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x3xf32>) -> tensor<4x3xf32>
  %m = linalg.matmul ins(%b, %a : tensor<4x2xf32>, tensor<2x3xf32>) outs(%start : tensor<4x3xf32>) -> tensor<4x3xf32>
  %w = format.encode %m : tensor<4x3xf32> -> tensor<4x3xf32, #format.float<f32>>
  %y = adapter.linear weight(%w : tensor<4x3xf32, #format.float<f32>>) ins(%x : tensor<?x3xf32>) outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// The same computation in another function is the same weight; plain numbers are decoded.
// CHECK-LABEL: func.func @same(
// CHECK: %[[W:.*]] = ml_program.global_load_const @computed.0
// CHECK: adapter.linear weight(%[[W]]
// CHECK: %[[V:.*]] = ml_program.global_load_const @computed.1
// CHECK: %[[N:.*]] = format.decode %[[V]] : tensor<4xf32, #format.float<f32>> -> tensor<4xf32>
// CHECK: return %{{.*}}, %[[N]]
func.func @same(%x: tensor<?x3xf32>, %init: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<4xf32>) {
  %sb = ml_program.global_load_const @b : tensor<4x2xf32, #format.float<f32>>
  %sa = ml_program.global_load_const @a : tensor<2x3xf32, #format.float<f32>>
  %b = format.decode %sb : tensor<4x2xf32, #format.float<f32>> -> tensor<4x2xf32>
  %a = format.decode %sa : tensor<2x3xf32, #format.float<f32>> -> tensor<2x3xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x3xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x3xf32>) -> tensor<4x3xf32>
  %m = linalg.matmul ins(%b, %a : tensor<4x2xf32>, tensor<2x3xf32>) outs(%start : tensor<4x3xf32>) -> tensor<4x3xf32>
  %w = format.encode %m : tensor<4x3xf32> -> tensor<4x3xf32, #format.float<f32>>
  %y = adapter.linear weight(%w : tensor<4x3xf32, #format.float<f32>>) ins(%x : tensor<?x3xf32>) outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
  %sv = ml_program.global_load_const @v : tensor<4xf32, #format.float<f32>>
  %v = format.decode %sv : tensor<4xf32, #format.float<f32>> -> tensor<4xf32>
  %square = arith.mulf %v, %v : tensor<4xf32>
  return %y, %square : tensor<?x4xf32>, tensor<4xf32>
}

// What is free stays, and so does what depends on an argument or has no static shape.
// CHECK-LABEL: func.func @stays(
// CHECK: format.decode %{{.*}} : tensor<4x2xf32, #format.float<f32>> -> tensor<4x2xf32>
// CHECK: tensor.collapse_shape
// CHECK: arith.mulf
// CHECK: tensor.empty(%{{.*}})
func.func @stays(%x: tensor<8xf32>, %n: index) -> (tensor<8xf32>, tensor<8xf32>, tensor<?xf32>) {
  %sb = ml_program.global_load_const @b : tensor<4x2xf32, #format.float<f32>>
  %b = format.decode %sb : tensor<4x2xf32, #format.float<f32>> -> tensor<4x2xf32>
  %flat = tensor.collapse_shape %b [[0, 1]] : tensor<4x2xf32> into tensor<8xf32>
  %y = arith.mulf %x, %flat : tensor<8xf32>
  %empty = tensor.empty(%n) : tensor<?xf32>
  return %flat, %y, %empty : tensor<8xf32>, tensor<8xf32>, tensor<?xf32>
}
