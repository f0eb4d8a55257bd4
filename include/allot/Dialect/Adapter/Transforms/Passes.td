//===- Passes.td - passes on map expressions -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_TD
#define ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AdapterChooseEvaluation : Pass<"adapter-choose-evaluation", "::mlir::ModuleOp"> {
  let summary = "Decide how map expressions are evaluated";
  let description = [{
    Writes the attribute `way` (`#adapter.way`) of every `adapter.apply` that has none, which `adapter-expand` obeys.

    With `evaluate=auto` the ways are compared by cost for the number of rows that x has, or `rows` where its type does not say: the whole map merged or factored, terms of a sum as pairs of
    factors or matrices, groups of neighbours of a chain, products multiplied out. The best way of a part for the number of rows that it meets is found once (dynamic programming); each way is
    expanded apart and the work of the ops that come out is counted, so an op of the algebra needs no cost of its own here. What depends on weights alone costs nothing with `hoisted`, and else what it costs at
    each call. Seconds are counts times constants of `target`, of which `costs` replaces some (`costs=read-byte=8e-11,kernel=2e-6`; units in `allot/Cost/CostModel.h`). With `most-rows` a map that meets from `rows` to
    `most-rows` rows, and whose best ways for the two differ, gets a `switch` at the number from which on the second one costs less.

    What is computed with the weights is kept in f32: time alone would buy back what codes of few bits save. So with `hoisted` ways that keep more than `growth` times the bytes of weights that `factored`
    keeps are not taken, where a weight that several applications share counts in part for each.

    `evaluate=factored` or `merged`, and the attribute `evaluate` of an op, which has precedence, decide instead. `remarks` tells of each `apply` what was chosen and what the alternatives
    cost. `alternative=N` takes the N-th best way instead of the best (the last one where there are fewer), to measure it.

    ```mlir
    %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
    // becomes
    %y = adapter.apply %m, %x {way = #adapter.way<factored [pair]>} : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
    ```
  }];
  let options = [Option<"evaluate", "evaluate", "std::string", "\"auto\"", "auto, factored or merged">,
    Option<"rows", "rows", "int64_t", "1", "number of rows for which costs are counted, where x does not say">,
    Option<"mostRows", "most-rows", "int64_t", "0", "with more than `rows`: prepare for up to so many rows by a branch at run time">,
    Option<"hoisted", "hoisted", "bool", "false", "what depends on weights alone is computed once, by program-hoist-constants">,
    Option<"target", "target", "std::string", "\"avx2\"", "processors whose constants are taken: generic, avx2, avx512vnni">,
    ListOption<"costs", "costs", "std::string", "constants that replace those of the target: unit=seconds">,
    Option<"growth", "growth", "double", "1.1", "with hoisted: ways that keep more than so many times the bytes of weights that factored keeps are not taken">,
    Option<"alternative", "alternative", "unsigned", "0", "take the way of this place, 0 is the best">,
    Option<"remarks", "remarks", "bool", "false", "emit a remark at each apply: the way and what the others cost">];
  let dependentDialects = ["::allot::adapter::AdapterDialect", "::allot::format::FormatDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def AdapterReportFacts : Pass<"adapter-report-facts", "::mlir::ModuleOp"> {
  let summary = "Tell what is known of map expressions";
  let description = [{
    A remark at each `adapter.apply`, `gather` and `materialize`: how many numbers the tensors that its map comes from have and how many bytes they take as they are stored, each tensor once;
    an upper bound of the map's rank from its structure; and one of its change, which is all terms but the stored matrices. No number is looked at.

    ```mlir
    // remark: 1032 parameters in 3104 bytes; rank at most 64, of the change at most 8
    %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
    ```
  }];
}

