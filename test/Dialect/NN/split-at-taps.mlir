// RUN: allot-opt %s "-nn-split-at-taps=entry=f prefix=h." | FileCheck %s
// RUN: not allot-opt %s "-nn-split-at-taps=entry=f prefix=q." 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not allot-opt %s -nn-split-at-taps 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not allot-opt %s "-nn-split-at-taps=entry=nested prefix=h." 2>&1 | FileCheck %s --check-prefix=NESTED

// NONE: error: has no tap whose name starts with 'q.'
// MISSING: error: nn-split-at-taps: there is no function @logits
// NESTED: error: 'nn.tap' op lies inside another op, where its function cannot be cut

// CHECK: func.func private @f(
func.func @f(%x: tensor<?x8xf32> {allot.name = "x"}) -> (tensor<?x8xf32> {allot.name = "y"}) {
  %a = nn.activation silu %x : tensor<?x8xf32>
  %t = nn.tap %a "h.0" : tensor<?x8xf32>
  %o = nn.tap %t "other" : tensor<?x8xf32>
  %b = nn.activation relu %o : tensor<?x8xf32>
  %u = nn.tap %b "h.1" : tensor<?x8xf32>
  %c = arith.addf %u, %x : tensor<?x8xf32>
  return %c : tensor<?x8xf32>
}
// CHECK: func.func @f.part.0(%[[X:.*]]: tensor<?x8xf32> {allot.name = "x"}) -> (tensor<?x8xf32> {allot.name = "h.0"}) {
// CHECK-NEXT: %[[A:.*]] = nn.activation silu %[[X]]
// CHECK-NEXT: return %[[A]]
// CHECK: func.func @f.part.1(%{{.*}}: tensor<?x8xf32> {allot.name = "x"}, %[[T:.*]]: tensor<?x8xf32> {allot.name = "h.0"}) -> (tensor<?x8xf32> {allot.name = "h.1"}) {
// CHECK-NEXT: %[[B:.*]] = nn.activation relu %[[T]]
// CHECK-NEXT: return %[[B]]
// CHECK: func.func @f.part.2(%[[X:.*]]: tensor<?x8xf32> {allot.name = "x"}, %[[U:.*]]: tensor<?x8xf32> {allot.name = "h.1"}) -> (tensor<?x8xf32> {allot.name = "y"}) {
// CHECK-NEXT: %[[C:.*]] = arith.addf %[[U]], %[[X]]
// CHECK-NEXT: return %[[C]]

func.func @nested(%x: tensor<8xf32>, %c: i1) -> tensor<8xf32> {
  %r = scf.if %c -> tensor<8xf32> {
    %y = nn.tap %x "h.0" : tensor<8xf32>
    scf.yield %y : tensor<8xf32>
  } else {
    scf.yield %x : tensor<8xf32>
  }
  return %r : tensor<8xf32>
}
