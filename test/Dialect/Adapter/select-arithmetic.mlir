// RUN: allot-opt %s -adapter-select-arithmetic=activations=i8 | FileCheck %s --check-prefixes=CHECK,I8
// RUN: allot-opt %s -adapter-select-arithmetic=activations=i16 | FileCheck %s --check-prefixes=CHECK,I16
// RUN: allot-opt %s -adapter-select-arithmetic | FileCheck %s --check-prefixes=CHECK,F32
// RUN: not allot-opt %s -adapter-select-arithmetic=activations=i4 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: error: adapter-select-arithmetic: unknown activations 'i4', expected f32, i16 or i8

// Codes, packed or not, as tensors or bytes; an arithmetic that was there is replaced.
// CHECK-LABEL: func.func @codes
func.func @codes(%x: memref<?x32xf32>, %init: memref<?x32xf32>, %bytes: memref<?xi8>, %tx: tensor<?x32xf32>, %w: tensor<32x32xf32, #format.packed<#format.q4_1, rows = 8>>) -> tensor<?x32xf32> {
  // I8: adapter.linear {{.*}} arithmetic i8 outs
  // I16: adapter.linear {{.*}} arithmetic i16 outs
  // F32: adapter.linear weight({{.*}}) ins({{.*}}) outs
  adapter.linear weight(%bytes : memref<?xi8>) ins(%x : memref<?x32xf32>) arithmetic i16 outs(%init : memref<?x32xf32>) {stored = [tensor<32x32xf32, #format.int<3, block = [1, 32], scale = f16>>]}
  // I8: adapter.linear {{.*}} arithmetic i8 outs
  // I16: adapter.linear {{.*}} arithmetic i16 outs
  // F32: adapter.linear weight({{.*}}) ins({{.*}}) outs
  %y = adapter.linear weight(%w : tensor<32x32xf32, #format.packed<#format.q4_1, rows = 8>>) ins(%tx : tensor<?x32xf32>) outs(%tx : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// Numbers without codes have no other arithmetic.
// CHECK-LABEL: func.func @floats
func.func @floats(%x: tensor<?x32xf32>, %w: tensor<32x32xf32, #format.float<f16>>) -> tensor<?x32xf32> {
  // CHECK: adapter.linear weight({{.*}}) ins({{.*}}) outs
  %y = adapter.linear weight(%w : tensor<32x32xf32, #format.float<f16>>) ins(%x : tensor<?x32xf32>) arithmetic i8 outs(%x : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
