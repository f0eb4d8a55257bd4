//===- Upstream.cpp - evaluation of upstream ops ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Upstream.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::reference;

FailureOr<RefValue> reference::evaluateConstant(Operation *op, Attribute value) {
  if (auto number = dyn_cast<FloatAttr>(value))
    return makeScalar(float(number.getValueAsDouble()));
  auto ofInteger = [](const APInt &bits) { return bits.getBitWidth() == 1 ? int64_t(bits.getZExtValue()) : bits.getSExtValue(); };
  if (auto number = dyn_cast<IntegerAttr>(value); number && number.getValue().getBitWidth() <= 64)
    return makeScalar(ofInteger(number.getValue()));
  auto elements = dyn_cast<DenseElementsAttr>(value);
  auto type = elements ? dyn_cast<RankedTensorType>(elements.getType()) : RankedTensorType();
  if (type && isa<FloatType>(type.getElementType())) {
    std::vector<float> numbers;
    for (const APFloat &element : elements.getValues<APFloat>()) {
      APFloat wide = element;
      bool inexact = false;
      wide.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &inexact);
      numbers.push_back(wide.convertToFloat());
    }
    return makeTensor(type.getShape(), std::move(numbers));
  }
  if (type && type.getElementType().isIntOrIndex() && (type.getElementType().isIndex() || type.getElementTypeBitWidth() <= 64)) {
    std::vector<int64_t> numbers;
    for (const APInt &element : elements.getValues<APInt>())
      numbers.push_back(ofInteger(element));
    return makeTensor(type.getShape(), std::move(numbers));
  }
  return op->emitOpError() << "has no reference evaluation for this attribute";
}

namespace {

LogicalResult constant(Operation *op, Values, Environment, Results &results) {
  FailureOr<RefValue> value = evaluateConstant(op, cast<arith::ConstantOp>(op).getValue());
  if (succeeded(value))
    results.push_back(std::move(*value));
  return value;
}

/// An elementwise op on scalars, or on tensors of one shape (a scalar condition of a select counts for all).
LogicalResult elementwise(Operation *op, Values operands, Environment, Results &results) {
  ScalarFunction function = lookupScalarFunction(op);
  if (op->getNumResults() != 1 || operands.empty())
    return op->emitOpError() << "has no reference evaluation in this form";
  const SmallVector<int64_t> &shape = operands.back().shape;
  for (auto [index, operand] : llvm::enumerate(operands)) {
    if (!operand.floats && !operand.ints)
      return op->emitOpError() << "reads operand " << index << (operand.encoded || operand.map ? ", which is no plain tensor" : " before it is written");
    if (operand.shape != shape && !operand.shape.empty())
      return op->emitOpError() << "operand " << index << " is " << shapeText(operand.shape) << " at run time, another is " << shapeText(shape);
  }
  FailureOr<int64_t> count = countElements(op, shape);
  if (failed(count))
    return failure();
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType()));
  std::vector<float> floats(isFloat ? *count : 0);
  std::vector<int64_t> ints(isFloat ? 0 : *count);
  SmallVector<Scalar, 3> elements(operands.size());
  for (int64_t i = 0; i < *count; ++i) {
    for (auto [element, operand] : llvm::zip_equal(elements, operands))
      element = elementOf(operand, operand.shape.empty() ? 0 : i);
    Scalar result;
    if (failed(function(op, elements.data(), result)))
      return failure();
    if (isFloat)
      floats[i] = float(result.f);
    else
      ints[i] = result.i;
  }
  results.push_back(isFloat ? makeTensor(shape, std::move(floats)) : makeTensor(shape, std::move(ints)));
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// Sizes given by attributes and by operands of an op.
FailureOr<SmallVector<int64_t>> resolve(const Operands &operands, ArrayRef<OpFoldResult> mixed) {
  SmallVector<int64_t> sizes;
  for (OpFoldResult size : mixed) {
    if (auto value = dyn_cast<Value>(size)) {
      ArrayRef<int64_t> number;
      if (failed(operands.read(value, "a size", number)))
        return failure();
      sizes.push_back(number.front());
      continue;
    }
    sizes.push_back(cast<IntegerAttr>(cast<Attribute>(size)).getInt());
  }
  return sizes;
}

