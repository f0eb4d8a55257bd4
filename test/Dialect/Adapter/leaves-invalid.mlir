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

// -----

func.func @a42(%a: tensor<?x2xf32>) {
  // expected-error@+1 {{core 0 is a static f32 tensor of rank 1 or more, but got 'tensor<?x2xf32>' (A42)}}
  %m = adapter.contract "ab->a|b" %a : tensor<?x2xf32>
  return
}

// -----

func.func @a42(%a: tensor<2x2xf32>, %b: tensor<f32>) {
  // expected-error@+1 {{core 1 is a static f32 tensor of rank 1 or more, but got 'tensor<f32>' (A42)}}
  %m = adapter.contract "ab,->a|b" %a, %b : tensor<2x2xf32>, tensor<f32>
  return
}

// -----

func.func @a42(%a: tensor<2x2xf64>) {
  // expected-error@+1 {{core 0 is a static f32 tensor of rank 1 or more, but got 'tensor<2x2xf64>' (A42)}}
  %m = adapter.contract "ab->a|b" %a : tensor<2x2xf64>
  return
}

// -----

func.func @a43(%a: tensor<2x2xf32>) {
  // expected-error@+1 {{network "ab->ab": expected cores '->' outputs '|' inputs (A43)}}
  %m = adapter.contract "ab->ab" %a : tensor<2x2xf32>
  return
}

// -----

func.func @a43(%a: tensor<2x2xf32>) {
  // expected-error@+1 {{network "a b->a|b": expected a letter, but got ' ' (A43)}}
  %m = adapter.contract "a b->a|b" %a : tensor<2x2xf32>
  return
}

// -----

func.func @a43(%a: tensor<2x2xf32>) {
  // expected-error@+1 {{network "ar,rb->a|b": has modes of 2 cores, but got 1 (A43)}}
  %m = adapter.contract "ar,rb->a|b" %a : tensor<2x2xf32>
  return
}

// -----

func.func @a43(%a: tensor<2x2xf32>) {
  // expected-error@+1 {{network "abc->a|bc": names 3 modes of core 0, which has 2 (A43)}}
  %m = adapter.contract "abc->a|bc" %a : tensor<2x2xf32>
  return
}

// -----

func.func @a43(%a: tensor<2x2xf32>) {
  // expected-error@+1 {{network "ab->ab|": has no modes of the inputs (A43)}}
  %m = adapter.contract "ab->ab|" %a : tensor<2x2xf32>
  return
}

// -----

func.func @a44(%a: tensor<2x3xf32>, %b: tensor<4x2xf32>) {
  // expected-error@+1 {{network "ar,rb->a|b": mode 'r' is 3 and, in core 1, 4 (A44)}}
  %m = adapter.contract "ar,rb->a|b" %a, %b : tensor<2x3xf32>, tensor<4x2xf32>
  return
}

// -----

func.func @a45(%a: tensor<2x2x3xf32>) {
  // expected-error@+1 {{network "aab->a|b": mode 'a' is twice in one group (A45)}}
  %m = adapter.contract "aab->a|b" %a : tensor<2x2x3xf32>
  return
}

// -----

func.func @a45(%a: tensor<2x3xf32>) {
  // expected-error@+1 {{network "ab->a|ab": mode 'a' is one of the outputs and of the inputs (A45)}}
  %m = adapter.contract "ab->a|ab" %a : tensor<2x3xf32>
  return
}

// -----

func.func @a45(%a: tensor<2x3xf32>) {
  // expected-error@+1 {{network "ab->a|bc": mode 'c' is in no core (A45)}}
  %m = adapter.contract "ab->a|bc" %a : tensor<2x3xf32>
  return
}

// -----

func.func @a45(%a: tensor<2x3x4xf32>) {
  // expected-error@+1 {{network "abc->a|b": mode 'c' is in one core alone, and neither of the outputs nor of the inputs (A45)}}
  %m = adapter.contract "abc->a|b" %a : tensor<2x3x4xf32>
  return
}

// -----

func.func @a46(%a: tensor<4294967296xf32>, %b: tensor<4294967296x2xf32>) {
  // expected-error@+1 {{the matrix of the network is too large (A46)}}
  %m = adapter.contract "a,bc->ab|c" %a, %b : tensor<4294967296xf32>, tensor<4294967296x2xf32>
  return
}

// -----

func.func @a46(%a: tensor<2x3xf32>) {
  // expected-error@+1 {{the operands make '!adapter.map<2x3, f32>', but the result is '!adapter.map<3x2, f32>' (A46)}}
  %m = "adapter.contract"(%a) {network = "ab->a|b"} : (tensor<2x3xf32>) -> !adapter.map<3x2, f32>
  return
}

// -----

func.func @a42() {
  // expected-error@+1 {{a network has 1 to 64 cores, but got 0 (A42)}}
  %m = "adapter.contract"() {network = "->a|b"} : () -> !adapter.map<3x2, f32>
  return
}
