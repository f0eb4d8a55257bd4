// RUN: allot-opt %s -gradient-reverse="gradients=.output values=.input" -nn-strip-taps -canonicalize -split-input-file | FileCheck %s
// RUN: allot-opt %s -gradient-reverse="functions=f" -nn-strip-taps -canonicalize -split-input-file | FileCheck %s --check-prefix=PLAIN

// A residual block: the gradient of x takes in both paths, the way forth is computed again, names say what each result is.
// CHECK-LABEL: func.func @f(
// CHECK:       func.func @f.reverse(%[[X:.*]]: tensor<?x4xf32> {allot.name = "x"}, %[[W:.*]]: tensor<4x4xf32>, %[[N:.*]]: i32, %[[DY:.*]]: tensor<?x4xf32> {allot.name = "y.gradient"})
// CHECK-SAME:    -> (tensor<?x4xf32> {allot.name = "x.gradient"}, tensor<4x4xf32>, tensor<?x4xf32> {allot.name = "p.output.gradient"}, tensor<?x4xf32> {allot.name = "p.input"}) {
// CHECK:         %[[M:.*]] = adapter.dense %[[W]]
// CHECK:         %[[P:.*]] = adapter.apply %[[M]], %[[X]]
// CHECK:         %[[DP:.*]] = linalg.generic {{.*}} ins(%[[P]], %[[DY]] : tensor<?x4xf32>, tensor<?x4xf32>)
// CHECK:         %[[DW:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "parallel", "parallel"]} ins(%[[DP]], %[[X]] :
// CHECK:         %[[T:.*]] = adapter.transpose %[[M]]
// CHECK:         %[[DX:.*]] = adapter.apply %[[T]], %[[DP]]
// CHECK:         %[[SUM:.*]] = arith.addf %[[DY]], %[[DX]]
// CHECK:         return %[[SUM]], %[[DW]], %[[DP]], %[[X]]
// PLAIN:       func.func @f.reverse
// PLAIN-SAME:    -> (tensor<?x4xf32> {allot.name = "x.gradient"}, tensor<4x4xf32>) {
// PLAIN-NOT:     nn.tap
func.func @f(%x: tensor<?x4xf32> {allot.name = "x"}, %w: tensor<4x4xf32>, %n: i32) -> (tensor<?x4xf32> {allot.name = "y"}, i32) {
  %m = adapter.dense %w : tensor<4x4xf32>
  %i = nn.tap %x "p.input" : tensor<?x4xf32>
  %p = adapter.apply %m, %i : !adapter.map<4x4, f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %o = nn.tap %p "p.output" : tensor<?x4xf32>
  %a = nn.activation silu %o : tensor<?x4xf32>
  %y = arith.addf %x, %a : tensor<?x4xf32>
  return %y, %n : tensor<?x4xf32>, i32
}

// -----

// Functions without floats on one side have nothing to differentiate, private ones are not asked; a tap that no result depends on has a zero.
// CHECK-LABEL: func.func @count(
// CHECK-NOT:   func.func @count.reverse
// CHECK-NOT:   func.func @hidden.reverse
// CHECK-LABEL: func.func @dead.reverse(
// CHECK-SAME:    %[[DY:.*]]: tensor<2xf32>) -> (tensor<2xf32>, tensor<3xf32> {allot.name = "z.output.gradient"})
// CHECK:         %[[Z:.*]] = linalg.fill
// CHECK:         return %{{.*}}, %[[Z]]
func.func @count(%n: tensor<2xi32>) -> tensor<2xi32> {
  return %n : tensor<2xi32>
}
func.func private @hidden(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
func.func @dead(%x: tensor<2xf32>) -> tensor<2xf32> {
  %c = arith.constant dense<1.0> : tensor<3xf32>
  %z = nn.tap %c "z.output" : tensor<3xf32>
  %y = math.exp %x : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

// Attention: one op gives all three; rope turns back.
// CHECK-LABEL: func.func @f.reverse(
// CHECK-DAG:     %[[BACK:.*]] = arith.constant dense<[-1.000000e+00, -5.000000e-01]>
// CHECK:         %[[R:.*]] = nn.rope halves
// CHECK-NOT:     nn.attention ins
// CHECK:         %[[G:.*]]:3 = nn.attention_grad ins(%[[R]], %{{.*}}, %{{.*}} : {{.*}}) grad(%{{.*}} : {{.*}}) past({{.*}}) {causal, scale = 5.000000e-01 : f64}
// CHECK:         nn.rope halves ins(%[[G]]#0, %{{.*}}, %[[BACK]] :
func.func @f(%q: tensor<1x2x2x4xf32>, %k: tensor<1x2x1x4xf32>, %past: tensor<1xi32>) -> tensor<1x2x2x4xf32> {
  %freq = arith.constant dense<[1.0, 0.5]> : tensor<2xf32>
  %r = nn.rope halves ins(%q, %past, %freq : tensor<1x2x2x4xf32>, tensor<1xi32>, tensor<2xf32>) scale 1.0 outs(%q : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  %o = nn.attention ins(%r, %k, %k : tensor<1x2x2x4xf32>, tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) past(%past : tensor<1xi32>) {causal, scale = 0.5 : f64}
    outs(%q : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  return %o : tensor<1x2x2x4xf32>
}
