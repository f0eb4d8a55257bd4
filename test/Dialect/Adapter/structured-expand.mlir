// RUN: allot-opt %s -canonicalize -adapter-expand=evaluate=factored -canonicalize -cse -split-input-file | FileCheck %s --check-prefixes=CHECK,FACTORED
// RUN: allot-opt %s -canonicalize -adapter-expand=evaluate=merged -canonicalize -cse -split-input-file | FileCheck %s --check-prefixes=CHECK,MERGED

#q8 = #format.q8_0
#f32 = #format.float<f32>

// b on the last dimension of x as [.., I1, I2], then a on the one before.
// CHECK-LABEL: func.func @kron
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>, %[[A:.*]]: tensor<3x2xf32, {{.*}}>, %[[B:.*]]: tensor<8x32xf32, #format.q8_0>)
func.func @kron(%x: tensor<?x64xf32>, %a: tensor<3x2xf32, #f32>, %b: tensor<8x32xf32, #q8>) -> tensor<?x24xf32> {
  // FACTORED: %[[S:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1, 2]] output_shape [%{{.*}}, 2, 32]
  // FACTORED: %[[Y:.*]] = adapter.linear weight(%[[B]] : {{.*}}) ins(%[[S]] : {{.*}}) outs(%{{.*}} : tensor<?x2x8xf32>)
  // FACTORED: %[[T:.*]] = linalg.generic {{.*}} ins(%[[Y]] : tensor<?x2x8xf32>) outs(%{{.*}} : tensor<?x8x2xf32>)
  // FACTORED: %[[Z:.*]] = adapter.linear weight(%[[A]] : {{.*}}) ins(%[[T]] : {{.*}}) outs(%{{.*}} : tensor<?x8x3xf32>)
  // FACTORED: %[[U:.*]] = linalg.generic {{.*}} ins(%[[Z]] : tensor<?x8x3xf32>) outs(%{{.*}} : tensor<?x3x8xf32>)
  // FACTORED: tensor.collapse_shape %[[U]] {{\[\[}}0], [1, 2]] : tensor<?x3x8xf32> into tensor<?x24xf32>
  // MERGED: linalg.generic {{.*}} outs(%{{.*}} : tensor<3x8x2x32xf32>)
  // MERGED: %[[M:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2, 3]] : tensor<3x8x2x32xf32> into tensor<24x64xf32>
  // MERGED: %[[E:.*]] = format.encode %[[M]]
  // MERGED: adapter.linear weight(%[[E]]
  %m = adapter.dense %a : tensor<3x2xf32, #f32>
  %n = adapter.dense %b : tensor<8x32xf32, #q8>
  %k = adapter.kron %m, %n : !adapter.map<3x2, f32>, !adapter.map<8x32, f32>
  %y = adapter.apply %k, %x : !adapter.map<24x64, f32>, tensor<?x64xf32> -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}

