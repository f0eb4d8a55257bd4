// RUN: allot-opt %s -canonicalize -cse -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @identities
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>, %[[B:.*]]: !adapter.map<3x4, f32>)
func.func @identities(%a: !adapter.map<2x3, f32>, %b: !adapter.map<3x4, f32>) -> (!adapter.map<2x4, f32>, !adapter.map<3x3, f32>) {
  // CHECK-DAG: %[[I:.*]] = adapter.identity : !adapter.map<3x3, f32>
  // CHECK-DAG: %[[C:.*]] = adapter.compose %[[A]], %[[B]] :
  // CHECK: return %[[C]], %[[I]]
  %i = adapter.identity : !adapter.map<3x3, f32>
  %c = adapter.compose %a, %i, %b : !adapter.map<2x3, f32>, !adapter.map<3x3, f32>, !adapter.map<3x4, f32>
  %t = adapter.transpose %i : !adapter.map<3x3, f32>
  %d = adapter.compose %t, %i : !adapter.map<3x3, f32>, !adapter.map<3x3, f32>
  return %c, %d : !adapter.map<2x4, f32>, !adapter.map<3x3, f32>
}

// CHECK-LABEL: func.func @apply_identity
// CHECK-SAME: (%[[X:.*]]: tensor<?x3xf32>)
func.func @apply_identity(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  // CHECK-NEXT: return %[[X]]
  %i = adapter.identity : !adapter.map<3x3, f32>
  %y = adapter.apply %i, %x : !adapter.map<3x3, f32>, tensor<?x3xf32> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// CHECK-LABEL: func.func @zero_in_sum
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>)
func.func @zero_in_sum(%a: !adapter.map<2x3, f32>) -> (!adapter.map<2x3, f32>, !adapter.map<2x3, f32>) {
  // CHECK: %[[Z:.*]] = adapter.zero : !adapter.map<2x3, f32>
  // CHECK-NEXT: return %[[A]], %[[Z]]
  %z = adapter.zero : !adapter.map<2x3, f32>
  %s = adapter.sum %z, %a, %z : !adapter.map<2x3, f32>
  %t = adapter.scale %z by 3.0 : !adapter.map<2x3, f32>
  %u = adapter.sum %t, %z : !adapter.map<2x3, f32>
  return %s, %u : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>
}

// CHECK-LABEL: func.func @zero_elsewhere
func.func @zero_elsewhere(%a: !adapter.map<2x3, f32>, %b: !adapter.map<3x4, f32>)
    -> (!adapter.map<2x4, f32>, !adapter.map<6x12, f32>, !adapter.map<3x4, f32>, !adapter.map<6x8, f32>, !adapter.map<4x3, f32>, !adapter.map<2x3, f32>, !adapter.map<5x4x3, f32>) {
  // CHECK-NOT: adapter.{{[^zm]}}
  // CHECK-DAG: %[[C:.*]] = adapter.zero : !adapter.map<2x4, f32>
  // CHECK-DAG: %[[K:.*]] = adapter.zero : !adapter.map<6x12, f32>
  // CHECK-DAG: %[[H:.*]] = adapter.zero : !adapter.map<3x4, f32>
  // CHECK-DAG: %[[D:.*]] = adapter.zero : !adapter.map<6x8, f32>
  // CHECK-DAG: %[[T:.*]] = adapter.zero : !adapter.map<4x3, f32>
  // CHECK-DAG: %[[S:.*]] = adapter.zero : !adapter.map<2x3, f32>
  // CHECK-DAG: %[[B:.*]] = adapter.zero : !adapter.map<5x4x3, f32>
  // CHECK: return %[[C]], %[[K]], %[[H]], %[[D]], %[[T]], %[[S]], %[[B]]
  %z = adapter.zero : !adapter.map<3x4, f32>
  %c = adapter.compose %a, %z : !adapter.map<2x3, f32>, !adapter.map<3x4, f32>
  %k = adapter.kron %a, %z : !adapter.map<2x3, f32>, !adapter.map<3x4, f32>
  %h = adapter.hadamard %b, %z : !adapter.map<3x4, f32>
  %d = adapter.block_diagonal %z, %z : !adapter.map<3x4, f32>, !adapter.map<3x4, f32>
  %t = adapter.transpose %z : !adapter.map<3x4, f32>
  %s = adapter.slice %z rows [1, 2] columns [0, 3] : !adapter.map<3x4, f32>
  %bank = adapter.zero : !adapter.map<5x3x4, f32>
  %b2 = adapter.transpose %bank : !adapter.map<5x3x4, f32>
  return %c, %k, %h, %d, %t, %s, %b2 : !adapter.map<2x4, f32>, !adapter.map<6x12, f32>, !adapter.map<3x4, f32>, !adapter.map<6x8, f32>, !adapter.map<4x3, f32>, !adapter.map<2x3, f32>, !adapter.map<5x4x3, f32>
}

