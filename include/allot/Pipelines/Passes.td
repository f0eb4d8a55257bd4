//===- Passes.td - passes between a model and a running program -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_PIPELINES_PASSES_TD
#define ALLOT_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def ProgramDescribeEntries : Pass<"program-describe-entries", "::mlir::ModuleOp"> {
  let summary = "Write down what each entry takes and gives";
  let description = [{
    Gives every public function with a body the attribute `allot.signature = {inputs = [...], outputs = [...]}`: per value a dictionary with
    its `name` (`allot.name` of the argument or result, else `arg<i>`, `result<i>`) and `type`, and for integer inputs that end in an `adapter.gather` the
    number of rows of the smallest table, `ids`: valid ids are 0 .. ids - 1. Later passes change the function's type, the description stays, and the
    runtime checks inputs against it.

    ```mlir
    func.func @f(%ids: tensor<?xi32> {allot.name = "input_ids"}) -> (tensor<?x4xf32> {allot.name = "y"})
    // becomes
    func.func @f(...) attributes {allot.signature = {
      inputs = [ {ids = 10 : i64, name = "input_ids", type = tensor<?xi32>} ],
      outputs = [ {name = "y", type = tensor<?x4xf32>} ]}}
    ```
    What an importer says of an argument is copied: `allot.sizes`, a name for each dimension (equal names, equal sizes; "" says nothing); `allot.limits`, the largest size of
    each dimension (0: any); `allot.default`, an integer that fills an input which the caller does not give (its dimensions are static, or have the names of some of the first input).
    Two inputs, or two outputs, of one name are an error, and so is a value that is no ranked tensor of f32, f16, i32 or i64, and a `tensor.dim` of a
    dimension that is not there.
  }];
}

def ProgramHoistConstants : Pass<"program-hoist-constants", "::mlir::ModuleOp"> {
  let summary = "Compute what depends on weights alone before the program runs";
  let description = [{
    Tensors of static shape that are computed from weights and constants become weights themselves: globals whose value is a program, `#format.computed`,
    which the runtime evaluates when it loads the weights. What is free stays: loads, decoding, reshapes, and rounding to another float
    format, which the loader does. The same computation in several functions becomes one global.

    ```mlir
    %dense = linalg.matmul ins(%b, %a : ...) outs(%zero : ...) -> tensor<64x128xf32>
    %w = format.encode %dense : tensor<64x128xf32> -> tensor<64x128xf32, #format.float<f32>>
    // becomes
    %w = ml_program.global_load_const @computed.0 : tensor<64x128xf32, #format.float<f32>>
    ```
  }];
  let dependentDialects = ["::allot::format::FormatDialect", "::mlir::ml_program::MLProgramDialect"];
}

def ProgramFinalizeEntries : Pass<"program-finalize-entries", "::mlir::ModuleOp"> {
  let summary = "Give bufferized entries the interface that the runtime calls";
  let description = [{
    Runs after bufferization and before deallocation. A result of an entry (a public function with a body) that is one of its arguments,
    updated in place, is dropped: returning it would copy it. `allot.results` lists per original result the number of that argument, or -1 for a buffer that the
    function returns and the caller frees. `allot.takes_weights` says that argument 0 is the weight table. Entries get the C interface.

    ```mlir
    func.func @f(%x: memref<?xf32>, %cache: memref<?xf32>) -> (memref<?xf32>, memref<?xf32>) { ... return %y, %cache }
    // becomes
    func.func @f(%x: memref<?xf32>, %cache: memref<?xf32>) -> memref<?xf32> attributes {allot.results = array<i64: -1, 1>, llvm.emit_c_interface}
    ```
  }];
}