// A b that widens comes last.
// CHECK-LABEL: func.func @kron_order
// CHECK-SAME: (%[[X:.*]]: tensor<2x64xf32>, %[[A:.*]]: tensor<32x32xf32, {{.*}}>, %[[B:.*]]: tensor<4x2xf32, {{.*}}>)
func.func @kron_order(%x: tensor<2x64xf32>, %a: tensor<32x32xf32, #f32>, %b: tensor<4x2xf32, #f32>) -> tensor<2x128xf32> {
  // FACTORED: adapter.linear weight(%[[A]] : {{.*}}) ins(%{{.*}} : tensor<2x2x32xf32>)
  // FACTORED: adapter.linear weight(%[[B]] : {{.*}}) ins(%{{.*}} : tensor<2x32x2xf32>)
  %m = adapter.dense %a : tensor<32x32xf32, #f32>
  %n = adapter.dense %b : tensor<4x2xf32, #f32>
  %k = adapter.kron %m, %n : !adapter.map<32x32, f32>, !adapter.map<4x2, f32>
  %y = adapter.apply %k, %x : !adapter.map<128x64, f32>, tensor<2x64xf32> -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// Blocks of the identity: b alone.
// CHECK-LABEL: func.func @kron_identity
func.func @kron_identity(%x: tensor<2x96xf32>, %b: tensor<8x32xf32, #q8>) -> tensor<2x24xf32> {
  // FACTORED-NOT: linalg.generic
  // FACTORED: adapter.linear {{.*}} ins(%{{.*}} : tensor<2x3x32xf32>)
  // FACTORED-NOT: linalg.generic
  // FACTORED: return
  %m = adapter.identity : !adapter.map<3x3, f32>
  %n = adapter.dense %b : tensor<8x32xf32, #q8>
  %k = adapter.kron %m, %n : !adapter.map<3x3, f32>, !adapter.map<8x32, f32>
  %y = adapter.apply %k, %x : !adapter.map<24x96, f32>, tensor<2x96xf32> -> tensor<2x24xf32>
  return %y : tensor<2x24xf32>
}

// -----

#q8 = #format.q8_0
#f32 = #format.float<f32>

// Two pairs of factors: one is applied for each rank of the other, and no matrix is made.
// CHECK-LABEL: func.func @hadamard_by_rank
// CHECK-SAME: (%[[X:.*]]: tensor<?x128xf32>, %[[B:.*]]: tensor<64x2xf32>, %[[A:.*]]: tensor<2x128xf32>, %[[B2:.*]]: tensor<64x4xf32, {{.*}}>, %[[A2:.*]]: tensor<4x128xf32, {{.*}}>)
func.func @hadamard_by_rank(%x: tensor<?x128xf32>, %B: tensor<64x2xf32>, %A: tensor<2x128xf32>, %B2: tensor<64x4xf32, #f32>, %A2: tensor<4x128xf32, #f32>) -> tensor<?x64xf32> {
  // FACTORED-NOT: x64x128xf32
  // FACTORED: %[[XS:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[A]] : tensor<?x128xf32>, tensor<2x128xf32>) outs(%{{.*}} : tensor<?x2x128xf32>)
  // FACTORED: %[[Z:.*]] = adapter.linear weight(%[[A2]] : {{.*}}) ins(%[[XS]] : {{.*}}) outs(%{{.*}} : tensor<?x2x4xf32>)
  // FACTORED: %[[YS:.*]] = adapter.linear weight(%[[B2]] : {{.*}}) ins(%[[Z]] : {{.*}}) outs(%{{.*}} : tensor<?x2x64xf32>)
  // FACTORED: %[[BT:.*]] = linalg.generic {{.*}} ins(%[[B]] : tensor<64x2xf32>) outs(%{{.*}} : tensor<2x64xf32>)
  // FACTORED: linalg.generic {{.*}} ins(%[[YS]], %[[BT]] : tensor<?x2x64xf32>, tensor<2x64xf32>) outs(%{{.*}} : tensor<?x64xf32>)
  // MERGED: %[[M:.*]] = arith.mulf %{{.*}}, %{{.*}} : tensor<64x128xf32>
  // MERGED: format.encode %[[M]]
  %l = adapter.lowrank %B, %A : tensor<64x2xf32>, tensor<2x128xf32>
  %m = adapter.lowrank %B2, %A2 : tensor<64x4xf32, #f32>, tensor<4x128xf32, #f32>
  %h = adapter.hadamard %l, %m : !adapter.map<64x128, f32>
  %y = adapter.apply %h, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// Two matrices: the product is made.
// CHECK-LABEL: func.func @hadamard_by_matrix
func.func @hadamard_by_matrix(%x: tensor<?x128xf32>, %w: tensor<64x128xf32, #q8>, %v: tensor<64x128xf32, #q8>) -> tensor<?x64xf32> {
  // CHECK: %[[M:.*]] = arith.mulf %{{.*}}, %{{.*}} : tensor<64x128xf32>
  // CHECK: %[[E:.*]] = format.encode %[[M]]
  // CHECK: adapter.linear weight(%[[E]]
  %m = adapter.dense %w : tensor<64x128xf32, #q8>
  %n = adapter.dense %v : tensor<64x128xf32, #q8>
  %h = adapter.hadamard %m, %n : !adapter.map<64x128, f32>
  %y = adapter.apply %h, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

#q8 = #format.q8_0
#f32 = #format.float<f32>

// Single maps are kernels on their part of x, a bank is one contraction.
// CHECK-LABEL: func.func @block_diagonal
// CHECK-SAME: (%[[X:.*]]: tensor<?x40xf32>, %[[W:.*]]: tensor<8x32xf32, #format.q8_0>, %[[BANK:.*]]: tensor<4x3x2xf32, {{.*}}>)
func.func @block_diagonal(%x: tensor<?x40xf32>, %w: tensor<8x32xf32, #q8>, %bank: tensor<4x3x2xf32, #f32>) -> tensor<?x20xf32> {
  // FACTORED-DAG: %[[X1:.*]] = tensor.extract_slice %[[X]][0, 0] [%{{.*}}, 32] [1, 1]
  // FACTORED-DAG: %[[Y1:.*]] = adapter.linear weight(%[[W]] : {{.*}}) ins(%[[X1]] :
  // FACTORED-DAG: %[[Z1:.*]] = tensor.insert_slice %[[Y1]] into %{{.*}}[0, 0] [%{{.*}}, 8] [1, 1]
  // FACTORED-DAG: %[[X2:.*]] = tensor.extract_slice %[[X]][0, 32] [%{{.*}}, 8] [1, 1]
  // FACTORED-DAG: %[[S2:.*]] = tensor.expand_shape %[[X2]] {{.*}} into tensor<?x4x2xf32>
  // FACTORED-DAG: %[[D:.*]] = format.decode %[[BANK]]
  // FACTORED-DAG: %[[T:.*]] = linalg.transpose ins(%[[D]] : tensor<4x3x2xf32>) outs(%{{.*}} : tensor<4x2x3xf32>) permutation = [0, 2, 1]
  // FACTORED: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction", "parallel"]} ins(%[[T]], %[[S2]] : tensor<4x2x3xf32>, tensor<?x4x2xf32>) outs(%{{.*}} : tensor<?x4x3xf32>)
  // FACTORED: tensor.insert_slice %{{.*}} into %[[Z1]][0, 8] [%{{.*}}, 12] [1, 1]
  // MERGED: tensor.insert_slice %{{.*}} into %{{.*}}[0, 0] [8, 32] [1, 1]
  // MERGED: tensor.insert_slice %{{.*}} into %{{.*}}[8, 32] [12, 8] [1, 1]
  %m = adapter.dense %w : tensor<8x32xf32, #q8>
  %b = adapter.dense %bank : tensor<4x3x2xf32, #f32>
  %d = adapter.block_diagonal %m, %b : !adapter.map<8x32, f32>, !adapter.map<4x3x2, f32>
  %y = adapter.apply %d, %x : !adapter.map<20x40, f32>, tensor<?x40xf32> -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// -----

#q8 = #format.q8_0
#f32 = #format.float<f32>

// The norms come from the matrix, the map stays one kernel.
// CHECK-LABEL: func.func @normalize_rows
// CHECK-SAME: (%[[X:.*]]: tensor<?x128xf32>, %[[W:.*]]: tensor<64x128xf32, #format.q8_0>, %[[B:.*]]: tensor<64x8xf32, {{.*}}>, %[[A:.*]]: tensor<8x128xf32, {{.*}}>)
func.func @normalize_rows(%x: tensor<?x128xf32>, %w: tensor<64x128xf32, #q8>, %B: tensor<64x8xf32, #f32>, %A: tensor<8x128xf32, #f32>) -> tensor<?x64xf32> {
  // FACTORED: linalg.generic {{.*}} ["parallel", "reduction"]} ins(%{{.*}} : tensor<64x128xf32>) outs(%{{.*}} : tensor<64xf32>)
  // FACTORED: math.sqrt
  // FACTORED: arith.maximumf
  // FACTORED: %[[Y:.*]] = adapter.linear weight(%[[W]] : {{.*}}) ins(%[[X]] : {{.*}}) factors(%[[B]], %[[A]] :
  // FACTORED: linalg.generic {{.*}} ins(%[[Y]], %{{.*}} : tensor<?x64xf32>, tensor<64xf32>)
  // MERGED: %[[M:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x128xf32>, tensor<64xf32>)
  // MERGED: %[[E:.*]] = format.encode %[[M]]
  // MERGED: adapter.linear weight(%[[E]]
  %m = adapter.dense %w : tensor<64x128xf32, #q8>
  %l = adapter.lowrank %B, %A : tensor<64x8xf32, #f32>, tensor<8x128xf32, #f32>
  %s = adapter.sum %m, %l : !adapter.map<64x128, f32>
  %n = adapter.normalize rows %s : !adapter.map<64x128, f32>
  %y = adapter.apply %n, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @normalize_columns
func.func @normalize_columns(%x: tensor<2x128xf32>, %w: tensor<64x128xf32, #q8>) -> tensor<2x64xf32> {
  // FACTORED: linalg.generic {{.*}} ins(%{{.*}} : tensor<64x128xf32>) outs(%{{.*}} : tensor<128xf32>)
  // FACTORED: %[[XS:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<2x128xf32>, tensor<128xf32>)
  // FACTORED: adapter.linear weight(%{{.*}}) ins(%[[XS]] :
  %m = adapter.dense %w : tensor<64x128xf32, #q8>
  %n = adapter.normalize columns %m : !adapter.map<64x128, f32>
  %y = adapter.apply %n, %x : !adapter.map<64x128, f32>, tensor<2x128xf32> -> tensor<2x64xf32>
  return %y : tensor<2x64xf32>
}

// Rows that are gathered are normalized alone.
// CHECK-LABEL: func.func @normalize_gathered
func.func @normalize_gathered(%ids: tensor<?xi32>, %w: tensor<64x128xf32, #q8>) -> tensor<?x128xf32> {
  // CHECK: %[[R:.*]] = adapter.lookup
  // CHECK: linalg.generic {{.*}} ins(%[[R]] : tensor<?x128xf32>) outs(%{{.*}} : tensor<?xf32>)
  // CHECK-NOT: format.decode
  %m = adapter.dense %w : tensor<64x128xf32, #q8>
  %n = adapter.normalize rows %m : !adapter.map<64x128, f32>
  %y = adapter.gather %n, %ids : !adapter.map<64x128, f32>, tensor<?xi32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// -----

#q8 = #format.q8_0

// An encoded matrix is applied to x between zeros, a plain one is sliced.
// CHECK-LABEL: func.func @slices
// CHECK-SAME: (%[[X:.*]]: tensor<2x32xf32>, %[[W:.*]]: tensor<64x128xf32, #format.q8_0>, %[[V:.*]]: tensor<64x128xf32>)
func.func @slices(%x: tensor<2x32xf32>, %w: tensor<64x128xf32, #q8>, %v: tensor<64x128xf32>) -> (tensor<2x16xf32>, tensor<2x16xf32>) {
  // FACTORED-DAG: %[[P:.*]] = tensor.insert_slice %[[X]] into %{{.*}}[0, 8] [2, 32] [1, 1] : tensor<2x32xf32> into tensor<2x128xf32>
  // FACTORED-DAG: %[[Y:.*]] = adapter.linear weight(%[[W]] : {{.*}}) ins(%[[P]] :
  // FACTORED-DAG: tensor.extract_slice %[[Y]][0, 4] [2, 16] [1, 1]
  // FACTORED-DAG: %[[VS:.*]] = tensor.extract_slice %[[V]]
  // FACTORED-DAG: %[[E:.*]] = format.encode %{{.*}} : tensor<16x32xf32>
  // FACTORED-DAG: adapter.linear weight(%[[E]] : {{.*}}) ins(%[[X]] :
  // MERGED: adapter.linear weight(%{{.*}} : tensor<16x32xf32,
  // MERGED: adapter.linear weight(%{{.*}} : tensor<16x32xf32,
  %m = adapter.dense %w : tensor<64x128xf32, #q8>
  %s = adapter.slice %m rows [4, 16] columns [8, 32] : !adapter.map<64x128, f32>
  %y = adapter.apply %s, %x : !adapter.map<16x32, f32>, tensor<2x32xf32> -> tensor<2x16xf32>
  %n = adapter.dense %v : tensor<64x128xf32>
  %t = adapter.slice %n rows [4, 16] columns [8, 32] : !adapter.map<64x128, f32>
  %z = adapter.apply %t, %x : !adapter.map<16x32, f32>, tensor<2x32xf32> -> tensor<2x16xf32>
  return %y, %z : tensor<2x16xf32>, tensor<2x16xf32>
}

#f32 = #format.float<f32>
#f16 = #format.float<f16>

// Numbers that are encoded one by one are sliced where the part takes no more bytes as f32: of f16 the half.
// CHECK-LABEL: func.func @slices_of_floats
// CHECK-SAME: (%[[X:.*]]: tensor<2x128xf32>, %[[W:.*]]: tensor<64x128xf32, #format.float<f32>>, %[[V:.*]]: tensor<64x128xf32, #format.float<f16>>)
func.func @slices_of_floats(%x: tensor<2x128xf32>, %w: tensor<64x128xf32, #f32>, %v: tensor<64x128xf32, #f16>) -> (tensor<2x48xf32>, tensor<2x32xf32>, tensor<2x33xf32>) {
  // FACTORED-DAG: adapter.linear weight(%{{.*}} : tensor<48x128xf32, #format.float<f32>>)
  // FACTORED-DAG: adapter.linear weight(%{{.*}} : tensor<32x128xf32, #format.float<f32>>)
  // FACTORED-DAG: %[[Y:.*]] = adapter.linear weight(%[[V]] : tensor<64x128xf32, #format.float<f16>>)
  // FACTORED-DAG: tensor.extract_slice %[[Y]][0, 0] [2, 33] [1, 1]
  %m = adapter.dense %w : tensor<64x128xf32, #f32>
  %n = adapter.dense %v : tensor<64x128xf32, #f16>
  %s = adapter.slice %m rows [4, 48] : !adapter.map<64x128, f32>
  %t = adapter.slice %n rows [4, 32] : !adapter.map<64x128, f32>
  %u = adapter.slice %n rows [0, 33] : !adapter.map<64x128, f32>
  %a = adapter.apply %s, %x : !adapter.map<48x128, f32>, tensor<2x128xf32> -> tensor<2x48xf32>
  %b = adapter.apply %t, %x : !adapter.map<32x128, f32>, tensor<2x128xf32> -> tensor<2x32xf32>
  %c = adapter.apply %u, %x : !adapter.map<33x128, f32>, tensor<2x128xf32> -> tensor<2x33xf32>
  return %a, %b, %c : tensor<2x48xf32>, tensor<2x32xf32>, tensor<2x33xf32>
}

// CHECK-LABEL: func.func @biased_identity
// CHECK-SAME: (%[[X:.*]]: tensor<2x8xf32>, %[[B:.*]]: tensor<8xf32>)
func.func @biased_identity(%x: tensor<2x8xf32>, %b: tensor<8xf32>) -> (tensor<2x8xf32>, tensor<2x3xf32>) {
  // FACTORED: linalg.generic {{.*}} ins(%[[X]], %[[B]] : tensor<2x8xf32>, tensor<8xf32>)
  // FACTORED: linalg.fill {{.*}} -> tensor<2x3xf32>
  %i = adapter.identity : !adapter.map<8x8, f32>
  %y = adapter.apply %i, %x bias %b : !adapter.map<8x8, f32>, tensor<2x8xf32>, tensor<8xf32> -> tensor<2x8xf32>
  %o = adapter.zero : !adapter.map<3x8, f32>
  %z = adapter.apply %o, %x : !adapter.map<3x8, f32>, tensor<2x8xf32> -> tensor<2x3xf32>
  return %y, %z : tensor<2x8xf32>, tensor<2x3xf32>
}
