// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s

// The weight table of a lowered program.
// CHECK: module attributes {format.table = [{global = @w, type = tensor<3x5xf32, #format.packed<#format.float<f32>, rows = 8>>}]}
module attributes {format.table = [{global = @w, type = tensor<3x5xf32, #format.packed<#format.float<f32>, rows = 8>>}]} {

// CHECK: ml_program.global private @w(#format.stored<"a/m.safetensors", tensor = "w.weight", offset = 128, bytes = 60, digest = "9f00">) : tensor<3x5xf32, #format.float<f32>>
ml_program.global private @w(#format.stored<"a/m.safetensors", tensor = "w.weight", offset = 128, bytes = 60, digest = "9f00">) : tensor<3x5xf32, #format.float<f32>>

// CHECK: ml_program.global private @q(#format.stored<"m.gguf", tensor = "blk.0.attn_q.weight", offset = 18446744073709550000, bytes = 640, digest = "", row_interleave = 4>) : tensor<8x128xf32, #format.q4_1>
ml_program.global private @q(#format.stored<"m.gguf", tensor = "blk.0.attn_q.weight", offset = 18446744073709550000, bytes = 640, digest = "", row_interleave = 4>) : tensor<8x128xf32, #format.q4_1>

// CHECK: #format.stored<"m.safetensors", tensor = "w_blocks", offset = 128, bytes = 32, digest = "" rest = 2 at 512>
// CHECK: #format.stored<"m.safetensors", tensor = "w_blocks", offset = 128, bytes = 32, digest = "", row_interleave = 2 rest = 2 at 512>
ml_program.global private @parts(#format.stored<"m.safetensors", tensor = "w_blocks", offset = 128, bytes = 32, digest = "" rest = 2 at 512>) : tensor<2x32xf32, #format.mxfp4<split>>
ml_program.global private @turned(#format.stored<"m.safetensors", tensor = "w_blocks", offset = 128, bytes = 32, digest = "", row_interleave = 2 rest = 2 at 512>) : tensor<2x32xf32, #format.mxfp4<split>>

// CHECK-LABEL: func.func private @formats
// CHECK-SAME: tensor<1xf32, #format.float<f32>>, tensor<7x9xf32, #format.float<f16>>, tensor<2x7x9xf32, #format.float<bf16>>
// CHECK-SAME: tensor<7x9xf32, #format.int<2, block = [1, 32], scale = f32>>
// CHECK-SAME: tensor<7x9xf32, #format.int<8, block = [1, 128], scale = ui8, zero_point>>
// CHECK-SAME: tensor<7x32xf32, #format.q4_0>, tensor<7x32xf32, #format.q4_1>, tensor<7x32xf32, #format.q8_0>
// CHECK-SAME: tensor<7x32xf32, #format.q5_0>, tensor<7x32xf32, #format.q5_1>, tensor<7x32xf32, #format.mxfp4>, tensor<7x32xf32, #format.mxfp4<split>>
// CHECK-SAME: tensor<7x32xf32, #format.packed<#format.q8_0, rows = 16>>
// CHECK-SAME: tensor<7x32xf32, #format.packed<#format.int<3, block = [1, 64], scale = f16, zero_point>, rows = 8>>
func.func private @formats(
  tensor<1xf32, #format.float<f32>>, tensor<7x9xf32, #format.float<f16>>, tensor<2x7x9xf32, #format.float<bf16>>,
  tensor<7x9xf32, #format.int<2, block = [1, 32], scale = f32>>,
  tensor<7x9xf32, #format.int<8, block = [1, 128], scale = ui8, zero_point>>,
  tensor<7x32xf32, #format.q4_0>, tensor<7x32xf32, #format.q4_1>, tensor<7x32xf32, #format.q8_0>,
  tensor<7x32xf32, #format.q5_0>, tensor<7x32xf32, #format.q5_1>, tensor<7x32xf32, #format.mxfp4>, tensor<7x32xf32, #format.mxfp4<split>>,
  tensor<7x32xf32, #format.packed<#format.q8_0, rows = 16>>,
  tensor<7x32xf32, #format.packed<#format.int<3, block = [1, 64], scale = f16, zero_point>, rows = 8>>)

// CHECK-LABEL: func.func private @indices
// CHECK-SAME: tensor<2x9xf32, #format.index<i64>>, tensor<2x9xf32, #format.index<i32>>, tensor<2x9xf32, #format.index<i16>>, tensor<9xf32, #format.index<i8>>
// CHECK-SAME: tensor<9xf32, #format.index<ui64>>, tensor<9xf32, #format.index<ui32>>, tensor<9xf32, #format.index<ui16>>, tensor<9xf32, #format.index<ui8>>, tensor<9xf32, #format.index<i1>>
func.func private @indices(
  tensor<2x9xf32, #format.index<i64>>, tensor<2x9xf32, #format.index<i32>>, tensor<2x9xf32, #format.index<i16>>, tensor<9xf32, #format.index<i8>>,
  tensor<9xf32, #format.index<ui64>>, tensor<9xf32, #format.index<ui32>>, tensor<9xf32, #format.index<ui16>>, tensor<9xf32, #format.index<ui8>>, tensor<9xf32, #format.index<i1>>)

// CHECK-LABEL: func.func @ops
func.func @ops(%t: tensor<64x128xf32>) -> tensor<64x128xf32> {
  // CHECK: %[[E:.*]] = format.encode %{{.*}} : tensor<64x128xf32> -> tensor<64x128xf32, #format.int<4, block = [1, 64], scale = f16>>
  %e = format.encode %t : tensor<64x128xf32> -> tensor<64x128xf32, #format.int<4, block = [1, 64], scale = f16>>
  // CHECK: %[[P:.*]] = format.pack %[[E]] : tensor<64x128xf32, #format.int<4, block = [1, 64], scale = f16>> -> tensor<64x128xf32, #format.packed<#format.int<4, block = [1, 64], scale = f16>, rows = 8>>
  %p = format.pack %e : tensor<64x128xf32, #format.int<4, block = [1, 64], scale = f16>>
    -> tensor<64x128xf32, #format.packed<#format.int<4, block = [1, 64], scale = f16>, rows = 8>>
  // CHECK: format.decode %[[P]] : tensor<64x128xf32, #format.packed<#format.int<4, block = [1, 64], scale = f16>, rows = 8>> -> tensor<64x128xf32>
  %d = format.decode %p : tensor<64x128xf32, #format.packed<#format.int<4, block = [1, 64], scale = f16>, rows = 8>> -> tensor<64x128xf32>
  return %d : tensor<64x128xf32>
}

}
