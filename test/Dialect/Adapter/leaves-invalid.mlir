// RUN: allot-opt %s -split-input-file -verify-diagnostics

func.func @a30(%i: tensor<2x5xf32>, %v: tensor<5xf32>) {
  // expected-error@+1 {{makes a single map of at most 16777216 outputs and inputs, but the result is '!adapter.map<16777217x4, f32>' (A30)}}
  %m = adapter.sparse %i, %v : tensor<2x5xf32>, tensor<5xf32> -> !adapter.map<16777217x4, f32>
  return
}

// -----

func.func @a30(%i: tensor<2x5xf32>, %v: tensor<5xf32>) {
  // expected-error@+1 {{makes a single map of at most 16777216 outputs and inputs, but the result is '!adapter.map<2x4x4, f32>' (A30)}}
  %m = adapter.sparse %i, %v : tensor<2x5xf32>, tensor<5xf32> -> !adapter.map<2x4x4, f32>
  return
}

// -----

func.func @a30(%i: tensor<2x5xf32>, %v: tensor<4xf32>) {
  // expected-error@+1 {{the indices are 2 x 4 numbers of f32, a row and a column for each value, but got 'tensor<2x5xf32>' (A30)}}
  %m = adapter.sparse %i, %v : tensor<2x5xf32>, tensor<4xf32> -> !adapter.map<4x4, f32>
  return
}

// -----

func.func @a30(%i: tensor<5xf32>, %v: tensor<5xf32>) {
  // expected-error@+1 {{the indices are 2 x 5 numbers of f32, a row and a column for each value, but got 'tensor<5xf32>' (A30)}}
  %m = adapter.sparse %i, %v : tensor<5xf32>, tensor<5xf32> -> !adapter.map<4x4, f32>
  return
}

// -----

func.func @a30(%i: tensor<2x5xi32>, %v: tensor<5xf32>) {
  // expected-error@+1 {{the indices are 2 x 5 numbers of f32, a row and a column for each value, but got 'tensor<2x5xi32>' (A30)}}
  %m = adapter.sparse %i, %v : tensor<2x5xi32>, tensor<5xf32> -> !adapter.map<4x4, f32>
  return
}

// -----

func.func @a30(%i: tensor<2x0xf32>, %v: tensor<0xf32>) {
  // expected-error@+1 {{the values are a static f32 tensor of rank 1 with at least one number, but got 'tensor<0xf32>' (A30)}}
  %m = adapter.sparse %i, %v : tensor<2x0xf32>, tensor<0xf32> -> !adapter.map<4x4, f32>
  return
}

// -----

func.func @a31(%m: !adapter.map<4x5, f32>) {
  // expected-error@+1 {{takes a square map, but got '!adapter.map<4x5, f32>' (A31)}}
  %q = adapter.cayley %m : !adapter.map<4x5, f32>
  return
}

// -----

func.func @a31(%m: !adapter.map<4x4, f32>) {
  // expected-error@+1 {{the number of terms is 1 .. 128, but got 0 (A31)}}
  %q = adapter.cayley %m terms 0 : !adapter.map<4x4, f32>
  return
}

// -----

func.func @a31(%m: !adapter.map<4x4, f32>) {
  // expected-error@+1 {{the number of terms is 1 .. 128, but got 129 (A31)}}
  %q = adapter.cayley %m terms 129 : !adapter.map<4x4, f32>
  return
}

// -----

func.func @a31(%m: !adapter.map<4x4, f32>) {
  // expected-error@+1 {{op requires the same type for all operands and results}}
  %q = "adapter.cayley"(%m) : (!adapter.map<4x4, f32>) -> !adapter.map<3x3, f32>
  return
}

// -----

func.func @a32(%v: tensor<5xf32>) {
  // expected-error@+1 {{5 is no n (n - 1) / 2, the number of entries above the diagonal of an n x n matrix (A32)}}
  %k = adapter.skew %v : tensor<5xf32>
  return
}

// -----

