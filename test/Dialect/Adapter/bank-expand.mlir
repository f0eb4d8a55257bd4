// RUN: allot-opt %s -adapter-expand=evaluate=factored -canonicalize -cse -split-input-file | FileCheck %s
// RUN: allot-opt %s -adapter-expand=evaluate=merged -canonicalize -cse -split-input-file | FileCheck %s --check-prefix=MERGED

#f16 = #format.float<f16>

// The matrix that all members contain is read once, in one kernel with the bias; the pairs of all members are one kernel, of ranks as they are.
// CHECK-LABEL: func.func @deltas
// CHECK-SAME: (%[[X:.*]]: tensor<?x32xf32>, %[[IDS:.*]]: tensor<?xi32>,
// CHECK: %[[NONE:.*]] = arith.constant 2 : i32
// CHECK: %[[I:.*]] = linalg.generic {{.*}} ins(%[[IDS]] : tensor<?xi32>)
// CHECK: arith.cmpi ult
// CHECK: arith.select
// CHECK: %[[Y:.*]] = adapter.linear weight(%{{.*}} : tensor<64x32xf32, #format.q8_0>) ins(%[[X]] : tensor<?x32xf32>) bias(
// CHECK-NOT: adapter.linear
// CHECK: %[[G:.*]]:3 = adapter.group_rows ins(%[[I]] : tensor<?xi32>) outs({{.*}}tensor<4xi32>)
// CHECK: adapter.grouped_lowrank ins(%[[X]] : tensor<?x32xf32>) groups(%[[G]]#0, %[[G]]#2 :
// CHECK-SAME: tensor<64x4xf32, #format.float<f16>>, tensor<4x32xf32, #format.float<f16>>, tensor<64x9xf32, #format.float<f16>>, tensor<9x32xf32, #format.float<f16>>)
// CHECK-SAME: members([0, 1]) scales([2.000000e+00, 1.000000e+00]) accumulate outs(%[[Y]] : tensor<?x64xf32>)
// CHECK-NOT: adapter.
// MERGED-LABEL: func.func @deltas
// MERGED: adapter.group_rows
// MERGED-COUNT-3: adapter.linear
// MERGED-NOT: adapter.linear
// MERGED-LABEL: func.func @diagonals
func.func @deltas(%x: tensor<?x32xf32>, %ids: tensor<?xi32>, %w: tensor<64x32xf32, #format.q8_0>, %B: tensor<64x4xf32, #f16>, %A: tensor<4x32xf32, #f16>, %C: tensor<64x9xf32, #f16>,
                  %D: tensor<9x32xf32, #f16>, %bias: tensor<64xf32>) -> tensor<?x64xf32> {
  %base = adapter.dense %w : tensor<64x32xf32, #format.q8_0>
  %p = adapter.lowrank %B, %A : tensor<64x4xf32, #f16>, tensor<4x32xf32, #f16>
  %s = adapter.scale %p by 2.0 : !adapter.map<64x32, f32>
  %q = adapter.lowrank %C, %D : tensor<64x9xf32, #f16>, tensor<9x32xf32, #f16>
  %m = adapter.sum %base, %s : !adapter.map<64x32, f32>
  %n = adapter.sum %q, %base : !adapter.map<64x32, f32>
  %bank = adapter.bank %m, %n : !adapter.map<64x32, f32>, !adapter.map<64x32, f32>
  %y = adapter.apply %bank, %x ids(%ids : tensor<?xi32>) otherwise(%base : !adapter.map<64x32, f32>) bias %bias : !adapter.map<2x64x32, f32>, tensor<?x32xf32>, tensor<64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// What meets the input first in every member meets all rows once; then go diagonals, of which one is permuted. Rows of no member keep what the matrix gave.
// CHECK-LABEL: func.func @diagonals
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x32xf32>, %{{.*}}: tensor<?x?xi64>, %{{.*}}: tensor<4x32xf32, #format.q8_0>, %[[C:.*]]: tensor<4xf32>, %[[S:.*]]: tensor<4xf32>)
// CHECK-DAG: %[[SWAP:.*]] = arith.constant dense<[1, 0, 3, 2]> : tensor<4xi32>
// CHECK: %[[Y:.*]] = adapter.linear {{.*}} ins(%[[X]] : tensor<?x?x32xf32>)
// CHECK-NOT: adapter.linear
// CHECK-NOT: group_rows
// CHECK: adapter.grouped_diagonal ins(%[[Y]] : tensor<?x?x4xf32>) ids(%{{.*}} : tensor<?xi32>) terms members([0, 0, 1, 2]) vectors([0, 1, 0, -1]) sources([-1, 0, -1, -1])
// CHECK-SAME: scales([1.000000e+00, 1.000000e+00, 3.000000e+00, 1.000000e+00]) of(%[[C]], %[[S]] : tensor<4xf32>, tensor<4xf32>) from(%[[SWAP]] : tensor<4xi32>)
// CHECK-NOT: adapter.
func.func @diagonals(%x: tensor<?x?x32xf32>, %ids: tensor<?x?xi64>, %w: tensor<4x32xf32, #format.q8_0>, %c: tensor<4xf32>, %s: tensor<4xf32>) -> tensor<?x?x4xf32> {
  %base = adapter.dense %w : tensor<4x32xf32, #format.q8_0>
  %dc = adapter.diagonal %c : tensor<4xf32>
  %ds = adapter.diagonal %s : tensor<4xf32>
  %swap = adapter.permutation [1, 0, 3, 2] : !adapter.map<4x4, f32>
  %turned = adapter.compose %ds, %swap : !adapter.map<4x4, f32>, !adapter.map<4x4, f32>
  %rotation = adapter.sum %dc, %turned : !adapter.map<4x4, f32>
  %scaled = adapter.scale %dc by 3.0 : !adapter.map<4x4, f32>
  %m = adapter.compose %rotation, %base : !adapter.map<4x4, f32>, !adapter.map<4x32, f32>
  %n = adapter.compose %scaled, %base : !adapter.map<4x4, f32>, !adapter.map<4x32, f32>
  %bank = adapter.bank %m, %n : !adapter.map<4x32, f32>, !adapter.map<4x32, f32>
  %y = adapter.apply %bank, %x ids(%ids : tensor<?x?xi64>) otherwise(%base : !adapter.map<4x32, f32>) : !adapter.map<2x4x32, f32>, tensor<?x?x32xf32> -> tensor<?x?x4xf32>
  return %y : tensor<?x?x4xf32>
}

// -----

// Formats of matrices and of factors make classes, kernels of one each; another map meets its own rows, sorted; ids that choose twice are the same group.
// CHECK-LABEL: func.func @mixed
// CHECK: adapter.group_rows
// CHECK-NOT: adapter.group_rows
// CHECK-DAG: %[[M:.*]] = adapter.grouped_linear {{.*}}matrices(%{{.*}} : tensor<64x32xf32, #format.q8_0>) members([2]) scales([1.000000e+00]) outs(
// CHECK-DAG: %[[P:.*]] = adapter.grouped_lowrank {{.*}}factors(%{{.*}}, %{{.*}} : tensor<64x4xf32, #format.float<f16>>, tensor<4x32xf32, #format.float<f16>>) members([0]) {{.*}} accumulate outs(%[[M]]
// CHECK-DAG: adapter.grouped_lowrank {{.*}}factors(%{{.*}}, %{{.*}} : tensor<64x4xf32, #format.float<f32>>, tensor<4x32xf32, #format.float<f32>>) members([1]) {{.*}} accumulate outs(%[[P]]
// CHECK: %[[XS:.*]] = linalg.generic
// CHECK: tensor.extract_slice %[[XS]]
// CHECK-COUNT-2: adapter.linear weight({{.*}}tensor<32x16xf32, #format.float<f16>>
// CHECK: tensor.insert_slice
// CHECK: linalg.generic
func.func @mixed(%b: tensor<32x16xf32, #format.float<f16>>, %x: tensor<?x32xf32>, %ids: tensor<?xi32>, %w: tensor<64x32xf32, #format.q8_0>, %B: tensor<64x4xf32, #format.float<f16>>, %A: tensor<4x32xf32, #format.float<f16>>, %C: tensor<64x4xf32>, %D: tensor<4x32xf32>)
    -> tensor<?x64xf32> {
  %p = adapter.lowrank %B, %A : tensor<64x4xf32, #format.float<f16>>, tensor<4x32xf32, #format.float<f16>>
  %q = adapter.lowrank %C, %D : tensor<64x4xf32>, tensor<4x32xf32>
  %r = adapter.dense %w : tensor<64x32xf32, #format.q8_0>
  %d = adapter.dense %b : tensor<32x16xf32, #format.float<f16>>
  %s = adapter.block_diagonal %d, %d : !adapter.map<32x16, f32>, !adapter.map<32x16, f32>
  %bank = adapter.bank %p, %q, %r, %s : !adapter.map<64x32, f32>, !adapter.map<64x32, f32>, !adapter.map<64x32, f32>, !adapter.map<64x32, f32>
  %y = adapter.apply %bank, %x ids(%ids : tensor<?xi32>) : !adapter.map<4x64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// A bank whose members are zero gives zeros; nothing is read.
// CHECK-LABEL: func.func @nothing
// CHECK-NOT: adapter.
// CHECK: linalg.fill
func.func @nothing(%x: tensor<?x32xf32>, %ids: tensor<?xi32>) -> tensor<?x64xf32> {
  %zero = adapter.zero : !adapter.map<2x64x32, f32>
  %y = adapter.apply %zero, %x ids(%ids : tensor<?xi32>) : !adapter.map<2x64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
