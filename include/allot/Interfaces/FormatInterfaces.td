//===- FormatInterfaces.td - what a storage format answers -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_FORMATINTERFACES_TD
#define ALLOT_INTERFACES_FORMATINTERFACES_TD

include "mlir/IR/OpBase.td"

def FormatAttrInterface : AttrInterface<"FormatAttrInterface"> {
  let cppNamespace = "::allot";
  let description = [{
    Facts about a storage format: a tensor encoding which says how the numbers of a tensor are stored. Shapes are those of the logical tensor,
    `[..., rows, columns]`; the last axis is the input axis along which blocks run; leading axes are folded into rows. It answers facts only: the
    numerics are `FormatCodecInterface`, the code is `FormatTileInterface`, both attached from outside.
  }];
  let methods = [
    InterfaceMethod<"Short name for reports and file names, such as `int4g64` or `q4_1`.",
      "std::string", "getShortName", (ins)>,
    InterfaceMethod<[{What an encoder may choose: see `CodeGrid`. `bits == 0` says that the format rounds each number on its own (f16, bf16, f32).}],
      "::allot::CodeGrid", "getCodeGrid", (ins)>,
    InterfaceMethod<"Number of columns that share a scale; 1 for formats without blocks.",
      "int64_t", "getBlockSize", (ins)>,
    InterfaceMethod<[{Exact number of bytes that a tensor of `shape` takes: codes, scales, zero points, padding. The shape was verified.}],
      "uint64_t", "getStorageBytes", (ins "::llvm::ArrayRef<int64_t>":$shape)>,
    InterfaceMethod<[{The buffers that make up those bytes, in order and without gaps: name, element width in bits, number of elements and bytes.}],
      "::llvm::SmallVector<::allot::StorageBuffer>", "getStorageBuffers", (ins "::llvm::ArrayRef<int64_t>":$shape)>,
    InterfaceMethod<[{Emits an error and fails when a tensor of `shape` cannot have this format. Fails even where the diagnostic is inactive
      (`InFlightDiagnostic()`), so that it can be asked silently.}],
      "::llvm::LogicalResult", "verifyShape",
      (ins "::llvm::ArrayRef<int64_t>":$shape, "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
    InterfaceMethod<[{The same numbers in the layout that kernels read, for a target whose row tile has `tileRows` rows; a format already in such a
      layout returns itself.}],
      "::mlir::Attribute", "getPackedFormat", (ins "int64_t":$tileRows)>,
    InterfaceMethod<[{The layout of the file format that this layout repeats in another order: itself unless packed.}],
      "::mlir::Attribute", "getUnpackedFormat", (ins), "", "return $_attr;">,
    InterfaceMethod<"Rows of a tile of the packed layout; 0 for other layouts.",
      "int64_t", "getTileRows", (ins), "", "return 0;">
  ];
}

def FormatCodecInterface : AttrInterface<"FormatCodecInterface"> {
  let cppNamespace = "::allot";
  let description = [{
    The numerics of a format, attached from outside the IR library. Matrices are row-major `rows x columns`; `bytes` is the whole storage of the tensor,
    exactly as long as `getStorageBytes` says. Writers write the bytes of their rows only: whoever allocates the storage fills it with zeros, so that
    padding is zero. Different rows may be read and written by different threads. Scales off the grid of the format, codes above `maxCode` and sizes
    that do not fit are errors of the program, not of its input.
  }];
  let methods = [
    InterfaceMethod<[{Decodes rows `[firstRow, firstRow + numRows)` into `out` (numRows x columns, f32).}],
      "void", "decodeRows", (ins "::llvm::ArrayRef<uint8_t>":$bytes, "int64_t":$rows, "int64_t":$columns, "int64_t":$firstRow,
        "int64_t":$numRows, "::llvm::MutableArrayRef<float>":$out)>,
    InterfaceMethod<[{Reads codes, scales and offsets of rows `[firstRow, firstRow + blocks.rows)`; only where `FormatAttrInterface::getCodeGrid().bits > 0`.}],
      "void", "readCodes", (ins "::llvm::ArrayRef<uint8_t>":$bytes, "int64_t":$rows, "int64_t":$columns, "int64_t":$firstRow,
        "::allot::CodeBlocks &":$blocks)>,
    InterfaceMethod<[{Writes rows `[firstRow, firstRow + blocks.rows)` exactly as given; scales must lie on the grid of the format.}],
      "void", "writeCodes", (ins "const ::allot::CodeBlocks &":$blocks, "int64_t":$rows, "int64_t":$columns, "int64_t":$firstRow,
        "::llvm::MutableArrayRef<uint8_t>":$bytes)>,
    InterfaceMethod<[{Rounds every number on its own and writes rows `[firstRow, firstRow + numRows)`; only where `FormatAttrInterface::getCodeGrid().bits == 0`.}],
      "void", "writeFloats", (ins "::llvm::ArrayRef<float>":$values, "int64_t":$rows, "int64_t":$columns, "int64_t":$firstRow,
        "int64_t":$numRows, "::llvm::MutableArrayRef<uint8_t>":$bytes)>
  ];
}

def FormatTileInterface : AttrInterface<"FormatTileInterface"> {
  let cppNamespace = "::allot";
  let description = [{
    The code of a packed format: how a kernel driver unpacks a tile of it. Attached from outside the IR library (by lib/Kernel).
  }];
  let methods = [
    InterfaceMethod<"Facts that the driver needs to choose its arithmetic.", "::allot::TileFacts", "getTileFacts", (ins)>,
    InterfaceMethod<[{Emits what is computed once per weight tensor, before the loops (typed views of the byte buffer, constants).
      `bytes` is `memref<?xi8>`, `rows` and `columns` are index values (logical sizes).}],
      "::allot::TileState", "emitPrologue", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$bytes,
        "::mlir::Value":$rows, "::mlir::Value":$columns)>,
    InterfaceMethod<[{Emits the loads of one step of a (tile, block), `step` (an index value) in [0, TileFacts::stepsPerBlock): raw vectors that
      `emitUnpack` takes apart (integer formats).}],
      "::llvm::SmallVector<::mlir::Value>", "emitLoadStep", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
        "const ::allot::TileState &":$state, "::mlir::Value":$tile, "::mlir::Value":$block, "::mlir::Value":$step)>,
    InterfaceMethod<[{Emits part `part` in [0, TileFacts::groupsPerStep) of a step: `vector<(tileRows*4)xi8>` of unsigned codes. It is group
      g = part * stepsPerBlock + step of the block: byte 4*row + kk is column 4*g + kk (integer formats).}],
      "::mlir::Value", "emitUnpack", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::llvm::ArrayRef<::mlir::Value>":$raw,
        "int64_t":$part)>,
    InterfaceMethod<[{Emits scale and offset of a (tile, block) as `vector<tileRows x f32>`: value = scale * code + offset. The offset is null when it
      is `-TileFacts::zeroPoint * scale` (integer formats). Both are in units of the row scale, where there is one.}],
      "::allot::ScaleOffset", "emitScales", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
        "const ::allot::TileState &":$state, "::mlir::Value":$tile, "::mlir::Value":$block)>,
    InterfaceMethod<[{Emits the factor by which a finished row sum is multiplied, `vector<tileRows x f32>`, or null for none.}],
      "::mlir::Value", "emitRowScale", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "const ::allot::TileState &":$state,
        "::mlir::Value":$tile)>,
    InterfaceMethod<[{Emits column `k` (an index value) of a tile of a float format as `vector<tileRows x f32>`.}],
      "::mlir::Value", "emitLoadFloat", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "const ::allot::TileState &":$state,
        "::mlir::Value":$tile, "::mlir::Value":$k)>,
    InterfaceMethod<[{Emits software prefetches of the codes and scales `distance` bytes of codes ahead of (tile, block) (integer formats); these are
      hints, never loads.}],
      "void", "emitPrefetch", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "const ::allot::TileState &":$state,
        "::mlir::Value":$tile, "::mlir::Value":$block, "int64_t":$distance)>,
    InterfaceMethod<[{Emits the same for columns `[k, k + columns)` of a tile of a float format, `distance` bytes ahead.}],
      "void", "emitPrefetchFloats", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "const ::allot::TileState &":$state,
        "::mlir::Value":$tile, "::mlir::Value":$k, "int64_t":$columns, "int64_t":$distance)>
  ];
}

#endif // ALLOT_INTERFACES_FORMATINTERFACES_TD
