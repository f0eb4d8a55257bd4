//===- FormatOps.td - storage formats as tensor encodings -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_FORMAT_IR_FORMATOPS_TD
#define ALLOT_DIALECT_FORMAT_IR_FORMATOPS_TD

include "allot/Interfaces/FormatInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Format_Dialect : Dialect {
  let name = "format";
  let cppNamespace = "::allot::format";
  let summary = "How the numbers of a tensor are stored";
  let description = [{
    A stored weight is an ordinary tensor whose encoding attribute says how its numbers are stored:
    `tensor<4096x4096xf32, #format.int<4, block = [1, 64], scale = f16>>`. Every format attribute implements `FormatAttrInterface`. Encoded tensors are used
    by `adapter` and `format` ops alone; `format-lower-storage` turns them into bytes before bufferization.

    (F11) an encoded tensor has elements of f32 and static, positive dimensions, at most 2^48 elements in all.
    (F12) the module attribute `format.table` is an array of dictionaries `{global = @symbol, type = tensor<..., #format...>}`: what each entry of the
    weight table of a lowered program must hold; of a weight that is computed also `value = #format.computed<..>`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

class Format_Attr<string name, string mnem, list<Trait> traits = []> : AttrDef<Format_Dialect, name, traits> {
  let mnemonic = mnem;
}

/// A format: usable as tensor encoding.
class Format_FormatAttr<string name, string mnem, list<string> optionalMethods = [], list<Trait> traits = []>
    : Format_Attr<name, mnem, !listconcat([DeclareAttrInterfaceMethods<FormatAttrInterface, optionalMethods>,
        DeclareAttrInterfaceMethods<VerifiableTensorEncoding>], traits)>;

def Format_FloatAttr : Format_FormatAttr<"Float", "float"> {
  let summary = "Floating-point numbers, each on its own";
  let description = [{
    `#format.float<f16>`: every element is stored in the given type, row-major, little endian. The type is `f32`, `f16` or `bf16`.
    Values are rounded to nearest even.

    (F1) the element type is f32, f16 or bf16.
  }];
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
  let genVerifyDecl = 1;
}

def Format_IndexAttr : Format_FormatAttr<"Index", "index"> {
  let summary = "Whole numbers, such as the indices of an adapter file";
  let description = [{
    `#format.index<i32>`: every element is a whole number of the given type, row-major, little endian, and stands for the f32 of that number, which is exact up to 2^24.
    The type is `i64`, `i32`, `i16` or `i8` (signed), `ui64`, `ui32`, `ui16` or `ui8`, or `i1`: a byte that is 0 or else stands for 1. It is for tensors that files hold: kernels
    read such a matrix as f32, and no plan offers it. Encoding rounds to the nearest whole number; one that the type does not hold is an error.

    (F14) the element type is one of these.
  }];
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
  let genVerifyDecl = 1;
}

def Format_IntAttr : Format_FormatAttr<"Int", "int"> {
  let summary = "Integer codes in blocks with a shared scale";
  let description = [{
    `#format.int<4, block = [1, 64], scale = f16>`: unsigned codes q of `bits` bits; a block of columns of one row shares a scale d, the value is
    d * (q - z). Without `zero_point`, z = 2^(bits-1) and code 0 is not used, so the grid is symmetric; with `zero_point` each block stores an
    8-bit c and z = c * (2^bits - 1) / 255, which need not be an integer (so the grid can be shifted by fractions of a step at no cost). `scale` is f32, f16, or `ui8`: 8-bit scales c with one f16 factor s per row, d = s * c / 255.

    Bytes, row-major, little endian: codes (each row's codes, packed from the least significant bit), then scales, then zero points, then row
    scales. Rows are padded to whole blocks of columns, with code 0.

    (F2) 2 <= bits <= 8. (F3) block is `[1, N]` with N = 32, 64 or 128. (F4) scale is f32, f16 or ui8.
  }];
  let parameters = (ins "unsigned":$bits, "int64_t":$blockColumns, "::mlir::Type":$scaleType, "bool":$hasZeroPoint);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

class Format_GGMLBlockAttr<string name, string mnem> : Format_FormatAttr<name, mnem> {
  let parameters = (ins);
  let assemblyFormat = "";
}

def Format_Q4_0Attr : Format_GGMLBlockAttr<"Q4_0", "q4_0"> {
  let summary = "GGUF Q4_0 exactly as stored";
  let description = [{
    Blocks of 32 columns, 18 bytes: f16 scale d, 16 bytes; the low nibble of byte j is column j, the high nibble column j + 16; value d * (q - 8).
    (F5) the number of columns is a multiple of 32.
  }];
}
def Format_Q4_1Attr : Format_GGMLBlockAttr<"Q4_1", "q4_1"> {
  let summary = "GGUF Q4_1 exactly as stored";
  let description = [{
    Blocks of 32 columns, 20 bytes: f16 scale d, f16 minimum m, 16 bytes of nibbles as in `q4_0`; value d * q + m. (F5) as for `q4_0`.
  }];
}
def Format_Q5_0Attr : Format_GGMLBlockAttr<"Q5_0", "q5_0"> {
  let summary = "GGUF Q5_0 exactly as stored";
  let description = [{
    Blocks of 32 columns, 22 bytes: f16 scale d, 4 bytes with the highest bits of all codes (bit j is column j), 16 bytes of nibbles as in `q4_0`; value d * (q - 16). (F5) as for `q4_0`.
  }];
}
def Format_Q5_1Attr : Format_GGMLBlockAttr<"Q5_1", "q5_1"> {
  let summary = "GGUF Q5_1 exactly as stored";
  let description = [{
    Blocks of 32 columns, 24 bytes: f16 scale d, f16 minimum m, then highest bits and nibbles as in `q5_0`; value d * q + m. (F5) as for `q4_0`.
  }];
}
def Format_Q8_0Attr : Format_GGMLBlockAttr<"Q8_0", "q8_0"> {
  let summary = "GGUF Q8_0 exactly as stored";
  let description = [{
    Blocks of 32 columns, 34 bytes: f16 scale d, 32 signed bytes q; value d * q. (F5) as for `q4_0`.
  }];
}

def Format_MXFP4Attr : Format_FormatAttr<"MXFP4", "mxfp4"> {
  let summary = "4-bit floats in blocks that share a power of two";
  let description = [{
    Blocks of 32 columns share a scale 2^(e - 127), e a byte; each number is a 4-bit float (sign, two bits of exponent, one of mantissa): 0, 0.5, 1, 1.5, 2, 3, 4, 6, and with
    the highest bit set their negatives. Encoding takes e = floor(log2(largest number)) - 2 + 127 and rounds to the nearest number, ties to the smaller.

    `#format.mxfp4`: as in GGUF, 17 bytes a block: e, then 16 bytes of nibbles as in `q4_0`. `#format.mxfp4<split>`: as in the files of GPT-OSS, the nibbles of all blocks, 16 bytes each, column 2j in the low
    nibble of byte j and column 2j + 1 in the high one; then e of all blocks. (F5) as for `q4_0`. Source: Open Compute Project 2023, Microscaling formats (MX) 1.0.
  }];
  let parameters = (ins "bool":$split);
  let hasCustomAssemblyFormat = 1;
}

def Format_PackedAttr : Format_FormatAttr<"Packed", "packed", ["getUnpackedFormat", "getTileRows"]> {
  let summary = "The same codes in the tiled order that kernels read";
  let description = [{
    `#format.packed<#format.q4_1, rows = 8>`: rows in lanes. A tile is `rows` rows; a 32-byte vector is 8 rows x 4 bytes. A b-bit code is cut into planes of 8, or of
    4, 2 and 1 bits (3 = 2 + 1: the plane of the low bits comes first). Where codes have a codebook, what is cut is the number stored for each. Plane of p bits of a block of N columns: N * p / 32 vectors; byte (row, kk) of vector v holds
    8 / p codes, code j (bits j*p ...) is column j * (N * p / 8) + 4 * v + kk of the block.

    Buffers, each padded to a multiple of 64 bytes (counted): codes `[tile][block][plane][vector][row][4]`; scales `[tile][block][row]`; offsets
    (zero points c as u8, minima as f16) `[tile][block][row]`; row scales `[tile][row]` f16. Float formats: values `[tile][column][row]`. Rows are padded to whole tiles, columns
    to whole blocks, with zero codes.

    (F6) the inner attribute is a format that is not packed and no `#format.index`, which is packed as f32. (F7) rows is 8 or 16.
  }];
  let parameters = (ins "::mlir::Attribute":$inner, "int64_t":$rows);
  let assemblyFormat = "`<` $inner `,` `rows` `=` $rows `>`";
  let genVerifyDecl = 1;
}

def Format_ComputedAttr : Format_Attr<"Computed", "computed"> {
  let summary = "A weight that is computed from others before a program runs";
  let description = [{
    Value of a weight global: `#format.computed<"module { .. func.func @value() -> tensor<64x32xf32> { .. } }">`. The text is a module with the globals that are
    read and a function `value` that gives the numbers. `program-hoist-constants` makes them; who loads the weights evaluates them, once.
  }];
  let parameters = (ins "::mlir::StringAttr":$program);
  let assemblyFormat = "`<` $program `>`";
}

def Format_StoredAttr : Format_Attr<"Stored", "stored"> {
  let summary = "The bytes of a weight, in a file";
  let description = [{
    Value of a weight global: `#format.stored<"model.safetensors", tensor = "lm_head.weight", offset = 128, bytes = 4096, digest = "9f..">`. The path is
    relative to the folder of the module's file; offset and bytes are those of the tensor inside the file; the digest is that of the file's header or table of tensors
    and its size, so that a changed file is found. A missing or changed file is an error of whoever loads it.

    `row_interleave = D` (D even, else 0) undoes the rotary order in which GGUF keeps the rows of q and k: row h*D + 2i + s of the file is row h*D + s*D/2 + i of
    the global. (F10) D is 0 or a positive even number.
    `rest = N at O` says that N more bytes at offset O of the file follow: the two parts of a tensor that is kept as two, such as codes and scales of `#format.mxfp4<split>`.
    (F13) the file has a name, offset + bytes fits 64 bits, that of the rest, too.
  }];
  let parameters = (ins "::mlir::StringAttr":$file, "::mlir::StringAttr":$tensor, "uint64_t":$offset, "uint64_t":$bytes,
                        "::mlir::StringAttr":$digest, DefaultValuedParameter<"int64_t", "0">:$rowInterleave,
                        DefaultValuedParameter<"uint64_t", "0">:$restBytes, DefaultValuedParameter<"uint64_t", "0">:$restOffset);
  let assemblyFormat = [{ `<` $file `,` `tensor` `=` $tensor `,` `offset` `=` $offset `,` `bytes` `=` $bytes `,` `digest` `=` $digest
                          (`,` `row_interleave` `=` $rowInterleave^)? (`rest` `=` $restBytes^ `at` $restOffset)? `>` }];
  let extraClassDeclaration = "uint64_t getAllBytes() const { return getBytes() + getRestBytes(); }";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

class Format_Op<string mnem, list<Trait> traits = []> : Op<Format_Dialect, mnem, traits>;

def Format_EncodeOp : Format_Op<"encode", [Pure]> {
  let summary = "Rounds a tensor to a format";
  let description = [{
    Rounds to nearest: every block takes the scale (and zero point) that holds its largest value, without error feedback. `encode(decode(x))` to the
    type of x folds to x where each number is rounded on its own.

    ```mlir
    %e = format.encode %t : tensor<64x128xf32> -> tensor<64x128xf32, #format.int<4, block = [1, 64], scale = f16>>
    ```
    (F8) both sides have the same shape and element type, only the result is encoded.
  }];
  let arguments = (ins AnyRankedTensor:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Format_DecodeOp : Format_Op<"decode", [Pure]> {
  let summary = "The numbers that an encoded tensor stands for";
  let description = [{
    ```mlir
    %t = format.decode %e : tensor<64xf32, #format.float<f16>> -> tensor<64xf32>
    ```
    `decode(pack(x))` folds to `decode(x)`, and `decode(encode(x))` to x where the format loses nothing. (F8) both sides have the same shape and element type, only the operand is encoded.
  }];
  let arguments = (ins AnyRankedTensor:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Format_PackOp : Format_Op<"pack", [Pure]> {
  let summary = "The same codes in another layout";
  let description = [{
    Exact: the result's unpacked format equals the source's unpacked format.

    ```mlir
    %p = format.pack %w : tensor<64x128xf32, #format.q8_0> -> tensor<64x128xf32, #format.packed<#format.q8_0, rows = 8>>
    ```
    A pack to the type of its source folds away; a pack of a pack becomes one. (F9) shapes, element types and unpacked formats agree.
  }];
  let arguments = (ins AnyRankedTensor:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // ALLOT_DIALECT_FORMAT_IR_FORMATOPS_TD
