// RUN: allot-opt %s --convert-adapter-to-kernel | FileCheck %s

#q8 = #format.packed<#format.q8_0, rows = 8>

// CHECK-LABEL: func.func @lookup(
// CHECK-SAME: %[[T:.*]]: memref<?xi8>, %[[IDS:.*]]: memref<?x?xi32>, %[[Y:.*]]: memref<?x?x64xf32>
func.func @lookup(%t: memref<?xi8>, %ids: memref<?x?xi32>, %y: memref<?x?x64xf32>) {
  // CHECK: %[[ROWS:.*]] = arith.constant 100 : index
  // CHECK: %[[FLAT:.*]] = memref.collapse_shape %[[IDS]] {{\[}}[0, 1]] : memref<?x?xi32> into memref<?xi32>
  // CHECK: call @lookup_q8_0(%[[T]], %[[FLAT]], %{{.*}}, %[[ROWS]]) : (memref<?xi8>, memref<?xi32>, memref<?x?xf32>, index) -> ()
  adapter.lookup table(%t : memref<?xi8>) ins(%ids : memref<?x?xi32>) outs(%y : memref<?x?x64xf32>) {stored = tensor<100x64xf32, #q8>}
  return
}

// Ids of another type have a kernel of their own.
// CHECK-LABEL: func.func @wide_ids(
func.func @wide_ids(%t: memref<?xi8>, %ids: memref<?xi64>, %y: memref<?x64xf32>) {
  // CHECK: call @lookup_q8_0_0(
  adapter.lookup table(%t : memref<?xi8>) ins(%ids : memref<?xi64>) outs(%y : memref<?x64xf32>) {stored = tensor<100x64xf32, #q8>}
  return
}

// Ids out of range read the last row, nothing behind it.
// CHECK: func.func private @lookup_q8_0(
// CHECK: %[[LOADED:.*]] = memref.load
// CHECK-NEXT: %[[ID:.*]] = arith.index_cast %[[LOADED]] : i32 to index
// CHECK-NEXT: arith.minui %[[ID]]