// CHECK-LABEL: func.func @kron
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>)
func.func @kron(%a: !adapter.map<2x3, f32>) -> (!adapter.map<2x3, f32>, !adapter.map<2x3, f32>, !adapter.map<6x6, f32>) {
  // CHECK: %[[I:.*]] = adapter.identity : !adapter.map<6x6, f32>
  // CHECK-NEXT: return %[[A]], %[[A]], %[[I]]
  %one = adapter.identity : !adapter.map<1x1, f32>
  %two = adapter.identity : !adapter.map<2x2, f32>
  %p = adapter.permutation [0, 1, 2] : !adapter.map<3x3, f32>
  %l = adapter.kron %one, %a : !adapter.map<1x1, f32>, !adapter.map<2x3, f32>
  %r = adapter.kron %a, %one : !adapter.map<2x3, f32>, !adapter.map<1x1, f32>
  %i = adapter.kron %two, %p : !adapter.map<2x2, f32>, !adapter.map<3x3, f32>
  return %l, %r, %i : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>, !adapter.map<6x6, f32>
}

// CHECK-LABEL: func.func @flatten
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>, %[[B:.*]]: !adapter.map<2x3, f32>, %[[BANK:.*]]: !adapter.map<4x2x3, f32>)
func.func @flatten(%a: !adapter.map<2x3, f32>, %b: !adapter.map<2x3, f32>, %bank: !adapter.map<4x2x3, f32>)
    -> (!adapter.map<2x3, f32>, !adapter.map<2x3, f32>, !adapter.map<12x18, f32>, !adapter.map<2x3, f32>, !adapter.map<8x12, f32>, !adapter.map<5x5, f32>) {
  // CHECK-DAG: %[[H:.*]] = adapter.hadamard %[[A]], %[[B]], %[[A]] :
  // CHECK-DAG: %[[D:.*]] = adapter.block_diagonal %[[A]], %[[BANK]], %[[B]] :
  // CHECK-DAG: %[[ONE:.*]] = adapter.block_diagonal %[[BANK]] :
  // CHECK-DAG: %[[I:.*]] = adapter.identity : !adapter.map<5x5, f32>
  // CHECK: return %[[H]], %[[A]], %[[D]], %[[B]], %[[ONE]], %[[I]]
  %i = adapter.hadamard %b, %a : !adapter.map<2x3, f32>
  %h = adapter.hadamard %a, %i : !adapter.map<2x3, f32>
  %one = adapter.hadamard %a : !adapter.map<2x3, f32>
  %j = adapter.block_diagonal %bank, %b : !adapter.map<4x2x3, f32>, !adapter.map<2x3, f32>
  %d = adapter.block_diagonal %a, %j : !adapter.map<2x3, f32>, !adapter.map<10x15, f32>
  %b1 = adapter.block_diagonal %b : !adapter.map<2x3, f32>
  %b2 = adapter.block_diagonal %bank : !adapter.map<4x2x3, f32>
  %two = adapter.identity : !adapter.map<2x2, f32>
  %three = adapter.identity : !adapter.map<3x3, f32>
  %e = adapter.block_diagonal %two, %three : !adapter.map<2x2, f32>, !adapter.map<3x3, f32>
  return %h, %one, %d, %b1, %b2, %e : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>, !adapter.map<12x18, f32>, !adapter.map<2x3, f32>, !adapter.map<8x12, f32>, !adapter.map<5x5, f32>
}

