// RUN: allot-opt %s -adapter-report-facts -split-input-file -verify-diagnostics

#q8 = #format.q8_0
#f16 = #format.float<f16>
#index = #format.index<i32>

// Numbers and bytes of each tensor once; the change of a stored matrix has the ranks of its pairs.
func.func @lowrank(%x: tensor<?x128xf32>, %w: tensor<64x128xf32, #q8>, %b: tensor<64x4xf32, #f16>, %a: tensor<4x128xf32, #f16>, %ids: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x128xf32>, tensor<64x128xf32>) {
  %base = adapter.dense %w : tensor<64x128xf32, #q8>
  %low = adapter.lowrank %b, %a : tensor<64x4xf32, #f16>, tensor<4x128xf32, #f16>
  %scaled = adapter.scale %low by 2.0 : !adapter.map<64x128, f32>
  %m = adapter.sum %base, %low, %scaled : !adapter.map<64x128, f32>
  // expected-remark@+1 {{8960 parameters in 10240 bytes; rank at most 64, of the change at most 8}}
  %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
  // expected-remark@+1 {{768 parameters in 1536 bytes; rank at most 4, of the change at most 4}}
  %rows = adapter.gather %scaled, %ids : !adapter.map<64x128, f32>, tensor<?xi32> -> tensor<?x128xf32>
  // expected-remark@+1 {{8192 parameters in 8704 bytes; rank at most 64, of the change at most 0}}
  %matrix = adapter.materialize %base : !adapter.map<64x128, f32> -> tensor<64x128xf32>
  return %y, %rows, %matrix : tensor<?x64xf32>, tensor<?x128xf32>, tensor<64x128xf32>
}

// -----

// Of products of entries and Kronecker products ranks multiply, of a chain the smallest counts, of blocks they add up.
func.func @structured(%x: tensor<?x64xf32>, %b: tensor<64x3xf32>, %a: tensor<3x64xf32>, %s: tensor<4x4xf32>, %t: tensor<16x2xf32>, %r: tensor<2x16xf32>, %places: tensor<2x5xf32, #format.index<i32>>, %values: tensor<5xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  %low = adapter.lowrank %b, %a : tensor<64x3xf32>, tensor<3x64xf32>
  %h = adapter.hadamard %low, %low : !adapter.map<64x64, f32>
  // expected-remark@+1 {{384 parameters in 1536 bytes; rank at most 9, of the change at most 9}}
  %0 = adapter.apply %h, %x : !adapter.map<64x64, f32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %slow = adapter.dense %s : tensor<4x4xf32>
  %fast = adapter.lowrank %t, %r : tensor<16x2xf32>, tensor<2x16xf32>
  %k = adapter.kron %slow, %fast : !adapter.map<4x4, f32>, !adapter.map<16x16, f32>
  // expected-remark@+1 {{80 parameters in 320 bytes; rank at most 8, of the change at most 8}}
  %1 = adapter.apply %k, %x : !adapter.map<64x64, f32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %c = adapter.compose %k, %low : !adapter.map<64x64, f32>, !adapter.map<64x64, f32>
  // expected-remark@+1 {{464 parameters in 1856 bytes; rank at most 3, of the change at most 3}}
  %2 = adapter.apply %c, %x : !adapter.map<64x64, f32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %d = adapter.block_diagonal %fast, %fast, %fast, %fast : !adapter.map<16x16, f32>, !adapter.map<16x16, f32>, !adapter.map<16x16, f32>, !adapter.map<16x16, f32>
  // expected-remark@+1 {{64 parameters in 256 bytes; rank at most 8, of the change at most 8}}
  %3 = adapter.apply %d, %x : !adapter.map<64x64, f32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %e = adapter.sparse %places, %values : tensor<2x5xf32, #format.index<i32>>, tensor<5xf32> -> !adapter.map<64x64, f32>
  %n = adapter.normalize rows %e floor 0.5 : !adapter.map<64x64, f32>
  // expected-remark@+1 {{15 parameters in 60 bytes; rank at most 5, of the change at most 5}}
  %4 = adapter.apply %n, %x : !adapter.map<64x64, f32>, tensor<?x64xf32> -> tensor<?x64xf32>
  return %0, %1, %2, %3, %4 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// Numbers of a generator are not stored.
func.func @generated(%x: tensor<?x32xf32>, %v: tensor<8xf32>) -> tensor<?x8xf32> {
  %A = adapter.seeded torch_uniform seed 7 bound 0.25 : tensor<8x32xf32>
  %m = adapter.dense %A : tensor<8x32xf32>
  %d = adapter.diagonal %v : tensor<8xf32>
  %c = adapter.compose %d, %m : !adapter.map<8x8, f32>, !adapter.map<8x32, f32>
  // expected-remark@+1 {{8 parameters in 32 bytes; rank at most 8, of the change at most 8}}
  %y = adapter.apply %c, %x : !adapter.map<8x32, f32>, tensor<?x32xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
