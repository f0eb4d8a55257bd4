// What goes wrong while a program is evaluated is an error at the op: file, line and column; no output is left.
// RUN: %tensors write %t.x "x:F32:2=1,2" "y:F32:3=1,2,3"
// RUN: rm -f %t.y && not allot run %s --reference --entry add --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=ADD && test ! -e %t.y

// RUN: %tensors write %t.x "x:F32:2=1,2"
// RUN: not allot run %s --reference --entry missing --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=FILE && test ! -e %t.y

// RUN: %tensors write %t.x "n:I32:1=-2"
// RUN: not allot run %s --reference --entry many --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=MANY && test ! -e %t.y

// RUN: %tensors write %t.x "x:F32:2=1,2"
// RUN: not allot run %s --reference --entry loop --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=LOOP && test ! -e %t.y

// RUN: %tensors write %t.x "x:F32:2=1,2"
// RUN: not allot run %s --reference --entry endless --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=ENDLESS && test ! -e %t.y

func.func @add(%x: tensor<?xf32> {allot.name = "x"}, %y: tensor<?xf32> {allot.name = "y"}) -> (tensor<?xf32> {allot.name = "z"}) {
  // ADD: error: {{.*}}errors.mlir:[[#@LINE+1]]:8: 'arith.addf' op operand 0 is 2 at run time, another is 3
  %z = arith.addf %x, %y : tensor<?xf32>
  return %z : tensor<?xf32>
}

ml_program.global private @w(#format.stored<"none.safetensors", tensor = "w", offset = 8, bytes = 8, digest = "00">) : tensor<2xf32, #format.float<f32>>
func.func @missing(%x: tensor<2xf32> {allot.name = "x"}) -> (tensor<2xf32> {allot.name = "z"}) {
  // FILE: error: {{.*}}errors.mlir:[[#@LINE+1]]:8: 'ml_program.global_load_const' op {{.*}}none.safetensors
  %w = ml_program.global_load_const @w : tensor<2xf32, #format.float<f32>>
  %d = format.decode %w : tensor<2xf32, #format.float<f32>> -> tensor<2xf32>
  %z = arith.addf %x, %d : tensor<2xf32>
  return %z : tensor<2xf32>
}

func.func @many(%n: tensor<1xi32> {allot.name = "n"}) -> (tensor<?xf32> {allot.name = "z"}) {
  %c0 = arith.constant 0 : index
  %i = tensor.extract %n[%c0] : tensor<1xi32>
  %size = arith.index_cast %i : i32 to index
  %one = arith.constant 1.0 : f32
  // MANY: error: {{.*}}errors.mlir:[[#@LINE+1]]:8: 'tensor.splat' op a tensor of -2 elements cannot be evaluated
  %z = tensor.splat %one[%size] : tensor<?xf32>
  return %z : tensor<?xf32>
}

func.func @loop(%x: tensor<2xf32> {allot.name = "x"}) -> (tensor<2xf32> {allot.name = "z"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %v = tensor.extract %x[%c0] : tensor<2xf32>
  %c = arith.cmpf ogt, %v, %zero : f32
  // LOOP: error: {{.*}}errors.mlir:[[#@LINE+1]]:8: 'scf.if' op has no reference evaluation
  %z = scf.if %c -> (tensor<2xf32>) {
    scf.yield %x : tensor<2xf32>
  } else {
    %n = arith.negf %x : tensor<2xf32>
    scf.yield %n : tensor<2xf32>
  }
  return %z : tensor<2xf32>
}

func.func @endless(%x: tensor<2xf32> {allot.name = "x"}) -> (tensor<2xf32> {allot.name = "z"}) {
  // ENDLESS: error: {{.*}}errors.mlir:[[#@LINE+1]]:8: 'func.call' op calls are nested more than 64 deep
  %z = func.call @endless(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return %z : tensor<2xf32>
}
