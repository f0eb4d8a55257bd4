// RUN: allot-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{numbers are stored as f32, f16 or bf16, not as 'f64' (F1)}}
func.func private @f1(tensor<2x3xf32, #format.float<f64>>)

// -----

// expected-error@+1 {{codes have 2 to 8 bits, not 1 (F2)}}
func.func private @f2(tensor<2x3xf32, #format.int<1, block = [1, 32], scale = f16>>)

// -----

// expected-error@+1 {{codes have 2 to 8 bits, not 9 (F2)}}
func.func private @f2(tensor<2x3xf32, #format.int<9, block = [1, 32], scale = f16>>)

// -----

// expected-error@+1 {{a block has 32, 64 or 128 columns, not 48 (F3)}}
func.func private @f3(tensor<2x3xf32, #format.int<4, block = [1, 48], scale = f16>>)

// -----

// expected-error@+1 {{a block is a part of one row: [1, N], not [2, N] (F3)}}
func.func private @f3(tensor<2x3xf32, #format.int<4, block = [2, 32], scale = f16>>)

// -----

// expected-error@+1 {{scales are stored as f32, f16 or ui8, not as 'bf16' (F4)}}
func.func private @f4(tensor<2x3xf32, #format.int<4, block = [1, 32], scale = bf16>>)

// -----

// expected-error@+1 {{scales are stored as f32, f16 or ui8, not as 'i8' (F4)}}
func.func private @f4(tensor<2x3xf32, #format.int<4, block = [1, 32], scale = i8>>)

// -----

// expected-error@+1 {{expected 'zero_point'}}
func.func private @syntax(tensor<2x3xf32, #format.int<4, block = [1, 32], scale = f16, zero>>)

// -----

// expected-error@+1 {{a tensor of format q4_0 has 48 columns, which is no multiple of 32 (F5)}}
func.func private @f5(tensor<2x48xf32, #format.q4_0>)

// -----

// expected-error@+1 {{a tensor of format q4_1 has 1 columns, which is no multiple of 32 (F5)}}
func.func private @f5(tensor<32x1xf32, #format.q4_1>)

// -----

// expected-error@+1 {{a tensor of format q8_0 has 33 columns, which is no multiple of 32 (F5)}}
func.func private @f5(tensor<2x33xf32, #format.packed<#format.q8_0, rows = 8>>)

// -----

// expected-error@+1 {{only a format can be packed, not 7 : i64 (F6)}}
func.func private @f6(tensor<2x3xf32, #format.packed<7, rows = 8>>)

// -----

// expected-error@+1 {{the format #format.packed<#format.q4_0, rows = 8> is packed already (F6)}}
func.func private @f6(tensor<2x32xf32, #format.packed<#format.packed<#format.q4_0, rows = 8>, rows = 8>>)

// -----

// expected-error@+1 {{a tile has 8 or 16 rows, not 4 (F7)}}
func.func private @f7(tensor<2x32xf32, #format.packed<#format.q4_0, rows = 4>>)

// -----

func.func @f8(%t: tensor<2x32xf32, #format.q4_0>) {
  // expected-error@+1 {{is encoded already (F8)}}
  %e = format.encode %t : tensor<2x32xf32, #format.q4_0> -> tensor<2x32xf32, #format.q4_0>
  return
}

// -----

func.func @f8(%t: tensor<2x32xf32>) {
  // expected-error@+1 {{result 'tensor<2x32xf32>' has no format (F8)}}
  %e = format.encode %t : tensor<2x32xf32> -> tensor<2x32xf32>
  return
}

// -----

func.func @f8(%t: tensor<2x32xf32>) {
  // expected-error@+1 {{differ in shape or element type (F8)}}
  %e = format.encode %t : tensor<2x32xf32> -> tensor<2x64xf32, #format.q4_0>
  return
}

// -----

func.func @f8(%t: tensor<?x32xf32>) {
  // expected-error@+1 {{differ in shape or element type (F8)}}
  %e = format.encode %t : tensor<?x32xf32> -> tensor<2x32xf32, #format.q4_0>
  return
}

// -----

func.func @f8(%t: tensor<2x32xf32>) {
  // expected-error@+1 {{source 'tensor<2x32xf32>' has no format (F8)}}
  %e = format.decode %t : tensor<2x32xf32> -> tensor<2x32xf32>
  return
}

// -----

func.func @f8(%t: tensor<2x32xf32, #format.q4_0>) {
  // expected-error@+1 {{is encoded (F8)}}
  %e = format.decode %t : tensor<2x32xf32, #format.q4_0> -> tensor<2x32xf32, #format.q4_0>
  return
}

// -----

func.func @f8(%t: tensor<2x32xf32, #format.q4_0>) {
  // expected-error@+1 {{differ in shape or element type (F8)}}
  %e = format.decode %t : tensor<2x32xf32, #format.q4_0> -> tensor<2x32xf64>
  return
}

// -----

func.func @f9(%t: tensor<2x32xf32, #format.q4_0>) {
  // expected-error@+1 {{packing keeps the codes, but #format.q4_0 is not #format.q4_1 (F9)}}
  %e = format.pack %t : tensor<2x32xf32, #format.q4_0> -> tensor<2x32xf32, #format.packed<#format.q4_1, rows = 8>>
  return
}

// -----

func.func @f9(%t: tensor<2x32xf32>) {
  // expected-error@+1 {{have formats (F9)}}
  %e = format.pack %t : tensor<2x32xf32> -> tensor<2x32xf32, #format.q4_0>
  return
}

// -----

func.func @f9(%t: tensor<2x32xf32, #format.q4_0>) {
  // expected-error@+1 {{differ in shape or element type (F9)}}
  %e = format.pack %t : tensor<2x32xf32, #format.q4_0> -> tensor<4x32xf32, #format.q4_0>
  return
}

// -----

// expected-error@+1 {{row_interleave is 0 or a positive even number, not 3 (F10)}}
ml_program.global private @f10(#format.stored<"m.gguf", tensor = "w", offset = 0, bytes = 4, digest = "", row_interleave = 3>) : tensor<1xf32, #format.float<f32>>

// -----

// expected-error@+1 {{row_interleave is 0 or a positive even number, not -2 (F10)}}
ml_program.global private @f10(#format.stored<"m.gguf", tensor = "w", offset = 0, bytes = 4, digest = "", row_interleave = -2>) : tensor<1xf32, #format.float<f32>>

// -----

// expected-error@+1 {{elements of an encoded tensor are f32, not 'f16' (F11)}}
func.func private @f11(tensor<2x3xf16, #format.float<f16>>)

// -----

// expected-error@+1 {{dimensions of an encoded tensor are static and positive (F11)}}
func.func private @f11(tensor<2x?xf32, #format.float<f16>>)

// -----

// expected-error@+1 {{dimensions of an encoded tensor are static and positive (F11)}}
func.func private @f11(tensor<0x32xf32, #format.q4_0>)

// -----

// expected-error@+1 {{an encoded tensor has at least one dimension (F11)}}
func.func private @f11(tensor<f32, #format.float<f16>>)

// -----

// expected-error@+1 {{an encoded tensor has at most 2^48 elements (F11)}}
func.func private @f11(tensor<4611686018427387904x32xf32, #format.packed<#format.q4_0, rows = 8>>)

// -----

// expected-error@+1 {{'format.table' is an array (F12)}}
module attributes {format.table = 3} {}

// -----

// expected-error@+1 {{entry 1 of 'format.table' is not of the form {global = @symbol, type = tensor<..., #format...>} (F12)}}
module attributes {format.table = [{global = @a, type = tensor<1xf32, #format.float<f16>>}, {global = @b, type = tensor<1xf32>}]} {}

// -----

// expected-error@+1 {{'format.table' belongs on a module (F12)}}
func.func private @f12() attributes {format.table = []}

// -----

// expected-error@+1 {{has an unknown attribute 'format.tabel' of the format dialect}}
module attributes {format.tabel = []} {}

// -----

// expected-error@+1 {{the file of a stored tensor has a name (F13)}}
ml_program.global private @f13(#format.stored<"", tensor = "w", offset = 0, bytes = 4, digest = "">) : tensor<1xf32, #format.float<f32>>

// -----

// expected-error@+1 {{offset and bytes of stored tensor 'w' do not fit 64 bits (F13)}}
ml_program.global private @f13(#format.stored<"m", tensor = "w", offset = 18446744073709551615, bytes = 4, digest = "">) : tensor<1xf32, #format.float<f32>>

// -----

// expected-error@+1 {{whole numbers are stored as i64, i32, i16, i8, ui64, ui32, ui16, ui8 or i1, not as 'f32' (F14)}}
func.func private @f14(tensor<2xf32, #format.index<f32>>)

// -----

// expected-error@+1 {{whole numbers are stored as i64, i32, i16, i8, ui64, ui32, ui16, ui8 or i1, not as 'si8' (F14)}}
func.func private @f14(tensor<2xf32, #format.index<si8>>)

// -----

// expected-error@+1 {{whole numbers are stored as i64, i32, i16, i8, ui64, ui32, ui16, ui8 or i1, not as 'i24' (F14)}}
func.func private @f14(tensor<2xf32, #format.index<i24>>)

// -----

// expected-error@+1 {{numbers of #format.index<i32> are packed as f32 (F6)}}
func.func private @f6(tensor<2x2xf32, #format.packed<#format.index<i32>, rows = 8>>)

// -----

// expected-error@+1 {{a tensor of format mxfp4split has 33 columns, which is no multiple of 32 (F5)}}
func.func private @f5(tensor<2x33xf32, #format.mxfp4<split>>)

// -----

// expected-error@+1 {{expected 'split'}}
func.func private @syntax(tensor<2x32xf32, #format.mxfp4<halves>>)
