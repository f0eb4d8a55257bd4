// Tensor networks, against the formulas of their papers (generate.py).
// DEFINE: %{run} = allot run %s --inputs %S/Inputs/networks.x.safetensors --outputs %t.y
// DEFINE: %{close} = %tensors close %t.y %S/Inputs/networks.y.safetensors
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
ml_program.global private @adp.down.0(#format.stored<"Inputs/networks.safetensors", tensor = "adp.down.0", offset = 2400, bytes = 48, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<1x4x3xf32, #format.float<f32>>
ml_program.global private @adp.down.1(#format.stored<"Inputs/networks.safetensors", tensor = "adp.down.1", offset = 2448, bytes = 144, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x4x3xf32, #format.float<f32>>
ml_program.global private @adp.down.2(#format.stored<"Inputs/networks.safetensors", tensor = "adp.down.2", offset = 2592, bytes = 288, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x8x3xf32, #format.float<f32>>
ml_program.global private @adp.down.3(#format.stored<"Inputs/networks.safetensors", tensor = "adp.down.3", offset = 2880, bytes = 96, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x8x1xf32, #format.float<f32>>
ml_program.global private @adp.up.0(#format.stored<"Inputs/networks.safetensors", tensor = "adp.up.0", offset = 2976, bytes = 96, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<1x8x3xf32, #format.float<f32>>
ml_program.global private @adp.up.1(#format.stored<"Inputs/networks.safetensors", tensor = "adp.up.1", offset = 3072, bytes = 288, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x8x3xf32, #format.float<f32>>
ml_program.global private @adp.up.2(#format.stored<"Inputs/networks.safetensors", tensor = "adp.up.2", offset = 3360, bytes = 144, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x4x3xf32, #format.float<f32>>
ml_program.global private @adp.up.3(#format.stored<"Inputs/networks.safetensors", tensor = "adp.up.3", offset = 3504, bytes = 48, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x4x1xf32, #format.float<f32>>
ml_program.global private @rep.W(#format.stored<"Inputs/networks.safetensors", tensor = "rep.W", offset = 3552, bytes = 6144, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @rep.A.0(#format.stored<"Inputs/networks.safetensors", tensor = "rep.A.0", offset = 9696, bytes = 24, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<1x2x3xf32, #format.float<f32>>
ml_program.global private @rep.A.1(#format.stored<"Inputs/networks.safetensors", tensor = "rep.A.1", offset = 9720, bytes = 144, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x4x3xf32, #format.float<f32>>
ml_program.global private @rep.A.2(#format.stored<"Inputs/networks.safetensors", tensor = "rep.A.2", offset = 9864, bytes = 288, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x8x3xf32, #format.float<f32>>
ml_program.global private @rep.A.3(#format.stored<"Inputs/networks.safetensors", tensor = "rep.A.3", offset = 10152, bytes = 96, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x8x1xf32, #format.float<f32>>
ml_program.global private @rep.B.0(#format.stored<"Inputs/networks.safetensors", tensor = "rep.B.0", offset = 10248, bytes = 48, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<1x4x3xf32, #format.float<f32>>
ml_program.global private @rep.B.1(#format.stored<"Inputs/networks.safetensors", tensor = "rep.B.1", offset = 10296, bytes = 216, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x6x3xf32, #format.float<f32>>
ml_program.global private @rep.B.2(#format.stored<"Inputs/networks.safetensors", tensor = "rep.B.2", offset = 10512, bytes = 72, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x2x3xf32, #format.float<f32>>
ml_program.global private @rep.B.3(#format.stored<"Inputs/networks.safetensors", tensor = "rep.B.3", offset = 10584, bytes = 48, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x4x1xf32, #format.float<f32>>
ml_program.global private @quanta.W(#format.stored<"Inputs/networks.safetensors", tensor = "quanta.W", offset = 10632, bytes = 9216, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<48x48xf32, #format.float<f32>>
ml_program.global private @quanta.T.0(#format.stored<"Inputs/networks.safetensors", tensor = "quanta.T.0", offset = 19848, bytes = 576, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x4x3x4xf32, #format.float<f32>>
ml_program.global private @quanta.T.1(#format.stored<"Inputs/networks.safetensors", tensor = "quanta.T.1", offset = 20424, bytes = 1024, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<4x4x4x4xf32, #format.float<f32>>
ml_program.global private @quanta.T.2(#format.stored<"Inputs/networks.safetensors", tensor = "quanta.T.2", offset = 21448, bytes = 576, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<4x3x4x3xf32, #format.float<f32>>
ml_program.global private @quanta.S.0(#format.stored<"Inputs/networks.safetensors", tensor = "quanta.S.0", offset = 22024, bytes = 576, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x4x3x4xf32, #format.float<f32>>
ml_program.global private @quanta.S.1(#format.stored<"Inputs/networks.safetensors", tensor = "quanta.S.1", offset = 22600, bytes = 1024, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<4x4x4x4xf32, #format.float<f32>>
ml_program.global private @quanta.S.2(#format.stored<"Inputs/networks.safetensors", tensor = "quanta.S.2", offset = 23624, bytes = 576, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<4x3x4x3xf32, #format.float<f32>>
ml_program.global private @mpo.central(#format.stored<"Inputs/networks.safetensors", tensor = "mpo.central", offset = 24200, bytes = 576, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x4x4x3xf32, #format.float<f32>>
ml_program.global private @mpo_first.first(#format.stored<"Inputs/networks.safetensors", tensor = "mpo_first.first", offset = 24776, bytes = 96, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<2x4x3xf32, #format.float<f32>>
ml_program.global private @mpo_first.last(#format.stored<"Inputs/networks.safetensors", tensor = "mpo_first.last", offset = 24872, bytes = 144, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x3x4xf32, #format.float<f32>>
ml_program.global private @mpo_second.first(#format.stored<"Inputs/networks.safetensors", tensor = "mpo_second.first", offset = 25016, bytes = 96, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<2x4x3xf32, #format.float<f32>>
ml_program.global private @mpo_second.last(#format.stored<"Inputs/networks.safetensors", tensor = "mpo_second.last", offset = 25112, bytes = 144, digest = "2419bc6fc3d10b78d6753640e3b8a5e5">) : tensor<3x3x4xf32, #format.float<f32>>

// A train is a ring whose first and last core are joined by a mode of one place.
func.func @loretta_adp(%x: !x {allot.name = "x"}) -> (!x {allot.name = "y"}) attributes {allot.entry} {
  %down0 = ml_program.global_load_const @adp.down.0 : tensor<1x4x3xf32, #f32>
  %down1 = ml_program.global_load_const @adp.down.1 : tensor<3x4x3xf32, #f32>
  %down2 = ml_program.global_load_const @adp.down.2 : tensor<3x8x3xf32, #f32>
  %down3 = ml_program.global_load_const @adp.down.3 : tensor<3x8x1xf32, #f32>
  %down = adapter.contract "paq,qbr,rcs,sdp->ab|cd" %down0, %down1, %down2, %down3 : tensor<1x4x3xf32, #f32>, tensor<3x4x3xf32, #f32>, tensor<3x8x3xf32, #f32>, tensor<3x8x1xf32, #f32>
  %up0 = ml_program.global_load_const @adp.up.0 : tensor<1x8x3xf32, #f32>
  %up1 = ml_program.global_load_const @adp.up.1 : tensor<3x8x3xf32, #f32>
  %up2 = ml_program.global_load_const @adp.up.2 : tensor<3x4x3xf32, #f32>
  %up3 = ml_program.global_load_const @adp.up.3 : tensor<3x4x1xf32, #f32>
  %up = adapter.contract "paq,qbr,rcs,sdp->ab|cd" %up0, %up1, %up2, %up3 : tensor<1x8x3xf32, #f32>, tensor<3x8x3xf32, #f32>, tensor<3x4x3xf32, #f32>, tensor<3x4x1xf32, #f32>
  %z = adapter.apply %down, %x : !adapter.map<16x64, f32>, !x -> tensor<?x16xf32>
  %a = nn.activation relu %z : tensor<?x16xf32>
  %u = adapter.apply %up, %a : !adapter.map<64x16, f32>, tensor<?x16xf32> -> !x
  %y = arith.addf %x, %u : !x
  return %y : !x
}

func.func @loretta_rep(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @rep.W : !w
  %A0 = ml_program.global_load_const @rep.A.0 : tensor<1x2x3xf32, #f32>
  %A1 = ml_program.global_load_const @rep.A.1 : tensor<3x4x3xf32, #f32>
  %A2 = ml_program.global_load_const @rep.A.2 : tensor<3x8x3xf32, #f32>
  %A3 = ml_program.global_load_const @rep.A.3 : tensor<3x8x1xf32, #f32>
  %A = adapter.contract "paq,qbr,rcs,sdp->ab|cd" %A0, %A1, %A2, %A3 : tensor<1x2x3xf32, #f32>, tensor<3x4x3xf32, #f32>, tensor<3x8x3xf32, #f32>, tensor<3x8x1xf32, #f32>
  %B0 = ml_program.global_load_const @rep.B.0 : tensor<1x4x3xf32, #f32>
  %B1 = ml_program.global_load_const @rep.B.1 : tensor<3x6x3xf32, #f32>
  %B2 = ml_program.global_load_const @rep.B.2 : tensor<3x2x3xf32, #f32>
  %B3 = ml_program.global_load_const @rep.B.3 : tensor<3x4x1xf32, #f32>
  %B = adapter.contract "paq,qbr,rcs,sdp->ab|cd" %B0, %B1, %B2, %B3 : tensor<1x4x3xf32, #f32>, tensor<3x6x3xf32, #f32>, tensor<3x2x3xf32, #f32>, tensor<3x4x1xf32, #f32>
  %base = adapter.dense %W : !w
  %low = adapter.compose %B, %A : !adapter.map<24x8, f32>, !adapter.map<8x64, f32>
  %scaled = adapter.scale %low by 0.5 : !map
  %m = adapter.sum %base, %scaled : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

// Gates on axes (1, 2), (0, 2), (0, 1) of 4 x 3 x 4, the first one on the right.
func.func @quanta(%x: tensor<?x48xf32> {allot.name = "x"}) -> (tensor<?x48xf32> {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @quanta.W : tensor<48x48xf32, #f32>
  %T0 = ml_program.global_load_const @quanta.T.0 : tensor<3x4x3x4xf32, #f32>
  %T1 = ml_program.global_load_const @quanta.T.1 : tensor<4x4x4x4xf32, #f32>
  %T2 = ml_program.global_load_const @quanta.T.2 : tensor<4x3x4x3xf32, #f32>
  %T = adapter.contract "debc,fgae,hifd->hig|abc" %T0, %T1, %T2 : tensor<3x4x3x4xf32, #f32>, tensor<4x4x4x4xf32, #f32>, tensor<4x3x4x3xf32, #f32>
  %S0 = ml_program.global_load_const @quanta.S.0 : tensor<3x4x3x4xf32, #f32>
  %S1 = ml_program.global_load_const @quanta.S.1 : tensor<4x4x4x4xf32, #f32>
  %S2 = ml_program.global_load_const @quanta.S.2 : tensor<4x3x4x3xf32, #f32>
  %S = adapter.contract "debc,fgae,hifd->hig|abc" %S0, %S1, %S2 : tensor<3x4x3x4xf32, #f32>, tensor<4x4x4x4xf32, #f32>, tensor<4x3x4x3xf32, #f32>
  %base = adapter.dense %W : tensor<48x48xf32, #f32>
  %begun = adapter.scale %S by -1.0 : !adapter.map<48x48, f32>
  %m = adapter.sum %base, %T, %begun : !adapter.map<48x48, f32>
  %y = adapter.apply %m, %x : !adapter.map<48x48, f32>, tensor<?x48xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// Two layers, one central tensor.
func.func @mpo_first(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %first = ml_program.global_load_const @mpo_first.first : tensor<2x4x3xf32, #f32>
  %central = ml_program.global_load_const @mpo.central : tensor<3x4x4x3xf32, #f32>
  %last = ml_program.global_load_const @mpo_first.last : tensor<3x3x4xf32, #f32>
  %m = adapter.contract "aer,rbfs,scg->abc|efg" %first, %central, %last : tensor<2x4x3xf32, #f32>, tensor<3x4x4x3xf32, #f32>, tensor<3x3x4xf32, #f32>
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}
func.func @mpo_second(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %first = ml_program.global_load_const @mpo_second.first : tensor<2x4x3xf32, #f32>
  %central = ml_program.global_load_const @mpo.central : tensor<3x4x4x3xf32, #f32>
  %last = ml_program.global_load_const @mpo_second.last : tensor<3x3x4xf32, #f32>
  %m = adapter.contract "aer,rbfs,scg->abc|efg" %first, %central, %last : tensor<2x4x3xf32, #f32>, tensor<3x4x4x3xf32, #f32>, tensor<3x3x4xf32, #f32>
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}
