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
// Attention
//===----------------------------------------------------------------------===//

struct AttentionShape {
  int64_t batch, queries, keys, heads, keyHeads, size, valueSize;
};

/// One query of one head: the softmax over the keys `[first, last)`, which may be empty.
void attend(const AttentionShape &s, const float *q, const float *k, const float *v, int64_t first, int64_t last, double scale, double softcap,
            std::vector<double> &scores, float *out) {
  scores.clear();
  double largest = -INFINITY, total = 0;
  for (int64_t j = first; j < last; ++j) {
    double score = 0;
    for (int64_t d = 0; d < s.size; ++d)
      score += double(q[d]) * k[j * s.keyHeads * s.size + d];
    score *= scale;
    if (softcap > 0)
      score = softcap * std::tanh(score / softcap);
    largest = std::max(largest, score);
    scores.push_back(score);
  }
  for (double &score : scores)
    total += score = std::exp(score - largest);
  for (int64_t d = 0; d < s.valueSize; ++d) {
    double sum = 0;
    for (int64_t j = first; j < last; ++j)
      sum += scores[j - first] * v[j * s.keyHeads * s.valueSize + d];
    out[d] = scores.empty() ? 0.0f : float(sum / total);
  }
}

LogicalResult attention(AttentionOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> q, k, v;
  ArrayRef<int64_t> past, total;
  if (failed(checkForm(op)) || failed(operands.read(op.getQ(), "q", q)) || failed(operands.read(op.getK(), "k", k)) ||
      failed(operands.read(op.getV(), "v", v)) || failed(operands.read(op.getPast(), "past", past)) || failed(operands.expectRank(op.getQ(), "q", 4)) ||
      failed(operands.expectRank(op.getK(), "k", 4)) || failed(operands.expectRank(op.getV(), "v", 4)))
    return failure();
  ArrayRef<int64_t> qs = operands.shape(op.getQ()), ks = operands.shape(op.getK()), vs = operands.shape(op.getV());
  AttentionShape s{qs[0], qs[1], ks[1], qs[2], ks[2], qs[3], vs[3]};
  if (failed(operands.expectShape(op.getK(), "k", {s.batch, s.keys, s.keyHeads, s.size})) ||
      failed(operands.expectShape(op.getV(), "v", {s.batch, s.keys, s.keyHeads, s.valueSize})) ||
      failed(operands.expectShape(op.getPast(), "past", {s.batch})) ||
      failed(operands.expectShape(op.getInit(), "the destination", {s.batch, s.queries, s.heads, s.valueSize})))
    return failure();
  if (s.keyHeads == 0 || s.heads % s.keyHeads != 0)
    return op.emitOpError() << s.keyHeads << " key heads do not divide " << s.heads << " query heads";
  if (op.getTotal()) {
    if (failed(operands.read(op.getTotal(), "total", total)) || failed(operands.expectShape(op.getTotal(), "total", {s.batch})))
      return failure();
    for (auto [row, count] : llvm::enumerate(total))
      if (count < 0 || count > s.keys)
        return op.emitOpError() << "row " << row << " has " << count << " keys in all, but k holds " << s.keys;
  }
  double scale = op.getScale().convertToDouble(), softcap = op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0.0;
  int64_t window = op.getWindow().value_or(0);
  bool causal = op.getCausal();
  std::vector<float> out(s.batch * s.queries * s.heads * s.valueSize);
#pragma omp parallel
  {
    std::vector<double> scores;
#pragma omp for schedule(dynamic)
    for (int64_t row = 0; row < s.batch * s.queries; ++row) {
      int64_t b = row / s.queries, position = past[b] + row % s.queries;
      int64_t first = 0, last = total.empty() ? s.keys : total[b];
      if (causal)
        last = std::min(last, position + 1);
      if (window > 0)
        first = std::max<int64_t>(0, position - window + 1);
      last = std::max(first, last);
      for (int64_t h = 0; h < s.heads; ++h) {
        int64_t keyHead = b * s.keys * s.keyHeads + h * s.keyHeads / s.heads;
        attend(s, &q[(row * s.heads + h) * s.size], k.data() + keyHead * s.size, v.data() + keyHead * s.valueSize, first, last, scale, softcap, scores,
               &out[(row * s.heads + h) * s.valueSize]);
      }
    }
  }
  results.push_back(makeTensor({s.batch, s.queries, s.heads, s.valueSize}, std::move(out)));
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
  int64_t batch = shape[2], capacity = shape[3], token = shape[4] * shape[5], length = operands.shape(op.getSource())[1];
  int64_t layer = op.getLayer(), slot = op.getSlot();
  if (failed(operands.expectShape(op.getSource(), "the source", {batch, length, shape[4], shape[5]})) ||
      failed(operands.expectShape(op.getPast(), "past", {batch})) || failed(operands.expectShape(op.getCount(), "count", {batch})))
    return failure();
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
    int64_t to = (((layer * shape[1] + slot) * batch + b) * capacity + past[b]) * token;
    std::copy_n(source.begin() + b * length * token, count[b] * token, result.begin() + to);
  }
  results.push_back(makeTensor(shape, std::move(result)));
  return success();
}

} // namespace

void reference::registerNNModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NNDialect *) {
    NormOp::attachInterface<Model<NormOp, norm>>(*context);
    RopeOp::attachInterface<Model<RopeOp, rope>>(*context);
    AttentionOp::attachInterface<Model<AttentionOp, attention>>(*context);
    CacheUpdateOp::attachInterface<Model<CacheUpdateOp, cacheUpdate>>(*context);
    ActivationOp::attachInterface<Model<ActivationOp, activation>>(*context);
    TapOp::attachInterface<Model<TapOp, tap>>(*context);
  });
}
