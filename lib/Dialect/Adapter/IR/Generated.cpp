//===- Generated.cpp - circulant blocks, Fourier and wavelet matrices -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "LeafTypes.h"
#include "StructuredBuild.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using leaf::Emit;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// CirculantOp
//===----------------------------------------------------------------------===//

void CirculantOp::build(OpBuilder &builder, OperationState &state,
                        Value kernels) {
  build(builder, state,
        typing::inferOrEmpty(kernels.getType(), typing::inferMapOfCirculants),
        kernels);
}

// (A34)
LogicalResult CirculantOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapOfCirculants([&] { return emitOpError(); },
                                   getKernels().getType()),
      "A34");
}

/// Operations of a row by transforms, and of the numbers of the blocks.
static std::pair<uint64_t, uint64_t> costOfTransforms(CirculantOp op) {
  ArrayRef<int64_t> shape = op.getKernels().getType().getShape();
  uint64_t outBlocks = shape[0], inBlocks = shape[1], size = shape[2];
  auto [first, second] = leaf::splitTransform(size);
  uint64_t step = 4 * size * uint64_t(first + second);
  return {2 * step * (inBlocks + outBlocks) + 8 * outBlocks * inBlocks * size,
          2 * step * outBlocks * inBlocks};
}

/// Of a few rows; with more, what it takes for the blocks is of no matter.
static bool transformsAreCheaper(CirculantOp op) {
  constexpr uint64_t rows = 4;
  MapType type = op.getResult().getType();
  auto [row, once] = costOfTransforms(op);
  return rows * row + once <
         rows * 2 * uint64_t(type.getOut()) * uint64_t(type.getIn());
}

MapCost CirculantOp::getOwnCost(int64_t rows) {
  MapType type = getResult().getType();
  MapCost cost{format::getStoredBytes(getKernels().getType()),
               2 * uint64_t(rows) * uint64_t(type.getOut()) *
                   uint64_t(type.getIn())};
  if (transformsAreCheaper(*this)) {
    auto [row, once] = costOfTransforms(*this);
    cost.flops = uint64_t(rows) * row + once;
  }
  return cost;
}

// With the numbers of each block turned round and written twice, entry (i, j)
// is number i - j + b: rows of a block lie one beside the other there, and the
// outputs of a block are the innermost loop.
static Value buildDirectly(OpBuilder &builder, Location loc, Value plain,
                           Value x) {
  ArrayRef<int64_t> shape = tensorType(plain).getShape();
  int64_t size = shape[2];
  Value turned = leaf::buildGenerated(
      builder, loc, shape, [&](const Emit &e, ArrayRef<Value> place) {
        Value at = e.rem(e.sub(e.index(size), place[2]), e.index(size));
        return e.extract(plain, {place[0], place[1], at});
      });
  Value twice = tensor::EmptyOp::create(
      builder, loc, ArrayRef<int64_t>{shape[0], shape[1], 2 * size},
      builder.getF32Type());
  SmallVector<OpFoldResult> offsets(3, builder.getIndexAttr(0)),
      strides(3, builder.getIndexAttr(1)),
      sizes = getAsIndexOpFoldResult(builder.getContext(), shape);
  for (int64_t offset : {int64_t(0), size}) {
    offsets[2] = builder.getIndexAttr(offset);
    twice = tensor::InsertSliceOp::create(builder, loc, turned, twice, offsets,
                                          sizes, strides);
  }

  Value from = structured::buildSplitLast(builder, loc, x, shape[1], size);
  SmallVector<OpFoldResult> outSizes =
      tensor::getMixedSizes(builder, loc, from);
  unsigned leading = outSizes.size() - 2;
  outSizes[leading] = builder.getIndexAttr(shape[0]);
  Value zeros = leaf::buildZeros(
      builder, loc,
      tensor::EmptyOp::create(builder, loc, outSizes, builder.getF32Type()));
  // Loops: leading dimensions of x, p, q, j, i.
  MLIRContext *context = builder.getContext();
  unsigned loops = leading + 4;
  AffineExpr p = getAffineDimExpr(leading, context),
             q = getAffineDimExpr(leading + 1, context),
             j = getAffineDimExpr(leading + 2, context),
             i = getAffineDimExpr(leading + 3, context);
  SmallVector<AffineExpr> read, write;
  for (unsigned d = 0; d < leading; ++d)
    read.push_back(getAffineDimExpr(d, context));
  write = read;
  read.append({q, j});
  write.append({p, i});
  SmallVector<AffineMap> maps{
      AffineMap::get(loops, 0, {p, q, i - j + size}, context),
      AffineMap::get(loops, 0, read, context),
      AffineMap::get(loops, 0, write, context)};
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::parallel);
  iterators[leading + 1] = iterators[leading + 2] =
      utils::IteratorType::reduction;
  Value y = linalg::GenericOp::create(
                builder, loc, TypeRange{zeros.getType()},
                ValueRange{twice, from}, ValueRange{zeros}, maps, iterators,
                [&](OpBuilder &b, Location l, ValueRange args) {
                  Emit e{b, l};
                  linalg::YieldOp::create(
                      b, l, e.add(args[2], e.mul(args[0], args[1])));
                })
                .getResult(0);
  return structured::buildMergedLast(builder, loc, y);
}

