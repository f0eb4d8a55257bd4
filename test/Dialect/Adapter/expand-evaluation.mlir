// RUN: allot-opt %s -adapter-expand=evaluate=merged | FileCheck %s --check-prefixes=CHECK,MERGED
// RUN: allot-opt %s -adapter-expand=evaluate=auto | FileCheck %s --check-prefixes=CHECK,ONE
// RUN: allot-opt %s "-adapter-expand=evaluate=auto rows=70" | FileCheck %s --check-prefixes=CHECK,MANY
// RUN: allot-opt %s "-adapter-expand=evaluate=auto rows=70 remarks" -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

#q8 = #format.q8_0
#f32 = #format.float<f32>

// Few ranks: 70 rows do not pay for merging, ..
// CHECK-LABEL: func.func @few_ranks
func.func @few_ranks(%x: tensor<?x128xf32>, %w: tensor<128x128xf32, #q8>, %B: tensor<128x2xf32, #f32>, %A: tensor<2x128xf32, #f32>, %bias: tensor<128xf32>) -> tensor<?x128xf32> {
  // MERGED: %[[P:.*]] = linalg.matmul
  // MERGED: %[[M:.*]] = arith.addf %{{.*}}, %[[P]] : tensor<128x128xf32>
  // MERGED: %[[E:.*]] = format.encode %[[M]]
  // MERGED: adapter.linear weight(%[[E]] : {{.*}}) ins({{.*}}) bias({{.*}}) outs({{.*}}) {site = "up"} -> tensor<?x128xf32>
  // ONE: adapter.linear {{.*}} factors
  // MANY: adapter.linear {{.*}} factors
  // REMARK: remark: evaluated factored by cost for 70 rows: factored reads 19456 bytes and takes 2374400 flops, merged 150528 and 2375680
  %m = adapter.dense %w : tensor<128x128xf32, #q8>
  %l = adapter.lowrank %B, %A : tensor<128x2xf32, #f32>, tensor<2x128xf32, #f32>
  %sum = adapter.sum %m, %l : !adapter.map<128x128, f32>
  %y = adapter.apply %sum, %x bias %bias {site = "up"} : !adapter.map<128x128, f32>, tensor<?x128xf32>, tensor<128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// .. with many ranks they do.
// CHECK-LABEL: func.func @many_ranks
func.func @many_ranks(%x: tensor<?x128xf32>, %w: tensor<128x128xf32, #q8>, %B: tensor<128x64xf32, #f32>, %A: tensor<64x128xf32, #f32>) -> tensor<?x128xf32> {
  // MERGED: linalg.matmul
  // ONE: adapter.linear {{.*}} factors
  // MANY: linalg.matmul
  // MANY: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.float<f32>>)
  // REMARK: remark: evaluated merged by cost
  %m = adapter.dense %w : tensor<128x128xf32, #q8>
  %l = adapter.lowrank %B, %A : tensor<128x64xf32, #f32>, tensor<64x128xf32, #f32>
  %sum = adapter.sum %m, %l : !adapter.map<128x128, f32>
  %y = adapter.apply %sum, %x : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// One stored matrix stays as it is stored.
// CHECK-LABEL: func.func @one_matrix
func.func @one_matrix(%x: tensor<?x128xf32>, %w: tensor<128x128xf32, #q8>) -> tensor<?x128xf32> {
  // CHECK: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.q8_0>)
  %m = adapter.dense %w : tensor<128x128xf32, #q8>
  %y = adapter.apply %m, %x : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// What the op asks for has precedence, also for what it is made of.
// CHECK-LABEL: func.func @asked
func.func @asked(%x: tensor<?x128xf32>, %w: tensor<128x128xf32, #q8>, %B: tensor<128x2xf32, #f32>, %A: tensor<2x128xf32, #f32>, %v: tensor<128xf32>) -> (tensor<?x128xf32>, tensor<?x128xf32>) {
  // CHECK-DAG: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.float<f32>>)
  // CHECK-DAG: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.q8_0>) ins({{.*}}) factors
  // CHECK: return
  // REMARK: remark: evaluated merged as asked
  // REMARK: remark: evaluated factored as asked
  %m = adapter.dense %w : tensor<128x128xf32, #q8>
  %l = adapter.lowrank %B, %A : tensor<128x2xf32, #f32>, tensor<2x128xf32, #f32>
  %d = adapter.diagonal %v : tensor<128xf32>
  %sum = adapter.sum %m, %l : !adapter.map<128x128, f32>
  %c = adapter.compose %d, %sum : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %y = adapter.apply %sum, %x {evaluate = #adapter<evaluation merged>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  %z = adapter.apply %c, %x {evaluate = #adapter<evaluation factored>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y, %z : tensor<?x128xf32>, tensor<?x128xf32>
}
