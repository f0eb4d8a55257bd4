//===- BankOps.td - many maps of one shape, by id -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_BANKOPS_TD
#define ALLOT_DIALECT_ADAPTER_IR_BANKOPS_TD

include "allot/Dialect/Adapter/IR/AdapterBase.td"

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

def Adapter_BankOp : Adapter_MapOp<"bank", ["buildTransposed", "buildMember"], [VJP]> {
  let summary = "Maps of one shape, to be chosen from by id";
  let description = [{
    ```mlir
    %b = adapter.bank %m, %n, %others : !adapter.map<64x128, f32>, !adapter.map<64x128, f32>, !adapter.map<4x64x128, f32>
    ```
    A map is a member, a bank stands for its members. Members may differ in kind, rank and format. Nested banks flatten; one bank alone is that bank. (A61) at least one
    operand, all OUT x IN; the result is N x OUT x IN for N members.
  }];
  let arguments = (ins Variadic<Adapter_MapType>:$maps);
  let assemblyFormat = "$maps attr-dict `:` type($maps) `` custom<MapOfMembers>(ref(type($maps)), type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$maps)>];
}

def Adapter_SelectOp : Adapter_MapOp<"select", ["buildTransposed"], [VJP]> {
  let summary = "One member of a bank";
  let description = [{
    ```mlir
    %a = adapter.select %bank[2] : !adapter.map<6x64x128, f32>
    %c = adapter.select %bank at %i : !adapter.map<6x64x128, f32>, tensor<i64>
    ```
    By a constant, which folds to the member where its op gives it, or by a number known at run time. A number outside of 0 .. N-1 is an error of the caller, which the reference evaluation reports;
    compiled code applies the zero map then. (A62) the operand is a bank; either a constant in 0 .. N-1 or a tensor of rank 0 of i32 or i64.
  }];
  let arguments = (ins Adapter_MapType:$bank, OptionalAttr<I64Attr>:$index, Optional<AnyRankedTensor>:$at);
  let assemblyFormat = [{ $bank (`[` $index^ `]`)? (`at` $at^)? attr-dict `:` qualified(type($bank)) (`,` type($at)^)?
                          `` custom<MapOfSelected>(ref(type($bank)), type($result)) }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$bank, "int64_t":$index)>, OpBuilder<(ins "::mlir::Value":$bank, "::mlir::Value":$at)>];
}

//===----------------------------------------------------------------------===//
// What kernels compute
//===----------------------------------------------------------------------===//

class Adapter_GroupedOp<string mnem> : Adapter_Op<mnem, [AttrSizedOperandSegments, DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]>;

def Adapter_GroupRowsOp : Adapter_Op<"group_rows", [DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Places sorted by the member that they chose";
  let description = [{
    A stable counting sort. `order` lists the places of the ids, those of member 0 first; member m has `order[offsets[m]]` up to `order[offsets[m + 1] - 1]`; `places` is the inverse of `order`. Ids outside
    of 0 .. N-1 choose nothing: their places come last, from offsets[N] on. Ops that read the same ids share it.

    ```mlir
    %order, %places, %offsets = adapter.group_rows ins(%ids : tensor<?xi32>) outs(%o, %p, %f : tensor<?xi32>, tensor<?xi32>, tensor<65xi32>) -> tensor<?xi32>, tensor<?xi32>, tensor<65xi32>
    ```
    (A64) all are vectors of i32; order and places have the size of the ids; offsets is static, of N + 1 >= 1 numbers.
  }];
  let arguments = (ins AnyShaped:$ids, AnyShaped:$order, AnyShaped:$places, AnyShaped:$offsets);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{ `ins` `(` $ids `:` type($ids) `)` `outs` `(` $order `,` $places `,` $offsets `:` type($order) `,` type($places) `,` type($offsets) `)` attr-dict
                          (`->` type($results)^)? }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return ::mlir::MutableOperandRange(getOperation(), 1, 3); }
  }];
}

def Adapter_GroupedLinearOp : Adapter_GroupedOp<"grouped_linear"> {
  let summary = "Matrices of many members in one kernel";
  let description = [{
    `y[i] = sum over the places e of row i, and the matrices t of the member that e chose, of weights[e] scales[t] W_t x[i]`. Row i has the places i K .. i K + K - 1, K being
    the number of places over that of rows; order and offsets are those of `group_rows`. With `accumulate` it is added to the init. Matrices that no row chose are not read, rows without a member cost nothing.

    ```mlir
    %y = adapter.grouped_linear ins(%x : tensor<?x128xf32>) groups(%order, %offsets : tensor<?xi32>, tensor<3xi32>)
           matrices(%W0, %W1 : tensor<64x128xf32, #format.q8_0>, tensor<64x128xf32, #format.q8_0>)
           members([0, 1]) scales([1.0, 1.0]) weights(%w : tensor<?xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
    After `format-lower-storage` matrices are bytes and `stored` gives their encoded types. `arithmetic` is the type of the activations in the dot products. (A69) x is [rows.., IN], the init [rows.., OUT]; all W_t are
    OUT x IN in one format, or bytes with `stored`. (A70) at least one matrix; for each a member in 0 .. N-1, not falling, and a finite scale; order, offsets and weights are vectors.
  }];
  let arguments = (ins AnyShaped:$x, AnyShaped:$order, AnyShaped:$offsets, Variadic<AnyShaped>:$matrices, Optional<AnyShaped>:$weights, AnyShaped:$init,
    DenseI64ArrayAttr:$members, DenseF64ArrayAttr:$scales, DefaultValuedAttr<EnumAttr<Adapter_Dialect, Adapter_Arithmetic, "arithmetic">, "Arithmetic::F32">:$arithmetic,
    UnitAttr:$accumulate, OptionalAttr<TypeArrayAttr>:$stored, OptionalAttr<StrAttr>:$site);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `ins` `(` $x `:` type($x) `)` `groups` `(` $order `,` $offsets `:` type($order) `,` type($offsets) `)` `matrices` `(` $matrices `:` type($matrices) `)` `members` `(` $members `)` `scales` `(` $scales `)`
    (`weights` `(` $weights^ `:` type($weights) `)`)? (`arithmetic` $arithmetic^)? (`accumulate` $accumulate^)? `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// The encoded type of matrix i, whether the operand is encoded still or bytes already.
    ::mlir::RankedTensorType getStoredType(unsigned index);
  }];
}

