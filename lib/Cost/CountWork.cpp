//===- CountWork.cpp - units of work of ops ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Cost/CostModel.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace allot;
using namespace allot::cost;

/// Elements of a tensor, 1 of a scalar; dimensions of unknown size count once.
static double numElements(Type type) {
  double count = 1;
  if (auto shaped = dyn_cast<ShapedType>(type); shaped && shaped.hasRank())
    for (int64_t size : shaped.getShape())
      count *= ShapedType::isDynamic(size) ? 1.0 : double(size);
  return count;
}

static double numBytes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.getEncoding() && tensor.hasStaticShape())
    return double(format::getStoredBytes(tensor));
  Type element = getElementTypeOrSelf(type);
  return numElements(type) *
         (element.isIntOrFloat() ? element.getIntOrFloatBitWidth() / 8.0 : 8.0);
}

/// True if the numbers are kept as integer codes, which a kernel decodes.
static bool hasCodes(RankedTensorType type) {
  FormatAttrInterface format = format::getFormat(type);
  return format && format.getCodeGrid().bits != 0;
}

/// Reads memory or computes, what takes longer.
static void addSlower(Work &work, Unit a, double countA, Unit b, double countB,
                      const CostTable &table) {
  if (countA * table[a] >= countB * table[b])
    work[a] += countA;
  else
    work[b] += countB;
}

/// A matrix of a kernel meets `rows` vectors.
static void addMatrix(Work &work, RankedTensorType type, double rows,
                      const CostTable &table) {
  double weights = numElements(type);
  Unit flop = rows < 2    ? Unit::FlopOne
              : rows < 12 ? Unit::FlopFew
                          : Unit::FlopMany;
  Work compute;
  compute[flop] = 2 * rows * weights;
  if (hasCodes(type))
    // Groups of rows that share a decoded weight.
    compute[Unit::Decode] = weights * (rows < 2    ? 1
                                       : rows < 12 ? std::ceil(rows / 4)
                                                   : std::ceil(rows / 64));
  Work read;
  read[Unit::ReadByte] = numBytes(type);
  work += compute.seconds(table) >= read.seconds(table) ? compute : read;
}

static Work countLinear(adapter::LinearOp op, const CostTable &table) {
  Work work;
  double rows = numElements(op.getX().getType()) / double(op.getIn());
  work[Unit::Kernel] = 1;
  addMatrix(work, op.getStoredType(0), rows, table);
  for (unsigned i = 0, n = op.getFactors().size(); i < n; ++i)
    addMatrix(work, op.getStoredType(1 + i), rows, table);
  work[Unit::Term] = op.getNumTerms();
  for (Value vector : {op.getMultiplier(), op.getResidual()})
    if (vector)
      work[Unit::MoveByte] += numBytes(vector.getType());
  work[Unit::MoveByte] +=
      numBytes(op.getX().getType()) + numBytes(op.getInit().getType());
  return work;
}

/// Operations of one point of a loop nest, at least one.
static double pointsOf(Region &region) {
  double count = 0;
  region.walk([&](Operation *op) {
    count += !op->hasTrait<OpTrait::IsTerminator>() &&
             !op->hasTrait<OpTrait::ConstantLike>();
  });
  return std::max(count, 1.0);
}

/// A loop nest without sums, or an op that becomes one.
static bool isElementwise(Operation *op) {
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return !isa<linalg::FillOp>(op) &&
           structured.getNumParallelLoops() == structured.getNumLoops();
  return OpTrait::hasElementwiseMappableTraits(op);
}

/// Elementwise ops run in the loop of what uses them alone.
static bool joinsAnother(Operation *op) {
  return isElementwise(op) &&
         llvm::any_of(op->getOperands(), [](Value operand) {
           Operation *producer = operand.getDefiningOp();
           return producer && operand.hasOneUse() && isElementwise(producer);
         });
}

static Work countStructured(linalg::LinalgOp op, const CostTable &table) {
  Work work;
  work[Unit::Loop] = joinsAnother(op) ? 0 : 1;
  double points = 1;
  for (int64_t range : op.getStaticLoopRanges())
    points *= ShapedType::isDynamic(range) ? 1.0 : double(range);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  bool addsUp =
      !iterators.empty() && iterators.back() == utils::IteratorType::reduction;
  double bytes = 0;
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      bytes += numBytes(operand.getType());
  addSlower(work, addsUp ? Unit::Sum : Unit::Point,
            points * pointsOf(op->getRegion(0)), Unit::MoveByte, bytes, table);
  return work;
}

static Work countRegion(Region &region, const CostTable &table) {
  Work work;
  for (Block &block : region)
    for (Operation &op : block)
      work += countWork(&op, table);
  return work;
}

Work cost::countWork(Operation *op, const CostTable &table) {
  Work work;
  if (auto linear = dyn_cast<adapter::LinearOp>(op))
    return countLinear(linear, table);
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return countStructured(structured, table);
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    Work body = countRegion(loop.getRegion(), table);
    std::optional<llvm::APInt> trips = loop.getStaticTripCount();
    double times = trips ? double(trips->getZExtValue()) : 1;
    for (double &count : body.counts)
      count *= times;
    return body;
  }
  if (op->getNumRegions()) {
    for (Region &region : op->getRegions())
      work += countRegion(region, table);
    return work;
  }
  if (op->hasTrait<OpTrait::ConstantLike>() ||
      op->hasTrait<OpTrait::IsTerminator>() ||
      isa<tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
          tensor::CastOp, tensor::DimOp>(op))
    return work;
  if (op->getNumResults() == 0)
    return work;
  auto result = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!result) {
    // A scalar inside of a loop.
    work[Unit::Point] = 1;
    return work;
  }
  if (isa<tensor::InsertSliceOp>(op)) {
    // In place: the part is copied.
    work[Unit::Loop] = 1;
    work[Unit::MoveByte] = 2 * numBytes(op->getOperand(0).getType());
    return work;
  }
  if (isa<tensor::InsertOp>(op)) {
    work[Unit::Point] = 1;
    return work;
  }
  if (isa<arith::AddFOp>(op))
    for (Value operand : op->getOperands())
      if (operand.getDefiningOp<adapter::LinearOp>() && operand.hasOneUse()) {
        // The kernel's residual.
        work[Unit::MoveByte] = numBytes(result);
        return work;
      }
  work[Unit::Loop] = joinsAnother(op) ? 0 : 1;
  double bytes = numBytes(result);
  if (isa<tensor::ExtractSliceOp>(op))
    bytes *= 2;
  else
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        bytes += numBytes(operand.getType());
  addSlower(work, Unit::Point, numElements(result), Unit::MoveByte, bytes,
            table);
  return work;
}
