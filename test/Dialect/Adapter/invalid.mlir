// RUN: allot-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{a map has two dimensions, or three for a bank, but got 1 (A1)}}
func.func private @a1(!adapter.map<4, f32>)

// -----

// expected-error@+1 {{a map has two dimensions, or three for a bank, but got 4 (A1)}}
func.func private @a1(!adapter.map<1x2x3x4, f32>)

// -----

// expected-error@+1 {{the dimensions of a map are positive, but got 0 (A1)}}
func.func private @a1(!adapter.map<4x0, f32>)

// -----

// expected-error@+1 {{a map of this shape has 2^63 elements or more (A1)}}
func.func private @a1(!adapter.map<4611686018427387904x2, f32>)

// -----

// expected-error@+1 {{the element type of a map is f32, but got 'f16' (A2)}}
func.func private @a2(!adapter.map<4x4, f16>)

// -----

func.func @a3(%w: tensor<?x4xf32>) {
  // expected-error@+1 {{the matrix is a static f32 tensor of rank 2 or 3, but got 'tensor<?x4xf32>' (A3)}}
  %m = adapter.dense %w : tensor<?x4xf32>
  return
}

// -----

func.func @a3(%w: tensor<4x4xf16>) {
  // expected-error@+1 {{the matrix is a static f32 tensor of rank 2 or 3, but got 'tensor<4x4xf16>' (A3)}}
  %m = "adapter.dense"(%w) : (tensor<4x4xf16>) -> !adapter.map<4x4, f32>
  return
}

// -----

func.func @a3(%w: tensor<4x8xf32>) {
  // expected-error@+1 {{the operands make '!adapter.map<4x8, f32>', but the result is '!adapter.map<8x4, f32>' (A3)}}
  %m = "adapter.dense"(%w) : (tensor<4x8xf32>) -> !adapter.map<8x4, f32>
  return
}

// -----

func.func @a4(%B: tensor<4x2xf32>, %A: tensor<3x8xf32>) {
  // expected-error@+1 {{the factors disagree in rank: B has 2 columns, A has 3 rows (A4)}}
  %m = adapter.lowrank %B, %A : tensor<4x2xf32>, tensor<3x8xf32>
  return
}

// -----

func.func @a4(%B: tensor<4x0xf32>, %A: tensor<0x8xf32>) {
  // expected-error@+1 {{the rank of the factors is positive, but got 0 (A4)}}
  %m = adapter.lowrank %B, %A : tensor<4x0xf32>, tensor<0x8xf32>
  return
}

// -----

func.func @a4(%B: tensor<4x2xf32>, %A: tensor<8xf32>) {
  // expected-error@+1 {{factor A is a static f32 tensor of rank 2, but got 'tensor<8xf32>' (A4)}}
  %m = adapter.lowrank %B, %A : tensor<4x2xf32>, tensor<8xf32>
  return
}

// -----

func.func @a4(%B: tensor<4x2xf32>, %A: tensor<2x8xf32>, %g: tensor<3xf32>) {
  // expected-error@+1 {{the gate is a vector of 2 f32 numbers, one for each rank, but got 'tensor<3xf32>' (A4)}}
  %m = adapter.lowrank %B, %A gate %g : tensor<4x2xf32>, tensor<2x8xf32>, tensor<3xf32>
  return
}

// -----

func.func @a5(%v: tensor<2x2xf32>) {
  // expected-error@+1 {{the diagonal is a static f32 tensor of rank 1, but got 'tensor<2x2xf32>' (A5)}}
  %m = adapter.diagonal %v : tensor<2x2xf32>
  return
}

// -----

func.func @a6() {
  // expected-error@+1 {{a permutation has at least one source (A6)}}
  %m = adapter.permutation [] : !adapter.map<1x1, f32>
  return
}

// -----

func.func @a6() {
  // expected-error@+1 {{source 1 repeats 2 (A6)}}
  %m = adapter.permutation [2, 2, 1] : !adapter.map<3x3, f32>
  return
}

// -----

func.func @a6() {
  // expected-error@+1 {{source 0 is 3, outside of 0 .. 2 (A6)}}
  %m = adapter.permutation [3, 2, 1] : !adapter.map<3x3, f32>
  return
}

// -----

