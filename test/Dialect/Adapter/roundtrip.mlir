// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s

#q8 = #format.q8_0
#f16 = #format.float<f16>

// CHECK-LABEL: func.func private @types
// CHECK-SAME: (!adapter.map<64x128, f32>, !adapter.map<3x64x128, f32>)
func.func private @types(!adapter.map<64x128, f32>, !adapter.map<3x64x128, f32>)

// CHECK-LABEL: func.func @leaves
func.func @leaves(%w: tensor<64x128xf32, #q8>, %bank: tensor<3x64x128xf32>, %B: tensor<64x8xf32, #f16>, %A: tensor<8x128xf32>, %g: tensor<8xf32>, %v: tensor<64xf32>)
    -> (!adapter.map<64x128, f32>, !adapter.map<3x64x128, f32>, !adapter.map<64x64, f32>, !adapter.map<3x3, f32>) {
  // CHECK: %[[W:.*]] = adapter.dense %{{.*}} : tensor<64x128xf32, #{{.*}}>
  %m = adapter.dense %w : tensor<64x128xf32, #q8>
  // CHECK: %[[BANK:.*]] = adapter.dense %{{.*}} : tensor<3x64x128xf32>
  %b = adapter.dense %bank : tensor<3x64x128xf32>
  // CHECK: adapter.lowrank %{{.*}}, %{{.*}} : tensor<64x8xf32, #{{.*}}>, tensor<8x128xf32>{{$}}
  %l = adapter.lowrank %B, %A : tensor<64x8xf32, #f16>, tensor<8x128xf32>
  // CHECK: adapter.lowrank %{{.*}}, %{{.*}} gate %{{.*}} : tensor<64x8xf32, #{{.*}}>, tensor<8x128xf32>, tensor<8xf32>
  %lg = adapter.lowrank %B, %A gate %g : tensor<64x8xf32, #f16>, tensor<8x128xf32>, tensor<8xf32>
  // CHECK: %[[D:.*]] = adapter.diagonal %{{.*}} : tensor<64xf32>
  %d = adapter.diagonal %v : tensor<64xf32>
  // CHECK: %[[P:.*]] = adapter.permutation [2, 0, 1] : !adapter.map<3x3, f32>
  %p = adapter.permutation [2, 0, 1] : !adapter.map<3x3, f32>
  // CHECK: return %[[W]], %[[BANK]], %[[D]], %[[P]]
  return %m, %b, %d, %p : !adapter.map<64x128, f32>, !adapter.map<3x64x128, f32>, !adapter.map<64x64, f32>, !adapter.map<3x3, f32>
}

// CHECK-LABEL: func.func @combinators
// CHECK-SAME: (%[[M:.*]]: !adapter.map<64x128, f32>, %[[N:.*]]: !adapter.map<128x32, f32>)
func.func @combinators(%m: !adapter.map<64x128, f32>, %n: !adapter.map<128x32, f32>) -> (!adapter.map<64x32, f32>, !adapter.map<128x64, f32>) {
  // CHECK: %[[S:.*]] = adapter.scale %[[M]] by -2.500000e-01 : !adapter.map<64x128, f32>
  %s = adapter.scale %m by -0.25 : !adapter.map<64x128, f32>
  // CHECK: %[[T:.*]] = adapter.sum %[[M]], %[[S]] : !adapter.map<64x128, f32>
  %t = adapter.sum %m, %s : !adapter.map<64x128, f32>
  // CHECK: %[[C:.*]] = adapter.compose %[[T]], %[[N]] : !adapter.map<64x128, f32>, !adapter.map<128x32, f32>
  %c = adapter.compose %t, %n : !adapter.map<64x128, f32>, !adapter.map<128x32, f32>
  // CHECK: %[[U:.*]] = adapter.transpose %[[T]] : !adapter.map<64x128, f32>
  %u = adapter.transpose %t : !adapter.map<64x128, f32>
  // CHECK: return %[[C]], %[[U]] : !adapter.map<64x32, f32>, !adapter.map<128x64, f32>
  return %c, %u : !adapter.map<64x32, f32>, !adapter.map<128x64, f32>
}

// CHECK-LABEL: func.func @parts
// CHECK-SAME: (%[[M:.*]]: !adapter.map<16x128, f32>, %[[N:.*]]: !adapter.map<48x128, f32>, %[[P:.*]]: tensor<64xf32>
func.func @parts(%m: !adapter.map<16x128, f32>, %n: !adapter.map<48x128, f32>, %p: tensor<64xf32>, %q: tensor<16xf32, #f16>) -> (!adapter.map<64x128, f32>, !adapter.map<16x256, f32>) {
  // CHECK: %[[C:.*]] = adapter.concat dim(0) %[[M]], %[[N]] : !adapter.map<16x128, f32>, !adapter.map<48x128, f32>
  %c = adapter.concat dim(0) %m, %n : !adapter.map<16x128, f32>, !adapter.map<48x128, f32>
  // CHECK: %[[R:.*]] = adapter.reorder %[[C]] by %[[P]] : !adapter.map<64x128, f32>, tensor<64xf32>
  %r = adapter.reorder %c by %p : !adapter.map<64x128, f32>, tensor<64xf32>
  // CHECK: %[[D:.*]] = adapter.concat dim(1) %[[M]], %[[M]] : !adapter.map<16x128, f32>, !adapter.map<16x128, f32>
  %d = adapter.concat dim(1) %m, %m : !adapter.map<16x128, f32>, !adapter.map<16x128, f32>
  // CHECK: %[[S:.*]] = adapter.reorder %[[D]] by %{{.*}} : !adapter.map<16x256, f32>, tensor<16xf32, #{{.*}}>
  %s = adapter.reorder %d by %q : !adapter.map<16x256, f32>, tensor<16xf32, #f16>
  // CHECK: return %[[R]], %[[S]]
  return %r, %s : !adapter.map<64x128, f32>, !adapter.map<16x256, f32>
}

// CHECK-LABEL: func.func @uses
func.func @uses(%m: !adapter.map<64x128, f32>, %x: tensor<?x?x128xf32>, %row: tensor<128xf32>, %bias: tensor<64xf32>, %ids: tensor<?x?xi32>, %one: tensor<i64>) {
  // CHECK: adapter.apply %{{.*}}, %{{.*}} : !adapter.map<64x128, f32>, tensor<?x?x128xf32> -> tensor<?x?x64xf32>
  %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<?x?x128xf32> -> tensor<?x?x64xf32>
  // CHECK: adapter.apply %{{.*}}, %{{.*}} bias %{{.*}} {evaluate = #adapter<evaluation merged>, site = "model.layers.0.mlp.up_proj"} : !adapter.map<64x128, f32>, tensor<128xf32>, tensor<64xf32> -> tensor<64xf32>
  %z = adapter.apply %m, %row bias %bias {evaluate = #adapter<evaluation merged>, site = "model.layers.0.mlp.up_proj"} : !adapter.map<64x128, f32>, tensor<128xf32>, tensor<64xf32> -> tensor<64xf32>
  // CHECK: adapter.gather %{{.*}}, %{{.*}} {site = "model.embed_tokens"} : !adapter.map<64x128, f32>, tensor<?x?xi32> -> tensor<?x?x128xf32>
  %e = adapter.gather %m, %ids {site = "model.embed_tokens"} : !adapter.map<64x128, f32>, tensor<?x?xi32> -> tensor<?x?x128xf32>
  // CHECK: adapter.gather %{{.*}}, %{{.*}} : !adapter.map<64x128, f32>, tensor<i64> -> tensor<128xf32>
  %f = adapter.gather %m, %one : !adapter.map<64x128, f32>, tensor<i64> -> tensor<128xf32>
  // CHECK: adapter.materialize %{{.*}} : !adapter.map<64x128, f32> -> tensor<64x128xf32>
  %w = adapter.materialize %m : !adapter.map<64x128, f32> -> tensor<64x128xf32>
  return
}

// CHECK-LABEL: func.func @kernels
func.func @kernels(%w: tensor<64x128xf32, #q8>, %x: tensor<?x128xf32>, %B: tensor<64x8xf32, #f16>, %A: tensor<8x128xf32, #f16>, %b: tensor<64xf32>, %m: tensor<?x64xf32>,
                   %r: tensor<?x64xf32>, %init: tensor<?x64xf32>, %ids: tensor<?xi32>, %rows: tensor<?x128xf32>) {
  // CHECK: adapter.linear weight(%{{.*}} : tensor<64x128xf32, #{{.*}}>) ins(%{{.*}} : tensor<?x128xf32>) outs(%{{.*}} : tensor<?x64xf32>) -> tensor<?x64xf32>
  %y = adapter.linear weight(%w : tensor<64x128xf32, #q8>) ins(%x : tensor<?x128xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: adapter.linear weight({{.*}}) ins({{.*}}) factors(%{{.*}}, %{{.*}} : tensor<64x8xf32, #{{.*}}>, tensor<8x128xf32, #{{.*}}>) scales([2.000000e+00]) bias(%{{.*}} : tensor<64xf32>) activation silu arithmetic i8 multiplier(%{{.*}} : tensor<?x64xf32>) residual(%{{.*}} : tensor<?x64xf32>) outs({{.*}}) {site = "up"} -> tensor<?x64xf32>
  %z = adapter.linear weight(%w : tensor<64x128xf32, #q8>) ins(%x : tensor<?x128xf32>) factors(%B, %A : tensor<64x8xf32, #f16>, tensor<8x128xf32, #f16>) scales([2.0])
         bias(%b : tensor<64xf32>) activation silu arithmetic i8 multiplier(%m : tensor<?x64xf32>) residual(%r : tensor<?x64xf32>) outs(%init : tensor<?x64xf32>) {site = "up"} -> tensor<?x64xf32>
  // CHECK: adapter.lookup table(%{{.*}} : tensor<64x128xf32, #{{.*}}>) ins(%{{.*}} : tensor<?xi32>) outs(%{{.*}} : tensor<?x128xf32>) -> tensor<?x128xf32>
  %e = adapter.lookup table(%w : tensor<64x128xf32, #q8>) ins(%ids : tensor<?xi32>) outs(%rows : tensor<?x128xf32>) -> tensor<?x128xf32>
  return
}

// CHECK-LABEL: func.func @kernels_on_bytes
func.func @kernels_on_bytes(%w: memref<?xi8>, %x: memref<?x128xf32, strided<[256, 1]>>, %B: memref<?xi8>, %A: memref<?xi8>, %init: memref<?x64xf32>, %ids: memref<?xi64>, %rows: memref<?x128xf32>, %t: tensor<?xi8>,
                            %tx: tensor<?x128xf32>, %ti: tensor<?x64xf32>) {
  // CHECK: adapter.linear weight(%{{.*}} : memref<?xi8>) ins(%{{.*}} : memref<?x128xf32, strided<[256, 1]>>) factors(%{{.*}}, %{{.*}} : memref<?xi8>, memref<?xi8>) scales([5.000000e-01]) outs(%{{.*}} : memref<?x64xf32>) {stored = [tensor<64x128xf32, #{{.*}}>, tensor<64x8xf32, #{{.*}}>, tensor<8x128xf32, #{{.*}}>]}{{$}}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x128xf32, strided<[256, 1]>>) factors(%B, %A : memref<?xi8>, memref<?xi8>) scales([0.5]) outs(%init : memref<?x64xf32>)
    {stored = [tensor<64x128xf32, #q8>, tensor<64x8xf32, #f16>, tensor<8x128xf32, #f16>]}
  // CHECK: adapter.linear weight(%{{.*}} : tensor<?xi8>) ins(%{{.*}} : tensor<?x128xf32>) outs(%{{.*}} : tensor<?x64xf32>) {stored = [tensor<64x128xf32, #{{.*}}>]} -> tensor<?x64xf32>
  %y = adapter.linear weight(%t : tensor<?xi8>) ins(%tx : tensor<?x128xf32>) outs(%ti : tensor<?x64xf32>) {stored = [tensor<64x128xf32, #q8>]} -> tensor<?x64xf32>
  // CHECK: adapter.lookup table(%{{.*}} : memref<?xi8>) ins(%{{.*}} : memref<?xi64>) outs(%{{.*}} : memref<?x128xf32>) {stored = tensor<64x128xf32, #{{.*}}>}{{$}}
  adapter.lookup table(%w : memref<?xi8>) ins(%ids : memref<?xi64>) outs(%rows : memref<?x128xf32>) {stored = tensor<64x128xf32, #q8>}
  return
}