// Transpositions move inward.
// CHECK-LABEL: func.func @transposed
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>, %[[BANK:.*]]: !adapter.map<4x2x3, f32>)
func.func @transposed(%a: !adapter.map<2x3, f32>, %bank: !adapter.map<4x2x3, f32>)
    -> (!adapter.map<9x4, f32>, !adapter.map<3x2, f32>, !adapter.map<15x10, f32>, !adapter.map<3x2, f32>, !adapter.map<2x1, f32>) {
  // CHECK-DAG: %[[T:.*]] = adapter.transpose %[[A]]
  // CHECK-DAG: %[[TB:.*]] = adapter.transpose %[[BANK]]
  // CHECK-DAG: %[[K:.*]] = adapter.kron %[[T]], %[[T]]
  // CHECK-DAG: %[[H:.*]] = adapter.hadamard %[[T]], %[[T]]
  // CHECK-DAG: %[[D:.*]] = adapter.block_diagonal %[[T]], %[[TB]]
  // CHECK-DAG: %[[N:.*]] = adapter.normalize columns %[[T]] floor 5.000000e-01
  // CHECK-DAG: %[[S:.*]] = adapter.slice %[[T]] rows [1, 2] columns [0, 1]
  // CHECK: return %[[K]], %[[H]], %[[D]], %[[N]], %[[S]]
  %k = adapter.kron %a, %a : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>
  %kt = adapter.transpose %k : !adapter.map<4x9, f32>
  %h = adapter.hadamard %a, %a : !adapter.map<2x3, f32>
  %ht = adapter.transpose %h : !adapter.map<2x3, f32>
  %d = adapter.block_diagonal %a, %bank : !adapter.map<2x3, f32>, !adapter.map<4x2x3, f32>
  %dt = adapter.transpose %d : !adapter.map<10x15, f32>
  %n = adapter.normalize rows %a floor 0.5 : !adapter.map<2x3, f32>
  %nt = adapter.transpose %n : !adapter.map<2x3, f32>
  %s = adapter.slice %a rows [0, 1] columns [1, 2] : !adapter.map<2x3, f32>
  %st = adapter.transpose %s : !adapter.map<1x2, f32>
  return %kt, %ht, %dt, %nt, %st : !adapter.map<9x4, f32>, !adapter.map<3x2, f32>, !adapter.map<15x10, f32>, !adapter.map<3x2, f32>, !adapter.map<2x1, f32>
}

// -----

// CHECK-LABEL: func.func @slices
// CHECK-SAME: (%[[A:.*]]: !adapter.map<8x9, f32>, %[[B:.*]]: !adapter.map<9x7, f32>)
func.func @slices(%a: !adapter.map<8x9, f32>, %b: !adapter.map<9x7, f32>) -> (!adapter.map<8x9, f32>, !adapter.map<2x3, f32>, !adapter.map<3x2, f32>) {
  // CHECK-DAG: %[[S:.*]] = adapter.slice %[[A]] rows [3, 2] columns [5, 3]
  // CHECK-DAG: %[[R:.*]] = adapter.slice %[[A]] rows [4, 3] : !adapter.map<8x9, f32>
  // CHECK-DAG: %[[C:.*]] = adapter.slice %[[B]] columns [1, 2] : !adapter.map<9x7, f32>
  // CHECK-DAG: %[[P:.*]] = adapter.compose %[[R]], %[[C]]
  // CHECK: return %[[A]], %[[S]], %[[P]]
  %all = adapter.slice %a rows [0, 8] : !adapter.map<8x9, f32>
  %s = adapter.slice %a rows [1, 5] columns [5, 4] : !adapter.map<8x9, f32>
  %t = adapter.slice %s rows [2, 2] columns [0, 3] : !adapter.map<5x4, f32>
  %c = adapter.compose %a, %b : !adapter.map<8x9, f32>, !adapter.map<9x7, f32>
  %u = adapter.slice %c rows [4, 3] columns [1, 2] : !adapter.map<8x7, f32>
  return %all, %t, %u : !adapter.map<8x9, f32>, !adapter.map<2x3, f32>, !adapter.map<3x2, f32>
}

