//===- Q5_1.cpp - GGUF's 5-bit blocks with scale and minimum -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;

std::string Q5_1Attr::getShortName() const { return "q5_1"; }

FormatAttrInterface facts::parseQ5_1Name(MLIRContext *context, StringRef name) {
  return name == "q5_1"
             ? cast<FormatAttrInterface>(Attribute(Q5_1Attr::get(context)))
             : FormatAttrInterface();
}

CodeGrid Q5_1Attr::getCodeGrid() const {
  CodeGrid grid;
  grid.bits = 5;
  grid.maxCode = 31;
  grid.block = 32;
  grid.offset = CodeGrid::OffsetKind::Minimum;
  return grid;
}

int64_t Q5_1Attr::getBlockSize() const { return 32; }

SmallVector<StorageBuffer>
Q5_1Attr::getStorageBuffers(ArrayRef<int64_t> shape) const {
  return {facts::blockBuffer(shape, 24)};
}

uint64_t Q5_1Attr::getStorageBytes(ArrayRef<int64_t> shape) const {
  return facts::blockBuffer(shape, 24).bytes;
}

LogicalResult
Q5_1Attr::verifyShape(ArrayRef<int64_t> shape,
                      function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyBlocksOf32("q5_1", shape, emitError);
}

LogicalResult
Q5_1Attr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                         function_ref<InFlightDiagnostic()> emitError) const {
  return facts::verifyTensorEncoding(*this, shape, elementType, emitError);
}

Attribute Q5_1Attr::getPackedFormat(int64_t tileRows) const {
  return facts::packFormat(*this, tileRows);
}
