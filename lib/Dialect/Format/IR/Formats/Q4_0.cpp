//===- Q4_0.cpp - GGUF's 4-bit blocks with a scale -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

std::string Q4_0Attr::getShortName() const { return "q4_0"; }

FormatAttrInterface facts::parseQ4_0Name(MLIRContext *context, StringRef name) {
  return name == "q4_0"
             ? cast<FormatAttrInterface>(Attribute(Q4_0Attr::get(context)))
             : FormatAttrInterface();
}

CodeGrid Q4_0Attr::getCodeGrid() const {
  CodeGrid grid;
  grid.bits = 4;
  grid.maxCode = 15;
  grid.block = 32;
  grid.zeroPoint = 8;
  return grid;
}

int64_t Q4_0Attr::getBlockSize() const { return 32; }

SmallVector<StorageBuffer>
Q4_0Attr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  return {facts::blockBuffer(shape, 18)};
}

uint64_t Q4_0Attr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::blockBuffer(shape, 18).bytes;
}

LogicalResult
Q4_0Attr::verifyShape(ArrayRef<int64_t> shape,
                      function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyBlocksOf32("q4_0", shape, emitError);
}

LogicalResult
Q4_0Attr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                         function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute Q4_0Attr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(*this, tileRows);
}
