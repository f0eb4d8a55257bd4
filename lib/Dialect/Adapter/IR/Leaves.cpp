//===- Leaves.cpp - maps made of tensors ----------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapTypes.h"
#include "StructuredBuild.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Fails unless operand `index` of the reference evaluation has the given
/// shape.
static LogicalResult checkOperand(Operation *op, ArrayRef<DenseMatrix> operands,
                                  unsigned index, int64_t rows,
                                  int64_t columns) {
  if (failed(typing::checkCount(op, operands)))
    return failure();
  const DenseMatrix &m = operands[index];
  if (m.rows != rows || m.columns != columns ||
      static_cast<int64_t>(m.values.size()) != rows * columns)
    return op->emitOpError()
           << "operand " << index << " is evaluated as " << m.rows << " x "
           << m.columns << ", but must be " << rows << " x " << columns;
  return success();
}

//===----------------------------------------------------------------------===//
// DenseOp
//===----------------------------------------------------------------------===//

void DenseOp::build(OpBuilder &builder, OperationState &state, Value tensor) {
  auto type = tensorType(tensor);
  build(builder, state,
        MapType::get(builder.getContext(), type.getShape(),
                     type.getElementType()),
        tensor);
}

// (A3)
LogicalResult DenseOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapOfTensor([&] { return emitOpError(); },
                               getTensor().getType()),
      "A3");
}

MapCost DenseOp::getOwnCost(int64_t rows) {
  MapType type = getResult().getType();
  return {format::getStoredBytes(getTensor().getType()),
          2 * uint64_t(rows) * uint64_t(structured::numMembers(type)) *
              uint64_t(type.getOut()) * uint64_t(type.getIn())};
}

Value DenseOp::buildApplication(OpBuilder &, Location, Value) { return {}; }

Value DenseOp::buildMaterialization(OpBuilder &builder, Location loc) {
  return buildDecoded(builder, loc, getTensor());
}

LogicalResult DenseOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                     DenseMatrix &result) {
  // The matrices of a bank stand one below the other.
  MapType type = getResult().getType();
  int64_t rows = structured::numMembers(type) * type.getOut();
  if (failed(checkOperand(*this, operands, 0, rows, type.getIn())))
    return failure();
  result = operands[0];
  return success();
}

Value DenseOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                          int64_t offset, int64_t size) {
  if (getResult().getType().isBank())
    return {};
  Value slice = buildMatrixSlice(builder, loc, getTensor(), axis, offset, size);
  return slice ? DenseOp::create(builder, loc, slice).getResult() : Value();
}

Value DenseOp::buildTransposed(OpBuilder &builder, Location loc,
                               bool structureOnly) {
  if (structureOnly)
    return {};
  return DenseOp::create(builder, loc,
                         buildTransposedMatrix(builder, loc, getTensor()));
}

Value DenseOp::buildGather(OpBuilder &, Location, Value) { return {}; }

void DenseOp::collectTerms(double scale, MapTerms &terms) {
  terms.matrices.push_back({getTensor(), scale});
}

SmallVector<StringRef> DenseOp::getAllocationAxes() { return {"format"}; }

int64_t DenseOp::getNumWeights() {
  return getTensor().getType().getNumElements();
}

uint64_t DenseOp::getStoredBytes() {
  return format::getStoredBytes(getTensor().getType());
}

//===----------------------------------------------------------------------===//
// LowRankOp
//===----------------------------------------------------------------------===//

void LowRankOp::build(OpBuilder &builder, OperationState &state, Value b,
                      Value a, Value gate) {
  auto bType = tensorType(b), aType = tensorType(a);
  // The verifier reports factors that are no matrices.
  int64_t out = bType.getRank() ? bType.getShape().front() : 0,
          in = aType.getRank() ? aType.getShape().back() : 0;
  build(builder, state,
        MapType::get(builder.getContext(), {out, in}, bType.getElementType()),
        b, a, gate);
}

