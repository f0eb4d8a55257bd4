// Low-rank terms beside sparse ones, masks, numbers of a seed, against the formulas of their papers (generate.py).
// DEFINE: %{run} = allot run %s --inputs %S/Inputs/masks.x.safetensors --outputs %t.y
// DEFINE: %{close} = %tensors close %t.y %S/Inputs/masks.y.safetensors
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

// Weights: written by generate.py.
ml_program.global private @rosa.W(#format.stored<"Inputs/masks.safetensors", tensor = "rosa.W", offset = 2432, bytes = 864, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x64xf32, #format.q4_0>
ml_program.global private @rosa.B(#format.stored<"Inputs/masks.safetensors", tensor = "rosa.B", offset = 3296, bytes = 384, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x4xf32, #format.float<f32>>
ml_program.global private @rosa.A(#format.stored<"Inputs/masks.safetensors", tensor = "rosa.A", offset = 3680, bytes = 1024, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<4x64xf32, #format.float<f32>>
ml_program.global private @rosa.places(#format.stored<"Inputs/masks.safetensors", tensor = "rosa.places", offset = 4704, bytes = 320, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<2x40xf32, #format.index<i32>>
ml_program.global private @rosa.values(#format.stored<"Inputs/masks.safetensors", tensor = "rosa.values", offset = 5024, bytes = 160, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<40xf32, #format.float<f32>>
ml_program.global private @dsee.W(#format.stored<"Inputs/masks.safetensors", tensor = "dsee.W", offset = 5184, bytes = 6144, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @dsee.M(#format.stored<"Inputs/masks.safetensors", tensor = "dsee.M", offset = 11328, bytes = 1536, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x64xf32, #format.index<i1>>
ml_program.global private @dsee.U(#format.stored<"Inputs/masks.safetensors", tensor = "dsee.U", offset = 12864, bytes = 384, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x4xf32, #format.float<f32>>
ml_program.global private @dsee.V(#format.stored<"Inputs/masks.safetensors", tensor = "dsee.V", offset = 13248, bytes = 1024, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<4x64xf32, #format.float<f32>>
ml_program.global private @dsee.places(#format.stored<"Inputs/masks.safetensors", tensor = "dsee.places", offset = 14272, bytes = 264, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<2x33xf32, #format.index<i32>>
ml_program.global private @dsee.values(#format.stored<"Inputs/masks.safetensors", tensor = "dsee.values", offset = 14536, bytes = 132, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<33xf32, #format.float<f32>>
ml_program.global private @sparse.D(#format.stored<"Inputs/masks.safetensors", tensor = "sparse.D", offset = 14668, bytes = 4096, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<16x64xf32, #format.float<f32>>
ml_program.global private @sparse.U(#format.stored<"Inputs/masks.safetensors", tensor = "sparse.U", offset = 18764, bytes = 4096, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<64x16xf32, #format.float<f32>>
ml_program.global private @sparse.MD(#format.stored<"Inputs/masks.safetensors", tensor = "sparse.MD", offset = 22860, bytes = 1024, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<16x64xf32, #format.index<i1>>
ml_program.global private @sparse.MU(#format.stored<"Inputs/masks.safetensors", tensor = "sparse.MU", offset = 23884, bytes = 1024, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<64x16xf32, #format.index<i1>>
ml_program.global private @sparse.b(#format.stored<"Inputs/masks.safetensors", tensor = "sparse.b", offset = 24908, bytes = 64, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<16xf32, #format.float<f32>>
ml_program.global private @apet.W(#format.stored<"Inputs/masks.safetensors", tensor = "apet.W", offset = 24972, bytes = 6144, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @apet.b(#format.stored<"Inputs/masks.safetensors", tensor = "apet.b", offset = 31116, bytes = 96, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24xf32, #format.float<f32>>
ml_program.global private @apet.weight.places(#format.stored<"Inputs/masks.safetensors", tensor = "apet.weight.places", offset = 31212, bytes = 240, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<2x30xf32, #format.index<i32>>
ml_program.global private @apet.weight.values(#format.stored<"Inputs/masks.safetensors", tensor = "apet.weight.values", offset = 31452, bytes = 120, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<30xf32, #format.float<f32>>
ml_program.global private @apet.bias.places(#format.stored<"Inputs/masks.safetensors", tensor = "apet.bias.places", offset = 31572, bytes = 56, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<2x7xf32, #format.index<i32>>
ml_program.global private @apet.bias.values(#format.stored<"Inputs/masks.safetensors", tensor = "apet.bias.values", offset = 31628, bytes = 28, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<7xf32, #format.float<f32>>
ml_program.global private @capaboost.W(#format.stored<"Inputs/masks.safetensors", tensor = "capaboost.W", offset = 31656, bytes = 6144, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @capaboost.B(#format.stored<"Inputs/masks.safetensors", tensor = "capaboost.B", offset = 37800, bytes = 384, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x4xf32, #format.float<f32>>
ml_program.global private @capaboost.A(#format.stored<"Inputs/masks.safetensors", tensor = "capaboost.A", offset = 38184, bytes = 1024, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<4x64xf32, #format.float<f32>>
ml_program.global private @snella.W(#format.stored<"Inputs/masks.safetensors", tensor = "snella.W", offset = 39208, bytes = 6144, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @snella.B(#format.stored<"Inputs/masks.safetensors", tensor = "snella.B", offset = 45352, bytes = 384, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x4xf32, #format.float<f32>>
ml_program.global private @snella.A(#format.stored<"Inputs/masks.safetensors", tensor = "snella.A", offset = 45736, bytes = 1024, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<4x64xf32, #format.float<f32>>
ml_program.global private @intrinsic.W(#format.stored<"Inputs/masks.safetensors", tensor = "intrinsic.W", offset = 46760, bytes = 6144, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<24x64xf32, #format.float<f32>>
ml_program.global private @intrinsic.theta(#format.stored<"Inputs/masks.safetensors", tensor = "intrinsic.theta", offset = 52904, bytes = 28, digest = "7b4fbf63147d4c3d8577bd698ef71c46">) : tensor<7xf32, #format.float<f32>>

func.func @rosa(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @rosa.W : tensor<24x64xf32, #q4>
  %base = adapter.dense %W : tensor<24x64xf32, #q4>
  %B = ml_program.global_load_const @rosa.B : tensor<24x4xf32, #f32>
  %A = ml_program.global_load_const @rosa.A : tensor<4x64xf32, #f32>
  %low = adapter.lowrank %B, %A : tensor<24x4xf32, #f32>, tensor<4x64xf32, #f32>
  %Sp = ml_program.global_load_const @rosa.places : tensor<2x40xf32, #format.index<i32>>
  %Sv = ml_program.global_load_const @rosa.values : tensor<40xf32, #f32>
  %S = adapter.sparse %Sp, %Sv : tensor<2x40xf32, #format.index<i32>>, tensor<40xf32, #f32> -> !adapter.map<24x64, f32>
  %m = adapter.sum %base, %low, %S : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

// A mask of entries is a matrix of ones and zeros, in a byte each.
func.func @dsee(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @dsee.W : !w
  %M = ml_program.global_load_const @dsee.M : tensor<24x64xf32, #format.index<i1>>
  %base = adapter.dense %W : !w
  %mask = adapter.dense %M : tensor<24x64xf32, #format.index<i1>>
  %kept = adapter.hadamard %base, %mask : !map
  %U = ml_program.global_load_const @dsee.U : tensor<24x4xf32, #f32>
  %V = ml_program.global_load_const @dsee.V : tensor<4x64xf32, #f32>
  %low = adapter.lowrank %U, %V : tensor<24x4xf32, #f32>, tensor<4x64xf32, #f32>
  %Sp = ml_program.global_load_const @dsee.places : tensor<2x33xf32, #format.index<i32>>
  %Sv = ml_program.global_load_const @dsee.values : tensor<33xf32, #f32>
  %S = adapter.sparse %Sp, %Sv : tensor<2x33xf32, #format.index<i32>>, tensor<33xf32, #f32> -> !adapter.map<24x64, f32>
  %m = adapter.sum %kept, %low, %S : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

// Without heads: what is left of the outputs, between zeros.
func.func @dsee_heads(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @dsee.W : !w
  %base = adapter.dense %W : !w
  %U = ml_program.global_load_const @dsee.U : tensor<24x4xf32, #f32>
  %V = ml_program.global_load_const @dsee.V : tensor<4x64xf32, #f32>
  %low = adapter.lowrank %U, %V : tensor<24x4xf32, #f32>, tensor<4x64xf32, #f32>
  %Sp = ml_program.global_load_const @dsee.places : tensor<2x33xf32, #format.index<i32>>
  %Sv = ml_program.global_load_const @dsee.values : tensor<33xf32, #f32>
  %S = adapter.sparse %Sp, %Sv : tensor<2x33xf32, #format.index<i32>>, tensor<33xf32, #f32> -> !adapter.map<24x64, f32>
  %all = adapter.sum %base, %low, %S : !map
  %before = adapter.slice %all rows [0, 8] : !map
  %pruned = adapter.zero : !adapter.map<8x64, f32>
  %behind = adapter.slice %all rows [16, 8] : !map
  %m = adapter.concat dim(0) %before, %pruned, %behind : !adapter.map<8x64, f32>, !adapter.map<8x64, f32>, !adapter.map<8x64, f32>
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

func.func @sparse_adapter(%x: !x {allot.name = "x"}) -> (!x {allot.name = "y"}) attributes {allot.entry} {
  %D = ml_program.global_load_const @sparse.D : tensor<16x64xf32, #f32>
  %MD = ml_program.global_load_const @sparse.MD : tensor<16x64xf32, #format.index<i1>>
  %U = ml_program.global_load_const @sparse.U : tensor<64x16xf32, #f32>
  %MU = ml_program.global_load_const @sparse.MU : tensor<64x16xf32, #format.index<i1>>
  %b = ml_program.global_load_const @sparse.b : tensor<16xf32, #f32>
  %bp = format.decode %b : tensor<16xf32, #f32> -> tensor<16xf32>
  %d = adapter.dense %D : tensor<16x64xf32, #f32>
  %md = adapter.dense %MD : tensor<16x64xf32, #format.index<i1>>
  %down = adapter.hadamard %d, %md : !adapter.map<16x64, f32>
  %u = adapter.dense %U : tensor<64x16xf32, #f32>
  %mu = adapter.dense %MU : tensor<64x16xf32, #format.index<i1>>
  %up = adapter.hadamard %u, %mu : !adapter.map<64x16, f32>
  %z = adapter.apply %down, %x bias %bp : !adapter.map<16x64, f32>, !x, tensor<16xf32> -> tensor<?x16xf32>
  %a = nn.activation relu %z : tensor<?x16xf32>
  %v = adapter.apply %up, %a : !adapter.map<64x16, f32>, tensor<?x16xf32> -> !x
  %y = arith.addf %x, %v : !x
  return %y : !x
}

func.func @apet(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @apet.W : !w
  %b = ml_program.global_load_const @apet.b : tensor<24xf32, #f32>
  %base = adapter.dense %W : !w
  %Sp = ml_program.global_load_const @apet.weight.places : tensor<2x30xf32, #format.index<i32>>
  %Sv = ml_program.global_load_const @apet.weight.values : tensor<30xf32, #f32>
  %S = adapter.sparse %Sp, %Sv : tensor<2x30xf32, #format.index<i32>>, tensor<30xf32, #f32> -> !adapter.map<24x64, f32>
  %sp = ml_program.global_load_const @apet.bias.places : tensor<2x7xf32, #format.index<i32>>
  %sv = ml_program.global_load_const @apet.bias.values : tensor<7xf32, #f32>
  %s = adapter.sparse %sp, %sv : tensor<2x7xf32, #format.index<i32>>, tensor<7xf32, #f32> -> !adapter.map<24x1, f32>
  %m = adapter.sum %base, %S : !map
  %column = adapter.materialize %s : !adapter.map<24x1, f32> -> tensor<24x1xf32>
  %more = tensor.collapse_shape %column [[0, 1]] : tensor<24x1xf32> into tensor<24xf32>
  %plain = format.decode %b : tensor<24xf32, #f32> -> tensor<24xf32>
  %bias = arith.addf %plain, %more : tensor<24xf32>
  %y = adapter.apply %m, %x bias %bias : !map, !x, tensor<24xf32> -> !y
  return %y : !y
}

// One pair of factors is stored; the masks come from seeds.
func.func @capaboost(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @capaboost.W : !w
  %B = ml_program.global_load_const @capaboost.B : tensor<24x4xf32, #f32>
  %A = ml_program.global_load_const @capaboost.A : tensor<4x64xf32, #f32>
  %base = adapter.dense %W : !w
  %b = format.decode %B : tensor<24x4xf32, #f32> -> tensor<24x4xf32>
  %a = format.decode %A : tensor<4x64xf32, #f32> -> tensor<4x64xf32>
  %zb = arith.constant dense<0.0> : tensor<24x4xf32>
  %za = arith.constant dense<0.0> : tensor<4x64xf32>
  %bu0 = adapter.seeded torch_uniform seed 11 bound 1.0 : tensor<24x4xf32>
  %bm0 = arith.cmpf olt, %bu0, %zb : tensor<24x4xf32>
  %b0 = arith.select %bm0, %b, %zb : tensor<24x4xi1>, tensor<24x4xf32>
  %au0 = adapter.seeded torch_uniform seed 21 bound 1.0 : tensor<4x64xf32>
  %am0 = arith.cmpf olt, %au0, %za : tensor<4x64xf32>
  %a0 = arith.select %am0, %a, %za : tensor<4x64xi1>, tensor<4x64xf32>
  %low0 = adapter.lowrank %b0, %a0 : tensor<24x4xf32>, tensor<4x64xf32>
  %bu1 = adapter.seeded torch_uniform seed 12 bound 1.0 : tensor<24x4xf32>
  %bm1 = arith.cmpf olt, %bu1, %zb : tensor<24x4xf32>
  %b1 = arith.select %bm1, %b, %zb : tensor<24x4xi1>, tensor<24x4xf32>
  %au1 = adapter.seeded torch_uniform seed 22 bound 1.0 : tensor<4x64xf32>
  %am1 = arith.cmpf olt, %au1, %za : tensor<4x64xf32>
  %a1 = arith.select %am1, %a, %za : tensor<4x64xi1>, tensor<4x64xf32>
  %low1 = adapter.lowrank %b1, %a1 : tensor<24x4xf32>, tensor<4x64xf32>
  %bu2 = adapter.seeded torch_uniform seed 13 bound 1.0 : tensor<24x4xf32>
  %bm2 = arith.cmpf olt, %bu2, %zb : tensor<24x4xf32>
  %b2 = arith.select %bm2, %b, %zb : tensor<24x4xi1>, tensor<24x4xf32>
  %au2 = adapter.seeded torch_uniform seed 23 bound 1.0 : tensor<4x64xf32>
  %am2 = arith.cmpf olt, %au2, %za : tensor<4x64xf32>
  %a2 = arith.select %am2, %a, %za : tensor<4x64xi1>, tensor<4x64xf32>
  %low2 = adapter.lowrank %b2, %a2 : tensor<24x4xf32>, tensor<4x64xf32>
  %m = adapter.sum %base, %low0, %low1, %low2 : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

// A kernel is no linear map of its factors: the matrix is computed from them, once.
func.func @snella(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @snella.W : !w
  %B = ml_program.global_load_const @snella.B : tensor<24x4xf32, #f32>
  %A = ml_program.global_load_const @snella.A : tensor<4x64xf32, #f32>
  %base = adapter.dense %W : !w
  %b = format.decode %B : tensor<24x4xf32, #f32> -> tensor<24x4xf32>
  %a = format.decode %A : tensor<4x64xf32, #f32> -> tensor<4x64xf32>
  %empty = tensor.empty() : tensor<24x64xf32>
  %none = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%none : f32) outs(%empty : tensor<24x64xf32>) -> tensor<24x64xf32>
  %squares = linalg.generic {indexing_maps = [affine_map<(o, i, r) -> (o, r)>, affine_map<(o, i, r) -> (r, i)>, affine_map<(o, i, r) -> (o, i)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%b, %a : tensor<24x4xf32>, tensor<4x64xf32>) outs(%zeros : tensor<24x64xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %d = arith.subf %p, %q : f32
    %e = arith.mulf %d, %d : f32
    %f = arith.addf %sum, %e : f32
    linalg.yield %f : f32
  } -> tensor<24x64xf32>
  %half = arith.constant dense<-0.5> : tensor<24x64xf32>
  %exponent = arith.mulf %squares, %half : tensor<24x64xf32>
  %kernel = math.exp %exponent : tensor<24x64xf32>
  %threshold = arith.constant dense<0.0625> : tensor<24x64xf32>
  %shrunk = arith.subf %kernel, %threshold : tensor<24x64xf32>
  %zero = arith.constant dense<0.0> : tensor<24x64xf32>
  %entries = arith.maximumf %shrunk, %zero : tensor<24x64xf32>
  %delta = adapter.dense %entries : tensor<24x64xf32>
  %m = adapter.sum %base, %delta : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}

func.func @intrinsic(%x: !x {allot.name = "x"}) -> (!y {allot.name = "y"}) attributes {allot.entry} {
  %W = ml_program.global_load_const @intrinsic.W : !w
  %T = ml_program.global_load_const @intrinsic.theta : tensor<7xf32, #f32>
  %base = adapter.dense %W : !w
  %theta = format.decode %T : tensor<7xf32, #f32> -> tensor<7xf32>
  %P = adapter.seeded torch_uniform seed 5 bound 1.0 : tensor<24x64x7xf32>
  %empty = tensor.empty() : tensor<24x64xf32>
  %none = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%none : f32) outs(%empty : tensor<24x64xf32>) -> tensor<24x64xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(o, i, k) -> (o, i, k)>, affine_map<(o, i, k) -> (k)>, affine_map<(o, i, k) -> (o, i)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%P, %theta : tensor<24x64x7xf32>, tensor<7xf32>) outs(%zeros : tensor<24x64xf32>) {
  ^bb0(%p: f32, %q: f32, %before: f32):
    %d = arith.mulf %p, %q : f32
    %f = arith.addf %before, %d : f32
    linalg.yield %f : f32
  } -> tensor<24x64xf32>
  %delta = adapter.dense %sum : tensor<24x64xf32>
  %m = adapter.sum %base, %delta : !map
  %y = adapter.apply %m, %x : !map, !x -> !y
  return %y : !y
}
