// RUN: allot-opt %s -adapter-instrument | FileCheck %s
// RUN: allot-opt %s -adapter-instrument -adapter-instrument | FileCheck %s
// RUN: allot-opt %s -adapter-instrument=outputs | FileCheck %s --check-prefix=OUT
// RUN: allot-opt %s -adapter-instrument=outputs -adapter-instrument=outputs | FileCheck %s --check-prefix=OUT

// Sites that read one value share a tap; another reader of the value keeps it.
// CHECK-LABEL: func.func @shared
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor
func.func @shared(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-NEXT: %[[T:.*]] = nn.tap %[[X]] "q.input" sites ["q", "k"] : tensor<?x8xf32>
  // CHECK-NEXT: %[[M:.*]] = adapter.dense
  // CHECK-NEXT: %[[Q:.*]] = adapter.apply %[[M]], %[[T]] {site = "q"}
  // CHECK-NEXT: adapter.apply %[[M]], %[[T]] {site = "k"}
  // CHECK-NEXT: adapter.apply %[[M]], %[[X]] :
  // CHECK-NOT: nn.tap
  // CHECK: arith.negf %[[X]]
  %m = adapter.dense %w : tensor<8x8xf32>
  %q = adapter.apply %m, %x {site = "q"} : !adapter.map<8x8, f32>, tensor<?x8xf32> -> tensor<?x8xf32>
  %k = adapter.apply %m, %x {site = "k"} : !adapter.map<8x8, f32>, tensor<?x8xf32> -> tensor<?x8xf32>
  %n = adapter.apply %m, %x : !adapter.map<8x8, f32>, tensor<?x8xf32> -> tensor<?x8xf32>
  %o = arith.negf %x : tensor<?x8xf32>
  return %q, %k, %n, %o : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// With outputs: what a site gives is tapped, for its own reader too.
// OUT-LABEL: func.func @shared
// OUT:         %[[Q:.*]] = adapter.apply {{.*}} {site = "q"}
// OUT-NEXT:    nn.tap %[[Q]] "q.output" sites ["q"]
// OUT:         nn.tap %{{.*}} "k.output" sites ["k"]
// OUT-NOT:     nn.tap
// OUT-LABEL: func.func @repeated
// OUT:         %[[Y:.*]] = adapter.apply
// OUT-NEXT:    %[[O:.*]] = nn.tap %[[Y]] "layer.output" sites ["layer"]
// OUT-NEXT:    %[[I:.*]] = nn.tap %[[O]] "layer.input.2" sites ["layer"]
// OUT-NEXT:    %[[Z:.*]] = adapter.apply %{{.*}}, %[[I]]
// OUT-NEXT:    nn.tap %[[Z]] "layer.output.2" sites ["layer"]
// OUT-LABEL: func.func @table
// OUT:         %[[E:.*]] = adapter.gather
// OUT-NEXT:    nn.tap %[[E]] "embed.output" sites ["embed"]

// A site that reads two values has two taps.
// CHECK-LABEL: func.func @repeated
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor
func.func @repeated(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  // CHECK: nn.tap %[[X]] "layer.input" sites ["layer"]
  // CHECK: %[[Y:.*]] = adapter.apply
  // CHECK-NEXT: %[[T:.*]] = nn.tap %[[Y]] "layer.input.2" sites ["layer"]
  // CHECK-NEXT: adapter.apply %{{.*}}, %[[T]]
  %m = adapter.dense %w : tensor<8x8xf32>
  %y = adapter.apply %m, %x {site = "layer"} : !adapter.map<8x8, f32>, tensor<?x8xf32> -> tensor<?x8xf32>
  %z = adapter.apply %m, %y {site = "layer"} : !adapter.map<8x8, f32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @table
// CHECK-NOT:     nn.tap
func.func @table(%w: tensor<8x8xf32>, %ids: tensor<?xi32>) -> tensor<?x8xf32> {
  %m = adapter.dense %w : tensor<8x8xf32>
  %e = adapter.gather %m, %ids {site = "embed"} : !adapter.map<8x8, f32>, tensor<?xi32> -> tensor<?x8xf32>
  return %e : tensor<?x8xf32>
}

// A private body is not an entry.
// CHECK-LABEL: func.func private @body
func.func private @body(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NOT: nn.tap
  // CHECK: return
  %m = adapter.dense %w : tensor<8x8xf32>
  %y = adapter.apply %m, %x {site = "layer"} : !adapter.map<8x8, f32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
