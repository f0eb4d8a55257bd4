// RUN: allot-opt %s -adapter-expand=evaluate=factored -canonicalize -cse -split-input-file | FileCheck %s --check-prefixes=CHECK,FACTORED
// RUN: allot-opt %s -adapter-expand=evaluate=merged -canonicalize -cse -split-input-file | FileCheck %s --check-prefixes=CHECK,MERGED

// One loop over the entries; rows of x lie side by side in it. A matrix is made by the same loop.
// CHECK-LABEL: func.func @sparse
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[I:.*]]: tensor<2x5xf32>, %[[V:.*]]: tensor<5xf32>)
func.func @sparse(%x: tensor<?x16xf32>, %i: tensor<2x5xf32>, %v: tensor<5xf32>) -> tensor<?x8xf32> {
  // FACTORED: %[[T:.*]] = linalg.transpose ins(%[[X]] : tensor<?x16xf32>) outs(%{{.*}} : tensor<16x?xf32>)
  // FACTORED: %[[Z:.*]] = linalg.fill {{.*}} -> tensor<8x?xf32>
  // FACTORED: %[[Y:.*]] = scf.for %[[E:.*]] = %c0 to %c5 step %c1 iter_args(%{{.*}} = %[[Z]]) -> (tensor<8x?xf32>) {
  // FACTORED: tensor.extract %[[I]][%c0, %[[E]]]
  // FACTORED: tensor.extract %[[I]][%c1, %[[E]]]
  // FACTORED: tensor.extract %[[V]][%[[E]]]
  // FACTORED: scf.for
  // FACTORED: tensor.insert
  // FACTORED: linalg.transpose ins(%[[Y]] : tensor<8x?xf32>) outs(%{{.*}} : tensor<?x8xf32>)
  // FACTORED-NOT: adapter.
  // MERGED: %[[M:.*]] = scf.for {{.*}} -> (tensor<8x16xf32>)
  // MERGED: %[[E:.*]] = format.encode %[[M]]
  // MERGED: adapter.linear weight(%[[E]]
  %s = adapter.sparse %i, %v : tensor<2x5xf32>, tensor<5xf32> -> !adapter.map<8x16, f32>
  %y = adapter.apply %s, %x : !adapter.map<8x16, f32>, tensor<?x16xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// The exact form is a matrix, however it is applied; all members of a bank are eliminated together.
// CHECK-LABEL: func.func @exact
func.func @exact(%x: tensor<2x12xf32>, %v: tensor<3x6xf32>) -> tensor<2x12xf32> {
  // CHECK: %[[A:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<3x4x8xf64>)
  // CHECK: %[[S:.*]] = scf.for %[[K:.*]] = %c0 to %c4 step %c1 iter_args(%[[B:.*]] = %[[A]]) -> (tensor<3x4x8xf64>) {
  // CHECK-DAG: %[[ROW:.*]] = tensor.extract_slice %[[B]][0, %[[K]], 0] [3, 1, 8]
  // CHECK-DAG: %[[COLUMN:.*]] = tensor.extract_slice %[[B]][0, 0, %[[K]]] [3, 4, 1]
  // CHECK: linalg.generic {{.*}} outs(%[[B]] : tensor<3x4x8xf64>)
  // CHECK: arith.truncf
  %k = adapter.skew %v : tensor<3x6xf32>
  %q = adapter.cayley %k : !adapter.map<3x4x4, f32>
  %m = adapter.block_diagonal %q : !adapter.map<3x4x4, f32>
  %y = adapter.apply %m, %x : !adapter.map<12x12, f32>, tensor<2x12xf32> -> tensor<2x12xf32>
  return %y : tensor<2x12xf32>
}

// -----

#f32 = #format.float<f32>

// The series is K applied T - 1 times, or T - 2 products.
// CHECK-LABEL: func.func @series
func.func @series(%x: tensor<2x4xf32>, %w: tensor<4x4xf32, #f32>) -> tensor<2x4xf32> {
  // FACTORED-COUNT-4: adapter.linear
  // FACTORED-NOT: adapter.linear
  // MERGED-COUNT-3: iterator_types = ["parallel", "reduction", "parallel"]
  // MERGED-NOT: "reduction"
  // MERGED: adapter.linear
  %k = adapter.dense %w : tensor<4x4xf32, #f32>
  %q = adapter.cayley %k terms 5 : !adapter.map<4x4, f32>
  %y = adapter.apply %q, %x : !adapter.map<4x4, f32>, tensor<2x4xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Reflections one after the other, the last column first; in the matrix the first.
// CHECK-LABEL: func.func @reflections
// CHECK-SAME: (%[[X:.*]]: tensor<?x6xf32>, %[[U:.*]]: tensor<6x3xf32>)
func.func @reflections(%x: tensor<?x6xf32>, %u: tensor<6x3xf32>) -> tensor<?x6xf32> {
  // FACTORED: scf.for %[[I:.*]] = %c0 to %c3 step %c1 iter_args(%[[Y:.*]] = %[[X]]) -> (tensor<?x6xf32>)
  // FACTORED: %[[AT:.*]] = arith.subi %c2, %[[I]]
  // FACTORED: tensor.extract_slice %{{.*}}[%[[AT]], 0] [1, 6]
  // FACTORED: linalg.generic {{.*}} outs(%[[Y]] : tensor<?x6xf32>)
  // MERGED: scf.for %[[I:.*]] = %c0 to %c3 step %c1 {{.*}} -> (tensor<6x6xf32>)
  // MERGED: tensor.extract_slice %{{.*}}[%[[I]], 0] [1, 6]
  // MERGED: adapter.linear
  %h = adapter.householder %u : tensor<6x3xf32>
  %y = adapter.apply %h, %x : !adapter.map<6x6, f32>, tensor<?x6xf32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// An orthonormal basis is two kernels.
// CHECK-LABEL: func.func @basis
func.func @basis(%x: tensor<?x6xf32>, %u: tensor<6x3xf32>) -> tensor<?x6xf32> {
  // CHECK: scf.for {{.*}} -> (tensor<3x6xf64>)
  // FACTORED-COUNT-2: adapter.linear
  // FACTORED: arith.addf
  // MERGED-COUNT-1: adapter.linear
  // MERGED-NOT: adapter.linear
  %h = adapter.householder %u orthonormalize : tensor<6x3xf32>
  %y = adapter.apply %h, %x : !adapter.map<6x6, f32>, tensor<?x6xf32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// No matrix is made: the numbers of each block, twice, are read at i - j + b.
// CHECK: affine_map<(d0, d1, d2, d3, d4) -> (d1, d2, d4 - d3 + 5)>
// CHECK-LABEL: func.func @circulant
func.func @circulant(%x: tensor<?x15xf32>, %k: tensor<2x3x5xf32>) -> tensor<?x10xf32> {
  // CHECK: tensor.insert_slice {{.*}} : tensor<2x3x5xf32> into tensor<2x3x10xf32>
  // CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction", "reduction", "parallel"]{{.*}} ins(%{{.*}}, %{{.*}} : tensor<2x3x10xf32>, tensor<?x3x5xf32>) outs(%{{.*}} : tensor<?x2x5xf32>)
  %c = adapter.circulant %k : tensor<2x3x5xf32>
  %y = adapter.apply %c, %x {evaluate = #adapter<evaluation factored>} : !adapter.map<10x15, f32>, tensor<?x15xf32> -> tensor<?x10xf32>
  return %y : tensor<?x10xf32>
}

// -----

// Large blocks are correlated by transforms, of those of the blocks and of x.
// CHECK-LABEL: func.func @transforms
func.func @transforms(%x: tensor<?x512xf32>, %k: tensor<2x2x256xf32>) -> tensor<?x512xf32> {
  // CHECK: linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<2x2x16x16xf32>, tensor<2x2x16x16xf32>)
  // CHECK: linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<?x2x16x16xf32>, tensor<?x2x16x16xf32>)
  // CHECK: linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<?x2x256xf32>, tensor<?x2x256xf32>)
  // CHECK: tensor.collapse_shape {{.*}} : tensor<?x2x256xf32> into tensor<?x512xf32>
  %c = adapter.circulant %k : tensor<2x2x256xf32>
  %y = adapter.apply %c, %x {evaluate = #adapter<evaluation factored>} : !adapter.map<512x512, f32>, tensor<?x512xf32> -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// -----

// A transform of 4 = 2 x 2 points is two of 2 points; of a prime number of them, each entry is met.
// CHECK-LABEL: func.func @generated
func.func @generated(%x: tensor<?x4xf32>, %z: tensor<?x5xf32>) -> (tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x5xf32>) {
  // FACTORED: linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<?x2x2xf32>, tensor<?x2x2xf32>)
  // MERGED: arith.constant dense<[0.000000e+00, 1.000000e+00, {{.*}}, -1.000000e+00]> : tensor<4xf32>
  // CHECK: arith.remsi %{{.*}}, %{{.*}} : i32
  // FACTORED: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x3xf32>)
  // FACTORED-NOT: adapter.linear
  %s = adapter.fourier sin : !adapter.map<4x4, f32>
  %y = adapter.apply %s, %x : !adapter.map<4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %c = adapter.fourier cos : !adapter.map<5x5, f32>
  %w = adapter.apply %c, %z : !adapter.map<5x5, f32>, tensor<?x5xf32> -> tensor<?x5xf32>
  %h = adapter.haar : !adapter.map<3x4, f32>
  %v = adapter.apply %h, %x : !adapter.map<3x4, f32>, tensor<?x4xf32> -> tensor<?x3xf32>
  return %y, %v, %w : tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x5xf32>
}

// -----

#f32 = #format.float<f32>

// A train: the cores of the outputs and those of the inputs are contracted first, by loops, and are a pair of factors then. The matrix is made by loops over two at a time.
// CHECK-LABEL: func.func @train
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<16x16x3xf32>)
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<3x4x16xf32>)
func.func @train(%x: tensor<?x64xf32>, %a: tensor<16x3xf32, #f32>, %b: tensor<3x16x3xf32, #f32>, %c: tensor<3x4x3xf32, #f32>, %d: tensor<3x16xf32, #f32>) -> tensor<?x256xf32> {
  // FACTORED: %[[Z:.*]] = adapter.linear weight(%{{.*}} : tensor<3x64xf32, #format.float<f32>>) ins(%[[X]]
  // FACTORED: adapter.linear weight(%{{.*}} : tensor<256x3xf32, #format.float<f32>>) ins(%[[Z]]
  // MERGED: linalg.generic {{.*}} outs({{.*}} : tensor<16x16x4x16xf32>)
  // MERGED: adapter.linear weight(%{{.*}} : tensor<256x64xf32, #format.float<f32>>) ins(%[[X]]
  %m = adapter.contract "ar,rbs,sct,td->ab|cd" %a, %b, %c, %d : tensor<16x3xf32, #f32>, tensor<3x16x3xf32, #f32>, tensor<3x4x3xf32, #f32>, tensor<3x16xf32, #f32>
  %y = adapter.apply %m, %x : !adapter.map<256x64, f32>, tensor<?x64xf32> -> tensor<?x256xf32>
  return %y : tensor<?x256xf32>
}

// -----

// Gates of two axes each: the rows meet one after the other, as a matrix between what is summed over and what is made; other axes are more rows.
// CHECK-LABEL: func.func @circuit
// CHECK-SAME: (%[[X:.*]]: tensor<?x512xf32>
func.func @circuit(%x: tensor<?x512xf32>, %g: tensor<8x8x8x8xf32>, %h: tensor<8x8x8x8xf32>) -> tensor<?x512xf32> {
  // FACTORED: %[[E:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1, 2, 3]] output_shape [%{{.*}}, 8, 8, 8] : tensor<?x512xf32> into tensor<?x8x8x8xf32>
  // FACTORED: %[[T:.*]] = linalg.transpose ins(%[[E]] : tensor<?x8x8x8xf32>) {{.*}} permutation = [0, 3, 1, 2]
  // FACTORED: tensor.collapse_shape %[[T]] {{\[\[}}0], [1], [2, 3]]
  // FACTORED: adapter.linear weight(%{{.*}} : tensor<64x64xf32, #format.float<f32>>)
  // FACTORED: adapter.linear weight(%{{.*}} : tensor<64x64xf32, #format.float<f32>>)
  // FACTORED-NOT: adapter.linear
  // FACTORED-NOT: linalg.generic
  // FACTORED: return
  // MERGED: linalg.generic {{.*}}"reduction"
  // MERGED: adapter.linear weight(%{{.*}} : tensor<512x512xf32, #format.float<f32>>)
  %m = adapter.contract "epab,fgpc->efg|abc" %g, %h : tensor<8x8x8x8xf32>, tensor<8x8x8x8xf32>
  %y = adapter.apply %m, %x : !adapter.map<512x512, f32>, tensor<?x512xf32> -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// -----

// A mode in three cores is no mode of a matrix: loops. With these sizes the rows come last.
// CHECK-LABEL: func.func @together
func.func @together(%x: tensor<?x12xf32>, %a: tensor<5x4xf32>, %b: tensor<3x4xf32>, %c: tensor<4x4xf32>) -> tensor<?x5xf32> {
  // CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel"]
  // CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "reduction"]
  // CHECK: adapter.linear weight(%{{.*}} : tensor<5x12xf32, #format.float<f32>>)
  %m = adapter.contract "ar,br,cr->a|bc" %a, %b, %c : tensor<5x4xf32>, tensor<3x4xf32>, tensor<4x4xf32>
  %y = adapter.apply %m, %x : !adapter.map<5x12, f32>, tensor<?x12xf32> -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}
