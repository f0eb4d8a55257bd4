// RUN: allot-opt %s -one-shot-bufferize="bufferize-function-boundaries" -verify-diagnostics

func.func @encoded(%w: tensor<64x128xf32, #format.q8_0>, %x: tensor<?x128xf32>, %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+2 {{failed to bufferize op}}
  // expected-error @+1 {{'adapter.linear' op operand #0 is an encoded tensor, 'tensor<64x128xf32, #format.q8_0>': run format-lower-storage before bufferization, which would drop the encoding}}
  %y = adapter.linear weight(%w : tensor<64x128xf32, #format.q8_0>) ins(%x : tensor<?x128xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
