//===- Linalg.cpp - structured ops, point by point --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Upstream.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::reference;

namespace {

int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(binary.getLHS(), dims), b = evaluate(binary.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::Mod:
    return b > 0 ? ((a % b) + b) % b : 0;
  case AffineExprKind::FloorDiv:
    return b > 0 ? (a - (((a % b) + b) % b)) / b : 0;
  case AffineExprKind::CeilDiv:
    return b > 0 ? -((-a - (((-a % b) + b) % b)) / b) : 0;
  default:
    return 0;
  }
}

/// Place of an element in an operand of `shape`, or -1 where the map leads outside.
int64_t placeOf(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> point) {
  int64_t place = 0;
  for (auto [expr, size] : llvm::zip_equal(map.getResults(), shape)) {
    int64_t index = evaluate(expr, point);
    if (index < 0 || index >= size)
      return -1;
    place = place * size + index;
  }
  return place;
}

/// The next point of the iteration space, the last dimension first; false behind the last point.
bool advance(MutableArrayRef<int64_t> point, ArrayRef<int64_t> sizes) {
  for (size_t d = sizes.size(); d-- > 0;) {
    if (++point[d] < sizes[d])
      return true;
    point[d] = 0;
  }
  return false;
}

/// The sizes of the loops, from the shapes of the operands.
LogicalResult loopSizes(linalg::LinalgOp op, Values operands, SmallVectorImpl<int64_t> &sizes) {
  AffineMap map = op.getShapesToLoopsMap();
  if (!map)
    return op->emitOpError() << "has loops whose size no operand tells";
  SmallVector<int64_t> shapes;
  for (const RefValue &operand : operands)
    shapes.append(operand.shape.begin(), operand.shape.end());
  for (AffineExpr expr : map.getResults())
    sizes.push_back(evaluate(expr, shapes));
  return success();
}

} // namespace

LogicalResult reference::evaluateStructured(Operation *operation, Values operands, Environment environment, Results &results) {
  auto op = cast<linalg::LinalgOp>(operation);
  SmallVector<int64_t> sizes;
  if (failed(loopSizes(op, operands, sizes)))
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  unsigned numInputs = op.getNumDpsInputs(), numInits = op.getNumDpsInits();

  // Results grow in double precision where they are sums.
  SmallVector<std::vector<Scalar>> outputs(numInits);
  for (auto [index, operand] : llvm::enumerate(operands)) {
    bool isInit = index >= numInputs, written = operand.floats || operand.ints;
    if (operand.encoded || operand.map)
      return op->emitOpError() << "operand " << index << " is no plain tensor";
    if (!written && (!isInit || op.payloadUsesValueFromOperand(&op->getOpOperand(index))))
      return op->emitOpError() << "reads operand " << index << " before it is written";
    if (!isInit)
      continue;
    FailureOr<int64_t> count = countElements(op, operand.shape);
    if (failed(count))
      return failure();
    std::vector<Scalar> &output = outputs[index - numInputs];
    output.resize(*count, Scalar{NAN, 0});
    for (int64_t i = 0; written && i < *count; ++i)
      output[i] = elementOf(operand, i);
  }

  FailureOr<ScalarProgram> program = ScalarProgram::create(*op.getBlock(), environment);
  if (failed(program))
    return failure();
  SmallVector<int64_t> point(sizes.size(), 0), places(operands.size());
  SmallVector<Scalar> arguments(operands.size()), yielded(numInits);
  bool isEmpty = llvm::is_contained(sizes, 0);
  while (!isEmpty) {
    for (auto [index, operand] : llvm::enumerate(operands)) {
      places[index] = placeOf(maps[index], operand.shape, point);
      if (places[index] < 0)
        return op->emitOpError() << "operand " << index << " of " << shapeText(operand.shape) << " is too small for the loops of " << shapeText(sizes);
      arguments[index] = index >= numInputs ? outputs[index - numInputs][places[index]] : elementOf(operand, places[index]);
    }
    if (failed(program->run(arguments, point, yielded)))
      return failure();
    for (unsigned i = 0; i < numInits; ++i)
      outputs[i][places[numInputs + i]] = yielded[i];
    if (!advance(point, sizes))
      break;
  }
  for (auto [output, init, value] : llvm::zip_equal(outputs, op.getDpsInits(), operands.drop_front(numInputs)))
    results.push_back(makeTensorOf(getElementTypeOrSelf(init.getType()), value.shape, output));
  return success();
}
