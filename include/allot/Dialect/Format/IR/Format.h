//===- Format.h - storage formats as tensor encodings -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_FORMAT_IR_FORMAT_H
#define ALLOT_DIALECT_FORMAT_IR_FORMAT_H

#include "allot/Interfaces/FormatInterfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "allot/Dialect/Format/IR/FormatDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "allot/Dialect/Format/IR/FormatAttrs.h.inc"

#define GET_OP_CLASSES
#include "allot/Dialect/Format/IR/FormatOps.h.inc"

namespace allot::format {

/// The format of a tensor type, or null where its encoding is none.
FormatAttrInterface getFormat(mlir::Type type);

/// The same tensor type with the given encoding (null for none).
mlir::RankedTensorType withFormat(mlir::RankedTensorType type, mlir::Attribute format);

/// Logical matrix of a tensor of `shape` (leading axes folded into rows; a vector is one row).
struct MatrixShape {
  int64_t rows = 1, columns = 1;
};
MatrixShape getMatrixShape(llvm::ArrayRef<int64_t> shape);

/// Codes of more than 8, 4, 2 or 1 bits are cut into planes: widths of the planes of a `bits`-bit code, the low bits first.
llvm::SmallVector<unsigned, 3> getCodePlanes(unsigned bits);

/// The format that a short name stands for (`FormatAttrInterface::getShortName`), or null. Only unpacked formats have names of their own.
FormatAttrInterface getFormatByName(mlir::MLIRContext *context, llvm::StringRef name);

/// Name of the module attribute that lists the weight table of a lowered program (F12), and of the keys of its entries.
inline constexpr llvm::StringLiteral tableAttrName = "format.table";

/// Bytes of a tensor as stored: by its format, or 4 bytes an element for plain f32 and i32.
uint64_t getStoredBytes(mlir::RankedTensorType type);

} // namespace allot::format

#endif // ALLOT_DIALECT_FORMAT_IR_FORMAT_H
