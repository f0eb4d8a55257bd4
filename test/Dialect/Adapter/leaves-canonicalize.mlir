// RUN: allot-opt %s -canonicalize -split-input-file | FileCheck %s

// What is symmetric is its own transpose; an analysis is a transposed synthesis.
// CHECK-LABEL: func.func @generated
func.func @generated() -> (!adapter.map<6x6, f32>, !adapter.map<8x7, f32>, !adapter.map<7x8, f32>) {
  // CHECK-DAG: %[[C:.*]] = adapter.fourier cos : !adapter.map<6x6, f32>
  // CHECK-DAG: %[[A:.*]] = adapter.haar transposed : !adapter.map<8x7, f32>
  // CHECK-DAG: %[[W:.*]] = adapter.haar : !adapter.map<7x8, f32>
  // CHECK: return %[[C]], %[[A]], %[[W]]
  %c = adapter.fourier cos : !adapter.map<6x6, f32>
  %ct = adapter.transpose %c : !adapter.map<6x6, f32>
  %w = adapter.haar : !adapter.map<7x8, f32>
  %wt = adapter.transpose %w : !adapter.map<7x8, f32>
  %a = adapter.haar transposed : !adapter.map<8x7, f32>
  %at = adapter.transpose %a : !adapter.map<8x7, f32>
  return %ct, %wt, %at : !adapter.map<6x6, f32>, !adapter.map<8x7, f32>, !adapter.map<7x8, f32>
}

// -----

// A transposition goes into the operand, and of a skew-symmetric map is its negative.
// CHECK-LABEL: func.func @cayley
// CHECK-SAME: (%[[V:.*]]: tensor<6xf32>)
func.func @cayley(%v: tensor<6xf32>) -> (!adapter.map<4x4, f32>, !adapter.map<4x4, f32>) {
  // CHECK: %[[K:.*]] = adapter.skew %[[V]]
  // CHECK: %[[N:.*]] = adapter.scale %[[K]] by -1.0
  // CHECK: %[[Q:.*]] = adapter.cayley %[[N]] : !adapter.map<4x4, f32>
  // CHECK: %[[R:.*]] = adapter.cayley %{{.*}} terms 4 : !adapter.map<4x4, f32>
  // CHECK: return %[[Q]], %[[R]]
  %k = adapter.skew %v : tensor<6xf32>
  %q = adapter.cayley %k : !adapter.map<4x4, f32>
  %qt = adapter.transpose %q : !adapter.map<4x4, f32>
  %r = adapter.cayley %k terms 4 : !adapter.map<4x4, f32>
  %rt = adapter.transpose %r : !adapter.map<4x4, f32>
  return %qt, %rt : !adapter.map<4x4, f32>, !adapter.map<4x4, f32>
}

// -----

// CHECK-LABEL: func.func @symmetric
// CHECK-SAME: (%[[U:.*]]: tensor<6x2xf32>, %[[V:.*]]: tensor<6x1xf32>)
func.func @symmetric(%u: tensor<6x2xf32>, %v: tensor<6x1xf32>) -> (!adapter.map<6x6, f32>, !adapter.map<6x6, f32>) {
  // CHECK: %[[H:.*]] = adapter.householder %[[U]] orthonormalize
  // CHECK: %[[G:.*]] = adapter.householder %[[V]]
  // CHECK: return %[[H]], %[[G]]
  %h = adapter.householder %u orthonormalize : tensor<6x2xf32>
  %ht = adapter.transpose %h : !adapter.map<6x6, f32>
  %g = adapter.householder %v : tensor<6x1xf32>
  %gt = adapter.transpose %g : !adapter.map<6x6, f32>
  return %ht, %gt : !adapter.map<6x6, f32>, !adapter.map<6x6, f32>
}

// -----

// Numbers would have to be moved for these: they stay.
// CHECK-LABEL: func.func @stay
func.func @stay(%i: tensor<2x5xf32>, %v: tensor<5xf32>, %u: tensor<6x2xf32>, %k: tensor<1x1x6xf32>) -> (!adapter.map<6x6, f32>, !adapter.map<6x6, f32>, !adapter.map<6x6, f32>) {
  // CHECK-COUNT-3: adapter.transpose
  // CHECK-NOT: linalg.generic
  %s = adapter.sparse %i, %v : tensor<2x5xf32>, tensor<5xf32> -> !adapter.map<6x6, f32>
  %st = adapter.transpose %s : !adapter.map<6x6, f32>
  %h = adapter.householder %u : tensor<6x2xf32>
  %ht = adapter.transpose %h : !adapter.map<6x6, f32>
  %c = adapter.circulant %k : tensor<1x1x6xf32>
  %ct = adapter.transpose %c : !adapter.map<6x6, f32>
  return %st, %ht, %ct : !adapter.map<6x6, f32>, !adapter.map<6x6, f32>, !adapter.map<6x6, f32>
}

// -----

// A matrix that is the only core is stored; two cores with a mode between them are factors; outputs and inputs change places in a transposed network.
// CHECK-LABEL: func.func @networks
// CHECK-SAME: (%[[A:.*]]: tensor<6x4xf32>, %[[B:.*]]: tensor<4x8xf32>, %[[C:.*]]: tensor<2x3x4xf32>, %{{.*}}: tensor<4x6xf32>)
func.func @networks(%a: tensor<6x4xf32>, %b: tensor<4x8xf32>, %c: tensor<2x3x4xf32>, %e: tensor<4x6xf32>)
    -> (!adapter.map<6x4, f32>, !adapter.map<4x6, f32>, !adapter.map<6x8, f32>, !adapter.map<6x8, f32>, !adapter.map<4x6, f32>, !adapter.map<8x6, f32>) {
  // CHECK: %[[DENSE:.*]] = adapter.dense %[[A]]
  // CHECK: %[[TURNED:.*]] = adapter.transpose %{{.*}} : !adapter.map<6x4, f32>
  // CHECK: %[[LOW:.*]] = adapter.lowrank %[[A]], %[[B]] : tensor<6x4xf32>, tensor<4x8xf32>
  // CHECK: %[[LOW2:.*]] = adapter.lowrank %[[A]], %[[B]] : tensor<6x4xf32>, tensor<4x8xf32>
  // CHECK: %[[T:.*]] = adapter.contract "acb->b|ac" %[[C]]
  // CHECK: %[[KEPT:.*]] = adapter.contract "ra,rb->a|b"
  // CHECK: return %[[DENSE]], %[[TURNED]], %[[LOW]], %[[LOW2]], %[[T]], %[[KEPT]]
  %d = adapter.contract "ab->a|b" %a : tensor<6x4xf32>
  %t = adapter.contract "ba->a|b" %a : tensor<6x4xf32>
  %l = adapter.contract "ar,rb->a|b" %a, %b : tensor<6x4xf32>, tensor<4x8xf32>
  %m = adapter.contract "rb,ar->a|b" %b, %a : tensor<4x8xf32>, tensor<6x4xf32>
  %n = adapter.contract "acb->ac|b" %c : tensor<2x3x4xf32>
  %nt = adapter.transpose %n : !adapter.map<6x4, f32>
  %k = adapter.contract "ra,rb->a|b" %b, %e : tensor<4x8xf32>, tensor<4x6xf32>
  return %d, %t, %l, %m, %nt, %k : !adapter.map<6x4, f32>, !adapter.map<4x6, f32>, !adapter.map<6x8, f32>, !adapter.map<6x8, f32>, !adapter.map<4x6, f32>, !adapter.map<8x6, f32>
}
