//===- Transform.cpp - discrete Fourier transforms in two steps -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With N = N1 N2, n = N2 n1 + n2 and k = k1 + N1 k2, as Cooley and Tukey have
// it: transforms of N1 points over n1, a factor for each (k1, n2), transforms
// of N2 points over n2. Both transforms are products with small matrices, so a
// vector takes 4 N (N1 + N2) multiplications instead of 2 N^2. The matrices and
// factors are constants, computed in double precision.
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "StructuredBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using leaf::Emit;

std::pair<int64_t, int64_t> leaf::splitTransform(int64_t n) {
  int64_t first = 1;
  for (int64_t d = 1; d * d <= n; ++d)
    if (n % d == 0)
      first = d;
  return {first, n / first};
}

double leaf::transformEntry(int64_t i, int64_t j, int64_t n, bool sine) {
  double angle = 2 * M_PI * double(i * j % n) / double(n);
  return sine ? std::sin(angle) : std::cos(angle);
}

/// cos(2 pi i j / n) or sin(2 pi i j / n), `rows` x `columns`.
static Value buildEntries(OpBuilder &builder, Location loc, int64_t rows,
                          int64_t columns, int64_t n, bool sine) {
  std::vector<float> numbers;
  numbers.reserve(rows * columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      numbers.push_back(float(leaf::transformEntry(i, j, n, sine)));
  auto type = RankedTensorType::get({rows, columns}, builder.getF32Type());
  return arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(type, ArrayRef(numbers)));
}

leaf::Transformed leaf::buildTransform(OpBuilder &builder, Location loc,
                                       Value x, bool wantsCosine,
                                       bool wantsSine) {
  int64_t n = cast<RankedTensorType>(x.getType()).getShape().back();
  // Lambdas below take them: no structured binding in C++17.
  int64_t n1 = splitTransform(n).first, n2 = n / n1;
  Value split = structured::buildSplitLast(builder, loc, x, n1, n2);
  unsigned leading = cast<RankedTensorType>(split.getType()).getRank() - 2;
  using Loops = SmallVector<unsigned>;
  auto loops = [&](std::initializer_list<unsigned> last, bool withLeading) {
    Loops result;
    if (withLeading)
      result = llvm::to_vector(llvm::seq(0u, leading));
    for (unsigned loop : last)
      result.push_back(leading + loop);
    return result;
  };
  auto sizes = [&](int64_t rows, int64_t columns) {
    SmallVector<OpFoldResult> all = tensor::getMixedSizes(builder, loc, split);
    all[leading] = builder.getIndexAttr(rows);
    all[leading + 1] = builder.getIndexAttr(columns);
    return all;
  };
  auto empty = [&](int64_t rows, int64_t columns) -> Value {
    return tensor::EmptyOp::create(builder, loc, sizes(rows, columns),
                                   builder.getF32Type());
  };
  auto zeros = [&](int64_t rows, int64_t columns) {
    return buildZeros(builder, loc, empty(rows, columns));
  };

  // Loops k1, n1, n2: the innermost ones are those of the output.
  SmallVector<Value> first = buildLoopsTo(
      builder, loc,
      {split, buildEntries(builder, loc, n1, n1, n1, false),
       buildEntries(builder, loc, n1, n1, n1, true)},
      {zeros(n1, n2), zeros(n1, n2)},
      {loops({1, 2}, true), loops({0, 1}, false), loops({0, 1}, false),
       loops({0, 2}, true), loops({0, 2}, true)},
      {leading + 1}, [](const Emit &e, ValueRange a) -> SmallVector<Value> {
        return {e.add(a[3], e.mul(a[0], a[1])), e.add(a[4], e.mul(a[0], a[2]))};
      });
  // (c - i s) (cos - i sin). Its two results have two uses, so that the op is
  // not fused into the next one, which would compute it again for each k2.
  SmallVector<Value> turned = buildLoopsTo(
      builder, loc,
      {first[0], first[1], buildEntries(builder, loc, n1, n2, n, false),
       buildEntries(builder, loc, n1, n2, n, true)},
      {empty(n1, n2), empty(n1, n2)},
      {loops({0, 1}, true), loops({0, 1}, true), loops({0, 1}, false),
       loops({0, 1}, false), loops({0, 1}, true), loops({0, 1}, true)},
      {}, [](const Emit &e, ValueRange a) -> SmallVector<Value> {
        return {e.sub(e.mul(a[0], a[2]), e.mul(a[1], a[3])),
                e.add(e.mul(a[1], a[2]), e.mul(a[0], a[3]))};
      });
  Value cosines = buildEntries(builder, loc, n2, n2, n2, false),
        sines = buildEntries(builder, loc, n2, n2, n2, true);
  // Loops k1, n2, k2; then k = k1 + N1 k2.
  auto second = [&](bool sine) -> Value {
    Value result = buildLoops(
        builder, loc, {turned[0], turned[1], cosines, sines}, zeros(n1, n2),
        {loops({0, 1}, true), loops({0, 1}, true), loops({1, 2}, false),
         loops({1, 2}, false), loops({0, 2}, true)},
        {leading + 1}, [&](const Emit &e, ValueRange a) -> Value {
          if (sine)
            return e.add(a[4], e.add(e.mul(a[0], a[3]), e.mul(a[1], a[2])));
          return e.add(a[4], e.sub(e.mul(a[0], a[2]), e.mul(a[1], a[3])));
        });
    SmallVector<int64_t> order =
        llvm::to_vector(llvm::seq<int64_t>(0, leading + 2));
    std::swap(order[leading], order[leading + 1]);
    Value moved =
        linalg::TransposeOp::create(builder, loc, result, empty(n2, n1), order)
            ->getResult(0);
    return structured::buildMergedLast(builder, loc, moved);
  };
  Transformed result;
  if (wantsCosine)
    result.cosine = second(false);
  if (wantsSine)
    result.sine = second(true);
  return result;
}
