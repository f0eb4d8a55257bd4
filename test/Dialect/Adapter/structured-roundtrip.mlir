// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s

// CHECK-LABEL: func.func @leaves
func.func @leaves() -> (!adapter.map<5x5, f32>, !adapter.map<3x7, f32>, !adapter.map<2x3x7, f32>) {
  // CHECK: adapter.identity : !adapter.map<5x5, f32>
  %i = adapter.identity : !adapter.map<5x5, f32>
  // CHECK: adapter.zero : !adapter.map<3x7, f32>
  %z = adapter.zero : !adapter.map<3x7, f32>
  // CHECK: adapter.zero : !adapter.map<2x3x7, f32>
  %b = adapter.zero : !adapter.map<2x3x7, f32>
  return %i, %z, %b : !adapter.map<5x5, f32>, !adapter.map<3x7, f32>, !adapter.map<2x3x7, f32>
}

// CHECK-LABEL: func.func @products
// CHECK-SAME: (%[[A:.*]]: !adapter.map<3x5, f32>, %[[B:.*]]: !adapter.map<2x4, f32>)
func.func @products(%a: !adapter.map<3x5, f32>, %b: !adapter.map<2x4, f32>) -> (!adapter.map<6x20, f32>, !adapter.map<3x5, f32>) {
  // CHECK: %[[K:.*]] = adapter.kron %[[A]], %[[B]] : !adapter.map<3x5, f32>, !adapter.map<2x4, f32>
  %k = adapter.kron %a, %b : !adapter.map<3x5, f32>, !adapter.map<2x4, f32>
  // CHECK: %[[H:.*]] = adapter.hadamard %[[A]], %[[A]], %[[A]] : !adapter.map<3x5, f32>
  %h = adapter.hadamard %a, %a, %a : !adapter.map<3x5, f32>
  // CHECK: return %[[K]], %[[H]] : !adapter.map<6x20, f32>, !adapter.map<3x5, f32>
  return %k, %h : !adapter.map<6x20, f32>, !adapter.map<3x5, f32>
}

// CHECK-LABEL: func.func @blocks
// CHECK-SAME: (%[[A:.*]]: !adapter.map<3x5, f32>, %[[BANK:.*]]: !adapter.map<4x2x1, f32>)
func.func @blocks(%a: !adapter.map<3x5, f32>, %bank: !adapter.map<4x2x1, f32>) -> !adapter.map<14x14, f32> {
  // CHECK: %[[D:.*]] = adapter.block_diagonal %[[A]], %[[BANK]], %[[A]] : !adapter.map<3x5, f32>, !adapter.map<4x2x1, f32>, !adapter.map<3x5, f32>
  %d = adapter.block_diagonal %a, %bank, %a : !adapter.map<3x5, f32>, !adapter.map<4x2x1, f32>, !adapter.map<3x5, f32>
  // CHECK: return %[[D]] : !adapter.map<14x14, f32>
  return %d : !adapter.map<14x14, f32>
}

// CHECK-LABEL: func.func @normalized
func.func @normalized(%m: !adapter.map<3x5, f32>) {
  // CHECK: adapter.normalize rows %{{.*}} : !adapter.map<3x5, f32>
  %r = adapter.normalize rows %m : !adapter.map<3x5, f32>
  // CHECK: adapter.normalize columns %{{.*}} floor 2.500000e-01 : !adapter.map<3x5, f32>
  %c = adapter.normalize columns %m floor 0.25 : !adapter.map<3x5, f32>
  return
}

// CHECK-LABEL: func.func @slices
func.func @slices(%m: !adapter.map<8x9, f32>) -> (!adapter.map<3x9, f32>, !adapter.map<8x4, f32>, !adapter.map<3x4, f32>, !adapter.map<8x9, f32>) {
  // CHECK: adapter.slice %{{.*}} rows [5, 3] : !adapter.map<8x9, f32>
  %r = adapter.slice %m rows [5, 3] : !adapter.map<8x9, f32>
  // CHECK: adapter.slice %{{.*}} columns [0, 4] : !adapter.map<8x9, f32>
  %c = adapter.slice %m columns [0, 4] : !adapter.map<8x9, f32>
  // CHECK: adapter.slice %{{.*}} rows [0, 3] columns [5, 4] {site = "here"} : !adapter.map<8x9, f32>
  %b = adapter.slice %m rows [0, 3] columns [5, 4] {site = "here"} : !adapter.map<8x9, f32>
  // CHECK: adapter.slice %{{[^ ]*}} : !adapter.map<8x9, f32>
  %a = adapter.slice %m : !adapter.map<8x9, f32>
  return %r, %c, %b, %a : !adapter.map<3x9, f32>, !adapter.map<8x4, f32>, !adapter.map<3x4, f32>, !adapter.map<8x9, f32>
}

// A transposed bank holds the transposed maps.
// CHECK-LABEL: func.func @transposed_bank
func.func @transposed_bank(%m: !adapter.map<4x2x3, f32>) -> !adapter.map<4x3x2, f32> {
  // CHECK: %[[T:.*]] = adapter.transpose %{{.*}} : !adapter.map<4x2x3, f32>
  %t = adapter.transpose %m : !adapter.map<4x2x3, f32>
  // CHECK: return %[[T]] : !adapter.map<4x3x2, f32>
  return %t : !adapter.map<4x3x2, f32>
}
