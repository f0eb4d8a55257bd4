// The low-rank term: z = s A x before a barrier, B z on the accumulators of each tile.
// RUN: allot-opt %s --convert-adapter-to-kernel | FileCheck %s

#f32 = #format.packed<#format.float<f32>, rows = 8>

func.func @f(%w: memref<?xi8>, %b: memref<?xi8>, %a: memref<?xi8>, %x: memref<?x5xf32>, %y: memref<?x7xf32>) {
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x5xf32>) factors(%b, %a : memref<?xi8>, memref<?xi8>) scales([0.5]) outs(%y : memref<?x7xf32>)
    {stored = [tensor<7x5xf32, #f32>, tensor<7x3xf32, #f32>, tensor<3x5xf32, #f32>]}
  return
}

// CHECK-LABEL: func.func private @linear_f32_f32_f32f32_one(
// CHECK-SAME: %{{[^,]*}}: index, %[[SCALE:.*]]: f32)
// CHECK: omp.parallel
// CHECK: func.call @omp_get_thread_num
// CHECK: vector.broadcast %[[SCALE]] : f32 to vector<8xf32>
// CHECK: scf.for
// CHECK: vector.fma
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<8xi1>, vector<8xf32>
// CHECK: omp.barrier
// CHECK: scf.for
// CHECK: scf.for
// CHECK: vector.fma
// CHECK: scf.if
// CHECK: vector.store
// CHECK: else
// CHECK: vector.maskedstore
// CHECK: omp.terminator
