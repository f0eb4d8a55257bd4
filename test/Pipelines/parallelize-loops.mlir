// RUN: allot-opt %s --program-parallelize-loops --split-input-file | FileCheck %s
// RUN: allot-opt %s --program-parallelize-loops=minimum=1 --split-input-file | FileCheck %s --check-prefix=ALL

// The longest known dimension is shared, where there is enough to do.

// CHECK-LABEL: func.func @rows(
// CHECK-SAME:    %[[Y:.*]]: memref<?x1024xf32>
// CHECK:         %[[WORK:.*]] = arith.muli
// CHECK:         %[[LARGE:.*]] = arith.cmpi ugt, %[[WORK]], %{{.*}}
// CHECK:         omp.parallel if(%[[LARGE]]) {
// CHECK:           %[[N:.*]] = memref.dim %[[Y]]
// CHECK:           scf.for %{{.*}} = %{{.*}} to %[[N]]
// CHECK:             %[[LO:.*]] = arith.divui
// CHECK:             %[[HI:.*]] = arith.divui
// CHECK:             scf.for %{{.*}} = %{{.*}} to %[[HI]]
// CHECK:           omp.terminator
func.func @rows(%y: memref<?x1024xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<?x1024xf32>)
  return
}

// -----

// Always short: no team.

// CHECK-LABEL: func.func @short(
// CHECK-NOT:     omp.parallel
// CHECK:         scf.for
// ALL-LABEL: func.func @short(
// ALL:         omp.parallel
func.func @short(%y: memref<4x64xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<4x64xf32>)
  return
}

// -----

// No dimension to share: everything goes into one sum.

// CHECK-LABEL: func.func @sum(
// CHECK-NOT:     omp.parallel
// CHECK:         scf.for
func.func @sum(%x: memref<65536xf32>, %y: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
    ins(%x : memref<65536xf32>) outs(%y : memref<f32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Inside a kernel threads are busy already.

// CHECK-LABEL: func.func @inside(
// CHECK:         omp.parallel {
// CHECK-NEXT:      linalg.fill
func.func @inside(%y: memref<65536xf32>) {
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    linalg.fill ins(%zero : f32) outs(%y : memref<65536xf32>)
    omp.terminator
  }
  return
}