// By transforms: correlations are products there. With c and s the sums of
// cosines and of sines, y = (cos (Kc Xc + Ks Xs) - sin (Ks Xc - Kc Xs)) / b.
static Value buildByTransforms(OpBuilder &builder, Location loc, Value plain,
                               Value x) {
  ArrayRef<int64_t> shape = tensorType(plain).getShape();
  int64_t size = shape[2];
  Value from = structured::buildSplitLast(builder, loc, x, shape[1], size);
  leaf::Transformed k = leaf::buildTransform(builder, loc, plain, true, true),
                    z = leaf::buildTransform(builder, loc, from, true, true);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, from);
  unsigned leading = sizes.size() - 2;
  sizes[leading] = builder.getIndexAttr(shape[0]);
  Value zeros = leaf::buildZeros(
      builder, loc,
      tensor::EmptyOp::create(builder, loc, sizes, builder.getF32Type()));
  // Loops: leading dimensions, p, q, frequencies.
  SmallVector<unsigned> ofKernels{leading, leading + 1, leading + 2},
      read = llvm::to_vector(llvm::seq(0u, leading)), write = read;
  read.append({leading + 1, leading + 2});
  write.append({leading, leading + 2});
  SmallVector<Value> products = leaf::buildLoopsTo(
      builder, loc, {k.cosine, k.sine, z.cosine, z.sine}, {zeros, zeros},
      {ofKernels, ofKernels, read, read, write, write}, {leading + 1},
      [](const Emit &e, ValueRange a) -> SmallVector<Value> {
        return {e.add(a[4], e.add(e.mul(a[0], a[2]), e.mul(a[1], a[3]))),
                e.add(a[5], e.sub(e.mul(a[1], a[2]), e.mul(a[0], a[3])))};
      });
  Value real =
            leaf::buildTransform(builder, loc, products[0], true, false).cosine,
        imaginary =
            leaf::buildTransform(builder, loc, products[1], false, true).sine;
  Value y = buildScaled(
      builder, loc,
      arith::SubFOp::create(builder, loc, real, imaginary).getResult(),
      1.0 / double(size));
  return structured::buildMergedLast(builder, loc, y);
}

Value CirculantOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  Value plain = buildDecoded(builder, loc, getKernels());
  return transformsAreCheaper(*this) ? buildByTransforms(builder, loc, plain, x)
                                     : buildDirectly(builder, loc, plain, x);
}

Value CirculantOp::buildMaterialization(OpBuilder &builder, Location loc) {
  MapType type = getResult().getType();
  int64_t size = getKernels().getType().getDimSize(2);
  Value plain = buildDecoded(builder, loc, getKernels());
  return leaf::buildGenerated(
      builder, loc, type.getShape(), [&](const Emit &e, ArrayRef<Value> place) {
        Value b = e.index(size);
        Value at =
            e.rem(e.add(e.sub(e.rem(place[1], b), e.rem(place[0], b)), b), b);
        return e.extract(plain, {e.div(place[0], b), e.div(place[1], b), at});
      });
}

