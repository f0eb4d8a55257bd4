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
def Adapter_WayKind : I32EnumAttr<"WayKind", "how a map or a part of it is evaluated", [
    I32EnumAttrCase<"Factored", 0, "factored">, I32EnumAttrCase<"Merged", 1, "merged">, I32EnumAttrCase<"Pair", 2, "pair">,
    I32EnumAttrCase<"Joined", 3, "joined">, I32EnumAttrCase<"Split", 4, "split">, I32EnumAttrCase<"Distributed", 5, "distributed">,
    I32EnumAttrCase<"Switch", 6, "switch">]> {
  let cppNamespace = "::allot::adapter";
  let genSpecializedAttr = 0;
}

def Adapter_WayAttr : AttrDef<Adapter_Dialect, "Way"> {
  let mnemonic = "way";
  let summary = "How a map expression is evaluated, part by part";
  let description = [{
    - `merged`: the matrix of the map is computed and applied.
    - `pair`: two factors of the map's rank bound are computed, B `[OUT, r]` and A `[r, IN]`, and applied; beside a stored matrix of a sum its kernel takes them.
    - `factored`, `factored [w, ..]`: without its matrix. Of a sum of terms (stored matrices, pairs of factors, others) the w are those of the other terms, in order; else
      those of the maps that applying this map applies, in order of computation. Left out they are `factored`.
    - `joined [w, ..]`: of a sum, the terms that depend on weights alone are one matrix; w as for `factored`, of the terms that do not.
    - `split sizes [w, ..]`: a chain of maps as groups of neighbours; one size and one w for each, in the order in which they are written.
    - `distributed [w]`: multiplied out to a sum of which w is the way.
    - `switch n [v, w]`: up to n rows v, for more of them w, by a branch at run time.

    ```mlir
    #way = #adapter.way<factored [split 2, 1 [merged, factored], pair]>
    ```
    (A60) merged and pair have no parts; split has at least one size, all positive, and as many parts; distributed has one part; switch has one positive size and two
    parts. Other sizes there are none. (Parts are not more than 256 deep.)
  }];
  let parameters = (ins "::allot::adapter::WayKind":$kind, OptionalArrayRefParameter<"int64_t">:$sizes, OptionalArrayRefParameter<"::mlir::Attribute">:$parts);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    static WayAttr get(::mlir::MLIRContext *context, ::allot::adapter::WayKind kind) { return get(context, kind, ::llvm::ArrayRef<int64_t>(), ::llvm::ArrayRef<::mlir::Attribute>()); }
    /// Part `index`, or `factored` where it is left out.
    WayAttr getPart(unsigned index);
  }];
}

defvar VJP = DeclareOpInterfaceMethods<VJPOpInterface>;
class Adapter_Op<string mnem, list<Trait> traits = []> : Op<Adapter_Dialect, mnem, traits>;
/// An op that makes a map: pure, implements the interface.
class Adapter_MapOp<string mnem, list<string> optionalMethods = [], list<Trait> traits = []>
    : Adapter_Op<mnem, !listconcat([Pure, DeclareOpInterfaceMethods<LinearMapOpInterface, optionalMethods>], traits)> {
  let results = (outs Adapter_MapType:$result);
}

#endif // ALLOT_DIALECT_ADAPTER_IR_ADAPTERBASE_TD
