//===- Attention.cpp - evaluation of attention ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Values.h"
#include "allot/Dialect/NN/IR/NN.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::nn;
using namespace allot::reference;

namespace {

/// What `nn.attention` and `nn.attention_grad` read: operands, sizes, and who sees what.
struct Attention {
  int64_t batch = 0, queries = 0, keys = 0, heads = 0, keyHeads = 0, size = 0, valueSize = 0;
  ArrayRef<float> q, k, v, distances, sinks;
  ArrayRef<int64_t> past, total, mask;
  int64_t farthest = 0;
  double scale = 1, softcap = 0;
  int64_t window = 0;
  bool causal = false;

  /// `out` is the result, or its gradient: `[batch, queries, heads, valueSize]`.
  template <typename OpT> LogicalResult read(OpT op, Operands &operands, Value out, StringRef outName) {
    if (failed(operands.read(op.getQ(), "q", q)) || failed(operands.read(op.getK(), "k", k)) || failed(operands.read(op.getV(), "v", v)) ||
        failed(operands.read(op.getPast(), "past", past)) || failed(operands.expectRank(op.getQ(), "q", 4)) ||
        failed(operands.expectRank(op.getK(), "k", 4)) || failed(operands.expectRank(op.getV(), "v", 4)))
      return failure();
    ArrayRef<int64_t> qs = operands.shape(op.getQ()), ks = operands.shape(op.getK()), vs = operands.shape(op.getV());
    batch = qs[0], queries = qs[1], keys = ks[1], heads = qs[2], keyHeads = ks[2], size = qs[3], valueSize = vs[3];
    if (failed(operands.expectShape(op.getK(), "k", {batch, keys, keyHeads, size})) ||
        failed(operands.expectShape(op.getV(), "v", {batch, keys, keyHeads, valueSize})) ||
        failed(operands.expectShape(op.getPast(), "past", {batch})) ||
        failed(operands.expectShape(out, outName, {batch, queries, heads, valueSize})))
      return failure();
    if (keyHeads == 0 || heads % keyHeads != 0)
      return op.emitOpError() << keyHeads << " key heads do not divide " << heads << " query heads";
    if (op.getTotal()) {
      if (failed(operands.read(op.getTotal(), "total", total)) || failed(operands.expectShape(op.getTotal(), "total", {batch})))
        return failure();
      for (auto [row, count] : llvm::enumerate(total))
        if (count < 0 || count > keys)
          return op.emitOpError() << "row " << row << " has " << count << " keys in all, but k holds " << keys;
    }
    if (op.getMask() && (failed(operands.read(op.getMask(), "the mask", mask)) || failed(operands.expectShape(op.getMask(), "the mask", {batch, keys}))))
      return failure();
    if (op.getDistances()) {
      if (failed(operands.read(op.getDistances(), "distances", distances)) || failed(operands.expectRank(op.getDistances(), "distances", 2)))
        return failure();
      int64_t count = operands.shape(op.getDistances())[1];
      if (count % 2 == 0)
        return op.emitOpError() << "has an even number of distances, " << count;
      farthest = count / 2;
      if (failed(operands.expectShape(op.getDistances(), "distances", {heads, count})))
        return failure();
    }
    if (op.getSinks() && (failed(operands.read(op.getSinks(), "sinks", sinks)) || failed(operands.expectShape(op.getSinks(), "sinks", {heads}))))
      return failure();
    scale = op.getScale().convertToDouble(), softcap = op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0.0;
    window = op.getWindow().value_or(0);
    causal = op.getCausal();
    return success();
  }

  /// The keys `[first, last)` that query `t` of batch row `b` sees; there may be none.
  std::pair<int64_t, int64_t> seen(int64_t b, int64_t t) const {
    int64_t position = past[b] + t, first = 0, last = total.empty() ? keys : total[b];
    if (causal)
      last = std::min(last, position + 1);
    if (window > 0)
      first = std::max<int64_t>(0, position - window + 1);
    return {first, std::max(first, last)};
  }
  /// Places in q and its like, in k, in v.
  int64_t queryAt(int64_t b, int64_t t, int64_t h) const { return ((b * queries + t) * heads + h) * size; }
  int64_t outAt(int64_t b, int64_t t, int64_t h) const { return ((b * queries + t) * heads + h) * valueSize; }
  int64_t keyAt(int64_t b, int64_t j, int64_t h) const { return ((b * keys + j) * keyHeads + h * keyHeads / heads) * size; }
  int64_t valueAt(int64_t b, int64_t j, int64_t h) const { return ((b * keys + j) * keyHeads + h * keyHeads / heads) * valueSize; }

