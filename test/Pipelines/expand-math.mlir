// RUN: allot-opt %s --program-expand-math | FileCheck %s

// CHECK-LABEL: func.func @vector
// CHECK-NOT: math.exp
// CHECK-NOT: math.tanh
// CHECK: math.fma
func.func @vector(%x: vector<8xf32>) -> vector<8xf32> {
  %e = math.exp %x : vector<8xf32>
  %t = math.tanh %e : vector<8xf32>
  return %t : vector<8xf32>
}

// Sine and powers stay with the C library.
// CHECK-LABEL: func.func @kept
// CHECK: math.sin
// CHECK: math.powf
func.func @kept(%x: f32) -> f32 {
  %s = math.sin %x : f32
  %p = math.powf %s, %x : f32
  return %p : f32
}
