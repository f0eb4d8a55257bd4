// RUN: allot-opt %s -canonicalize | FileCheck %s

// Ops on tensors have no effect and go when nobody uses their result; a tap stays, since a caller may ask for it.
// CHECK-LABEL: func.func @unused
func.func @unused(%x: tensor<?x64xf32>, %w: tensor<64xf32>, %k: tensor<1x1x2x16xf32>, %past: tensor<1xi32>, %cache: tensor<3x2x1x9x2x16xf32>) {
  // CHECK-NEXT: nn.tap
  // CHECK-NEXT: return
  %n = nn.norm rms ins(%x, %w : tensor<?x64xf32>, tensor<64xf32>) epsilon 1.0e-5 outs(%x : tensor<?x64xf32>) -> tensor<?x64xf32>
  %a = nn.activation relu %x : tensor<?x64xf32>
  %c = nn.cache_update ins(%k : tensor<1x1x2x16xf32>) past(%past : tensor<1xi32>) count(%past : tensor<1xi32>) layer 0 slot 0 outs(%cache : tensor<3x2x1x9x2x16xf32>) -> tensor<3x2x1x9x2x16xf32>
  %t = nn.tap %x "hidden_states.0" : tensor<?x64xf32>
  return
}

// On memrefs they write.
// CHECK-LABEL: func.func @writes
func.func @writes(%x: memref<?x64xf32>, %w: memref<64xf32>, %y: memref<?x64xf32>) {
  // CHECK-NEXT: nn.norm
  nn.norm rms ins(%x, %w : memref<?x64xf32>, memref<64xf32>) epsilon 1.0e-5 outs(%y : memref<?x64xf32>)
  return
}
