//===- Uses.cpp - apply, gather, materialize ------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StructuredBuild.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

/// Fails unless the map is no bank, for a use that takes one map.
static LogicalResult checkSingle(Operation *op, MapType map, StringRef label) {
  if (map.isBank())
    return op->emitOpError() << "takes a single map, but got the bank " << map
                             << " (" << label << ")";
  return success();
}

static bool isPlainF32(RankedTensorType type) {
  return type.getElementType().isF32() && !type.getEncoding();
}

//===----------------------------------------------------------------------===//
// ApplyOp
//===----------------------------------------------------------------------===//

// (A63), but for what agrees with x, whose rank is checked first.
static LogicalResult verifyIds(ApplyOp op) {
  MapType map = op.getMap().getType();
  if (map.isBank() != bool(op.getIds()))
    return op.emitOpError() << (map.isBank() ? "of a bank takes ids"
                                             : "takes ids of a bank alone")
                            << ", and the map is " << map << " (A63)";
  if (!op.getIds()) {
    if (op.getWeights() || op.getOtherwise())
      return op.emitOpError() << "weights and otherwise come with ids (A63)";
    return success();
  }
  auto ids = cast<RankedTensorType>(op.getIds().getType());
  if (ids.getEncoding() || (!ids.getElementType().isSignlessInteger(32) &&
                            !ids.getElementType().isSignlessInteger(64)))
    return op.emitOpError()
           << "ids are i32 or i64, but got " << ids << " (A63)";
  ArrayRef<int64_t> leading = op.getX().getType().getShape();
  if (!leading.empty())
    leading = leading.drop_back();
  ArrayRef<int64_t> ofRows = ids.getShape();
  if (op.getWeights() && !ofRows.empty())
    ofRows = ofRows.drop_back();
  if (ofRows != leading || (op.getWeights() && ids.getRank() == 0))
    return op.emitOpError()
           << "ids have the leading dimensions of x"
           << (op.getWeights() ? " and one of the members of a row" : "")
           << ", but got " << ids << " and " << op.getX().getType() << " (A63)";
  if (Value weights = op.getWeights())
    if (auto type = cast<RankedTensorType>(weights.getType());
        !isPlainF32(type) || type.getShape() != ids.getShape())
      return op.emitOpError() << "weights are f32 numbers, one for each id of "
                              << ids << ", but got " << type << " (A63)";
  if (Value otherwise = op.getOtherwise())
    if (auto type = cast<MapType>(otherwise.getType());
        type.isBank() || type.getOut() != map.getOut() ||
        type.getIn() != map.getIn())
      return op.emitOpError()
             << "otherwise is a single map of " << map.getOut() << "x"
             << map.getIn() << ", but got " << type << " (A63)";
  return success();
}

// (A11)
LogicalResult ApplyOp::verify() {
  MapType map = getMap().getType();
  if (failed(verifyIds(*this)))
    return failure();
  RankedTensorType x = getX().getType(), result = getResult().getType();
  if (!isPlainF32(x) || !isPlainF32(result))
    return emitOpError()
           << "x and the result are f32 tensors without encoding, but got " << x
           << " and " << result << " (A11)";
  if (x.getRank() < 1 || x.getRank() != result.getRank())
    return emitOpError()
           << "x and the result have the same rank of at least 1, but got " << x
           << " and " << result << " (A11)";
  if (x.getShape().back() != map.getIn())
    return emitOpError() << "the map takes " << map.getIn()
                         << " inputs, but x is " << x << " (A11)";
  if (result.getShape().back() != map.getOut())
    return emitOpError() << "the map gives " << map.getOut()
                         << " outputs, but the result is " << result
                         << " (A11)";
  if (x.getShape().drop_back() != result.getShape().drop_back())
    return emitOpError()
           << "the leading dimensions of x and the result disagree: " << x
           << " and " << result << " (A11)";
  if (Value bias = getBias()) {
    auto type = cast<RankedTensorType>(bias.getType());
    if (!isPlainF32(type) || type.getRank() != 1 ||
        type.getDimSize(0) != map.getOut())
      return emitOpError() << "the bias is a tensor of " << map.getOut()
                           << " f32 numbers without encoding, but got " << type
                           << " (A11)";
  }
  return success();
}

void ApplyOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                          MLIRContext *) {
  structured::populateBankApplyPatterns(patterns);
  // y[i] = x[i] is x.
  patterns.add(+[](ApplyOp op, PatternRewriter &rewriter) -> LogicalResult {
    if (!structured::isIdentity(op.getMap()) || op.getBias() ||
        op.getX().getType() != op.getResult().getType())
      return failure();
    rewriter.replaceOp(op, op.getX());
    return success();
  });
}

//===----------------------------------------------------------------------===//
// GatherOp
//===----------------------------------------------------------------------===//

// (A12)
LogicalResult GatherOp::verify() {
  MapType map = getMap().getType();
  if (failed(checkSingle(*this, map, "A12")))
    return failure();
  RankedTensorType ids = getIds().getType(), result = getResult().getType();
  if (ids.getEncoding() || (!ids.getElementType().isSignlessInteger(32) &&
                            !ids.getElementType().isSignlessInteger(64)))
    return emitOpError() << "ids are i32 or i64, but got " << ids << " (A12)";
  SmallVector<int64_t> shape(ids.getShape());
  shape.push_back(map.getIn());
  auto expected = RankedTensorType::get(shape, map.getElementType());
  if (result != expected)
    return emitOpError() << "ids of type " << ids << " gather rows as "
                         << expected << ", but the result is " << result
                         << " (A12)";
  return success();
}

//===----------------------------------------------------------------------===//
// MaterializeOp
//===----------------------------------------------------------------------===//

// (A13)
LogicalResult MaterializeOp::verify() {
  MapType map = getMap().getType();
  auto expected = RankedTensorType::get(map.getShape(), map.getElementType());
  if (getResult().getType() != expected)
    return emitOpError() << "the matrix of the map is " << expected
                         << ", but the result is " << getResult().getType()
                         << " (A13)";
  return success();
}

OpFoldResult MaterializeOp::fold(FoldAdaptor) {
  if (auto dense = getMap().getDefiningOp<DenseOp>())
    if (dense.getTensor().getType() == getResult().getType())
      return dense.getTensor();
  return {};
}
