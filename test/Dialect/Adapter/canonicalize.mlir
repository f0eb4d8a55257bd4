// RUN: allot-opt %s -canonicalize -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @nested_sums
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>, %[[B:.*]]: !adapter.map<2x3, f32>, %[[C:.*]]: !adapter.map
func.func @nested_sums(%a: !adapter.map<2x3, f32>, %b: !adapter.map<2x3, f32>, %c: !adapter.map<2x3, f32>) -> !adapter.map<2x3, f32> {
  // CHECK-NEXT: %[[S:.*]] = adapter.sum %[[A]], %[[B]], %[[C]]
  // CHECK-NEXT: return %[[S]]
  %s = adapter.sum %b, %c : !adapter.map<2x3, f32>
  %t = adapter.sum %a, %s : !adapter.map<2x3, f32>
  return %t : !adapter.map<2x3, f32>
}

// CHECK-LABEL: func.func @sum_of_one
// CHECK-SAME: (%[[A:.*]]: !adapter
func.func @sum_of_one(%a: !adapter.map<2x3, f32>) -> !adapter.map<2x3, f32> {
  // CHECK-NEXT: return %[[A]]
  %s = adapter.sum %a : !adapter.map<2x3, f32>
  return %s : !adapter.map<2x3, f32>
}

// CHECK-LABEL: func.func @nested_compositions
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>, %[[B:.*]]: !adapter.map<3x4, f32>, %[[C:.*]]: !adapter
func.func @nested_compositions(%a: !adapter.map<2x3, f32>, %b: !adapter.map<3x4, f32>, %c: !adapter.map<4x5, f32>) -> !adapter.map<2x5, f32> {
  // CHECK-NEXT: %[[S:.*]] = adapter.compose %[[A]], %[[B]], %[[C]]
  // CHECK-NEXT: return %[[S]]
  %p = adapter.permutation [0, 1, 2] : !adapter.map<3x3, f32>
  %s = adapter.compose %p, %b, %c : !adapter.map<3x3, f32>, !adapter.map<3x4, f32>, !adapter.map<4x5, f32>
  %t = adapter.compose %a, %s : !adapter.map<2x3, f32>, !adapter.map<3x5, f32>
  return %t : !adapter.map<2x5, f32>
}

// A composition of identities is the identity; another permutation stays.
// CHECK-LABEL: func.func @identities
func.func @identities(%b: !adapter.map<2x3, f32>) -> (!adapter.map<2x2, f32>, !adapter.map<2x3, f32>) {
  // CHECK-DAG: %[[I:.*]] = adapter.permutation [0, 1]
  // CHECK-DAG: %[[P:.*]] = adapter.permutation [1, 0]
  // CHECK: %[[C:.*]] = adapter.compose %[[P]], %{{.*}}
  // CHECK: return %[[I]], %[[C]]
  %i = adapter.permutation [0, 1] : !adapter.map<2x2, f32>
  %c = adapter.compose %i, %i : !adapter.map<2x2, f32>, !adapter.map<2x2, f32>
  %p = adapter.permutation [1, 0] : !adapter.map<2x2, f32>
  %d = adapter.compose %p, %b : !adapter.map<2x2, f32>, !adapter.map<2x3, f32>
  return %c, %d : !adapter.map<2x2, f32>, !adapter.map<2x3, f32>
}

// CHECK-LABEL: func.func @scales
// CHECK-SAME: (%[[A:.*]]: !adapter
func.func @scales(%a: !adapter.map<2x3, f32>) -> (!adapter.map<2x3, f32>, !adapter.map<2x3, f32>) {
  // CHECK-NEXT: %[[S:.*]] = adapter.scale %[[A]] by -6.0
  // CHECK-NEXT: return %[[A]], %[[S]]
  %one = adapter.scale %a by 1.0 : !adapter.map<2x3, f32>
  %s = adapter.scale %a by 2.0 : !adapter.map<2x3, f32>
  %t = adapter.scale %s by -3.0 : !adapter.map<2x3, f32>
  return %one, %t : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>
}

