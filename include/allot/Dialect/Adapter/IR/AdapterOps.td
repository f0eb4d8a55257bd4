//===- AdapterOps.td - an algebra of linear maps -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_ADAPTEROPS_TD
#define ALLOT_DIALECT_ADAPTER_IR_ADAPTEROPS_TD

include "allot/Dialect/Adapter/IR/AdapterBase.td"

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

def Adapter_DenseOp : Adapter_MapOp<"dense", ["buildSlice", "buildTransposed", "collectTerms", "buildMember"], [DeclareOpInterfaceMethods<AllocatableOpInterface>, VJP]> {
  let summary = "A stored matrix";
  let description = [{
    ```mlir
    %m = adapter.dense %w : tensor<64x128xf32, #format.q8_0>
    ```
    The tensor may be encoded. (A3) the tensor is static, of rank 2 or 3, f32; the result has its shape.
  }];
  let arguments = (ins AnyRankedTensor:$tensor);
  let assemblyFormat = "$tensor attr-dict `:` type($tensor) `` custom<MapOfTensor>(ref(type($tensor)), type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$tensor)>];
}

def Adapter_LowRankOp : Adapter_MapOp<"lowrank", ["buildSlice", "getRankAxes", "buildTransposed", "collectTerms", "getRankBound", "buildFactors"], [DeclareOpInterfaceMethods<AllocatableOpInterface>, VJP]> {
  let summary = "B diag(gate) A";
  let description = [{
    ```mlir
    %m = adapter.lowrank %B, %A : tensor<64x8xf32>, tensor<8x128xf32>
    %g = adapter.lowrank %B, %A gate %gate : tensor<64x8xf32>, tensor<8x128xf32>, tensor<8xf32>
    ```
    B `[OUT, r]` and A `[r, IN]` may be encoded, each in its own format. (A4) B and A are static matrices that agree in r, the gate has r entries.
    Source of the form: LoRA, Hu et al. 2021; the gate: AdaLoRA, Zhang et al. 2023.
  }];
  let arguments = (ins AnyRankedTensor:$b, AnyRankedTensor:$a, Optional<AnyRankedTensor>:$gate);
  let assemblyFormat = [{ $b `,` $a (`gate` $gate^)? attr-dict `:` type($b) `,` type($a) (`,` type($gate)^)?
                          `` custom<MapOfFactors>(ref(type($b)), ref(type($a)), type($result)) }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$b, "::mlir::Value":$a, CArg<"::mlir::Value", "{}">:$gate)>];
}

def Adapter_DiagonalOp : Adapter_MapOp<"diagonal", ["buildTransposed", "buildMonomials"], [VJP]> {
  let summary = "diag(v)";
  let description = [{
    ```mlir
    %m = adapter.diagonal %v : tensor<64xf32>
    ```
    (A5) v is a static vector of f32.
  }];
  let arguments = (ins AnyRankedTensor:$vector);
  let assemblyFormat = "$vector attr-dict `:` type($vector) `` custom<MapOfVector>(ref(type($vector)), type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$vector)>];
}

def Adapter_PermutationOp : Adapter_MapOp<"permutation", ["buildTransposed", "buildMonomials"]> {
  let summary = "y[i] = x[sources[i]]";
  let description = [{
    ```mlir
    %m = adapter.permutation [2, 0, 1] : !adapter.map<3x3, f32>
    ```
    The identity folds away inside `compose`. (A6) sources is a permutation of 0 .. N-1, N >= 1.
  }];
  let arguments = (ins DenseI64ArrayAttr:$sources);
  let assemblyFormat = "$sources attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::llvm::ArrayRef<int64_t>":$sources)>];
}

//===----------------------------------------------------------------------===//
// Combinators
//===----------------------------------------------------------------------===//

def Adapter_SumOp : Adapter_MapOp<"sum", ["buildSlice", "buildTransposed", "collectTerms", "getRankBound", "buildFactors", "buildMember", "buildMonomials"], [SameOperandsAndResultType, VJP]> {
  let summary = "Sum of maps of one shape";
  let description = [{
    ```mlir
    %s = adapter.sum %a, %b : !adapter.map<64x128, f32>
    ```
    Nested sums flatten; a sum of one map is that map. (A7) at least one operand, all of the type of the result.
  }];
  let arguments = (ins Variadic<Adapter_MapType>:$maps);
  let assemblyFormat = "$maps attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Adapter_ComposeOp : Adapter_MapOp<"compose", ["buildTransposed", "getRankBound", "buildFactors", "getChain", "buildDistributed", "buildMonomials"], [VJP]> {
  let summary = "Composition: the last map meets the input first";
  let description = [{
    ```mlir
    %c = adapter.compose %outer, %inner : !adapter.map<64x32, f32>, !adapter.map<32x128, f32>
    ```
    Nested compositions flatten, identity permutations disappear. (A8) at least one operand; IN of each equals OUT of the next; the result is OUT of the
    first x IN of the last; no banks.
  }];
  let arguments = (ins Variadic<Adapter_MapType>:$maps);
  let assemblyFormat = "$maps attr-dict `:` type($maps) `` custom<MapOfChain>(ref(type($maps)), type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$maps)>];
}

