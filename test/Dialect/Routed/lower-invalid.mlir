// RUN: allot-opt %s --routed-lower -split-input-file -verify-diagnostics

func.func @argument(%x: tensor<?x4xf32>, %a: !routed.assignment<1 of 2>) -> tensor<?x4xf32> {
  // expected-error@+1 {{cannot be lowered: its assignment is not made by routed.select or routed.assign with lists for these rows in this function}}
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<1 of 2> -> tensor<?x4xf32> copies [0] zeros [1]
  return %y : tensor<?x4xf32>
}

// -----

// Two rows, but an assignment of three.
func.func @rows(%x: tensor<2x4xf32>, %i: tensor<3x1xi32>, %w: tensor<3x1xf32>) -> tensor<2x4xf32> {
  %a = routed.assign %i weights(%w : tensor<3x1xf32>) : tensor<3x1xi32> -> !routed.assignment<1 of 2>
  // expected-error@+1 {{cannot be lowered: its assignment is not made by routed.select or routed.assign with lists for these rows in this function}}
  %y = routed.experts %x by %a : tensor<2x4xf32>, !routed.assignment<1 of 2> -> tensor<2x4xf32> copies [0] zeros [1]
  return %y : tensor<2x4xf32>
}
