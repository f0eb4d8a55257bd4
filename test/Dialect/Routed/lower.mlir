// RUN: allot-opt %s --routed-lower -cse | FileCheck %s

// CHECK-LABEL: func.func @mixture
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x4xf32>, %[[L:.*]]: tensor<?x?x3xf32>, %{{.*}}: tensor<2x4x4xf32>)
func.func @mixture(%x: tensor<?x?x4xf32>, %l: tensor<?x?x3xf32>, %m: tensor<2x4x4xf32>) -> tensor<?x?x4xf32> {
  // Experts 2 and 0 are members 0 and 1.
  // CHECK: arith.constant dense<[1, -1, 0]> : tensor<3xi32>
  // CHECK: %[[BANK:.*]] = adapter.dense
  %bank = adapter.dense %m : tensor<2x4x4xf32>
  // CHECK: %{{.*}}:2 = routed.choose softmax ins(%[[L]] : tensor<?x?x3xf32>) by #routed.token_choice<2> weights normalized outs(%{{.*}}, %{{.*}} : tensor<?x?x2xi32>, tensor<?x?x2xf32>)
  %a = routed.select softmax %l by #routed.token_choice<2> weights normalized : tensor<?x?x3xf32> -> !routed.assignment<2 of 3>
  // CHECK: %{{.*}}:3 = adapter.group_rows
  // CHECK: %[[ROWS:.*]] = linalg.generic
  // CHECK: tensor.extract %{{.*}}[%{{.*}}, %{{.*}}] : tensor<?x4xf32>
  // CHECK: %[[IDS:.*]] = linalg.generic
  // CHECK: %[[R:.*]] = adapter.apply %[[BANK]], %[[ROWS]] ids(%[[IDS]] : tensor<?xi32>)
  // CHECK: linalg.generic
  // CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "reduction"]
  // CHECK: tensor.extract %[[R]][%{{.*}}, %{{.*}}] : tensor<?x4xf32>
  %y = routed.experts %x by %a : tensor<?x?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x?x4xf32> zeros [1]
    class [2, 0] (%rows: tensor<?x4xf32>, %i: tensor<?xi32>) {
      %r = adapter.apply %bank, %rows ids(%i : tensor<?xi32>) : !adapter.map<2x4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
      routed.yield %r : tensor<?x4xf32>
    }
  // CHECK-NOT: routed.experts
  return %y : tensor<?x?x4xf32>
}