  /// The softmax over the keys that a query sees, and, where asked for, the derivative of each score by what the soft cap is applied to.
  void weigh(int64_t b, int64_t t, int64_t h, std::vector<double> &weights, std::vector<double> *slopes = nullptr) const {
    auto [first, last] = seen(b, t);
    weights.clear();
    if (slopes)
      slopes->clear();
    double largest = -INFINITY, sum = 0;
    for (int64_t j = first; j < last; ++j) {
      double score = 0;
      for (int64_t d = 0; d < size; ++d)
        score += double(q[queryAt(b, t, h) + d]) * k[keyAt(b, j, h) + d];
      score *= scale;
      double bend = softcap > 0 ? std::tanh(score / softcap) : 0.0;
      if (softcap > 0)
        score = softcap * bend;
      if (slopes)
        slopes->push_back(1.0 - bend * bend);
      if (!distances.empty())
        score += distances[h * (2 * farthest + 1) + std::clamp(j - past[b] - t, -farthest, farthest) + farthest];
      if (!mask.empty() && mask[b * keys + j] == 0)
        score = -INFINITY;
      largest = std::max(largest, score);
      weights.push_back(score);
    }
    if (!sinks.empty()) {
      largest = std::max<double>(largest, sinks[h]);
      sum = std::exp(sinks[h] - largest);
    }
    // Where the mask hides all keys the result is zero, as where there are none.
    if (largest == -INFINITY)
      return weights.assign(weights.size(), 0.0);
    for (double &weight : weights)
      sum += weight = std::exp(weight - largest);
    for (double &weight : weights)
      weight /= sum;
  }
};

LogicalResult attention(AttentionOp op, Values values, Results &results) {
  if (!op.getResult())
    return op.emitOpError() << "has a reference evaluation on tensors alone";
  Operands operands(op, values);
  Attention a;
  if (failed(a.read(op, operands, op.getInit(), "the destination")))
    return failure();
  std::vector<float> out(a.batch * a.queries * a.heads * a.valueSize);
#pragma omp parallel
  {
    std::vector<double> weights;
#pragma omp for schedule(dynamic)
    for (int64_t row = 0; row < a.batch * a.queries; ++row)
      for (int64_t h = 0; h < a.heads; ++h) {
        int64_t b = row / a.queries, t = row % a.queries, first = a.seen(b, t).first;
        a.weigh(b, t, h, weights);
        for (int64_t d = 0; d < a.valueSize; ++d) {
          double sum = 0;
          for (size_t i = 0; i < weights.size(); ++i)
            sum += weights[i] * a.v[a.valueAt(b, first + i, h) + d];
          out[a.outAt(b, t, h) + d] = float(sum);
        }
      }
  }
  results.push_back(makeTensor({a.batch, a.queries, a.heads, a.valueSize}, std::move(out)));
  return success();
}

LogicalResult attentionGrad(AttentionGradOp op, Values values, Results &results) {
  if (op.getResults().empty())
    return op.emitOpError() << "has a reference evaluation on tensors alone";
  Operands operands(op, values);
  Attention a;
  ArrayRef<float> grad;
  if (failed(a.read(op, operands, op.getGrad(), "the gradient")) || failed(operands.read(op.getGrad(), "the gradient", grad)))
    return failure();
  std::vector<double> dq(a.q.size()), dk(a.k.size()), dv(a.v.size());
  // Rows of a batch touch keys of their own.
#pragma omp parallel for schedule(dynamic)
  for (int64_t b = 0; b < a.batch; ++b) {
    std::vector<double> weights, slopes, along;
    for (int64_t t = 0; t < a.queries; ++t)
      for (int64_t h = 0; h < a.heads; ++h) {
        int64_t first = a.seen(b, t).first, query = a.queryAt(b, t, h), out = a.outAt(b, t, h);
        a.weigh(b, t, h, weights, &slopes);
        along.assign(weights.size(), 0.0);
        double mean = 0;
        for (size_t i = 0; i < weights.size(); ++i) {
          int64_t value = a.valueAt(b, first + i, h);
          for (int64_t d = 0; d < a.valueSize; ++d) {
            along[i] += double(grad[out + d]) * a.v[value + d];
            dv[value + d] += weights[i] * grad[out + d];
          }
          mean += weights[i] * along[i];
        }
        for (size_t i = 0; i < weights.size(); ++i) {
          int64_t key = a.keyAt(b, first + i, h);
          double ds = weights[i] * (along[i] - mean) * slopes[i] * a.scale;
          for (int64_t d = 0; d < a.size; ++d) {
            dq[query + d] += ds * a.k[key + d];
            dk[key + d] += ds * a.q[query + d];
          }
        }
      }
  }
  for (auto [of, gradient] : {std::pair(op.getQ(), &dq), {op.getK(), &dk}, {op.getV(), &dv}})
    results.push_back(makeTensor(operands.shape(of), std::vector<float>(gradient->begin(), gradient->end())));
  return success();
}

} // namespace

void reference::registerAttentionModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NNDialect *) {
    AttentionOp::attachInterface<Model<AttentionOp, attention>>(*context);
    AttentionGradOp::attachInterface<Model<AttentionGradOp, attentionGrad>>(*context);
  });
}
