// RUN: allot-opt %s -split-input-file -verify-diagnostics

func.func @a37() {
  // expected-error@+1 {{makes a static f32 tensor without encoding, but the result is 'tensor<?xf32>' (A37)}}
  %a = adapter.seeded torch_uniform seed 4 bound 0.5 : tensor<?xf32>
  return
}

// -----

func.func @a37() {
  // expected-error@+1 {{makes a static f32 tensor without encoding, but the result is 'tensor<3xf64>' (A37)}}
  %a = adapter.seeded torch_uniform seed 4 bound 0.5 : tensor<3xf64>
  return
}

// -----

func.func @a37() {
  // expected-error@+1 {{begins at number -1 and makes 'tensor<3xf32>', must stay within the first 2^40 numbers (A37)}}
  %a = adapter.seeded torch_uniform seed 4 skip -1 bound 0.5 : tensor<3xf32>
  return
}

// -----

func.func @a37() {
  // expected-error@+1 {{begins at number 1099511627775 and makes 'tensor<1x2xf32>', must stay within the first 2^40 numbers (A37)}}
  %a = adapter.seeded torch_uniform seed 4 skip 1099511627775 bound 0.5 : tensor<1x2xf32>
  return
}

// -----

func.func @a37() {
  // expected-error@+1 {{the bound is positive and twice it a finite f32, but got 0.0}}
  %a = adapter.seeded torch_uniform seed 4 bound 0.0 : tensor<3xf32>
  return
}

// -----

func.func @a37() {
  // expected-error@+1 {{the bound is positive and twice it a finite f32, but got 1.0}}
  %a = adapter.seeded torch_uniform seed 4 bound 1.0e300 : tensor<3xf32>
  return
}

// -----

func.func @a38(%w: tensor<?x6xf32>) {
  // expected-error@+1 {{takes and makes static f32 matrices without encoding, but got 'tensor<?x6xf32>' (A38)}}
  %u = adapter.singular_vectors left %w : tensor<?x6xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @a38(%w: tensor<4x6xf32, #format.float<f16>>) {
  // expected-error@+1 {{takes and makes static f32 matrices without encoding, but got 'tensor<4x6xf32, #format.float<f16>>' (A38)}}
  %u = adapter.singular_vectors left %w : tensor<4x6xf32, #format.float<f16>> -> tensor<4x2xf32>
  return
}

// -----

func.func @a38(%w: tensor<65536x32768xf32>) {
  // expected-error@+1 {{takes and makes matrices of fewer than 2^31 elements, but got 'tensor<65536x32768xf32>' (A38)}}
  %u = adapter.singular_vectors left %w : tensor<65536x32768xf32> -> tensor<65536x2xf32>
  return
}

// -----

func.func @a38(%w: tensor<16385x16385xf32>) {
  // expected-error@+1 {{takes matrices of at most 2^14 rows or columns, but got 'tensor<16385x16385xf32>' (A38)}}
  %u = adapter.singular_vectors left %w : tensor<16385x16385xf32> -> tensor<16385x2xf32>
  return
}

// -----

func.func @a38(%w: tensor<4x6xf32>) {
  // expected-error@+1 {{makes at most 4 vectors of 4 numbers, columns of the result, which is 'tensor<4x5xf32>' (A38)}}
  %u = adapter.singular_vectors left %w : tensor<4x6xf32> -> tensor<4x5xf32>
  return
}

// -----

func.func @a38(%w: tensor<4x6xf32>) {
  // expected-error@+1 {{makes at most 4 vectors of 6 numbers, rows of the result, which is 'tensor<2x4xf32>' (A38)}}
  %u = adapter.singular_vectors right %w : tensor<4x6xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @a39(%p: tensor<4x6xf32>) {
  // expected-error@+1 {{takes a matrix with at least as many rows as columns, but got 'tensor<4x6xf32>' (A39)}}
  %q = adapter.orthonormal_factor %p : tensor<4x6xf32>
  return
}

// -----

func.func @a39(%p: tensor<6xf32>) {
  // expected-error@+1 {{takes and makes static f32 matrices without encoding, but got 'tensor<6xf32>' (A39)}}
  %q = adapter.orthonormal_factor %p : tensor<6xf32>
  return
}

// -----

func.func @a39(%p: tensor<6x4xf32>) {
  // expected-error@+1 {{makes 'tensor<6x4xf32>', but the result is 'tensor<4x4xf32>' (A39)}}
  %q = "adapter.orthonormal_factor"(%p) : (tensor<6x4xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @a40(%a: tensor<4x6xf32>, %b: tensor<4x2xf32>) {
  // expected-error@+1 {{takes a square matrix and one with as many rows, but got 'tensor<4x6xf32>' and 'tensor<4x2xf32>' (A40)}}
  %x = adapter.solve %a, %b : tensor<4x6xf32>, tensor<4x2xf32>
  return
}

// -----

func.func @a40(%a: tensor<4x4xf32>, %b: tensor<6x2xf32>) {
  // expected-error@+1 {{takes a square matrix and one with as many rows, but got 'tensor<4x4xf32>' and 'tensor<6x2xf32>' (A40)}}
  %x = adapter.solve %a, %b : tensor<4x4xf32>, tensor<6x2xf32>
  return
}

// -----

func.func @a40(%a: tensor<4x4xf32>, %b: tensor<4x2xf32>) {
  // expected-error@+1 {{makes 'tensor<4x2xf32>', but the result is 'tensor<2x4xf32>' (A40)}}
  %x = "adapter.solve"(%a, %b) : (tensor<4x4xf32>, tensor<4x2xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @a41(%w: tensor<4x6xf32, #format.float<f16>>) {
  // expected-error@+1 {{takes and makes static f32 matrices without encoding, but got 'tensor<4x6xf32, #format.float<f16>>' (A41)}}
  %p = adapter.extreme_entries largest %w : tensor<4x6xf32, #format.float<f16>> -> tensor<2x3xf32>
  return
}

// -----

func.func @a41(%w: tensor<4x6xf32>) {
  // expected-error@+1 {{makes rows and columns, 2 x N, of at most 24 entries, but the result is 'tensor<2x25xf32>' (A41)}}
  %p = adapter.extreme_entries largest %w : tensor<4x6xf32> -> tensor<2x25xf32>
  return
}

// -----

func.func @a41(%w: tensor<4x6xf32>) {
  // expected-error@+1 {{makes rows and columns, 2 x N, of at most 24 entries, but the result is 'tensor<3x2xf32>' (A41)}}
  %p = adapter.extreme_entries smallest %w : tensor<4x6xf32> -> tensor<3x2xf32>
  return
}

// -----

func.func @a41(%w: tensor<1x16777217xf32>) {
  // expected-error@+1 {{takes matrices of at most 2^24 rows and columns, but got 'tensor<1x16777217xf32>' (A41)}}
  %p = adapter.extreme_entries smallest %w : tensor<1x16777217xf32> -> tensor<2x2xf32>
  return
}