/// The shape of a result whose dynamic sizes are operands.
FailureOr<SmallVector<int64_t>> resultShape(Operation *op, const Operands &operands, ValueRange dynamicSizes) {
  SmallVector<OpFoldResult> mixed =
      getMixedValues(cast<RankedTensorType>(op->getResult(0).getType()).getShape(), dynamicSizes, op->getContext());
  FailureOr<SmallVector<int64_t>> shape = resolve(operands, mixed);
  if (failed(shape) || failed(countElements(op, *shape)))
    return failure();
  return shape;
}

/// The same numbers under another shape.
LogicalResult reshape(Operation *op, const RefValue &value, ArrayRef<int64_t> shape, Results &results) {
  FailureOr<int64_t> count = countElements(op, shape);
  if (failed(count))
    return failure();
  if (*count != value.numElements())
    return op->emitOpError() << shapeText(value.shape) << " at run time cannot become " << shapeText(shape);
  RefValue result = value;
  result.shape.assign(shape.begin(), shape.end());
  results.push_back(std::move(result));
  return success();
}

LogicalResult empty(Operation *op, Values values, Environment, Results &results) {
  FailureOr<SmallVector<int64_t>> shape = resultShape(op, Operands(op, values), cast<tensor::EmptyOp>(op).getDynamicSizes());
  if (failed(shape))
    return failure();
  results.push_back(makeUnwritten(*shape));
  return success();
}

LogicalResult dim(Operation *op, Values values, Environment, Results &results) {
  auto dimOp = cast<tensor::DimOp>(op);
  Operands operands(op, values);
  ArrayRef<int64_t> index;
  if (failed(operands.read(dimOp.getIndex(), "the index", index)))
    return failure();
  ArrayRef<int64_t> shape = operands.shape(dimOp.getSource());
  if (index.front() < 0 || index.front() >= int64_t(shape.size()))
    return op->emitOpError() << "dimension " << index.front() << " of a tensor of rank " << shape.size();
  results.push_back(makeScalar(shape[index.front()]));
  return success();
}

LogicalResult rank(Operation *, Values values, Environment, Results &results) {
  results.push_back(makeScalar(int64_t(values[0].shape.size())));
  return success();
}

LogicalResult castTensor(Operation *, Values values, Environment, Results &results) {
  // The caller checks the value against the type of the result.
  results.push_back(values[0]);
  return success();
}

LogicalResult expandShape(Operation *op, Values values, Environment, Results &results) {
  FailureOr<SmallVector<int64_t>> shape = resolve(Operands(op, values), cast<tensor::ExpandShapeOp>(op).getMixedOutputShape());
  return failed(shape) ? failure() : reshape(op, values[0], *shape, results);
}

LogicalResult collapseShape(Operation *op, Values values, Environment, Results &results) {
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : cast<tensor::CollapseShapeOp>(op).getReassociationIndices()) {
    shape.push_back(1);
    for (int64_t axis : group)
      shape.back() *= values[0].shape[axis];
  }
  return reshape(op, values[0], shape, results);
}

//===----------------------------------------------------------------------===//
// Elements and slices
//===----------------------------------------------------------------------===//

LogicalResult splat(Operation *op, Values values, Environment, Results &results) {
  auto splatOp = cast<tensor::SplatOp>(op);
  FailureOr<SmallVector<int64_t>> shape = resultShape(op, Operands(op, values), splatOp.getDynamicSizes());
  if (failed(shape))
    return failure();
  int64_t count = *countElements(op, *shape);
  Scalar value = elementOf(Operands(op, values).at(splatOp.getInput()), 0);
  if (isa<FloatType>(splatOp.getInput().getType()))
    results.push_back(makeTensor(*shape, std::vector<float>(count, float(value.f))));
  else
    results.push_back(makeTensor(*shape, std::vector<int64_t>(count, value.i)));
  return success();
}

/// Place of the element at the index operands.
FailureOr<int64_t> placeOf(Operation *op, const Operands &operands, ArrayRef<int64_t> shape, ValueRange indices) {
  int64_t place = 0;
  for (auto [axis, value] : llvm::enumerate(indices)) {
    ArrayRef<int64_t> index;
    if (failed(operands.read(value, "an index", index)))
      return failure();
    if (index.front() < 0 || index.front() >= shape[axis])
      return op->emitOpError() << "index " << index.front() << " is outside of dimension " << axis << " of size " << shape[axis];
    place = place * shape[axis] + index.front();
  }
  return place;
}