// Parts that a slice does not meet are dropped.
// CHECK-LABEL: func.func @parts
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>, %[[B:.*]]: !adapter.map<4x3, f32>, %[[BANK:.*]]: !adapter.map<2x4x3, f32>)
func.func @parts(%a: !adapter.map<2x3, f32>, %b: !adapter.map<4x3, f32>, %bank: !adapter.map<2x4x3, f32>) -> (!adapter.map<4x3, f32>, !adapter.map<3x2, f32>, !adapter.map<4x3, f32>, !adapter.map<3x2, f32>) {
  // CHECK-DAG: %[[C:.*]] = adapter.concat dim(0) %[[B]], %[[A]]
  // CHECK-DAG: %[[S:.*]] = adapter.slice %[[C]] rows [2, 3] columns [1, 2] : !adapter.map<6x3, f32>
  // CHECK-DAG: %[[D:.*]] = adapter.block_diagonal %[[A]], %[[BANK]]
  // CHECK-DAG: %[[E:.*]] = adapter.slice %[[D]] rows [0, 3] columns [3, 2] : !adapter.map<10x9, f32>
  // CHECK: return %[[B]], %[[S]], %[[B]], %[[E]]
  %c = adapter.concat dim(0) %a, %b, %a : !adapter.map<2x3, f32>, !adapter.map<4x3, f32>, !adapter.map<2x3, f32>
  %one = adapter.slice %c rows [2, 4] : !adapter.map<8x3, f32>
  %two = adapter.slice %c rows [4, 3] columns [1, 2] : !adapter.map<8x3, f32>
  %d = adapter.block_diagonal %a, %b, %a, %bank : !adapter.map<2x3, f32>, !adapter.map<4x3, f32>, !adapter.map<2x3, f32>, !adapter.map<2x4x3, f32>
  %block = adapter.slice %d rows [2, 4] columns [3, 3] : !adapter.map<16x15, f32>
  %more = adapter.slice %d rows [6, 3] columns [9, 2] : !adapter.map<16x15, f32>
  return %one, %two, %block, %more : !adapter.map<4x3, f32>, !adapter.map<3x2, f32>, !adapter.map<4x3, f32>, !adapter.map<3x2, f32>
}

// CHECK-LABEL: func.func @part_of_identity
func.func @part_of_identity() -> !adapter.map<2x5, f32> {
  // CHECK-DAG: %[[L:.*]] = adapter.zero : !adapter.map<2x1, f32>
  // CHECK-DAG: %[[I:.*]] = adapter.identity : !adapter.map<2x2, f32>
  // CHECK-DAG: %[[R:.*]] = adapter.zero : !adapter.map<2x2, f32>
  // CHECK: %[[C:.*]] = adapter.concat dim(1) %[[L]], %[[I]], %[[R]]
  // CHECK: return %[[C]]
  %i = adapter.identity : !adapter.map<5x5, f32>
  %s = adapter.slice %i rows [1, 2] : !adapter.map<5x5, f32>
  return %s : !adapter.map<2x5, f32>
}

// -----

