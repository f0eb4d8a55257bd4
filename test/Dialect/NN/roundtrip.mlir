// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s

// CHECK-LABEL: func.func @tensors
func.func @tensors(%x: tensor<?x?x64xf32>, %w: tensor<64xf32>, %q: tensor<?x?x4x16xf32>, %k: tensor<?x?x2x16xf32>, %past: tensor<?xi32>, %freqs: tensor<8xf32>, %cache: tensor<30x2x?x?x2x16xf32>, %size: index, %mask: tensor<?x?xi32>, %table: tensor<4x9xf32>) {
  // CHECK: nn.norm rms ins(%{{.*}}, %{{.*}} : tensor<?x?x64xf32>, tensor<64xf32>) epsilon 1.000000e-05 outs(%{{.*}} : tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  %n = nn.norm rms ins(%x, %w : tensor<?x?x64xf32>, tensor<64xf32>) epsilon 1.0e-5 outs(%x : tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  // CHECK: nn.norm layer ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?x64xf32>, tensor<64xf32>, tensor<64xf32>) epsilon 0.000000e+00 outs(%{{.*}} : tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  %l = nn.norm layer ins(%x, %w, %w : tensor<?x?x64xf32>, tensor<64xf32>, tensor<64xf32>) epsilon 0.0 outs(%x : tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  // CHECK: nn.rope halves ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?x4x16xf32>, tensor<?xi32>, tensor<8xf32>) scale 1.000000e+00 outs(%{{.*}} : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  %r = nn.rope halves ins(%q, %past, %freqs : tensor<?x?x4x16xf32>, tensor<?xi32>, tensor<8xf32>) scale 1.0 outs(%q : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  // CHECK: nn.rope neighbours ins
  %s = nn.rope neighbours ins(%q, %past, %freqs : tensor<?x?x4x16xf32>, tensor<?xi32>, tensor<8xf32>) scale 1.0 outs(%q : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  // CHECK: nn.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) past(%{{.*}} : tensor<?xi32>) total(%{{.*}} : tensor<?xi32>) {causal, scale = 2.500000e-01 : f64} outs(%{{.*}} : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  %a = nn.attention ins(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) total(%past : tensor<?xi32>) {causal, scale = 2.5e-01 : f64}
         outs(%q : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  // CHECK: nn.attention {{.*}} {scale = 1.000000e+00 : f64, softcap = 3.000000e+01 : f64, window = 128 : i64} outs
  %b = nn.attention ins(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) {scale = 1.0 : f64, window = 128 : i64, softcap = 30.0 : f64}
         outs(%q : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  // CHECK: nn.attention {{.*}} total(%{{.*}} : tensor<?xi32>) mask(%{{.*}} : tensor<?x?xi32>) distances(%{{.*}} : tensor<4x9xf32>) {scale = 1.000000e+00 : f64} outs
  %e = nn.attention ins(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) total(%past : tensor<?xi32>) mask(%mask : tensor<?x?xi32>)
         distances(%table : tensor<4x9xf32>) {scale = 1.0 : f64} outs(%q : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  // CHECK: nn.attention {{.*}} past(%{{.*}} : tensor<?xi32>) sinks(%{{.*}} : tensor<4xf32>) {causal, scale = 1.000000e+00 : f64} outs
  %sinks = tensor.empty() : tensor<4xf32>
  %s0 = nn.attention ins(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) sinks(%sinks : tensor<4xf32>) {causal, scale = 1.0 : f64}
    outs(%q : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  // CHECK: nn.attention_grad {{.*}} past(%{{.*}} : tensor<?xi32>) sinks(%{{.*}} : tensor<4xf32>) {scale = 1.000000e+00 : f64} outs
  %s1:3 = nn.attention_grad ins(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) grad(%q : tensor<?x?x4x16xf32>) past(%past : tensor<?xi32>)
    sinks(%sinks : tensor<4xf32>) {scale = 1.0 : f64} outs(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>)
    -> tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
  // CHECK: nn.attention_grad {{.*}} past(%{{.*}} : tensor<?xi32>) mask(%{{.*}} : tensor<?x?xi32>) distances(%{{.*}} : tensor<4x9xf32>) {scale = 1.000000e+00 : f64} outs
  %f:3 = nn.attention_grad ins(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) grad(%q : tensor<?x?x4x16xf32>) past(%past : tensor<?xi32>) mask(%mask : tensor<?x?xi32>)
         distances(%table : tensor<4x9xf32>) {scale = 1.0 : f64} outs(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>)
         -> tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
  // CHECK: nn.attention_grad ins({{.*}}) grad(%{{.*}} : tensor<?x?x4x16xf32>) past(%{{.*}} : tensor<?xi32>) total(%{{.*}} : tensor<?xi32>) {causal, scale = 2.500000e-01 : f64, window = 3 : i64} outs({{.*}}) -> tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
  %d:3 = nn.attention_grad ins(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) grad(%q : tensor<?x?x4x16xf32>) past(%past : tensor<?xi32>)
         total(%past : tensor<?xi32>) {causal, scale = 2.5e-01 : f64, window = 3 : i64} outs(%q, %k, %k : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>)
         -> tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
  // CHECK: nn.cross_entropy ins(%{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?xi32>) outs(%{{.*}} : tensor<?xf32>) -> tensor<?xf32>
  %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x64xf32> into tensor<?x64xf32>
  %i = tensor.extract_slice %rows[0, 0] [%size, 1] [1, 1] : tensor<?x64xf32> to tensor<?xf32>
  %ce = nn.cross_entropy ins(%rows, %past : tensor<?x64xf32>, tensor<?xi32>) outs(%i : tensor<?xf32>) -> tensor<?xf32>
  // CHECK: nn.cache_update ins(%{{.*}} : tensor<?x?x2x16xf32>) past(%{{.*}} : tensor<?xi32>) count(%{{.*}} : tensor<?xi32>) layer 3 slot 1 outs(%{{.*}} : tensor<30x2x?x?x2x16xf32>) -> tensor<30x2x?x?x2x16xf32>
  %c = nn.cache_update ins(%k : tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) count(%past : tensor<?xi32>) layer 3 slot 1 outs(%cache : tensor<30x2x?x?x2x16xf32>) -> tensor<30x2x?x?x2x16xf32>
  // CHECK: nn.activation gelu_tanh %{{.*}} : tensor<?x?x64xf32>
  %g = nn.activation gelu_tanh %x : tensor<?x?x64xf32>
  // CHECK: nn.tap %{{.*}} "hidden_states.0" : tensor<?x?x64xf32>
  %t = nn.tap %g "hidden_states.0" : tensor<?x?x64xf32>
  // CHECK: nn.tap %{{.*}} "q_proj.input" sites ["q_proj", "k_proj"] : tensor<?x?x64xf32>
  %u = nn.tap %t "q_proj.input" sites ["q_proj", "k_proj"] : tensor<?x?x64xf32>
  return
}

// CHECK-LABEL: func.func @memrefs
func.func @memrefs(%x: memref<?x?x64xf32>, %w: memref<64xf32>, %k: memref<?x?x2x16xf32, strided<[?, 32, 16, 1], offset: ?>>, %past: memref<?xi32>, %cache: memref<30x2x?x?x2x16xf32>, %o: memref<1x2x2x16xf32>) {
  // CHECK: nn.norm rms ins({{.*}}) epsilon 1.000000e-05 outs(%{{.*}} : memref<?x?x64xf32>){{$}}
  nn.norm rms ins(%x, %w : memref<?x?x64xf32>, memref<64xf32>) epsilon 1.0e-5 outs(%x : memref<?x?x64xf32>)
  // CHECK: nn.attention_grad ins({{.*}}) grad(%{{.*}}) past(%{{.*}}) {scale = 1.000000e+00 : f64} outs({{.*}}){{$}}
  nn.attention_grad ins(%o, %o, %o : memref<1x2x2x16xf32>, memref<1x2x2x16xf32>, memref<1x2x2x16xf32>) grad(%o : memref<1x2x2x16xf32>) past(%past : memref<?xi32>) {scale = 1.0 : f64}
    outs(%o, %o, %o : memref<1x2x2x16xf32>, memref<1x2x2x16xf32>, memref<1x2x2x16xf32>)
  // CHECK: nn.cache_update ins(%{{.*}} : memref<?x?x2x16xf32, strided<[?, 32, 16, 1], offset: ?>>) past({{.*}}) count({{.*}}) layer 0 slot 0 outs(%{{.*}} : memref<30x2x?x?x2x16xf32>){{$}}
  nn.cache_update ins(%k : memref<?x?x2x16xf32, strided<[?, 32, 16, 1], offset: ?>>) past(%past : memref<?xi32>) count(%past : memref<?xi32>) layer 0 slot 0 outs(%cache : memref<30x2x?x?x2x16xf32>)
  return
}