LogicalResult extract(Operation *op, Values values, Environment, Results &results) {
  auto extractOp = cast<tensor::ExtractOp>(op);
  const RefValue &tensor = values[0];
  FailureOr<int64_t> place = placeOf(op, Operands(op, values), tensor.shape, extractOp.getIndices());
  if (failed(place))
    return failure();
  if (!tensor.floats && !tensor.ints)
    return op->emitOpError() << "reads a tensor before it is written";
  results.push_back(makeTensorOf(op->getResult(0).getType(), {}, elementOf(tensor, *place)));
  return success();
}

/// All elements of a tensor; NaN or 0 where nobody has written it.
std::vector<Scalar> elementsOf(const RefValue &value) {
  std::vector<Scalar> elements(value.numElements(), Scalar{NAN, 0});
  if (value.floats || value.ints)
    for (size_t i = 0; i < elements.size(); ++i)
      elements[i] = elementOf(value, i);
  return elements;
}

LogicalResult insert(Operation *op, Values values, Environment, Results &results) {
  auto insertOp = cast<tensor::InsertOp>(op);
  Operands operands(op, values);
  const RefValue &tensor = operands.at(insertOp.getDest());
  FailureOr<int64_t> place = placeOf(op, operands, tensor.shape, insertOp.getIndices());
  if (failed(place))
    return failure();
  std::vector<Scalar> elements = elementsOf(tensor);
  elements[*place] = elementOf(operands.at(insertOp.getScalar()), 0);
  results.push_back(makeTensorOf(insertOp.getScalar().getType(), tensor.shape, elements));
  return success();
}

LogicalResult fromElements(Operation *op, Values values, Environment, Results &results) {
  std::vector<Scalar> elements;
  for (const RefValue &value : values)
    elements.push_back(elementOf(value, 0));
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  results.push_back(makeTensorOf(type.getElementType(), type.getShape(), elements));
  return success();
}

LogicalResult generate(Operation *op, Values values, Environment environment, Results &results) {
  auto generateOp = cast<tensor::GenerateOp>(op);
  FailureOr<SmallVector<int64_t>> shape = resultShape(op, Operands(op, values), generateOp.getDynamicExtents());
  if (failed(shape))
    return failure();
  FailureOr<ScalarProgram> program = ScalarProgram::create(generateOp.getBody().front(), environment);
  if (failed(program))
    return failure();
  std::vector<Scalar> elements(*countElements(op, *shape));
  SmallVector<Scalar> point(shape->size());
  for (size_t i = 0; i < elements.size(); ++i) {
    int64_t rest = i;
    for (size_t axis = shape->size(); axis-- > 0; rest /= (*shape)[axis])
      point[axis].i = rest % (*shape)[axis];
    if (failed(program->run(point, {}, elements[i])))
      return failure();
  }
  results.push_back(makeTensorOf(getElementTypeOrSelf(op->getResult(0).getType()), *shape, elements));
  return success();
}

/// A rectangle of a tensor.
struct Slice {
  SmallVector<int64_t> offsets, sizes, strides;

  template <typename OpT> static FailureOr<Slice> create(OpT op, const Operands &operands, ArrayRef<int64_t> shape) {
    auto offsets = resolve(operands, op.getMixedOffsets());
    auto sizes = resolve(operands, op.getMixedSizes());
    auto strides = resolve(operands, op.getMixedStrides());
    if (failed(offsets) || failed(sizes) || failed(strides))
      return failure();
    for (auto [axis, size] : llvm::enumerate(shape)) {
      int64_t offset = (*offsets)[axis], count = (*sizes)[axis], stride = (*strides)[axis];
      // The last element, in 128 bits: the numbers are not checked yet.
      if (offset < 0 || count < 0 || stride < 0 || (count > 0 && __int128(count - 1) * stride + offset >= size))
        return op->emitOpError() << "takes " << count << " of dimension " << axis << " from " << offset << " in steps of " << stride << ", but there are "
                                 << size;
    }
    Slice slice{*offsets, *sizes, *strides};
    if (failed(countElements(op, slice.sizes)))
      return failure();
    return slice;
  }

