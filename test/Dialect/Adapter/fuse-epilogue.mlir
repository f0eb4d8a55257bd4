// RUN: allot-opt %s -adapter-fuse-epilogue -cse | FileCheck %s

#q8 = #format.q8_0

// CHECK-LABEL: func.func @mlp
// CHECK-SAME: (%[[X:.*]]: tensor<?x32xf32>, %[[G:.*]]: tensor<64x32xf32, #format.q8_0>, %[[U:.*]]: tensor<64x32xf32, #format.q8_0>, %[[D:.*]]: tensor<32x64xf32, #format.q8_0>, %[[I:.*]]: tensor<?x64xf32>, %[[O:.*]]: tensor<?x32xf32>)
func.func @mlp(%x: tensor<?x32xf32>, %wg: tensor<64x32xf32, #q8>, %wu: tensor<64x32xf32, #q8>, %wd: tensor<32x64xf32, #q8>, %init: tensor<?x64xf32>, %out: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // CHECK-NEXT: %[[UP:.*]] = adapter.linear weight(%[[U]] : {{.*}}) ins(%[[X]] : tensor<?x32xf32>) outs(%[[I]] : tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK-NEXT: %[[H:.*]] = adapter.linear weight(%[[G]] : {{.*}}) ins(%[[X]] : tensor<?x32xf32>) activation silu multiplier(%[[UP]] : tensor<?x64xf32>) outs(%[[I]] : tensor<?x64xf32>) {site = "gate"} -> tensor<?x64xf32>
  // CHECK-NEXT: %[[Y:.*]] = adapter.linear weight(%[[D]] : {{.*}}) ins(%[[H]] : tensor<?x64xf32>) residual(%[[X]] : tensor<?x32xf32>) outs(%[[O]] : tensor<?x32xf32>) -> tensor<?x32xf32>
  // CHECK-NEXT: return %[[Y]]
  %g = adapter.linear weight(%wg : tensor<64x32xf32, #q8>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x64xf32>) {site = "gate"} -> tensor<?x64xf32>
  %u = adapter.linear weight(%wu : tensor<64x32xf32, #q8>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  %a = nn.activation silu %g : tensor<?x64xf32>
  %h = arith.mulf %a, %u : tensor<?x64xf32>
  %d = adapter.linear weight(%wd : tensor<32x64xf32, #q8>) ins(%h : tensor<?x64xf32>) outs(%out : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = arith.addf %x, %d : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// The other order of operands gives the same kernel.
// CHECK-LABEL: func.func @swapped
func.func @swapped(%x: tensor<?x32xf32>, %wg: tensor<64x32xf32, #q8>, %m: tensor<?x64xf32>, %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: adapter.linear {{.*}} activation gelu_tanh multiplier(
  // CHECK-NEXT: return
  %g = adapter.linear weight(%wg : tensor<64x32xf32, #q8>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  %a = nn.activation gelu_tanh %g : tensor<?x64xf32>
  %h = arith.mulf %m, %a : tensor<?x64xf32>
  return %h : tensor<?x64xf32>
}

// A value that is used elsewhere must be computed as it is.
// CHECK-LABEL: func.func @used_twice
func.func @used_twice(%x: tensor<?x32xf32>, %w: tensor<32x32xf32, #q8>, %init: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  // CHECK-NEXT: adapter.linear weight(%{{.*}}) ins(%{{.*}}) outs
  // CHECK-NEXT: arith.addf
  %g = adapter.linear weight(%w : tensor<32x32xf32, #q8>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = arith.addf %g, %x : tensor<?x32xf32>
  return %g, %y : tensor<?x32xf32>, tensor<?x32xf32>
}

// A square of the value uses it twice.
// CHECK-LABEL: func.func @square
func.func @square(%x: tensor<?x32xf32>, %w: tensor<32x32xf32, #q8>, %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // CHECK: arith.mulf
  %g = adapter.linear weight(%w : tensor<32x32xf32, #q8>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = arith.mulf %g, %g : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// A kernel adds its residual last, so an activation or a product after it stays.
// CHECK-LABEL: func.func @order
func.func @order(%x: tensor<?x32xf32>, %w: tensor<32x32xf32, #q8>, %init: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  // CHECK: adapter.linear {{.*}} residual
  // CHECK-NEXT: nn.activation relu
  // CHECK: adapter.linear {{.*}} residual
  // CHECK-NEXT: arith.mulf
  %g = adapter.linear weight(%w : tensor<32x32xf32, #q8>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x32xf32>) {site = "a"} -> tensor<?x32xf32>
  %y = arith.addf %g, %x : tensor<?x32xf32>
  %z = nn.activation relu %y : tensor<?x32xf32>
  %h = adapter.linear weight(%w : tensor<32x32xf32, #q8>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x32xf32>) {site = "b"} -> tensor<?x32xf32>
  %i = arith.addf %h, %x : tensor<?x32xf32>
  %j = arith.mulf %i, %x : tensor<?x32xf32>
  return %z, %j : tensor<?x32xf32>, tensor<?x32xf32>
}

// Inside of the loop the kernel would run at each step.
// CHECK-LABEL: func.func @loop
func.func @loop(%x: tensor<?x32xf32>, %w: tensor<32x32xf32, #q8>, %init: tensor<?x32xf32>, %n: index) -> tensor<?x32xf32> {
  // CHECK: adapter.linear
  // CHECK: scf.for
  // CHECK-NEXT: arith.addf
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %g = adapter.linear weight(%w : tensor<32x32xf32, #q8>) ins(%x : tensor<?x32xf32>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%sum = %x) -> tensor<?x32xf32> {
    %y = arith.addf %sum, %g : tensor<?x32xf32>
    scf.yield %y : tensor<?x32xf32>
  }
  return %r : tensor<?x32xf32>
}
