// DEFINE: %{costs} = costs=kernel=1e-6,term=1e-6,read-byte=1e-9,flop-one=1e-10,flop-few=1e-10,flop-many=1e-10,decode=0,loop=1e-6,point=1e-10,sum=1e-10,move-byte=0
// RUN: allot-opt %s -adapter-expand=evaluate=merged | FileCheck %s --check-prefixes=CHECK,MERGED
// RUN: allot-opt %s -adapter-expand=evaluate=factored | FileCheck %s --check-prefixes=CHECK,FACTORED
// RUN: allot-opt %s -adapter-expand | FileCheck %s --check-prefixes=CHECK,FACTORED
// Without hoisting the matrix is computed at each call.
// RUN: allot-opt %s -adapter-choose-evaluation=%{costs} -adapter-expand | FileCheck %s --check-prefixes=CHECK,FACTORED
// RUN: allot-opt %s -adapter-choose-evaluation="rows=100 %{costs}" -adapter-expand | FileCheck %s --check-prefixes=CHECK,MANY

#q8 = #format.q8_0
#f32 = #format.float<f32>

// Few ranks: 100 rows do not pay for merging, ..
// CHECK-LABEL: func.func @few_ranks
func.func @few_ranks(%x: tensor<?x128xf32>, %w: tensor<128x128xf32, #q8>, %B: tensor<128x2xf32, #f32>, %A: tensor<2x128xf32, #f32>, %bias: tensor<128xf32>) -> tensor<?x128xf32> {
  // MERGED: %[[P:.*]] = linalg.matmul
  // MERGED: %[[M:.*]] = arith.addf %{{.*}}, %[[P]] : tensor<128x128xf32>
  // MERGED: %[[E:.*]] = format.encode %[[M]]
  // MERGED: adapter.linear weight(%[[E]] : {{.*}}) ins({{.*}}) bias({{.*}}) outs({{.*}}) {site = "up"} -> tensor<?x128xf32>
  // FACTORED: adapter.linear {{.*}} factors
  // MANY: adapter.linear {{.*}} factors
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
  // FACTORED: adapter.linear {{.*}} factors
  // MANY: linalg.matmul
  // MANY: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.float<f32>>)
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
  %m = adapter.dense %w : tensor<128x128xf32, #q8>
  %l = adapter.lowrank %B, %A : tensor<128x2xf32, #f32>, tensor<2x128xf32, #f32>
  %d = adapter.diagonal %v : tensor<128xf32>
  %sum = adapter.sum %m, %l : !adapter.map<128x128, f32>
  %c = adapter.compose %d, %sum : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %y = adapter.apply %sum, %x {evaluate = #adapter<evaluation merged>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  %z = adapter.apply %c, %x {evaluate = #adapter<evaluation factored>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y, %z : tensor<?x128xf32>, tensor<?x128xf32>
}