func.func @a6() {
  // expected-error@+1 {{3 sources make a map of 3x3, but the result is '!adapter.map<3x4, f32>' (A6)}}
  %m = adapter.permutation [0, 2, 1] : !adapter.map<3x4, f32>
  return
}

// -----

func.func @a7() {
  // expected-error@+1 {{expected 1 or more operands, but found 0}}
  %m = "adapter.sum"() : () -> !adapter.map<3x4, f32>
  return
}

// -----

func.func @a7(%a: !adapter.map<3x4, f32>, %b: !adapter.map<4x3, f32>) {
  // expected-error@+1 {{requires the same type for all operands and results}}
  %m = "adapter.sum"(%a, %b) : (!adapter.map<3x4, f32>, !adapter.map<4x3, f32>) -> !adapter.map<3x4, f32>
  return
}

// -----

func.func @a8(%a: !adapter.map<3x4, f32>, %b: !adapter.map<5x3, f32>) {
  // expected-error@+1 {{map 0 of the composition takes 4 inputs, but map 1 gives 5 outputs (A8)}}
  %m = adapter.compose %a, %b : !adapter.map<3x4, f32>, !adapter.map<5x3, f32>
  return
}

// -----

func.func @a8(%a: !adapter.map<2x3x4, f32>, %b: !adapter.map<4x3, f32>) {
  // expected-error@+1 {{map 0 of the composition is '!adapter.map<2x3x4, f32>', but must be a single map (A8)}}
  %m = adapter.compose %a, %b : !adapter.map<2x3x4, f32>, !adapter.map<4x3, f32>
  return
}

// -----

func.func @a8() {
  // expected-error@+1 {{a composition has at least one map (A8)}}
  %m = "adapter.compose"() : () -> !adapter.map<3x4, f32>
  return
}

// -----

func.func @a8(%a: !adapter.map<3x4, f32>, %b: !adapter.map<4x5, f32>) {
  // expected-error@+1 {{the operands make '!adapter.map<3x5, f32>', but the result is '!adapter.map<3x4, f32>' (A8)}}
  %m = "adapter.compose"(%a, %b) : (!adapter.map<3x4, f32>, !adapter.map<4x5, f32>) -> !adapter.map<3x4, f32>
  return
}

// -----

func.func @a9(%a: !adapter.map<3x4, f32>) {
  // expected-error@+1 {{the factor of a scale is finite, but got 0x7FF0000000000000 : f64 (A9)}}
  %m = adapter.scale %a by 0x7FF0000000000000 : !adapter.map<3x4, f32>
  return
}

// -----

func.func @a10(%a: !adapter.map<3x4, f32>) {
  // expected-error@+1 {{the operands make '!adapter.map<4x3, f32>', but the result is '!adapter.map<3x4, f32>' (A10)}}
  %m = "adapter.transpose"(%a) : (!adapter.map<3x4, f32>) -> !adapter.map<3x4, f32>
  return
}

// -----

