// RUN: allot-opt %s -nn-strip-taps | FileCheck %s --check-prefixes=CHECK,STRIP
// RUN: allot-opt %s -nn-expose-taps=names=hidden_states,q_proj,router | FileCheck %s --check-prefixes=CHECK,EXPOSE
// RUN: allot-opt %s -nn-expose-taps=names=router | FileCheck %s --check-prefixes=CHECK,STRIP
// RUN: not allot-opt %s -nn-expose-taps=names=hidden_states, 2>&1 | FileCheck %s --check-prefix=EMPTY

// EMPTY: error: nn-expose-taps: a name is empty

// The taps asked for become results in their order, behind those that were there; a name without a tap adds nothing.
// CHECK-LABEL: func.func @logits
// STRIP-SAME: (%[[X:.*]]: tensor<?x8xf32> {allot.name = "x"}) -> (tensor<?x8xf32> {allot.name = "logits"}) {
// EXPOSE-SAME: (%[[X:.*]]: tensor<?x8xf32> {allot.name = "x"}) -> (tensor<?x8xf32> {allot.name = "logits"}, tensor<?x8xf32> {allot.name = "hidden_states.0"}, tensor<?x8xf32> {allot.name = "q_proj.input", allot.sites = ["q_proj", "k_proj"]}) {
func.func @logits(%x: tensor<?x8xf32> {allot.name = "x"}) -> (tensor<?x8xf32> {allot.name = "logits"}) {
  // CHECK-NEXT: %[[Z:.*]] = nn.activation silu %[[X]]
  // CHECK-NEXT: %[[R:.*]] = nn.activation relu %[[Z]]
  // STRIP-NEXT: return %[[R]] : tensor<?x8xf32>
  // EXPOSE-NEXT: return %[[R]], %[[X]], %[[Z]] : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  %y = nn.tap %x "hidden_states.0" : tensor<?x8xf32>
  %a = nn.activation silu %y : tensor<?x8xf32>
  %b = nn.tap %a "attention.0" : tensor<?x8xf32>
  %c = nn.tap %b "q_proj.input" sites ["q_proj", "k_proj"] : tensor<?x8xf32>
  %d = nn.activation relu %c : tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}

// Private functions keep their type.
// CHECK-LABEL: func.func private @forward
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>) -> tensor<?x8xf32> {
func.func private @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: return %[[X]]
  %y = nn.tap %x "hidden_states.0" : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
