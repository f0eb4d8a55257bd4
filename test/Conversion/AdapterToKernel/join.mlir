// Kernels on one row of the same x that follow each other share a team.
// RUN: allot-opt %s --convert-adapter-to-kernel | FileCheck %s
// RUN: allot-opt %s --convert-adapter-to-kernel=join=false | FileCheck %s --check-prefix=ALONE

#q4 = #format.packed<#format.q4_1, rows = 8>
#q8 = #format.packed<#format.q8_0, rows = 8>
#f16 = #format.packed<#format.float<f16>, rows = 8>

// Without the option nothing but kernels has a team.
// ALONE: func.func @siblings(
// ALONE-NOT: omp.parallel
// ALONE: func.func private @linear_q4_1_f32_one(

// CHECK-LABEL: func.func @siblings(
// CHECK-SAME: %[[W:.*]]: memref<?xi8>, %[[X:.*]]: memref<?x512xf32>, %[[Y:.*]]: memref<?x96xf32>
func.func @siblings(%w: memref<?xi8>, %x: memref<?x512xf32>, %y: memref<?x96xf32>, %n: index) {
  // CHECK: %[[A:.*]] = memref.alloc(%{{.*}}) : memref<?x96xf32>
  %a = memref.alloc(%n) : memref<?x96xf32>
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) outs(%a : memref<?x96xf32>) {stored = [tensor<96x512xf32, #q4>]}
  // Memory may be made between them, and sizes looked at.
  %m = memref.dim %a, %n : memref<?x96xf32>
  %b = memref.alloc(%m) : memref<?x80xf32>
  // CHECK-NOT: call
  // CHECK: %[[ROWS:.*]] = memref.dim %[[X]], %{{.*}} : memref<?x512xf32>
  // CHECK: %[[ONE:.*]] = arith.cmpi eq, %[[ROWS]], %{{c1.*}}
  // CHECK: scf.if %[[ONE]] {
  // CHECK:   omp.parallel {
  // CHECK-NEXT: func.call @linear_q4_1_f32_one(%[[W]],
  // CHECK-NEXT: func.call @linear_q8_0_f32_one(%[[W]],
  // CHECK-NEXT: omp.terminator
  // CHECK: } else {
  // CHECK-NEXT: func.call @linear_q4_1_f32(
  // CHECK-NEXT: func.call @linear_q8_0_f32(
  // CHECK-NEXT: }
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) outs(%b : memref<?x80xf32>) {stored = [tensor<80x512xf32, #q8>]}
  // CHECK-NEXT: memref.copy
  memref.copy %a, %y : memref<?x96xf32> to memref<?x96xf32>
  memref.dealloc %a : memref<?x96xf32>
  memref.dealloc %b : memref<?x80xf32>
  return
}

// Each thread multiplies the columns that it has put out itself.
// CHECK-LABEL: func.func @gate(
func.func @gate(%w: memref<?xi8>, %x: memref<?x512xf32>, %n: index) {
  %a = memref.alloc(%n) : memref<?x96xf32>
  %b = memref.alloc(%n) : memref<?x96xf32>
  // CHECK: omp.parallel
  // CHECK-NEXT: func.call @linear_q4_1_f32_silu_one(
  // CHECK-NEXT: func.call @linear_q8_0_f32_times_one(
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) activation silu outs(%a : memref<?x96xf32>) {stored = [tensor<96x512xf32, #q4>]}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) multiplier(%a : memref<?x96xf32>) outs(%b : memref<?x96xf32>) {stored = [tensor<96x512xf32, #q8>]}
  memref.dealloc %a : memref<?x96xf32>
  memref.dealloc %b : memref<?x96xf32>
  return
}

// CHECK-LABEL: func.func @apart(
// CHECK-NOT: omp.parallel
// CHECK: return
func.func @apart(%w: memref<?xi8>, %x: memref<?x512xf32>, %z: memref<?x512xf32>, %n: index) {
  %a = memref.alloc(%n) : memref<?x512xf32>
  %b = memref.alloc(%n) : memref<?x512xf32>
  %c = memref.alloc(%n) : memref<?x512xf32>
  // Another x.
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) outs(%a : memref<?x512xf32>) {stored = [tensor<512x512xf32, #q4>]}
  adapter.linear weight(%w : memref<?xi8>) ins(%z : memref<?x512xf32>) outs(%b : memref<?x512xf32>) {stored = [tensor<512x512xf32, #q4>]}
  // What the one before put out.
  adapter.linear weight(%w : memref<?xi8>) ins(%b : memref<?x512xf32>) outs(%c : memref<?x512xf32>) {stored = [tensor<512x512xf32, #q4>]}
  // The same result again.
  adapter.linear weight(%w : memref<?xi8>) ins(%b : memref<?x512xf32>) outs(%c : memref<?x512xf32>) {stored = [tensor<512x512xf32, #q8>]}
  // Somebody looks at it in between.
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) outs(%a : memref<?x512xf32>) {stored = [tensor<512x512xf32, #q4>]}
  memref.copy %a, %b : memref<?x512xf32> to memref<?x512xf32>
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) outs(%c : memref<?x512xf32>) {stored = [tensor<512x512xf32, #q4>]}
  memref.dealloc %a : memref<?x512xf32>
  memref.dealloc %b : memref<?x512xf32>
  memref.dealloc %c : memref<?x512xf32>
  return
}

// Two arguments may be the same memory.
// CHECK-LABEL: func.func @arguments(
// CHECK-NOT: omp.parallel
// CHECK: return
func.func @arguments(%w: memref<?xi8>, %x: memref<?x512xf32>, %a: memref<?x80xf32>, %b: memref<?x80xf32>) {
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) outs(%a : memref<?x80xf32>) {stored = [tensor<80x512xf32, #q4>]}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) outs(%b : memref<?x80xf32>) {stored = [tensor<80x512xf32, #q4>]}
  return
}

// One thread is as fast.
// CHECK-LABEL: func.func @small(
// CHECK-NOT: omp.parallel
// CHECK: return
func.func @small(%w: memref<?xi8>, %x: memref<?x32xf32>, %n: index) {
  %a = memref.alloc(%n) : memref<?x8xf32>
  %b = memref.alloc(%n) : memref<?x8xf32>
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32>) outs(%a : memref<?x8xf32>) {stored = [tensor<8x32xf32, #q4>]}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32>) outs(%b : memref<?x8xf32>) {stored = [tensor<8x32xf32, #q4>]}
  memref.dealloc %a : memref<?x8xf32>
  memref.dealloc %b : memref<?x8xf32>
  return
}

// With a low-rank term threads wait for each other inside of the kernel.
// CHECK-LABEL: func.func @terms(
// CHECK-NOT: omp.parallel
// CHECK: return
func.func @terms(%w: memref<?xi8>, %f: memref<?xi8>, %x: memref<?x512xf32>, %n: index) {
  %a = memref.alloc(%n) : memref<?x80xf32>
  %b = memref.alloc(%n) : memref<?x80xf32>
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) factors(%f, %f : memref<?xi8>, memref<?xi8>) scales([1.0]) outs(%a : memref<?x80xf32>)
    {stored = [tensor<80x512xf32, #q4>, tensor<80x2xf32, #f16>, tensor<2x512xf32, #f16>]}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x512xf32>) outs(%b : memref<?x80xf32>) {stored = [tensor<80x512xf32, #q4>]}
  memref.dealloc %a : memref<?x80xf32>
  memref.dealloc %b : memref<?x80xf32>
  return
}
