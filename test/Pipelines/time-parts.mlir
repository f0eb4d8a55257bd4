// RUN: split-file %s %t
// Names: a site, a weight, the module of what an op depends on; what depends on nothing has none.
// RUN: allot-opt %t/model.mlir --program-name-parts --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAMES
// NAMES: func.func @f
// NAMES-SAME: attributes {allot.timed}
// NAMES: adapter.apply {{.*}} loc(fused<{op = "adapter.apply", site = "model.layers.0.self_attn.q_proj"}>[
// NAMES: math.exp {{.*}} loc(fused<{op = "math.exp", site = "model.layers.0.self_attn"}>[
// NAMES: format.decode {{.*}} loc(fused<{op = "format.decode", site = "model.layers.0.input_layernorm"}>[
// NAMES: tensor.empty{{.*}} loc("{{[^"]*}}model.mlir":
// NAMES: nn.norm {{.*}} loc(fused<{op = "nn.norm", site = "model.layers.0.input_layernorm"}>[

// Marks: behind what writes, in called functions too, in program order, never inside of a team; the clock starts in the entry.
// RUN: allot-opt %t/buffers.mlir --program-time-parts | FileCheck %s --check-prefix=MARKS
// MARKS: module attributes {allot.parts = [{op = "x.y", site = "a.b"}, {op = "memref.copy", site = ""}, {op = "omp.parallel", site = ""}, {op = "x.y", site = "a.b+c"}, {op = "memref.copy", site = "z"}]}
// MARKS: func.func private @inner(%[[X:.*]]: memref<4xf32>, %[[T:.*]]: memref<?xi64>)
// MARKS-NOT: part_start
// MARKS: linalg.fill
// MARKS-NEXT: %[[ONE:.*]] = arith.constant 1 : index
// MARKS-NEXT: call @part_mark(%[[T]], %[[ONE]])
// MARKS: memref.copy
// MARKS-NEXT: %[[TWO:.*]] = arith.constant 2 : index
// MARKS-NEXT: call @part_mark(%[[T]], %[[TWO]])
// MARKS: func.func private @kernel(%{{.*}}: memref<4xf32>) {
// MARKS-NOT: part_
// MARKS: func.func @entry(%[[X:.*]]: memref<4xf32>, %[[T:.*]]: memref<?xi64>)
// MARKS-SAME: inputs = [{name = "x", type = tensor<4xf32>}, {name = "part_times", type = tensor<6xi64>}]
// MARKS-NEXT: call @part_start(%[[T]])
// MARKS-NEXT: call @inner(%[[X]], %[[T]])
// MARKS-NOT: part_mark
// MARKS: omp.parallel {
// MARKS-NEXT: call @kernel(%[[X]])
// MARKS-NEXT: omp.terminator
// MARKS-NEXT: }
// MARKS-NEXT: %[[THREE:.*]] = arith.constant 3 : index
// MARKS-NEXT: call @part_mark(%[[T]], %[[THREE]])
// MARKS: call @kernel(%[[X]])
// MARKS-NEXT: %[[FOUR:.*]] = arith.constant 4 : index
// MARKS-NEXT: call @part_mark(%[[T]], %[[FOUR]])
// MARKS: scf.for
// MARKS: memref.copy
// MARKS: call @part_mark(%[[T]],
// MARKS: func.func private @clock_gettime(i32, !llvm.ptr) -> i32

// Without the option nothing of it is there; with it the program is the LLVM dialect as ever.
// RUN: allot-opt %t/model.mlir --allot-lower-to-llvm | FileCheck %s --check-prefix=OFF --implicit-check-not=clock_gettime --implicit-check-not=part_ --implicit-check-not=allot.timed
// OFF: llvm.func @f(
// RUN: allot-opt %t/model.mlir --allot-lower-to-llvm=time-parts=true | FileCheck %s --check-prefix=ON --implicit-check-not=allot.timed
// ON: module attributes {allot.parts = [{op = "adapter.apply", site = "model.layers.0.self_attn.q_proj"}, {op = "math.exp", site = "model.layers.0.self_attn"}, {op = "nn.norm", site = "model.layers.0.input_layernorm"}]
// ON: llvm.func @clock_gettime(i32, !llvm.ptr) -> i32

