// RUN: allot-opt %s -split-input-file -verify-diagnostics

func.func @identity_shape() {
  // expected-error@+1 {{is a single square map, but the result is '!adapter.map<2x3, f32>' (A20)}}
  %i = adapter.identity : !adapter.map<2x3, f32>
  return
}

// -----

func.func @identity_bank() {
  // expected-error@+1 {{is a single square map, but the result is '!adapter.map<4x3x3, f32>' (A20)}}
  %i = adapter.identity : !adapter.map<4x3x3, f32>
  return
}

// -----

func.func @kron_bank(%m: !adapter.map<2x3, f32>, %b: !adapter.map<4x2x3, f32>) {
  // expected-error@+1 {{b of a Kronecker product is a single map, but got '!adapter.map<4x2x3, f32>' (A21)}}
  %k = adapter.kron %m, %b : !adapter.map<2x3, f32>, !adapter.map<4x2x3, f32>
  return
}

// -----

func.func @kron_result(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{the operands make '!adapter.map<4x9, f32>', but the result is '!adapter.map<4x6, f32>' (A21)}}
  %k = "adapter.kron"(%m, %m) : (!adapter.map<2x3, f32>, !adapter.map<2x3, f32>) -> !adapter.map<4x6, f32>
  return
}

// -----

func.func @kron_large(%m: !adapter.map<4294967296x1, f32>) {
  // expected-error@+1 {{the Kronecker product of '!adapter.map<4294967296x1, f32>' and '!adapter.map<4294967296x1, f32>' is too large (A21)}}
  %k = adapter.kron %m, %m : !adapter.map<4294967296x1, f32>, !adapter.map<4294967296x1, f32>
  return
}

// -----

func.func @kron_elements(%m: !adapter.map<2147483648x2, f32>) {
  // expected-error@+1 {{a map of this shape has 2^63 elements or more (A1)}}
  %k = adapter.kron %m, %m : !adapter.map<2147483648x2, f32>, !adapter.map<2147483648x2, f32>
  return
}

// -----

func.func @hadamard_of_nothing() {
  // expected-error@+1 {{expected 1 or more operands, but found 0}}
  %h = "adapter.hadamard"() : () -> !adapter.map<2x3, f32>
  return
}

// -----

func.func @hadamard_types(%m: !adapter.map<2x3, f32>, %n: !adapter.map<3x2, f32>) {
  // expected-error@+1 {{requires the same type for all operands and results}}
  %h = "adapter.hadamard"(%m, %n) : (!adapter.map<2x3, f32>, !adapter.map<3x2, f32>) -> !adapter.map<2x3, f32>
  return
}

// -----

func.func @blocks_of_nothing() {
  // expected-error@+1 {{a block diagonal has at least one map (A23)}}
  %d = "adapter.block_diagonal"() : () -> !adapter.map<2x3, f32>
  return
}

// -----

func.func @blocks_result(%m: !adapter.map<2x3, f32>, %b: !adapter.map<4x2x3, f32>) {
  // expected-error@+1 {{the operands make '!adapter.map<10x15, f32>', but the result is '!adapter.map<4x6, f32>' (A23)}}
  %d = "adapter.block_diagonal"(%m, %b) : (!adapter.map<2x3, f32>, !adapter.map<4x2x3, f32>) -> !adapter.map<4x6, f32>
  return
}

// -----

func.func @blocks_large(%m: !adapter.map<9223372036854775807x1, f32>) {
  // expected-error@+1 {{the block diagonal is too large (A23)}}
  %d = adapter.block_diagonal %m, %m : !adapter.map<9223372036854775807x1, f32>, !adapter.map<9223372036854775807x1, f32>
  return
}

// -----

func.func @axis_word(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{expected 'rows' or 'columns'}}
  %n = adapter.normalize diagonals %m : !adapter.map<2x3, f32>
  return
}

// -----

func.func @axis(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{axis is 0 (rows) or 1 (columns), but got -1 (A24)}}
  %n = "adapter.normalize"(%m) {axis = -1 : i64} : (!adapter.map<2x3, f32>) -> !adapter.map<2x3, f32>
  return
}

// -----

func.func @floor_zero(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{the floor is a number from 2^-126 to the largest f32, but got 0.000000e+00 : f64 (A25)}}
  %n = adapter.normalize rows %m floor 0.0 : !adapter.map<2x3, f32>
  return
}

// -----

func.func @floor_large(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{the floor is a number from 2^-126 to the largest f32, but got 9.9999999999999994E+38 : f64 (A25)}}
  %n = adapter.normalize rows %m floor 1.0e39 : !adapter.map<2x3, f32>
  return
}

// -----

func.func @floor_nan(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{the floor is a number from 2^-126 to the largest f32, but got 0x7FF8000000000000 : f64 (A25)}}
  %n = adapter.normalize rows %m floor 0x7FF8000000000000 : !adapter.map<2x3, f32>
  return
}

// -----

func.func @normalize_bank(%m: !adapter.map<4x2x3, f32>) {
  // expected-error@+1 {{normalizes a single map, but got '!adapter.map<4x2x3, f32>' (A26)}}
  %n = adapter.normalize rows %m : !adapter.map<4x2x3, f32>
  return
}

// -----

func.func @slice_bank(%m: !adapter.map<4x2x3, f32>) {
  // expected-error@+1 {{a single map is sliced, but got '!adapter.map<4x2x3, f32>' (A27)}}
  %s = adapter.slice %m rows [0, 1] : !adapter.map<4x2x3, f32>
  return
}

// -----

func.func @slice_numbers(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{rows are an offset and a size, but got 3 numbers (A28)}}
  %s = adapter.slice %m rows [0, 1, 1] : !adapter.map<2x3, f32>
  return
}

// -----

func.func @slice_outside(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{columns [2, 2] are an offset and a positive size inside of 3 columns (A28)}}
  %s = adapter.slice %m columns [2, 2] : !adapter.map<2x3, f32>
  return
}

// -----

func.func @slice_empty(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{rows [1, 0] are an offset and a positive size inside of 2 rows (A28)}}
  %s = adapter.slice %m rows [1, 0] : !adapter.map<2x3, f32>
  return
}

// -----

func.func @slice_far(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{rows [-1, 9223372036854775807] are an offset and a positive size inside of 2 rows (A28)}}
  %s = adapter.slice %m rows [-1, 9223372036854775807] : !adapter.map<2x3, f32>
  return
}

// -----

func.func @slice_result(%m: !adapter.map<2x3, f32>) {
  // expected-error@+1 {{the operands make '!adapter.map<1x3, f32>', but the result is '!adapter.map<2x3, f32>' (A29)}}
  %s = "adapter.slice"(%m) {rows = array<i64: 0, 1>} : (!adapter.map<2x3, f32>) -> !adapter.map<2x3, f32>
  return
}
