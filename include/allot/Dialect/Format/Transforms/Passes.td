//===- Passes.td - passes over storage formats -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_FORMAT_TRANSFORMS_PASSES_TD
#define ALLOT_DIALECT_FORMAT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FormatPack : Pass<"format-pack"> {
  let summary = "Puts weights into the layout that kernels read";
  let description = [{
    Inserts `format.pack` before the weights, factors and tables of `adapter.linear` and `adapter.lookup` that are not packed yet, for row tiles of
    `tile-rows` rows (8 or 16). With `as`, the short name of a float format (`f32`, `f16`, `bf16`), weights are rounded to that format instead, packed (for profiling).

    ```mlir
    %y = adapter.linear weight(%w : tensor<64x128xf32, #format.q8_0>) ...
    // becomes
    %p = format.pack %w : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32, #format.packed<#format.q8_0, rows = 8>>
    %y = adapter.linear weight(%p : tensor<64x128xf32, #format.packed<#format.q8_0, rows = 8>>) ...
    ```
  }];
  let options = [
    Option<"tileRows", "tile-rows", "int64_t", "8", "rows of a tile: 8 or 16">,
    Option<"as", "as", "std::string", "\"\"", "float format to re-encode all weights to (default: keep the codes)">
  ];
  let dependentDialects = ["::allot::format::FormatDialect"];
}

def FormatLowerStorage : Pass<"format-lower-storage", "::mlir::ModuleOp"> {
  let summary = "Turns encoded tensors into bytes and weight globals into a table";
  let description = [{
    Every function that reads weight globals, itself or through functions that it calls, gets a leading argument
    `memref<?xmemref<?xi8>>` with the unit attribute `allot.weights_table`, and calls pass it on. The module attribute `format.table` says what each entry must
    hold; whoever loads the program converts the global's stored bytes to that type.

    - A weight of `adapter.linear` or `adapter.lookup` becomes the bytes of its entry (`tensor<?xi8>`), its type goes to `stored`. Changes of layout
      (`format.pack`) and re-encodings of a global to a float format are absorbed: they become the type of the entry.
    - `format.decode` of a global becomes a view of an entry of type `#format.float<f32>`.
    - `format.encode` of a computed tensor to `#format.float<f32>` (packed or not) stays a computation, into a buffer of the function.

    Every other use of an encoded tensor is an error at the op, as is an indirect call of a function that needs the table, and a global whose
    `#format.stored` does not have the size of its type. Globals stay: they say where the bytes are.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"];
}

#endif // ALLOT_DIALECT_FORMAT_TRANSFORMS_PASSES_TD