def AdapterExpand : Pass<"adapter-expand", "::mlir::ModuleOp"> {
  let summary = "Write evaluations of map expressions down as kernels";
  let description = [{
    Every `adapter.apply`, `gather` and `materialize` becomes `adapter.linear`, `adapter.lookup` and upstream ops. How an `apply` is evaluated says its attribute `way`, which
    `adapter-choose-evaluation` writes, else its attribute `evaluate`, else the option `evaluate`:

    - `factored`: the terms of a sum are applied on their own, and one stored matrix with all its pairs of factors is one `linear`. Nested scales multiply.
    - `merged`: the dense matrix of the expression is computed, encoded as f32 and applied. An expression that is one stored matrix
      stays that.

    A map that comes from an argument or from an op which gives no way to apply it is an error, and so is a way that the map does not have.

    ```mlir
    %m = adapter.sum %dense, %scaled : !adapter.map<64x128, f32>
    %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
    // becomes
    %y = adapter.linear weight(%w : ...) ins(%x : ...) factors(%B, %A : ...) scales([2.0]) outs(%init : ...) -> tensor<?x64xf32>
    ```
  }];
  let options = [Option<"evaluate", "evaluate", "std::string", "\"factored\"", "factored or merged, where nothing was chosen">,
    Option<"hoisted", "hoisted", "bool", "false", "matrices of maps of weights alone stay `materialize`, which program-hoist-constants computes once">];
  let dependentDialects = ["::allot::adapter::AdapterDialect", "::allot::format::FormatDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def AdapterFuseEpilogue : Pass<"adapter-fuse-epilogue", "::mlir::ModuleOp"> {
  let summary = "Put what follows a linear kernel into its epilogue";
  let description = [{
    `nn.activation`, `arith.mulf` and `arith.addf` of the only use of an `adapter.linear` become its activation, multiplier and residual, in this
    order; the kernel moves to where they were, in the same block.

    ```mlir
    %g = adapter.linear ... outs(...) -> tensor<?x64xf32>
    %s = nn.activation silu %g : tensor<?x64xf32>
    %p = arith.mulf %s, %u : tensor<?x64xf32>
    // becomes
    %p = adapter.linear ... activation silu multiplier(%u : tensor<?x64xf32>) outs(...) -> tensor<?x64xf32>
    ```
  }];
  let dependentDialects = ["::allot::adapter::AdapterDialect"];
}

def AdapterSelectArithmetic : Pass<"adapter-select-arithmetic", "::mlir::ModuleOp"> {
  let summary = "Choose the type of the activations in dot products";
  let description = [{
    Sets `arithmetic` of every `adapter.linear` whose matrix is stored as integer codes; others stay f32.

    ```mlir
    %y = adapter.linear weight(%w : tensor<64x128xf32, #format.q8_0>) ins(%x : tensor<?x128xf32>) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
    // with activations=i8 becomes
    %y = adapter.linear weight(%w : tensor<64x128xf32, #format.q8_0>) ins(%x : tensor<?x128xf32>) arithmetic i8 outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let options = [Option<"activations", "activations", "std::string", "\"f32\"", "f32, i16 or i8">];
  let dependentDialects = ["::allot::adapter::AdapterDialect"];
}

def AdapterInstrument : Pass<"adapter-instrument", "::mlir::ModuleOp"> {
  let summary = "Make the inputs of matrices taps";
  let description = [{
    Every value that an `adapter.apply` with a `site` reads becomes a tap `SITE.input`, named after the first site that reads it; `sites` lists all of them. With `outputs` the result of each
    `adapter.apply` and `adapter.gather` with a `site` becomes a tap `SITE.output`, too.
    Public functions alone. Where the name is taken (a site that reads two values) a number is appended. A second run changes nothing.

    ```mlir
    %q = adapter.apply %m, %x {site = "q_proj"} : ...
    // becomes
    %t = nn.tap %x "q_proj.input" sites ["q_proj"] : tensor<?x128xf32>
    %q = adapter.apply %m, %t {site = "q_proj"} : ...
    ```
  }];
  let options = [Option<"outputs", "outputs", "bool", "false", "tap the results of matrices too">];
  let dependentDialects = ["::allot::nn::NNDialect"];
}

#endif // ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_TD
