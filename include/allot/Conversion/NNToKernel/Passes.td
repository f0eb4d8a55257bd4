//===- Passes.td - conversions of nn -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CONVERSION_NNTOKERNEL_PASSES_TD
#define ALLOT_CONVERSION_NNTOKERNEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertNNToKernel : Pass<"convert-nn-to-kernel", "::mlir::ModuleOp"> {
  let summary = "Turn nn ops on buffers into calls of kernels";
  let description = [{
    Each `nn.norm`, `nn.rope`, `nn.attention`, `nn.attention_grad` and `nn.cache_update` on memrefs becomes a `func.call` of a private function that does its work, fused and
    vectorised, over `omp.parallel`. The functions are built into the module, one per key (`kernel_nn_attention_causal_total`): shapes, strides and scalars are
    arguments. Leading dimensions of norms fold into rows. A buffer whose layout a kernel does not take is copied into one that it takes.

    ```mlir
    nn.norm rms ins(%x, %w : memref<?x?x64xf32>, memref<64xf32>) epsilon 1.0e-5 outs(%y : memref<?x?x64xf32>)
    // becomes
    call @kernel_nn_norm_rms(%rows, %weight, %out, %epsilon) : (memref<?x?xf32>, memref<?xf32>, memref<?x?xf32>, f32) -> ()
    ```
    An op that is still on tensors, and an element type that kernels do not know, are errors.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::omp::OpenMPDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ConvertNNToLinalg : Pass<"convert-nn-to-linalg"> {
  let summary = "Turn nn.activation and nn.cross_entropy on tensors into linalg.generic";
  let description = [{
    For activations that no kernel took into its epilogue. `silu` is `x / (1 + exp(-x))`, `gelu` uses `math.erf`, `gelu_tanh` `math.tanh`, `relu`
    `arith.maximumf`. A cross-entropy is the logarithm of the sum of exponentials below the maximum of its row, less the score of the label.

    ```mlir
    %y = nn.activation relu %x : tensor<?x64xf32>
    // becomes
    %y = linalg.generic {...} ins(%x : tensor<?x64xf32>) outs(%empty : tensor<?x64xf32>) { ^bb0(%a: f32, %b: f32): %m = arith.maximumf %a, %zero : f32 ... }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

#endif // ALLOT_CONVERSION_NNTOKERNEL_PASSES_TD
