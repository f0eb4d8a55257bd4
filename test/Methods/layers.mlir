// Layers of structured matrices, of several adapters, and of what comes with the call, against the formulas of their papers (generate.py).
// DEFINE: %{run} = allot run %s --inputs %S/Inputs/layers.x.safetensors --outputs %t.y
// DEFINE: %{close} = %tensors close %t.y %S/Inputs/layers.y.safetensors
// RUN: %{run} --reference && %{close} 1e-6
// RUN: %{run} --evaluate factored && %{close} 1e-5
// RUN: %{run} --evaluate merged && %{close} 1e-5
// RUN: %{run} && %{close} 1e-5

// Merged, GLoRA is as many operations as the base alone. Of the tasks of MTLoRA those that nobody wants are dropped.
// RUN: allot-opt %s -adapter-expand="evaluate=merged hoisted" -program-hoist-constants -canonicalize -cse | FileCheck %s --check-prefix=FOLDED
// FOLDED-LABEL: func.func @glora(
// FOLDED: adapter.linear weight(%computed{{[^ ]*}} : tensor<24x64xf32, #format.float<f32>>) ins(%arg0 : tensor<?x64xf32>) bias(
// FOLDED-NOT: {{adapter|arith|linalg}}.
// FOLDED: return
// RUN: allot-opt %s -adapter-expand="evaluate=factored hoisted" -program-hoist-constants -canonicalize -cse | FileCheck %s --check-prefix=FACTORED
// FACTORED-LABEL: func.func @mtlora_one(
// FACTORED-NOT: @mtlora.A0
// FACTORED: global_load_const @mtlora.A1
// FACTORED-NOT: @mtlora.A2
// FACTORED: return
// Nothing of the size of the weight depends on the preference.
// FACTORED-LABEL: func.func @palora(
// FACTORED-NOT: tensor<24x64xf32>
// FACTORED: return

#f32 = #format.float<f32>
!x = tensor<?x64xf32>
!y = tensor<?x24xf32>
!w = tensor<24x64xf32, #f32>
!map = !adapter.map<24x64, f32>