func.func @a11(%m: !adapter.map<3x4, f32>, %x: tensor<?x5xf32>) {
  // expected-error@+1 {{the map takes 4 inputs, but x is 'tensor<?x5xf32>' (A11)}}
  %y = adapter.apply %m, %x : !adapter.map<3x4, f32>, tensor<?x5xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @a11(%m: !adapter.map<3x4, f32>, %x: tensor<?x4xf32>) {
  // expected-error@+1 {{the map gives 3 outputs, but the result is 'tensor<?x4xf32>' (A11)}}
  %y = adapter.apply %m, %x : !adapter.map<3x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @a11(%m: !adapter.map<3x4, f32>, %x: tensor<2x4xf32>) {
  // expected-error@+1 {{the leading dimensions of x and the result disagree: 'tensor<2x4xf32>' and 'tensor<3x3xf32>' (A11)}}
  %y = adapter.apply %m, %x : !adapter.map<3x4, f32>, tensor<2x4xf32> -> tensor<3x3xf32>
  return
}

// -----

func.func @a11(%m: !adapter.map<3x4, f32>, %x: tensor<2x4xf32>) {
  // expected-error@+1 {{x and the result have the same rank of at least 1, but got 'tensor<2x4xf32>' and 'tensor<3xf32>' (A11)}}
  %y = adapter.apply %m, %x : !adapter.map<3x4, f32>, tensor<2x4xf32> -> tensor<3xf32>
  return
}

// -----

func.func @a11(%m: !adapter.map<3x4, f32>, %x: tensor<2x4xf16>) {
  // expected-error@+1 {{x and the result are f32 tensors without encoding, but got 'tensor<2x4xf16>' and 'tensor<2x3xf32>' (A11)}}
  %y = adapter.apply %m, %x : !adapter.map<3x4, f32>, tensor<2x4xf16> -> tensor<2x3xf32>
  return
}

// -----

func.func @a11(%m: !adapter.map<3x4, f32>, %x: tensor<2x4xf32>, %b: tensor<4xf32>) {
  // expected-error@+1 {{the bias is a tensor of 3 f32 numbers without encoding, but got 'tensor<4xf32>' (A11)}}
  %y = adapter.apply %m, %x bias %b : !adapter.map<3x4, f32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @a11(%m: !adapter.map<2x3x4, f32>, %x: tensor<2x4xf32>) {
  // expected-error@+1 {{of a bank takes ids, and the map is '!adapter.map<2x3x4, f32>' (A63)}}
  %y = adapter.apply %m, %x : !adapter.map<2x3x4, f32>, tensor<2x4xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @a12(%m: !adapter.map<3x4, f32>, %ids: tensor<?xi8>) {
  // expected-error@+1 {{ids are i32 or i64, but got 'tensor<?xi8>' (A12)}}
  %y = adapter.gather %m, %ids : !adapter.map<3x4, f32>, tensor<?xi8> -> tensor<?x4xf32>
  return
}

// -----

func.func @a12(%m: !adapter.map<3x4, f32>, %ids: tensor<?xi32>) {
  // expected-error@+1 {{ids of type 'tensor<?xi32>' gather rows as 'tensor<?x4xf32>', but the result is 'tensor<?x3xf32>' (A12)}}
  %y = adapter.gather %m, %ids : !adapter.map<3x4, f32>, tensor<?xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @a13(%m: !adapter.map<3x4, f32>) {
  // expected-error@+1 {{the matrix of the map is 'tensor<3x4xf32>', but the result is 'tensor<4x3xf32>' (A13)}}
  %y = adapter.materialize %m : !adapter.map<3x4, f32> -> tensor<4x3xf32>
  return
}

// -----

func.func @a13(%m: !adapter.map<32x32, f32>) {
  // expected-error@+1 {{the matrix of the map is 'tensor<32x32xf32>', but the result is 'tensor<32x32xf32, #format.q8_0>' (A13)}}
  %y = adapter.materialize %m : !adapter.map<32x32, f32> -> tensor<32x32xf32, #format.q8_0>
  return
}

// -----

func.func @a14(%w: tensor<64x32xf32, #format.q8_0>, %x: tensor<?x64xf32>, %init: tensor<?x64xf32>) {
  // expected-error@+1 {{x ends in a dimension of 32, but got 'tensor<?x64xf32>' (A14)}}
  %y = adapter.linear weight(%w : tensor<64x32xf32, #format.q8_0>) ins(%x : tensor<?x64xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a14(%w: tensor<64x32xf32, #format.q8_0>, %x: tensor<?x32xf32>, %B: tensor<64x2xf32, #format.float<f32>>, %A: tensor<3x32xf32, #format.float<f32>>, %init: tensor<?x64xf32>) {
  // expected-error@+1 {{the factors of term 0 are 'tensor<64x2xf32, #format.float<f32>>' and 'tensor<3x32xf32, #format.float<f32>>', which do not make a map of 64x32 (A14)}}
  %y = adapter.linear weight(%w : tensor<64x32xf32, #format.q8_0>) ins(%x : tensor<?x32xf32>) factors(%B, %A : tensor<64x2xf32, #format.float<f32>>, tensor<3x32xf32, #format.float<f32>>)
         scales([1.0]) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a14(%w: tensor<64x32xf32, #format.q8_0>, %x: tensor<2x32xf32>, %b: tensor<32xf32>, %init: tensor<2x64xf32>) {
  // expected-error@+1 {{the bias ends in a dimension of 64, but got 'tensor<32xf32>' (A14)}}
  %y = adapter.linear weight(%w : tensor<64x32xf32, #format.q8_0>) ins(%x : tensor<2x32xf32>) bias(%b : tensor<32xf32>) outs(%init : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @a14(%w: tensor<64x32xf32, #format.q8_0>, %x: tensor<2x32xf32>, %r: tensor<3x64xf32>, %init: tensor<2x64xf32>) {
  // expected-error@+1 {{the residual has 2 in dimension 0, but got 'tensor<3x64xf32>' (A14)}}
  %y = adapter.linear weight(%w : tensor<64x32xf32, #format.q8_0>) ins(%x : tensor<2x32xf32>) residual(%r : tensor<3x64xf32>) outs(%init : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @a15(%w: tensor<64x32xf32, #format.q8_0>, %x: tensor<2x32xf32>, %init: tensor<2x64xf32>) {
  // expected-error@+1 {{has 0 pairs of factors, but 1 scales (A15)}}
  %y = adapter.linear weight(%w : tensor<64x32xf32, #format.q8_0>) ins(%x : tensor<2x32xf32>) scales([1.0]) outs(%init : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @a15(%w: tensor<64x32xf32, #format.q8_0>, %x: tensor<2x32xf32>, %B: tensor<64x2xf32, #format.float<f32>>, %init: tensor<2x64xf32>) {
  // expected-error@+1 {{factors come in pairs of B and A, but got 1 (A15)}}
  %y = adapter.linear weight(%w : tensor<64x32xf32, #format.q8_0>) ins(%x : tensor<2x32xf32>) factors(%B : tensor<64x2xf32, #format.float<f32>>) scales([1.0]) outs(%init : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @a16(%w: tensor<64x32xf32>, %x: tensor<2x32xf32>, %init: tensor<2x64xf32>) {
  // expected-error@+1 {{the weight is a static f32 matrix with a format, or bytes with such a type in `stored`, but got 'tensor<64x32xf32>' (A16)}}
  %y = adapter.linear weight(%w : tensor<64x32xf32>) ins(%x : tensor<2x32xf32>) outs(%init : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @a16(%w: memref<?xi8>, %x: memref<2x32xf32>, %init: memref<2x64xf32>) {
  // expected-error@+1 {{the weight is bytes, so `stored` must give its encoded type (A16)}}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<2x32xf32>) outs(%init : memref<2x64xf32>)
  return
}

// -----

func.func @a16(%w: memref<?xi8>, %x: memref<2x32xf32>, %init: memref<2x64xf32>) {
  // expected-error@+1 {{`stored` has 2 types, but weight and factors are 1 (A16)}}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<2x32xf32>) outs(%init : memref<2x64xf32>) {stored = [tensor<64x32xf32, #format.q8_0>, tensor<64x32xf32, #format.q8_0>]}
  return
}

// -----

func.func @a16(%w: tensor<64x32xf32, #format.q8_0>, %x: tensor<2x32xf32>, %init: tensor<2x64xf32>) {
  // expected-error@+1 {{`stored` is only for operands that are bytes, but the weight is 'tensor<64x32xf32, #format.q8_0>' (A16)}}
  %y = adapter.linear weight(%w : tensor<64x32xf32, #format.q8_0>) ins(%x : tensor<2x32xf32>) outs(%init : tensor<2x64xf32>) {stored = [tensor<64x32xf32, #format.q8_0>]} -> tensor<2x64xf32>
  return
}

// -----

func.func @one_world(%w: tensor<64x32xf32, #format.q8_0>, %x: memref<2x32xf32>, %init: tensor<2x64xf32>) {
  // expected-error@+1 {{takes tensors alone or memrefs alone, but got both}}
  %y = adapter.linear weight(%w : tensor<64x32xf32, #format.q8_0>) ins(%x : memref<2x32xf32>) outs(%init : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @a17(%w: tensor<64x32xf32, #format.q8_0>, %ids: tensor<?xi32>, %init: tensor<?x64xf32>) {
  // expected-error@+1 {{the init ends in a dimension of 32, but got 'tensor<?x64xf32>' (A17)}}
  %y = adapter.lookup table(%w : tensor<64x32xf32, #format.q8_0>) ins(%ids : tensor<?xi32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a17(%w: tensor<64x32xf32, #format.q8_0>, %ids: tensor<?xf32>, %init: tensor<?x32xf32>) {
  // expected-error@+1 {{ids are a ranked tensor or memref of i32 or i64, but got 'tensor<?xf32>' (A17)}}
  %y = adapter.lookup table(%w : tensor<64x32xf32, #format.q8_0>) ins(%ids : tensor<?xf32>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @a17(%w: tensor<64x32xf32>, %ids: tensor<?xi32>, %init: tensor<?x32xf32>) {
  // expected-error@+1 {{the table is a static f32 matrix with a format, or bytes with such a type in `stored`, but got 'tensor<64x32xf32>' (A17)}}
  %y = adapter.lookup table(%w : tensor<64x32xf32>) ins(%ids : tensor<?xi32>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @concat_dim(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{maps are concatenated along dimension 0 or 1, but got 2 (A18)}}
  %c = adapter.concat dim(2) %m, %m : !adapter.map<2x3, f32>, !adapter.map<2x3, f32>
  return
}

// -----

func.func @concat_nothing() {
  // expected-error@+1 {{a concatenation has at least one map (A18)}}
  %c = "adapter.concat"() {dim = 0 : i64} : () -> !adapter.map<2x3, f32>
  return
}

// -----

func.func @concat_bank(%m: !adapter.map<2x3x4, f32>) {
  // expected-error@+1 {{map 0 of the concatenation is '!adapter.map<2x3x4, f32>', but must be a single map (A18)}}
  %c = adapter.concat dim(0) %m : !adapter.map<2x3x4, f32>
  return
}

// -----

func.func @concat_inputs(%m: !adapter.map<2x3, f32>, %n: !adapter.map<2x4, f32>) {
  // expected-error@+1 {{map 1 of the concatenation has 4 inputs, but map 0 has 3 (A18)}}
  %c = adapter.concat dim(0) %m, %n : !adapter.map<2x3, f32>, !adapter.map<2x4, f32>
  return
}

// -----

func.func @concat_outputs(%m: !adapter.map<2x3, f32>, %n: !adapter.map<3x3, f32>) {
  // expected-error@+1 {{map 1 of the concatenation has 3 outputs, but map 0 has 2 (A18)}}
  %c = adapter.concat dim(1) %m, %n : !adapter.map<2x3, f32>, !adapter.map<3x3, f32>
  return
}

// -----

func.func @concat_result(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{the operands make '!adapter.map<4x3, f32>', but the result is '!adapter.map<5x3, f32>' (A18)}}
  %c = "adapter.concat"(%m, %m) {dim = 0 : i64} : (!adapter.map<2x3, f32>, !adapter.map<2x3, f32>) -> !adapter.map<5x3, f32>
  return
}

// -----

func.func @reorder_bank(%m: !adapter.map<2x3x4, f32>, %p: tensor<3xf32>) {
  // expected-error@+1 {{reorders the outputs of a single map, but got '!adapter.map<2x3x4, f32>' (A19)}}
  %r = adapter.reorder %m by %p : !adapter.map<2x3x4, f32>, tensor<3xf32>
  return
}

// -----

func.func @reorder_positions(%m: !adapter.map<2x3, f32>, %p: tensor<3xf32>) {
  // expected-error@+1 {{the positions are 2 numbers of f32, but got 'tensor<3xf32>' (A19)}}
  %r = adapter.reorder %m by %p : !adapter.map<2x3, f32>, tensor<3xf32>
  return
}

// -----

func.func @reorder_type(%m: !adapter.map<2x3, f32>, %p: tensor<2xi32>) {
  // expected-error@+1 {{the positions are 2 numbers of f32, but got 'tensor<2xi32>' (A19)}}
  %r = adapter.reorder %m by %p : !adapter.map<2x3, f32>, tensor<2xi32>
  return
}

// -----

func.func @reorder_large(%m: !adapter.map<16777217x1, f32>, %p: tensor<16777217xf32>) {
  // expected-error@+1 {{reorders at most 16777216 outputs, but got 16777217 (A19)}}
  %r = adapter.reorder %m by %p : !adapter.map<16777217x1, f32>, tensor<16777217xf32>
  return
}

// -----

func.func @reorder_result(%m: !adapter.map<2x3, f32>, %p: tensor<2xf32>) {
  // expected-error@+1 {{the map is '!adapter.map<2x3, f32>', but the result is '!adapter.map<2x4, f32>' (A19)}}
  %r = "adapter.reorder"(%m, %p) : (!adapter.map<2x3, f32>, tensor<2xf32>) -> !adapter.map<2x4, f32>
  return
}
