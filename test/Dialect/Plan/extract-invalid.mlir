// Models that cannot be planned, whatever the options.
// RUN: allot-opt %s --plan-extract --split-input-file --verify-diagnostics

// expected-error@+1 {{the module has no matrix to plan for}}
module {
  func.func private @f()
}

// -----

// expected-error@+1 {{weight @w has no storage format}}
ml_program.global private @w(dense<1.0> : tensor<4x8xf32>) : tensor<4x8xf32>
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w = ml_program.global_load_const @w : tensor<4x8xf32>
  %m = adapter.dense %w : tensor<4x8xf32>
  %y = adapter.apply %m, %x {site = "w"} : !adapter.map<4x8, f32>, tensor<?x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Without statistics only what stays as it is can be planned.
// expected-error@+1 {{w has options other than its stored form, which need statistics}}
ml_program.global private @w(#format.stored<"w.safetensors", tensor = "w", offset = 64, bytes = 64, digest = "">) : tensor<4x8xf32, #format.float<f16>>
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w = ml_program.global_load_const @w : tensor<4x8xf32, #format.float<f16>>
  %m = adapter.dense %w : tensor<4x8xf32, #format.float<f16>>
  %y = adapter.apply %m, %x {site = "w"} : !adapter.map<4x8, f32>, tensor<?x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

ml_program.global private @v(#format.stored<"w.safetensors", tensor = "v", offset = 64, bytes = 64, digest = "">) : tensor<4x8xf32, #format.float<f16>>
ml_program.global private @w(#format.stored<"w.safetensors", tensor = "w", offset = 128, bytes = 64, digest = "">) : tensor<4x8xf32, #format.float<f16>>
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %v = ml_program.global_load_const @v : tensor<4x8xf32, #format.float<f16>>
  %w = ml_program.global_load_const @w : tensor<4x8xf32, #format.float<f16>>
  %mv = adapter.dense %v : tensor<4x8xf32, #format.float<f16>>
  %mw = adapter.dense %w : tensor<4x8xf32, #format.float<f16>>
  %m = adapter.sum %mv, %mw : !adapter.map<4x8, f32>
  // expected-error@+1 {{adds several stored matrices: nothing can be planned for it}}
  %y = adapter.apply %m, %x {site = "w"} : !adapter.map<4x8, f32>, tensor<?x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// A matrix that is no weight.
func.func @f(%w: tensor<4x8xf32>, %x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %m = adapter.dense %w : tensor<4x8xf32>
  // expected-error@+1 {{is no stored matrix with adapters added to it: nothing can be planned for it}}
  %y = adapter.apply %m, %x {site = "w"} : !adapter.map<4x8, f32>, tensor<?x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Two uses of one matrix, one with an adapter.
ml_program.global private @w(#format.stored<"w.safetensors", tensor = "w", offset = 64, bytes = 64, digest = "">) : tensor<4x8xf32, #format.float<f16>>
ml_program.global private @b(#format.stored<"w.safetensors", tensor = "b", offset = 128, bytes = 32, digest = "">) : tensor<4x2xf32, #format.float<f32>>
ml_program.global private @a(#format.stored<"w.safetensors", tensor = "a", offset = 160, bytes = 64, digest = "">) : tensor<2x8xf32, #format.float<f32>>
func.func @f(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = ml_program.global_load_const @w : tensor<4x8xf32, #format.float<f16>>
  %b = ml_program.global_load_const @b : tensor<4x2xf32, #format.float<f32>>
  %a = ml_program.global_load_const @a : tensor<2x8xf32, #format.float<f32>>
  %m = adapter.dense %w : tensor<4x8xf32, #format.float<f16>>
  %l = adapter.lowrank %b, %a : tensor<4x2xf32, #format.float<f32>>, tensor<2x8xf32, #format.float<f32>>
  %s = adapter.sum %m, %l : !adapter.map<4x8, f32>
  %y = adapter.apply %m, %x {site = "w"} : !adapter.map<4x8, f32>, tensor<?x8xf32> -> tensor<?x4xf32>
  // expected-error@+1 {{reads @w with other adapters than another use: nothing can be planned for it}}
  %z = adapter.apply %s, %x {site = "w"} : !adapter.map<4x8, f32>, tensor<?x8xf32> -> tensor<?x4xf32>
  return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
}
