//===- ReferenceInterfaces.td - reference evaluation -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_REFERENCEINTERFACES_TD
#define ALLOT_INTERFACES_REFERENCEINTERFACES_TD

include "mlir/IR/OpBase.td"

def ReferenceOpInterface : OpInterface<"ReferenceOpInterface"> {
  let cppNamespace = "::allot";
  let description = [{
    Reference evaluation of an op on tensor values: plain loops, independent of every lowering. Models are attached by lib/Reference.
  }];
  let methods = [
    InterfaceMethod<[{Computes the results from the operands; emits an error at the op and fails on bad values.}],
      "::llvm::LogicalResult", "evaluateReference",
      (ins "::llvm::ArrayRef<::allot::RefValue>":$operands, "::llvm::SmallVectorImpl<::allot::RefValue> &":$results)>
  ];
}

#endif // ALLOT_INTERFACES_REFERENCEINTERFACES_TD
