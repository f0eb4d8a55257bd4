// RUN: allot-opt %s -adapter-expand -split-input-file -verify-diagnostics
// RUN: not allot-opt %s -adapter-expand=evaluate=fastest 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not allot-opt %s -adapter-expand=rows=0 2>&1 | FileCheck %s --check-prefix=ROWS

// UNKNOWN: error: adapter-expand: unknown evaluation 'fastest', expected auto, factored or merged
// ROWS: error: adapter-expand: rows and flops-per-byte are at least 1, but got 0 and 8

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
