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

def NNAppendLoss : Pass<"nn-append-loss", "::mlir::ModuleOp"> {
  let summary = "Make an entry give its loss instead of its logits";
  let description = [{
    The one result of `entry`, logits `[..., V]`, becomes the argument of an `nn.cross_entropy`, whose labels are a further argument `labels` and whose values `nll` are the result instead.

    ```mlir
    func.func @logits(%ids: tensor<?x?xi32> {allot.name = "input_ids"}) -> (tensor<?x?x100xf32> {allot.name = "logits"})
    // becomes
    func.func @logits(%ids: tensor<?x?xi32> {allot.name = "input_ids"}, %labels: tensor<?x?xi32> {allot.name = "labels"}) -> (tensor<?x?xf32> {allot.name = "nll"})
    ```
    An entry that another function calls, or with other results, is an error.
  }];
  let options = [Option<"entry", "entry", "std::string", "\"logits\"", "function whose result is the logits">];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def NNSplitAtTaps : Pass<"nn-split-at-taps", "::mlir::ModuleOp"> {
  let summary = "Cut an entry into parts that run one after the other";
  let description = [{
    The taps of `entry` whose names start with `prefix` cut it: part k, `@ENTRY.part.<k>`, takes the arguments of the entry and the value of tap k - 1 and gives the value
    of tap k; the last part gives the results of the entry. Where a change of one weight is to be measured, only the parts from its own on must run again.
    What lies before a tap is computed in a later part again only if it does not depend on the tap before it (sizes, tables).

    ```mlir
    func.func @f(%x: tensor<?x64xf32> {allot.name = "x"}) -> (tensor<?x64xf32> {allot.name = "y"}) {
      %a = "a"(%x) ...
      %t = nn.tap %a "h.0" : tensor<?x64xf32>
      %b = "b"(%t) ...
      return %b
    // gives
    func.func @f.part.0(%x: tensor<?x64xf32> {allot.name = "x"}) -> (tensor<?x64xf32> {allot.name = "h.0"})
    func.func @f.part.1(%x: tensor<?x64xf32> {allot.name = "x"}, %t: tensor<?x64xf32> {allot.name = "h.0"}) -> (tensor<?x64xf32> {allot.name = "y"})
    ```
    The entry itself becomes private. An entry without such taps is an error.
  }];
  let options = [Option<"entry", "entry", "std::string", "\"logits\"", "function to cut">,
                 Option<"prefix", "prefix", "std::string", "\"hidden_states.\"", "start of the names of the taps to cut at">];
}

#endif // ALLOT_DIALECT_NN_TRANSFORMS_PASSES_TD
