//===- Passes.td - passes on nn ops -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_NN_TRANSFORMS_PASSES_TD
#define ALLOT_DIALECT_NN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def NNStripTaps : Pass<"nn-strip-taps", "::mlir::ModuleOp"> {
  let summary = "Remove taps";
  let description = [{
    A tap is its operand.

    ```mlir
    %y = nn.tap %x "hidden_states.0" : tensor<?x64xf32>
    return %y : tensor<?x64xf32>
    // becomes
    return %x : tensor<?x64xf32>
    ```
  }];
}

def NNExposeTaps : Pass<"nn-expose-taps", "::mlir::ModuleOp"> {
  let summary = "Make taps results of their functions";
  let description = [{
    The values of taps whose name starts with one of `names` become further results of their public function, named by the result attribute
    `allot.name`; all taps are removed. A prefix that no tap has adds nothing: not every model
    has every value. A tap inside of another op, and a function that another one calls, are errors.

    ```mlir
    %y = nn.tap %x "hidden_states.0" : tensor<?x64xf32>
    return %z : tensor<?x64xf32>
    // becomes
    return %z, %x : tensor<?x64xf32>, tensor<?x64xf32>
    ```
  }];
  let options = [ListOption<"names", "names", "std::string", "prefixes of names">];
}

#endif // ALLOT_DIALECT_NN_TRANSFORMS_PASSES_TD
