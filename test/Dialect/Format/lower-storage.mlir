// RUN: allot-opt %s -split-input-file -format-lower-storage | FileCheck %s
// RUN: allot-opt %s -split-input-file -format-lower-storage -format-lower-storage | FileCheck %s

#f16 = #format.float<f16>
#f32 = #format.float<f32>
#pf16 = #format.packed<#f16, rows = 8>
#pf32 = #format.packed<#f32, rows = 8>
#pq8_0 = #format.packed<#format.q8_0, rows = 8>

// Entries are numbered by first use, each (global, type) once.
// CHECK: module attributes {format.table = [
// CHECK-SAME: {global = @w, type = tensor<64x128xf32, #format.packed<#format.q8_0, rows = 8>>},
// CHECK-SAME: {global = @B, type = tensor<64x8xf32, #format.packed<#format.float<f16>, rows = 8>>},
// CHECK-SAME: {global = @A, type = tensor<8x128xf32, #format.packed<#format.float<f16>, rows = 8>>},
// CHECK-SAME: {global = @b, type = tensor<64xf32, #format.float<f32>>},
// CHECK-SAME: {global = @w, type = tensor<64x128xf32, #format.packed<#format.float<f16>, rows = 8>>},
// CHECK-SAME: {global = @w, type = tensor<64x128xf32, #format.float<f32>>}]}

