//===- Bank.cpp - evaluation of banks and of their kernels ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Bank.h"
#include "Bank.h"
#include "Maps.h"
#include "Values.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::reference;

namespace {

LogicalResult bank(BankOp op, Values values, Results &results) {
  std::vector<MapRef> members;
  for (const RefValue &value : values)
    members.push_back(value.map);
  RefValue result;
  ArrayRef<int64_t> shape = op.getResult().getType().getShape();
  result.shape.assign(shape.begin(), shape.end());
  // The matrices of a bank stand one below the other.
  result.map = makeConcatMap(0, std::move(members));
  results.push_back(std::move(result));
  return success();
}

LogicalResult select(SelectOp op, Values values, Results &results) {
  int64_t members = values[0].shape[0], index = op.getIndex() ? int64_t(*op.getIndex()) : -1;
  if (op.getAt()) {
    ArrayRef<int64_t> at;
    if (failed(Operands(op, values).read(op.getAt(), "the number of the member", at)))
      return failure();
    index = at.front();
  }
  if (index < 0 || index >= members)
    return op.emitOpError() << "member " << index << " is not one of the " << members << " of the bank";
  RefValue result;
  result.shape.assign(values[0].shape.begin() + 1, values[0].shape.end());
  result.map = membersOf(values[0])[index];
  results.push_back(std::move(result));
  return success();
}

/// What kernels take for groups and ids: fails where a number is not in [low, high).
LogicalResult checkNumbers(Operation *op, StringRef what, ArrayRef<int64_t> numbers, int64_t low, int64_t high) {
  for (int64_t number : numbers)
    if (number < low || number >= high)
      return op->emitOpError() << what << " have " << number << ", which is not in [" << low << ", " << high << ")";
  return success();
}

LogicalResult onTensors(Operation *op, bool isOnTensors) {
  if (isOnTensors)
    return success();
  return op->emitOpError() << "has a reference evaluation on tensors alone, before their storage is lowered";
}

LogicalResult groupRows(GroupRowsOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<int64_t> ids;
  if (failed(onTensors(op, op.getNumResults() == 3)) || failed(operands.read(op.getIds(), "the ids", ids)))
    return failure();
  int64_t count = operands.shape(op.getOffsets())[0] - 1, places = ids.size();
  std::vector<int64_t> order, placeOf(places), offsets;
  auto take = [&](auto chosen) {
    for (auto [place, id] : llvm::enumerate(ids))
      if (chosen(id)) {
        placeOf[place] = order.size();
        order.push_back(place);
      }
  };
  for (int64_t member = 0; member < count; ++member) {
    offsets.push_back(order.size());
    take([&](int64_t id) { return id == member; });
  }
  offsets.push_back(order.size());
  take([&](int64_t id) { return id < 0 || id >= count; });
  for (std::vector<int64_t> *list : {&order, &placeOf, &offsets}) {
    RefValue value = makeUnwritten({int64_t(list->size())});
    value.ints = std::make_shared<std::vector<int64_t>>(std::move(*list));
    results.push_back(std::move(value));
  }
  return success();
}

/// What the sum begins with: the init, or zeros.
LogicalResult startOf(Operation *op, const Operands &operands, Value init, bool accumulate, ArrayRef<int64_t> shape, std::vector<double> &y) {
  FailureOr<int64_t> count = countElements(op, shape);
  if (failed(count) || failed(operands.expectShape(init, "the destination", shape)))
    return failure();
  y.assign(*count, 0.0);
  if (!accumulate)
    return success();
  ArrayRef<float> from;
  if (failed(operands.read(init, "the destination", from)))
    return failure();
  llvm::copy(from, y.begin());
  return success();
}

/// Weights of `places` places, 1 where there are none.
LogicalResult weightsOf(const Operands &operands, Value weights, int64_t places, std::vector<double> &result) {
  result.assign(places, 1.0);
  ArrayRef<float> numbers;
  if (!weights)
    return success();
  if (failed(operands.read(weights, "the weights", numbers)) || failed(operands.expectShape(weights, "the weights", {places})))
    return failure();
  llvm::copy(numbers, result.begin());
  return success();
}

/// Places of a row; fails where they do not come out even.
LogicalResult placesPerRow(Operation *op, int64_t rows, int64_t places, int64_t &perRow) {
  perRow = rows ? places / rows : 0;
  if (perRow * rows != places)
    return op->emitOpError() << "has " << places << " places for " << rows << " rows";
  return success();
}

RefValue rounded(ArrayRef<int64_t> shape, const std::vector<double> &values) {
  RefValue result = makeUnwritten(shape);
  result.floats = std::make_shared<std::vector<float>>(values.begin(), values.end());
  return result;
}

/// The sum of the maps of all terms on the rows that chose their members; `mapOf` gives that of a term.
template <typename OpT> LogicalResult groupedMaps(OpT op, Values values, llvm::function_ref<MapRef(const Operands &, size_t)> mapOf, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> x;
  ArrayRef<int64_t> order, offsets;
  if (failed(onTensors(op, op.getResult() && !op.getStored())) || failed(operands.read(op.getX(), "x", x)) ||
      failed(operands.read(op.getOrder(), "the order", order)) || failed(operands.read(op.getOffsets(), "the offsets", offsets)))
    return failure();
  SmallVector<int64_t> shape(operands.shape(op.getX()));
  int64_t in = shape.back(), rows = int64_t(x.size()) / in, places = order.size(), perRow;
  int64_t out = op.getStoredType(0).getDimSize(0);
  shape.back() = out;
  std::vector<double> y, weights;
  if (failed(checkNumbers(op, "the order", order, 0, places)) || failed(checkNumbers(op, "the offsets", offsets, 0, places + 1)) ||
      failed(startOf(op, operands, op.getInit(), op.getAccumulate(), shape, y)) || failed(weightsOf(operands, op.getWeights(), places, weights)) ||
      failed(placesPerRow(op, rows, places, perRow)))
    return failure();
  for (auto [t, member] : llvm::enumerate(op.getMembers())) {
    MapRef map = mapOf(operands, t);
    for (int64_t e = offsets[member]; e < offsets[member + 1]; ++e) {
      int64_t place = order[e], row = place / perRow;
      std::vector<double> from(x.begin() + row * in, x.begin() + (row + 1) * in), to(out);
      map->apply(from.data(), 1, to.data());
      for (int64_t o = 0; o < out; ++o)
        y[row * out + o] += weights[place] * op.getScales()[t] * to[o];
    }
  }
  results.push_back(rounded(shape, y));
  return success();
}

MapRef matrixOf(const Operands &operands, Value stored, RankedTensorType type) {
  return makeDenseMap(rowsOf(operands.at(stored)), type.getDimSize(0), type.getDimSize(1));
}

LogicalResult groupedLowRank(GroupedLowRankOp op, Values values, Results &results) {
  auto mapOf = [&](const Operands &operands, size_t t) {
    auto factor = [&](size_t i) { return matrixOf(operands, op.getFactors()[i], op.getStoredType(i)); };
    return makeComposedMap({factor(2 * t), factor(2 * t + 1)});
  };
  return groupedMaps(op, values, mapOf, results);
}

LogicalResult groupedLinear(GroupedLinearOp op, Values values, Results &results) {
  auto mapOf = [&](const Operands &operands, size_t t) { return matrixOf(operands, op.getMatrices()[t], op.getStoredType(t)); };
  return groupedMaps(op, values, mapOf, results);
}

LogicalResult groupedDiagonal(GroupedDiagonalOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<float> x;
  ArrayRef<int64_t> ids;
  if (failed(onTensors(op, bool(op.getResult()))) || failed(operands.read(op.getX(), "x", x)) || failed(operands.read(op.getIds(), "the ids", ids)))
    return failure();
  ArrayRef<int64_t> shape = operands.shape(op.getX());
  int64_t n = shape.back(), rows = int64_t(x.size()) / n, perRow;
  std::vector<double> y, weights;
  if (failed(startOf(op, operands, op.getInit(), op.getAccumulate(), shape, y)) || failed(weightsOf(operands, op.getWeights(), ids.size(), weights)) ||
      failed(placesPerRow(op, rows, ids.size(), perRow)))
    return failure();
  std::vector<ArrayRef<float>> vectors(op.getVectors().size());
  std::vector<ArrayRef<int64_t>> lists(op.getSources().size());
  for (auto [vector, numbers] : llvm::zip_equal(op.getVectors(), vectors))
    if (failed(operands.read(vector, "a diagonal", numbers)))
      return failure();
  for (auto [list, numbers] : llvm::zip_equal(op.getSources(), lists))
    if (failed(operands.read(list, "the sources", numbers)) || failed(checkNumbers(op, "the sources", numbers, 0, n)))
      return failure();
  for (auto [place, id] : llvm::enumerate(ids))
    for (auto [t, member] : llvm::enumerate(op.getMembers())) {
      if (member != id)
        continue;
      int64_t row = place / perRow, vector = op.getVectorOf()[t], list = op.getSourcesOf()[t];
      for (int64_t j = 0; j < n; ++j)
        y[row * n + j] += weights[place] * op.getScales()[t] * (vector < 0 ? 1.0 : vectors[vector][j]) * x[row * n + (list < 0 ? j : lists[list][j])];
    }
  results.push_back(rounded(shape, y));
  return success();
}

} // namespace