// The product of the factors would not be finite.
// CHECK-LABEL: func.func @overflowing_scales
func.func @overflowing_scales(%a: !adapter.map<2x3, f32>) -> !adapter.map<2x3, f32> {
  // CHECK: adapter.scale {{.*}} by 9.99{{.*}}E+199
  // CHECK: adapter.scale {{.*}} by 9.99{{.*}}E+199
  %s = adapter.scale %a by 1.0e200 : !adapter.map<2x3, f32>
  %t = adapter.scale %s by 1.0e200 : !adapter.map<2x3, f32>
  return %t : !adapter.map<2x3, f32>
}

// CHECK-LABEL: func.func @transpose_twice
// CHECK-SAME: (%[[A:.*]]: !adapter
func.func @transpose_twice(%a: !adapter.map<2x3, f32>) -> !adapter.map<2x3, f32> {
  // CHECK-NEXT: return %[[A]]
  %s = adapter.transpose %a : !adapter.map<2x3, f32>
  %t = adapter.transpose %s : !adapter.map<3x2, f32>
  return %t : !adapter.map<2x3, f32>
}

// (sum(A, 2 B) P D)^T = D P^T sum(A^T, 2 B^T)
// CHECK-LABEL: func.func @transpose_moves_inward
// CHECK-SAME: (%[[A:.*]]: !adapter.map<2x3, f32>, %[[B:.*]]: !adapter.map<2x3, f32>, %[[V:.*]]: tensor
func.func @transpose_moves_inward(%a: !adapter.map<2x3, f32>, %b: !adapter.map<2x3, f32>, %v: tensor<3xf32>) -> !adapter.map<3x2, f32> {
  // CHECK-DAG: %[[D:.*]] = adapter.diagonal %[[V]]
  // CHECK-DAG: %[[P:.*]] = adapter.permutation [2, 0, 1]
  // CHECK-DAG: %[[AT:.*]] = adapter.transpose %[[A]]
  // CHECK-DAG: %[[BT:.*]] = adapter.transpose %[[B]]
  // CHECK-DAG: %[[S:.*]] = adapter.scale %[[BT]] by 2.0
  // CHECK-DAG: %[[SUM:.*]] = adapter.sum %[[AT]], %[[S]]
  // CHECK: %[[C:.*]] = adapter.compose %[[D]], %[[P]], %[[SUM]]
  // CHECK: return %[[C]]
  %p = adapter.permutation [1, 2, 0] : !adapter.map<3x3, f32>
  %d = adapter.diagonal %v : tensor<3xf32>
  %s = adapter.scale %b by 2.0 : !adapter.map<2x3, f32>
  %sum = adapter.sum %a, %s : !adapter.map<2x3, f32>
  %c = adapter.compose %sum, %p, %d : !adapter.map<2x3, f32>, !adapter.map<3x3, f32>, !adapter.map<3x3, f32>
  %t = adapter.transpose %c : !adapter.map<2x3, f32>
  return %t : !adapter.map<3x2, f32>
}

// Transposing a stored matrix moves its numbers, so canonicalization leaves it.
// CHECK-LABEL: func.func @transpose_of_leaf_stays
func.func @transpose_of_leaf_stays(%w: tensor<2x3xf32>) -> !adapter.map<3x2, f32> {
  // CHECK: adapter.transpose
  %m = adapter.dense %w : tensor<2x3xf32>
  %t = adapter.transpose %m : !adapter.map<2x3, f32>
  return %t : !adapter.map<3x2, f32>
}

// CHECK-LABEL: func.func @apply_identity
// CHECK-SAME: (%[[X:.*]]: tensor<?x2xf32>, %[[B:.*]]: tensor
func.func @apply_identity(%x: tensor<?x2xf32>, %b: tensor<2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  // CHECK: %[[Y:.*]] = adapter.apply %{{.*}}, %[[X]] bias %[[B]]
  // CHECK: return %[[X]], %[[Y]]
  %p = adapter.permutation [0, 1] : !adapter.map<2x2, f32>
  %y = adapter.apply %p, %x : !adapter.map<2x2, f32>, tensor<?x2xf32> -> tensor<?x2xf32>
  %z = adapter.apply %p, %x bias %b : !adapter.map<2x2, f32>, tensor<?x2xf32>, tensor<2xf32> -> tensor<?x2xf32>
  return %y, %z : tensor<?x2xf32>, tensor<?x2xf32>
}

