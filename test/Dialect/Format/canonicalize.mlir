// RUN: allot-opt %s -canonicalize | FileCheck %s

#int4 = #format.int<4, block = [1, 32], scale = f16>
#f16 = #format.float<f16>
#f32 = #format.float<f32>

// CHECK-LABEL: func.func @decode_of_pack
// CHECK-SAME: (%[[W:.*]]: tensor
func.func @decode_of_pack(%w: tensor<4x32xf32, #int4>) -> tensor<4x32xf32> {
  // CHECK-NEXT: %[[D:.*]] = format.decode %[[W]]
  // CHECK-NEXT: return %[[D]]
  %p = format.pack %w : tensor<4x32xf32, #int4> -> tensor<4x32xf32, #format.packed<#int4, rows = 8>>
  %d = format.decode %p : tensor<4x32xf32, #format.packed<#int4, rows = 8>> -> tensor<4x32xf32>
  return %d : tensor<4x32xf32>
}

// CHECK-LABEL: func.func @decode_of_exact_encode
// CHECK-SAME: (%[[T:.*]]: tensor
func.func @decode_of_exact_encode(%t: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // CHECK-NEXT: return %[[T]]
  %e = format.encode %t : tensor<4x32xf32> -> tensor<4x32xf32, #f32>
  %p = format.pack %e : tensor<4x32xf32, #f32> -> tensor<4x32xf32, #format.packed<#f32, rows = 8>>
  %d = format.decode %p : tensor<4x32xf32, #format.packed<#f32, rows = 8>> -> tensor<4x32xf32>
  return %d : tensor<4x32xf32>
}

// CHECK-LABEL: func.func @decode_of_lossy_encode
func.func @decode_of_lossy_encode(%t: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // CHECK: format.encode
  // CHECK: format.decode
  %e = format.encode %t : tensor<4x32xf32> -> tensor<4x32xf32, #f16>
  %d = format.decode %e : tensor<4x32xf32, #f16> -> tensor<4x32xf32>
  return %d : tensor<4x32xf32>
}

// CHECK-LABEL: func.func @encode_of_decode
// CHECK-SAME: (%[[W:.*]]: tensor
func.func @encode_of_decode(%w: tensor<4x32xf32, #f16>) -> tensor<4x32xf32, #f16> {
  // CHECK-NEXT: return %[[W]]
  %d = format.decode %w : tensor<4x32xf32, #f16> -> tensor<4x32xf32>
  %e = format.encode %d : tensor<4x32xf32> -> tensor<4x32xf32, #f16>
  return %e : tensor<4x32xf32, #f16>
}

// Rounding again may choose other scales.
// CHECK-LABEL: func.func @encode_of_decode_in_blocks
func.func @encode_of_decode_in_blocks(%w: tensor<4x32xf32, #int4>) -> tensor<4x32xf32, #int4> {
  // CHECK: format.decode
  // CHECK: format.encode
  %d = format.decode %w : tensor<4x32xf32, #int4> -> tensor<4x32xf32>
  %e = format.encode %d : tensor<4x32xf32> -> tensor<4x32xf32, #int4>
  return %e : tensor<4x32xf32, #int4>
}

// CHECK-LABEL: func.func @pack_there_and_back
// CHECK-SAME: (%[[W:.*]]: tensor
func.func @pack_there_and_back(%w: tensor<4x32xf32, #int4>) -> tensor<4x32xf32, #int4> {
  // CHECK-NEXT: return %[[W]]
  %p = format.pack %w : tensor<4x32xf32, #int4> -> tensor<4x32xf32, #format.packed<#int4, rows = 8>>
  %q = format.pack %p : tensor<4x32xf32, #format.packed<#int4, rows = 8>> -> tensor<4x32xf32, #format.packed<#int4, rows = 16>>
  %u = format.pack %q : tensor<4x32xf32, #format.packed<#int4, rows = 16>> -> tensor<4x32xf32, #int4>
  return %u : tensor<4x32xf32, #int4>
}

// CHECK-LABEL: func.func @unused
func.func @unused(%t: tensor<4x32xf32>) {
  // CHECK-NEXT: return
  %e = format.encode %t : tensor<4x32xf32> -> tensor<4x32xf32, #f16>
  return
}
