//===- Q5_0.cpp - GGUF's 5-bit blocks with a scale -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

std::string Q5_0Attr::getShortName() const { return "q5_0"; }

FormatAttrInterface facts::parseQ5_0Name(MLIRContext *context, StringRef name) {
  return name == "q5_0"
             ? cast<FormatAttrInterface>(Attribute(Q5_0Attr::get(context)))
             : FormatAttrInterface();
}

CodeGrid Q5_0Attr::getCodeGrid() const {
  CodeGrid grid;
  grid.bits = 5;
  grid.maxCode = 31;
  grid.block = 32;
  grid.zeroPoint = 16;
  return grid;
}

int64_t Q5_0Attr::getBlockSize() const { return 32; }

SmallVector<StorageBuffer>
Q5_0Attr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  return {facts::blockBuffer(shape, 22)};
}

uint64_t Q5_0Attr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::blockBuffer(shape, 22).bytes;
}

LogicalResult
Q5_0Attr::verifyShape(ArrayRef<int64_t> shape,
                      function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyBlocksOf32("q5_0", shape, emitError);
}

LogicalResult
Q5_0Attr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                         function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute Q5_0Attr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(*this, tileRows);
}
