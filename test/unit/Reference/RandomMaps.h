//===- RandomMaps.h - random expressions over all map ops -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_REFERENCE_RANDOMMAPS_H
#define ALLOT_TEST_UNIT_REFERENCE_RANDOMMAPS_H

#include "ReferenceTest.h"
#include "mlir/IR/Builders.h"
#include <numeric>
#include <random>

namespace allot::test {

/// A test that builds maps at the insertion point of its builder.
struct RandomMaps : ReferenceTest {
  using Value = mlir::Value;

  /// A plain or encoded tensor of random numbers.
  Value tensor(llvm::ArrayRef<int64_t> shape) {
    auto type = mlir::RankedTensorType::get(shape, builder.getF32Type());
    std::vector<float> numbers(type.getNumElements());
    for (float &number : numbers)
      number = float(int(random() % 17) - 8) / 4;
    Value value = mlir::arith::ConstantOp::create(
        builder, loc,
        mlir::DenseElementsAttr::get(type, llvm::ArrayRef(numbers)));
    if (random() % 2)
      return value;
    mlir::Attribute format =
        random() % 2
            ? mlir::Attribute(format::getFormatByName(&context, "int8g32"))
            : format::getFormatByName(&context, "f16");
    return format::EncodeOp::create(builder, loc,
                                    format::withFormat(type, format), value);
  }

  int64_t size() { return 1 + random() % 9; }

  Value map(int64_t out, int64_t in, unsigned depth) {
    unsigned kinds = depth == 0 ? 2 : 8;
    if (out == in && random() % 3 == 0) {
      if (random() % 2) {
        Value vector = mlir::arith::ConstantOp::create(
            builder, loc,
            mlir::DenseElementsAttr::get(
                mlir::RankedTensorType::get({out}, builder.getF32Type()),
                builder.getF32FloatAttr(-1.5f)));
        return adapter::DiagonalOp::create(builder, loc, vector);
      }
      llvm::SmallVector<int64_t> sources =
          llvm::to_vector(llvm::seq<int64_t>(0, out));
      std::shuffle(sources.begin(), sources.end(), random);
      return adapter::PermutationOp::create(builder, loc, sources);
    }
    switch (random() % kinds) {
    case 0:
      return adapter::DenseOp::create(builder, loc, tensor({out, in}));
    case 1: {
      int64_t rank = size();
      Value b = tensor({out, rank}), a = tensor({rank, in}),
            gate = random() % 2 ? tensor({rank}) : Value();
      return adapter::LowRankOp::create(builder, loc, b, a, gate);
    }
    case 2: {
      llvm::SmallVector<Value> maps;
      for (unsigned i = 0, n = 1 + random() % 3; i < n; ++i)
        maps.push_back(map(out, in, depth - 1));
      return adapter::SumOp::create(builder, loc, maps.front().getType(), maps);
    }
    case 3: {
      int64_t between = size();
      Value outer = map(out, between, depth - 1),
            inner = map(between, in, depth - 1);
      return adapter::ComposeOp::create(builder, loc,
                                        mlir::ValueRange{outer, inner});
    }
    case 4: {
      Value operand = map(out, in, depth - 1);
      return adapter::ScaleOp::create(builder, loc, operand.getType(), operand,
                                      builder.getF64FloatAttr(0.75));
    }
    case 5: {
      int64_t dim = random() % 2, whole = dim == 0 ? out : in;
      if (whole < 2)
        return map(out, in, depth - 1);
      int64_t first = 1 + random() % (whole - 1), rest = whole - first;
      Value a = dim == 0 ? map(first, in, depth - 1)
                         : map(out, first, depth - 1),
            b = dim == 0 ? map(rest, in, depth - 1) : map(out, rest, depth - 1);
      return adapter::ConcatOp::create(builder, loc, dim,
                                       mlir::ValueRange{a, b});
    }
    case 6: {
      std::vector<float> positions(out);
      std::iota(positions.begin(), positions.end(), 0.0f);
      std::shuffle(positions.begin(), positions.end(), random);
      Value order = mlir::arith::ConstantOp::create(
          builder, loc,
          mlir::DenseElementsAttr::get(
              mlir::RankedTensorType::get({out}, builder.getF32Type()),
              llvm::ArrayRef(positions)));
      return adapter::ReorderOp::create(builder, loc, map(out, in, depth - 1),
                                        order);
    }
    default:
      return adapter::TransposeOp::create(builder, loc,
                                          map(in, out, depth - 1));
    }
  }

  mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OpBuilder builder{&context};
  std::mt19937 random{20};
};

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_REFERENCE_RANDOMMAPS_H