def Adapter_ScaleOp : Adapter_MapOp<"scale", ["buildSlice", "buildTransposed", "collectTerms", "getRankBound", "buildFactors", "buildMember", "buildMonomials"], [SameOperandsAndResultType, VJP]> {
  let summary = "A constant times a map";
  let description = [{
    ```mlir
    %s = adapter.scale %m by 2.0 : !adapter.map<64x128, f32>
    ```
    A factor of 1 folds away, a scale of a scale becomes one. (A9) the factor is finite.
  }];
  let arguments = (ins Adapter_MapType:$map, F64Attr:$factor);
  let assemblyFormat = "$map `by` $factor attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Adapter_TransposeOp : Adapter_MapOp<"transpose", ["buildTransposed", "getRankBound", "buildFactors", "buildMember"], [VJP]> {
  let summary = "The transposed map";
  let description = [{
    ```mlir
    %t = adapter.transpose %m : !adapter.map<64x128, f32>
    ```
    A transpose of a transpose folds away; a transpose moves inward over sums, scales, compositions, diagonals and permutations. (A10) the result is IN x OUT of the operand.
  }];
  let arguments = (ins Adapter_MapType:$map);
  let assemblyFormat = "$map attr-dict `:` qualified(type($map)) `` custom<MapTransposed>(ref(type($map)), type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$map)>];
}

def Adapter_ConcatOp : Adapter_MapOp<"concat", ["buildSlice", "buildTransposed", "getRankBound"], [VJP]> {
  let summary = "Maps side by side";
  let description = [{
    ```mlir
    %r = adapter.concat dim(0) %a, %b : !adapter.map<16x128, f32>, !adapter.map<48x128, f32>
    %c = adapter.concat dim(1) %a, %d : !adapter.map<16x128, f32>, !adapter.map<16x32, f32>
    ```
    Along `dim` 0 the outputs of the maps follow one another (all read the whole input), along 1 the inputs (each reads its part, the outputs are added). A matrix
    whose rows are stored in different formats is a concatenation of its parts. Nested concatenations along the same dimension flatten; one map is that
    map. (A18) dim is 0 or 1; at least one operand, no banks; the maps agree in the other dimension; the result has the sum of their sizes along dim.
  }];
  let arguments = (ins I64Attr:$dim, Variadic<Adapter_MapType>:$maps);
  let assemblyFormat = "`dim` `(` $dim `)` $maps attr-dict `:` type($maps) `` custom<MapOfParts>(ref($dim), ref(type($maps)), type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "int64_t":$dim, "::mlir::ValueRange":$maps)>];
}