// (A4)
LogicalResult LowRankOp::verify() {
  auto emitError = [&] { return emitOpError(); };
  MapType type =
      typing::inferMapOfFactors(emitError, getB().getType(), getA().getType());
  if (!type)
    return failure();
  if (Value gate = getGate()) {
    auto gateType = tensorType(gate);
    int64_t rank = getA().getType().getDimSize(0);
    if (gateType.getRank() != 1 || gateType.getDimSize(0) != rank ||
        !gateType.getElementType().isF32())
      return emitOpError() << "the gate is a vector of " << rank
                           << " f32 numbers, one for each rank, but got "
                           << gateType << " (A4)";
  }
  return typing::checkResult(*this, type, "A4");
}

/// B with the gate multiplied into its columns, plain.
static Value gatedB(OpBuilder &builder, Location loc, LowRankOp op) {
  Value b = buildDecoded(builder, loc, op.getB());
  return op.getGate() ? buildMultipliedByVector(builder, loc, b, op.getGate())
                      : b;
}

MapCost LowRankOp::getOwnCost(int64_t rows) {
  MapType type = getResult().getType();
  uint64_t n = rows, rank = getA().getType().getDimSize(0);
  MapCost cost{format::getStoredBytes(getB().getType()) +
                   format::getStoredBytes(getA().getType()),
               2 * n * rank * uint64_t(type.getOut() + type.getIn())};
  if (getGate()) {
    cost.bytesRead += format::getStoredBytes(getGate().getType());
    cost.flops += n * rank;
  }
  return cost;
}

Value LowRankOp::buildApplication(OpBuilder &, Location, Value) { return {}; }

Value LowRankOp::buildMaterialization(OpBuilder &builder, Location loc) {
  return buildMatmul(builder, loc, gatedB(builder, loc, *this),
                     buildDecoded(builder, loc, getA()));
}

LogicalResult LowRankOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                       DenseMatrix &result) {
  MapType type = getResult().getType();
  int64_t rank = getA().getType().getDimSize(0);
  if (failed(checkOperand(*this, operands, 0, type.getOut(), rank)) ||
      failed(checkOperand(*this, operands, 1, rank, type.getIn())))
    return failure();
  if (getGate() && failed(checkOperand(*this, operands, 2, rank, 1)))
    return failure();
  result = DenseMatrix(type.getOut(), type.getIn());
  for (int64_t i = 0; i < type.getOut(); ++i)
    for (int64_t r = 0; r < rank; ++r) {
      double b = operands[0](i, r) * (getGate() ? operands[2](r, 0) : 1.0);
      for (int64_t j = 0; j < type.getIn(); ++j)
        result(i, j) += b * operands[1](r, j);
    }
  return success();
}

Value LowRankOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                            int64_t offset, int64_t size) {
  Value slice = buildMatrixSlice(builder, loc, axis == 0 ? getB() : getA(),
                                 axis, offset, size);
  if (!slice)
    return {};
  return LowRankOp::create(builder, loc, axis == 0 ? slice : getB(),
                           axis == 0 ? getA() : slice, getGate());
}

Value LowRankOp::buildTransposed(OpBuilder &builder, Location loc,
                                 bool structureOnly) {
  if (structureOnly)
    return {};
  return LowRankOp::create(
      builder, loc, buildTransposedMatrix(builder, loc, getA()),
      buildTransposedMatrix(builder, loc, getB()), getGate());
}

Value LowRankOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  // Row i of B diag(g) A is A^T (g * row i of B).
  Value rows =
      buildGathered(builder, loc, DenseOp::create(builder, loc, getB()), ids);
  if (getGate())
    rows = buildMultipliedByVector(builder, loc, rows, getGate());
  Value transposed = DenseOp::create(
      builder, loc, buildTransposedMatrix(builder, loc, getA()));
  return buildApplied(builder, loc, transposed, rows);
}

