// RUN: allot-opt %s -one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" -split-input-file | FileCheck %s

// An init that is empty costs an allocation and no copy.
// CHECK-LABEL: func.func @norm(
// CHECK-SAME:    %[[X:.*]]: memref<?x64xf32>, %[[W:.*]]: memref<64xf32>
// CHECK-NOT:     memref.copy
// CHECK:         %[[Y:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<?x64xf32>
// CHECK-NOT:     memref.copy
// CHECK:         nn.norm rms ins(%[[X]], %[[W]] : memref<?x64xf32>, memref<64xf32>) epsilon 1.000000e-05 outs(%[[Y]] : memref<?x64xf32>)
// CHECK-NEXT:    return %[[Y]]
func.func @norm(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %init = tensor.empty(%n) : tensor<?x64xf32>
  %r = nn.norm rms ins(%x, %w : tensor<?x64xf32>, tensor<64xf32>) epsilon 1.0e-5 outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// -----

// A norm into its own input: rows are read after they are written elsewhere, so the input is not overwritten while it is needed.
// CHECK-LABEL: func.func @keeps_input(
// CHECK-SAME:    %[[X:.*]]: memref<?x64xf32>
// CHECK:         %[[Y:.*]] = memref.alloc
// CHECK:         nn.norm rms ins(%[[X]], %{{.*}}) epsilon 1.000000e-05 outs(%[[Y]] :
// CHECK:         return %[[X]], %[[Y]]
func.func @keeps_input(%x: tensor<?x64xf32> {bufferization.writable = true}, %w: tensor<64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %r = nn.norm rms ins(%x, %w : tensor<?x64xf32>, tensor<64xf32>) epsilon 1.0e-5 outs(%x : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %x, %r : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// The cache is updated in place, twice, and read between as a strided view: no copy of it.
// CHECK-LABEL: func.func @cache(
// CHECK-SAME:    %[[K:[a-z0-9]+]]: memref<?x?x2x16xf32>, %[[PAST:[a-z0-9]+]]: memref<?xi32>, %[[CACHE:[a-z0-9]+]]: memref<4x2x1x8x2x16xf32>
// CHECK-NOT:     memref.copy
// CHECK-NOT:     memref.alloc
// CHECK:         nn.cache_update ins(%[[K]] : {{.*}}) past(%[[PAST]] : memref<?xi32>) count(%[[PAST]] : memref<?xi32>) layer 0 slot 0 outs(%[[CACHE]] :
// CHECK:         nn.cache_update ins(%[[K]] : {{.*}}) past({{.*}}) count({{.*}}) layer 0 slot 1 outs(%[[CACHE]] :
// CHECK-DAG:     %[[KEYS:.*]] = memref.subview %[[CACHE]][0, 0, 0, 0, 0, 0]
// CHECK-DAG:     %[[VALUES:.*]] = memref.subview %[[CACHE]][0, 1, 0, 0, 0, 0]
// CHECK:         nn.attention ins(%{{.*}}, %[[KEYS]], %[[VALUES]] :
// CHECK:         nn.cache_update {{.*}} layer 1 slot 0 outs(%[[CACHE]] :
// CHECK-NOT:     memref.copy
func.func @cache(%k: tensor<?x?x2x16xf32>, %past: tensor<?xi32>, %cache: tensor<4x2x1x8x2x16xf32> {bufferization.writable = true}, %o: tensor<?x?x2x16xf32> {bufferization.writable = true})
    -> (tensor<?x?x2x16xf32>, tensor<4x2x1x8x2x16xf32>) {
  %0 = nn.cache_update ins(%k : tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) count(%past : tensor<?xi32>) layer 0 slot 0
    outs(%cache : tensor<4x2x1x8x2x16xf32>) -> tensor<4x2x1x8x2x16xf32>
  %1 = nn.cache_update ins(%k : tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) count(%past : tensor<?xi32>) layer 0 slot 1
    outs(%0 : tensor<4x2x1x8x2x16xf32>) -> tensor<4x2x1x8x2x16xf32>
  %keys = tensor.extract_slice %1[0, 0, 0, 0, 0, 0] [1, 1, 1, 8, 2, 16] [1, 1, 1, 1, 1, 1] : tensor<4x2x1x8x2x16xf32> to tensor<1x8x2x16xf32>
  %values = tensor.extract_slice %1[0, 1, 0, 0, 0, 0] [1, 1, 1, 8, 2, 16] [1, 1, 1, 1, 1, 1] : tensor<4x2x1x8x2x16xf32> to tensor<1x8x2x16xf32>
  %a = nn.attention ins(%k, %keys, %values : tensor<?x?x2x16xf32>, tensor<1x8x2x16xf32>, tensor<1x8x2x16xf32>) past(%past : tensor<?xi32>)
    {causal, scale = 2.5e-01} outs(%o : tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32>
  %2 = nn.cache_update ins(%k : tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) count(%past : tensor<?xi32>) layer 1 slot 0
    outs(%1 : tensor<4x2x1x8x2x16xf32>) -> tensor<4x2x1x8x2x16xf32>
  return %a, %2 : tensor<?x?x2x16xf32>, tensor<4x2x1x8x2x16xf32>
}

// -----

// Maps that are bytes already: all operands and the attributes stay.
// CHECK-LABEL: func.func @linear(
// CHECK-SAME:    %[[W:[a-z0-9]+]]: memref<?xi8>, %[[X:[a-z0-9]+]]: memref<?x128xf32>, %[[R:[a-z0-9]+]]: memref<?x64xf32>
// CHECK:         %[[Y:.*]] = memref.alloc
// CHECK:         adapter.linear weight(%[[W]] : memref<?xi8>) ins(%[[X]] : memref<?x128xf32>) activation silu residual(%[[R]] : memref<?x64xf32>) outs(%[[Y]] : memref<?x64xf32>) {site = "s", stored = [tensor<64x128xf32, #format.q8_0>]}
// CHECK:         return %[[Y]]
func.func @linear(%w: tensor<?xi8>, %x: tensor<?x128xf32>, %r: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x128xf32>
  %init = tensor.empty(%n) : tensor<?x64xf32>
  %y = adapter.linear weight(%w : tensor<?xi8>) ins(%x : tensor<?x128xf32>) activation silu residual(%r : tensor<?x64xf32>) outs(%init : tensor<?x64xf32>)
    {site = "s", stored = [tensor<64x128xf32, #format.q8_0>]} -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// CHECK-LABEL: func.func @lookup(
// CHECK:         adapter.lookup table(%{{.*}} : memref<?xi8>) ins(%{{.*}} : memref<?xi32>) outs(%[[Y:.*]] : memref<?x64xf32>) {stored = tensor<100x64xf32, #format.q8_0>}
// CHECK:         return %[[Y]]
func.func @lookup(%w: tensor<?xi8>, %ids: tensor<?xi32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi32>
  %init = tensor.empty(%n) : tensor<?x64xf32>
  %y = adapter.lookup table(%w : tensor<?xi8>) ins(%ids : tensor<?xi32>) outs(%init : tensor<?x64xf32>) {stored = tensor<100x64xf32, #format.q8_0>} -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