LogicalResult reference::applyBank(ApplyOp op, Values values, std::vector<double> &y) {
  Operands operands(op, values);
  std::vector<MapRef> members = membersOf(operands.at(op.getMap()));
  ArrayRef<float> x;
  ArrayRef<int64_t> ids;
  if (failed(operands.read(op.getX(), "x", x)) || failed(operands.read(op.getIds(), "the ids", ids)))
    return failure();
  SmallVector<int64_t> leading(operands.shape(op.getX()));
  int64_t in = members.front()->in, out = members.front()->out, rows = 1, perRow = 1;
  leading.pop_back();
  for (int64_t size : leading)
    rows *= size;
  if (op.getWeights()) {
    perRow = operands.shape(op.getIds()).back();
    leading.push_back(perRow);
  }
  std::vector<double> weights(ids.size(), 1.0);
  if (failed(operands.expectShape(op.getIds(), "the ids", leading)))
    return failure();
  if (op.getWeights()) {
    ArrayRef<float> numbers;
    if (failed(operands.read(op.getWeights(), "the weights", numbers)) || failed(operands.expectShape(op.getWeights(), "the weights", leading)))
      return failure();
    llvm::copy(numbers, weights.begin());
  }
  y.assign(rows * out, 0.0);
  std::vector<double> from, to(out);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t e = row * perRow; e < (row + 1) * perRow; ++e) {
      if (ids[e] < -1 || ids[e] >= int64_t(members.size()))
        return op.emitOpError() << "id " << ids[e] << " at place " << e << " is not in [-1, " << members.size() << ")";
      MapRef map = ids[e] >= 0 ? members[ids[e]] : op.getOtherwise() ? operands.at(op.getOtherwise()).map : MapRef();
      if (!map)
        continue;
      from.assign(x.begin() + row * in, x.begin() + (row + 1) * in);
      map->apply(from.data(), 1, to.data());
      for (int64_t o = 0; o < out; ++o)
        y[row * out + o] += weights[e] * to[o];
    }
  return success();
}

void reference::registerBankModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AdapterDialect *) {
    BankOp::attachInterface<Model<BankOp, bank>>(*context);
    SelectOp::attachInterface<Model<SelectOp, select>>(*context);
    GroupRowsOp::attachInterface<Model<GroupRowsOp, groupRows>>(*context);
    GroupedLinearOp::attachInterface<Model<GroupedLinearOp, groupedLinear>>(*context);
    GroupedLowRankOp::attachInterface<Model<GroupedLowRankOp, groupedLowRank>>(*context);
    GroupedDiagonalOp::attachInterface<Model<GroupedDiagonalOp, groupedDiagonal>>(*context);
  });
}
