// RUN: allot-opt %s -convert-nn-to-kernel -split-input-file | FileCheck %s

// Keys and values keep their strides, a missing window is a large number.
// CHECK-LABEL: func.func @cached(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: memref<?x?x9x64xf32>, %[[K:[a-z0-9]+]]: memref<?x?x3x64xf32, strided<[?, 192, 64, 1], offset: ?>>
// CHECK-DAG:     %[[QC:.*]] = memref.cast %[[Q]] : memref<?x?x9x64xf32> to memref<?x?x?x?xf32>
// CHECK-DAG:     %[[KC:.*]] = memref.cast %[[K]] : memref<?x?x3x64xf32, strided<[?, 192, 64, 1], offset: ?>> to memref<?x?x?x?xf32, strided<[?, ?, ?, 1], offset: ?>>
// CHECK-DAG:     %[[S:.*]] = arith.constant 1.250000e-01 : f32
// CHECK-DAG:     %[[W:.*]] = arith.constant 4611686018427387904 : index
// CHECK:         call @kernel_nn_attention_causal_total(%[[QC]], %[[KC]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[S]], %[[W]])
// CHECK-NOT:     nn.attention
func.func @cached(%q: memref<?x?x9x64xf32>, %k: memref<?x?x3x64xf32, strided<[?, 192, 64, 1], offset: ?>>,
                  %v: memref<?x?x3x64xf32, strided<[?, 192, 64, 1], offset: ?>>, %past: memref<?xi32>, %total: memref<?xi32>, %o: memref<?x?x9x64xf32>) {
  nn.attention ins(%q, %k, %v : memref<?x?x9x64xf32>, memref<?x?x3x64xf32, strided<[?, 192, 64, 1], offset: ?>>, memref<?x?x3x64xf32, strided<[?, 192, 64, 1], offset: ?>>)
    past(%past : memref<?xi32>) total(%total : memref<?xi32>) {causal, scale = 1.25e-01 : f64} outs(%o : memref<?x?x9x64xf32>)
  return
}

// No buffer of queries x keys: what a thread holds has fixed numbers of rows and keys, and the sizes of heads. First the nest of few rows.
// CHECK:       func.func private @kernel_nn_attention_causal_total(
// CHECK:         omp.parallel if(
// CHECK-NOT:     memref.alloc(
// CHECK:         memref.alloca() {{.*}} : memref<64x32xf32>
// CHECK:         memref.atomic_rmw addi
// A number of each cache line of a block is read in the order of memory, and kept.
// CHECK:         arith.addf %{{.*}} : f32
// CHECK:         memref.store %{{.*}}, %{{.*}}[%{{.*}}] : memref<?x?xf32>
// CHECK:         vector.shuffle
// CHECK:         math.exp %{{.*}} : vector<8xf32>
// CHECK:         omp.barrier
// Then that of many.
// CHECK:         omp.parallel if(
// CHECK:         memref.alloc(%{{.*}}) {{.*}} : memref<16x?x4xf32>
// CHECK:         memref.alloc(%{{.*}}) {{.*}} : memref<2x?x16xf32>
// CHECK:         memref.alloc(%{{.*}}) {{.*}} : memref<32x?xf32>
// CHECK:         memref.alloc(%{{.*}}) {{.*}} : memref<64x?xf32>
// CHECK:         memref.alloca() {{.*}} : memref<4x32xf32>
// CHECK:         memref.atomic_rmw addi
// CHECK:         vector.shuffle
// CHECK:         math.exp %{{.*}} : vector<8xf32>
// CHECK-NOT:     math.tanh
// CHECK:         omp.barrier

// -----

