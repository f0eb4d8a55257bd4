// Entries, taps and caches through the command, without compiling anything.
// RUN: %tensors write %t.x "x:F32:2x3=0..5"
// RUN: allot run %s --reference --entry map --inputs %t.x --outputs %t.y --outputs-also hidden_states && %tensors print %t.y | FileCheck %s --check-prefix=MAP
// MAP: hidden_states.0 F32 2x2 3.5 9.5 12.5 38.75
// MAP: y F32 2x2 2.5 9.5 11.5 38.75

// RUN: %tensors write %t.x "tokens:I32:1x2=7,8" "count:I32:1=2" "past:I32:1=1" "cache:F32:1x2x1x3x1x1=-1,-2,-3,-4,-5,-6"
// RUN: allot run %s --reference --entry step --inputs %t.x --outputs %t.y && %tensors print %t.y | FileCheck %s --check-prefix=STEP
// STEP: cache F32 1x2x1x3x1x1 -1 7 8 -4 -5 -6

// Compiled code gives the same.
// RUN: %tensors write %t.x "x:F32:2x3=0..5"
// RUN: allot run %s --entry map --inputs %t.x --outputs %t.y --outputs-also hidden_states && %tensors print %t.y | FileCheck %s --check-prefix=MAP

// The pipeline in front of it lowers nothing.
// RUN: allot run %s --reference --entry map --inputs %t.x --print-pipeline | FileCheck %s --check-prefix=PIPELINE
// PIPELINE-NOT: {{kernel|bufferize|llvm}}
// PIPELINE: nn-strip-taps

// y = (W + 0.5 * diag(1, 4.5) W P) x - (1, 0) with W = [[1, 0, 1], [0, 1, 2]] and P x = (x2, x0, x1). For x = (0, 1, 2) W x is (2, 5) and
// W P x is (3, 2); for (3, 4, 5) they are (8, 14) and (9, 11).
func.func @map(%x: tensor<?x3xf32> {allot.name = "x"}) -> (tensor<?x2xf32> {allot.name = "y"}) {
  %w = arith.constant dense<[[1.0, 0.0, 1.0], [0.0, 1.0, 2.0]]> : tensor<2x3xf32>
  %v = arith.constant dense<[1.0, 4.5]> : tensor<2xf32>
  %m = adapter.dense %w : tensor<2x3xf32>
  %d = adapter.diagonal %v : tensor<2xf32>
  %p = adapter.permutation [2, 0, 1] : !adapter.map<3x3, f32>
  %c = adapter.compose %d, %m, %p : !adapter.map<2x2, f32>, !adapter.map<2x3, f32>, !adapter.map<3x3, f32>
  %h = adapter.scale %c by 0.5 : !adapter.map<2x3, f32>
  %s = adapter.sum %m, %h : !adapter.map<2x3, f32>
  %y = adapter.apply %s, %x : !adapter.map<2x3, f32>, tensor<?x3xf32> -> tensor<?x2xf32>
  %t = nn.tap %y "hidden_states.0" : tensor<?x2xf32>
  %c0 = arith.constant 0 : index
  %n = tensor.dim %t, %c0 : tensor<?x2xf32>
  %e = tensor.empty(%n) : tensor<?x2xf32>
  %row = arith.constant dense<[-1.0, 0.0]> : tensor<2xf32>
  %rows = linalg.broadcast ins(%row : tensor<2xf32>) outs(%e : tensor<?x2xf32>) dimensions = [0]
  %r = arith.addf %t, %rows : tensor<?x2xf32>
  return %r : tensor<?x2xf32>
}

// Keys are the tokens themselves.
func.func @step(%tokens: tensor<?x?xi32> {allot.name = "tokens"}, %count: tensor<?xi32> {allot.name = "count"}, %past: tensor<?xi32> {allot.name = "past"},
                %cache: tensor<1x2x?x?x1x1xf32> {allot.name = "cache"}) -> (tensor<1x2x?x?x1x1xf32> {allot.name = "cache"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %batch = tensor.dim %tokens, %c0 : tensor<?x?xi32>
  %length = tensor.dim %tokens, %c1 : tensor<?x?xi32>
  %f = arith.sitofp %tokens : tensor<?x?xi32> to tensor<?x?xf32>
  %k = tensor.expand_shape %f [[0], [1, 2, 3]] output_shape [%batch, %length, 1, 1] : tensor<?x?xf32> into tensor<?x?x1x1xf32>
  %new = nn.cache_update ins(%k : tensor<?x?x1x1xf32>) past(%past : tensor<?xi32>) count(%count : tensor<?xi32>) layer 0 slot 0
    outs(%cache : tensor<1x2x?x?x1x1xf32>) -> tensor<1x2x?x?x1x1xf32>
  return %new : tensor<1x2x?x?x1x1xf32>
}
