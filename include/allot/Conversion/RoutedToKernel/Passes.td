//===- Passes.td - conversion of routed to kernels -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CONVERSION_ROUTEDTOKERNEL_PASSES_TD
#define ALLOT_CONVERSION_ROUTEDTOKERNEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertRoutedToKernel : Pass<"convert-routed-to-kernel", "::mlir::ModuleOp"> {
  let summary = "Turn routed.choose on buffers into calls of kernels";
  let description = [{
    Each `routed.choose` on memrefs becomes a `func.call` of a private function that computes scores, chooses by the policy and writes ids and weights; one function for each combination of policy, score and
    weights, the numbers of rows and experts are arguments. An op that is still on tensors is an error.

    ```mlir
    routed.choose softmax ins(%logits : memref<?x8xf32>) by #routed.token_choice<2> weights normalized outs(%ids, %w : memref<?x2xi32>, memref<?x2xf32>)
    // becomes
    call @choose_experts(%l, %i, %v) : (memref<?x?x?xf32>, memref<?x?x?xi32>, memref<?x?x?xf32>) -> ()
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::omp::OpenMPDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

#endif // ALLOT_CONVERSION_ROUTEDTOKERNEL_PASSES_TD
