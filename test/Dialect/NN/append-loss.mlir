// RUN: allot-opt %s -nn-append-loss -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @logits(
// CHECK-SAME:    %{{.*}}: tensor<?x?xi32> {allot.name = "input_ids"}, %[[X:.*]]: tensor<?x?x8xf32>, %[[L:.*]]: tensor<?x?xi32> {allot.name = "labels"}) -> (tensor<?x?xf32> {allot.name = "nll"}) {
// CHECK:         %[[Y:.*]] = nn.activation silu %[[X]]
// CHECK:         %[[N:.*]] = nn.cross_entropy ins(%[[Y]], %[[L]] : tensor<?x?x8xf32>, tensor<?x?xi32>) outs(%{{.*}} : tensor<?x?xf32>) -> tensor<?x?xf32>
// CHECK:         return %[[N]]
func.func @logits(%ids: tensor<?x?xi32> {allot.name = "input_ids"}, %x: tensor<?x?x8xf32>) -> (tensor<?x?x8xf32> {allot.name = "logits"}) {
  %y = nn.activation silu %x : tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

// -----

// expected-error@+1 {{logits has no loss: its one result must be logits}}
func.func @logits(%x: tensor<2xi32>) -> tensor<2xi32> {
  return %x : tensor<2xi32>
}

// -----

// expected-error@+1 {{logits cannot give its loss instead, because another op calls it}}
func.func @logits(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
func.func @caller(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = call @logits(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

// expected-error@+1 {{nn-append-loss: there is no function @logits}}
module {
}
