//===- ComputedEnums.td - generators of seeded tensors -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Apart from the ops, with whose file the enums of AdapterBase.td would be
// generated once more. Kept in plain integer attributes.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_COMPUTEDENUMS_TD
#define ALLOT_DIALECT_ADAPTER_IR_COMPUTEDENUMS_TD

include "mlir/IR/EnumAttr.td"

def Adapter_Generator : I32EnumAttr<"Generator", "documented generator of pseudo-random numbers", [
    I32EnumAttrCase<"TorchUniform", 0, "torch_uniform">]> {
  let cppNamespace = "::allot::adapter";
}

#endif // ALLOT_DIALECT_ADAPTER_IR_COMPUTEDENUMS_TD
