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
    Every `adapter.apply`, `gather` and `materialize` becomes `adapter.linear`, `adapter.lookup` and upstream ops. With `evaluate=factored` the terms of a sum are applied on
    their own: one stored matrix and all pairs of factors are one `linear`. With `merged` the dense matrix of the expression is computed first (at each call).
    With `auto`, factored: a factored expression of one matrix and low-rank terms reads fewer bytes at each call than its product, which would have to be written and read.
    The attribute `evaluate` of an op overrides the option.

    ```mlir
    %m = adapter.sum %dense, %scaled : !adapter.map<64x128, f32>
    %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
    // becomes
    %y = adapter.linear weight(%w : ...) ins(%x : ...) factors(%B, %A : ...) scales([2.0]) outs(%init : ...) -> tensor<?x64xf32>
    ```
  }];
  let options = [Option<"evaluate", "evaluate", "std::string", "\"auto\"", "auto, factored or merged">];
  let dependentDialects = ["::allot::adapter::AdapterDialect", "::allot::format::FormatDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AdapterFuseEpilogue : Pass<"adapter-fuse-epilogue", "::mlir::ModuleOp"> {
  let summary = "Put what follows a linear kernel into its epilogue";
  let description = [{
    `nn.activation`, `arith.mulf` and `arith.addf` of the only use of an `adapter.linear` become its activation, multiplier and residual, in this
    order; the kernel moves to where they were.

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
  }];
  let options = [Option<"activations", "activations", "std::string", "\"f32\"", "f32, i16 or i8">];
  let dependentDialects = ["::allot::adapter::AdapterDialect"];
}

def AdapterInstrument : Pass<"adapter-instrument", "::mlir::ModuleOp"> {
  let summary = "Make the inputs of matrices taps";
  let description = [{
    Every value that an `adapter.apply` with a `site` reads becomes a tap `SITE.input`, named after the first site that reads it; `sites` lists all of them. Public functions alone.

    ```mlir
    %q = adapter.apply %m, %x {site = "q_proj"} : ...
    // becomes
    %t = nn.tap %x "q_proj.input" sites ["q_proj"] : tensor<?x128xf32>
    %q = adapter.apply %m, %t {site = "q_proj"} : ...
    ```
  }];
  let dependentDialects = ["::allot::nn::NNDialect"];
}

#endif // ALLOT_DIALECT_ADAPTER_TRANSFORMS_PASSES_TD
