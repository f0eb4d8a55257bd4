// Weights that are stored as a sum of what is coarse and what is of low rank, against the formulas of their papers (generate.py).
// DEFINE: %{run} = allot run %s --inputs %S/Inputs/sums.x.safetensors --outputs %t.y
// DEFINE: %{close} = %tensors close %t.y %S/Inputs/sums.y.safetensors
// RUN: %{run} --reference && %{close} 1e-6
// RUN: %{run} --evaluate factored && %{close} 1e-5
// RUN: %{run} --evaluate merged && %{close} 1e-5
// RUN: %{run} && %{close} 1e-5

#f32 = #format.float<f32>
!x = tensor<?x64xf32>
!y = tensor<?x24xf32>
!w = tensor<24x64xf32, #f32>
!map = !adapter.map<24x64, f32>
#q4 = #format.q4_0
#q8 = #format.q8_0

// Weights: written by generate.py.
ml_program.global private @lq.Q(#format.stored<"Inputs/sums.safetensors", tensor = "lq.Q", offset = 1200, bytes = 864, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x64xf32, #format.q4_0>
ml_program.global private @lq.L1(#format.stored<"Inputs/sums.safetensors", tensor = "lq.L1", offset = 2064, bytes = 384, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x4xf32, #format.float<f32>>
ml_program.global private @lq.L2(#format.stored<"Inputs/sums.safetensors", tensor = "lq.L2", offset = 2448, bytes = 1024, digest = "a02dc43b21913380ff754b3347638337">) : tensor<4x64xf32, #format.float<f32>>
ml_program.global private @lorc.Q(#format.stored<"Inputs/sums.safetensors", tensor = "lorc.Q", offset = 3472, bytes = 864, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x64xf32, #format.q4_0>
ml_program.global private @lorc.U(#format.stored<"Inputs/sums.safetensors", tensor = "lorc.U", offset = 4336, bytes = 816, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x32xf32, #format.q8_0>
ml_program.global private @lorc.V(#format.stored<"Inputs/sums.safetensors", tensor = "lorc.V", offset = 5152, bytes = 2176, digest = "a02dc43b21913380ff754b3347638337">) : tensor<32x64xf32, #format.q8_0>
ml_program.global private @bitstack.sign0(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.sign0", offset = 7328, bytes = 1536, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x64xf32, #format.index<i8>>
ml_program.global private @bitstack.U0(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.U0", offset = 8864, bytes = 288, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x3xf32, #format.float<f32>>
ml_program.global private @bitstack.V0(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.V0", offset = 9152, bytes = 768, digest = "a02dc43b21913380ff754b3347638337">) : tensor<3x64xf32, #format.float<f32>>
ml_program.global private @bitstack.sign1(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.sign1", offset = 9920, bytes = 1536, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x64xf32, #format.index<i8>>
ml_program.global private @bitstack.U1(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.U1", offset = 11456, bytes = 288, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x3xf32, #format.float<f32>>
ml_program.global private @bitstack.V1(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.V1", offset = 11744, bytes = 768, digest = "a02dc43b21913380ff754b3347638337">) : tensor<3x64xf32, #format.float<f32>>
ml_program.global private @bitstack.sign2(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.sign2", offset = 12512, bytes = 1536, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x64xf32, #format.index<i8>>
ml_program.global private @bitstack.U2(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.U2", offset = 14048, bytes = 288, digest = "a02dc43b21913380ff754b3347638337">) : tensor<24x3xf32, #format.float<f32>>
ml_program.global private @bitstack.V2(#format.stored<"Inputs/sums.safetensors", tensor = "bitstack.V2", offset = 14336, bytes = 768, digest = "a02dc43b21913380ff754b3347638337">) : tensor<3x64xf32, #format.float<f32>>

func.func @lq_lora(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %Q = ml_program.global_load_const @lq.Q : tensor<24x64xf32, #q4>
  %base = adapter.dense %Q : tensor<24x64xf32, #q4>
  %L1 = ml_program.global_load_const @lq.L1 : tensor<24x4xf32, #f32>
  %L2 = ml_program.global_load_const @lq.L2 : tensor<4x64xf32, #f32>
  %low = adapter.lowrank %L1, %L2 : tensor<24x4xf32, #f32>, tensor<4x64xf32, #f32>
  %m = adapter.sum %base, %low : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

func.func @lorc(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %Q = ml_program.global_load_const @lorc.Q : tensor<24x64xf32, #q4>
  %U = ml_program.global_load_const @lorc.U : tensor<24x32xf32, #q8>
  %V = ml_program.global_load_const @lorc.V : tensor<32x64xf32, #q8>
  %base = adapter.dense %Q : tensor<24x64xf32, #q4>
  %low = adapter.lowrank %U, %V : tensor<24x32xf32, #q8>, tensor<32x64xf32, #q8>
  %m = adapter.sum %base, %low : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

func.func @bitstack(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %s0 = ml_program.global_load_const @bitstack.sign0 : tensor<24x64xf32, #format.index<i8>>
  %U0 = ml_program.global_load_const @bitstack.U0 : tensor<24x3xf32, #f32>
  %V0 = ml_program.global_load_const @bitstack.V0 : tensor<3x64xf32, #f32>
  %sign0 = adapter.dense %s0 : tensor<24x64xf32, #format.index<i8>>
  %low0 = adapter.lowrank %U0, %V0 : tensor<24x3xf32, #f32>, tensor<3x64xf32, #f32>
  %m0 = adapter.hadamard %sign0, %low0 : !map
  %s1 = ml_program.global_load_const @bitstack.sign1 : tensor<24x64xf32, #format.index<i8>>
  %U1 = ml_program.global_load_const @bitstack.U1 : tensor<24x3xf32, #f32>
  %V1 = ml_program.global_load_const @bitstack.V1 : tensor<3x64xf32, #f32>
  %sign1 = adapter.dense %s1 : tensor<24x64xf32, #format.index<i8>>
  %low1 = adapter.lowrank %U1, %V1 : tensor<24x3xf32, #f32>, tensor<3x64xf32, #f32>
  %m1 = adapter.hadamard %sign1, %low1 : !map
  %s2 = ml_program.global_load_const @bitstack.sign2 : tensor<24x64xf32, #format.index<i8>>
  %U2 = ml_program.global_load_const @bitstack.U2 : tensor<24x3xf32, #f32>
  %V2 = ml_program.global_load_const @bitstack.V2 : tensor<3x64xf32, #f32>
  %sign2 = adapter.dense %s2 : tensor<24x64xf32, #format.index<i8>>
  %low2 = adapter.lowrank %U2, %V2 : tensor<24x3xf32, #f32>, tensor<3x64xf32, #f32>
  %m2 = adapter.hadamard %sign2, %low2 : !map
  %m = adapter.sum %m0, %m1, %m2 : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}
