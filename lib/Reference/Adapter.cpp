//===- Adapter.cpp - evaluation of maps and their uses ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "Bank.h"
#include "Maps.h"
#include "NNFunctions.h"
#include "Values.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::reference;

namespace {

/// Rows that a map meets together: bounds the memory that double precision takes.
constexpr int64_t chunkRows = 256;

RefValue mapValue(MapType type, MapRef map) {
  RefValue value;
  value.shape.assign(type.getShape().begin(), type.getShape().end());
  value.map = std::move(map);
  return value;
}

/// The matrix of a plain or encoded tensor; the matrices of a bank one below the other.
FailureOr<MapRef> matrixMap(Operation *op, const Operands &operands, Value tensor, StringRef what) {
  const RefValue &value = operands.at(tensor);
  auto rows = rowsOf(value);
  if (!rows)
    return op->emitOpError() << "reads " << what << " before it is written";
  auto [out, in] = foldedShape(value.shape);
  return makeDenseMap(std::move(rows), out, in);
}

FailureOr<MapRef> diagonalMap(const Operands &operands, Value vector, StringRef what) {
  std::vector<float> numbers;
  if (failed(operands.decode(vector, what, numbers)))
    return failure();
  return makeDiagonalMap(std::vector<double>(numbers.begin(), numbers.end()));
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

LogicalResult dense(DenseOp op, Values values, Results &results) {
  FailureOr<MapRef> map = matrixMap(op, Operands(op, values), op.getTensor(), "the matrix");
  if (succeeded(map))
    results.push_back(mapValue(op.getResult().getType(), *map));
  return map;
}

LogicalResult lowRank(LowRankOp op, Values values, Results &results) {
  Operands operands(op, values);
  FailureOr<MapRef> b = matrixMap(op, operands, op.getB(), "factor B"), a = matrixMap(op, operands, op.getA(), "factor A");
  if (failed(b) || failed(a))
    return failure();
  std::vector<MapRef> chain{*b};
  if (op.getGate()) {
    FailureOr<MapRef> gate = diagonalMap(operands, op.getGate(), "the gate");
    if (failed(gate))
      return failure();
    chain.push_back(*gate);
  }
  chain.push_back(*a);
  results.push_back(mapValue(op.getResult().getType(), makeComposedMap(std::move(chain))));
  return success();
}

LogicalResult diagonal(DiagonalOp op, Values values, Results &results) {
  FailureOr<MapRef> map = diagonalMap(Operands(op, values), op.getVector(), "the diagonal");
  if (succeeded(map))
    results.push_back(mapValue(op.getResult().getType(), *map));
  return map;
}

LogicalResult permutation(PermutationOp op, Values, Results &results) {
  results.push_back(mapValue(op.getResult().getType(), makePermutationMap(op.getSources())));
  return success();
}

std::vector<MapRef> mapsOf(Values values) {
  std::vector<MapRef> maps;
  for (const RefValue &value : values)
    maps.push_back(value.map);
  return maps;
}

LogicalResult sum(SumOp op, Values values, Results &results) {
  results.push_back(mapValue(op.getResult().getType(), makeSumMap(mapsOf(values))));
  return success();
}

LogicalResult compose(ComposeOp op, Values values, Results &results) {
  results.push_back(mapValue(op.getResult().getType(), makeComposedMap(mapsOf(values))));
  return success();
}

LogicalResult scale(ScaleOp op, Values values, Results &results) {
  results.push_back(mapValue(op.getResult().getType(), makeScaledMap(values[0].map, op.getFactor().convertToDouble())));
  return success();
}

LogicalResult transpose(TransposeOp op, Values values, Results &results) {
  // The transposed members of a bank stand one below the other again.
  std::vector<MapRef> members;
  for (MapRef member : membersOf(values[0]))
    members.push_back(makeTransposedMap(std::move(member)));
  results.push_back(mapValue(op.getResult().getType(), members.size() == 1 ? members.front() : makeConcatMap(0, std::move(members))));
  return success();
}

LogicalResult concat(ConcatOp op, Values values, Results &results) {
  results.push_back(mapValue(op.getResult().getType(), makeConcatMap(op.getDim(), mapsOf(values))));
  return success();
}

LogicalResult reorder(ReorderOp op, Values values, Results &results) {
  std::vector<float> numbers;
  if (failed(Operands(op, values).decode(op.getPositions(), "the positions", numbers)))
    return failure();
  std::vector<int64_t> positions;
  float last = float(numbers.size() - 1);
  for (float number : numbers)
    positions.push_back(int64_t(std::clamp(number, 0.0f, last)));
  results.push_back(mapValue(op.getResult().getType(), makeReorderedMap(values[0].map, std::move(positions))));
  return success();
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

/// What follows a product on its way to memory.
struct Epilogue {
  ArrayRef<float> bias, multiplier, residual;
  double (*activation)(double) = nullptr;
};

/// y = activation(map(x) + bias) * multiplier + residual, a few rows at a time.
std::vector<float> applyMap(const RefValue::Map &map, ArrayRef<float> x, const Epilogue &epilogue) {
  int64_t rows = x.size() / map.in;
  std::vector<float> result(rows * map.out);
  std::vector<double> from, to;
  for (int64_t first = 0; first < rows; first += chunkRows) {
    int64_t n = std::min(chunkRows, rows - first);
    ArrayRef<float> chunk = x.slice(first * map.in, n * map.in);
    from.assign(chunk.begin(), chunk.end());
    to.resize(n * map.out);
    map.apply(from.data(), n, to.data());
    for (int64_t i = 0; i < n * map.out; ++i) {
      double y = to[i];
      int64_t place = first * map.out + i;
      if (!epilogue.bias.empty())
        y += epilogue.bias[i % map.out];
      if (epilogue.activation)
        y = epilogue.activation(y);
      if (!epilogue.multiplier.empty())
        y *= epilogue.multiplier[place];
      if (!epilogue.residual.empty())
        y += epilogue.residual[place];
      result[place] = float(y);
    }
  }
  return result;
}

SmallVector<int64_t> withLast(ArrayRef<int64_t> shape, int64_t last) {
  SmallVector<int64_t> result(shape);
  result.back() = last;
  return result;
}

/// Checks x against the columns of a map.
LogicalResult checkInput(Operation *op, ArrayRef<int64_t> shape, const RefValue::Map &map) {
  if (shape.empty() || shape.back() != map.in)
    return op->emitOpError() << "x is " << shapeText(shape) << " at run time, but the map takes " << map.in << " inputs";
  SmallVector<int64_t> result = withLast(shape, map.out);
  return countElements(op, result);
}

LogicalResult apply(ApplyOp op, Values values, Results &results) {
  Operands operands(op, values);
  if (op.getIds()) {
    std::vector<double> y;
    std::vector<float> bias;
    int64_t out = op.getMap().getType().getOut();
    if (failed(applyBank(op, values, y)) ||
        (op.getBias() && (failed(operands.decode(op.getBias(), "the bias", bias)) || failed(operands.expectShape(op.getBias(), "the bias", {out})))))
      return failure();
    std::vector<float> result(y.size());
    for (size_t i = 0; i < y.size(); ++i)
      result[i] = float(y[i] + (bias.empty() ? 0.0 : bias[i % out]));
    results.push_back(makeTensor(withLast(operands.shape(op.getX()), out), std::move(result)));
    return success();
  }
  const RefValue::Map &map = *operands.at(op.getMap()).map;
  Epilogue epilogue;
  ArrayRef<float> x;
  if (failed(operands.read(op.getX(), "x", x)) || failed(checkInput(op, operands.shape(op.getX()), map)))
    return failure();
  std::vector<float> bias;
  if (op.getBias()) {
    if (failed(operands.decode(op.getBias(), "the bias", bias)) || failed(operands.expectShape(op.getBias(), "the bias", {map.out})))
      return failure();
    epilogue.bias = bias;
  }
  results.push_back(makeTensor(withLast(operands.shape(op.getX()), map.out), applyMap(map, x, epilogue)));
  return success();
}

/// Rows `ids` of a map, `[ids..., IN]`.
LogicalResult readRows(Operation *op, const RefValue::Map &map, const RefValue &idsValue, ArrayRef<int64_t> ids, Results &results) {
  for (auto [place, id] : llvm::enumerate(ids))
    if (id < 0 || id >= map.out)
      return op->emitOpError() << "id " << id << " at place " << place << " is not in [0, " << map.out << ")";
  SmallVector<int64_t> shape = idsValue.shape;
  shape.push_back(map.in);
  FailureOr<int64_t> count = countElements(op, shape);
  if (failed(count))
    return failure();
  std::vector<float> result(*count);
  std::vector<double> rows;
  for (size_t first = 0; first < ids.size(); first += chunkRows) {
    ArrayRef<int64_t> chunk = ids.slice(first, std::min<size_t>(chunkRows, ids.size() - first));
    rows.resize(chunk.size() * map.in);
    map.readRows(chunk, rows.data());
    std::copy(rows.begin(), rows.end(), result.begin() + first * map.in);
  }
  results.push_back(makeTensor(shape, std::move(result)));
  return success();
}

LogicalResult gather(GatherOp op, Values values, Results &results) {
  Operands operands(op, values);
  ArrayRef<int64_t> ids;
  if (failed(operands.read(op.getIds(), "the ids", ids)))
    return failure();
  return readRows(op, *operands.at(op.getMap()).map, operands.at(op.getIds()), ids, results);
}

LogicalResult materialize(MaterializeOp op, Values values, Results &results) {
  const RefValue::Map &map = *values[0].map;
  SmallVector<int64_t> ids = llvm::to_vector(llvm::seq<int64_t>(0, map.out));
  RefValue allRows = makeUnwritten({map.out});
  if (failed(readRows(op, map, allRows, ids, results)))
    return failure();
  results.back().shape = values[0].shape;
  return success();
}

//===----------------------------------------------------------------------===//
// What kernels compute, as the tensor form says; `arithmetic` is f32 here whatever the op asks of its kernel
//===----------------------------------------------------------------------===//

double (*functionOf(Activation activation))(double) {
  switch (activation) {
  case Activation::None:
    return nullptr;
  case Activation::SiLU:
    return silu;
  case Activation::GELU:
    return gelu;
  case Activation::GELUTanh:
    return geluTanh;
  case Activation::ReLU:
    return relu;
  }
  return nullptr;
}

LogicalResult linear(LinearOp op, Values values, Results &results) {
  if (!op.getResult() || op.getStored())
    return op.emitOpError() << "has a reference evaluation on tensors alone, before their storage is lowered";
  Operands operands(op, values);
  ArrayRef<int64_t> shape = operands.shape(op.getX());
  FailureOr<MapRef> weight = matrixMap(op, operands, op.getWeight(), "the weight");
  if (failed(weight))
    return failure();
  std::vector<MapRef> terms{*weight};
  OperandRange factors = op.getFactors();
  for (auto [i, scale] : llvm::enumerate(op.getScales())) {
    FailureOr<MapRef> b = matrixMap(op, operands, factors[2 * i], "a factor"), a = matrixMap(op, operands, factors[2 * i + 1], "a factor");
    if (failed(b) || failed(a))
      return failure();
    terms.push_back(makeScaledMap(makeComposedMap({*b, *a}), scale));
  }
  MapRef map = makeSumMap(std::move(terms));

  Epilogue epilogue;
  epilogue.activation = functionOf(op.getActivation());
  ArrayRef<float> x;
  if (failed(operands.read(op.getX(), "x", x)) || failed(checkInput(op, shape, *map)))
    return failure();
  SmallVector<int64_t> resultShape = withLast(shape, map->out);
  std::vector<float> bias;
  if (op.getBias()) {
    if (failed(operands.decode(op.getBias(), "the bias", bias)) || failed(operands.expectShape(op.getBias(), "the bias", {map->out})))
      return failure();
    epilogue.bias = bias;
  }
  auto readLike = [&](Value operand, StringRef what, ArrayRef<float> &elements) {
    return success(!operand || (succeeded(operands.read(operand, what, elements)) && succeeded(operands.expectShape(operand, what, resultShape))));
  };
  if (failed(readLike(op.getMultiplier(), "the multiplier", epilogue.multiplier)) || failed(readLike(op.getResidual(), "the residual", epilogue.residual)) ||
      failed(operands.expectShape(op.getInit(), "the destination", resultShape)))
    return failure();
  results.push_back(makeTensor(resultShape, applyMap(*map, x, epilogue)));
  return success();
}

LogicalResult lookup(LookupOp op, Values values, Results &results) {
  if (!op.getResult() || op.getStored())
    return op.emitOpError() << "has a reference evaluation on tensors alone, before their storage is lowered";
  Operands operands(op, values);
  FailureOr<MapRef> table = matrixMap(op, operands, op.getTable(), "the table");
  ArrayRef<int64_t> ids;
  if (failed(table) || failed(operands.read(op.getIds(), "the ids", ids)))
    return failure();
  return readRows(op, **table, operands.at(op.getIds()), ids, results);
}

} // namespace

void reference::registerAdapterModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AdapterDialect *) {
    DenseOp::attachInterface<Model<DenseOp, dense>>(*context);
    LowRankOp::attachInterface<Model<LowRankOp, lowRank>>(*context);
    DiagonalOp::attachInterface<Model<DiagonalOp, diagonal>>(*context);
    PermutationOp::attachInterface<Model<PermutationOp, permutation>>(*context);
    SumOp::attachInterface<Model<SumOp, sum>>(*context);
    ComposeOp::attachInterface<Model<ComposeOp, compose>>(*context);
    ScaleOp::attachInterface<Model<ScaleOp, scale>>(*context);
    TransposeOp::attachInterface<Model<TransposeOp, transpose>>(*context);
    ConcatOp::attachInterface<Model<ConcatOp, concat>>(*context);
    ReorderOp::attachInterface<Model<ReorderOp, reorder>>(*context);
    ApplyOp::attachInterface<Model<ApplyOp, apply>>(*context);
    GatherOp::attachInterface<Model<GatherOp, gather>>(*context);
    MaterializeOp::attachInterface<Model<MaterializeOp, materialize>>(*context);
    LinearOp::attachInterface<Model<LinearOp, linear>>(*context);
    LookupOp::attachInterface<Model<LookupOp, lookup>>(*context);
  });
}