def Adapter_ReorderOp : Adapter_MapOp<"reorder", ["buildSlice", "buildTransposed", "getRankBound"], [VJP]> {
  let summary = "Outputs in a stored order";
  let description = [{
    ```mlir
    %r = adapter.reorder %m by %positions : !adapter.map<64x128, f32>, tensor<64xf32, #format.float<f32>>
    ```
    Output i of the result is output positions[i] of the map: a permutation that is too long to be an attribute, or known at run time only. Positions are whole numbers in
    [0, OUT), kept as f32 like all stored numbers; one outside stands for the nearest one inside. With `concat` it stores the rows of a table in the order of their
    importance, in few ranges of different formats. (A19) positions is a static vector of f32, plain or encoded, with OUT entries; OUT <= 2^24, up to
    which f32 holds every whole number; the map is no bank; the result has its type.
  }];
  let arguments = (ins Adapter_MapType:$map, AnyRankedTensor:$positions);
  let assemblyFormat = "$map `by` $positions attr-dict `:` qualified(type($map)) `,` type($positions) `` custom<MapLike>(ref(type($map)), type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$map, "::mlir::Value":$positions)>];
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

def Adapter_ApplyOp : Adapter_Op<"apply", [AttrSizedOperandSegments, Pure, VJP]> {
  let summary = "y = map(x) + bias";
  let description = [{
    ```mlir
    %y = adapter.apply %m, %x : !adapter.map<64x128, f32>, tensor<?x?x128xf32> -> tensor<?x?x64xf32>
    %z = adapter.apply %m, %x bias %b : !adapter.map<64x128, f32>, tensor<?x128xf32>, tensor<64xf32> -> tensor<?x64xf32>
    ```
    The leading dimensions of x are rows. `site` names the matrix (a Hugging Face module path) for statistics, plans and reports; `evaluate` asks
    for factored or merged; `way` is the decision, part by part, that `adapter-choose-evaluation` writes and `adapter-expand` obeys, and has precedence. Those of one block that read the same x and have
    the same `share` compute the products of x with all factors A of their pairs together, and each factor once. Applying the identity permutation without bias is x. (A11) x ends in IN, the result in OUT, leading dimensions agree; f32; the bias has OUT entries.

    Of a bank each row meets the member that its id names, or with weights the sum of K members:

    ```mlir
    %u = adapter.apply %bank, %x ids(%ids : tensor<?xi32>) otherwise(%m : !adapter.map<64x128, f32>) : !adapter.map<9x64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
    %v = adapter.apply %bank, %x ids(%two : tensor<?x2xi32>) weights(%w : tensor<?x2xf32>) : !adapter.map<9x64x128, f32>, tensor<?x128xf32> -> tensor<?x64xf32>
    ```
    Id -1 stands for no member: such a row meets the map `otherwise`, or zero. Other ids outside of 0 .. N-1 are an error of the caller: inputs of programs are checked before they run; compiled code takes such ids for -1.
    (A63) ids (i32 or i64) are there if the map is a bank; they have the leading dimensions of x, and with weights (f32, of the shape of the ids) one more; `otherwise` is a single map of
    OUT x IN; weights and otherwise come with ids.
  }];
  let arguments = (ins Adapter_MapType:$map, AnyRankedTensor:$x, Optional<AnyRankedTensor>:$ids, Optional<AnyRankedTensor>:$weights, Optional<Adapter_MapType>:$otherwise,
                       Optional<AnyRankedTensor>:$bias, OptionalAttr<StrAttr>:$site, OptionalAttr<EnumAttr<Adapter_Dialect, Adapter_Evaluation, "evaluation">>:$evaluate,
                       OptionalAttr<Adapter_WayAttr>:$way, OptionalAttr<I64Attr>:$share);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{ $map `,` $x (`ids` `(` $ids^ `:` type($ids) `)`)? (`weights` `(` $weights^ `:` type($weights) `)`)? (`otherwise` `(` $otherwise^ `:` qualified(type($otherwise)) `)`)?
                          (`bias` $bias^)? attr-dict `:` qualified(type($map)) `,` type($x) (`,` type($bias)^)? `->` type($result) }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$map, "::mlir::Value":$x, "::mlir::Value":$bias, "::mlir::StringAttr":$site,
                                 "::allot::adapter::EvaluationAttr":$evaluate, CArg<"::allot::adapter::WayAttr", "{}">:$way), [{
    build($_builder, $_state, type, map, x, /*ids=*/{}, /*weights=*/{}, /*otherwise=*/{}, bias, site, evaluate, way, ::mlir::IntegerAttr());
  }]>, OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$bank, "::mlir::Value":$x, "::mlir::Value":$ids, "::mlir::Value":$weights, "::mlir::Value":$otherwise,
                      "::mlir::Value":$bias, "::mlir::StringAttr":$site, "::allot::adapter::EvaluationAttr":$evaluate), [{
    build($_builder, $_state, type, bank, x, ids, weights, otherwise, bias, site, evaluate, ::allot::adapter::WayAttr(), ::mlir::IntegerAttr());
  }]>];
}

def Adapter_GatherOp : Adapter_Op<"gather", [Pure, VJP]> {
  let summary = "Rows of a map, by id";
  let description = [{
    ```mlir
    %e = adapter.gather %m, %ids : !adapter.map<100x64, f32>, tensor<?x?xi32> -> tensor<?x?x64xf32>
    ```
    `result[..., :] = row ids[...] of the map`: an embedding table of OUT rows. Ids outside [0, OUT) are an error of the caller and are checked before
    a program runs. (A12) ids are i32 or i64, the result appends IN; the map is no bank.
  }];
  let arguments = (ins Adapter_MapType:$map, AnyRankedTensor:$ids, OptionalAttr<StrAttr>:$site);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$map `,` $ids attr-dict `:` qualified(type($map)) `,` type($ids) `->` type($result)";
  let hasVerifier = 1;
}

