// RUN: allot-opt %s -split-input-file -verify-diagnostics -format-lower-storage

// expected-error@+1 {{tensor 'w' of file 'm.gguf' has 17 bytes, but 'tensor<1x32xf32, #format.q4_0>' takes 18}}
ml_program.global private @w(#format.stored<"m.gguf", tensor = "w", offset = 0, bytes = 17, digest = "">) : tensor<1x32xf32, #format.q4_0>

// -----

// expected-error@+1 {{tensor 'w' of file 'm.gguf' is stored, but 'tensor<32xf32>' has no format}}
ml_program.global private @w(#format.stored<"m.gguf", tensor = "w", offset = 0, bytes = 128, digest = "">) : tensor<32xf32>

// -----

func.func @lossy(%w: tensor<8x32xf32>, %x: tensor<?x32xf32>, %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{'format.encode' op to q4_0 is not possible in a lowered program: only f32}}
  %e = format.encode %w : tensor<8x32xf32> -> tensor<8x32xf32, #format.q4_0>
  %y = adapter.linear weight(%e : tensor<8x32xf32, #format.q4_0>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Two roundings are not one.
ml_program.global private @w(#format.stored<"m.st", tensor = "w", offset = 0, bytes = 1024, digest = "">) : tensor<8x32xf32, #format.float<f32>>
func.func @twice(%x: tensor<?x32xf32>, %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = ml_program.global_load_const @w : tensor<8x32xf32, #format.float<f32>>
  %d = format.decode %w : tensor<8x32xf32, #format.float<f32>> -> tensor<8x32xf32>
  %h = format.encode %d : tensor<8x32xf32> -> tensor<8x32xf32, #format.float<f16>>
  %g = format.decode %h : tensor<8x32xf32, #format.float<f16>> -> tensor<8x32xf32>
  // expected-error@+1 {{'format.encode' op to bf16 is not possible in a lowered program: only f32}}
  %e = format.encode %g : tensor<8x32xf32> -> tensor<8x32xf32, #format.float<bf16>>
  %y = adapter.linear weight(%e : tensor<8x32xf32, #format.float<bf16>>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @rounding(%w: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %e = format.encode %w : tensor<8x32xf32> -> tensor<8x32xf32, #format.float<f16>>
  // expected-error@+1 {{is not possible in a lowered program: only of a global}}
  %d = format.decode %e : tensor<8x32xf32, #format.float<f16>> -> tensor<8x32xf32>
  return %d : tensor<8x32xf32>
}

// -----

// expected-error@+1 {{has encoded tensors in its signature, which format-lower-storage cannot turn into bytes}}
func.func @signature(%w: tensor<8x32xf32, #format.q4_0>) {
  return
}

// -----

// expected-error@+1 {{has encoded tensors in its signature}}
func.func private @external(tensor<8x32xf32, #format.q4_0>)

// -----

func.func @argument(%w: tensor<8x32xf32, #format.q4_0>, %x: tensor<?x32xf32>, %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{uses an encoded tensor 'tensor<8x32xf32, #format.q4_0>' that is neither a global nor encoded here}}
  %y = adapter.linear weight(%w : tensor<8x32xf32, #format.q4_0>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

ml_program.global private @w(#format.stored<"m.gguf", tensor = "w", offset = 0, bytes = 144, digest = "">) : tensor<8x32xf32, #format.q4_0>
func.func @other() -> index {
  // expected-error@+1 {{has encoded tensors that format-lower-storage cannot turn into bytes}}
  %w = ml_program.global_load_const @w : tensor<8x32xf32, #format.q4_0>
  %c0 = arith.constant 0 : index
  %d = tensor.dim %w, %c0 : tensor<8x32xf32, #format.q4_0>
  return %d : index
}

// -----

ml_program.global private @w(#format.stored<"m.gguf", tensor = "w", offset = 0, bytes = 144, digest = "">) : tensor<8x32xf32, #format.q4_0>
func.func @reader() -> tensor<8x32xf32> {
  %w = ml_program.global_load_const @w : tensor<8x32xf32, #format.q4_0>
  %d = format.decode %w : tensor<8x32xf32, #format.q4_0> -> tensor<8x32xf32>
  return %d : tensor<8x32xf32>
}
func.func @indirect() -> tensor<8x32xf32> {
  // expected-error@+1 {{uses @reader without calling it: the weight table cannot be passed on}}
  %f = func.constant @reader : () -> tensor<8x32xf32>
  %d = func.call_indirect %f() : () -> tensor<8x32xf32>
  return %d : tensor<8x32xf32>
}

// -----

// expected-error@+1 {{the module has a 'format.table', but functions read globals}}
module attributes {format.table = []} {
  ml_program.global private @w(#format.stored<"m.gguf", tensor = "w", offset = 0, bytes = 144, digest = "">) : tensor<8x32xf32, #format.q4_0>
  func.func @reader() -> tensor<8x32xf32> {
    %w = ml_program.global_load_const @w : tensor<8x32xf32, #format.q4_0>
    %d = format.decode %w : tensor<8x32xf32, #format.q4_0> -> tensor<8x32xf32>
    return %d : tensor<8x32xf32>
  }
}
