// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s

// CHECK-LABEL: func.func @seeded
func.func @seeded() -> (tensor<6x48xf32>, tensor<3xf32>) {
  // CHECK: adapter.seeded torch_uniform seed 4 skip 288 bound 5.000000e-01 : tensor<6x48xf32>
  %a = adapter.seeded torch_uniform seed 4 skip 288 bound 5.000000e-01 : tensor<6x48xf32>
  // CHECK: adapter.seeded torch_uniform seed -1 bound 0.35355339059327379 : tensor<3xf32>
  %b = adapter.seeded torch_uniform seed -1 skip 0 bound 0.35355339059327379 : tensor<3xf32>
  return %a, %b : tensor<6x48xf32>, tensor<3xf32>
}

// CHECK-LABEL: func.func @decompositions
func.func @decompositions(%w: tensor<36x48xf32>, %p: tensor<24x4xf32>, %a: tensor<36x36xf32>)
    -> (tensor<36x6xf32>, tensor<7x48xf32>, tensor<24x4xf32>, tensor<36x48xf32>, tensor<2x86xf32>, tensor<2x5xf32>) {
  // CHECK: adapter.singular_vectors left %{{.*}} : tensor<36x48xf32> -> tensor<36x6xf32>
  %u = adapter.singular_vectors left %w : tensor<36x48xf32> -> tensor<36x6xf32>
  // CHECK: adapter.singular_vectors right %{{.*}} : tensor<36x48xf32> -> tensor<7x48xf32>
  %v = adapter.singular_vectors right %w : tensor<36x48xf32> -> tensor<7x48xf32>
  // CHECK: adapter.orthonormal_factor %{{.*}} : tensor<24x4xf32>
  %q = adapter.orthonormal_factor %p : tensor<24x4xf32>
  // CHECK: adapter.solve %{{.*}}, %{{.*}} : tensor<36x36xf32>, tensor<36x48xf32>
  %x = adapter.solve %a, %w : tensor<36x36xf32>, tensor<36x48xf32>
  // CHECK: adapter.extreme_entries largest %{{.*}} : tensor<36x48xf32> -> tensor<2x86xf32>
  %l = adapter.extreme_entries largest %w : tensor<36x48xf32> -> tensor<2x86xf32>
  // CHECK: adapter.extreme_entries smallest %{{.*}} : tensor<36x48xf32> -> tensor<2x5xf32>
  %s = adapter.extreme_entries smallest %w : tensor<36x48xf32> -> tensor<2x5xf32>
  return %u, %v, %q, %x, %l, %s : tensor<36x6xf32>, tensor<7x48xf32>, tensor<24x4xf32>, tensor<36x48xf32>, tensor<2x86xf32>, tensor<2x5xf32>
}