SmallVector<int64_t> LowRankOp::getRankAxes() {
  return {getA().getType().getDimSize(0)};
}

int64_t LowRankOp::getRankBound(ArrayRef<int64_t>) {
  return getA().getType().getDimSize(0);
}

MapFactors LowRankOp::buildFactors(OpBuilder &builder, Location loc) {
  return {getGate() ? gatedB(builder, loc, *this) : getB(), getA()};
}

void LowRankOp::collectTerms(double scale, MapTerms &terms) {
  terms.factors.push_back({getB(), getA(), getGate(), scale});
}

SmallVector<StringRef> LowRankOp::getAllocationAxes() {
  return {"format", "rank", "merged"};
}

int64_t LowRankOp::getNumWeights() {
  int64_t weights =
      getB().getType().getNumElements() + getA().getType().getNumElements();
  return getGate() ? weights + getA().getType().getDimSize(0) : weights;
}

uint64_t LowRankOp::getStoredBytes() {
  uint64_t bytes = format::getStoredBytes(getB().getType()) +
                   format::getStoredBytes(getA().getType());
  return getGate() ? bytes + format::getStoredBytes(getGate().getType())
                   : bytes;
}

//===----------------------------------------------------------------------===//
// DiagonalOp
//===----------------------------------------------------------------------===//

void DiagonalOp::build(OpBuilder &builder, OperationState &state,
                       Value vector) {
  auto type = tensorType(vector);
  int64_t n = type.getRank() ? type.getDimSize(0) : 0;
  build(builder, state,
        MapType::get(builder.getContext(), {n, n}, type.getElementType()),
        vector);
}

// (A5)
LogicalResult DiagonalOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapOfVector([&] { return emitOpError(); },
                               getVector().getType()),
      "A5");
}

MapCost DiagonalOp::getOwnCost(int64_t rows) {
  return {format::getStoredBytes(getVector().getType()),
          uint64_t(rows) * uint64_t(getResult().getType().getOut())};
}

Value DiagonalOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  return buildMultipliedByVector(builder, loc, x, getVector());
}

/// The N x N f32 matrix whose entry (i, j) is `entry(per-row value of i, i,
/// j)`.
static Value buildMatrixOfRows(
    OpBuilder &builder, Location loc, Value perRow, int64_t n,
    function_ref<Value(OpBuilder &, Location, Value, Value, Value)> entry) {
  MLIRContext *context = builder.getContext();
  Value init =
      tensor::EmptyOp::create(builder, loc, {n, n}, builder.getF32Type());
  SmallVector<AffineMap> maps{
      AffineMap::get(2, 0, getAffineDimExpr(0, context)),
      AffineMap::getMultiDimIdentityMap(2, context)};
  SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{init.getType()}, ValueRange{perRow},
      ValueRange{init}, maps, iterators,
      [&](OpBuilder &b, Location l, ValueRange args) {
        Value i = linalg::IndexOp::create(b, l, 0),
              j = linalg::IndexOp::create(b, l, 1);
        linalg::YieldOp::create(b, l, entry(b, l, args[0], i, j));
      });
  return generic.getResult(0);
}

Value DiagonalOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Value vector = buildDecoded(builder, loc, getVector());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  return buildMatrixOfRows(
      builder, loc, vector, getResult().getType().getOut(),
      [&](OpBuilder &b, Location l, Value v, Value i, Value j) -> Value {
        Value equal =
            arith::CmpIOp::create(b, l, arith::CmpIPredicate::eq, i, j);
        return arith::SelectOp::create(b, l, equal, v, zero);
      });
}

LogicalResult DiagonalOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                        DenseMatrix &result) {
  int64_t n = getResult().getType().getOut();
  if (failed(checkOperand(*this, operands, 0, n, 1)))
    return failure();
  result = DenseMatrix(n, n);
  for (int64_t i = 0; i < n; ++i)
    result(i, i) = operands[0](i, 0);
  return success();
}

