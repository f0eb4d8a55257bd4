//===- LeafOps.td - sparse, orthogonal and generated maps -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_LEAFOPS_TD
#define ALLOT_DIALECT_ADAPTER_IR_LEAFOPS_TD

include "allot/Dialect/Adapter/IR/AdapterBase.td"

def Adapter_SparseOp : Adapter_MapOp<"sparse", ["buildTransposed", "getRankBound"], [VJP]> {
  let summary = "A matrix by its entries: rows, columns, values";
  let description = [{
    ```mlir
    %s = adapter.sparse %indices, %values : tensor<2x5xf32, #format.index<i32>>, tensor<5xf32> -> !adapter.map<64x128, f32>
    ```
    Entry e of `values` stands in row `indices[0, e]` and column `indices[1, e]`; entries of one place add up, all other places are zero. Indices are whole numbers kept as
    f32 like all stored numbers; one outside of the matrix stands for the nearest one inside. It is applied in a time in proportion to the number of
    entries. (A30) indices is a static tensor of 2 x N f32, values one of N, N >= 1, plain or encoded; the result is a single map of at most 2^24 outputs and inputs, up to
    which f32 holds every whole number. Source of the use: RoSA, Nikdan et al. 2024; SHiRA, Bhardwaj et al. 2024.
  }];
  let arguments = (ins AnyRankedTensor:$indices, AnyRankedTensor:$values);
  let assemblyFormat = "$indices `,` $values attr-dict `:` type($indices) `,` type($values) `->` qualified(type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$indices, "::mlir::Value":$values, "int64_t":$out, "int64_t":$in)>];
}

def Adapter_SkewOp : Adapter_MapOp<"skew", ["buildTransposed"], [VJP]> {
  let summary = "The skew-symmetric matrix of its upper triangle";
  let description = [{
    ```mlir
    %k = adapter.skew %v : tensor<6xf32>     // !adapter.map<4x4, f32>
    %b = adapter.skew %w : tensor<3x6xf32>   // the bank !adapter.map<3x4x4, f32>
    ```
    The numbers are the upper triangle by rows: `K[i, j] = v`, `K[j, i] = -v` for i < j. Its transpose is its negative. (A32) the tensor is static, f32, of rank 1 for a single
    map or 2 for a bank, plain or encoded; its last dimension is n (n - 1) / 2 for an n >= 2.
  }];
  let arguments = (ins AnyRankedTensor:$vector);
  let assemblyFormat = "$vector attr-dict `:` type($vector) `` custom<MapOfTriangle>(ref(type($vector)), type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$vector)>];
}

def Adapter_CayleyOp : Adapter_MapOp<"cayley", ["buildTransposed"], [SameOperandsAndResultType, VJP]> {
  let summary = "The orthogonal map of a skew-symmetric one";
  let description = [{
    ```mlir
    %q = adapter.cayley %k : !adapter.map<3x32x32, f32>
    %t = adapter.cayley %k terms 5 : !adapter.map<3x32x32, f32>
    ```
    `(I - K) (I + K)^-1`, of each map of a bank alone. K is skew-symmetric, which is a contract with who builds it: then I + K has a positive definite symmetric part, so
    it is not singular and elimination needs no pivots.

    With `terms` T it is the truncated series as published implementations have it: T = 1: I; T = 2: I + 2 K; T = 4 and more: I + 2 K + 2 K^2 + ... + 2 K^(T-2) + K^(T-1);
    T = 3 is the same as T = 4. Its sign is opposite to that of the exact form, (I + K) (I - K)^-1: that is how adapters were trained. For the series K may be any map.

    (A31) the map is square; the number of terms is 1 .. 128. Source of the use: OFT, Qiu et al. 2023.
  }];
  let arguments = (ins Adapter_MapType:$map, OptionalAttr<I64Attr>:$terms);
  let assemblyFormat = "$map (`terms` $terms^)? attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$map, CArg<"std::optional<int64_t>", "std::nullopt">:$terms)>];
}

def Adapter_HouseholderOp : Adapter_MapOp<"householder", ["buildTransposed", "buildDistributed"]> {
  let summary = "A product of reflections";
  let description = [{
    ```mlir
    %h = adapter.householder %u : tensor<64x8xf32>
    %g = adapter.householder %u orthonormalize : tensor<64x8xf32>
    ```
    The product over columns i = 0 .. r-1, from left to right, of I - 2 u_i u_i^T with u_i = column i / its norm, so the last column meets the input first. With
    `orthonormalize` it is I - 2 Q Q^T, Q the orthonormal basis that Gram and Schmidt make of the columns in their order. A column of zeros (or, with `orthonormalize`,
    one that depends on those before it) has no direction, and the result is not finite. It is applied in O(N r) a row. (A33) u is a static f32 matrix of N x r, plain or
    encoded; the result is N x N. Source of the use: HRA, Yuan et al. 2024.
  }];
  let arguments = (ins AnyRankedTensor:$u, UnitAttr:$orthonormalize);
  let assemblyFormat = "$u (`orthonormalize` $orthonormalize^)? attr-dict `:` type($u) `` custom<MapOfReflections>(ref(type($u)), type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$u, CArg<"bool", "false">:$orthonormalize)>];
}

