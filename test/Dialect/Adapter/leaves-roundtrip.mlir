// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s

#i32 = #format.index<i32>
#bf16 = #format.float<bf16>

// CHECK-LABEL: func.func @sparse
func.func @sparse(%i: tensor<2x5xf32>, %j: tensor<2x5xf32, #i32>, %v: tensor<5xf32>, %w: tensor<5xf32, #bf16>) -> !adapter.map<64x128, f32> {
  // CHECK: adapter.sparse %{{.*}}, %{{.*}} : tensor<2x5xf32>, tensor<5xf32> -> !adapter.map<64x128, f32>
  %a = adapter.sparse %i, %v : tensor<2x5xf32>, tensor<5xf32> -> !adapter.map<64x128, f32>
  // CHECK: %[[B:.*]] = adapter.sparse %{{.*}}, %{{.*}} : tensor<2x5xf32, #format.index<i32>>, tensor<5xf32, #format.float<bf16>> -> !adapter.map<64x128, f32>
  %b = adapter.sparse %j, %w : tensor<2x5xf32, #i32>, tensor<5xf32, #bf16> -> !adapter.map<64x128, f32>
  // CHECK: return %[[B]]
  return %b : !adapter.map<64x128, f32>
}

// CHECK-LABEL: func.func @orthogonal
func.func @orthogonal(%v: tensor<6xf32>, %w: tensor<3x6xf32, #bf16>, %u: tensor<7x2xf32>)
    -> (!adapter.map<4x4, f32>, !adapter.map<3x4x4, f32>, !adapter.map<3x4x4, f32>, !adapter.map<7x7, f32>, !adapter.map<7x7, f32>) {
  // CHECK: %[[K:.*]] = adapter.skew %{{.*}} : tensor<6xf32>
  %k = adapter.skew %v : tensor<6xf32>
  // CHECK: %[[B:.*]] = adapter.skew %{{.*}} : tensor<3x6xf32, #format.float<bf16>>
  %b = adapter.skew %w : tensor<3x6xf32, #bf16>
  // CHECK: %[[Q:.*]] = adapter.cayley %[[K]] : !adapter.map<4x4, f32>
  %q = adapter.cayley %k : !adapter.map<4x4, f32>
  // CHECK: %[[R:.*]] = adapter.cayley %[[B]] terms 5 : !adapter.map<3x4x4, f32>
  %r = adapter.cayley %b terms 5 : !adapter.map<3x4x4, f32>
  // CHECK: %[[H:.*]] = adapter.householder %{{.*}} : tensor<7x2xf32>
  %h = adapter.householder %u : tensor<7x2xf32>
  // CHECK: %[[G:.*]] = adapter.householder %{{.*}} orthonormalize : tensor<7x2xf32>
  %g = adapter.householder %u orthonormalize : tensor<7x2xf32>
  // CHECK: return %[[Q]], %[[B]], %[[R]], %[[H]], %[[G]]
  return %q, %b, %r, %h, %g : !adapter.map<4x4, f32>, !adapter.map<3x4x4, f32>, !adapter.map<3x4x4, f32>, !adapter.map<7x7, f32>, !adapter.map<7x7, f32>
}

// CHECK-LABEL: func.func @generated
func.func @generated(%k: tensor<2x3x5xf32>) -> (!adapter.map<10x15, f32>, !adapter.map<6x6, f32>, !adapter.map<6x6, f32>, !adapter.map<7x8, f32>, !adapter.map<8x7, f32>) {
  // CHECK: %[[C:.*]] = adapter.circulant %{{.*}} : tensor<2x3x5xf32>
  %c = adapter.circulant %k : tensor<2x3x5xf32>
  // CHECK: %[[COS:.*]] = adapter.fourier cos : !adapter.map<6x6, f32>
  %cos = adapter.fourier cos : !adapter.map<6x6, f32>
  // CHECK: %[[SIN:.*]] = adapter.fourier sin : !adapter.map<6x6, f32>
  %sin = adapter.fourier sin : !adapter.map<6x6, f32>
  // CHECK: %[[W:.*]] = adapter.haar : !adapter.map<7x8, f32>
  %w = adapter.haar : !adapter.map<7x8, f32>
  // CHECK: %[[T:.*]] = adapter.haar transposed : !adapter.map<8x7, f32>
  %t = adapter.haar transposed : !adapter.map<8x7, f32>
  // CHECK: return %[[C]], %[[COS]], %[[SIN]], %[[W]], %[[T]]
  return %c, %cos, %sin, %w, %t : !adapter.map<10x15, f32>, !adapter.map<6x6, f32>, !adapter.map<6x6, f32>, !adapter.map<7x8, f32>, !adapter.map<8x7, f32>
}

// CHECK-LABEL: func.func @networks
func.func @networks(%a: tensor<8x5xf32, #bf16>, %b: tensor<5x8x5xf32>, %c: tensor<5x4x5xf32>, %d: tensor<5x16xf32>, %e: tensor<2x3x5x7xf32>)
    -> (!adapter.map<64x64, f32>, !adapter.map<64x5, f32>, !adapter.map<35x6, f32>) {
  // CHECK: %[[T:.*]] = adapter.contract "ar,rbs,sct,td->ab|cd" %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<8x5xf32, #format.float<bf16>>, tensor<5x8x5xf32>, tensor<5x4x5xf32>, tensor<5x16xf32>
  %t = adapter.contract "ar,rbs,sct,td->ab|cd" %a, %b, %c, %d : tensor<8x5xf32, #bf16>, tensor<5x8x5xf32>, tensor<5x4x5xf32>, tensor<5x16xf32>
  // CHECK: %[[U:.*]] = adapter.contract "x0r,rx1x2->x1x0|x2" %{{.*}}, %{{.*}} : tensor<8x5xf32, #format.float<bf16>>, tensor<5x8x5xf32>
  %u = adapter.contract "x0r,rx1x2->x1x0|x2" %a, %b : tensor<8x5xf32, #bf16>, tensor<5x8x5xf32>
  // CHECK: %[[V:.*]] = adapter.contract "cadb->bd|ca" %{{.*}} : tensor<2x3x5x7xf32>
  %v = adapter.contract "cadb->bd|ca" %e : tensor<2x3x5x7xf32>
  // CHECK: return %[[T]], %[[U]], %[[V]] : !adapter.map<64x64, f32>, !adapter.map<64x5, f32>, !adapter.map<35x6, f32>
  return %t, %u, %v : !adapter.map<64x64, f32>, !adapter.map<64x5, f32>, !adapter.map<35x6, f32>
}
