// RUN: allot-opt %s -convert-nn-to-kernel -split-input-file -verify-diagnostics

func.func @tensors(%x: tensor<?x64xf32>, %w: tensor<64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{'nn.norm' op operand #0 is 'tensor<?x64xf32>', not a ranked memref: kernels work on buffers, so bufferization has to come first}}
  %r = nn.norm rms ins(%x, %w : tensor<?x64xf32>, tensor<64xf32>) epsilon 1.0e-5 outs(%y : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// -----

func.func @map(%x: memref<?x64xf32, affine_map<(i, j) -> (j, i)>>, %w: memref<64xf32>, %y: memref<?x64xf32>) {
  // expected-error @+1 {{'nn.norm' op operand #0 is 'memref<?x64xf32, affine_map<(d0, d1) -> (d1, d0)>>': kernels know strided layouts only}}
  nn.norm rms ins(%x, %w : memref<?x64xf32, affine_map<(i, j) -> (j, i)>>, memref<64xf32>) epsilon 1.0e-5 outs(%y : memref<?x64xf32>)
  return
}

// -----

func.func @cache(%s: memref<?x?x2x16xf32>, %past: memref<?xi32>, %count: memref<?xi32>, %cache: memref<30x2x?x?x2x16xf32, strided<[?, ?, ?, ?, ?, 2], offset: ?>>) {
  // expected-error @+1 {{has a cache whose last dimension is not contiguous}}
  nn.cache_update ins(%s : memref<?x?x2x16xf32>) past(%past : memref<?xi32>) count(%count : memref<?xi32>) layer 3 slot 1
    outs(%cache : memref<30x2x?x?x2x16xf32, strided<[?, ?, ?, ?, ?, 2], offset: ?>>)
  return
}
