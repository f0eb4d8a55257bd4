//===- Passes.td - passes on map expressions -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_TD
#define ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AdapterExpand : Pass<"adapter-expand", "::mlir::ModuleOp"> {
  let summary = "Decide how map expressions are evaluated and write it down as kernels";
  let description = [{
    Every `adapter.apply`, `gather` and `materialize` becomes `adapter.linear`, `adapter.lookup` and upstream ops.

    - `factored`: the terms of a sum are applied on their own, and one stored matrix with all its pairs of factors is one `linear`. Nested scales multiply.
    - `merged`: the dense matrix of the expression is computed, encoded as f32 and applied. An expression that is one stored matrix
      stays that.
    - `auto`: what is cheaper for `rows` rows, where a cost is `max(bytes read, flops / flops-per-byte)`. Factored costs what the ops of the expression cost
      (`LinearMapOpInterface::getOwnCost`). Merged costs computing the matrix, at each call unless it is `hoisted`, and applying it. So few rows are evaluated
      factored and many merged, the sooner the more ranks there are.

    The attribute `evaluate` of an op overrides the option. A map that comes from an argument or from an op which gives no way to apply it is an error.

    ```mlir
    %m = adapter.sum %dense, %scaled : !adapter.map<64x128, f32>
    %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
    // becomes
    %y = adapter.linear weight(%w : ...) ins(%x : ...) factors(%B, %A : ...) scales([2.0]) outs(%init : ...) -> tensor<?x64xf32>
    ```
  }];
  let options = [Option<"evaluate", "evaluate", "std::string", "\"auto\"", "auto, factored or merged">,
    Option<"rows", "rows", "int64_t", "1", "number of rows for which auto counts costs">,
    Option<"flopsPerByte", "flops-per-byte", "int64_t", "8", "floating-point operations that take as long as reading a byte, for auto">,
    Option<"hoisted", "hoisted", "bool", "false", "matrices of maps of weights alone stay `materialize`, which program-hoist-constants computes once; auto counts on that">,
    Option<"remarks", "remarks", "bool", "false", "emit a remark at each apply: the evaluation and the costs">];
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