// Whole rows and columns that a constant mask makes zero: what is left is smaller, and where all of it is kept the mask is gone.
// CHECK-LABEL: func.func @heads
func.func @heads(%w: tensor<6x8xf32>) -> !adapter.map<6x8, f32> {
  // CHECK: %[[W:.*]] = adapter.dense %{{.*}} : tensor<6x8xf32>
  // CHECK: %[[TOP:.*]] = adapter.slice %[[W]] rows [0, 2] : !adapter.map<6x8, f32>
  // CHECK: %[[ZERO:.*]] = adapter.zero : !adapter.map<1x8, f32>
  // CHECK: %[[BOTTOM:.*]] = adapter.slice %[[W]] rows [3, 3] : !adapter.map<6x8, f32>
  // CHECK: %[[M:.*]] = adapter.concat dim(0) %[[TOP]], %[[ZERO]], %[[BOTTOM]]
  // CHECK: return %[[M]]
  %mask = arith.constant dense<[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                                [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]> : tensor<6x8xf32>
  %base = adapter.dense %w : tensor<6x8xf32>
  %kept = adapter.dense %mask : tensor<6x8xf32>
  %m = adapter.hadamard %base, %kept : !adapter.map<6x8, f32>
  return %m : !adapter.map<6x8, f32>
}

// -----

// Both at once: rows first. What is no whole row or column stays a mask, of the size of what is left.
// CHECK-LABEL: func.func @block
func.func @block(%w: tensor<3x4xf32>) -> !adapter.map<3x4, f32> {
  // CHECK: %[[MASK:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00], [0.000000e+00, 1.000000e+00]]> : tensor<2x2xf32>
  // CHECK: %[[W:.*]] = adapter.dense %{{.*}} : tensor<3x4xf32>
  // CHECK: adapter.zero : !adapter.map<1x4, f32>
  // CHECK: %[[PART:.*]] = adapter.slice %[[W]] rows [1, 2] columns [0, 2] : !adapter.map<3x4, f32>
  // CHECK: %[[KEPT:.*]] = adapter.dense %[[MASK]] : tensor<2x2xf32>
  // CHECK: %[[P:.*]] = adapter.hadamard %[[PART]], %[[KEPT]] : !adapter.map<2x2, f32>
  // CHECK: adapter.concat dim(1) %[[P]], %{{.*}} : !adapter.map<2x2, f32>, !adapter.map<2x2, f32>
  // CHECK: adapter.concat dim(0)
  %mask = arith.constant dense<[[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]> : tensor<3x4xf32>
  %base = adapter.dense %w : tensor<3x4xf32>
  %kept = adapter.dense %mask : tensor<3x4xf32>
  %m = adapter.hadamard %base, %kept : !adapter.map<3x4, f32>
  return %m : !adapter.map<3x4, f32>
}

// -----

// A mask that keeps nothing; one whose rows nobody knows.
// CHECK-LABEL: func.func @nothing
func.func @nothing(%w: tensor<3x4xf32>, %mask: tensor<3x4xf32>) -> (!adapter.map<3x4, f32>, !adapter.map<3x4, f32>) {
  // CHECK-DAG: %[[Z:.*]] = adapter.zero : !adapter.map<3x4, f32>
  // CHECK-DAG: %[[H:.*]] = adapter.hadamard
  // CHECK: return %[[Z]], %[[H]]
  %none = arith.constant dense<0.0> : tensor<3x4xf32>
  %base = adapter.dense %w : tensor<3x4xf32>
  %zero = adapter.dense %none : tensor<3x4xf32>
  %kept = adapter.dense %mask : tensor<3x4xf32>
  %m = adapter.hadamard %base, %zero : !adapter.map<3x4, f32>
  %n = adapter.hadamard %base, %kept : !adapter.map<3x4, f32>
  return %m, %n : !adapter.map<3x4, f32>, !adapter.map<3x4, f32>
}
