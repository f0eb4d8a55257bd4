// RUN: allot-opt %s -canonicalize -cse | FileCheck %s

// Nothing here has an effect: what is not used goes, what is the same is one.
// CHECK-LABEL: func.func @pure
func.func @pure(%w: tensor<4x6xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  // CHECK-NEXT: %[[A:.*]] = adapter.seeded torch_uniform seed 4 bound 5.000000e-01
  // CHECK-NEXT: %[[U:.*]] = adapter.singular_vectors left
  // CHECK-NEXT: return %[[A]], %[[A]], %[[U]], %[[U]]
  %a = adapter.seeded torch_uniform seed 4 bound 0.5 : tensor<2x3xf32>
  %b = adapter.seeded torch_uniform seed 4 skip 0 bound 0.5 : tensor<2x3xf32>
  %c = adapter.seeded torch_uniform seed 5 bound 0.5 : tensor<2x3xf32>
  %u = adapter.singular_vectors left %w : tensor<4x6xf32> -> tensor<4x2xf32>
  %t = adapter.singular_vectors left %w : tensor<4x6xf32> -> tensor<4x2xf32>
  %v = adapter.singular_vectors right %w : tensor<4x6xf32> -> tensor<2x6xf32>
  return %a, %b, %u, %t : tensor<2x3xf32>, tensor<2x3xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}