// Concatenations along one dimension flatten, one map is that map; along the other they stay.
// CHECK-LABEL: func.func @concat
// CHECK-SAME: (%[[M:.*]]: !adapter.map<2x3, f32>, %[[N:.*]]: !adapter.map<4x3, f32>)
func.func @concat(%m: !adapter.map<2x3, f32>, %n: !adapter.map<4x3, f32>) -> (!adapter.map<8x3, f32>, !adapter.map<2x3, f32>, !adapter.map<4x6, f32>, !adapter.map<3x6, f32>) {
  // CHECK: %[[FLAT:.*]] = adapter.concat dim(0) %[[M]], %[[N]], %[[M]]
  %a = adapter.concat dim(0) %m, %n : !adapter.map<2x3, f32>, !adapter.map<4x3, f32>
  %b = adapter.concat dim(0) %a, %m : !adapter.map<6x3, f32>, !adapter.map<2x3, f32>
  %c = adapter.concat dim(1) %m : !adapter.map<2x3, f32>
  // CHECK: %[[ROW:.*]] = adapter.concat dim(1) %[[M]], %[[M]]
  // CHECK: %[[BOTH:.*]] = adapter.concat dim(0) %[[ROW]], %[[ROW]]
  %d = adapter.concat dim(1) %m, %m : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>
  %e = adapter.concat dim(0) %d, %d : !adapter.map<2x6, f32>, !adapter.map<2x6, f32>
  // A transpose moves inward.
  // CHECK: %[[T:.*]] = adapter.transpose %[[M]]
  // CHECK: %[[U:.*]] = adapter.transpose %[[N]]
  // CHECK: %[[SIDE:.*]] = adapter.concat dim(1) %[[T]], %[[U]]
  %f = adapter.transpose %a : !adapter.map<6x3, f32>
  // CHECK: return %[[FLAT]], %[[M]], %[[BOTH]], %[[SIDE]]
  return %b, %c, %e, %f : !adapter.map<8x3, f32>, !adapter.map<2x3, f32>, !adapter.map<4x6, f32>, !adapter.map<3x6, f32>
}

// CHECK-LABEL: func.func @materialize_dense
// CHECK-SAME: (%[[W:.*]]: tensor<2x3xf32>, %[[Q:.*]]: tensor
func.func @materialize_dense(%w: tensor<2x3xf32>, %q: tensor<2x3xf32, #format.float<f16>>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  // CHECK: %[[M:.*]] = adapter.materialize
  // CHECK: return %[[W]], %[[M]]
  %m = adapter.dense %w : tensor<2x3xf32>
  %a = adapter.materialize %m : !adapter.map<2x3, f32> -> tensor<2x3xf32>
  %n = adapter.dense %q : tensor<2x3xf32, #format.float<f16>>
  %b = adapter.materialize %n : !adapter.map<2x3, f32> -> tensor<2x3xf32>
  return %a, %b : tensor<2x3xf32>, tensor<2x3xf32>
}

// A kernel on tensors has no effect: it goes with its result. On memrefs it writes.
// CHECK-LABEL: func.func @effects
func.func @effects(%w: tensor<32x32xf32, #format.q8_0>, %x: tensor<1x32xf32>, %init: tensor<1x32xf32>, %bytes: memref<?xi8>, %mx: memref<1x32xf32>, %mi: memref<1x32xf32>) {
  // CHECK-NEXT: adapter.linear weight(%{{.*}} : memref<?xi8>)
  // CHECK-NEXT: return
  %y = adapter.linear weight(%w : tensor<32x32xf32, #format.q8_0>) ins(%x : tensor<1x32xf32>) outs(%init : tensor<1x32xf32>) -> tensor<1x32xf32>
  adapter.linear weight(%bytes : memref<?xi8>) ins(%mx : memref<1x32xf32>) outs(%mi : memref<1x32xf32>) {stored = [tensor<32x32xf32, #format.q8_0>]}
  return
}
