// RUN: allot-opt %s -convert-nn-to-linalg | FileCheck %s

// CHECK-LABEL: func.func @silu(
// CHECK-SAME:    %[[X:.*]]: tensor<?x64xf32>
// CHECK:         %[[N:.*]] = tensor.dim %[[X]]
// CHECK:         %[[E:.*]] = tensor.empty(%[[N]]) : tensor<?x64xf32>
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]} ins(%[[X]] : tensor<?x64xf32>) outs(%[[E]] : tensor<?x64xf32>)
// CHECK:         ^bb0(%[[A:.*]]: f32, %{{.*}}: f32):
// CHECK:           %[[NEG:.*]] = arith.negf %[[A]]
// CHECK:           %[[EXP:.*]] = math.exp %[[NEG]]
// CHECK:           %[[DEN:.*]] = arith.addf %[[EXP]], %{{.*}} : f32
// CHECK:           %[[R:.*]] = arith.divf %[[A]], %[[DEN]]
// CHECK:           linalg.yield %[[R]]
func.func @silu(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = nn.activation silu %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @others(
// CHECK:         math.erf
// CHECK:         math.tanh
// CHECK:         arith.maximumf
// CHECK-NOT:     nn.activation
func.func @others(%x: tensor<3xf32>) -> tensor<3xf32> {
  %a = nn.activation gelu %x : tensor<3xf32>
  %b = nn.activation gelu_tanh %a : tensor<3xf32>
  %c = nn.activation relu %b : tensor<3xf32>
  return %c : tensor<3xf32>
}

// Maximum, sum of exponentials, logarithm less the score of the label; a label outside gives zero.
// CHECK-LABEL: func.func @loss(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>, %[[L:.*]]: tensor<?xi32>
// CHECK:         %[[MAX:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%[[X]] :
// CHECK:           arith.maximumf
// CHECK:         %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[MAX]] :
// CHECK:           math.exp
// CHECK:         linalg.generic {{.*}} ins(%[[L]], %[[MAX]], %[[SUM]] :
// CHECK:           tensor.extract %[[X]]
// CHECK:           math.log
// CHECK:           arith.select
// CHECK-NOT:     nn.cross_entropy
func.func @loss(%x: tensor<?x8xf32>, %labels: tensor<?xi32>, %init: tensor<?xf32>) -> tensor<?xf32> {
  %l = nn.cross_entropy ins(%x, %labels : tensor<?x8xf32>, tensor<?xi32>) outs(%init : tensor<?xf32>) -> tensor<?xf32>
  return %l : tensor<?xf32>
}
