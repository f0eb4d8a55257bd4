// Constants of a machine on which a byte takes 1 ns, an operation of a kernel 0.1 ns, one of a loop 1 ns, and starting anything 1 us.
// DEFINE: %{costs} = costs=kernel=1e-6,term=1e-6,read-byte=1e-9,flop-one=1e-10,flop-few=1e-10,flop-many=1e-10,decode=0,loop=1e-6,point=1e-9,sum=1e-9,move-byte=0
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted growth=100 %{costs}" | FileCheck %s --check-prefixes=CHECK,ONE
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted growth=100 rows=4096 %{costs}" | FileCheck %s --check-prefixes=CHECK,MANY
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted growth=100 most-rows=4096 %{costs}" | FileCheck %s --check-prefixes=CHECK,SWITCH
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted rows=4096 %{costs}" | FileCheck %s --check-prefixes=CHECK,KEEP
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted evaluate=merged" | FileCheck %s --check-prefixes=CHECK,MERGED
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted evaluate=factored" | FileCheck %s --check-prefixes=CHECK,FACTORED
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted growth=100 alternative=1 %{costs}" | FileCheck %s --check-prefixes=CHECK,SECOND
// RUN: allot-opt %s -adapter-choose-evaluation="hoisted growth=100 remarks %{costs}" -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