def Adapter_CirculantOp : Adapter_MapOp<"circulant", ["buildTransposed"], [VJP]> {
  let summary = "A matrix of circulant blocks";
  let description = [{
    ```mlir
    %c = adapter.circulant %k : tensor<2x3x16xf32>   // !adapter.map<32x48, f32>
    ```
    Entry (i, j) of block (p, q) is `k[p, q, (j - i) mod b]`: the numbers of a block are its first row, and each row is the one above moved right by one. Where that takes
    fewer operations it is applied through Fourier transforms of the blocks. (A34) the tensor is
    static, f32, P x Q x b, plain or encoded; the result is P b x Q b. Source of the use: C3A, Chen et al. 2024.
  }];
  let arguments = (ins AnyRankedTensor:$kernels);
  let assemblyFormat = "$kernels attr-dict `:` type($kernels) `` custom<MapOfCirculants>(ref(type($kernels)), type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$kernels)>];
}

def Adapter_FourierOp : Adapter_MapOp<"fourier", ["buildTransposed"]> {
  let summary = "Cosines or sines of the discrete Fourier transform";
  let description = [{
    ```mlir
    %c = adapter.fourier cos : !adapter.map<16x16, f32>
    %s = adapter.fourier sin : !adapter.map<16x16, f32>
    ```
    Entry (i, j) is cos(2 pi i j / N) or sin(2 pi i j / N). Nothing is stored: numbers of the program are computed by i j mod N in integers. With N = N1 N2 it is applied as N2 transforms of N1 points and N1 of N2
    points, in 4 N (N1 + N2) operations a row. Both are symmetric. (A35) the
    result is a single N x N map, N <= 2^20. Source of the use: FourierFT, Gao et al. 2024.
  }];
  let arguments = (ins UnitAttr:$sine);
  let assemblyFormat = "(`sin` $sine^):(`cos`)? attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "int64_t":$size, "bool":$sine)>];
}

def Adapter_HaarOp : Adapter_MapOp<"haar", ["buildTransposed"]> {
  let summary = "One level of Haar wavelet synthesis";
  let description = [{
    ```mlir
    %w = adapter.haar : !adapter.map<7x8, f32>
    %a = adapter.haar transposed : !adapter.map<8x7, f32>
    ```
    With m = ceil(N / 2) and the input [a_0 .. a_(m-1), d_0 .. d_(m-1)], output 2 i is (a_i + d_i) / sqrt 2 and output 2 i + 1 is (a_i - d_i) / sqrt 2; where N is odd the last
    output is cut off. `transposed` is the analysis. Nothing is stored. (A36) the result is a single map of N x 2 m, or 2 m x N with `transposed`. Source of
    the use: WaveFT, Bilican et al. 2025.
  }];
  let arguments = (ins UnitAttr:$transposed);
  let assemblyFormat = "(`transposed` $transposed^)? attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "int64_t":$size, CArg<"bool", "false">:$transposed)>];
}

def Adapter_ContractOp : Adapter_MapOp<"contract", ["buildSlice", "buildTransposed"], [VJP]> {
  let summary = "A tensor network";
  let description = [{
    ```mlir
    // A tensor train of 8 x 8 outputs and 4 x 16 inputs.
    %t = adapter.contract "ar,rbs,sct,td->ab|cd" %1, %2, %3, %4 : tensor<8x5xf32>, tensor<5x8x5xf32>, tensor<5x4x5xf32>, tensor<5x16xf32>
    // Outputs and inputs in pairs, around a core that other layers have, too.
    %m = adapter.contract "acr,rbdes,sf->ab|cdef" %5, %6, %7 : tensor<8x4x3xf32>, tensor<3x8x4x2x3xf32>, tensor<3x2xf32>
    ```
    The text names the modes of each core, by a letter and digits behind it, if any; then those that make the outputs, behind `->`, and those that make the inputs, behind `|`, the slowest first: output
    (a, b) is a B + b. The entry of the map is the sum over all other modes of the products of the entries of the cores. A mode may be in more than two cores, as the rank of a CP decomposition is. One tensor
    may be several cores.

    It is applied without its matrix, two tensors at a time, in the order that takes the fewest operations with 64 rows: the best of all for up to 9 cores, else that of a greedy search. Cores
    contracted with each other beforehand are computed once when weights are loaded, where `program-hoist-constants` finds them. The matrix is made in an order of its own.

    (A42) 1 to 64 cores, static f32 tensors of rank 1 and more, plain or encoded. (A43) the text has modes for each dimension of each core, and at least one each of the outputs and the inputs.
    (A44) a mode has one size. (A45) a mode is once in a core at most; of the outputs and inputs it is at most once, and then in a core as well, else in two cores or more. (A46) the result is the
    single map that the sizes make. Source of the use: tensor trains, Oseledets 2011; LoRETTA, Yang et al. 2024; QuanTA, Chen et al. 2024.
  }];
  let arguments = (ins StrAttr:$network, Variadic<AnyRankedTensor>:$cores);
  let assemblyFormat = "$network $cores attr-dict `:` type($cores) `` custom<MapOfNetwork>(ref($network), ref(type($cores)), type($result))";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$network, "::mlir::ValueRange":$cores)>];
  let extraClassDeclaration = [{
    /// The network of a valid op.
    ::allot::adapter::Network getModes();
  }];
}

#endif // ALLOT_DIALECT_ADAPTER_IR_LEAFOPS_TD
