// RUN: allot-opt %s --convert-adapter-to-kernel --split-input-file --verify-diagnostics
// RUN: not allot-opt %s --convert-adapter-to-kernel=target=sse9 2>&1 | FileCheck %s --check-prefix=TARGET

// TARGET: unknown kernel target 'sse9': expected generic, avx2, avx512vnni or a list of features such as +avx2

func.func @tensors(%w: tensor<8x32xf32, #format.packed<#format.q8_0, rows = 8>>, %x: tensor<?x32xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{is on tensors still; bufferize it first}}
  %r = adapter.linear weight(%w : tensor<8x32xf32, #format.packed<#format.q8_0, rows = 8>>) ins(%x : tensor<?x32xf32>) outs(%y : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

func.func @not_packed(%w: memref<?xi8>, %x: memref<?x32xf32>, %y: memref<?x8xf32>) {
  // expected-error @+1 {{no kernel reads the format #format.q8_0; pack it first}}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32>) outs(%y : memref<?x8xf32>) {stored = [tensor<8x32xf32, #format.q8_0>]}
  return
}

// -----

func.func @factor_not_packed(%w: memref<?xi8>, %b: memref<?xi8>, %a: memref<?xi8>, %x: memref<?x32xf32>, %y: memref<?x8xf32>) {
  // expected-error @+1 {{no kernel reads the format #format.float<f16>; pack it first}}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32>) factors(%b, %a : memref<?xi8>, memref<?xi8>) scales([1.0]) outs(%y : memref<?x8xf32>)
    {stored = [tensor<8x32xf32, #format.packed<#format.q8_0, rows = 8>>, tensor<8x2xf32, #format.float<f16>>, tensor<2x32xf32, #format.packed<#format.float<f16>, rows = 8>>]}
  return
}

// -----

func.func @wide_tiles(%w: memref<?xi8>, %x: memref<?x32xf32>, %y: memref<?x8xf32>) {
  // expected-error @+1 {{kernels read tiles of 8 rows, not #format.packed<#format.q8_0, rows = 16>}}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32>) outs(%y : memref<?x8xf32>) {stored = [tensor<8x32xf32, #format.packed<#format.q8_0, rows = 16>>]}
  return
}

// -----

func.func @strided_bytes(%w: memref<?xi8, strided<[2]>>, %x: memref<?x32xf32>, %y: memref<?x8xf32>) {
  // expected-error @+1 {{takes stored bytes as memref<?xi8>, not 'memref<?xi8, strided<[2]>>'}}
  adapter.linear weight(%w : memref<?xi8, strided<[2]>>) ins(%x : memref<?x32xf32>) outs(%y : memref<?x8xf32>) {stored = [tensor<8x32xf32, #format.packed<#format.q8_0, rows = 8>>]}
  return
}

// -----

func.func @lookup_not_packed(%t: memref<?xi8>, %ids: memref<?xi32>, %y: memref<?x64xf32>) {
  // expected-error @+1 {{no kernel reads the format #format.float<f32>; pack it first}}
  adapter.lookup table(%t : memref<?xi8>) ins(%ids : memref<?xi32>) outs(%y : memref<?x64xf32>) {stored = tensor<100x64xf32, #format.float<f32>>}
  return
}

// -----

func.func @grouped_not_packed(%b: memref<?xi8>, %a: memref<?xi8>, %x: memref<?x32xf32>, %o: memref<?xi32>, %f: memref<2xi32>, %y: memref<?x8xf32>) {
  // expected-error @+1 {{no kernel reads the format #format.float<f16>; pack it first}}
  adapter.grouped_lowrank ins(%x : memref<?x32xf32>) groups(%o, %f : memref<?xi32>, memref<2xi32>) factors(%b, %a : memref<?xi8>, memref<?xi8>) members([0]) scales([1.0])
    outs(%y : memref<?x8xf32>) {stored = [tensor<8x2xf32, #format.float<f16>>, tensor<2x32xf32, #format.float<f16>>]}
  return
}

// -----

func.func @grouped_tensors(%x: tensor<?x8xf32>, %ids: tensor<?xi32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{is on tensors still; bufferize it first}}
  %r = adapter.grouped_diagonal ins(%x : tensor<?x8xf32>) ids(%ids : tensor<?xi32>) terms members([0]) vectors([-1]) sources([-1]) scales([1.0]) outs(%y : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}