#q8 = #format.q8_0
#f32 = #format.float<f32>
ml_program.global private @w(#ml_program.extern<tensor<128x128xf32, #q8>>) : tensor<128x128xf32, #q8>
ml_program.global private @u(#ml_program.extern<tensor<128x128xf32, #f32>>) : tensor<128x128xf32, #f32>
ml_program.global private @last(#ml_program.extern<tensor<128x128xf32, #f32>>) : tensor<128x128xf32, #f32>
ml_program.global private @b(#ml_program.extern<tensor<128x4xf32, #f32>>) : tensor<128x4xf32, #f32>
ml_program.global private @a(#ml_program.extern<tensor<4x128xf32, #f32>>) : tensor<4x128xf32, #f32>
ml_program.global private @v(#ml_program.extern<tensor<128xf32, #f32>>) : tensor<128xf32, #f32>
ml_program.global private @g(#ml_program.extern<tensor<4xf32, #f32>>) : tensor<4xf32, #f32>

// Few bytes beside codes: the kernel takes them with it. With many rows the merged matrix is met once and the pair not at all, if its bytes may be kept.
// CHECK-LABEL: func.func @lowrank
// ONE: adapter.apply {{.*}} {site = "up", way = #adapter.way<factored>}
// MANY: adapter.apply {{.*}} {site = "up", way = #adapter.way<merged>}
// SWITCH: adapter.apply {{.*}} {site = "up", way = #adapter.way<switch [[N:[0-9]+]] [factored, merged]>}
// KEEP: adapter.apply {{.*}} {site = "up", way = #adapter.way<factored>}
// MERGED: adapter.apply {{.*}} {site = "up", way = #adapter.way<merged>}
// FACTORED: adapter.apply {{.*}} {site = "up", way = #adapter.way<factored>}
// SECOND: adapter.apply {{.*}} {site = "up", way = #adapter.way<merged>}
// REMARK: remark: evaluated factored for 1 rows: 23.50 us; merged: 66.54 us
func.func @lowrank(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %m = adapter.sum %base, %low : !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x {site = "up"} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// A vector times B, a gate, A: one pair that is computed once, beside the codes.
// CHECK-LABEL: func.func @vectors
// ONE: adapter.apply {{.*}} {way = #adapter.way<factored [pair]>}
// MANY: adapter.apply {{.*}} {way = #adapter.way<merged>}
// MERGED: adapter.apply {{.*}} {way = #adapter.way<merged>}
// FACTORED: adapter.apply {{.*}} {way = #adapter.way<factored>}
func.func @vectors(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %v = ml_program.global_load_const @v : tensor<128xf32, #f32>
  %g = ml_program.global_load_const @g : tensor<4xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %low = adapter.lowrank %b, %a gate %g : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>, tensor<4xf32, #f32>
  %d = adapter.diagonal %v : tensor<128xf32, #f32>
  %scaled = adapter.compose %d, %low : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %m = adapter.sum %base, %scaled : !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// A weight that is also met by weights alone is shared with nobody: that product is computed once, and the merged matrix may take the place of the stored one.
// CHECK-LABEL: func.func @once
// KEEP: adapter.apply {{.*}} {way = #adapter.way<merged>}
func.func @once(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %l = ml_program.global_load_const @last : tensor<128x128xf32, #f32>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %c = ml_program.global_load_const @v : tensor<128xf32, #f32>
  %x0 = format.decode %c : tensor<128xf32, #f32> -> tensor<128xf32>
  %base = adapter.dense %l : tensor<128x128xf32, #f32>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %m = adapter.sum %base, %low : !adapter.map<128x128, f32>
  %bias = adapter.apply %base, %x0 {way = #adapter.way<factored>} : !adapter.map<128x128, f32>, tensor<128xf32> -> tensor<128xf32>
  %y = adapter.apply %m, %x bias %bias : !adapter.map<128x128, f32>, tensor<?x128xf32>, tensor<128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// What is known at run time alone stays beside the matrix of the rest.
// CHECK-LABEL: func.func @joined
// ONE: adapter.apply {{.*}} {way = #adapter.way<joined>}
// MANY: adapter.apply {{.*}} {way = #adapter.way<merged>}
func.func @joined(%x: tensor<?x128xf32>, %v: tensor<128xf32>) -> tensor<?x128xf32> {
  %u = ml_program.global_load_const @u : tensor<128x128xf32, #f32>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %base = adapter.dense %u : tensor<128x128xf32, #f32>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %d = adapter.diagonal %v : tensor<128xf32>
  %m = adapter.sum %base, %low, %d : !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// Of a chain the outer two are merged; the inner one is known at run time alone.
// CHECK-LABEL: func.func @chain
// ONE: adapter.apply {{.*}} {way = #adapter.way<split 2, 1 [merged, factored]>}
// SECOND: adapter.apply {{.*}} {way = #adapter.way<factored>}
func.func @chain(%x: tensor<?x128xf32>, %z: tensor<128xf32>) -> tensor<?x128xf32> {
  %u = ml_program.global_load_const @u : tensor<128x128xf32, #f32>
  %v = ml_program.global_load_const @v : tensor<128xf32, #f32>
  %base = adapter.dense %u : tensor<128x128xf32, #f32>
  %outer = adapter.diagonal %v : tensor<128xf32, #f32>
  %inner = adapter.diagonal %z : tensor<128xf32>
  %m = adapter.compose %outer, %base, %inner : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// A chain that is thin somewhere is two factors.
// CHECK-LABEL: func.func @thin
// ONE: adapter.apply {{.*}} {way = #adapter.way<pair>}
// KEEP: adapter.apply {{.*}} {way = #adapter.way<pair>}
// REMARK: remark: evaluated pair for 1 rows: 6.10 us; split 2, 1 [pair, factored]: 24.50 us; merged: 66.54 us; factored: 91.04 us
func.func @thin(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %u = ml_program.global_load_const @u : tensor<128x128xf32, #f32>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %other = adapter.dense %u : tensor<128x128xf32, #f32>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %m = adapter.compose %other, %low, %base : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// (I + B A) W = W + B (A W), whose pair is computed once.
// CHECK-LABEL: func.func @product
// ONE: adapter.apply {{.*}} {way = #adapter.way<distributed [factored [pair]]>}
func.func @product(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %b = ml_program.global_load_const @b : tensor<128x4xf32, #f32>
  %a = ml_program.global_load_const @a : tensor<4x128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %low = adapter.lowrank %b, %a : tensor<128x4xf32, #f32>, tensor<4x128xf32, #f32>
  %i = adapter.identity : !adapter.map<128x128, f32>
  %sum = adapter.sum %i, %low : !adapter.map<128x128, f32>
  %m = adapter.compose %sum, %base : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// What an op asks for has precedence, and so has a way that it has.
// CHECK-LABEL: func.func @asked
// CHECK: adapter.apply {{.*}} {evaluate = #adapter<evaluation merged>, way = #adapter.way<merged>}
// CHECK: adapter.apply {{.*}} {evaluate = #adapter<evaluation factored>, way = #adapter.way<factored>}
// CHECK: adapter.apply {{.*}} {way = #adapter.way<split 1, 1 [factored, merged]>}
// REMARK: remark: evaluated merged as asked
// REMARK: remark: evaluated factored as asked
// REMARK: remark: evaluated split 1, 1 [factored, merged] as asked
func.func @asked(%x: tensor<?x128xf32>) -> (tensor<?x128xf32>, tensor<?x128xf32>, tensor<?x128xf32>) {
  %w = ml_program.global_load_const @w : tensor<128x128xf32, #q8>
  %v = ml_program.global_load_const @v : tensor<128xf32, #f32>
  %base = adapter.dense %w : tensor<128x128xf32, #q8>
  %d = adapter.diagonal %v : tensor<128xf32, #f32>
  %m = adapter.compose %d, %base : !adapter.map<128x128, f32>, !adapter.map<128x128, f32>
  %y = adapter.apply %m, %x {evaluate = #adapter<evaluation merged>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  %z = adapter.apply %m, %x {evaluate = #adapter<evaluation factored>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  %t = adapter.apply %m, %x {way = #adapter.way<split 1, 1 [factored, merged]>} : !adapter.map<128x128, f32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %y, %z, %t : tensor<?x128xf32>, tensor<?x128xf32>, tensor<?x128xf32>
}