def Adapter_MaterializeOp : Adapter_Op<"materialize", [Pure, VJP]> {
  let summary = "The dense matrix of a map";
  let description = [{
    ```mlir
    %w = adapter.materialize %m : !adapter.map<64x128, f32> -> tensor<64x128xf32>
    ```
    `materialize(dense(t))` folds to t where t is not encoded. (A13) the result has the shape of the map and no encoding.
  }];
  let arguments = (ins Adapter_MapType:$map, OptionalAttr<StrAttr>:$site);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$map attr-dict `:` qualified(type($map)) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// What kernels compute
//===----------------------------------------------------------------------===//

def Adapter_LinearOp : Adapter_Op<"linear", [AttrSizedOperandSegments, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "One fused kernel: decode, dot, low-rank terms, epilogue";
  let description = [{
    `y = activation(W x + sum_i scales[i] * B_i (A_i x) + bias) * multiplier + residual`, on tensors or, after bufferization, on memrefs.

    ```mlir
    %y = adapter.linear weight(%w : tensor<64x128xf32, #format.q8_0>) ins(%x : tensor<?x128xf32>)
           factors(%B, %A : tensor<64x8xf32, #format.float<f16>>, tensor<8x128xf32, #format.float<f16>>) scales([2.0]) bias(%b : tensor<64xf32>) activation silu
           multiplier(%m : tensor<?x64xf32>) residual(%r : tensor<?x64xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
    After `format-lower-storage` weight and factors are bytes (`tensor<?xi8>`, `memref<?xi8>`) and `stored` gives their encoded types, weight first.
    The leading dimensions of x, multiplier, residual and result are rows and agree. `arithmetic` is the type of the activations in the dot products.

    (A14) shapes agree: W OUT x IN, B_i OUT x r_i, A_i r_i x IN, bias OUT, x ends in IN, the others in OUT. (A15) as many scales as factor pairs.
    (A16) weight and factors are encoded tensors, or bytes with `stored`.
  }];
  let arguments = (ins AnyShaped:$weight, AnyShaped:$x, Variadic<AnyShaped>:$factors, Optional<AnyShaped>:$bias, Optional<AnyShaped>:$multiplier,
    Optional<AnyShaped>:$residual, AnyShaped:$init, DefaultValuedAttr<DenseF64ArrayAttr, "{}">:$scales,
    DefaultValuedAttr<EnumAttr<Adapter_Dialect, Adapter_Activation, "activation">, "Activation::None">:$activation,
    DefaultValuedAttr<EnumAttr<Adapter_Dialect, Adapter_Arithmetic, "arithmetic">, "Arithmetic::F32">:$arithmetic,
    OptionalAttr<TypeArrayAttr>:$stored, OptionalAttr<StrAttr>:$site);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `weight` `(` $weight `:` type($weight) `)` `ins` `(` $x `:` type($x) `)` (`factors` `(` $factors^ `:` type($factors) `)`)? (`scales` `(` $scales^ `)`)?
    (`bias` `(` $bias^ `:` type($bias) `)`)? (`activation` $activation^)? (`arithmetic` $arithmetic^)? (`multiplier` `(` $multiplier^ `:` type($multiplier) `)`)?
    (`residual` `(` $residual^ `:` type($residual) `)`)? `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// The encoded type of weight (0) or factor i (1 + i), whether the operand is encoded still or bytes already.
    ::mlir::RankedTensorType getStoredType(unsigned index);
    int64_t getOut();
    int64_t getIn();
    unsigned getNumTerms() { return getFactors().size() / 2; }
  }];
}

def Adapter_LookupOp : Adapter_Op<"lookup", [DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Decoded rows of a stored table, by id";
  let description = [{
    What `gather` on a dense map becomes.

    ```mlir
    %e = adapter.lookup table(%w : tensor<100x64xf32, #format.q8_0>) ins(%ids : tensor<?x?xi32>) outs(%init : tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    ```
    (A17) shapes agree as in `gather`; the table is an encoded tensor, or bytes with `stored`.
  }];
  let arguments = (ins AnyShaped:$table, AnyShaped:$ids, AnyShaped:$init, OptionalAttr<TypeAttrOf<AnyRankedTensor>>:$stored, OptionalAttr<StrAttr>:$site);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{ `table` `(` $table `:` type($table) `)` `ins` `(` $ids `:` type($ids) `)` `outs` `(` $init `:` type($init) `)` attr-dict
                          (`->` type($result)^)? }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    ::mlir::RankedTensorType getStoredType();
  }];
}

#endif // ALLOT_DIALECT_ADAPTER_IR_ADAPTEROPS_TD
