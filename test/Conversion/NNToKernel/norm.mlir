// RUN: allot-opt %s -convert-nn-to-kernel -split-input-file | FileCheck %s

// Leading dimensions fold into rows; epsilon is an argument, so that the two norms share a kernel.
// CHECK-LABEL: func.func @rms(
// CHECK-SAME:    %[[X:.*]]: memref<?x?x64xf32>, %[[W:.*]]: memref<64xf32>, %[[Y:.*]]: memref<?x?x64xf32>
// CHECK-DAG:     %[[XR:.*]] = memref.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
// CHECK-DAG:     %[[XC:.*]] = memref.cast %[[XR]] : memref<?x64xf32> to memref<?x?xf32>
// CHECK-DAG:     %[[WC:.*]] = memref.cast %[[W]] : memref<64xf32> to memref<?xf32>
// CHECK-DAG:     %[[YR:.*]] = memref.collapse_shape %[[Y]] {{\[\[}}0, 1], [2]]
// CHECK-DAG:     %[[YC:.*]] = memref.cast %[[YR]]
// CHECK-DAG:     %[[E:.*]] = arith.constant 9.99999974E-6 : f32
// CHECK:         call @kernel_nn_norm_rms(%[[XC]], %[[WC]], %[[YC]], %[[E]]) : (memref<?x?xf32>, memref<?xf32>, memref<?x?xf32>, f32) -> ()
// CHECK:         call @kernel_nn_norm_rms(
// CHECK-NOT:     nn.norm
func.func @rms(%x: memref<?x?x64xf32>, %w: memref<64xf32>, %y: memref<?x?x64xf32>) {
  nn.norm rms ins(%x, %w : memref<?x?x64xf32>, memref<64xf32>) epsilon 1.0e-5 outs(%y : memref<?x?x64xf32>)
  nn.norm rms ins(%y, %w : memref<?x?x64xf32>, memref<64xf32>) epsilon 1.0e-6 outs(%x : memref<?x?x64xf32>)
  return
}

// CHECK:         func.func private @kernel_nn_norm_rms(%{{.*}}: memref<?x?xf32>, %{{.*}}: memref<?xf32>, %{{.*}}: memref<?x?xf32>, %{{.*}}: f32) attributes {allot.kernel}
// Few numbers start no team.
// CHECK:         scf.if
// CHECK-NEXT:    omp.parallel {
// CHECK:         call @omp_get_thread_num() : () -> i32
// CHECK:         call @omp_get_num_threads() : () -> i32
// CHECK:         vector.fma %{{.*}} : vector<8xf32>
// CHECK:         vector.maskedload
// CHECK:         math.sqrt
// CHECK:         vector.store
// CHECK:         vector.maskedstore
// CHECK-NOT:     func.func private @kernel_nn_norm_rms

// -----

// CHECK-LABEL: func.func @layer(
// CHECK:         memref.expand_shape %{{.*}} {{\[\[}}0, 1]] output_shape [1, 64] : memref<64xf32> into memref<1x64xf32>
// CHECK:         call @kernel_nn_norm_layer_bias({{.*}}) : (memref<?x?xf32>, memref<?xf32>, memref<?xf32>, memref<?x?xf32>, f32) -> ()
// CHECK:         call @kernel_nn_norm_layer({{.*}}) : (memref<?x?xf32>, memref<?xf32>, memref<?x?xf32>, f32) -> ()
// CHECK:       func.func private @kernel_nn_norm_layer_bias(
// CHECK:       func.func private @kernel_nn_norm_layer(
func.func @layer(%x: memref<64xf32>, %w: memref<64xf32>, %b: memref<64xf32>, %y: memref<64xf32>) {
  nn.norm layer ins(%x, %w, %b : memref<64xf32>, memref<64xf32>, memref<64xf32>) epsilon 1.0e-5 outs(%y : memref<64xf32>)
  nn.norm layer ins(%x, %w : memref<64xf32>, memref<64xf32>) epsilon 1.0e-5 outs(%y : memref<64xf32>)
  return
}

// -----

// A layout that rows do not have is copied in, and the result back.
// CHECK-LABEL: func.func @strided(
// CHECK-SAME:    %[[X:.*]]: memref<?x64xf32, strided<[?, 1], offset: ?>>, %[[W:.*]]: memref<64xf32>, %[[Y:.*]]: memref<?x64xf32, strided<[?, 1], offset: ?>>
// CHECK:         %[[A:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?x64xf32>
// CHECK:         linalg.copy ins(%[[X]] : {{.*}}) outs(%[[A]] : memref<?x64xf32>)
// CHECK:         %[[B:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?x64xf32>
// CHECK:         call @kernel_nn_norm_rms(
// CHECK:         linalg.copy ins(%[[B]] : memref<?x64xf32>) outs(%[[Y]] :
// CHECK:         memref.dealloc %[[A]]
// CHECK:         memref.dealloc %[[B]]
func.func @strided(%x: memref<?x64xf32, strided<[?, 1], offset: ?>>, %w: memref<64xf32>, %y: memref<?x64xf32, strided<[?, 1], offset: ?>>) {
  nn.norm rms ins(%x, %w : memref<?x64xf32, strided<[?, 1], offset: ?>>, memref<64xf32>) epsilon 1.0e-5 outs(%y : memref<?x64xf32, strided<[?, 1], offset: ?>>)
  return
}

// -----

// Somebody else's function of that name keeps it.
// CHECK-LABEL: func.func @taken(
// CHECK:         call @kernel_nn_norm_rms_1(
// CHECK:       func.func private @kernel_nn_norm_rms()
// CHECK:       func.func private @kernel_nn_norm_rms_1(
func.func @taken(%x: memref<?x64xf32>, %w: memref<64xf32>, %y: memref<?x64xf32>) {
  nn.norm rms ins(%x, %w : memref<?x64xf32>, memref<64xf32>) epsilon 1.0e-5 outs(%y : memref<?x64xf32>)
  return
}
func.func private @kernel_nn_norm_rms()
