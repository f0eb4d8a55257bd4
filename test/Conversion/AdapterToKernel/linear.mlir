// RUN: allot-opt %s --convert-adapter-to-kernel | FileCheck %s

#q4 = #format.packed<#format.q4_1, rows = 8>
#f16 = #format.packed<#format.float<f16>, rows = 8>

// CHECK-DAG: func.func private @omp_get_thread_num() -> i32
// CHECK-DAG: func.func private @omp_get_num_threads() -> i32

// Leading dimensions fold into rows; sizes become unknown.
// CHECK-LABEL: func.func @plain(
// CHECK-SAME: %[[W:.*]]: memref<?xi8>, %[[X:.*]]: memref<?x?x64xf32>, %[[Y:.*]]: memref<?x?x24xf32>
func.func @plain(%w: memref<?xi8>, %x: memref<?x?x64xf32>, %y: memref<?x?x24xf32>) {
  // CHECK: %[[X2:.*]] = memref.collapse_shape %[[X]] {{\[}}[0, 1], [2]]
  // CHECK: %[[XD:.*]] = memref.cast %[[X2]] : memref<?x64xf32> to memref<?x?xf32>
  // CHECK: %[[Y2:.*]] = memref.collapse_shape %[[Y]]
  // CHECK: %[[YD:.*]] = memref.cast %[[Y2]] : memref<?x24xf32> to memref<?x?xf32>
  // CHECK: call @linear_q4_1_f32(%[[W]], %[[XD]], %[[YD]]) : (memref<?xi8>, memref<?x?xf32>, memref<?x?xf32>) -> ()
  // CHECK-NOT: adapter.linear
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x?x64xf32>) outs(%y : memref<?x?x24xf32>) {stored = [tensor<24x64xf32, #q4>]}
  return
}

// Another shape has the same kernel.
// CHECK-LABEL: func.func @another_shape(
func.func @another_shape(%w: memref<?xi8>, %x: memref<5x32xf32>, %y: memref<5x7xf32>) {
  // CHECK: call @linear_q4_1_f32(
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<5x32xf32>) outs(%y : memref<5x7xf32>) {stored = [tensor<7x32xf32, #q4>]}
  return
}

// A vector is one row.
// CHECK-LABEL: func.func @vector(
func.func @vector(%w: memref<?xi8>, %x: memref<32xf32>, %y: memref<7xf32>) {
  // CHECK: memref.expand_shape %{{.*}} {{\[}}[0, 1]] output_shape [1, 32] : memref<32xf32> into memref<1x32xf32>
  // CHECK: call @linear_q4_1_f32(
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<32xf32>) outs(%y : memref<7xf32>) {stored = [tensor<7x32xf32, #q4>]}
  return
}

// Arithmetic and epilogue are the kernel's; rank and scale are arguments.
// CHECK-LABEL: func.func @fused(
// CHECK-SAME: %[[W:.*]]: memref<?xi8>, %[[B:.*]]: memref<?xi8>, %[[A:.*]]: memref<?xi8>
func.func @fused(%w: memref<?xi8>, %b: memref<?xi8>, %a: memref<?xi8>, %x: memref<?x64xf32>, %bias: memref<24xf32>, %m: memref<?x24xf32>, %r: memref<?x24xf32>,
                 %y: memref<?x24xf32>) {
  // CHECK-DAG: %[[RANK:.*]] = arith.constant 4 : index
  // CHECK-DAG: %[[SCALE:.*]] = arith.constant 2.000000e+00 : f32
  // CHECK: call @linear_q4_1_i8_f16f16_bias_silu_times_plus(%[[W]], %{{.*}}, %[[B]], %[[A]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[RANK]], %[[SCALE]])
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x64xf32>) factors(%b, %a : memref<?xi8>, memref<?xi8>) scales([2.0]) bias(%bias : memref<24xf32>)
    activation silu arithmetic i8 multiplier(%m : memref<?x24xf32>) residual(%r : memref<?x24xf32>) outs(%y : memref<?x24xf32>)
    {stored = [tensor<24x64xf32, #q4>, tensor<24x4xf32, #f16>, tensor<4x64xf32, #f16>]}
  return
}

// Buffers that are not contiguous are copied, the result back.
// CHECK-LABEL: func.func @strided(
// CHECK-SAME: %{{.*}}: memref<?xi8>, %[[X:.*]]: memref<?x32xf32, strided<[64, 1], offset: ?>>, %[[Y:.*]]: memref<?x7xf32, strided<[16, 1], offset: ?>>
func.func @strided(%w: memref<?xi8>, %x: memref<?x32xf32, strided<[64, 1], offset: ?>>, %y: memref<?x7xf32, strided<[16, 1], offset: ?>>) {
  // CHECK: %[[XC:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?x32xf32>
  // CHECK: memref.copy %[[X]], %[[XC]]
  // CHECK: %[[YC:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?x7xf32>
  // CHECK-NOT: memref.copy
  // CHECK: call @linear_q4_1_f32(
  // CHECK: memref.copy %[[YC]], %[[Y]]
  // CHECK: memref.dealloc %[[XC]]
  // CHECK: memref.dealloc %[[YC]]
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32, strided<[64, 1], offset: ?>>) outs(%y : memref<?x7xf32, strided<[16, 1], offset: ?>>)
    {stored = [tensor<7x32xf32, #q4>]}
  return
}

// A float format has no codes that integers could meet: its kernel is the same whatever the arithmetic.
// CHECK-LABEL: func.func @floats(
func.func @floats(%w: memref<?xi8>, %x: memref<?x5xf32>, %y: memref<?x7xf32>) {
  // CHECK: call @linear_f16_f32(
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x5xf32>) arithmetic i8 outs(%y : memref<?x7xf32>) {stored = [tensor<7x5xf32, #f16>]}
  // CHECK: call @linear_f16_f32(
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x5xf32>) outs(%y : memref<?x7xf32>) {stored = [tensor<7x5xf32, #f16>]}
  return
}

// One private function for each kernel, which chooses a driver by the number of rows.
// CHECK: func.func private @linear_q4_1_f32_one(%{{.*}}: memref<?xi8>, %{{.*}}: memref<?x?xf32>, %{{.*}}: memref<?x?xf32>)
// One row is shared by the team of its caller.
// CHECK-NOT: omp.parallel
// CHECK: func.func private @linear_q4_1_f32_few(
// CHECK: omp.parallel
// CHECK: func.func private @linear_q4_1_f32_many(
// CHECK: func.func private @linear_q4_1_f32(
// CHECK: omp.parallel
// CHECK-NEXT: call @linear_q4_1_f32_one
// CHECK: call @linear_q4_1_f32_few
// CHECK: call @linear_q4_1_f32_many
// CHECK-NOT: func.func private @linear_q4_1_f32(
