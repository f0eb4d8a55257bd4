// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s

// CHECK-LABEL: func.func @policies
func.func @policies(%l: tensor<?x8xf32>, %s: tensor<?x?x8xf32>, %b: tensor<8xf32>) {
  // CHECK: routed.select softmax %{{.*}} by #routed.token_choice<2> weights normalized : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  %a = routed.select softmax %l by #routed.token_choice<2> weights normalized : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  // CHECK: routed.select sigmoid %{{.*}} bias(%{{.*}} : tensor<8xf32>) by #routed.token_choice<3, groups = 4, kept = 2, by = sum_of_two> weights normalized factor 2.500000e+00 : tensor<?x?x8xf32> -> !routed.assignment<3 of 8>
  %c = routed.select sigmoid %s bias(%b : tensor<8xf32>) by #routed.token_choice<3, groups = 4, kept = 2, by = sum_of_two> weights normalized factor 2.5 : tensor<?x?x8xf32> -> !routed.assignment<3 of 8>
  // CHECK: routed.select softmax %{{.*}} by #routed.token_choice<1> weights scores capacity 3 : tensor<?x?x8xf32> -> !routed.assignment<1 of 8>
  %d = routed.select softmax %s by #routed.token_choice<1> weights scores capacity 3 : tensor<?x?x8xf32> -> !routed.assignment<1 of 8>
  // CHECK: routed.select logits %{{.*}} by #routed.expert_choice<rows = 16> weights softmax
  %e = routed.select logits %s by #routed.expert_choice<rows = 16> weights softmax : tensor<?x?x8xf32> -> !routed.assignment<8 of 8>
  // CHECK: by #routed.expert_choice<fraction = 5.000000e-01 : f64> weights ones
  %f = routed.select logits %s by #routed.expert_choice<fraction = 0.5 : f64> weights ones : tensor<?x?x8xf32> -> !routed.assignment<8 of 8>
  // CHECK: by #routed.global_choice<1.500000e+00 : f64>
  %g = routed.select softmax %s by #routed.global_choice<1.5 : f64> weights scores : tensor<?x?x8xf32> -> !routed.assignment<8 of 8>
  // CHECK: by #routed.top_p<6.000000e-01 : f64>
  %h = routed.select softmax %s by #routed.top_p<0.6 : f64> weights scores : tensor<?x?x8xf32> -> !routed.assignment<8 of 8>
  // CHECK: by #routed.threshold<1.000000e-01 : f64>
  %i = routed.select softmax %s by #routed.threshold<0.1 : f64> weights scores : tensor<?x?x8xf32> -> !routed.assignment<8 of 8>
  return
}

// CHECK-LABEL: func.func @experts
func.func @experts(%x: tensor<?x?x4xf32>, %ids: tensor<?x?x2xi32>, %w: tensor<?x?x2xf32>, %m: tensor<2x4x4xf32>) -> tensor<?x?x4xf32> {
  %bank = adapter.dense %m : tensor<2x4x4xf32>
  // CHECK: routed.assign %{{.*}} weights(%{{.*}} : tensor<?x?x2xf32>) : tensor<?x?x2xi32> -> !routed.assignment<2 of 5>
  %a = routed.assign %ids weights(%w : tensor<?x?x2xf32>) : tensor<?x?x2xi32> -> !routed.assignment<2 of 5>
  // CHECK: routed.assign %{{.*}} : tensor<?x?x2xi32> -> !routed.assignment<2 of 5>
  %c = routed.assign %ids : tensor<?x?x2xi32> -> !routed.assignment<2 of 5>
  // CHECK: routed.unpack %{{.*}} : !routed.assignment<2 of 5> -> tensor<?x?x2xi32>, tensor<?x?x2xf32>
  %i, %v = routed.unpack %c : !routed.assignment<2 of 5> -> tensor<?x?x2xi32>, tensor<?x?x2xf32>
  // CHECK: routed.experts %{{.*}} by %{{.*}} : tensor<?x?x4xf32>, !routed.assignment<2 of 5> -> tensor<?x?x4xf32> copies [1] zeros [4]
  // CHECK-NEXT: class [0, 2] (%{{.*}}: tensor<?x4xf32>, %{{.*}}: tensor<?xi32>) {
  // CHECK: routed.yield %{{.*}} : tensor<?x4xf32>
  // CHECK: class [3] (%{{.*}}: tensor<?x4xf32>, %{{.*}}: tensor<?xi32>) {
  %y = routed.experts %x by %a : tensor<?x?x4xf32>, !routed.assignment<2 of 5> -> tensor<?x?x4xf32> copies [1] zeros [4]
    class [0, 2] (%rows: tensor<?x4xf32>, %id: tensor<?xi32>) {
      %r = adapter.apply %bank, %rows ids(%id : tensor<?xi32>) : !adapter.map<2x4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
      routed.yield %r : tensor<?x4xf32>
    }
    class [3] (%rows: tensor<?x4xf32>, %id: tensor<?xi32>) {
      %r = arith.mulf %rows, %rows : tensor<?x4xf32>
      routed.yield %r : tensor<?x4xf32>
    }
  return %y : tensor<?x?x4xf32>
}

// CHECK-LABEL: func.func @choose
func.func @choose(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %lm: memref<?x8xf32>, %im: memref<?x2xi32>, %wm: memref<?x2xf32>) {
  // CHECK: routed.choose softmax ins(%{{.*}} : tensor<?x8xf32>) by #routed.token_choice<2> weights scores outs(%{{.*}}, %{{.*}} : tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2xi32>, tensor<?x2xf32>
  %ids, %weights = routed.choose softmax ins(%l : tensor<?x8xf32>) by #routed.token_choice<2> weights scores outs(%i, %w : tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: routed.choose logits ins(%{{.*}} : memref<?x8xf32>) by #routed.token_choice<2> weights softmax factor 5.000000e-01 capacity 4 outs(%{{.*}}, %{{.*}} : memref<?x2xi32>, memref<?x2xf32>)
  routed.choose logits ins(%lm : memref<?x8xf32>) by #routed.token_choice<2> weights softmax factor 0.5 capacity 4 outs(%im, %wm : memref<?x2xi32>, memref<?x2xf32>)
  return
}
