// Constants as in choose-evaluation.mlir, but reading takes ten times as long.
// DEFINE: %{costs} = costs=kernel=1e-6,term=1e-6,read-byte=1e-8,flop-one=1e-10,flop-few=1e-10,flop-many=1e-10,decode=0,loop=1e-6,point=1e-9,sum=1e-9,move-byte=0
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted %{costs}" | FileCheck %s --check-prefix=CHOOSE
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted remarks %{costs}" -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted %{costs}" -adapter-expand=hoisted -canonicalize -cse | FileCheck %s

#q8 = #format.q8_0
#f32 = #format.float<f32>
ml_program.global private @q(#ml_program.extern<tensor<64x128xf32, #q8>>) : tensor<64x128xf32, #q8>
ml_program.global private @k(#ml_program.extern<tensor<32x128xf32, #q8>>) : tensor<32x128xf32, #q8>
ml_program.global private @b(#ml_program.extern<tensor<64x8xf32, #f32>>) : tensor<64x8xf32, #f32>
ml_program.global private @c(#ml_program.extern<tensor<32x8xf32, #f32>>) : tensor<32x8xf32, #f32>
ml_program.global private @a(#ml_program.extern<tensor<8x128xf32, #f32>>) : tensor<8x128xf32, #f32>
ml_program.global private @d(#ml_program.extern<tensor<8x128xf32, #f32>>) : tensor<8x128xf32, #f32>
ml_program.global private @g(#ml_program.extern<tensor<8xf32, #f32>>) : tensor<8xf32, #f32>

// One A for both: it is read once.
// CHOOSE-LABEL: func.func @same
// CHOOSE: adapter.apply {{.*}} {share = 0 : i64, way = #adapter.way<factored>}
// CHOOSE: adapter.apply {{.*}} {share = 0 : i64, way = #adapter.way<factored>}
// REMARK: remark: 2 maps that read the same x share products with factors: {{[0-9.]+}} us with, {{[0-9.]+}} us without
// CHECK-LABEL: func.func @same
// CHECK-SAME: %[[X:.*]]: tensor<?x128xf32>
// CHECK: %[[A:.*]] = ml_program.global_load_const @a
// CHECK: %[[Z:.*]] = adapter.linear weight(%[[A]] : {{.*}}) ins(%[[X]] :
// CHECK: %[[Q:.*]] = adapter.linear weight({{.*}}<64x128xf32, #format.q8_0>) ins(%[[X]] : tensor<?x128xf32>) outs
// CHECK: %[[P:.*]] = adapter.linear weight({{.*}}<64x8xf32, {{.*}}) ins(%[[Z]]
// CHECK: arith.addf %[[Q]], %[[P]]
// CHECK: adapter.linear weight({{.*}}<32x128xf32, #format.q8_0>) ins(%[[X]] : tensor<?x128xf32>) bias
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[Z]] :
// CHECK: adapter.linear weight({{.*}}<32x8xf32, {{.*}}) ins(%[[S]]
func.func @same(%x: tensor<?x128xf32>, %bias: tensor<32xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  %q = ml_program.global_load_const @q : tensor<64x128xf32, #q8>
  %k = ml_program.global_load_const @k : tensor<32x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<64x8xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<8x128xf32, #f32>
  %dq = adapter.dense %q : tensor<64x128xf32, #q8>
  %lq = adapter.lowrank %b, %a : tensor<64x8xf32, #f32>, tensor<8x128xf32, #f32>
  %mq = adapter.sum %dq, %lq : !adapter.map<64x128, f32>
  %yq = adapter.apply %mq, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
  %c = ml_program.global_load_const @c : tensor<32x8xf32, #f32>
  %dk = adapter.dense %k : tensor<32x128xf32, #q8>
  %lk = adapter.lowrank %c, %a : tensor<32x8xf32, #f32>, tensor<8x128xf32, #f32>
  %sk = adapter.scale %lk by 0.5 : !adapter.map<32x128, f32>
  %mk = adapter.sum %dk, %sk : !adapter.map<32x128, f32>
  %yk = adapter.apply %mk, %x bias %bias : !adapter.map<32x128, f32>, tensor<?x128xf32>, tensor<32xf32> -> tensor<?x32xf32>
  return %yq, %yk : tensor<?x64xf32>, tensor<?x32xf32>
}

// An A for each: nothing is read less, each kernel takes its own.
// CHOOSE-LABEL: func.func @own
// CHOOSE: adapter.apply {{.*}} {way = #adapter.way<factored>}
// CHOOSE: adapter.apply {{.*}} {way = #adapter.way<factored>}
// REMARK: remark: 2 maps that read the same x do not share products with factors
// CHECK-LABEL: func.func @own
// CHECK-COUNT-2: adapter.linear {{.*}} factors(
func.func @own(%x: tensor<?x128xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  %q = ml_program.global_load_const @q : tensor<64x128xf32, #q8>
  %k = ml_program.global_load_const @k : tensor<32x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<64x8xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<8x128xf32, #f32>
  %c = ml_program.global_load_const @c : tensor<32x8xf32, #f32>
  %d = ml_program.global_load_const @d : tensor<8x128xf32, #f32>
  %dq = adapter.dense %q : tensor<64x128xf32, #q8>
  %lq = adapter.lowrank %b, %a : tensor<64x8xf32, #f32>, tensor<8x128xf32, #f32>
  %mq = adapter.sum %dq, %lq : !adapter.map<64x128, f32>
  %yq = adapter.apply %mq, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
  %dk = adapter.dense %k : tensor<32x128xf32, #q8>
  %lk = adapter.lowrank %c, %d : tensor<32x8xf32, #f32>, tensor<8x128xf32, #f32>
  %mk = adapter.sum %dk, %lk : !adapter.map<32x128, f32>
  %yk = adapter.apply %mk, %x : !adapter.map<32x128, f32>, tensor<?x128xf32> -> tensor<?x32xf32>
  return %yq, %yk : tensor<?x64xf32>, tensor<?x32xf32>
}

// Asked for, two factors stand below one another in one matrix; the second definition moves up. A gate is beside its product.
// CHECK-LABEL: func.func @asked
// CHECK: %[[M:.*]] = adapter.materialize %{{.*}} : !adapter.map<16x128, f32>
// CHECK: %[[E:.*]] = format.encode %[[M]]
// CHECK: %[[Z:.*]] = adapter.linear weight(%[[E]]
// CHECK: tensor.extract_slice %[[Z]][0, 0] [%{{.*}}, 8]
// CHECK: tensor.extract_slice %[[Z]][0, 8] [%{{.*}}, 8]
// CHECK-NOT: factors(
func.func @asked(%x: tensor<?x128xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  %q = ml_program.global_load_const @q : tensor<64x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<64x8xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<8x128xf32, #f32>
  %dq = adapter.dense %q : tensor<64x128xf32, #q8>
  %lq = adapter.lowrank %b, %a : tensor<64x8xf32, #f32>, tensor<8x128xf32, #f32>
  %mq = adapter.sum %dq, %lq : !adapter.map<64x128, f32>
  %yq = adapter.apply %mq, %x {share = 7 : i64, way = #adapter.way<factored>} : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
  %g = ml_program.global_load_const @g : tensor<8xf32, #f32>
  %c = ml_program.global_load_const @c : tensor<32x8xf32, #f32>
  %d = ml_program.global_load_const @d : tensor<8x128xf32, #f32>
  %lk = adapter.lowrank %c, %d gate %g : tensor<32x8xf32, #f32>, tensor<8x128xf32, #f32>, tensor<8xf32, #f32>
  %yk = adapter.apply %lk, %x {share = 7 : i64, way = #adapter.way<factored>} : !adapter.map<32x128, f32>, tensor<?x128xf32> -> tensor<?x32xf32>
  return %yq, %yk : tensor<?x64xf32>, tensor<?x32xf32>
}
