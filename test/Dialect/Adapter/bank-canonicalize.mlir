// RUN: allot-opt %s -canonicalize -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @nested
// CHECK-SAME: (%[[A:.*]]: !adapter.map<64x32, f32>, %[[B:.*]]: !adapter.map<2x64x32, f32>)
func.func @nested(%a: !adapter.map<64x32, f32>, %b: !adapter.map<2x64x32, f32>) -> (!adapter.map<4x64x32, f32>, !adapter.map<2x64x32, f32>) {
  // CHECK: %[[F:.*]] = adapter.bank %[[A]], %[[B]], %[[A]]
  // CHECK: return %[[F]], %[[B]]
  %inner = adapter.bank %b, %a : !adapter.map<2x64x32, f32>, !adapter.map<64x32, f32>
  %outer = adapter.bank %a, %inner : !adapter.map<64x32, f32>, !adapter.map<3x64x32, f32>
  %alone = adapter.bank %b : !adapter.map<2x64x32, f32>
  return %outer, %alone : !adapter.map<4x64x32, f32>, !adapter.map<2x64x32, f32>
}

// -----

// A member that is known is the map; of a bank inside the bank it is one of that.
// CHECK-LABEL: func.func @select
// CHECK-SAME: (%[[A:.*]]: !adapter.map<64x32, f32>, %[[B:.*]]: !adapter.map<2x64x32, f32>, %[[C:.*]]: !adapter.map<64x32, f32>)
func.func @select(%a: !adapter.map<64x32, f32>, %b: !adapter.map<2x64x32, f32>, %c: !adapter.map<64x32, f32>) -> (!adapter.map<64x32, f32>, !adapter.map<64x32, f32>, !adapter.map<64x32, f32>, !adapter.map<64x32, f32>) {
  // CHECK-DAG: %[[M:.*]] = adapter.select %[[B]][1] : !adapter.map<2x64x32, f32>
  // CHECK-DAG: %[[S:.*]] = adapter.scale %[[C]] by 2.000000e+00
  // CHECK: return %[[A]], %[[M]], %[[C]], %[[S]]
  %bank = adapter.bank %a, %b, %c : !adapter.map<64x32, f32>, !adapter.map<2x64x32, f32>, !adapter.map<64x32, f32>
  %three = arith.constant dense<3> : tensor<i64>
  %p = adapter.select %bank[0] : !adapter.map<4x64x32, f32>
  %q = adapter.select %bank[2] : !adapter.map<4x64x32, f32>
  %r = adapter.select %bank at %three : !adapter.map<4x64x32, f32>, tensor<i64>
  %scaled = adapter.scale %bank by 2.0 : !adapter.map<4x64x32, f32>
  %s = adapter.select %scaled[3] : !adapter.map<4x64x32, f32>
  return %p, %q, %r, %s : !adapter.map<64x32, f32>, !adapter.map<64x32, f32>, !adapter.map<64x32, f32>, !adapter.map<64x32, f32>
}

// -----

// One outside of the bank stays: it is an error at run time.
// CHECK-LABEL: func.func @outside
func.func @outside(%b: !adapter.map<2x64x32, f32>) -> !adapter.map<64x32, f32> {
  // CHECK: adapter.select %{{.*}} at
  %two = arith.constant dense<2> : tensor<i32>
  %m = adapter.select %b at %two : !adapter.map<2x64x32, f32>, tensor<i32>
  return %m : !adapter.map<64x32, f32>
}

// -----

// The same id for all rows.
// CHECK-LABEL: func.func @one_id
// CHECK-SAME: (%[[A:.*]]: !adapter.map<64x32, f32>, %[[B:.*]]: !adapter.map<64x32, f32>, %[[X:.*]]: tensor<3x32xf32>, %[[BIAS:.*]]: tensor<64xf32>)
func.func @one_id(%a: !adapter.map<64x32, f32>, %b: !adapter.map<64x32, f32>, %x: tensor<3x32xf32>, %bias: tensor<64xf32>) -> (tensor<3x64xf32>, tensor<3x64xf32>, tensor<3x64xf32>) {
  // CHECK-DAG: %[[Z:.*]] = adapter.zero
  // CHECK-DAG: adapter.apply %[[B]], %[[X]] bias %[[BIAS]] {site = "q"} :
  // CHECK-DAG: adapter.apply %[[A]], %[[X]] : !adapter.map<64x32, f32>
  // CHECK-DAG: adapter.apply %[[Z]], %[[X]] :
  // CHECK-NOT: ids
  %one = arith.constant dense<1> : tensor<3xi32>
  %none = arith.constant dense<-1> : tensor<3xi32>
  %bank = adapter.bank %a, %b : !adapter.map<64x32, f32>, !adapter.map<64x32, f32>
  %p = adapter.apply %bank, %x ids(%one : tensor<3xi32>) bias %bias {site = "q"} : !adapter.map<2x64x32, f32>, tensor<3x32xf32>, tensor<64xf32> -> tensor<3x64xf32>
  %q = adapter.apply %bank, %x ids(%none : tensor<3xi32>) otherwise(%a : !adapter.map<64x32, f32>) : !adapter.map<2x64x32, f32>, tensor<3x32xf32> -> tensor<3x64xf32>
  %r = adapter.apply %bank, %x ids(%none : tensor<3xi32>) : !adapter.map<2x64x32, f32>, tensor<3x32xf32> -> tensor<3x64xf32>
  return %p, %q, %r : tensor<3x64xf32>, tensor<3x64xf32>, tensor<3x64xf32>
}

// -----

// Ids that differ stay.
// CHECK-LABEL: func.func @two_ids
func.func @two_ids(%bank: !adapter.map<2x64x32, f32>, %x: tensor<2x32xf32>) -> tensor<2x64xf32> {
  // CHECK: adapter.apply {{.*}} ids
  %ids = arith.constant dense<[1, 0]> : tensor<2xi32>
  %p = adapter.apply %bank, %x ids(%ids : tensor<2xi32>) : !adapter.map<2x64x32, f32>, tensor<2x32xf32> -> tensor<2x64xf32>
  return %p : tensor<2x64xf32>
}

// -----

// CHECK-LABEL: func.func @transpose
// CHECK-SAME: (%[[A:.*]]: !adapter.map<64x32, f32>, %[[B:.*]]: !adapter.map<64x32, f32>, %[[V:.*]]: tensor<8xf32>)
func.func @transpose(%a: !adapter.map<64x32, f32>, %b: !adapter.map<64x32, f32>, %v: tensor<8xf32>) -> (!adapter.map<2x32x64, f32>, !adapter.map<1x8x8, f32>) {
  // CHECK-DAG: %[[D:.*]] = adapter.diagonal %[[V]]
  // CHECK-DAG: %[[T:.*]] = adapter.transpose %[[A]]
  // CHECK-DAG: %[[U:.*]] = adapter.transpose %[[B]]
  // CHECK-DAG: adapter.bank %[[T]], %[[U]]
  // CHECK-DAG: adapter.bank %[[D]] :
  %bank = adapter.bank %a, %b : !adapter.map<64x32, f32>, !adapter.map<64x32, f32>
  %t = adapter.transpose %bank : !adapter.map<2x64x32, f32>
  %d = adapter.diagonal %v : tensor<8xf32>
  %one = adapter.bank %d : !adapter.map<8x8, f32>
  %u = adapter.transpose %one : !adapter.map<1x8x8, f32>
  return %t, %u : !adapter.map<2x32x64, f32>, !adapter.map<1x8x8, f32>
}
