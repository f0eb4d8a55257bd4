//===- RoutingInterfaces.td - what a routing policy answers -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_ROUTINGINTERFACES_TD
#define ALLOT_INTERFACES_ROUTINGINTERFACES_TD

include "mlir/IR/OpBase.td"

def RoutingPolicyAttrInterface : AttrInterface<"RoutingPolicyAttrInterface"> {
  let cppNamespace = "::allot";
  let description = [{
    Facts about a policy: which (row, expert) pairs are chosen, given a score for each. It answers facts only: the choosing is `RoutingReferenceInterface` and
    `RoutingKernelInterface`, both attached from outside. Ties go to the lower expert, then to the earlier row.
  }];
  let methods = [
    InterfaceMethod<"The largest number of experts, of `experts`, that one row may be given.",
      "int64_t", "getMostPerRow", (ins "int64_t":$experts)>,
    InterfaceMethod<[{Whether the choice for a row depends on that row alone. Else the rows of a sequence compete, and a sequence that is extended may choose otherwise for rows that
      it had.}],
      "bool", "isPerRow", (ins)>,
    InterfaceMethod<"Emits an error and fails where the policy cannot choose among `experts`.",
      "::llvm::LogicalResult", "verifyExperts", (ins "int64_t":$experts, "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>
  ];
}

def RoutingReferenceInterface : AttrInterface<"RoutingReferenceInterface"> {
  let cppNamespace = "::allot";
  let description = "The choosing of a policy in plain loops, attached from outside the IR library (by lib/Reference).";
  let methods = [
    InterfaceMethod<[{The chosen pairs of one sequence: `scores` are `rows` x `experts` numbers, none of them NaN; sets `chosen` (zeros) to 1 at those pairs.}],
      "void", "choose", (ins "::llvm::ArrayRef<double>":$scores, "int64_t":$rows, "int64_t":$experts, "::llvm::MutableArrayRef<uint8_t>":$chosen)>
  ];
}

def RoutingKernelInterface : AttrInterface<"RoutingKernelInterface"> {
  let cppNamespace = "::allot";
  let description = "The choosing of a policy as code of a kernel, attached from outside the IR library (by lib/Kernel).";
  let methods = [
    InterfaceMethod<[{Emits the choice for one sequence. `scores` (f32) and `chosen` (i8, zeros on entry) are buffers of `rows` x `experts` elements from `first` on; `chosen` becomes 1 at the chosen
      pairs and 0 at the others.}],
      "void", "emitChoose", (ins "::allot::kernel::Emitter &":$emitter, "::mlir::Value":$scores, "::mlir::Value":$chosen, "::mlir::Value":$first,
        "::mlir::Value":$rows, "::mlir::Value":$experts)>
  ];
}

#endif // ALLOT_INTERFACES_ROUTINGINTERFACES_TD
