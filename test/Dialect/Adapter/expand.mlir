// RUN: allot-opt %s -adapter-expand=evaluate=factored -cse -split-input-file | FileCheck %s

#q8 = #format.q8_0
#f32 = #format.float<f32>

// LoRA on a stored matrix is one kernel; nested scales multiply, several adapters are several pairs.
// CHECK-LABEL: func.func @lora
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x128xf32>, %[[W:.*]]: tensor<64x128xf32, #format.q8_0>, %[[B:.*]]: tensor<64x8xf32, #format.float<f32>>, %[[A:.*]]: tensor<8x128xf32, #format.float<f32>>, %[[B2:.*]]: tensor<64x4xf32, #format.float<f32>>, %[[A2:.*]]: tensor<4x128xf32, #format.float<f32>>, %[[BIAS:.*]]: tensor<64xf32>)
func.func @lora(%x: tensor<?x?x128xf32>, %w: tensor<64x128xf32, #q8>, %B: tensor<64x8xf32, #f32>, %A: tensor<8x128xf32, #f32>, %B2: tensor<64x4xf32, #f32>, %A2: tensor<4x128xf32, #f32>, %bias: tensor<64xf32>)
    -> tensor<?x?x64xf32> {
  // CHECK-DAG: %[[D0:.*]] = tensor.dim %[[X]], %c0
  // CHECK-DAG: %[[D1:.*]] = tensor.dim %[[X]], %c1
  // CHECK: %[[INIT:.*]] = tensor.empty(%[[D0]], %[[D1]]) : tensor<?x?x64xf32>
  // CHECK: %[[Y:.*]] = adapter.linear weight(%[[W]] : {{.*}}) ins(%[[X]] : {{.*}}) factors(%[[B]], %[[A]], %[[B2]], %[[A2]] : {{.*}}) scales([-6.000000e+00, 1.000000e+00]) bias(%[[BIAS]] : tensor<64xf32>) outs(%[[INIT]] : {{.*}}) {site = "up"} -> tensor<?x?x64xf32>
  // CHECK-NEXT: return %[[Y]]
  // CHECK-NOT: adapter.
  %m = adapter.dense %w : tensor<64x128xf32, #q8>
  %l = adapter.lowrank %B, %A : tensor<64x8xf32, #f32>, tensor<8x128xf32, #f32>
  %l2 = adapter.lowrank %B2, %A2 : tensor<64x4xf32, #f32>, tensor<4x128xf32, #f32>
  %s = adapter.scale %l by 2.0 : !adapter.map<64x128, f32>
  %t = adapter.scale %s by -3.0 : !adapter.map<64x128, f32>
  %sum = adapter.sum %m, %t, %l2 : !adapter.map<64x128, f32>
  %y = adapter.apply %sum, %x bias %bias {site = "up"} : !adapter.map<64x128, f32>, tensor<?x?x128xf32>, tensor<64xf32> -> tensor<?x?x64xf32>
  return %y : tensor<?x?x64xf32>
}

// A plain matrix is encoded as f32.
// CHECK-LABEL: func.func @plain
// CHECK-SAME: (%[[X:.*]]: tensor<2x128xf32>, %[[W:.*]]: tensor
func.func @plain(%x: tensor<2x128xf32>, %w: tensor<64x128xf32>) -> tensor<2x64xf32> {
  // CHECK: %[[E:.*]] = format.encode %[[W]] : tensor<64x128xf32> -> tensor<64x128xf32, #format.float<f32>>
  // CHECK: adapter.linear weight(%[[E]] : tensor<64x128xf32, #format.float<f32>>)
  %m = adapter.dense %w : tensor<64x128xf32>
  %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<2x128xf32> -> tensor<2x64xf32>
  return %y : tensor<2x64xf32>
}

// Factors without a matrix are two kernels, with a gate between them.
// CHECK-LABEL: func.func @lowrank_alone
// CHECK-SAME: (%[[X:.*]]: tensor<2x128xf32>, %[[B:.*]]: tensor<64x8xf32, #format.float<f32>>, %[[A:.*]]: tensor<8x128xf32, #format.float<f32>>, %[[G:.*]]: tensor<8xf32>)
func.func @lowrank_alone(%x: tensor<2x128xf32>, %B: tensor<64x8xf32, #f32>, %A: tensor<8x128xf32, #f32>, %g: tensor<8xf32>) -> tensor<2x64xf32> {
  // CHECK: %[[Z:.*]] = adapter.linear weight(%[[A]] : {{.*}}) ins(%[[X]] : {{.*}}) outs(%{{.*}} : tensor<2x8xf32>)
  // CHECK: %[[H:.*]] = linalg.generic {{.*}} ins(%[[Z]], %[[G]] : tensor<2x8xf32>, tensor<8xf32>)
  // CHECK: arith.mulf
  // CHECK: adapter.linear weight(%[[B]] : {{.*}}) ins(%[[H]] : {{.*}}) outs(%{{.*}} : tensor<2x64xf32>)
  %l = adapter.lowrank %B, %A gate %g : tensor<64x8xf32, #f32>, tensor<8x128xf32, #f32>, tensor<8xf32>
  %y = adapter.apply %l, %x : !adapter.map<64x128, f32>, tensor<2x128xf32> -> tensor<2x64xf32>
  return %y : tensor<2x64xf32>
}

// A gated term is added to the kernel of the matrix; so is a scaled matrix.
// CHECK-LABEL: func.func @terms_apart
// CHECK-SAME: (%[[X:.*]]: tensor<2x32xf32>, %[[W:.*]]: tensor<32x32xf32, #format.q8_0>, %[[V:.*]]: tensor<32x32xf32, #format.q8_0>,
func.func @terms_apart(%x: tensor<2x32xf32>, %w: tensor<32x32xf32, #q8>, %v: tensor<32x32xf32, #q8>, %B: tensor<32x8xf32, #f32>, %A: tensor<8x32xf32, #f32>, %g: tensor<8xf32>, %bias: tensor<32xf32>) -> tensor<2x32xf32> {
  // CHECK: %[[S:.*]] = adapter.linear weight(%[[V]] : {{.*}}) ins(%[[X]] : {{.*}}) outs
  // CHECK: %[[SS:.*]] = linalg.generic {{.*}} ins(%[[S]] : tensor<2x32xf32>)
  // CHECK: %[[Y:.*]] = adapter.linear weight(%[[W]] : {{.*}}) ins(%[[X]] : {{.*}}) bias(
  // CHECK: %[[Z:.*]] = adapter.linear
  // CHECK: linalg.generic
  // CHECK: %[[G:.*]] = adapter.linear
  // CHECK: %[[YS:.*]] = arith.addf %[[SS]], %[[Y]] : tensor<2x32xf32>
  // CHECK: %[[R:.*]] = arith.addf %[[YS]], %[[G]] : tensor<2x32xf32>
  // CHECK: return %[[R]]
  %m = adapter.dense %w : tensor<32x32xf32, #q8>
  %n = adapter.dense %v : tensor<32x32xf32, #q8>
  %s = adapter.scale %n by 0.5 : !adapter.map<32x32, f32>
  %l = adapter.lowrank %B, %A gate %g : tensor<32x8xf32, #f32>, tensor<8x32xf32, #f32>, tensor<8xf32>
  %sum = adapter.sum %s, %m, %l : !adapter.map<32x32, f32>
  %y = adapter.apply %sum, %x bias %bias : !adapter.map<32x32, f32>, tensor<2x32xf32>, tensor<32xf32> -> tensor<2x32xf32>
  return %y : tensor<2x32xf32>
}

// DoRA-like: a diagonal after a matrix, with a bias; a permutation before it.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:.*]]: tensor<?x32xf32>, %[[W:.*]]: tensor<64x32xf32, #format.q8_0>, %[[V:.*]]: tensor<64xf32, #format.float<f16>>, %[[BIAS:.*]]: tensor<64xf32>)
func.func @chain(%x: tensor<?x32xf32>, %w: tensor<64x32xf32, #q8>, %v: tensor<64xf32, #format.float<f16>>, %bias: tensor<64xf32>) -> tensor<?x64xf32> {
  // CHECK-DAG: %[[TABLE:.*]] = arith.constant dense<[31, 30, {{.*}}, 0]> : tensor<32xindex>
  // CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[TABLE]] : tensor<32xindex>)
  // CHECK: linalg.index 0
  // CHECK: tensor.extract %[[X]]
  // CHECK: %[[Y:.*]] = adapter.linear weight(%[[W]] : {{.*}}) ins(%[[P]] : {{.*}}) outs
  // CHECK: %[[D:.*]] = format.decode %[[V]]
  // CHECK: %[[Z:.*]] = linalg.generic {{.*}} ins(%[[Y]], %[[D]] : tensor<?x64xf32>, tensor<64xf32>)
  // CHECK: arith.mulf
  // CHECK: linalg.generic {{.*}} ins(%[[Z]], %[[BIAS]] : tensor<?x64xf32>, tensor<64xf32>)
  // CHECK: arith.addf
  %m = adapter.dense %w : tensor<64x32xf32, #q8>
  %d = adapter.diagonal %v : tensor<64xf32, #format.float<f16>>
  %p = adapter.permutation [31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0] : !adapter.map<32x32, f32>
  %c = adapter.compose %d, %m, %p : !adapter.map<64x64, f32>, !adapter.map<64x32, f32>, !adapter.map<32x32, f32>
  %y = adapter.apply %c, %x bias %bias : !adapter.map<64x32, f32>, tensor<?x32xf32>, tensor<64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @transposed
// CHECK-SAME: (%[[X:.*]]: tensor<2x64xf32>, %[[W:.*]]: tensor
func.func @transposed(%x: tensor<2x64xf32>, %w: tensor<64x32xf32, #q8>) -> tensor<2x32xf32> {
  // CHECK: %[[D:.*]] = format.decode %[[W]]
  // CHECK: %[[T:.*]] = linalg.transpose ins(%[[D]] : tensor<64x32xf32>) outs(%{{.*}} : tensor<32x64xf32>) permutation = [1, 0]
  // CHECK: %[[E:.*]] = format.encode %[[T]]
  // CHECK: adapter.linear weight(%[[E]] : tensor<32x64xf32, #format.float<f32>>) ins(%[[X]] :
  %m = adapter.dense %w : tensor<64x32xf32, #q8>
  %t = adapter.transpose %m : !adapter.map<64x32, f32>
  %y = adapter.apply %t, %x : !adapter.map<32x64, f32>, tensor<2x64xf32> -> tensor<2x32xf32>
  return %y : tensor<2x32xf32>
}

// -----

#q8 = #format.q8_0
#f32 = #format.float<f32>

// CHECK-LABEL: func.func @gather
// CHECK-SAME: (%[[IDS:.*]]: tensor<?x?xi32>, %[[W:.*]]: tensor
func.func @gather(%ids: tensor<?x?xi32>, %w: tensor<100x64xf32, #q8>) -> tensor<?x?x64xf32> {
  // CHECK: %[[INIT:.*]] = tensor.empty(%{{.*}}, %{{.*}}) : tensor<?x?x64xf32>
  // CHECK: %[[E:.*]] = adapter.lookup table(%[[W]] : tensor<100x64xf32, #format.q8_0>) ins(%[[IDS]] : tensor<?x?xi32>) outs(%[[INIT]] : tensor<?x?x64xf32>) {site = "embed"} -> tensor<?x?x64xf32>
  // CHECK-NEXT: return %[[E]]
  %m = adapter.dense %w : tensor<100x64xf32, #q8>
  %e = adapter.gather %m, %ids {site = "embed"} : !adapter.map<100x64, f32>, tensor<?x?xi32> -> tensor<?x?x64xf32>
  return %e : tensor<?x?x64xf32>
}

// LoRA on an embedding as its rows: A^T (scale * row of B) by a kernel on the transposed factor.
// CHECK-LABEL: func.func @gather_lora
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi64>, %[[W:.*]]: tensor<100x64xf32, #format.q8_0>, %[[B:.*]]: tensor<100x4xf32, #format.float<f32>>, %[[A:.*]]: tensor<4x64xf32, #format.float<f32>>)
func.func @gather_lora(%ids: tensor<?xi64>, %w: tensor<100x64xf32, #q8>, %B: tensor<100x4xf32, #f32>, %A: tensor<4x64xf32, #f32>) -> tensor<?x64xf32> {
  // CHECK-DAG: %[[E:.*]] = adapter.lookup table(%[[W]] : {{.*}}) ins(%[[IDS]] :
  // CHECK-DAG: %[[R:.*]] = adapter.lookup table(%[[B]] : {{.*}}) ins(%[[IDS]] : {{.*}}) outs(%{{.*}} : tensor<?x4xf32>)
  // CHECK-DAG: %[[D:.*]] = format.decode %[[A]]
  // CHECK-DAG: %[[T:.*]] = linalg.transpose ins(%[[D]] :
  // CHECK-DAG: %[[AT:.*]] = format.encode %[[T]]
  // CHECK: %[[L:.*]] = adapter.linear weight(%[[AT]] : tensor<64x4xf32, {{.*}}>) ins(%[[R]] :
  // CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
  // CHECK: arith.addf %[[E]], %{{.*}} : tensor<?x64xf32>
  %m = adapter.dense %w : tensor<100x64xf32, #q8>
  %l = adapter.lowrank %B, %A : tensor<100x4xf32, #f32>, tensor<4x64xf32, #f32>
  %s = adapter.scale %l by 2.0 : !adapter.map<100x64, f32>
  %sum = adapter.sum %m, %s : !adapter.map<100x64, f32>
  %e = adapter.gather %sum, %ids : !adapter.map<100x64, f32>, tensor<?xi64> -> tensor<?x64xf32>
  return %e : tensor<?x64xf32>
}

// As PEFT stores it, factors [dim, r] and [r, vocab]: the rows are columns of A, and B is used as it is stored.
// CHECK-LABEL: func.func @gather_peft
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi64>, %[[B:.*]]: tensor<64x4xf32, #format.float<f32>>, %[[A:.*]]: tensor<4x100xf32, #format.float<f32>>)
func.func @gather_peft(%ids: tensor<?xi64>, %B: tensor<64x4xf32, #f32>, %A: tensor<4x100xf32, #f32>) -> tensor<?x64xf32> {
  // CHECK-DAG: %[[D:.*]] = format.decode %[[A]]
  // CHECK-DAG: %[[T:.*]] = linalg.transpose ins(%[[D]] : tensor<4x100xf32>)
  // CHECK-DAG: %[[AT:.*]] = format.encode %[[T]]
  // CHECK: %[[R:.*]] = adapter.lookup table(%[[AT]] : tensor<100x4xf32, {{.*}}>) ins(%[[IDS]] :
  // CHECK: %[[Y:.*]] = adapter.linear weight(%[[B]] : tensor<64x4xf32, {{.*}}>) ins(%[[R]] :
  // CHECK: return %[[Y]]
  %l = adapter.lowrank %B, %A : tensor<64x4xf32, #f32>, tensor<4x100xf32, #f32>
  %t = adapter.transpose %l : !adapter.map<64x100, f32>
  %e = adapter.gather %t, %ids : !adapter.map<100x64, f32>, tensor<?xi64> -> tensor<?x64xf32>
  return %e : tensor<?x64xf32>
}

// Rows of a map without stored rows come from its matrix; rows of a chain go through the transposed maps after the first.
// CHECK-LABEL: func.func @gather_others
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi32>, %[[V:.*]]: tensor<8xf32>, %[[W:.*]]: tensor<8x32xf32, #format.q8_0>)
func.func @gather_others(%ids: tensor<?xi32>, %v: tensor<8xf32>, %w: tensor<8x32xf32, #q8>) -> tensor<?x32xf32> {
  // CHECK-DAG: %[[M:.*]] = linalg.generic {{.*}} ins(%[[V]] : tensor<8xf32>)
  // CHECK-DAG: arith.select
  // CHECK-DAG: %[[E:.*]] = format.encode %[[M]]
  // CHECK-DAG: %[[R:.*]] = adapter.lookup table(%[[E]] : tensor<8x8xf32, {{.*}}>) ins(%[[IDS]] :
  // CHECK: adapter.linear weight(%{{.*}} : tensor<32x8xf32, #format.float<f32>>) ins(%[[R]] :
  %d = adapter.diagonal %v : tensor<8xf32>
  %m = adapter.dense %w : tensor<8x32xf32, #q8>
  %c = adapter.compose %d, %m : !adapter.map<8x8, f32>, !adapter.map<8x32, f32>
  %e = adapter.gather %c, %ids : !adapter.map<8x32, f32>, tensor<?xi32> -> tensor<?x32xf32>
  return %e : tensor<?x32xf32>
}

// -----

#q8 = #format.q8_0
#f32 = #format.float<f32>

// CHECK-LABEL: func.func @materialize
// CHECK-SAME: (%[[W:.*]]: tensor<64x32xf32, #format.q8_0>, %[[B:.*]]: tensor<64x4xf32, #format.float<f32>>, %[[A:.*]]: tensor<4x32xf32, #format.float<f32>>, %[[G:.*]]: tensor<4xf32>, %[[V:.*]]: tensor<64xf32>)
func.func @materialize(%w: tensor<64x32xf32, #q8>, %B: tensor<64x4xf32, #f32>, %A: tensor<4x32xf32, #f32>, %g: tensor<4xf32>, %v: tensor<64xf32>) -> (tensor<64x32xf32>, tensor<32x64xf32>) {
  // CHECK-DAG: %[[DW:.*]] = format.decode %[[W]]
  // CHECK-DAG: %[[DB:.*]] = format.decode %[[B]]
  // CHECK-DAG: %[[DA:.*]] = format.decode %[[A]]
  // CHECK-DAG: %[[BG:.*]] = linalg.generic {{.*}} ins(%[[DB]], %[[G]] :
  // CHECK-DAG: %[[L:.*]] = linalg.matmul ins(%[[BG]], %[[DA]] :
  // CHECK-DAG: %[[S:.*]] = linalg.generic {{.*}} ins(%[[L]] :
  // CHECK-DAG: %[[SUM:.*]] = arith.addf %[[DW]], %[[S]] : tensor<64x32xf32>
  // CHECK-DAG: %[[D:.*]] = linalg.generic {{.*}} ins(%[[V]] : tensor<64xf32>)
  // CHECK-DAG: %[[C:.*]] = linalg.matmul ins(%[[D]], %[[SUM]] :
  // CHECK-DAG: %[[T:.*]] = linalg.transpose ins(%[[SUM]] :
  // CHECK-NOT: adapter.
  // CHECK: return %[[C]], %[[T]]
  %m = adapter.dense %w : tensor<64x32xf32, #q8>
  %l = adapter.lowrank %B, %A gate %g : tensor<64x4xf32, #f32>, tensor<4x32xf32, #f32>, tensor<4xf32>
  %s = adapter.scale %l by 2.0 : !adapter.map<64x32, f32>
  %sum = adapter.sum %m, %s : !adapter.map<64x32, f32>
  %d = adapter.diagonal %v : tensor<64xf32>
  %c = adapter.compose %d, %sum : !adapter.map<64x64, f32>, !adapter.map<64x32, f32>
  %t = adapter.transpose %sum : !adapter.map<64x32, f32>
  %a = adapter.materialize %c : !adapter.map<64x32, f32> -> tensor<64x32xf32>
  %b = adapter.materialize %t : !adapter.map<32x64, f32> -> tensor<32x64xf32>
  return %a, %b : tensor<64x32xf32>, tensor<32x64xf32>
}

// CHECK-LABEL: func.func @materialize_permutation
func.func @materialize_permutation() -> tensor<3x3xf32> {
  // CHECK-DAG: %[[T:.*]] = arith.constant dense<[2, 0, 1]> : tensor<3xindex>
  // CHECK: linalg.generic {{.*}} ins(%[[T]] : tensor<3xindex>)
  // CHECK: arith.cmpi eq, %{{.*}}, %{{.*}} : index
  %p = adapter.permutation [2, 0, 1] : !adapter.map<3x3, f32>
  %m = adapter.materialize %p : !adapter.map<3x3, f32> -> tensor<3x3xf32>
  return %m : tensor<3x3xf32>
}

// Parts of a matrix: each is applied by itself, and written to its place.
// CHECK-LABEL: func.func @parts
// CHECK-SAME: (%[[A:.*]]: tensor<16x64xf32, #{{.*}}>, %[[B:.*]]: tensor<48x64xf32, #{{.*}}>, %[[X:.*]]: tensor<?x64xf32>)
func.func @parts(%a: tensor<16x64xf32, #format.float<f16>>, %b: tensor<48x64xf32, #format.q8_0>, %x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: %[[Y:.*]] = adapter.linear weight(%[[A]] : {{.*}}) ins(%[[X]] : {{.*}}) outs({{.*}}) -> tensor<?x16xf32>
  // CHECK: %[[FIRST:.*]] = tensor.insert_slice %[[Y]] into %{{.*}}[0, 0] [%{{.*}}, 16] [1, 1]
  // CHECK: %[[Z:.*]] = adapter.linear weight(%[[B]] : {{.*}}) ins(%[[X]] : {{.*}}) outs({{.*}}) -> tensor<?x48xf32>
  // CHECK: tensor.insert_slice %[[Z]] into %[[FIRST]][0, 16] [%{{.*}}, 48] [1, 1]
  %ma = adapter.dense %a : tensor<16x64xf32, #format.float<f16>>
  %mb = adapter.dense %b : tensor<48x64xf32, #format.q8_0>
  %m = adapter.concat dim(0) %ma, %mb : !adapter.map<16x64, f32>, !adapter.map<48x64, f32>
  %y = adapter.apply %m, %x : !adapter.map<64x64, f32>, tensor<?x64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// Rows in a stored order: ids are moved, and each part is looked up.
// CHECK-LABEL: func.func @ordered_rows
func.func @ordered_rows(%a: tensor<16x64xf32, #format.float<f16>>, %b: tensor<48x64xf32, #format.q8_0>, %p: tensor<64xf32, #format.float<f32>>, %ids: tensor<?xi32>) -> tensor<?x64xf32> {
  // CHECK: %[[P:.*]] = format.decode %{{.*}} : tensor<64xf32, #{{.*}}> -> tensor<64xf32>
  // CHECK: %[[MOVED:.*]] = linalg.generic
  // CHECK: tensor.extract %[[P]]
  // CHECK: linalg.generic {{.*}} ins(%[[MOVED]] : tensor<?xi32>)
  // CHECK: adapter.lookup table(%{{.*}} : tensor<16x64xf32, #{{.*}}>)
  // CHECK: linalg.generic {{.*}} ins(%[[MOVED]] : tensor<?xi32>)
  // CHECK: adapter.lookup table(%{{.*}} : tensor<48x64xf32, #{{.*}}>)
  // CHECK: arith.select
  %ma = adapter.dense %a : tensor<16x64xf32, #format.float<f16>>
  %mb = adapter.dense %b : tensor<48x64xf32, #format.q8_0>
  %both = adapter.concat dim(0) %ma, %mb : !adapter.map<16x64, f32>, !adapter.map<48x64, f32>
  %m = adapter.reorder %both by %p : !adapter.map<64x64, f32>, tensor<64xf32, #format.float<f32>>
  %y = adapter.gather %m, %ids : !adapter.map<64x64, f32>, tensor<?xi32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