func.func @a32(%v: tensor<2x3x6xf32>) {
  // expected-error@+1 {{the upper triangle is a static f32 tensor of rank 1 or 2, but got 'tensor<2x3x6xf32>' (A32)}}
  %k = adapter.skew %v : tensor<2x3x6xf32>
  return
}

// -----

func.func @a32(%v: tensor<?x6xf32>) {
  // expected-error@+1 {{the upper triangle is a static f32 tensor of rank 1 or 2, but got 'tensor<?x6xf32>' (A32)}}
  %k = adapter.skew %v : tensor<?x6xf32>
  return
}

// -----

func.func @a32(%v: tensor<6xf32>) {
  // expected-error@+1 {{the operands make '!adapter.map<4x4, f32>', but the result is '!adapter.map<3x3, f32>' (A32)}}
  %k = "adapter.skew"(%v) : (tensor<6xf32>) -> !adapter.map<3x3, f32>
  return
}

// -----

func.func @a33(%u: tensor<8xf32>) {
  // expected-error@+1 {{the directions are columns of a static f32 matrix, but got 'tensor<8xf32>' (A33)}}
  %h = adapter.householder %u : tensor<8xf32>
  return
}

// -----

func.func @a33(%u: tensor<8x0xf32>) {
  // expected-error@+1 {{the directions are columns of a static f32 matrix, but got 'tensor<8x0xf32>' (A33)}}
  %h = adapter.householder %u : tensor<8x0xf32>
  return
}

// -----

func.func @a33(%u: tensor<8x2xf32>) {
  // expected-error@+1 {{the operands make '!adapter.map<8x8, f32>', but the result is '!adapter.map<2x2, f32>' (A33)}}
  %h = "adapter.householder"(%u) : (tensor<8x2xf32>) -> !adapter.map<2x2, f32>
  return
}

// -----

func.func @a34(%k: tensor<8x4xf32>) {
  // expected-error@+1 {{the blocks are rows of a static f32 tensor of rank 3, but got 'tensor<8x4xf32>' (A34)}}
  %c = adapter.circulant %k : tensor<8x4xf32>
  return
}

// -----

func.func @a34(%k: tensor<4611686018427387904x1x4xf32>) {
  // expected-error@+1 {{the matrix of the blocks is too large (A34)}}
  %c = adapter.circulant %k : tensor<4611686018427387904x1x4xf32>
  return
}

// -----

func.func @a34(%k: tensor<2x3x4xf32>) {
  // expected-error@+1 {{the operands make '!adapter.map<8x12, f32>', but the result is '!adapter.map<12x8, f32>' (A34)}}
  %c = "adapter.circulant"(%k) : (tensor<2x3x4xf32>) -> !adapter.map<12x8, f32>
  return
}

// -----

func.func @a35() {
  // expected-error@+1 {{is a single square map of at most 1048576 inputs, but the result is '!adapter.map<4x8, f32>' (A35)}}
  %f = adapter.fourier cos : !adapter.map<4x8, f32>
  return
}

// -----

func.func @a35() {
  // expected-error@+1 {{is a single square map of at most 1048576 inputs, but the result is '!adapter.map<1048577x1048577, f32>' (A35)}}
  %f = adapter.fourier sin : !adapter.map<1048577x1048577, f32>
  return
}

// -----

func.func @a35() {
  // expected-error@+1 {{expected 'cos'}}
  %f = adapter.fourier tan : !adapter.map<4x4, f32>
  return
}

// -----

func.func @a36() {
  // expected-error@+1 {{is a single map with 8 inputs at 7 points, but the result is '!adapter.map<7x7, f32>' (A36)}}
  %w = adapter.haar : !adapter.map<7x7, f32>
  return
}

// -----

func.func @a36() {
  // expected-error@+1 {{is a single map with 8 outputs at 8 points, but the result is '!adapter.map<7x8, f32>' (A36)}}
  %w = adapter.haar transposed : !adapter.map<7x8, f32>
  return
}
