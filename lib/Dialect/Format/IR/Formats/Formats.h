//===- Formats.h - what the files of the formats share -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to the IR library. Every format has one file in this folder; what is
// declared here is the list of them that the dialect needs, and checks that all
// formats make.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_FORMAT_IR_FORMATS_FORMATS_H
#define ALLOT_LIB_DIALECT_FORMAT_IR_FORMATS_FORMATS_H

#include "allot/Dialect/Format/IR/Format.h"

namespace allot::format::facts {

using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// (F11) without the element type: rank, static positive dimensions, size.
llvm::LogicalResult verifyMatrixShape(llvm::ArrayRef<int64_t> shape,
                                      EmitError emitError);

/// (F11) and the shape constraints of `format`: what
/// VerifiableTensorEncoding::verifyEncoding of every format does.
llvm::LogicalResult verifyTensorEncoding(FormatAttrInterface format,
                                         llvm::ArrayRef<int64_t> shape,
                                         mlir::Type elementType,
                                         EmitError emitError);

/// (F5): blocks of 32 columns, as all formats of GGUF's first generation.
llvm::LogicalResult verifyBlocksOf32(llvm::StringRef name,
                                     llvm::ArrayRef<int64_t> shape,
                                     EmitError emitError);

/// The one buffer of a format which stores `bytesPerBlock` bytes for each block
/// of 32 columns.
StorageBuffer blockBuffer(llvm::ArrayRef<int64_t> shape,
                          unsigned bytesPerBlock);

/// Sum of the bytes of `buffers`.
uint64_t sumBytes(llvm::ArrayRef<StorageBuffer> buffers);

/// The layout that kernels read, of a format without constraints on it.
mlir::Attribute packFormat(mlir::Attribute format, int64_t tileRows);

// Short names back to formats, each in the format's own file; null where the
// name is none of theirs.
FormatAttrInterface parseFloatName(mlir::MLIRContext *, llvm::StringRef);
FormatAttrInterface parseIntName(mlir::MLIRContext *, llvm::StringRef);
FormatAttrInterface parseMXFP4Name(mlir::MLIRContext *, llvm::StringRef);
FormatAttrInterface parseQ4_0Name(mlir::MLIRContext *, llvm::StringRef);
FormatAttrInterface parseQ4_1Name(mlir::MLIRContext *, llvm::StringRef);
FormatAttrInterface parseQ5_0Name(mlir::MLIRContext *, llvm::StringRef);
FormatAttrInterface parseQ5_1Name(mlir::MLIRContext *, llvm::StringRef);
FormatAttrInterface parseQ8_0Name(mlir::MLIRContext *, llvm::StringRef);

} // namespace allot::format::facts

#endif // ALLOT_LIB_DIALECT_FORMAT_IR_FORMATS_FORMATS_H