// CHECK-LABEL: func.func @capped(
// CHECK-DAG:     %[[C:.*]] = arith.constant 5.000000e+01 : f32
// CHECK-DAG:     %[[W:.*]] = arith.constant 16 : index
// CHECK:         call @kernel_nn_attention_softcap({{.*}}, %[[C]], %[[W]]) : (memref<?x?x?x?xf32>, memref<?x?x?x?xf32, strided<[?, ?, ?, 1], offset: ?>>, memref<?x?x?x?xf32, strided<[?, ?, ?, 1], offset: ?>>, memref<?xi32>, memref<?x?x?x?xf32>, f32, f32, index) -> ()
// CHECK:       func.func private @kernel_nn_attention_softcap(
// CHECK:         math.tanh %{{.*}} : vector<8xf32>
func.func @capped(%q: memref<1x?x2x8xf32>, %k: memref<1x?x2x8xf32>, %past: memref<1xi32>, %o: memref<1x?x2x8xf32>) {
  nn.attention ins(%q, %k, %k : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>) past(%past : memref<1xi32>)
    {scale = 1.0, softcap = 50.0, window = 16 : i64} outs(%o : memref<1x?x2x8xf32>)
  return
}

// -----

// Columns apart: kernels load vectors of a head, so these keys are copied.
// CHECK-LABEL: func.func @transposed(
// CHECK-SAME:    %{{.*}}, %[[K:[a-z0-9]+]]: memref<1x?x2x8xf32, strided<[?, ?, ?, ?], offset: ?>>
// CHECK:         %[[A:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<1x?x2x8xf32>
// CHECK:         linalg.copy ins(%[[K]] : {{.*}}) outs(%[[A]] :
// CHECK:         call @kernel_nn_attention(
// CHECK:         memref.dealloc %[[A]]
func.func @transposed(%q: memref<1x?x2x8xf32>, %k: memref<1x?x2x8xf32, strided<[?, ?, ?, ?], offset: ?>>, %v: memref<1x?x2x8xf32>, %past: memref<1xi32>, %o: memref<1x?x2x8xf32>) {
  nn.attention ins(%q, %k, %v : memref<1x?x2x8xf32>, memref<1x?x2x8xf32, strided<[?, ?, ?, ?], offset: ?>>, memref<1x?x2x8xf32>) past(%past : memref<1xi32>)
    {scale = 1.0} outs(%o : memref<1x?x2x8xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @gradients(
// CHECK:         call @kernel_nn_attention_grad_causal_total(
// CHECK:       func.func private @kernel_nn_attention_grad_causal_total(
// CHECK:         omp.parallel if(
func.func @gradients(%q: memref<?x?x9x64xf32>, %k: memref<?x?x3x64xf32>, %past: memref<?xi32>, %dq: memref<?x?x9x64xf32>, %dk: memref<?x?x3x64xf32>, %dv: memref<?x?x3x64xf32>) {
  nn.attention_grad ins(%q, %k, %k : memref<?x?x9x64xf32>, memref<?x?x3x64xf32>, memref<?x?x3x64xf32>) grad(%q : memref<?x?x9x64xf32>) past(%past : memref<?xi32>) total(%past : memref<?xi32>)
    {causal, scale = 1.25e-01 : f64} outs(%dq, %dk, %dv : memref<?x?x9x64xf32>, memref<?x?x3x64xf32>, memref<?x?x3x64xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @masked(
// CHECK-SAME:    %[[M:[a-z0-9]+]]: memref<1x?xi32>, %[[D:[a-z0-9]+]]: memref<2x9xf32>
// CHECK-DAG:     %[[MC:.*]] = memref.cast %[[M]] : memref<1x?xi32> to memref<?x?xi32>
// CHECK-DAG:     %[[DC:.*]] = memref.cast %[[D]] : memref<2x9xf32> to memref<?x?xf32>
// CHECK:         call @kernel_nn_attention_mask_distances(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[MC]], %[[DC]],
// CHECK:       func.func private @kernel_nn_attention_mask_distances(
// CHECK:         vector.gather %{{.*}} : memref<?x?xf32>
// CHECK:         vector.gather %{{.*}} : memref<?x?xi32>
func.func @masked(%q: memref<1x?x2x8xf32>, %past: memref<1xi32>, %mask: memref<1x?xi32>, %table: memref<2x9xf32>, %o: memref<1x?x2x8xf32>) {
  nn.attention ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>) past(%past : memref<1xi32>) mask(%mask : memref<1x?xi32>)
    distances(%table : memref<2x9xf32>) {scale = 1.0} outs(%o : memref<1x?x2x8xf32>)
  return
}
