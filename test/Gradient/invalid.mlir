// RUN: allot-opt %s -gradient-reverse="gradients=.output" -split-input-file -verify-diagnostics
// RUN: not allot-opt %s -gradient-reverse="functions=nobody" -split-input-file 2>&1 | FileCheck %s

// CHECK: gradient-reverse: there is no function @nobody

func.func @no_vjp(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'math.floor' op has no gradient: it does not implement VJPOpInterface}}
  %y = math.floor %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Of ours: what a cache keeps is for generation.
func.func @cache(%x: tensor<1x1x2x3xf32>, %past: tensor<1xi32>, %cache: tensor<1x2x1x4x2x3xf32>) -> tensor<1x2x1x4x2x3xf32> {
  // expected-error@+1 {{'nn.cache_update' op has no gradient: it does not implement VJPOpInterface}}
  %c = nn.cache_update ins(%x : tensor<1x1x2x3xf32>) past(%past : tensor<1xi32>) count(%past : tensor<1xi32>) layer 0 slot 0
    outs(%cache : tensor<1x2x1x4x2x3xf32>) -> tensor<1x2x1x4x2x3xf32>
  return %c : tensor<1x2x1x4x2x3xf32>
}

// -----

func.func @helper(%x: tensor<4xi32>) -> tensor<4xi32> {
  return %x : tensor<4xi32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
func.func @calls(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'func.call' op has no gradient}}
  %y = func.call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @nested(%x: tensor<4xf32>, %c: i1) -> tensor<4xf32> {
  %r = scf.if %c -> tensor<4xf32> {
    // expected-error@+1 {{is inside of another op, where no gradient of nested reaches it}}
    %y = nn.tap %x "a.output" : tensor<4xf32>
    scf.yield %y : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// expected-error@+1 {{has no reverse function: there is a symbol @f.reverse already}}
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
func.func private @f.reverse(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error@+1 {{has several blocks and has no reverse function}}
func.func @blocks(%x: tensor<4xf32>) -> tensor<4xf32> {
  cf.br ^bb1
^bb1:
  return %x : tensor<4xf32>
}

// -----

func.func @encoded(%w: tensor<2x4xf32>, %x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %q = format.encode %w : tensor<2x4xf32> -> tensor<2x4xf32, #format.float<f16>>
  // expected-error@+1 {{'adapter.dense' op has no gradient by its tensor, which is encoded}}
  %m = adapter.dense %q : tensor<2x4xf32, #format.float<f16>>
  %y = adapter.apply %m, %x : !adapter.map<2x4, f32>, tensor<?x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
