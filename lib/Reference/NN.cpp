//===- NN.cpp - evaluation of what stands around the maps -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/NN/IR/NN.h"
#include "NNFunctions.h"
#include "Values.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::nn;
using namespace allot::reference;

namespace {

/// Ops of this dialect are evaluated in their tensor form.
template <typename OpT> LogicalResult checkForm(OpT op) {
  if (!op.getResult())
    return op.emitOpError() << "has a reference evaluation on tensors alone";
  return success();
}

//===----------------------------------------------------------------------===//
// Norm, activation, tap
//===----------------------------------------------------------------------===//

LogicalResult norm(NormOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> x, weight, bias;
  if (failed(checkForm(op)) || failed(operands.read(op.getX(), "x", x)) || failed(operands.read(op.getWeight(), "the weight", weight)))
    return failure();
  ArrayRef<int64_t> shape = operands.shape(op.getX());
  int64_t n = shape.empty() ? 1 : shape.back();
  if (failed(operands.expectShape(op.getWeight(), "the weight", {n})) || failed(operands.expectShape(op.getInit(), "the destination", shape)))
    return failure();
  if (op.getBias() && (failed(operands.read(op.getBias(), "the bias", bias)) || failed(operands.expectShape(op.getBias(), "the bias", {n}))))
    return failure();
  double epsilon = op.getEpsilon().convertToDouble();
  std::vector<float> y(x.size());
  for (size_t first = 0; first < x.size(); first += n) {
    double mean = 0, square = 0;
    if (op.getKind() == NormKind::Layer) {
      for (int64_t i = 0; i < n; ++i)
        mean += x[first + i];
      mean /= n;
    }
    for (int64_t i = 0; i < n; ++i) {
      double d = x[first + i] - mean;
      square += d * d;
    }
    double factor = 1.0 / std::sqrt(square / n + epsilon);
    for (int64_t i = 0; i < n; ++i)
      y[first + i] = float((x[first + i] - mean) * factor * weight[i] + (bias.empty() ? 0.0 : bias[i]));
  }
  results.push_back(makeTensor(shape, std::move(y)));
  return success();
}

double (*functionOf(ActivationKind kind))(double) {
  switch (kind) {
  case ActivationKind::SiLU:
    return silu;
  case ActivationKind::GELU:
    return gelu;
  case ActivationKind::GELUTanh:
    return geluTanh;
  case ActivationKind::ReLU:
    return relu;
  }
  return nullptr;
}

LogicalResult activation(ActivationOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> x;
  if (failed(operands.read(op.getX(), "x", x)))
    return failure();
  auto function = functionOf(op.getKind());
  std::vector<float> y(x.size());
  for (auto [to, from] : llvm::zip_equal(y, x))
    to = float(function(from));
  results.push_back(makeTensor(operands.shape(op.getX()), std::move(y)));
  return success();
}

/// The interpreter reports the value; the op itself is the identity.
LogicalResult tap(TapOp, Values values, Results &results) {
  results.push_back(values[0]);
  return success();
}

//===----------------------------------------------------------------------===//
// Rope
//===----------------------------------------------------------------------===//

LogicalResult rope(RopeOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> x, frequencies;
  ArrayRef<int64_t> past;
  if (failed(checkForm(op)) || failed(operands.read(op.getX(), "x", x)) || failed(operands.read(op.getPast(), "past", past)) ||
      failed(operands.read(op.getFrequencies(), "the frequencies", frequencies)) || failed(operands.expectRank(op.getX(), "x", 4)))
    return failure();
  ArrayRef<int64_t> shape = operands.shape(op.getX());
  int64_t batch = shape[0], length = shape[1], heads = shape[2], size = shape[3], half = frequencies.size();
  if (failed(operands.expectShape(op.getPast(), "past", {batch})) || failed(operands.expectShape(op.getInit(), "the destination", shape)))
    return failure();
  if (2 * half > size)
    return op.emitOpError() << half << " frequencies turn " << 2 * half << " dimensions, but a head has " << size;
  double scale = op.getScale().convertToDouble();
  bool halves = op.getLayout() == RotaryLayout::Halves;
  std::vector<float> y(x.begin(), x.end());
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < length; ++t)
      for (int64_t i = 0; i < half; ++i) {
        double angle = double(past[b] + t) * frequencies[i], cosine = std::cos(angle) * scale, sine = std::sin(angle) * scale;
        int64_t first = halves ? i : 2 * i, second = halves ? i + half : 2 * i + 1;
        for (int64_t h = 0; h < heads; ++h) {
          int64_t head = ((b * length + t) * heads + h) * size;
          double u = x[head + first], v = x[head + second];
          y[head + first] = float(u * cosine - v * sine);
          y[head + second] = float(v * cosine + u * sine);
        }
      }
  results.push_back(makeTensor(shape, std::move(y)));
  return success();
}

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

