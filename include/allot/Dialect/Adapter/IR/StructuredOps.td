//===- StructuredOps.td - maps of known structure -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_STRUCTUREDOPS_TD
#define ALLOT_DIALECT_ADAPTER_IR_STRUCTUREDOPS_TD

include "allot/Dialect/Adapter/IR/AdapterBase.td"

//===----------------------------------------------------------------------===//
// Leaves that store nothing
//===----------------------------------------------------------------------===//

def Adapter_IdentityOp : Adapter_MapOp<"identity", ["buildSlice", "buildTransposed", "buildMonomials"], [VJP]> {
  let summary = "y = x";
  let description = [{
    ```mlir
    %m = adapter.identity : !adapter.map<64x64, f32>
    ```
    It disappears inside `compose` and where it is applied without a bias. (A20) the result is a single square map.
  }];
  let assemblyFormat = "attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "int64_t":$size)>];
}

def Adapter_ZeroOp : Adapter_MapOp<"zero", ["buildSlice", "buildTransposed", "getRankBound", "buildMember", "buildMonomials"], [VJP]> {
  let summary = "y = 0";
  let description = [{
    ```mlir
    %m = adapter.zero : !adapter.map<64x128, f32>
    ```
    It disappears inside `sum`; a composition, a Kronecker product or a product of entries with it is zero, so is a scale, a transpose or a part of it. A bank is one of zeros.
  }];
  let assemblyFormat = "attr-dict `:` qualified(type($result))";
  let builders = [OpBuilder<(ins "int64_t":$out, "int64_t":$in)>];
}

//===----------------------------------------------------------------------===//
// Combinators
//===----------------------------------------------------------------------===//

def Adapter_KronOp : Adapter_MapOp<"kron", ["buildTransposed", "getRankBound", "buildFactors"], [VJP]> {
  let summary = "Kronecker product of two maps";
  let description = [{
    ```mlir
    %k = adapter.kron %a, %b : !adapter.map<3x5, f32>, !adapter.map<2x4, f32>
    ```
    Entry `(o1 * O2 + o2, i1 * I2 + i2)` is `a[o1, i1] * b[o2, i2]`: a matrix of O1 x I1 blocks, each a multiple of b. Both maps are applied to x as `[.., I1, I2]`, b
    along the last dimension and a along the one before, in the order that takes fewer operations. (A21) a and b are single maps of O1 x I1 and O2 x I2; the result is
    O1 O2 x I1 I2. Source of the use: Compacter, Karimi Mahabadi et al. 2021; LoKr, Yeh et al. 2023.
  }];
  let arguments = (ins Adapter_MapType:$a, Adapter_MapType:$b);
  let assemblyFormat = "$a `,` $b attr-dict `:` qualified(type($a)) `,` qualified(type($b)) `` custom<MapOfKron>(ref(type($a)), ref(type($b)), type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$a, "::mlir::Value":$b)>];
}

def Adapter_HadamardOp : Adapter_MapOp<"hadamard", ["buildSlice", "buildTransposed", "getRankBound", "buildFactors"], [SameOperandsAndResultType, VJP]> {
  let summary = "Product of maps, entry by entry";
  let description = [{
    ```mlir
    %h = adapter.hadamard %a, %b : !adapter.map<64x128, f32>
    ```
    With a pair of factors B diag(g) A among the maps and M the product of the others, it is `sum_r g_r diag(B[:, r]) M diag(A[r, :])`, which is how it is applied where that costs
    less than computing the matrix. Nested products flatten; one map is that map. (A22) at least one operand, all of the type of the result. Source of the use: FedPara,
    Hyeon-Woo et al. 2022.
  }];
  let arguments = (ins Variadic<Adapter_MapType>:$maps);
  let assemblyFormat = "$maps attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Adapter_BlockDiagonalOp : Adapter_MapOp<"block_diagonal", ["buildSlice", "buildTransposed", "getRankBound"], [VJP]> {
  let summary = "Maps along the diagonal";
  let description = [{
    ```mlir
    %d = adapter.block_diagonal %a, %bank : !adapter.map<3x5, f32>, !adapter.map<4x2x2, f32>
    ```
    Each map reads its part of x and gives its part of y; all else is zero. A bank stands for its members one after the other, which are applied together. Nested ones
    flatten; one map that is no bank is that map. (A23) at least one operand; the result is a single map of the sums of the outputs and of the inputs, a bank of B maps of
    n x m counting as B n and B m. Source of the use: OFT, Qiu et al. 2023.
  }];
  let arguments = (ins Variadic<Adapter_MapType>:$maps);
  let assemblyFormat = "$maps attr-dict `:` type($maps) `` custom<MapOfBlocks>(ref(type($maps)), type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$maps)>];
}

