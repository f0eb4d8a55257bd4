// RUN: allot-opt %s -adapter-expand="evaluate=merged hoisted" -canonicalize | FileCheck %s
// RUN: allot-opt %s -adapter-expand="evaluate=merged hoisted" -program-hoist-constants -canonicalize | FileCheck %s --check-prefix=HOIST

ml_program.global private @v(#format.stored<"m.safetensors", tensor = "v", offset = 0, bytes = 24, digest = "">) : tensor<6xf32, #format.float<f32>>

// A matrix of weights alone is left to be computed with them; one of an argument is not.
// CHECK-LABEL: func.func @weights
// CHECK: %[[Q:.*]] = adapter.cayley
// CHECK: %[[M:.*]] = adapter.materialize %[[Q]]
// CHECK: %[[E:.*]] = format.encode %[[M]]
// CHECK: adapter.linear weight(%[[E]]
// HOIST-LABEL: func.func @weights
// HOIST-NOT: adapter.materialize
// HOIST: %[[W:.*]] = ml_program.global_load_const @computed.0 : tensor<4x4xf32, #format.float<f32>>
// HOIST: adapter.linear weight(%[[W]]
func.func @weights(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %v = ml_program.global_load_const @v : tensor<6xf32, #format.float<f32>>
  %k = adapter.skew %v : tensor<6xf32, #format.float<f32>>
  %q = adapter.cayley %k : !adapter.map<4x4, f32>
  %y = adapter.apply %q, %x : !adapter.map<4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @argument
// CHECK-NOT: adapter.materialize
// CHECK: scf.for
// CHECK: adapter.linear
func.func @argument(%x: tensor<?x4xf32>, %v: tensor<6xf32>) -> tensor<?x4xf32> {
  %k = adapter.skew %v : tensor<6xf32>
  %q = adapter.cayley %k : !adapter.map<4x4, f32>
  %y = adapter.apply %q, %x : !adapter.map<4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
