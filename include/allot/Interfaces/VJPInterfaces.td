//===- VJPInterfaces.td - ops that gradients flow through -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_VJPINTERFACES_TD
#define ALLOT_INTERFACES_VJPINTERFACES_TD

include "mlir/IR/OpBase.td"

def VJPOpInterface : OpInterface<"VJPOpInterface"> {
  let cppNamespace = "::allot";
  let description = [{
    An op through which gradients flow back: it builds its vector-Jacobian product out of ordinary ops. Our ops implement it themselves, upstream ops by external
    models (lib/Gradient). The gradient of a float, or of a tensor of floats, has the type of the value; the gradient of an `!adapter.map<OUT x IN, f32>` is the dense
    `tensor<OUT x IN x f32>`, the derivative by each entry of its matrix. A null gradient is zero. Values of other types (indices, integers, booleans) have none.
  }];
  let methods = [
    InterfaceMethod<[{Builds, at the insertion point of the builder (behind the op), the gradients of the operands out of those of the results, `results` (one each, null
      where zero; at least one is not). Operand i is asked for where `wanted[i]`; its gradient goes to `operands[i]`, which stays null where it is zero. An operand whose gradient
      the op does not know but is asked for is an error at the op, and failure.}],
      "::llvm::LogicalResult", "buildVJP",
      (ins "::mlir::OpBuilder &":$builder, "::llvm::ArrayRef<::mlir::Value>":$results, "const ::llvm::SmallBitVector &":$wanted,
        "::llvm::MutableArrayRef<::mlir::Value>":$operands)>
  ];
}

#endif // ALLOT_INTERFACES_VJPINTERFACES_TD