// RUN: not allot-opt %t/taken.mlir --program-time-parts 2>&1 | FileCheck %s --check-prefix=TAKEN
// TAKEN: error: entry 'entry' has an input 'part_times'
// RUN: not allot-opt %t/plain.mlir --program-time-parts 2>&1 | FileCheck %s --check-prefix=PLAIN
// PLAIN: error: entry 'entry' has no description (program-describe-entries)
// RUN: not allot-opt %t/clock.mlir --program-time-parts 2>&1 | FileCheck %s --check-prefix=CLOCK
// CLOCK: error: has a symbol 'clock_gettime': the clock of parts needs the C library's

//--- model.mlir
ml_program.global private @model.layers.0.self_attn.q_proj(#format.stored<"w.safetensors", tensor = "w", offset = 0, bytes = 4352, digest = "00">) : tensor<64x64xf32, #format.q8_0>
ml_program.global private @model.layers.0.input_layernorm(#format.stored<"w.safetensors", tensor = "n", offset = 4352, bytes = 256, digest = "00">) : tensor<64xf32, #format.float<f32>>
func.func @f(%x: tensor<?x64xf32> {allot.name = "x"}) -> (tensor<?x64xf32> {allot.name = "y"}) {
  %w = ml_program.global_load_const @model.layers.0.self_attn.q_proj : tensor<64x64xf32, #format.q8_0>
  %m = adapter.dense %w : tensor<64x64xf32, #format.q8_0>
  %y = adapter.apply %m, %x {site = "model.layers.0.self_attn.q_proj"} : !adapter.map<64x64, f32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %e = math.exp %y : tensor<?x64xf32>
  %s = ml_program.global_load_const @model.layers.0.input_layernorm : tensor<64xf32, #format.float<f32>>
  %n = format.decode %s : tensor<64xf32, #format.float<f32>> -> tensor<64xf32>
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x64xf32>
  %i = tensor.empty(%d) : tensor<?x64xf32>
  %z = nn.norm rms ins(%e, %n : tensor<?x64xf32>, tensor<64xf32>) epsilon 1.0e-6 outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}

//--- buffers.mlir
func.func private @inner(%x: memref<4xf32>) attributes {allot.timed} {
  %zero = arith.constant 0.0 : f32
  %a = memref.alloc() : memref<4xf32>
  linalg.fill ins(%zero : f32) outs(%a : memref<4xf32>) loc(fused["first", fused<{op = "x.y", site = "a.b"}>["second"]])
  memref.copy %a, %x : memref<4xf32> to memref<4xf32>
  memref.dealloc %a : memref<4xf32>
  return
}
func.func private @kernel(%x: memref<4xf32>) {
  memref.copy %x, %x : memref<4xf32> to memref<4xf32>
  return
}
func.func @entry(%x: memref<4xf32>) attributes {allot.timed, allot.signature = {inputs = [{name = "x", type = tensor<4xf32>}], outputs = []}} {
  call @inner(%x) : (memref<4xf32>) -> ()
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %b = memref.alloc() : memref<4xf32>
  omp.parallel {
    func.call @kernel(%x) : (memref<4xf32>) -> ()
    omp.terminator
  }
  call @kernel(%x) : (memref<4xf32>) -> () loc(fused[fused<{op = "x.y", site = "a.b"}>["1"], fused<{op = "x.y", site = "a.c"}>["2"]])
  scf.for %i = %c0 to %c4 step %c1 {
    memref.copy %x, %b : memref<4xf32> to memref<4xf32> loc(fused<{op = "memref.copy", site = "z"}>["3"])
  }
  memref.dealloc %b : memref<4xf32>
  return
}

//--- taken.mlir
func.func @entry(%x: memref<4xi64>) attributes {allot.timed, allot.signature = {inputs = [{name = "part_times", type = tensor<4xi64>}], outputs = []}} {
  return
}

//--- plain.mlir
func.func @entry(%x: memref<4xf32>) attributes {allot.timed} { return }

//--- clock.mlir
func.func private @clock_gettime()
func.func @entry(%x: memref<4xf32>) attributes {allot.timed, allot.signature = {inputs = [{name = "x", type = tensor<4xf32>}], outputs = []}} { return }
