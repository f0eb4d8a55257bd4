// Numbers from seeds, and decompositions.
// RUN: %tensors write %t.x "w:F32:2x3=3,0,0,0,-2,0" "p:F32:3x2=3,1,4,2,0,2" "a:F32:2x2=0,2,4,1" "b:F32:2x2=2,4,5,1"
// RUN: allot run %s --reference --entry all --inputs %t.x --outputs %t.y && %tensors print %t.y | FileCheck %s

// The first numbers of torch.manual_seed(0), torch.rand(3): 0.49625659, 0.76822180, 0.08847743; less their middle, twice. After `skip` they go on.
// CHECK-DAG: first F32 3 -0.00748682 0.536444 -0.823045
// CHECK-DAG: second F32 2 0.536444 -0.823045
// P = Q R with R = [[-5, -1.4], [0, -2.03961]].
// CHECK-DAG: q F32 3x2 -0.6 0.156893 -0.8 -0.11767 {{-?}}0 -0.980581
// CHECK-DAG: x F32 2x2 1 -0.25 1 2

// Singular values 3 and 2; U diag(s) V^T has no signs.
// CHECK-DAG: product F32 2x3 3 0 0 0 -2 0
func.func @all(%w: tensor<2x3xf32> {allot.name = "w"}, %p: tensor<3x2xf32> {allot.name = "p"}, %a: tensor<2x2xf32> {allot.name = "a"}, %b: tensor<2x2xf32> {allot.name = "b"})
    -> (tensor<3xf32> {allot.name = "first"}, tensor<2xf32> {allot.name = "second"}, tensor<3x2xf32> {allot.name = "q"}, tensor<2x2xf32> {allot.name = "x"},
        tensor<2x3xf32> {allot.name = "product"}) {
  %first = adapter.seeded torch_uniform seed 0 bound 1.0 : tensor<3xf32>
  %second = adapter.seeded torch_uniform seed 4294967296 skip 1 bound 1.0 : tensor<2xf32>
  %q = adapter.orthonormal_factor %p : tensor<3x2xf32>
  %x = adapter.solve %a, %b : tensor<2x2xf32>, tensor<2x2xf32>
  %u = adapter.singular_vectors left %w : tensor<2x3xf32> -> tensor<2x2xf32>
  %v = adapter.singular_vectors right %w : tensor<2x3xf32> -> tensor<2x3xf32>
  %s = arith.constant dense<[3.0, 2.0]> : tensor<2xf32>
  %m = adapter.lowrank %u, %v gate %s : tensor<2x2xf32>, tensor<2x3xf32>, tensor<2xf32>
  %product = adapter.materialize %m : !adapter.map<2x3, f32> -> tensor<2x3xf32>
  return %first, %second, %q, %x, %product : tensor<3xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x3xf32>
}

// RUN: %tensors write %t.x "a:F32:2x2=1,2,2,4" "b:F32:2x1=1,2"
// RUN: not allot run %s --reference --entry singular --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=SINGULAR
func.func @singular(%a: tensor<2x2xf32> {allot.name = "a"}, %b: tensor<2x1xf32> {allot.name = "b"}) -> (tensor<2x1xf32> {allot.name = "x"}) {
  // SINGULAR: error: {{.*}}computed.mlir:[[#@LINE+1]]:8: 'adapter.solve' op the matrix is singular
  %x = adapter.solve %a, %b : tensor<2x2xf32>, tensor<2x1xf32>
  return %x : tensor<2x1xf32>
}

// RUN: %tensors write %t.x "w:F32:1x2=1,inf"
// RUN: not allot run %s --reference --entry infinite --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=INFINITE
func.func @infinite(%w: tensor<1x2xf32> {allot.name = "w"}) -> (tensor<1x1xf32> {allot.name = "u"}) {
  // INFINITE: error: {{.*}}computed.mlir:[[#@LINE+1]]:8: 'adapter.singular_vectors' op meets a matrix with numbers that are not finite
  %u = adapter.singular_vectors left %w : tensor<1x2xf32> -> tensor<1x1xf32>
  return %u : tensor<1x1xf32>
}

// Compiled, they are computed when the weights are loaded, not at each call.
// RUN: %tensors write %t.x "x:F32:2=3,5"
// RUN: allot run %s --entry compiled --inputs %t.x --outputs %t.y && %tensors print %t.y | FileCheck %s --check-prefix=COMPILED
// COMPILED: y F32 2 2.99251 5.53644
func.func @compiled(%x: tensor<2xf32> {allot.name = "x"}) -> (tensor<2xf32> {allot.name = "y"}) {
  %s = adapter.seeded torch_uniform seed 0 bound 1.0 : tensor<2xf32>
  %y = arith.addf %x, %s : tensor<2xf32>
  return %y : tensor<2xf32>
}

// Places by falling or rising magnitude.
// RUN: %tensors write %t.x "w:F32:2x3=3,0.5,-4,-2,1,0.25"
// RUN: allot run %s --reference --entry extreme --inputs %t.x --outputs %t.y && %tensors print %t.y | FileCheck %s --check-prefix=EXTREME
// EXTREME-DAG: largest F32 2x3 0 0 1 2 0 0
// EXTREME-DAG: smallest F32 2x2 1 0 2 1
func.func @extreme(%w: tensor<2x3xf32> {allot.name = "w"}) -> (tensor<2x3xf32> {allot.name = "largest"}, tensor<2x2xf32> {allot.name = "smallest"}) {
  %l = adapter.extreme_entries largest %w : tensor<2x3xf32> -> tensor<2x3xf32>
  %s = adapter.extreme_entries smallest %w : tensor<2x3xf32> -> tensor<2x2xf32>
  return %l, %s : tensor<2x3xf32>, tensor<2x2xf32>
}

// RUN: %tensors write %t.x "w:F32:2x3=3,0.5,-4,nan,1,0.25"
// RUN: not allot run %s --reference --entry extreme --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=NAN
// NAN: 'adapter.extreme_entries' op meets a matrix with a number that is NaN