LogicalResult CirculantOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                         DenseMatrix &result) {
  if (failed(typing::checkOperands(*this, operands)))
    return failure();
  ArrayRef<int64_t> shape = getKernels().getType().getShape();
  MapType type = getResult().getType();
  int64_t b = shape[2];
  result = DenseMatrix(type.getOut(), type.getIn());
  for (int64_t row = 0; row < type.getOut(); ++row)
    for (int64_t column = 0; column < type.getIn(); ++column)
      result(row, column) =
          operands[0].values[((row / b) * shape[1] + column / b) * b +
                             (column % b - row % b + b) % b];
  return success();
}

// Block (q, p) of the transposed matrix has k[p, q, -m mod b].
Value CirculantOp::buildTransposed(OpBuilder &builder, Location loc,
                                   bool structureOnly) {
  if (structureOnly)
    return {};
  ArrayRef<int64_t> shape = getKernels().getType().getShape();
  Value plain = buildDecoded(builder, loc, getKernels());
  Value turned = leaf::buildGenerated(
      builder, loc, {shape[1], shape[0], shape[2]},
      [&](const Emit &e, ArrayRef<Value> place) {
        Value b = e.index(shape[2]);
        return e.extract(plain,
                         {place[1], place[0], e.rem(e.sub(b, place[2]), b)});
      });
  return CirculantOp::create(builder, loc, turned);
}

Value CirculantOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

// By each number the sum over the diagonal on which it stands.
LogicalResult CirculantOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                    const llvm::SmallBitVector &wanted,
                                    MutableArrayRef<Value> operands) {
  if (failed(leaf::refuseEncoded(*this, wanted, getKernelsMutable(),
                                 "its blocks")))
    return failure();
  if (!wanted.test(0))
    return success();
  Location loc = getLoc();
  ArrayRef<int64_t> shape = getKernels().getType().getShape();
  Value diagonals = leaf::buildGenerated(
      builder, loc, {shape[0], shape[1], shape[2], shape[2]},
      [&](const Emit &e, ArrayRef<Value> place) {
        Value b = e.index(shape[2]), i = place[3];
        Value j = e.rem(e.add(place[2], i), b);
        return e.extract(results[0], {e.add(e.mul(place[0], b), i),
                                      e.add(e.mul(place[1], b), j)});
      });
  using Loops = SmallVector<unsigned>;
  operands[0] = leaf::buildLoops(
      builder, loc, diagonals, leaf::buildZeros(builder, loc, shape),
      {Loops{0, 1, 2, 3}, Loops{0, 1, 2}}, {3},
      [](const Emit &e, ValueRange a) { return e.add(a[0], a[1]); });
  return success();
}

//===----------------------------------------------------------------------===//
// FourierOp
//===----------------------------------------------------------------------===//

/// The N numbers of which the entries are taken are a constant of the program.
static constexpr int64_t kLargestTransform = int64_t(1) << 20;

void FourierOp::build(OpBuilder &builder, OperationState &state, int64_t size,
                      bool sine) {
  build(builder, state,
        MapType::get(builder.getContext(), {size, size}, builder.getF32Type()),
        sine ? builder.getUnitAttr() : UnitAttr());
}

// (A35)
LogicalResult FourierOp::verify() {
  MapType type = getResult().getType();
  if (type.isBank() || type.getOut() != type.getIn() ||
      type.getOut() > kLargestTransform)
    return emitOpError() << "is a single square map of at most "
                         << kLargestTransform << " inputs, but the result is "
                         << type << " (A35)";
  return success();
}

MapCost FourierOp::getOwnCost(int64_t rows) {
  uint64_t n = getResult().getType().getOut();
  auto [first, second] = leaf::splitTransform(n);
  if (first == 1)
    return {n * sizeof(float), 2 * uint64_t(rows) * n * n};
  uint64_t matrices = first * first + second * second + n;
  return {2 * matrices * sizeof(float),
          uint64_t(rows) * n * (4 * uint64_t(first + second) + 6)};
}

