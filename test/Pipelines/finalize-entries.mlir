// RUN: allot-opt %s --program-finalize-entries | FileCheck %s

// A result that is an argument, also behind a cast, is dropped; the table is no input.
// CHECK-LABEL: func.func @update
// CHECK-SAME: -> memref<?xf32> attributes {allot.results = array<i64: -1, 1>, allot.takes_weights, llvm.emit_c_interface}
// CHECK: return %{{.*}} : memref<?xf32>
func.func @update(%w: memref<?xmemref<?xi8>> {allot.weights_table}, %n: memref<1xi32>, %cache: memref<?xf32>) -> (memref<?xf32>, memref<?xf32>) {
  %c4 = arith.constant 4 : index
  %a = memref.alloc(%c4) : memref<?xf32>
  %s = memref.cast %cache : memref<?xf32> to memref<8xf32>
  %d = memref.cast %s : memref<8xf32> to memref<?xf32>
  return %a, %d : memref<?xf32>, memref<?xf32>
}

// What other functions call keeps its results.
// CHECK-LABEL: func.func @called
// CHECK-SAME: -> memref<?xf32> attributes {allot.results = array<i64: -1>
func.func @called(%x: memref<?xf32>) -> memref<?xf32> { return %x : memref<?xf32> }
// CHECK-LABEL: func.func @caller
// CHECK-SAME: allot.results = array<i64: -1>
func.func @caller(%x: memref<?xf32>) -> memref<?xf32> {
  %y = call @called(%x) : (memref<?xf32>) -> memref<?xf32>
  return %y : memref<?xf32>
}

// CHECK-LABEL: func.func private @inner
// CHECK-NOT: llvm.emit_c_interface
func.func private @inner(%x: memref<?xf32>) -> memref<?xf32> { return %x : memref<?xf32> }
