// RUN: allot-opt %s -convert-nn-to-kernel -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @f(
// CHECK-DAG:     %[[S:.*]] = arith.constant 1.000000e+00 : f32
// CHECK:         call @kernel_nn_rope_halves({{.*}}, %[[S]]) : (memref<?x?x?x?xf32>, memref<?xi32>, memref<?xf32>, memref<?x?x?x?xf32>, f32) -> ()
// CHECK:         call @kernel_nn_rope_neighbours({{.*}}) : (memref<?x?x?x?xf32>, memref<?xi32>, memref<?xf32>, memref<?x?x?x?xf32>, f32) -> ()
// CHECK:         %[[LAYER:.*]] = arith.constant 3 : index
// CHECK:         %[[SLOT:.*]] = arith.constant 1 : index
// CHECK:         call @kernel_nn_cache_update({{.*}}, %[[LAYER]], %[[SLOT]]) : (memref<?x?x?x?xf32>, memref<?xi32>, memref<?xi32>, memref<?x?x?x?x?x?xf32, strided<[?, ?, ?, ?, ?, 1], offset: ?>>, index, index) -> ()
// CHECK-NOT:     nn.
func.func @f(%x: memref<?x?x2x16xf32>, %past: memref<?xi32>, %count: memref<?xi32>, %freqs: memref<8xf32>, %y: memref<?x?x2x16xf32>, %cache: memref<30x2x?x?x2x16xf32>) {
  nn.rope halves ins(%x, %past, %freqs : memref<?x?x2x16xf32>, memref<?xi32>, memref<8xf32>) scale 1.0 outs(%y : memref<?x?x2x16xf32>)
  nn.rope neighbours ins(%x, %past, %freqs : memref<?x?x2x16xf32>, memref<?xi32>, memref<8xf32>) scale 1.0 outs(%y : memref<?x?x2x16xf32>)
  nn.cache_update ins(%y : memref<?x?x2x16xf32>) past(%past : memref<?xi32>) count(%count : memref<?xi32>) layer 3 slot 1 outs(%cache : memref<30x2x?x?x2x16xf32>)
  return
}

// The table of a token comes before its heads; the quarter turns are taken off in f64.
// CHECK:       func.func private @kernel_nn_rope_halves(
// CHECK:         math.roundeven %{{.*}} : vector<8xf64>
// CHECK:       func.func private @kernel_nn_rope_neighbours(
// CHECK:         vector.shuffle %{{.*}} [1, 0, 3, 2, 5, 4, 7, 6]
// CHECK:       func.func private @kernel_nn_cache_update(
// CHECK:         arith.cmpi ult

// -----

// Strides that nobody knows are not believed to be row-major.
// CHECK-LABEL: func.func @strided(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<?x?x2x16xf32, strided<[?, ?, ?, ?], offset: ?>>
// CHECK:         %[[A:.*]] = memref.alloc({{.*}}) {{.*}} : memref<?x?x2x16xf32>
// CHECK:         linalg.copy ins(%[[X]] : {{.*}}) outs(%[[A]] :
// CHECK:         call @kernel_nn_rope_halves(
func.func @strided(%x: memref<?x?x2x16xf32, strided<[?, ?, ?, ?], offset: ?>>, %past: memref<?xi32>, %freqs: memref<8xf32>, %y: memref<?x?x2x16xf32>) {
  nn.rope halves ins(%x, %past, %freqs : memref<?x?x2x16xf32, strided<[?, ?, ?, ?], offset: ?>>, memref<?xi32>, memref<8xf32>) scale 1.0 outs(%y : memref<?x?x2x16xf32>)
  return
}