Value DiagonalOp::buildTransposed(OpBuilder &, Location, bool) {
  return getResult();
}

Value DiagonalOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

//===----------------------------------------------------------------------===//
// PermutationOp
//===----------------------------------------------------------------------===//

void PermutationOp::build(OpBuilder &builder, OperationState &state,
                          ArrayRef<int64_t> sources) {
  int64_t n = sources.size();
  build(builder, state,
        MapType::get(builder.getContext(), {n, n}, builder.getF32Type()),
        builder.getDenseI64ArrayAttr(sources));
}

// (A6)
LogicalResult PermutationOp::verify() {
  ArrayRef<int64_t> sources = getSources();
  int64_t n = sources.size();
  if (n == 0)
    return emitOpError() << "a permutation has at least one source (A6)";
  llvm::BitVector seen(n);
  for (auto [index, source] : llvm::enumerate(sources)) {
    if (source < 0 || source >= n)
      return emitOpError() << "source " << index << " is " << source
                           << ", outside of 0 .. " << n - 1 << " (A6)";
    if (seen.test(source))
      return emitOpError() << "source " << index << " repeats " << source
                           << " (A6)";
    seen.set(source);
  }
  MapType type = getResult().getType();
  if (type.isBank() || type.getOut() != n || type.getIn() != n)
    return emitOpError() << n << " sources make a map of " << n << "x" << n
                         << ", but the result is " << type << " (A6)";
  return success();
}

MapCost PermutationOp::getOwnCost(int64_t) {
  return {sizeof(int64_t) * uint64_t(getSources().size()), 0};
}

/// The sources as a constant index vector.
static Value buildSources(OpBuilder &builder, Location loc,
                          ArrayRef<int64_t> sources) {
  auto type = RankedTensorType::get({static_cast<int64_t>(sources.size())},
                                    builder.getIndexType());
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, sources));
}

Value PermutationOp::buildApplication(OpBuilder &builder, Location loc,
                                      Value x) {
  MLIRContext *context = builder.getContext();
  auto type = tensorType(x);
  unsigned rank = type.getRank();
  Value sources = buildSources(builder, loc, getSources());
  Value init = buildEmptyLike(builder, loc, x, getSources().size());
  SmallVector<AffineMap> maps{
      AffineMap::get(rank, 0, getAffineDimExpr(rank - 1, context)),
      AffineMap::getMultiDimIdentityMap(rank, context)};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{init.getType()}, ValueRange{sources},
      ValueRange{init}, maps, iterators,
      [&](OpBuilder &b, Location l, ValueRange args) {
        SmallVector<Value> position;
        for (unsigned d = 0; d + 1 < rank; ++d)
          position.push_back(linalg::IndexOp::create(b, l, d));
        position.push_back(args[0]);
        Value element = tensor::ExtractOp::create(b, l, x, position);
        linalg::YieldOp::create(b, l, element);
      });
  return generic.getResult(0);
}

Value PermutationOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Value sources = buildSources(builder, loc, getSources());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  Value one =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(1));
  return buildMatrixOfRows(
      builder, loc, sources, getSources().size(),
      [&](OpBuilder &b, Location l, Value source, Value, Value j) -> Value {
        Value equal =
            arith::CmpIOp::create(b, l, arith::CmpIPredicate::eq, source, j);
        return arith::SelectOp::create(b, l, equal, one, zero);
      });
}

LogicalResult PermutationOp::evaluateDense(ArrayRef<DenseMatrix>,
                                           DenseMatrix &result) {
  int64_t n = getSources().size();
  result = DenseMatrix(n, n);
  for (auto [row, source] : llvm::enumerate(getSources()))
    result(row, source) = 1;
  return success();
}

Value PermutationOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  SmallVector<int64_t> inverse(getSources().size());
  for (auto [row, source] : llvm::enumerate(getSources()))
    inverse[source] = row;
  return PermutationOp::create(builder, loc, inverse);
}

Value PermutationOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}
