//===- Passes.td - conversion of adapter to kernels -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CONVERSION_ADAPTERTOKERNEL_PASSES_TD
#define ALLOT_CONVERSION_ADAPTERTOKERNEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertAdapterToKernel : Pass<"convert-adapter-to-kernel", "::mlir::ModuleOp"> {
  let summary = "Turn adapter.linear and adapter.lookup on buffers into calls of kernels";
  let description = [{
    Each `adapter.linear` and `adapter.lookup` on memrefs becomes a `func.call` of a private function that does its work: decoding, dot products, low-rank
    terms and epilogue fused, over `omp.parallel`. The functions are built into the module, one for each combination of formats, arithmetic and
    epilogue; sizes, ranks and scales are arguments. Leading dimensions of x, multiplier, residual and result fold into rows; a buffer that is not
    contiguous is copied. With `join`, ops that follow each other, meet the same x and do not need each other's results (query, key and value; gate and up)
    share one parallel region where there is one row, since starting a team takes as long as a good part of the work.

    ```mlir
    adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x?x128xf32>) outs(%y : memref<?x?x64xf32>)
      {stored = [tensor<64x128xf32, #format.packed<#format.q8_0, rows = 8>>]}
    // becomes
    call @linear_q8_0_f32(%w, %rows, %out) : (memref<?xi8>, memref<?x?xf32>, memref<?x?xf32>) -> ()
    ```
    An op that is still on tensors, and a format that is not packed in tiles of 8 rows, are errors.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"avx2\"",
           "What the processor can do: generic, avx2, avx512vnni, or LLVM features such as +avx2,+fma,+f16c (a list has no spaces)">,
    Option<"join", "join", "bool", "true", "Calls on one row of the same x that follow each other run in one team">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::omp::OpenMPDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

#endif // ALLOT_CONVERSION_ADAPTERTOKERNEL_PASSES_TD
