// Adapters and weights that are products of small matrices, against the formulas of their papers (generate.py).
// DEFINE: %{run} = allot run %s --inputs %S/Inputs/products.x.safetensors --outputs %t.y
// DEFINE: %{close} = %tensors close %t.y %S/Inputs/products.y.safetensors
// RUN: %{run} --reference && %{close} 1e-6
// RUN: %{run} --evaluate factored && %{close} 1e-5
// RUN: %{run} --evaluate merged && %{close} 1e-5
// RUN: %{run} && %{close} 1e-5

#f32 = #format.float<f32>
!x = tensor<?x64xf32>
!y = tensor<?x24xf32>
!w = tensor<24x64xf32, #f32>
!map = !adapter.map<24x64, f32>

// Weights: written by generate.py.
ml_program.global private @compacter.slow(#format.stored<"Inputs/products.safetensors", tensor = "compacter.slow", offset = 920, bytes = 256, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<4x4x4xf32, #format.float<f32>>
ml_program.global private @compacter.down.s(#format.stored<"Inputs/products.safetensors", tensor = "compacter.down.s", offset = 1176, bytes = 64, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<4x4x1xf32, #format.float<f32>>
ml_program.global private @compacter.down.t(#format.stored<"Inputs/products.safetensors", tensor = "compacter.down.t", offset = 1240, bytes = 256, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<4x1x16xf32, #format.float<f32>>
ml_program.global private @compacter.up.s(#format.stored<"Inputs/products.safetensors", tensor = "compacter.up.s", offset = 1496, bytes = 256, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<4x16x1xf32, #format.float<f32>>
ml_program.global private @compacter.up.t(#format.stored<"Inputs/products.safetensors", tensor = "compacter.up.t", offset = 1752, bytes = 64, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<4x1x4xf32, #format.float<f32>>
ml_program.global private @compacter.down.b(#format.stored<"Inputs/products.safetensors", tensor = "compacter.down.b", offset = 1816, bytes = 64, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<16xf32, #format.float<f32>>
ml_program.global private @compacter.up.b(#format.stored<"Inputs/products.safetensors", tensor = "compacter.up.b", offset = 1880, bytes = 256, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<64xf32, #format.float<f32>>
ml_program.global private @fedpara.X1(#format.stored<"Inputs/products.safetensors", tensor = "fedpara.X1", offset = 2136, bytes = 480, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<24x5xf32, #format.float<f32>>
ml_program.global private @fedpara.Y1(#format.stored<"Inputs/products.safetensors", tensor = "fedpara.Y1", offset = 2616, bytes = 1280, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<64x5xf32, #format.float<f32>>
ml_program.global private @fedpara.X2(#format.stored<"Inputs/products.safetensors", tensor = "fedpara.X2", offset = 3896, bytes = 480, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<24x5xf32, #format.float<f32>>
ml_program.global private @fedpara.Y2(#format.stored<"Inputs/products.safetensors", tensor = "fedpara.Y2", offset = 4376, bytes = 1280, digest = "a49b9d6356e6da7167002b1f8b727314">) : tensor<64x5xf32, #format.float<f32>>

// sum_i A_i (x) (s_i t_i): a network in which i is in three cores.
func.func @compacter(%x: !x {allot.name = "x"}) -> (!x {allot.name = "y"}) attributes {allot.entry} {
  %A = ml_program.global_load_const @compacter.slow : tensor<4x4x4xf32, #f32>
  %s1 = ml_program.global_load_const @compacter.down.s : tensor<4x4x1xf32, #f32>
  %t1 = ml_program.global_load_const @compacter.down.t : tensor<4x1x16xf32, #f32>
  %s2 = ml_program.global_load_const @compacter.up.s : tensor<4x16x1xf32, #f32>
  %t2 = ml_program.global_load_const @compacter.up.t : tensor<4x1x4xf32, #f32>
  %b1 = ml_program.global_load_const @compacter.down.b : tensor<16xf32, #f32>
  %b1p = format.decode %b1 : tensor<16xf32, #f32> -> tensor<16xf32>
  %b2 = ml_program.global_load_const @compacter.up.b : tensor<64xf32, #f32>
  %b2p = format.decode %b2 : tensor<64xf32, #f32> -> tensor<64xf32>
  %down = adapter.contract "iab,icr,ird->ac|bd" %A, %s1, %t1 : tensor<4x4x4xf32, #f32>, tensor<4x4x1xf32, #f32>, tensor<4x1x16xf32, #f32>
  %up = adapter.contract "iab,icr,ird->ac|bd" %A, %s2, %t2 : tensor<4x4x4xf32, #f32>, tensor<4x16x1xf32, #f32>, tensor<4x1x4xf32, #f32>
  %z = adapter.apply %down, %x bias %b1p : !adapter.map<16x64, f32>, !x, tensor<16xf32> -> tensor<?x16xf32>
  %a = nn.activation gelu_tanh %z : tensor<?x16xf32>
  %u = adapter.apply %up, %a bias %b2p : !adapter.map<64x16, f32>, tensor<?x16xf32>, tensor<64xf32> -> !x
  %y = arith.addf %x, %u : !x
  return %y : !x
}

func.func @fedpara(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %X1 = ml_program.global_load_const @fedpara.X1 : tensor<24x5xf32, #f32>
  %Y1 = ml_program.global_load_const @fedpara.Y1 : tensor<64x5xf32, #f32>
  %X2 = ml_program.global_load_const @fedpara.X2 : tensor<24x5xf32, #f32>
  %Y2 = ml_program.global_load_const @fedpara.Y2 : tensor<64x5xf32, #f32>
  %l1 = adapter.contract "ar,br->a|b" %X1, %Y1 : tensor<24x5xf32, #f32>, tensor<64x5xf32, #f32>
  %l2 = adapter.contract "ar,br->a|b" %X2, %Y2 : tensor<24x5xf32, #f32>, tensor<64x5xf32, #f32>
  %m = adapter.hadamard %l1, %l2 : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

// W1 * (W2 + 1) is W1 * W2 + W1.
func.func @pfedpara(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %X1 = ml_program.global_load_const @fedpara.X1 : tensor<24x5xf32, #f32>
  %Y1 = ml_program.global_load_const @fedpara.Y1 : tensor<64x5xf32, #f32>
  %X2 = ml_program.global_load_const @fedpara.X2 : tensor<24x5xf32, #f32>
  %Y2 = ml_program.global_load_const @fedpara.Y2 : tensor<64x5xf32, #f32>
  %l1 = adapter.contract "ar,br->a|b" %X1, %Y1 : tensor<24x5xf32, #f32>, tensor<64x5xf32, #f32>
  %l2 = adapter.contract "ar,br->a|b" %X2, %Y2 : tensor<24x5xf32, #f32>, tensor<64x5xf32, #f32>
  %p = adapter.hadamard %l1, %l2 : !map
  %m = adapter.sum %p, %l1 : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}