// Weights: written by generate.py.
ml_program.global private @ffn.U(#format.stored<"Inputs/layers.safetensors", tensor = "ffn.U", offset = 3464, bytes = 576, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x6xf32, #format.float<f32>>
ml_program.global private @ffn.V(#format.stored<"Inputs/layers.safetensors", tensor = "ffn.V", offset = 4040, bytes = 1536, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<6x64xf32, #format.float<f32>>
ml_program.global private @ffn.first(#format.stored<"Inputs/layers.safetensors", tensor = "ffn.first", offset = 5576, bytes = 1536, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<4x6x16xf32, #format.float<f32>>
ml_program.global private @ffn.second(#format.stored<"Inputs/layers.safetensors", tensor = "ffn.second", offset = 7112, bytes = 576, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<4x6x6xf32, #format.float<f32>>
ml_program.global private @ffn.blocks(#format.stored<"Inputs/layers.safetensors", tensor = "ffn.blocks", offset = 7688, bytes = 2048, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<4x8x16xf32, #format.float<f32>>
ml_program.global private @ffn.mix(#format.stored<"Inputs/layers.safetensors", tensor = "ffn.mix", offset = 9736, bytes = 3072, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x32xf32, #format.float<f32>>
ml_program.global private @glora.W(#format.stored<"Inputs/layers.safetensors", tensor = "glora.W", offset = 12808, bytes = 6144, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @glora.b(#format.stored<"Inputs/layers.safetensors", tensor = "glora.b", offset = 18952, bytes = 96, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24xf32, #format.float<f32>>
ml_program.global private @glora.A1(#format.stored<"Inputs/layers.safetensors", tensor = "glora.A1", offset = 19048, bytes = 192, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x2xf32, #format.float<f32>>
ml_program.global private @glora.A2(#format.stored<"Inputs/layers.safetensors", tensor = "glora.A2", offset = 19240, bytes = 512, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<2x64xf32, #format.float<f32>>
ml_program.global private @glora.B1(#format.stored<"Inputs/layers.safetensors", tensor = "glora.B1", offset = 19752, bytes = 192, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x2xf32, #format.float<f32>>
ml_program.global private @glora.B2(#format.stored<"Inputs/layers.safetensors", tensor = "glora.B2", offset = 19944, bytes = 512, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<2x64xf32, #format.float<f32>>
ml_program.global private @glora.C(#format.stored<"Inputs/layers.safetensors", tensor = "glora.C", offset = 20456, bytes = 256, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<64xf32, #format.float<f32>>
ml_program.global private @glora.D(#format.stored<"Inputs/layers.safetensors", tensor = "glora.D", offset = 20712, bytes = 96, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24xf32, #format.float<f32>>
ml_program.global private @glora.E(#format.stored<"Inputs/layers.safetensors", tensor = "glora.E", offset = 20808, bytes = 96, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24xf32, #format.float<f32>>
ml_program.global private @mtlora.W(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.W", offset = 20904, bytes = 6144, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @mtlora.B(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.B", offset = 27048, bytes = 384, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x4xf32, #format.float<f32>>
ml_program.global private @mtlora.A(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.A", offset = 27432, bytes = 1024, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<4x64xf32, #format.float<f32>>
ml_program.global private @mtlora.B0(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.B0", offset = 28456, bytes = 192, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x2xf32, #format.float<f32>>
ml_program.global private @mtlora.A0(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.A0", offset = 28648, bytes = 512, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<2x64xf32, #format.float<f32>>
ml_program.global private @mtlora.B1(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.B1", offset = 29160, bytes = 288, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x3xf32, #format.float<f32>>
ml_program.global private @mtlora.A1(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.A1", offset = 29448, bytes = 768, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<3x64xf32, #format.float<f32>>
ml_program.global private @mtlora.B2(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.B2", offset = 30216, bytes = 384, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x4xf32, #format.float<f32>>
ml_program.global private @mtlora.A2(#format.stored<"Inputs/layers.safetensors", tensor = "mtlora.A2", offset = 30600, bytes = 1024, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<4x64xf32, #format.float<f32>>
ml_program.global private @scalearn.D0(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.D0", offset = 31624, bytes = 2048, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<8x64xf32, #format.float<f32>>
ml_program.global private @scalearn.U0(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.U0", offset = 33672, bytes = 2048, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<64x8xf32, #format.float<f32>>
ml_program.global private @scalearn.w0(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.w0", offset = 35720, bytes = 256, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<64xf32, #format.float<f32>>
ml_program.global private @scalearn.D1(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.D1", offset = 35976, bytes = 2048, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<8x64xf32, #format.float<f32>>
ml_program.global private @scalearn.U1(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.U1", offset = 38024, bytes = 2048, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<64x8xf32, #format.float<f32>>
ml_program.global private @scalearn.w1(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.w1", offset = 40072, bytes = 256, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<64xf32, #format.float<f32>>
ml_program.global private @scalearn.D2(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.D2", offset = 40328, bytes = 2048, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<8x64xf32, #format.float<f32>>
ml_program.global private @scalearn.U2(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.U2", offset = 42376, bytes = 2048, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<64x8xf32, #format.float<f32>>
ml_program.global private @scalearn.w2(#format.stored<"Inputs/layers.safetensors", tensor = "scalearn.w2", offset = 44424, bytes = 256, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<64xf32, #format.float<f32>>
ml_program.global private @palora.W(#format.stored<"Inputs/layers.safetensors", tensor = "palora.W", offset = 44680, bytes = 6144, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @palora.B(#format.stored<"Inputs/layers.safetensors", tensor = "palora.B", offset = 50824, bytes = 864, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x9xf32, #format.float<f32>>
ml_program.global private @palora.A(#format.stored<"Inputs/layers.safetensors", tensor = "palora.A", offset = 51688, bytes = 2304, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<9x64xf32, #format.float<f32>>
ml_program.global private @mos.W(#format.stored<"Inputs/layers.safetensors", tensor = "mos.W", offset = 53992, bytes = 6144, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @mos.pool_a(#format.stored<"Inputs/layers.safetensors", tensor = "mos.pool_a", offset = 60136, bytes = 1280, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<10x32xf32, #format.float<f32>>
ml_program.global private @mos.pool_b(#format.stored<"Inputs/layers.safetensors", tensor = "mos.pool_b", offset = 61416, bytes = 480, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<10x12xf32, #format.float<f32>>
ml_program.global private @mos.index_a(#format.stored<"Inputs/layers.safetensors", tensor = "mos.index_a", offset = 61896, bytes = 32, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<4x2xf32, #format.index<i32>>
ml_program.global private @mos.index_b(#format.stored<"Inputs/layers.safetensors", tensor = "mos.index_b", offset = 61928, bytes = 32, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<4x2xf32, #format.index<i32>>
ml_program.global private @pasta.W(#format.stored<"Inputs/layers.safetensors", tensor = "pasta.W", offset = 61960, bytes = 6144, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @pasta.vectors(#format.stored<"Inputs/layers.safetensors", tensor = "pasta.vectors", offset = 68104, bytes = 512, digest = "31ca6c3591910e748834b9f021f1bbaa">) : tensor<2x64xf32, #format.float<f32>>

func.func @ffn_lowrank(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %U = ml_program.global_load_const @ffn.U : tensor<24x6xf32, #f32>
  %V = ml_program.global_load_const @ffn.V : tensor<6x64xf32, #f32>
  %m = adapter.lowrank %U, %V : tensor<24x6xf32, #f32>, tensor<6x64xf32, #f32>
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

// The shuffle takes 4 x 6 numbers by columns.
func.func @ffn_block_shuffle(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %F = ml_program.global_load_const @ffn.first : tensor<4x6x16xf32, #f32>
  %S = ml_program.global_load_const @ffn.second : tensor<4x6x6xf32, #f32>
  %f = adapter.dense %F : tensor<4x6x16xf32, #f32>
  %first = adapter.block_diagonal %f : !adapter.map<4x6x16, f32>
  %shuffle = adapter.permutation [0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 4, 10, 16, 22, 5, 11, 17, 23] : !adapter.map<24x24, f32>
  %s = adapter.dense %S : tensor<4x6x6xf32, #f32>
  %second = adapter.block_diagonal %s : !adapter.map<4x6x6, f32>
  %m = adapter.compose %second, %shuffle, %first : !adapter.map<24x24, f32>, !adapter.map<24x24, f32>, !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

func.func @ffn_block_dense(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %B = ml_program.global_load_const @ffn.blocks : tensor<4x8x16xf32, #f32>
  %X = ml_program.global_load_const @ffn.mix : tensor<24x32xf32, #f32>
  %b = adapter.dense %B : tensor<4x8x16xf32, #f32>
  %blocks = adapter.block_diagonal %b : !adapter.map<4x8x16, f32>
  %mix = adapter.dense %X : tensor<24x32xf32, #f32>
  %m = adapter.compose %mix, %blocks : !adapter.map<24x32, f32>, !adapter.map<32x64, f32>
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

// Merged, it is one matrix and one bias.
func.func @glora(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @glora.W : !w
  %b = ml_program.global_load_const @glora.b : tensor<24xf32, #f32>
  %A1 = ml_program.global_load_const @glora.A1 : tensor<24x2xf32, #f32>
  %A2 = ml_program.global_load_const @glora.A2 : tensor<2x64xf32, #f32>
  %B1 = ml_program.global_load_const @glora.B1 : tensor<24x2xf32, #f32>
  %B2 = ml_program.global_load_const @glora.B2 : tensor<2x64xf32, #f32>
  %C = ml_program.global_load_const @glora.C : tensor<64xf32, #f32>
  %D = ml_program.global_load_const @glora.D : tensor<24xf32, #f32>
  %E = ml_program.global_load_const @glora.E : tensor<24xf32, #f32>
  %base = adapter.dense %W : !w
  %a = adapter.lowrank %A1, %A2 : tensor<24x2xf32, #f32>, tensor<2x64xf32, #f32>
  %wa = adapter.hadamard %base, %a : !map
  %low = adapter.lowrank %B1, %B2 : tensor<24x2xf32, #f32>, tensor<2x64xf32, #f32>
  %m = adapter.sum %base, %wa, %low : !map
  %b0 = format.decode %b : tensor<24xf32, #f32> -> tensor<24xf32>
  %d = format.decode %D : tensor<24xf32, #f32> -> tensor<24xf32>
  %e = format.decode %E : tensor<24xf32, #f32> -> tensor<24xf32>
  %c = format.decode %C : tensor<64xf32, #f32> -> tensor<64xf32>
  %wc = adapter.apply %base, %c : !map, tensor<64xf32> -> tensor<24xf32>
  %bd = arith.mulf %b0, %d : tensor<24xf32>
  %b1 = arith.addf %b0, %bd : tensor<24xf32>
  %b2 = arith.addf %b1, %e : tensor<24xf32>
  %bias = arith.addf %b2, %wc : tensor<24xf32>
  %y = adapter.apply %m, %x bias %bias : !map, !x, tensor<24xf32> -> !y
  return %y : !y
}

// The base once, a term for each task.
func.func @mtlora(%x: !x {allot.name = "x"}) -> (!y {allot.name = "shared"}, !y {allot.name = "task0"}, !y {allot.name = "task1"}, !y {allot.name = "task2"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @mtlora.W : !w
  %base = adapter.dense %W : !w
  %y = adapter.apply %base, %x : !map, !x -> !y
  %B = ml_program.global_load_const @mtlora.B : tensor<24x4xf32, #f32>
  %A = ml_program.global_load_const @mtlora.A : tensor<4x64xf32, #f32>
  %low = adapter.lowrank %B, %A : tensor<24x4xf32, #f32>, tensor<4x64xf32, #f32>
  %scaled = adapter.scale %low by 2.0 : !map
  %delta = adapter.apply %scaled, %x : !map, !x -> !y
  %ys = arith.addf %y, %delta : !y
  %B0 = ml_program.global_load_const @mtlora.B0 : tensor<24x2xf32, #f32>
  %A0 = ml_program.global_load_const @mtlora.A0 : tensor<2x64xf32, #f32>
  %low0 = adapter.lowrank %B0, %A0 : tensor<24x2xf32, #f32>, tensor<2x64xf32, #f32>
  %scaled0 = adapter.scale %low0 by 2.0 : !map
  %delta0 = adapter.apply %scaled0, %x : !map, !x -> !y
  %y0 = arith.addf %y, %delta0 : !y
  %B1 = ml_program.global_load_const @mtlora.B1 : tensor<24x3xf32, #f32>
  %A1 = ml_program.global_load_const @mtlora.A1 : tensor<3x64xf32, #f32>
  %low1 = adapter.lowrank %B1, %A1 : tensor<24x3xf32, #f32>, tensor<3x64xf32, #f32>
  %scaled1 = adapter.scale %low1 by 2.0 : !map
  %delta1 = adapter.apply %scaled1, %x : !map, !x -> !y
  %y1 = arith.addf %y, %delta1 : !y
  %B2 = ml_program.global_load_const @mtlora.B2 : tensor<24x4xf32, #f32>
  %A2 = ml_program.global_load_const @mtlora.A2 : tensor<4x64xf32, #f32>
  %low2 = adapter.lowrank %B2, %A2 : tensor<24x4xf32, #f32>, tensor<4x64xf32, #f32>
  %scaled2 = adapter.scale %low2 by 2.0 : !map
  %delta2 = adapter.apply %scaled2, %x : !map, !x -> !y
  %y2 = arith.addf %y, %delta2 : !y
  return %ys, %y0, %y1, %y2 : !y, !y, !y, !y
}

func.func @mtlora_one(%x: !x {allot.name = "x"}) -> (!y {allot.name = "task1"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @mtlora.W : !w
  %base = adapter.dense %W : !w
  %y = adapter.apply %base, %x : !map, !x -> !y
  %B = ml_program.global_load_const @mtlora.B : tensor<24x4xf32, #f32>
  %A = ml_program.global_load_const @mtlora.A : tensor<4x64xf32, #f32>
  %low = adapter.lowrank %B, %A : tensor<24x4xf32, #f32>, tensor<4x64xf32, #f32>
  %scaled = adapter.scale %low by 2.0 : !map
  %delta = adapter.apply %scaled, %x : !map, !x -> !y
  %ys = arith.addf %y, %delta : !y
  %B0 = ml_program.global_load_const @mtlora.B0 : tensor<24x2xf32, #f32>
  %A0 = ml_program.global_load_const @mtlora.A0 : tensor<2x64xf32, #f32>
  %low0 = adapter.lowrank %B0, %A0 : tensor<24x2xf32, #f32>, tensor<2x64xf32, #f32>
  %scaled0 = adapter.scale %low0 by 2.0 : !map
  %delta0 = adapter.apply %scaled0, %x : !map, !x -> !y
  %y0 = arith.addf %y, %delta0 : !y
  %B1 = ml_program.global_load_const @mtlora.B1 : tensor<24x3xf32, #f32>
  %A1 = ml_program.global_load_const @mtlora.A1 : tensor<3x64xf32, #f32>
  %low1 = adapter.lowrank %B1, %A1 : tensor<24x3xf32, #f32>, tensor<3x64xf32, #f32>
  %scaled1 = adapter.scale %low1 by 2.0 : !map
  %delta1 = adapter.apply %scaled1, %x : !map, !x -> !y
  %y1 = arith.addf %y, %delta1 : !y
  %B2 = ml_program.global_load_const @mtlora.B2 : tensor<24x4xf32, #f32>
  %A2 = ml_program.global_load_const @mtlora.A2 : tensor<4x64xf32, #f32>
  %low2 = adapter.lowrank %B2, %A2 : tensor<24x4xf32, #f32>, tensor<4x64xf32, #f32>
  %scaled2 = adapter.scale %low2 by 2.0 : !map
  %delta2 = adapter.apply %scaled2, %x : !map, !x -> !y
  %y2 = arith.addf %y, %delta2 : !y
  return %y1 : !y
}

func.func @scalearn(%x: !x {allot.name = "x"}) -> (!x {allot.name = "y"}) attributes {allot.entry} {
  %D0 = ml_program.global_load_const @scalearn.D0 : tensor<8x64xf32, #f32>
  %U0 = ml_program.global_load_const @scalearn.U0 : tensor<64x8xf32, #f32>
  %w0 = ml_program.global_load_const @scalearn.w0 : tensor<64xf32, #f32>
  %d0 = adapter.dense %D0 : tensor<8x64xf32, #f32>
  %u0 = adapter.dense %U0 : tensor<64x8xf32, #f32>
  %s0 = adapter.diagonal %w0 : tensor<64xf32, #f32>
  %z0 = adapter.apply %d0, %x : !adapter.map<8x64, f32>, !x -> tensor<?x8xf32>
  %r0 = nn.activation relu %z0 : tensor<?x8xf32>
  %v0 = adapter.apply %u0, %r0 : !adapter.map<64x8, f32>, tensor<?x8xf32> -> !x
  %o0 = arith.addf %x, %v0 : !x
  %y0 = adapter.apply %s0, %o0 : !adapter.map<64x64, f32>, !x -> !x
  %D1 = ml_program.global_load_const @scalearn.D1 : tensor<8x64xf32, #f32>
  %U1 = ml_program.global_load_const @scalearn.U1 : tensor<64x8xf32, #f32>
  %w1 = ml_program.global_load_const @scalearn.w1 : tensor<64xf32, #f32>
  %d1 = adapter.dense %D1 : tensor<8x64xf32, #f32>
  %u1 = adapter.dense %U1 : tensor<64x8xf32, #f32>
  %s1 = adapter.diagonal %w1 : tensor<64xf32, #f32>
  %z1 = adapter.apply %d1, %x : !adapter.map<8x64, f32>, !x -> tensor<?x8xf32>
  %r1 = nn.activation relu %z1 : tensor<?x8xf32>
  %v1 = adapter.apply %u1, %r1 : !adapter.map<64x8, f32>, tensor<?x8xf32> -> !x
  %o1 = arith.addf %x, %v1 : !x
  %y1 = adapter.apply %s1, %o1 : !adapter.map<64x64, f32>, !x -> !x
  %D2 = ml_program.global_load_const @scalearn.D2 : tensor<8x64xf32, #f32>
  %U2 = ml_program.global_load_const @scalearn.U2 : tensor<64x8xf32, #f32>
  %w2 = ml_program.global_load_const @scalearn.w2 : tensor<64xf32, #f32>
  %d2 = adapter.dense %D2 : tensor<8x64xf32, #f32>
  %u2 = adapter.dense %U2 : tensor<64x8xf32, #f32>
  %s2 = adapter.diagonal %w2 : tensor<64xf32, #f32>
  %z2 = adapter.apply %d2, %x : !adapter.map<8x64, f32>, !x -> tensor<?x8xf32>
  %r2 = nn.activation relu %z2 : tensor<?x8xf32>
  %v2 = adapter.apply %u2, %r2 : !adapter.map<64x8, f32>, tensor<?x8xf32> -> !x
  %o2 = arith.addf %x, %v2 : !x
  %y2 = adapter.apply %s2, %o2 : !adapter.map<64x64, f32>, !x -> !x
  %sum = arith.addf %y0, %y1 : !x
  %y = arith.addf %sum, %y2 : !x
  return %y : !x
}

// The weights of the tasks are a gate on the ranks: nothing as large as a weight is computed for a new preference.
func.func @palora(%x: !x {allot.name = "x"}, %p: tensor<3xf32> {allot.name = "preference"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @palora.W : !w
  %B = ml_program.global_load_const @palora.B : tensor<24x9xf32, #f32>
  %A = ml_program.global_load_const @palora.A : tensor<9x64xf32, #f32>
  %base = adapter.dense %W : !w
  %empty = tensor.empty() : tensor<3x3xf32>
  %gates = linalg.generic {indexing_maps = [affine_map<(t, r) -> (t)>, affine_map<(t, r) -> (t, r)>], iterator_types = ["parallel", "parallel"]} ins(%p : tensor<3xf32>) outs(%empty : tensor<3x3xf32>) {
  ^bb0(%weight: f32, %none: f32):
    %twice = arith.addf %weight, %weight : f32
    linalg.yield %twice : f32
  } -> tensor<3x3xf32>
  %gate = tensor.collapse_shape %gates [[0, 1]] : tensor<3x3xf32> into tensor<9xf32>
  %low = adapter.lowrank %B, %A gate %gate : tensor<24x9xf32, #f32>, tensor<9x64xf32, #f32>, tensor<9xf32>
  %m = adapter.sum %base, %low : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

// Factors are gathered from the pools when weights are loaded.
func.func @mos(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @mos.W : !w
  %PA = ml_program.global_load_const @mos.pool_a : tensor<10x32xf32, #f32>
  %PB = ml_program.global_load_const @mos.pool_b : tensor<10x12xf32, #f32>
  %IA = ml_program.global_load_const @mos.index_a : tensor<4x2xf32, #format.index<i32>>
  %IB = ml_program.global_load_const @mos.index_b : tensor<4x2xf32, #format.index<i32>>
  %base = adapter.dense %W : !w
  %ai = format.decode %IA : tensor<4x2xf32, #format.index<i32>> -> tensor<4x2xf32>
  %ap = format.decode %PA : tensor<10x32xf32, #f32> -> tensor<10x32xf32>
  %ae = tensor.empty() : tensor<4x2x32xf32>
  %as = linalg.generic {indexing_maps = [affine_map<(r, s, k) -> (r, s)>, affine_map<(r, s, k) -> (r, s, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%ai : tensor<4x2xf32>) outs(%ae : tensor<4x2x32xf32>) {
  ^bb0(%number: f32, %none: f32):
    %whole = arith.fptosi %number : f32 to i32
    %shard = arith.index_cast %whole : i32 to index
    %k = linalg.index 2 : index
    %value = tensor.extract %ap[%shard, %k] : tensor<10x32xf32>
    linalg.yield %value : f32
  } -> tensor<4x2x32xf32>
  %a = tensor.collapse_shape %as [[0], [1, 2]] : tensor<4x2x32xf32> into tensor<4x64xf32>
  %bi = format.decode %IB : tensor<4x2xf32, #format.index<i32>> -> tensor<4x2xf32>
  %bp = format.decode %PB : tensor<10x12xf32, #f32> -> tensor<10x12xf32>
  %be = tensor.empty() : tensor<4x2x12xf32>
  %bs = linalg.generic {indexing_maps = [affine_map<(r, s, k) -> (r, s)>, affine_map<(r, s, k) -> (r, s, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%bi : tensor<4x2xf32>) outs(%be : tensor<4x2x12xf32>) {
  ^bb0(%number: f32, %none: f32):
    %whole = arith.fptosi %number : f32 to i32
    %shard = arith.index_cast %whole : i32 to index
    %k = linalg.index 2 : index
    %value = tensor.extract %bp[%shard, %k] : tensor<10x12xf32>
    linalg.yield %value : f32
  } -> tensor<4x2x12xf32>
  %b = tensor.collapse_shape %bs [[0], [1, 2]] : tensor<4x2x12xf32> into tensor<4x24xf32>
  %low = adapter.contract "ra,rb->a|b" %b, %a : tensor<4x24xf32>, tensor<4x64xf32>
  %m = adapter.sum %base, %low : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

func.func @pasta(%x: !x {allot.name = "x"}, %special: tensor<?xi32> {allot.name = "special"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @pasta.W : !w
  %V = ml_program.global_load_const @pasta.vectors : tensor<2x64xf32, #f32>
  %base = adapter.dense %W : !w
  %none = adapter.zero : !adapter.map<1x64, f32>
  %stored = adapter.dense %V : tensor<2x64xf32, #f32>
  %table = adapter.concat dim(0) %none, %stored : !adapter.map<1x64, f32>, !adapter.map<2x64, f32>
  %added = adapter.gather %table, %special : !adapter.map<3x64, f32>, tensor<?xi32> -> !x
  %h = arith.addf %x, %added : !x
  %y = adapter.apply %base, %h : !map, !x -> !y
  return %y : !y
}