def Adapter_NormalizeOp : Adapter_MapOp<"normalize", ["buildSlice", "buildTransposed", "getRankBound"], [SameOperandsAndResultType]> {
  let summary = "Rows or columns divided by their norms";
  let description = [{
    ```mlir
    %r = adapter.normalize rows %m : !adapter.map<64x128, f32>
    %c = adapter.normalize columns %m floor 1.0e-6 : !adapter.map<64x128, f32>
    ```
    Each row (what makes one output) or column (what one input is multiplied with) is divided by its 2-norm, or by `floor` where that is larger. The norms come from the dense matrix; its
    entries need not: a factored map stays factored. (A24) axis is 0 (rows) or 1 (columns). (A25) floor is at least 2^-126, the smallest normal f32 and the default, and at
    most the largest f32. (A26) the map is no bank; the result has its type. Source of the use: DoRA, Liu et al. 2024.
  }];
  let arguments = (ins I64Attr:$axis, Adapter_MapType:$map, DefaultValuedAttr<F64Attr, "0x1p-126">:$floor);
  let assemblyFormat = "custom<Axis>($axis) $map (`floor` $floor^)? attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "int64_t":$axis, "::mlir::Value":$map, CArg<"double", "0x1p-126">:$floor)>];
}

def Adapter_SliceOp : Adapter_MapOp<"slice", ["buildSlice", "buildTransposed", "getRankBound"]> {
  let summary = "A part of a map";
  let description = [{
    ```mlir
    %s = adapter.slice %m rows [16, 32] columns [0, 96] : !adapter.map<64x128, f32>
    ```
    Rows (outputs) and columns (inputs) `[offset, offset + size)` of the map; all where none are named. A slice of all is the map, one of a slice is one slice; slices move
    inward over sums, scales and compositions, and drop the parts of concatenations and block diagonals that they do not meet. (A27) the map is no bank. (A28) rows and columns are an offset, not
    negative, and a positive size, which lie inside of the map. (A29) the result has the sizes.
  }];
  let arguments = (ins Adapter_MapType:$map, OptionalAttr<DenseI64ArrayAttr>:$rows, OptionalAttr<DenseI64ArrayAttr>:$columns);
  let assemblyFormat = [{ $map (`rows` $rows^)? (`columns` $columns^)? attr-dict `:` qualified(type($map))
                          `` custom<MapOfSlice>(ref(type($map)), ref($rows), ref($columns), type($result)) }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let builders = [
    OpBuilder<(ins "::mlir::Value":$map, "int64_t":$rowOffset, "int64_t":$rowSize, "int64_t":$columnOffset, "int64_t":$columnSize)>,
    OpBuilder<(ins "::mlir::Value":$map, "unsigned":$axis, "int64_t":$offset, "int64_t":$size)>
  ];
  let extraClassDeclaration = [{
    /// Offset and size along an axis (0 rows, 1 columns).
    std::pair<int64_t, int64_t> getRange(unsigned axis);
  }];
}

#endif // ALLOT_DIALECT_ADAPTER_IR_STRUCTUREDOPS_TD
