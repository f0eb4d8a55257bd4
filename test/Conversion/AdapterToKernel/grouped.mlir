// RUN: allot-opt %s --convert-adapter-to-kernel | FileCheck %s

#f16 = #format.packed<#format.float<f16>, rows = 8>

// Factors of the weight table are found by their number in it, whatever their rank; terms that are the same are one constant, and kernels of the same formats one function.
// CHECK-DAG: memref.global "private" constant @[[TERMS:.*]] : memref<8xi32> = dense<[0, 3, 2, 4, 2, 5, 7, 30]>
// CHECK-DAG: memref.global "private" constant @[[SCALES:.*]] : memref<2xf32> = dense<[2.000000e+00, 5.000000e-01]>
// Where the terms of each member begin: member 0 has two, 1 none, 2 one.
// CHECK-DAG: memref.global "private" constant @{{.*}} : memref<4xi32> = dense<[0, 2, 2, 3]>
// CHECK-DAG: memref.global "private" constant @{{.*}} : memref<6xi32> = dense<[0, -1, 1, 0, -1, -1]>
// CHECK-NOT: dense<[0, 3, 2, 4, 2, 5, 7, 30]>

// CHECK-LABEL: func.func @banks(
// CHECK-SAME: %[[TABLE:.*]]: memref<?xmemref<?xi8>>, %[[X:.*]]: memref<?x?x512xf32>
func.func @banks(%table: memref<?xmemref<?xi8>>, %x: memref<?x?x512xf32>, %ids: memref<?xi32>, %order: memref<?xi32>, %places: memref<?xi32>, %offsets: memref<4xi32>, %y: memref<?x?x96xf32>) {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %c7 = arith.constant 7 : index
  %a0 = memref.load %table[%c2] : memref<?xmemref<?xi8>>
  %b0 = memref.load %table[%c3] : memref<?xmemref<?xi8>>
  %b1 = memref.load %table[%c5] : memref<?xmemref<?xi8>>
  %a1 = memref.load %table[%c7] : memref<?xmemref<?xi8>>
  // CHECK: call @group_rows(
  adapter.group_rows ins(%ids : memref<?xi32>) outs(%order, %places, %offsets : memref<?xi32>, memref<?xi32>, memref<4xi32>)
  // CHECK: %[[FLAT:.*]] = memref.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
  // CHECK: memref.get_global @[[TERMS]]
  // CHECK: memref.get_global @[[SCALES]]
  // CHECK: call @grouped_f16f16_plus(%{{.*}}, %{{.*}}, %{{.*}}, %[[TABLE]],
  adapter.grouped_lowrank ins(%x : memref<?x?x512xf32>) groups(%order, %offsets : memref<?xi32>, memref<4xi32>) factors(%b0, %a0, %b1, %a1 : memref<?xi8>, memref<?xi8>, memref<?xi8>, memref<?xi8>)
    members([0, 2]) scales([2.0, 0.5]) accumulate outs(%y : memref<?x?x96xf32>)
    {stored = [tensor<96x4xf32, #f16>, tensor<4x512xf32, #f16>, tensor<96x30xf32, #f16>, tensor<30x512xf32, #f16>]}
  // CHECK: call @grouped_f16f16_plus(
  adapter.grouped_lowrank ins(%x : memref<?x?x512xf32>) groups(%order, %offsets : memref<?xi32>, memref<4xi32>) factors(%b0, %a0, %b1, %a1 : memref<?xi8>, memref<?xi8>, memref<?xi8>, memref<?xi8>)
    members([0, 2]) scales([2.0, 0.5]) accumulate outs(%y : memref<?x?x96xf32>)
    {stored = [tensor<96x4xf32, #f16>, tensor<4x512xf32, #f16>, tensor<96x30xf32, #f16>, tensor<30x512xf32, #f16>]}
  return
}

// Others are put into a table on the stack, outside of loops.
// CHECK-LABEL: func.func @arguments(
// CHECK-NEXT: %[[OWN:.*]] = memref.alloca() : memref<2xmemref<?xi8>>
// CHECK: scf.for
// CHECK: memref.store %{{.*}}, %[[OWN]]
// CHECK: memref.store %{{.*}}, %[[OWN]]
// CHECK: %[[ANY:.*]] = memref.cast %[[OWN]] : memref<2xmemref<?xi8>> to memref<?xmemref<?xi8>>
// CHECK: func.call @grouped_f16f16_weighted(%{{.*}}, %{{.*}}, %{{.*}}, %[[ANY]],
func.func @arguments(%b: memref<?xi8>, %a: memref<?xi8>, %x: memref<?x512xf32>, %order: memref<?xi32>, %offsets: memref<2xi32>, %w: memref<?xf32>, %y: memref<?x96xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    adapter.grouped_lowrank ins(%x : memref<?x512xf32>) groups(%order, %offsets : memref<?xi32>, memref<2xi32>) factors(%b, %a : memref<?xi8>, memref<?xi8>) members([0]) scales([1.0])
      weights(%w : memref<?xf32>) outs(%y : memref<?x96xf32>) {stored = [tensor<96x4xf32, #f16>, tensor<4x512xf32, #f16>]}
  }
  return
}

// CHECK-LABEL: func.func @diagonals(
// CHECK: call @grouped_diagonal(
func.func @diagonals(%x: memref<?x64xf32>, %ids: memref<?xi32>, %c: memref<64xf32>, %s: memref<64xf32>, %swap: memref<64xi32>, %y: memref<?x64xf32>) {
  adapter.grouped_diagonal ins(%x : memref<?x64xf32>) ids(%ids : memref<?xi32>) terms members([0, 0, 2]) vectors([0, 1, -1]) sources([-1, 0, -1]) scales([1.0, 1.0, 1.0])
    of(%c, %s : memref<64xf32>, memref<64xf32>) from(%swap : memref<64xi32>) outs(%y : memref<?x64xf32>)
  return
}

// One parallel region: threads meet once, between the factors.
// CHECK-LABEL: func.func private @grouped_f16f16_plus(
// CHECK: omp.parallel
// CHECK: omp.barrier
// CHECK-NOT: omp.parallel
// CHECK-NOT: omp.barrier
// CHECK: return