  /// Calls `visit` with the place in the whole tensor and the place in the slice.
  void forEach(ArrayRef<int64_t> shape, llvm::function_ref<void(int64_t, int64_t)> visit) const {
    SmallVector<int64_t> point(sizes.size(), 0);
    if (llvm::is_contained(sizes, 0))
      return;
    for (int64_t inside = 0;; ++inside) {
      int64_t place = 0;
      for (size_t axis = 0; axis < sizes.size(); ++axis)
        place = place * shape[axis] + offsets[axis] + point[axis] * strides[axis];
      visit(place, inside);
      size_t axis = sizes.size();
      while (axis > 0 && ++point[axis - 1] == sizes[axis - 1])
        point[--axis] = 0;
      if (axis == 0)
        return;
    }
  }
};

LogicalResult extractSlice(Operation *op, Values values, Environment, Results &results) {
  auto sliceOp = cast<tensor::ExtractSliceOp>(op);
  const RefValue &source = values[0];
  if (source.encoded)
    return op->emitOpError() << "reads an encoded tensor";
  FailureOr<Slice> slice = Slice::create(sliceOp, Operands(op, values), source.shape);
  if (failed(slice))
    return failure();
  SmallVector<int64_t> shape;
  llvm::SmallBitVector dropped = sliceOp.getDroppedDims();
  for (auto [axis, size] : llvm::enumerate(slice->sizes))
    if (!dropped.test(axis))
      shape.push_back(size);
    else if (size != 1)
      return op->emitOpError() << "drops dimension " << axis << " of size " << size;
  int64_t count = *countElements(op, slice->sizes);
  if (source.floats) {
    std::vector<float> numbers(count);
    slice->forEach(source.shape, [&](int64_t place, int64_t inside) { numbers[inside] = (*source.floats)[place]; });
    results.push_back(makeTensor(shape, std::move(numbers)));
  } else if (source.ints) {
    std::vector<int64_t> numbers(count);
    slice->forEach(source.shape, [&](int64_t place, int64_t inside) { numbers[inside] = (*source.ints)[place]; });
    results.push_back(makeTensor(shape, std::move(numbers)));
  } else {
    results.push_back(makeUnwritten(shape));
  }
  return success();
}

LogicalResult insertSlice(Operation *op, Values values, Environment, Results &results) {
  auto sliceOp = cast<tensor::InsertSliceOp>(op);
  Operands operands(op, values);
  const RefValue &source = operands.at(sliceOp.getSource()), &dest = operands.at(sliceOp.getDest());
  FailureOr<Slice> slice = Slice::create(sliceOp, operands, dest.shape);
  if (failed(slice))
    return failure();
  if (!source.floats && !source.ints)
    return op->emitOpError() << "reads a tensor before it is written";
  if (source.numElements() != *countElements(op, slice->sizes))
    return op->emitOpError() << "the source is " << shapeText(source.shape) << " at run time, but must be " << shapeText(slice->sizes);
  std::vector<Scalar> elements = elementsOf(dest);
  slice->forEach(dest.shape, [&](int64_t place, int64_t inside) { elements[place] = elementOf(source, inside); });
  results.push_back(makeTensorOf(getElementTypeOrSelf(op->getResult(0).getType()), dest.shape, elements));
  return success();
}

const llvm::StringMap<UpstreamFunction> &table() {
  static const llvm::StringMap<UpstreamFunction> functions = {
      {"arith.constant", constant},
      {"tensor.cast", castTensor},
      {"tensor.collapse_shape", collapseShape},
      {"tensor.dim", dim},
      {"tensor.empty", empty},
      {"tensor.expand_shape", expandShape},
      {"tensor.extract", extract},
      {"tensor.extract_slice", extractSlice},
      {"tensor.from_elements", fromElements},
      {"tensor.generate", generate},
      {"tensor.insert", insert},
      {"tensor.insert_slice", insertSlice},
      {"tensor.rank", rank},
      {"tensor.splat", splat},
  };
  return functions;
}

} // namespace

UpstreamFunction reference::lookupUpstreamFunction(Operation *op) {
  if (UpstreamFunction function = table().lookup(op->getName().getStringRef()))
    return function;
  if (lookupScalarFunction(op))
    return elementwise;
  return isa<linalg::LinalgOp>(op) ? evaluateStructured : nullptr;
}
