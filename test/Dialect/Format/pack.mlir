// RUN: allot-opt %s -format-pack | FileCheck %s
// RUN: allot-opt %s -format-pack=tile-rows=16 | FileCheck %s --check-prefix=WIDE
// RUN: allot-opt %s -format-pack=as=bf16 | FileCheck %s --check-prefix=AS
// RUN: allot-opt %s -format-pack -format-pack | FileCheck %s

#f16 = #format.float<f16>
#f32 = #format.float<f32>
#packed = #format.packed<#format.q4_1, rows = 8>

// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[W:.*]]: tensor<64x128xf32, #format.q8_0>, %[[B:.*]]: tensor<64x8xf32, #format.float<f16>>, %[[A:.*]]: tensor<8x128xf32, #format.float<f32>>,
// WIDE-LABEL: func.func @linear
// AS-LABEL: func.func @linear
// AS-SAME: (%[[W:.*]]: tensor<64x128xf32, #format.q8_0>,
func.func @linear(%w: tensor<64x128xf32, #format.q8_0>, %B: tensor<64x8xf32, #f16>, %A: tensor<8x128xf32, #f32>,
    %x: tensor<?x128xf32>, %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[PW:.*]] = format.pack %[[W]] : {{.*}} -> tensor<64x128xf32, #format.packed<#format.q8_0, rows = 8>>
  // CHECK-NEXT: %[[PB:.*]] = format.pack %[[B]] : {{.*}} -> tensor<64x8xf32, #format.packed<#format.float<f16>, rows = 8>>
  // CHECK-NEXT: %[[PA:.*]] = format.pack %[[A]] : {{.*}} -> tensor<8x128xf32, #format.packed<#format.float<f32>, rows = 8>>
  // CHECK-NEXT: adapter.linear weight(%[[PW]] : {{.*}}) ins({{.*}}) factors(%[[PB]], %[[PA]] :
  // WIDE-COUNT-3: format.pack {{.*}}, rows = 16>>
  // AS-NEXT: %[[D:.*]] = format.decode %[[W]] : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32>
  // AS-NEXT: format.encode %[[D]] : tensor<64x128xf32> -> tensor<64x128xf32, #format.packed<#format.float<bf16>, rows = 8>>
  %y = adapter.linear weight(%w : tensor<64x128xf32, #format.q8_0>) ins(%x : tensor<?x128xf32>)
    factors(%B, %A : tensor<64x8xf32, #f16>, tensor<8x128xf32, #f32>) scales([2.0]) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @lookup
// AS-LABEL: func.func @lookup
func.func @lookup(%w: tensor<100x64xf32, #format.q4_0>, %ids: tensor<?xi32>, %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[P:.*]] = format.pack
  // CHECK-NEXT: adapter.lookup table(%[[P]] : tensor<100x64xf32, #format.packed<#format.q4_0, rows = 8>>)
  %e = adapter.lookup table(%w : tensor<100x64xf32, #format.q4_0>) ins(%ids : tensor<?xi32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %e : tensor<?x64xf32>
}

// What an archive holds is packed already, whatever its tile.
// CHECK-LABEL: func.func @packed
// CHECK-NOT: = format.pack
// WIDE-LABEL: func.func @packed
// WIDE-NOT: = format.pack
func.func @packed(%w: tensor<100x64xf32, #packed>, %ids: tensor<?xi32>, %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: adapter.lookup table(%{{.*}} : tensor<100x64xf32, #format.packed<#format.q4_1, rows = 8>>)
  %e = adapter.lookup table(%w : tensor<100x64xf32, #packed>) ins(%ids : tensor<?xi32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %e : tensor<?x64xf32>
}
