//===- Q8_0.cpp - GGUF's 8-bit blocks with a scale -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

std::string Q8_0Attr::getShortName() const { return "q8_0"; }

FormatAttrInterface facts::parseQ8_0Name(MLIRContext *context, StringRef name) {
  return name == "q8_0"
             ? cast<FormatAttrInterface>(Attribute(Q8_0Attr::get(context)))
             : FormatAttrInterface();
}

CodeGrid Q8_0Attr::getCodeGrid() const {
  CodeGrid grid;
  // Stored bytes are signed; a code is the byte plus 128.
  grid.bits = 8;
  grid.maxCode = 255;
  grid.minCode = 1;
  grid.block = 32;
  grid.zeroPoint = 128;
  return grid;
}

int64_t Q8_0Attr::getBlockSize() const { return 32; }

SmallVector<StorageBuffer>
Q8_0Attr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  return {facts::blockBuffer(shape, 34)};
}

uint64_t Q8_0Attr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::blockBuffer(shape, 34).bytes;
}

LogicalResult
Q8_0Attr::verifyShape(ArrayRef<int64_t> shape,
                      function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyBlocksOf32("q8_0", shape, emitError);
}

LogicalResult
Q8_0Attr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                         function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute Q8_0Attr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(*this, tileRows);
}
