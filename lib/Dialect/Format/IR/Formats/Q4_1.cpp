//===- Q4_1.cpp - GGUF's 4-bit blocks with scale and minimum -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

std::string Q4_1Attr::getShortName() const { return "q4_1"; }

FormatAttrInterface facts::parseQ4_1Name(MLIRContext *context, StringRef name) {
  return name == "q4_1"
             ? cast<FormatAttrInterface>(Attribute(Q4_1Attr::get(context)))
             : FormatAttrInterface();
}

CodeGrid Q4_1Attr::getCodeGrid() const {
  CodeGrid grid;
  grid.bits = 4;
  grid.maxCode = 15;
  grid.block = 32;
  grid.offset = CodeGrid::OffsetKind::Minimum;
  return grid;
}

int64_t Q4_1Attr::getBlockSize() const { return 32; }

SmallVector<StorageBuffer>
Q4_1Attr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  return {facts::blockBuffer(shape, 20)};
}

uint64_t Q4_1Attr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::blockBuffer(shape, 20).bytes;
}

LogicalResult
Q4_1Attr::verifyShape(ArrayRef<int64_t> shape,
                      function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyBlocksOf32("q4_1", shape, emitError);
}

LogicalResult
Q4_1Attr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                         function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute Q4_1Attr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(*this, tileRows);
}
