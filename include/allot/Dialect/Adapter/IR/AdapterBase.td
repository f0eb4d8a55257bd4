//===- AdapterBase.td - dialect, type and classes of map ops -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the op groups of the dialect share. It defines no op, so that each group
// generates its own ops alone.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_ADAPTERBASE_TD
#define ALLOT_DIALECT_ADAPTER_IR_ADAPTERBASE_TD

include "allot/Interfaces/LinearMapInterfaces.td"
include "allot/Interfaces/VJPInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Adapter_Dialect : Dialect {
  let name = "adapter";
  let cppNamespace = "::allot::adapter";
  let summary = "What a weight is: an algebra of structured linear maps";
  let description = [{
    `!adapter.map<OUT x IN, f32>` is a linear map that nobody has multiplied out yet. Published adapter methods are expressions over few ops: LoRA is
    `sum(dense W, scale(lowrank(B, A)))`. `apply`, `gather` and `materialize` use a map; `linear` and `lookup` are what kernels compute, made by
    `adapter-expand` once it is decided how each expression is evaluated.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Adapter_MapType : TypeDef<Adapter_Dialect, "Map"> {
  let mnemonic = "map";
  let summary = "A linear map, or a bank of maps";
  let description = [{
    `!adapter.map<OUT x IN, f32>`; with a leading dimension a bank of maps. (A1) two or three dimensions, all positive,
    whose product is less than 2^63. (A2) the element type is f32.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isBank() const { return getShape().size() == 3; }
    int64_t getOut() const { return getShape()[getShape().size() - 2]; }
    int64_t getIn() const { return getShape().back(); }
  }];
}

def Adapter_Activation : I32EnumAttr<"Activation", "elementwise function of a kernel's epilogue", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"SiLU", 1, "silu">, I32EnumAttrCase<"GELU", 2, "gelu">,
    I32EnumAttrCase<"GELUTanh", 3, "gelu_tanh">, I32EnumAttrCase<"ReLU", 4, "relu">]> {
  let cppNamespace = "::allot::adapter";
  let genSpecializedAttr = 0;
}
def Adapter_Arithmetic : I32EnumAttr<"Arithmetic", "type of the activations in a kernel's dot products", [
    I32EnumAttrCase<"F32", 0, "f32">, I32EnumAttrCase<"I16", 1, "i16">, I32EnumAttrCase<"I8", 2, "i8">]> {
  let cppNamespace = "::allot::adapter";
  let genSpecializedAttr = 0;
}
def Adapter_Evaluation : I32EnumAttr<"Evaluation", "how a map expression is evaluated", [
    I32EnumAttrCase<"Auto", 0, "auto">, I32EnumAttrCase<"Factored", 1, "factored">, I32EnumAttrCase<"Merged", 2, "merged">]> {
  let cppNamespace = "::allot::adapter";
  let genSpecializedAttr = 0;
}

defvar VJP = DeclareOpInterfaceMethods<VJPOpInterface>;
class Adapter_Op<string mnem, list<Trait> traits = []> : Op<Adapter_Dialect, mnem, traits>;
/// An op that makes a map: pure, implements the interface.
class Adapter_MapOp<string mnem, list<string> optionalMethods = [], list<Trait> traits = []>
    : Adapter_Op<mnem, !listconcat([Pure, DeclareOpInterfaceMethods<LinearMapOpInterface, optionalMethods>], traits)> {
  let results = (outs Adapter_MapType:$result);
}

#endif // ALLOT_DIALECT_ADAPTER_IR_ADAPTERBASE_TD
