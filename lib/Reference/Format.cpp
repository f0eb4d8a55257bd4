//===- Format.cpp - evaluation of encodings ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Codec/Codec.h"
#include "Values.h"

using namespace mlir;
using namespace allot;
using namespace allot::format;
using namespace allot::reference;

namespace {

/// An encoded tensor that was made here.
struct OwnedRows : RefValue::Encoded {
  OwnedRows(FormatCodecInterface codec, std::vector<uint8_t> bytes, std::pair<int64_t, int64_t> shape)
      : codec(codec), bytes(std::move(bytes)), rows(shape.first), columns(shape.second) {}
  void decodeRows(int64_t first, int64_t n, float *out) const override {
    codec.decodeRows(bytes, rows, columns, first, n, MutableArrayRef<float>(out, n * columns));
  }
  FormatCodecInterface codec;
  std::vector<uint8_t> bytes;
  int64_t rows, columns;
};

LogicalResult encode(EncodeOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> numbers;
  if (failed(operands.read(op.getSource(), "the source", numbers)))
    return failure();
  FormatAttrInterface format = getFormat(op.getResult().getType());
  auto codec = dyn_cast_or_null<FormatCodecInterface>(Attribute(format));
  if (!codec)
    return op.emitOpError() << "has a format that nothing encodes";
  ArrayRef<int64_t> shape = operands.shape(op.getSource());
  llvm::Expected<std::vector<uint8_t>> bytes = codec::encodeRoundToNearest(format, numbers, shape);
  if (!bytes)
    return op.emitOpError() << llvm::toString(bytes.takeError());
  RefValue result = makeUnwritten(shape);
  result.encoded = std::make_shared<OwnedRows>(codec, std::move(*bytes), foldedShape(shape));
  results.push_back(std::move(result));
  return success();
}

LogicalResult decode(DecodeOp op, Values values, Results &results) {
  Operands operands(op, values);
  std::vector<float> numbers;
  if (failed(operands.decode(op.getSource(), "the source", numbers)))
    return failure();
  results.push_back(makeTensor(operands.shape(op.getSource()), std::move(numbers)));
  return success();
}

/// Another layout of the same numbers.
LogicalResult pack(PackOp, Values values, Results &results) {
  results.push_back(values[0]);
  return success();
}

} // namespace

void reference::registerFormatModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, FormatDialect *) {
    EncodeOp::attachInterface<Model<EncodeOp, encode>>(*context);
    DecodeOp::attachInterface<Model<DecodeOp, decode>>(*context);
    PackOp::attachInterface<Model<PackOp, pack>>(*context);
  });
}
