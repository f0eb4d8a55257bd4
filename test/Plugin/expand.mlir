// A pass of Allot between upstream passes, in the stock mlir-opt.
// The stock mlir-opt is not instrumented.
// UNSUPPORTED: sanitizer
// RUN: %llvm_prefix/bin/mlir-opt --load-dialect-plugin=%allot_binary/lib/AllotPlugin.so --load-pass-plugin=%allot_binary/lib/AllotPlugin.so --pass-pipeline='builtin.module(adapter-expand,canonicalize)' %s | FileCheck %s

// CHECK-LABEL: func.func @f
// CHECK: adapter.linear weight
// CHECK-NOT: adapter.apply
func.func @f(%w: tensor<8x32xf32, #format.float<f16>>, %x: tensor<?x32xf32>) -> tensor<?x8xf32> {
  %m = adapter.dense %w : tensor<8x32xf32, #format.float<f16>>
  %y = adapter.apply %m, %x : !adapter.map<8x32, f32>, tensor<?x32xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
