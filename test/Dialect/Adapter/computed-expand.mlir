// What is computed when weights are loaded becomes a weight, or is refused.
// RUN: allot-opt %s -split-input-file -adapter-expand=hoisted -program-hoist-constants -canonicalize | FileCheck %s
// RUN: allot-opt %s -split-input-file -adapter-expand -verify-diagnostics

// CHECK-LABEL: func.func @seeded
// CHECK-NOT: adapter.seeded
// CHECK: ml_program.global_load_const @computed.0 : tensor<4x6xf32, #format.float<f32>>
func.func @seeded(%x: tensor<?x6xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{is computed when weights are loaded: it must depend on weights alone and be hoisted (program-hoist-constants)}}
  %a = adapter.seeded torch_uniform seed 4 bound 0.5 : tensor<4x6xf32>
  %m = adapter.dense %a : tensor<4x6xf32>
  %y = adapter.apply %m, %x : !adapter.map<4x6, f32>, tensor<?x6xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Of an argument nothing can be computed before; the pipelines end in the expansion that refuses it.
// CHECK-LABEL: func.func @argument
// CHECK: adapter.orthonormal_factor
func.func @argument(%x: tensor<?x2xf32>, %p: tensor<4x2xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{is computed when weights are loaded: it must depend on weights alone and be hoisted (program-hoist-constants)}}
  %q = adapter.orthonormal_factor %p : tensor<4x2xf32>
  %m = adapter.dense %q : tensor<4x2xf32>
  %y = adapter.apply %m, %x : !adapter.map<4x2, f32>, tensor<?x2xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
