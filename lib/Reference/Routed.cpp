//===- Routed.cpp - evaluation of routed layers -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An assignment is a tensor of ids with floats beside them: its weights.
//
//===----------------------------------------------------------------------===//

#include "Routed.h"
#include "Values.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace allot;
using namespace allot::routed;
using namespace allot::reference;

//===----------------------------------------------------------------------===//
// Policies
//===----------------------------------------------------------------------===//

/// The numbers of `candidates`, the best first; of equals the first one.
static std::vector<int64_t> byScore(ArrayRef<double> scores, std::vector<int64_t> candidates) {
  std::stable_sort(candidates.begin(), candidates.end(), [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  return candidates;
}

static std::vector<int64_t> upTo(int64_t count) {
  std::vector<int64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

namespace {

struct TokenChoiceModel : RoutingReferenceInterface::ExternalModel<TokenChoiceModel, TokenChoiceAttr> {
  void choose(Attribute attribute, ArrayRef<double> scores, int64_t rows, int64_t experts, MutableArrayRef<uint8_t> chosen) const {
    auto policy = cast<TokenChoiceAttr>(attribute);
    int64_t size = experts / policy.getGroups();
    for (int64_t row = 0; row < rows; ++row) {
      ArrayRef<double> of = scores.slice(row * experts, experts);
      std::vector<double> groups;
      for (int64_t first = 0; first < experts; first += size) {
        std::vector<double> sorted(of.begin() + first, of.begin() + first + size);
        std::sort(sorted.begin(), sorted.end(), std::greater<>());
        groups.push_back(policy.getBy() == GroupScore::Largest ? sorted[0] : sorted[0] + sorted[1]);
      }
      std::vector<int64_t> best = byScore(groups, upTo(groups.size())), candidates;
      best.resize(policy.getKept());
      std::sort(best.begin(), best.end());
      for (int64_t group : best)
        for (int64_t e = group * size; e < (group + 1) * size; ++e)
          candidates.push_back(e);
      candidates = byScore(of, candidates);
      for (int64_t i = 0; i < policy.getK(); ++i)
        chosen[row * experts + candidates[i]] = 1;
    }
  }
};

struct ExpertChoiceModel : RoutingReferenceInterface::ExternalModel<ExpertChoiceModel, ExpertChoiceAttr> {
  void choose(Attribute attribute, ArrayRef<double> scores, int64_t rows, int64_t experts, MutableArrayRef<uint8_t> chosen) const {
    auto policy = cast<ExpertChoiceAttr>(attribute);
    int64_t count = policy.getFraction() ? std::max<int64_t>(1, int64_t(policy.getFraction().getValueAsDouble() * double(rows))) : policy.getRows();
    for (int64_t e = 0; e < experts; ++e) {
      std::vector<double> column;
      for (int64_t row = 0; row < rows; ++row)
        column.push_back(scores[row * experts + e]);
      std::vector<int64_t> best = byScore(column, upTo(rows));
      for (int64_t i = 0; i < std::min(count, rows); ++i)
        chosen[best[i] * experts + e] = 1;
    }
  }
};

struct GlobalChoiceModel : RoutingReferenceInterface::ExternalModel<GlobalChoiceModel, GlobalChoiceAttr> {
  void choose(Attribute attribute, ArrayRef<double> scores, int64_t rows, int64_t experts, MutableArrayRef<uint8_t> chosen) const {
    double perRow = cast<GlobalChoiceAttr>(attribute).getPerRow().getValueAsDouble();
    int64_t count = std::min(rows * experts, std::max<int64_t>(1, int64_t(perRow * double(rows))));
    // Of equal pairs the lower expert comes first, then the earlier row.
    std::vector<int64_t> pairs;
    for (int64_t e = 0; e < experts; ++e)
      for (int64_t row = 0; row < rows; ++row)
        pairs.push_back(row * experts + e);
    pairs = byScore(scores, pairs);
    for (int64_t i = 0; i < count; ++i)
      chosen[pairs[i]] = 1;
  }
};

struct TopPModel : RoutingReferenceInterface::ExternalModel<TopPModel, TopPAttr> {
  void choose(Attribute attribute, ArrayRef<double> scores, int64_t rows, int64_t experts, MutableArrayRef<uint8_t> chosen) const {
    double p = cast<TopPAttr>(attribute).getP().getValueAsDouble();
    for (int64_t row = 0; row < rows; ++row) {
      ArrayRef<double> of = scores.slice(row * experts, experts);
      double sum = 0;
      for (int64_t e : byScore(of, upTo(experts))) {
        chosen[row * experts + e] = 1;
        sum += of[e];
        if (sum >= p)
          break;
      }
    }
  }
};

struct ThresholdModel : RoutingReferenceInterface::ExternalModel<ThresholdModel, ThresholdAttr> {
  void choose(Attribute attribute, ArrayRef<double> scores, int64_t rows, int64_t experts, MutableArrayRef<uint8_t> chosen) const {
    double least = cast<ThresholdAttr>(attribute).getLeast().getValueAsDouble();
    for (int64_t i = 0; i < rows * experts; ++i)
      chosen[i] = scores[i] >= least;
  }
};

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

std::vector<double> scoresOf(Score score, ArrayRef<float> logits, int64_t experts) {
  std::vector<double> scores(logits.begin(), logits.end());
  for (size_t first = 0; first < scores.size(); first += experts) {
    MutableArrayRef<double> row(scores.data() + first, experts);
    double largest = *llvm::max_element(row), total = 0;
    for (double &s : row) {
      if (score == Score::Sigmoid)
        s = 1.0 / (1.0 + std::exp(-s));
      else if (score == Score::Softmax)
        total += s = std::exp(s - largest);
    }
    if (score == Score::Softmax)
      for (double &s : row)
        s /= total;
    // Choices are made between scores as they are stored.
    for (double &s : row)
      s = float(s);
  }
  return scores;
}

/// Weights of the chosen experts of a row.
std::vector<double> weightsOf(Weighting weighting, ArrayRef<int64_t> ids, ArrayRef<double> scores, ArrayRef<float> logits) {
  std::vector<double> weights;
  double largest = -INFINITY, total = 0;
  for (int64_t id : ids)
    largest = std::max(largest, double(logits[id]));
  for (int64_t id : ids) {
    weights.push_back(weighting == Weighting::Ones ? 1.0 : weighting == Weighting::Softmax ? std::exp(logits[id] - largest) : scores[id]);
    total += weights.back();
  }
  if (weighting == Weighting::Normalized || weighting == Weighting::Softmax)
    for (double &weight : weights)
      weight /= total;
  return weights;
}

template <typename OpT> LogicalResult selectInto(OpT op, Values values, RefValue &ids, RefValue &weights) {
  Operands operands(op, values);
  ArrayRef<float> logits, bias;
  if (failed(operands.read(op.getLogits(), "the logits", logits)) || (op.getBias() && failed(operands.read(op.getBias(), "the bias", bias))))
    return failure();
  SmallVector<int64_t> shape(operands.shape(op.getLogits()));
  int64_t experts = shape.back(), rows = shape[shape.size() - 2], batch = shape.size() == 3 ? shape[0] : 1;
  for (auto [i, logit] : llvm::enumerate(logits))
    if (std::isnan(logit))
      return op.emitOpError() << "the score of row " << i / experts << " for expert " << i % experts << " is not a number";
  std::vector<double> scores = scoresOf(op.getScore(), logits, experts), biased = scores;
  for (size_t i = 0; i < biased.size() && !bias.empty(); ++i)
    biased[i] = float(biased[i] + bias[i % experts]);
  std::vector<uint8_t> chosen(scores.size(), 0);
  auto policy = cast<RoutingReferenceInterface>(op.getPolicy());
  for (int64_t s = 0; s < batch && rows > 0; ++s) {
    int64_t first = s * rows * experts, size = rows * experts;
    policy.choose(ArrayRef(biased).slice(first, size), rows, experts, MutableArrayRef(chosen).slice(first, size));
  }
  int64_t most = op.getPolicy().getMostPerRow(experts);
  std::vector<int64_t> idsOf;
  std::vector<float> weightOf;
  std::vector<int64_t> taken(experts, 0);
  for (int64_t row = 0; row < batch * rows; ++row) {
    if (row % rows == 0)
      std::fill(taken.begin(), taken.end(), 0);
    std::vector<int64_t> own;
    for (int64_t e = 0; e < experts; ++e)
      if (chosen[row * experts + e])
        own.push_back(e);
    std::vector<double> weight = weightsOf(op.getWeighting(), own, ArrayRef(scores).slice(row * experts, experts), logits.slice(row * experts, experts));
    for (int64_t slot = 0; slot < most; ++slot) {
      if (slot >= int64_t(own.size())) {
        idsOf.push_back(-1);
        weightOf.push_back(0);
        continue;
      }
      bool fits = !op.getCapacity() || taken[own[slot]]++ < int64_t(*op.getCapacity());
      idsOf.push_back(own[slot]);
      weightOf.push_back(fits ? float(weight[slot] * op.getFactor().convertToDouble()) : 0.0f);
    }
  }
  shape.back() = most;
  ids = makeTensor(shape, std::move(idsOf));
  weights = makeTensor(shape, std::move(weightOf));
  return success();
}

RefValue assignmentOf(const RefValue &ids, const RefValue &weights) {
  RefValue result = ids;
  result.floats = weights.floats;
  return result;
}

LogicalResult select(SelectOp op, Values values, Results &results) {
  RefValue ids, weights;
  if (failed(selectInto(op, values, ids, weights)))
    return failure();
  results.push_back(assignmentOf(ids, weights));
  return success();
}

LogicalResult choose(ChooseOp op, Values values, Results &results) {
  if (op.getNumResults() != 2)
    return op.emitOpError() << "has a reference evaluation on tensors alone";
  RefValue ids, weights;
  if (failed(selectInto(op, values, ids, weights)))
    return failure();
  results.push_back(std::move(ids));
  results.push_back(std::move(weights));
  return success();
}

LogicalResult assign(AssignOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<int64_t> ids;
  ArrayRef<float> weights;
  if (failed(operands.read(op.getIds(), "the ids", ids)))
    return failure();
  for (int64_t id : ids)
    if (id < -1 || id >= op.getType().getExperts())
      return op.emitOpError() << "id " << id << " is not in [-1, " << op.getType().getExperts() << ")";
  RefValue ones = makeTensor(operands.shape(op.getIds()), std::vector<float>(ids.size(), 1.0f));
  if (op.getWeights() && (failed(operands.read(op.getWeights(), "the weights", weights)) ||
                          failed(operands.expectShape(op.getWeights(), "the weights", operands.shape(op.getIds())))))
    return failure();
  results.push_back(assignmentOf(operands.at(op.getIds()), op.getWeights() ? operands.at(op.getWeights()) : ones));
  return success();
}

LogicalResult unpack(UnpackOp, Values values, Results &results) {
  RefValue ids = values[0], weights = values[0];
  ids.floats = nullptr;
  weights.ints = nullptr;
  results.push_back(std::move(ids));
  results.push_back(std::move(weights));
  return success();
}

} // namespace

//===----------------------------------------------------------------------===//
// Experts
//===----------------------------------------------------------------------===//

LogicalResult reference::evaluateExperts(ExpertsOp op, Values values, RunBlock run, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> x;
  if (failed(operands.read(op.getX(), "x", x)))
    return failure();
  const RefValue &assignment = operands.at(op.getAssignment());
  SmallVector<int64_t> shape(operands.shape(op.getX()));
  int64_t in = shape.back(), most = op.getAssignment().getType().getMost();
  shape.back() = most;
  if (failed(operands.expectShape(op.getAssignment(), "the assignment", shape)))
    return failure();
  ArrayRef<int64_t> ids = *assignment.ints;
  ArrayRef<float> weights = *assignment.floats;
  int64_t out = cast<RankedTensorType>(op.getResult().getType()).getShape().back(), rows = int64_t(ids.size()) / most;
  std::vector<double> y(rows * out, 0.0);
  auto add = [&](int64_t place, const float *from) {
    for (int64_t o = 0; o < out; ++o)
      y[place / most * out + o] += double(weights[place]) * from[o];
  };
  auto placesOf = [&](int64_t expert) {
    std::vector<int64_t> places;
    for (auto [place, id] : llvm::enumerate(ids))
      if (id == expert && weights[place] != 0)
        places.push_back(place);
    return places;
  };
  for (auto [index, body] : llvm::enumerate(op.getBodies())) {
    std::vector<int64_t> numbers, order;
    std::vector<float> gathered;
    for (auto [number, expert] : llvm::enumerate(op.getClassMembers(index)))
      for (int64_t place : placesOf(expert)) {
        order.push_back(place);
        numbers.push_back(number);
        gathered.insert(gathered.end(), x.begin() + place / most * in, x.begin() + (place / most + 1) * in);
      }
    if (order.empty())
      continue;
    int64_t count = order.size();
    RefValue arguments[] = {makeTensor({count, in}, std::move(gathered)), makeTensor({count}, std::move(numbers))};
    SmallVector<RefValue> made;
    if (failed(run(body.front(), arguments, made)))
      return failure();
    if (made.front().shape != SmallVector<int64_t>{count, out} || !made.front().floats)
      return op.emitOpError() << "class " << index << " gives " << shapeText(made.front().shape) << " for " << count << " rows";
    for (auto [i, place] : llvm::enumerate(order))
      add(place, made.front().floats->data() + i * out);
  }
  for (int64_t expert : op.getCopies())
    for (int64_t place : placesOf(expert))
      add(place, x.data() + place / most * in);
  shape.back() = out;
  results.push_back(makeTensor(shape, std::vector<float>(y.begin(), y.end())));
  return success();
}

void reference::registerRoutedModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, RoutedDialect *) {
    TokenChoiceAttr::attachInterface<TokenChoiceModel>(*context);
    ExpertChoiceAttr::attachInterface<ExpertChoiceModel>(*context);
    GlobalChoiceAttr::attachInterface<GlobalChoiceModel>(*context);
    TopPAttr::attachInterface<TopPModel>(*context);
    ThresholdAttr::attachInterface<ThresholdModel>(*context);
    SelectOp::attachInterface<Model<SelectOp, select>>(*context);
    ChooseOp::attachInterface<Model<ChooseOp, choose>>(*context);
    AssignOp::attachInterface<Model<AssignOp, assign>>(*context);
    UnpackOp::attachInterface<Model<UnpackOp, unpack>>(*context);
  });
}