// CHECK: ml_program.global private @w(#format.stored
ml_program.global private @w(#format.stored<"m.safetensors", tensor = "w", offset = 0, bytes = 8704, digest = "">) : tensor<64x128xf32, #format.q8_0>
ml_program.global private @b(#format.stored<"m.safetensors", tensor = "b", offset = 8704, bytes = 128, digest = "">) : tensor<64xf32, #f16>
ml_program.global private @B(#format.stored<"m.safetensors", tensor = "B", offset = 8832, bytes = 1024, digest = "">) : tensor<64x8xf32, #f16>
ml_program.global private @A(#format.stored<"m.safetensors", tensor = "A", offset = 9856, bytes = 2048, digest = "">) : tensor<8x128xf32, #f16>

// CHECK-LABEL: func.func private @body
// CHECK-SAME: (%[[TABLE:.*]]: memref<?xmemref<?xi8>> {allot.weights_table}, %[[X:.*]]: tensor<?x128xf32> {allot.name = "x"}, %[[INIT:.*]]: tensor<?x64xf32>)
func.func private @body(%x: tensor<?x128xf32> {allot.name = "x"}, %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: %[[C0:.*]] = arith.constant 0 : index
  // CHECK: %[[MW:.*]] = memref.load %[[TABLE]][%[[C0]]] : memref<?xmemref<?xi8>>
  // CHECK: %[[W:.*]] = bufferization.to_tensor %[[MW]] restrict : memref<?xi8> to tensor<?xi8>
  // CHECK: %[[B:.*]] = bufferization.to_tensor
  // CHECK: %[[A:.*]] = bufferization.to_tensor
  // CHECK: %[[MB:.*]] = memref.load
  // CHECK: %[[VIEW:.*]] = memref.view %[[MB]][%{{.*}}][] : memref<?xi8> to memref<64xf32>
  // CHECK: %[[BIAS:.*]] = bufferization.to_tensor %[[VIEW]] restrict : memref<64xf32> to tensor<64xf32>
  %w = ml_program.global_load_const @w : tensor<64x128xf32, #format.q8_0>
  %b = ml_program.global_load_const @b : tensor<64xf32, #f16>
  %fB = ml_program.global_load_const @B : tensor<64x8xf32, #f16>
  %fA = ml_program.global_load_const @A : tensor<8x128xf32, #f16>
  %bias = format.decode %b : tensor<64xf32, #f16> -> tensor<64xf32>
  %pw = format.pack %w : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32, #pq8_0>
  %pB = format.pack %fB : tensor<64x8xf32, #f16> -> tensor<64x8xf32, #pf16>
  %pA = format.pack %fA : tensor<8x128xf32, #f16> -> tensor<8x128xf32, #pf16>
  // CHECK-NEXT: %[[Y:.*]] = adapter.linear weight(%[[W]] : tensor<?xi8>) ins(%[[X]] : tensor<?x128xf32>) factors(%[[B]], %[[A]] : tensor<?xi8>, tensor<?xi8>)
  // CHECK-SAME: bias(%[[BIAS]] : tensor<64xf32>)
  // CHECK-SAME: stored = [tensor<64x128xf32, #format.packed<#format.q8_0, rows = 8>>, tensor<64x8xf32, #format.packed<#format.float<f16>, rows = 8>>, tensor<8x128xf32, #format.packed<#format.float<f16>, rows = 8>>]
  %y = adapter.linear weight(%pw : tensor<64x128xf32, #pq8_0>) ins(%x : tensor<?x128xf32>)
    factors(%pB, %pA : tensor<64x8xf32, #pf16>, tensor<8x128xf32, #pf16>) scales([2.0]) bias(%bias : tensor<64xf32>)
    outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK-NEXT: return %[[Y]]
  return %y : tensor<?x64xf32>
}

// A caller passes the table on, and keeps the attributes of its arguments. One load of an entry serves all its uses.
// CHECK-LABEL: func.func @entry
// CHECK-SAME: (%[[TABLE:.*]]: memref<?xmemref<?xi8>> {allot.weights_table}, %{{.*}}: tensor<?xi32> {allot.name = "ids"},
// CHECK-SAME: -> (tensor<?x128xf32> {allot.name = "e"}, tensor<?x64xf32>) attributes {allot.entry}
func.func @entry(%ids: tensor<?xi32> {allot.name = "ids"}, %init: tensor<?x128xf32>, %x: tensor<?x128xf32>, %init2: tensor<?x64xf32>)
    -> (tensor<?x128xf32> {allot.name = "e"}, tensor<?x64xf32>) attributes {allot.entry} {
  // CHECK: memref.load
  // CHECK-NOT: memref.load
  // CHECK: %[[W:.*]] = bufferization.to_tensor
  // CHECK: %[[E:.*]] = adapter.lookup table(%[[W]] : tensor<?xi8>) {{.*}} {stored = tensor<64x128xf32, #format.packed<#format.q8_0, rows = 8>>}
  // CHECK: adapter.lookup table(%[[W]] : tensor<?xi8>) ins(%{{.*}}) outs(%[[E]] :
  // CHECK: call @body(%[[TABLE]], %{{.*}}, %{{.*}}) : (memref<?xmemref<?xi8>>, tensor<?x128xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %w = ml_program.global_load_const @w : tensor<64x128xf32, #format.q8_0>
  %p = format.pack %w : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32, #pq8_0>
  %e = adapter.lookup table(%p : tensor<64x128xf32, #pq8_0>) ins(%ids : tensor<?xi32>) outs(%init : tensor<?x128xf32>) -> tensor<?x128xf32>
  %q = format.pack %w : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32, #pq8_0>
  %f = adapter.lookup table(%q : tensor<64x128xf32, #pq8_0>) ins(%ids : tensor<?xi32>) outs(%e : tensor<?x128xf32>) -> tensor<?x128xf32>
  %y = func.call @body(%x, %init2) : (tensor<?x128xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %f, %y : tensor<?x128xf32>, tensor<?x64xf32>
}

// Rounding a global to another float format is the loader's work.
// CHECK-LABEL: func.func @rounded
func.func @rounded(%ids: tensor<?xi32>, %init: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // CHECK-NOT: format.
  // CHECK: adapter.lookup table({{.*}}) {{.*}} {stored = tensor<64x128xf32, #format.packed<#format.float<f16>, rows = 8>>}
  %w = ml_program.global_load_const @w : tensor<64x128xf32, #format.q8_0>
  %d = format.decode %w : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32>
  %p = format.encode %d : tensor<64x128xf32> -> tensor<64x128xf32, #pf16>
  %e = adapter.lookup table(%p : tensor<64x128xf32, #pf16>) ins(%ids : tensor<?xi32>) outs(%init : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %e : tensor<?x128xf32>
}

// A computed weight is packed by the program.
// CHECK-LABEL: func.func @merged
func.func @merged(%x: tensor<?x128xf32>, %init: tensor<?x64xf32>, %delta: tensor<64x128xf32>) -> tensor<?x64xf32> {
  // CHECK: %[[M:.*]] = memref.load
  // CHECK: %[[V:.*]] = memref.view %[[M]]{{.*}} : memref<?xi8> to memref<64x128xf32>
  // CHECK: %[[D:.*]] = bufferization.to_tensor %[[V]] restrict : memref<64x128xf32> to tensor<64x128xf32>
  // CHECK: %[[S:.*]] = arith.addf %[[D]]
  // CHECK: %[[T:.*]] = tensor.expand_shape %[[S]] {{\[}}[0, 1], [2]] output_shape [8, 8, 128]
  // CHECK: %[[P:.*]] = linalg.transpose ins(%[[T]] : tensor<8x8x128xf32>) outs(%{{.*}} : tensor<8x128x8xf32>) permutation = [0, 2, 1]
  // CHECK: %[[SIZE:.*]] = arith.constant 32768 : index
  // CHECK: %[[BUFFER:.*]] = memref.alloc(%[[SIZE]]) {alignment = 64 : i64} : memref<?xi8>
  // CHECK: %[[TO:.*]] = memref.view %[[BUFFER]]{{.*}} : memref<?xi8> to memref<8x128x8xf32>
  // CHECK: bufferization.materialize_in_destination %[[P]] in restrict writable %[[TO]]
  // CHECK: %[[W:.*]] = bufferization.to_tensor %[[BUFFER]] restrict
  // CHECK: adapter.linear weight(%[[W]] : tensor<?xi8>) {{.*}}stored = [tensor<64x128xf32, #format.packed<#format.float<f32>, rows = 8>>]
  %w = ml_program.global_load_const @w : tensor<64x128xf32, #format.q8_0>
  %d = format.decode %w : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32>
  %s = arith.addf %d, %delta : tensor<64x128xf32>
  %e = format.encode %s : tensor<64x128xf32> -> tensor<64x128xf32, #f32>
  %p = format.pack %e : tensor<64x128xf32, #f32> -> tensor<64x128xf32, #pf32>
  %y = adapter.linear weight(%p : tensor<64x128xf32, #pf32>) ins(%x : tensor<?x128xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// Rows that do not fill a tile are padded; a function without globals gets no table.
// CHECK-LABEL: func.func @padded(%{{.*}}: tensor<?x128xf32>, %{{.*}}: tensor<?x13xf32>,
func.func @padded(%x: tensor<?x128xf32>, %init: tensor<?x13xf32>, %w: tensor<13x128xf32>) -> tensor<?x13xf32> {
  // CHECK: tensor.pad %{{.*}} low[0, 0] high[3, 0]
  // CHECK: memref.view %{{.*}} : memref<?xi8> to memref<2x128x8xf32>
  %p = format.encode %w : tensor<13x128xf32> -> tensor<13x128xf32, #pf32>
  %y = adapter.linear weight(%p : tensor<13x128xf32, #pf32>) ins(%x : tensor<?x128xf32>) outs(%init : tensor<?x13xf32>) -> tensor<?x13xf32>
  return %y : tensor<?x13xf32>
}

// Weights that nothing uses need no table.
// CHECK-LABEL: func.func @unused()
func.func @unused() {
  // CHECK-NEXT: return
  %w = ml_program.global_load_const @w : tensor<64x128xf32, #format.q8_0>
  %d = format.decode %w : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32>
  return
}

// -----

// A program without weights has an empty table.
// CHECK: module attributes {format.table = []}
func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