LogicalResult crossEntropy(CrossEntropyOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> logits;
  ArrayRef<int64_t> labels;
  if (failed(checkForm(op)) || failed(operands.read(op.getLogits(), "the logits", logits)) || failed(operands.read(op.getLabels(), "the labels", labels)))
    return failure();
  ArrayRef<int64_t> shape = operands.shape(op.getLogits());
  if (shape.empty())
    return op.emitOpError() << "reads logits without dimensions";
  ArrayRef<int64_t> rows = shape.drop_back();
  if (failed(operands.expectShape(op.getLabels(), "the labels", rows)) || failed(operands.expectShape(op.getInit(), "the destination", rows)))
    return failure();
  int64_t vocabulary = shape.back();
  std::vector<float> losses(labels.size());
  for (size_t row = 0; row < losses.size(); ++row) {
    if (labels[row] < 0 || labels[row] >= vocabulary)
      continue;
    ArrayRef<float> scores = logits.slice(row * vocabulary, vocabulary);
    double largest = *llvm::max_element(scores), total = 0;
    for (float score : scores)
      total += std::exp(score - largest);
    losses[row] = float(std::log(total) + largest - scores[labels[row]]);
  }
  results.push_back(makeTensor(rows, std::move(losses)));
  return success();
}

//===----------------------------------------------------------------------===//
// Cache
//===----------------------------------------------------------------------===//

LogicalResult cacheUpdate(CacheUpdateOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> source, cache;
  ArrayRef<int64_t> past, count;
  if (failed(checkForm(op)) || failed(operands.read(op.getSource(), "the source", source)) || failed(operands.read(op.getInit(), "the cache", cache)) ||
      failed(operands.read(op.getPast(), "past", past)) || failed(operands.read(op.getCount(), "count", count)) ||
      failed(operands.expectRank(op.getSource(), "the source", 4)) || failed(operands.expectRank(op.getInit(), "the cache", 6)))
    return failure();
  ArrayRef<int64_t> shape = operands.shape(op.getInit());
  int64_t batch = shape[2], capacity = shape[3], length = operands.shape(op.getSource())[1], size = operands.shape(op.getSource())[3];
  int64_t layer = op.getLayer(), slot = op.getSlot();
  if (failed(operands.expectShape(op.getSource(), "the source", {batch, length, shape[4], size})) ||
      failed(operands.expectShape(op.getPast(), "past", {batch})) || failed(operands.expectShape(op.getCount(), "count", {batch})))
    return failure();
  if (size > shape[5])
    return op.emitOpError() << "the source has heads of " << size << " numbers, but the cache holds " << shape[5];
  if (layer < 0 || layer >= shape[0] || slot < 0 || slot >= shape[1])
    return op.emitOpError() << "layer " << layer << ", slot " << slot << " is outside of a cache of " << shapeText(shape);
  for (int64_t b = 0; b < batch; ++b) {
    if (count[b] < 0 || count[b] > length)
      return op.emitOpError() << "row " << b << " writes " << count[b] << " tokens, but the source has " << length;
    if (past[b] < 0 || past[b] > capacity - count[b])
      return op.emitOpError() << "row " << b << " writes " << count[b] << " tokens behind " << past[b] << ", but the cache holds " << capacity;
  }
  std::vector<float> result(cache.begin(), cache.end());
  for (int64_t b = 0; b < batch; ++b) {
    int64_t to = (((layer * shape[1] + slot) * batch + b) * capacity + past[b]) * shape[4], from = b * length * shape[4];
    for (int64_t head = 0; head < count[b] * shape[4]; ++head)
      std::copy_n(source.begin() + (from + head) * size, size, result.begin() + (to + head) * shape[5]);
  }
  results.push_back(makeTensor(shape, std::move(result)));
  return success();
}

} // namespace

void reference::registerNNModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NNDialect *) {
    NormOp::attachInterface<Model<NormOp, norm>>(*context);
    RopeOp::attachInterface<Model<RopeOp, rope>>(*context);
    CrossEntropyOp::attachInterface<Model<CrossEntropyOp, crossEntropy>>(*context);
    CacheUpdateOp::attachInterface<Model<CacheUpdateOp, cacheUpdate>>(*context);
    ActivationOp::attachInterface<Model<ActivationOp, activation>>(*context);
    TapOp::attachInterface<Model<TapOp, tap>>(*context);
  });
}
