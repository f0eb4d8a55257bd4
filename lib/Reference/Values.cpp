//===- Values.cpp - operands and results of evaluated ops -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Values.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Routed/IR/Routed.h"
#include "allot/Support/Error.h"
#include "mlir/IR/Operation.h"
#include <algorithm>

using namespace mlir;
using namespace allot;
using namespace allot::reference;

RefValue reference::makeTensor(ArrayRef<int64_t> shape, std::vector<float> values) {
  RefValue result;
  result.shape.assign(shape.begin(), shape.end());
  result.floats = std::make_shared<const std::vector<float>>(std::move(values));
  return result;
}

RefValue reference::makeTensor(ArrayRef<int64_t> shape, std::vector<int64_t> values) {
  RefValue result;
  result.shape.assign(shape.begin(), shape.end());
  result.ints = std::make_shared<const std::vector<int64_t>>(std::move(values));
  return result;
}

RefValue reference::makeScalar(float value) { return makeTensor({}, std::vector<float>{value}); }
RefValue reference::makeScalar(int64_t value) { return makeTensor({}, std::vector<int64_t>{value}); }

RefValue reference::makeUnwritten(ArrayRef<int64_t> shape) {
  RefValue result;
  result.shape.assign(shape.begin(), shape.end());
  return result;
}

std::string reference::shapeText(ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t d : shape)
    text += (text.empty() ? "" : "x") + (ShapedType::isDynamic(d) ? std::string("?") : std::to_string(d));
  return text.empty() ? "a scalar" : text;
}

FailureOr<int64_t> reference::countElements(Operation *op, ArrayRef<int64_t> shape) {
  uint64_t count = 0;
  // 32 GiB of f32: no model has a value of this size, a typing error has.
  if (!support::elementCount(shape, count) || count > (uint64_t(1) << 33))
    return op->emitOpError() << "a tensor of " << shapeText(shape) << " elements cannot be evaluated";
  return int64_t(count);
}

std::pair<int64_t, int64_t> reference::foldedShape(ArrayRef<int64_t> shape) {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    rows *= shape[i];
  return {rows, shape.empty() ? 1 : shape.back()};
}

namespace {

/// A plain tensor where an encoded one may stand.
struct PlainRows : RefValue::Encoded {
  PlainRows(std::shared_ptr<const std::vector<float>> values, int64_t columns) : values(std::move(values)), columns(columns) {}
  void decodeRows(int64_t first, int64_t n, float *out) const override { std::copy_n(values->begin() + first * columns, n * columns, out); }
  std::shared_ptr<const std::vector<float>> values;
  int64_t columns;
};

} // namespace

std::shared_ptr<const RefValue::Encoded> reference::rowsOf(const RefValue &value) {
  if (value.encoded || !value.floats)
    return value.encoded;
  return std::make_shared<PlainRows>(value.floats, foldedShape(value.shape).second);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

const RefValue &Operands::at(Value operand) const {
  auto it = llvm::find(op->getOperands(), operand);
  return values[std::distance(op->operand_begin(), it)];
}

LogicalResult Operands::read(Value operand, StringRef what, ArrayRef<float> &elements) const {
  const RefValue &value = at(operand);
  if (!value.floats)
    return op->emitOpError() << "reads " << what << (value.ints || value.encoded || value.map ? ", which holds no f32 numbers" : " before it is written");
  elements = *value.floats;
  return success();
}

LogicalResult Operands::read(Value operand, StringRef what, ArrayRef<int64_t> &elements) const {
  const RefValue &value = at(operand);
  if (!value.ints)
    return op->emitOpError() << "reads " << what << (value.floats || value.encoded || value.map ? ", which holds no integers" : " before it is written");
  elements = *value.ints;
  return success();
}

LogicalResult Operands::decode(Value operand, StringRef what, std::vector<float> &elements) const {
  const RefValue &value = at(operand);
  if (!value.encoded) {
    ArrayRef<float> plain;
    if (failed(read(operand, what, plain)))
      return failure();
    elements.assign(plain.begin(), plain.end());
    return success();
  }
  int64_t rows, columns;
  std::tie(rows, columns) = foldedShape(value.shape);
  elements.resize(rows * columns);
#pragma omp parallel for
  for (int64_t r = 0; r < rows; ++r)
    value.encoded->decodeRows(r, 1, elements.data() + r * columns);
  return success();
}

LogicalResult Operands::expectShape(Value operand, StringRef what, ArrayRef<int64_t> expected) const {
  if (shape(operand) != expected)
    return op->emitOpError() << what << " is " << shapeText(shape(operand)) << " at run time, but must be " << shapeText(expected);
  return success();
}

LogicalResult Operands::expectRank(Value operand, StringRef what, size_t rank) const {
  if (shape(operand).size() != rank)
    return op->emitOpError() << what << " has rank " << shape(operand).size() << ", but must have rank " << rank;
  return success();
}

//===----------------------------------------------------------------------===//
// Values and types
//===----------------------------------------------------------------------===//

LogicalResult reference::checkValue(Operation *op, const RefValue &value, Type type, const Twine &what) {
  auto fail = [&](const Twine &is) { return op->emitOpError() << what << " is " << is << ", but its type is " << type; };
  if (auto map = dyn_cast<adapter::MapType>(type)) {
    auto [out, in] = foldedShape(map.getShape());
    if (!value.map || value.map->out != out || value.map->in != in)
      return fail("no such map");
    return success();
  }
  if (auto assignment = dyn_cast<routed::AssignmentType>(type)) {
    if (!value.ints || !value.floats || value.shape.empty() || value.shape.back() != assignment.getMost())
      return fail("no such assignment");
    return success();
  }
  ArrayRef<int64_t> wanted;
  Attribute encoding;
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    wanted = tensor.getShape();
    encoding = tensor.getEncoding();
  } else if (!type.isIntOrIndexOrFloat()) {
    return fail("of a kind that is not evaluated");
  }
  bool fits = wanted.size() == value.shape.size();
  for (size_t i = 0; fits && i < wanted.size(); ++i)
    fits = value.shape[i] >= 0 && (ShapedType::isDynamic(wanted[i]) || wanted[i] == value.shape[i]);
  if (!fits || value.map)
    return fail(value.map ? std::string("a map") : shapeText(value.shape));
  if (bool(encoding) != bool(value.encoded))
    return fail(encoding ? "not encoded" : "encoded");
  if (encoding)
    return success();
  Type element = getElementTypeOrSelf(type);
  bool isFloat = isa<FloatType>(element);
  if ((value.floats && !isFloat) || (value.ints && isFloat))
    return fail(isFloat ? "a tensor of integers" : "a tensor of floats");
  size_t held = value.floats ? value.floats->size() : value.ints ? value.ints->size() : size_t(value.numElements());
  if (held != size_t(value.numElements()))
    return fail(Twine(held) + " numbers");
  return success();
}
