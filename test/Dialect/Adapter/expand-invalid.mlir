// RUN: allot-opt %s -adapter-expand -split-input-file -verify-diagnostics
// RUN: not allot-opt %s -adapter-expand=evaluate=fastest 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not allot-opt %s -adapter-expand=evaluate=auto 2>&1 | FileCheck %s --check-prefix=AUTO

// UNKNOWN: error: adapter-expand: unknown evaluation 'fastest', expected factored or merged
// AUTO: error: adapter-expand: unknown evaluation 'auto', expected factored or merged

func.func @apply_argument(%m: !adapter.map<4x4, f32>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{'adapter.apply' op cannot be expanded: its map contains one that is not made by an op of the algebra}}
  %y = adapter.apply %m, %x : !adapter.map<4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

func.func @gather_argument(%m: !adapter.map<4x4, f32>, %w: tensor<4x4xf32>, %ids: tensor<?xi32>) -> tensor<?x4xf32> {
  %n = adapter.dense %w : tensor<4x4xf32>
  %s = adapter.sum %n, %m : !adapter.map<4x4, f32>
  // expected-error@+1 {{'adapter.gather' op cannot be expanded: its map contains one that is not made by an op of the algebra}}
  %y = adapter.gather %s, %ids : !adapter.map<4x4, f32>, tensor<?xi32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

func.func @materialize_argument(%m: !adapter.map<4x4, f32>) -> tensor<4x4xf32> {
  %t = adapter.transpose %m : !adapter.map<4x4, f32>
  // expected-error@+1 {{'adapter.materialize' op cannot be expanded: its map contains one that is not made by an op of the algebra}}
  %y = adapter.materialize %t : !adapter.map<4x4, f32> -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// -----

func.func @no_chain(%w: tensor<4x4xf32>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %m = adapter.dense %w : tensor<4x4xf32>
  // expected-error@+1 {{'adapter.apply' op has the way #adapter.way<split 1, 1 [factored, merged]>, which its map does not have}}
  %y = adapter.apply %m, %x {way = #adapter.way<split 1, 1 [factored, merged]>} : !adapter.map<4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

func.func @longer_chain(%w: tensor<4x4xf32>, %v: tensor<4xf32>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %m = adapter.dense %w : tensor<4x4xf32>
  %d = adapter.diagonal %v : tensor<4xf32>
  %c = adapter.compose %d, %m : !adapter.map<4x4, f32>, !adapter.map<4x4, f32>
  // expected-error@+1 {{'adapter.apply' op has the way #adapter.way<split 1, 2 [factored, merged]>, which its map does not have}}
  %y = adapter.apply %c, %x {way = #adapter.way<split 1, 2 [factored, merged]>} : !adapter.map<4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

func.func @no_pair(%w: tensor<4x4xf32>, %v: tensor<4xf32>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %m = adapter.dense %w : tensor<4x4xf32>
  %d = adapter.diagonal %v : tensor<4xf32>
  %s = adapter.sum %m, %d : !adapter.map<4x4, f32>
  // A part that does not fit inside of one that does.
  // expected-error@+1 {{'adapter.apply' op has the way #adapter.way<distributed [merged]>, which its map does not have}}
  %y = adapter.apply %s, %x {way = #adapter.way<factored [distributed [merged]]>} : !adapter.map<4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
