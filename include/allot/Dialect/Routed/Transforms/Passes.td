//===- Passes.td - passes on routed ops -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ROUTED_TRANSFORMS_PASSES_TD
#define ALLOT_DIALECT_ROUTED_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def RoutedLower : Pass<"routed-lower", "::mlir::ModuleOp"> {
  let summary = "Assignments become lists, experts code on sorted rows";
  let description = [{
    `routed.select` becomes `routed.choose`, which writes ids and weights. `routed.experts` sorts the pairs of a row and an expert by expert, without padding, gathers the rows of each class, runs the code
    of the class on them once, and adds up for each row what its experts gave, by weight, in the order of the ids.

    ```mlir
    %y = routed.experts %x by %a : tensor<?x64xf32>, !routed.assignment<1 of 2> -> tensor<?x64xf32>
      class [0, 1] (%rows: tensor<?x64xf32>, %ids: tensor<?xi32>) {
        %r = adapter.apply %bank, %rows ids(%ids : tensor<?xi32>) : !adapter.map<2x64x64, f32>, tensor<?x64xf32> -> tensor<?x64xf32>
        routed.yield %r : tensor<?x64xf32>
      }
    // becomes
    %order, %places, %offsets = adapter.group_rows ins(%ids : tensor<?xi32>) ...
    %rows = linalg.generic ... // x[order[i]]
    %r = adapter.apply %bank, %rows ids(%sorted : tensor<?xi32>) ...
    %y = linalg.generic ... // sum of weights[row, k] * r[places[row, k]]
    ```
  }];
  let dependentDialects = ["::allot::adapter::AdapterDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

#endif // ALLOT_DIALECT_ROUTED_TRANSFORMS_PASSES_TD
