// RUN: allot-opt %s -format-pack -canonicalize | FileCheck %s --check-prefix=PACK
// RUN: allot-opt %s -format-pack -canonicalize -format-lower-storage | FileCheck %s

// Whole numbers are stored as files have them; programs read them as f32.

// CHECK: module attributes {format.table = [
// CHECK-SAME: {global = @places, type = tensor<2x3xf32, #format.float<f32>>},
// CHECK-SAME: {global = @mask, type = tensor<8x16xf32, #format.packed<#format.float<f32>, rows = 8>>}]}
ml_program.global private @places(#format.stored<"m.safetensors", tensor = "places", offset = 0, bytes = 24, digest = "">) : tensor<2x3xf32, #format.index<i32>>
ml_program.global private @mask(#format.stored<"m.safetensors", tensor = "mask", offset = 24, bytes = 128, digest = "">) : tensor<8x16xf32, #format.index<i1>>

// CHECK-LABEL: func.func @decoded
// CHECK: memref.view {{.*}} : memref<?xi8> to memref<2x3xf32>
func.func @decoded() -> tensor<2x3xf32> {
  %p = ml_program.global_load_const @places : tensor<2x3xf32, #format.index<i32>>
  %d = format.decode %p : tensor<2x3xf32, #format.index<i32>> -> tensor<2x3xf32>
  return %d : tensor<2x3xf32>
}

// PACK-LABEL: func.func @kernel
// PACK: %[[M:.*]] = ml_program.global_load_const @mask
// PACK: %[[D:.*]] = format.decode %[[M]]
// PACK: %[[E:.*]] = format.encode %[[D]] : tensor<8x16xf32> -> tensor<8x16xf32, #format.packed<#format.float<f32>, rows = 8>>
// PACK: adapter.linear weight(%[[E]] :
// CHECK-LABEL: func.func @kernel
// CHECK: adapter.linear weight(%{{.*}} : tensor<?xi8>) {{.*}} {stored = [tensor<8x16xf32, #format.packed<#format.float<f32>, rows = 8>>]}
func.func @kernel(%x: tensor<?x16xf32>, %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %m = ml_program.global_load_const @mask : tensor<8x16xf32, #format.index<i1>>
  %y = adapter.linear weight(%m : tensor<8x16xf32, #format.index<i1>>) ins(%x : tensor<?x16xf32>) outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
