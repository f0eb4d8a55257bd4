//===- Passes.td - gradients of programs -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_GRADIENT_PASSES_TD
#define ALLOT_GRADIENT_PASSES_TD

include "mlir/Pass/PassBase.td"

def GradientReverse : Pass<"gradient-reverse", "::mlir::ModuleOp"> {
  let summary = "Add to each function the one that computes its gradients";
  let description = [{
    Each public function `@F` with a body gets a second one, `@F.reverse`, which takes the arguments of F and then, for each result that is a tensor of floats, the gradient of a loss by it, and
    gives the gradients of the loss by the arguments of F that are tensors of floats. The way forth is computed again inside, so nothing has to be kept from a run of F. Names (`allot.name`) are
    those of the values with `.gradient` behind.

    `gradients` asks for further results: gradients by the values of taps whose names end so; `values` for the values themselves of taps whose names end so, under their names. Only
    functions that have such taps or an argument of floats, and a result of floats, get a reverse function. A tap on which no result depends has the gradient zero.

    Each op on the way from what is asked for to the results builds its vector-Jacobian product (`VJPOpInterface`); one that does not implement it is an error at the op.

    ```mlir
    func.func @f(%x: tensor<?x4xf32> {allot.name = "x"}) -> (tensor<?x4xf32> {allot.name = "y"}) {
      %y = nn.activation silu %x : tensor<?x4xf32>
      return %y : tensor<?x4xf32>
    }
    // gives
    func.func @f.reverse(%x: tensor<?x4xf32> {allot.name = "x"}, %dy: tensor<?x4xf32> {allot.name = "y.gradient"}) -> (tensor<?x4xf32> {allot.name = "x.gradient"})
    ```
  }];
  let options = [
    ListOption<"functions", "functions", "std::string", "functions to differentiate; all public ones if none is named">,
    ListOption<"gradients", "gradients", "std::string", "ends of names of taps by whose values gradients are wanted">,
    ListOption<"values", "values", "std::string", "ends of names of taps whose values are wanted">];
  let dependentDialects = ["::allot::adapter::AdapterDialect", "::allot::nn::NNDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect"];
}

#endif // ALLOT_GRADIENT_PASSES_TD