def Adapter_GroupedLowRankOp : Adapter_GroupedOp<"grouped_lowrank"> {
  let summary = "Pairs of factors of many members in one kernel";
  let description = [{
    `y[i] = sum over the places e of row i, and the pairs t of the member that e chose, of weights[e] scales[t] B_t A_t x[i]`. Row i has the places i K .. i K + K - 1, K being
    the number of places over that of rows; order and offsets are those of `group_rows`. With `accumulate` it is added to the init. Each pair has its own rank, none is padded; pairs that no row chose are not read.

    ```mlir
    %y = adapter.grouped_lowrank ins(%x : tensor<?x128xf32>) groups(%order, %offsets : tensor<?xi32>, tensor<3xi32>)
           factors(%B0, %A0, %B1, %A1 : tensor<64x4xf32, #format.float<f16>>, tensor<4x128xf32, #format.float<f16>>, tensor<64x32xf32, #format.float<f16>>, tensor<32x128xf32, #format.float<f16>>)
           members([0, 1]) scales([2.0, 0.5]) weights(%w : tensor<?xf32>) accumulate outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
    After `format-lower-storage` factors are bytes and `stored` gives their encoded types. (A65) x is [rows.., IN], the init [rows.., OUT]; B_t is OUT x r_t, A_t r_t x IN, encoded as numbers without
    codes, all B in one format and all A in one, or bytes with `stored`. (A66) at least one pair; for each a member in 0 .. N-1, not falling, and a finite scale; order, offsets and weights are vectors.
  }];
  let arguments = (ins AnyShaped:$x, AnyShaped:$order, AnyShaped:$offsets, Variadic<AnyShaped>:$factors, Optional<AnyShaped>:$weights, AnyShaped:$init,
    DenseI64ArrayAttr:$members, DenseF64ArrayAttr:$scales, UnitAttr:$accumulate, OptionalAttr<TypeArrayAttr>:$stored, OptionalAttr<StrAttr>:$site);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `ins` `(` $x `:` type($x) `)` `groups` `(` $order `,` $offsets `:` type($order) `,` type($offsets) `)` `factors` `(` $factors `:` type($factors) `)` `members` `(` $members `)` `scales` `(` $scales `)`
    (`weights` `(` $weights^ `:` type($weights) `)`)? (`accumulate` $accumulate^)? `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// The encoded type of factor i, whether the operand is encoded still or bytes already.
    ::mlir::RankedTensorType getStoredType(unsigned index);
    unsigned getNumTerms() { return getFactors().size() / 2; }
  }];
}

def Adapter_GroupedDiagonalOp : Adapter_GroupedOp<"grouped_diagonal"> {
  let summary = "Diagonals of many members, also permuted, in one kernel";
  let description = [{
    `y[i, j] = sum over the places e of row i, and the terms t of the member that e chose, of weights[e] scales[t] v_t[j] x[i, s_t[j]]`: v_t is vector `vectorOf[t]`, 1 for -1;
    s_t is list `sourcesOf[t]`, s[j] = j for -1. Row i has the places i K .. i K + K - 1. Ids that are no member choose nothing. With `accumulate` it is
    added to the init.

    ```mlir
    %y = adapter.grouped_diagonal ins(%x : tensor<?x64xf32>) ids(%ids : tensor<?xi32>) terms members([0, 0, 1]) vectors([0, 1, -1]) sources([-1, 0, -1]) scales([1.0, 1.0, 1.0])
           of(%c, %s : tensor<64xf32>, tensor<64xf32>) from(%swap : tensor<64xi32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
    (A67) x and init are [rows.., N] of f32; vectors hold N f32 numbers and lists N i32 numbers; ids are a vector of i32, weights one of f32. (A68) the four lists of the terms have one length; members
    do not fall; vectors and sources are -1 or numbers of those given; scales are finite.
  }];
  let arguments = (ins AnyShaped:$x, AnyShaped:$ids, Variadic<AnyShaped>:$vectors, Variadic<AnyShaped>:$sources, Optional<AnyShaped>:$weights, AnyShaped:$init,
    DenseI64ArrayAttr:$members, DenseI64ArrayAttr:$vectorOf, DenseI64ArrayAttr:$sourcesOf, DenseF64ArrayAttr:$scales, UnitAttr:$accumulate, OptionalAttr<StrAttr>:$site);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `ins` `(` $x `:` type($x) `)` `ids` `(` $ids `:` type($ids) `)` `terms` `members` `(` $members `)` `vectors` `(` $vectorOf `)` `sources` `(` $sourcesOf `)` `scales` `(` $scales `)`
    (`of` `(` $vectors^ `:` type($vectors) `)`)? (`from` `(` $sources^ `:` type($sources) `)`)? (`weights` `(` $weights^ `:` type($weights) `)`)?
    (`accumulate` $accumulate^)? `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

#endif // ALLOT_DIALECT_ADAPTER_IR_BANKOPS_TD
