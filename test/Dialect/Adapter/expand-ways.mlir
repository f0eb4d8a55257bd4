// RUN: allot-opt %s -adapter-expand -canonicalize -cse | FileCheck %s
// RUN: allot-opt %s -adapter-expand=hoisted -canonicalize -cse | FileCheck %s --check-prefix=HOISTED

#q8 = #format.q8_0
#f32 = #format.float<f32>
ml_program.global private @w(#ml_program.extern<tensor<128x128xf32, #q8>>) : tensor<128x128xf32, #q8>
ml_program.global private @b(#ml_program.extern<tensor<128x4xf32, #f32>>) : tensor<128x4xf32, #f32>
ml_program.global private @a(#ml_program.extern<tensor<4x128xf32, #f32>>) : tensor<4x128xf32, #f32>
ml_program.global private @v(#ml_program.extern<tensor<128xf32, #f32>>) : tensor<128xf32, #f32>

// A term of a sum as a pair of factors, which the kernel of the stored matrix takes.
// CHECK-LABEL: func.func @pair
// CHECK: %[[V:.*]] = format.decode
// CHECK: %[[B:.*]] = format.encode %{{.*}} : tensor<128x4xf32> -> tensor<128x4xf32, #format.float<f32>>
// CHECK: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.q8_0>) ins(%{{.*}}) factors(%[[B]], %{{.*}}) scales([5.000000e-01]) outs
// HOISTED-LABEL: func.func @pair
// HOISTED: %[[M:.*]] = adapter.materialize %{{.*}} : !adapter.map<128x4, f32> -> tensor<128x4xf32>
// HOISTED: %[[B:.*]] = format.encode %[[M]]
// HOISTED: adapter.linear {{.*}} factors(%[[B]]
func.func @pair(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %v = ml_program.global_load_const @v : tensor<128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %d = adapter.diagonal %v : tensor<128xf32, #f32>
  %c = adapter.compose %d, %low : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %s = adapter.scale %c by 0.5 : !adapter.map<128x128, f32>
  %m = adapter.sum %base, %s : !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x {way = #adapter.way<factored [pair]>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// Another term as a matrix beside the stored one; its scale is in the matrix.
// CHECK-LABEL: func.func @matrix
// CHECK-DAG: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.q8_0>)
// CHECK-DAG: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.float<f32>>)
// CHECK: arith.addf %{{.*}}, %{{.*}} : tensor<?x128xf32>
func.func @matrix(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %v = ml_program.global_load_const @v : tensor<128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %d = adapter.diagonal %v : tensor<128xf32, #f32>
  %h = adapter.hadamard %base, %d : !adapter.map<128x128, f32>
  %s = adapter.scale %h by 0.5 : !adapter.map<128x128, f32>
  %m = adapter.sum %base, %s : !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x {way = #adapter.way<factored [merged]>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// The stored terms are one matrix; the argument is beside it.
// CHECK-LABEL: func.func @joined
// CHECK-SAME: (%{{.*}}: tensor<?x128xf32>, %[[V:.*]]: tensor<128xf32>)
// CHECK: linalg.matmul
// CHECK: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.float<f32>>)
// CHECK-NOT: adapter.linear
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[V]]
func.func @joined(%x: tensor<?x128xf32>, %v: tensor<128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %d = adapter.diagonal %v : tensor<128xf32>
  %m = adapter.sum %base, %low, %d : !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x {way = #adapter.way<joined>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// The outer two of a chain are merged; bias and site are those of what is applied last.
// CHECK-LABEL: func.func @split
// CHECK: %[[Z:.*]] = adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.q8_0>)
// CHECK-NOT: bias
// CHECK: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.float<f32>>) ins(%[[Z]] : tensor<?x128xf32>) bias({{.*}}) outs({{.*}}) {site = "up"}
func.func @split(%x: tensor<?x128xf32>, %bias: tensor<128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %v = ml_program.global_load_const @v : tensor<128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %d = adapter.diagonal %v : tensor<128xf32, #f32>
  %m = adapter.compose %d, %low, %base : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x bias %bias {site = "up", way = #adapter.way<split 2, 1 [merged, factored]>} : !adapter.map<128x128, f32>, tensor<?x128xf32>, tensor<128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// (I + B A) W x = W x + B (A W) x.
// CHECK-LABEL: func.func @distributed
// CHECK: linalg.matmul
// CHECK: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.q8_0>) {{.*}} factors(
// CHECK-NOT: adapter.linear
func.func @distributed(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %i = adapter.identity : !adapter.map<128x128, f32>
  %sum = adapter.sum %i, %low : !adapter.map<128x128, f32>
  %m = adapter.compose %sum, %base : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x {way = #adapter.way<distributed [factored [pair]]>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// Two versions; what is computed from weights alone stands before the branch.
// CHECK-LABEL: func.func @switch
// HOISTED-LABEL: func.func @switch
// HOISTED-DAG: %[[MOST:.*]] = arith.constant 8 : index
// HOISTED-DAG: %[[ROWS:.*]] = arith.muli
// HOISTED-DAG: %[[MATRIX:.*]] = adapter.materialize
// HOISTED-DAG: %[[E:.*]] = format.encode %[[MATRIX]]
// HOISTED-DAG: %[[FEW:.*]] = arith.cmpi ule, %[[ROWS]], %[[MOST]] : index
// HOISTED: scf.if %[[FEW]]
// HOISTED: adapter.linear weight(%{{.*}} : tensor<128x128xf32, #format.q8_0>) {{.*}} factors(
// HOISTED: else
// HOISTED: adapter.linear weight(%[[E]] : tensor<128x128xf32, #format.float<f32>>)
func.func @switch(%x: tensor<?x?x128xf32>) -> tensor<?x?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %m = adapter.sum %base, %low : !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x {way = #adapter.way<switch 8 [factored, merged]>} : !adapter.map<128x128, f32>, tensor<?x?x128xf32> -> tensor<?x?x128xf32>
  return %y : tensor<?x?x128xf32>
}