def ProgramExpandMath : Pass<"program-expand-math"> {
  let summary = "Replace math functions by polynomials";
  let description = [{
    Upstream's polynomial approximations for f32 scalars and vectors of exp, exp2, expm1, tanh, erf, log, log1p and log2, all within a few units in the
    last place, so that loops over them vectorise. Sine, cosine and powers are left to the C library: their approximations lose accuracy on
    large arguments.

    ```mlir
    %y = math.exp %x : vector<8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def ProgramLowerCopies : Pass<"program-lower-copies"> {
  let summary = "Turn copies between strided buffers into loops";
  let description = [{
    A `memref.copy` whose sides are both contiguous becomes a `memcpy` later; any other one is made a `linalg.generic` here, so that programs
    do not call a copy function of a runtime library.

    ```mlir
    memref.copy %a, %b : memref<4x4xf32, strided<[8, 1]>> to memref<4x4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect"];
}

def ProgramParallelizeLoops : Pass<"program-parallelize-loops", "::mlir::ModuleOp"> {
  let summary = "Turn linalg ops on buffers into loops, shared by the threads where they are long";
  let description = [{
    What is left of linalg between kernels (element by element ops, reorderings) becomes loops. The iterations of its longest parallel
    dimension are shared by the threads of a team; at run time only where there are at least `minimum` in all, since starting a team costs about a
    microsecond.

    ```mlir
    linalg.fill ins(%zero : f32) outs(%y : memref<?x1024xf32>)
    // becomes
    omp.parallel if(%isLarge) { scf.for %i = %c0 to %n { scf.for %j = %lo to %hi { ... } } }
    ```
  }];
  let options = [
    Option<"minimum", "minimum", "int64_t", "16384", "Iterations for which a team is started">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::omp::OpenMPDialect", "::mlir::scf::SCFDialect"];
}

def ProgramNameParts : Pass<"program-name-parts", "::mlir::ModuleOp"> {
  let summary = "Write into locations which part of the model each op is";
  let description = [{
    Runs on imported models, before any lowering, and adds the op's name and its site to the location of every op: its `site`, or the weight global that it
    reads. Other ops depend on some of those; the last of them in program order gives them the name of the weight (a norm), or of the module that the site is in
    (`model.layers.0.self_attn` for the attention over `model.layers.0.self_attn.q_proj` and others). Locations outlive lowering, fusion and bufferization.
    Functions get the attribute `allot.timed`.

    ```mlir
    %y = adapter.apply %w, %x {site = "model.layers.0.self_attn.q_proj"} : !adapter.map<8x8, f32>, tensor<?x8xf32> -> tensor<?x8xf32>
    // gets loc(fused<{op = "adapter.apply", site = "model.layers.0.self_attn.q_proj"}>[...])
    ```
  }];
}

def ProgramTimeParts : Pass<"program-time-parts", "::mlir::ModuleOp"> {
  let summary = "Let a program count the time of each of its parts";
  let description = [{
    Runs when ops have become calls of kernels. A part is what became of an op of the imported model, or of several that run as one
    (program-name-parts; `a.q+k`: of `a.q` and `a.k`); what has no name there goes by the op itself. In functions with `allot.timed` a mark stands behind everything
    that writes into memory, and adds the nanoseconds since the mark before to the part; buffers that are allocated or freed on the way count for it. Entries
    get one more input, `part_times` (i64, last): element 0 is used by the marks, element 1 + i is the sum for part i, to which every run adds. So programs stay
    re-entrant. The module attribute `allot.parts` lists the parts. A mark costs one call of the C library's `clock_gettime`, some 25 nanoseconds.

    ```mlir
    call @linear(...) loc(fused<{op = "adapter.apply", site = "model.layers.0.self_attn.q_proj"}>[...])
    // gets behind it
    call @part_mark(%part_times, %c1) : (memref<?xi64>, index) -> ()
    // and the module gets allot.parts = [{op = "adapter.apply", site = "model.layers.0.self_attn.q_proj"} ]
    ```
    Errors: an entry without a description or with an input of that name, a symbol `clock_gettime`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect"];
}

#endif // ALLOT_PIPELINES_PASSES_TD
