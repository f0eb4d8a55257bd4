// RUN: allot-opt %s --allot-lower-to-llvm="entries=f target=avx2" | FileCheck %s
// RUN: not allot-opt %s --allot-lower-to-llvm="activations=f64" 2>&1 | FileCheck %s --check-prefix=BAD

// BAD: error: {{.*}}f64

// Everything becomes the LLVM dialect; the weight is an entry of the table, wanted in the layout that kernels read; the other entry is gone.
// CHECK: module attributes {
// CHECK-SAME: format.table = [{global = @w, type = tensor<16x64xf32, #format.packed<#format.q8_0, rows = 8>>}]
// CHECK-NOT: @g
// CHECK: llvm.func @f(
// CHECK-SAME: allot.results = array<i64: -1>
// CHECK-SAME: allot.signature = {inputs = [{name = "x", type = tensor<?x64xf32>}], outputs = [{name = "y", type = tensor<?x16xf32>}]}
// CHECK-SAME: allot.takes_weights
// CHECK: llvm.func @_mlir_ciface_f
// CHECK-NOT: {{[ "](memref|func|scf|vector|arith|linalg|adapter|format|nn|builtin)\.[a-z]}}
ml_program.global private @w(#format.stored<"w.safetensors", tensor = "w", offset = 0, bytes = 1088, digest = "00">) : tensor<16x64xf32, #format.q8_0>
func.func @f(%x: tensor<?x64xf32> {allot.name = "x"}) -> (tensor<?x16xf32> {allot.name = "y"}) {
  %w = ml_program.global_load_const @w : tensor<16x64xf32, #format.q8_0>
  %m = adapter.dense %w : tensor<16x64xf32, #format.q8_0>
  %y = adapter.apply %m, %x : !adapter.map<16x64, f32>, tensor<?x64xf32> -> tensor<?x16xf32>
  %z = nn.activation silu %y : tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
func.func @g(%x: tensor<1xf32>) -> tensor<1xf32> { return %x : tensor<1xf32> }
