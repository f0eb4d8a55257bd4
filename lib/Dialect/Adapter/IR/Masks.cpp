//===- Masks.cpp - entrywise products with constant masks -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where a factor of an entrywise product is a constant, whole rows and columns
// of zeros are known: what is left is a smaller product between zeros.
//
//===----------------------------------------------------------------------===//

#include "Masks.h"
#include "StructuredBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::structured;

/// Masks in more parts than this stay as they are.
static constexpr size_t kMostParts = 16;

namespace {
/// The plain constant matrix that a map is.
struct ConstantMatrix {
  SmallVector<float> values;
  int64_t size[2];

  static std::optional<ConstantMatrix> of(Value map) {
    auto dense = map.getDefiningOp<DenseOp>();
    DenseFPElementsAttr attr;
    if (!dense || dense.getTensor().getType().getRank() != 2 ||
        dense.getTensor().getType().getEncoding() ||
        !matchPattern(dense.getTensor(), m_Constant(&attr)))
      return std::nullopt;
    ArrayRef<int64_t> shape = dense.getTensor().getType().getShape();
    return ConstantMatrix{llvm::to_vector(attr.getValues<float>()),
                          {shape[0], shape[1]}};
  }

  bool isAll(float value) const {
    return llvm::all_of(values, [&](float v) { return v == value; });
  }

  /// Whether row (axis 0) or column `line` has zeros alone.
  bool isZeroLine(unsigned axis, int64_t line) const {
    int64_t step = axis == 0 ? 1 : size[1];
    const float *first = values.data() + (axis == 0 ? line * size[1] : line);
    for (int64_t i = 0; i < size[1 - axis]; ++i)
      if (first[i * step] != 0)
        return false;
    return true;
  }

  Value slice(OpBuilder &b, Location loc, unsigned axis, int64_t offset,
              int64_t count) const {
    SmallVector<int64_t> shape{size[0], size[1]};
    shape[axis] = count;
    SmallVector<float> part;
    for (int64_t i = 0; i < shape[0]; ++i)
      for (int64_t j = 0; j < shape[1]; ++j)
        part.push_back(values[(i + (axis == 0 ? offset : 0)) * size[1] + j +
                              (axis == 1 ? offset : 0)]);
    auto type = RankedTensorType::get(shape, b.getF32Type());
    return DenseOp::create(
        b, loc,
        arith::ConstantOp::create(
            b, loc, DenseElementsAttr::get(type, ArrayRef(part))));
  }
};

/// Lines that follow each other, of zeros or not.
struct Run {
  int64_t offset, size;
  bool isZero;
};
} // namespace

static SmallVector<Run> runsOf(const ConstantMatrix &matrix, unsigned axis) {
  SmallVector<Run> runs;
  for (int64_t line = 0; line < matrix.size[axis]; ++line) {
    bool isZero = matrix.isZeroLine(axis, line);
    if (runs.empty() || runs.back().isZero != isZero)
      runs.push_back({line, 0, isZero});
    ++runs.back().size;
  }
  return runs;
}

static Value buildPart(OpBuilder &b, HadamardOp op, Value mask,
                       const ConstantMatrix &matrix, unsigned axis,
                       const Run &run) {
  Location loc = op.getLoc();
  SmallVector<int64_t> shape(op.getResult().getType().getShape());
  shape[axis] = run.size;
  if (run.isZero)
    return ZeroOp::create(b, loc, shape[0], shape[1]);
  SmallVector<Value> maps;
  for (Value map : op.getMaps())
    maps.push_back(
        map == mask ? matrix.slice(b, loc, axis, run.offset, run.size)
                    : SliceOp::create(b, loc, map, axis, run.offset, run.size)
                          .getResult());
  return HadamardOp::create(b, loc, maps);
}

LogicalResult structured::shrinkByMask(HadamardOp op,
                                       PatternRewriter &rewriter) {
  if (op.getResult().getType().isBank() || op.getMaps().size() < 2)
    return failure();
  for (auto [index, map] : llvm::enumerate(op.getMaps())) {
    std::optional<ConstantMatrix> matrix = ConstantMatrix::of(map);
    if (!matrix)
      continue;
    if (matrix->isAll(0)) {
      rewriter.replaceOpWithNewOp<ZeroOp>(op, op.getResult().getType());
      return success();
    }
    if (matrix->isAll(1)) {
      SmallVector<Value> others(op.getMaps());
      others.erase(others.begin() + index);
      rewriter.replaceOpWithNewOp<HadamardOp>(op, others);
      return success();
    }
    for (unsigned axis : {0, 1}) {
      SmallVector<Run> runs = runsOf(*matrix, axis);
      if (runs.size() < 2 || runs.size() > kMostParts)
        continue;
      SmallVector<Value> parts;
      for (const Run &run : runs)
        parts.push_back(buildPart(rewriter, op, map, *matrix, axis, run));
      rewriter.replaceOpWithNewOp<ConcatOp>(op, axis, parts);
      return success();
    }
  }
  return failure();
}
