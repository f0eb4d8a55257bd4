// RUN: allot-opt %s -canonicalize | FileCheck %s

// What an assignment was made of is what it holds.
// CHECK-LABEL: func.func @unpack
// CHECK-SAME: (%[[I:.*]]: tensor<?x2xi32>, %[[W:.*]]: tensor<?x2xf32>)
func.func @unpack(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  // CHECK-NEXT: return %[[I]], %[[W]]
  %a = routed.assign %i weights(%w : tensor<?x2xf32>) : tensor<?x2xi32> -> !routed.assignment<2 of 8>
  %ids, %weights = routed.unpack %a : !routed.assignment<2 of 8> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids, %weights : tensor<?x2xi32>, tensor<?x2xf32>
}

// Selections and experts that nobody asks for go.
// CHECK-LABEL: func.func @unused
func.func @unused(%x: tensor<?x4xf32>, %l: tensor<?x2xf32>) {
  // CHECK-NEXT: return
  %a = routed.select softmax %l by #routed.token_choice<1> weights scores : tensor<?x2xf32> -> !routed.assignment<1 of 2>
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<1 of 2> -> tensor<?x4xf32> copies [1]
    class [0] (%rows: tensor<?x4xf32>, %i: tensor<?xi32>) {
      %r = arith.addf %rows, %rows : tensor<?x4xf32>
      routed.yield %r : tensor<?x4xf32>
    }
  return
}