/// Entry (i, j) of the matrix, of indices.
static Value buildEntry(const Emit &e, Value table, Value i, Value j) {
  int64_t n = tensorType(table).getDimSize(0);
  // Where the product fits 32 bits, vectors of it have twice the lanes.
  Type type = n * n < (int64_t(1) << 31) ? e.b.getI32Type() : e.b.getI64Type();
  auto cast = [&](Value index) -> Value {
    return arith::IndexCastOp::create(e.b, e.loc, type, index);
  };
  Value size =
      arith::ConstantOp::create(e.b, e.loc, e.b.getIntegerAttr(type, n));
  Value at = e.rem(e.mul(cast(i), cast(j)), size);
  return e.extract(
      table, arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(), at)
                 .getResult());
}

/// cos(2 pi m / N) or sin(2 pi m / N) for all m < N.
static Value buildTable(OpBuilder &builder, Location loc, int64_t n,
                        bool sine) {
  std::vector<float> numbers(n);
  for (int64_t m = 0; m < n; ++m)
    numbers[m] = float(leaf::transformEntry(1, m, n, sine));
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(RankedTensorType::get({n}, builder.getF32Type()),
                             ArrayRef(numbers)));
}

Value FourierOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  int64_t n = getResult().getType().getOut();
  if (leaf::splitTransform(n).first > 1) {
    leaf::Transformed result =
        leaf::buildTransform(builder, loc, x, !getSine(), getSine());
    return getSine() ? result.sine : result.cosine;
  }
  // A prime: each entry of the matrix is met.
  Value table = buildTable(builder, loc, n, getSine());
  Value zeros = structured::buildZerosLike(builder, loc, x, n);
  // Loops: leading dimensions, inputs, and innermost the outputs.
  unsigned leading = tensorType(x).getRank() - 1;
  SmallVector<unsigned> read = llvm::to_vector(llvm::seq(0u, leading + 1)),
                        write = llvm::to_vector(llvm::seq(0u, leading));
  write.push_back(leading + 1);
  return leaf::buildLoops(
      builder, loc, x, zeros, {read, write}, {leading},
      [&](const Emit &e, ValueRange args) {
        Value j = linalg::IndexOp::create(e.b, e.loc, leading),
              i = linalg::IndexOp::create(e.b, e.loc, leading + 1);
        return e.add(args[1], e.mul(args[0], buildEntry(e, table, i, j)));
      });
}

Value FourierOp::buildMaterialization(OpBuilder &builder, Location loc) {
  int64_t n = getResult().getType().getOut();
  Value table = buildTable(builder, loc, n, getSine());
  return leaf::buildGenerated(builder, loc, {n, n},
                              [&](const Emit &e, ArrayRef<Value> place) {
                                return buildEntry(e, table, place[0], place[1]);
                              });
}

LogicalResult FourierOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                       DenseMatrix &result) {
  if (failed(typing::checkOperands(*this, operands)))
    return failure();
  int64_t n = getResult().getType().getOut();
  result = DenseMatrix(n, n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double angle = 2 * M_PI * double(i * j % n) / double(n);
      result(i, j) = getSine() ? std::sin(angle) : std::cos(angle);
    }
  return success();
}

Value FourierOp::buildTransposed(OpBuilder &, Location, bool) {
  return getResult();
}

Value FourierOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

//===----------------------------------------------------------------------===//
// HaarOp
//===----------------------------------------------------------------------===//

void HaarOp::build(OpBuilder &builder, OperationState &state, int64_t size,
                   bool transposed) {
  int64_t even = 2 * ((size + 1) / 2), out = transposed ? even : size,
          in = transposed ? size : even;
  build(builder, state,
        MapType::get(builder.getContext(), {out, in}, builder.getF32Type()),
        transposed ? builder.getUnitAttr() : UnitAttr());
}

/// The number of points, N.
static int64_t pointsOf(HaarOp op) {
  MapType type = op.getResult().getType();
  return op.getTransposed() ? type.getIn() : type.getOut();
}

// (A36)
LogicalResult HaarOp::verify() {
  MapType type = getResult().getType();
  int64_t points = pointsOf(*this), even = points / 2 * 2 + points % 2 * 2,
          other = getTransposed() ? type.getOut() : type.getIn();
  if (type.isBank() || other != even)
    return emitOpError() << "is a single map with " << even
                         << (getTransposed() ? " outputs" : " inputs") << " at "
                         << points << " points, but the result is " << type
                         << " (A36)";
  return success();
}

MapCost HaarOp::getOwnCost(int64_t rows) {
  return {0, 2 * uint64_t(rows) * uint64_t(getResult().getType().getOut())};
}

static constexpr double kHalfRoot = 0.70710678118654752440;

Value HaarOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  int64_t points = pointsOf(*this), half = (points + 1) / 2;
  Value init = buildEmptyLike(builder, loc, x, getResult().getType().getOut());
  bool transposed = getTransposed();
  return leaf::buildGenerated(
      builder, loc, init, [&](const Emit &e, ArrayRef<Value> place) {
        SmallVector<Value> from(place);
        auto at = [&](Value index) {
          from.back() = index;
          return e.extract(x, from);
        };
        Value last = place.back(), two = e.index(2);
        Value zero = e.number(0, e.b.getF32Type()), first, second, isMinus;
        if (transposed) {
          isMinus = e.less(e.index(half - 1), last);
          Value pair = e.select(isMinus, e.sub(last, e.index(half)), last);
          Value even = e.mul(pair, two), odd = e.add(even, e.index(1));
          first = at(even);
          // Behind the last point there is zero.
          Value isThere = e.less(odd, e.index(points));
          second = e.select(isThere, at(e.min(odd, e.index(points - 1))), zero);
        } else {
          Value pair = e.div(last, two);
          isMinus = e.equal(e.rem(last, two), e.index(1));
          first = at(pair);
          second = at(e.add(pair, e.index(half)));
        }
        Value sum =
            e.add(first, e.select(isMinus, e.sub(zero, second), second));
        return e.mul(sum, e.number(kHalfRoot, e.b.getF32Type()));
      });
}

Value HaarOp::buildMaterialization(OpBuilder &builder, Location loc) {
  MapType type = getResult().getType();
  int64_t half = (pointsOf(*this) + 1) / 2;
  bool transposed = getTransposed();
  return leaf::buildGenerated(
      builder, loc, type.getShape(), [&](const Emit &e, ArrayRef<Value> place) {
        Value point = place[transposed ? 1 : 0],
              coefficient = place[transposed ? 0 : 1], two = e.index(2);
        Type f32 = e.b.getF32Type();
        Value pair = e.div(point, two);
        Value isOdd = e.equal(e.rem(point, two), e.index(1));
        Value detail = e.select(isOdd, e.number(-kHalfRoot, f32),
                                e.number(kHalfRoot, f32));
        Value rest = e.select(e.equal(coefficient, e.add(pair, e.index(half))),
                              detail, e.number(0, f32));
        return e.select(e.equal(coefficient, pair), e.number(kHalfRoot, f32),
                        rest);
      });
}

LogicalResult HaarOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                    DenseMatrix &result) {
  if (failed(typing::checkOperands(*this, operands)))
    return failure();
  MapType type = getResult().getType();
  int64_t points = pointsOf(*this), half = (points + 1) / 2;
  result = DenseMatrix(type.getOut(), type.getIn());
  auto entry = [&](int64_t point, int64_t coefficient) -> double & {
    return getTransposed() ? result(coefficient, point)
                           : result(point, coefficient);
  };
  for (int64_t point = 0; point < points; ++point) {
    entry(point, point / 2) = std::sqrt(0.5);
    entry(point, half + point / 2) = (point % 2 ? -1 : 1) * std::sqrt(0.5);
  }
  return success();
}

Value HaarOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  return HaarOp::create(builder, loc, pointsOf(*this), !getTransposed());
}

Value HaarOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}
