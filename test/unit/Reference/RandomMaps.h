//===- RandomMaps.h - random expressions over all map ops -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_REFERENCE_RANDOMMAPS_H
#define ALLOT_TEST_UNIT_REFERENCE_RANDOMMAPS_H

#include "ReferenceTest.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
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

  /// A constant of these numbers, in half of the cases encoded in `encoding`.
  Value constant(llvm::ArrayRef<int64_t> shape, std::vector<float> numbers,
                 mlir::Attribute encoding) {
    auto type = mlir::RankedTensorType::get(shape, builder.getF32Type());
    Value value = mlir::arith::ConstantOp::create(
        builder, loc,
        mlir::DenseElementsAttr::get(type, llvm::ArrayRef(numbers)));
    if (random() % 2)
      return value;
    return format::EncodeOp::create(builder, loc,
                                    format::withFormat(type, encoding), value);
  }

  mlir::Attribute indexFormat() {
    const mlir::Type types[] = {builder.getI64Type(), builder.getI32Type(),
                                builder.getIntegerType(16),
                                builder.getIntegerType(8, /*isSigned=*/false)};
    return format::IndexAttr::get(&context, types[random() % 4]);
  }

  /// A bank or a single map n x n, skew-symmetric, n >= 2.
  Value skew(int64_t n, int64_t members) {
    llvm::SmallVector<int64_t> shape{n * (n - 1) / 2};
    if (members)
      shape.insert(shape.begin(), members);
    return adapter::SkewOp::create(builder, loc, tensor(shape));
  }

  /// A tensor network, some of whose modes more than two cores have.
  Value network(int64_t out, int64_t in) {
    unsigned count = 1 + random() % 4;
    // A chain that is too long for the best order to be searched.
    bool isLong = random() % 16 == 0;
    if (isLong)
      count = 12;
    llvm::SmallVector<llvm::SmallVector<std::pair<std::string, int64_t>>> cores(
        count);
    unsigned made = 0;
    auto mode = [&](int64_t size, llvm::ArrayRef<unsigned> of) {
      std::string name(1, char('a' + made % 26));
      if (random() % 3 == 0 || made >= 26)
        name += std::to_string(made);
      ++made;
      for (unsigned core : of)
        if (cores[core].empty() || cores[core].back().first != name)
          cores[core].push_back({name, size});
      return name;
    };
    auto outer = [&](int64_t size) {
      std::string text;
      do {
        int64_t first = random() % 2 ? divisor(size) : size;
        llvm::SmallVector<unsigned> of{unsigned(random() % count)};
        if (random() % 6 == 0)
          of.push_back(random() % count);
        text += mode(first, of);
        size /= first;
      } while (size > 1);
      return text;
    };
    std::string outputs = outer(out), inputs = outer(in);
    for (unsigned core = 1; core < count; ++core) {
      unsigned other = isLong ? core - 1 : random() % core;
      mode(1 + random() % (isLong ? 2 : 3), {other, core});
    }
    if (count > 2 && random() % 2)
      mode(2, {0, 1, 2});
    std::string text;
    llvm::SmallVector<Value> tensors;
    for (auto &modes : cores) {
      std::shuffle(modes.begin(), modes.end(), random);
      llvm::SmallVector<int64_t> shape;
      text += text.empty() ? "" : ",";
      for (auto &[name, size] : modes) {
        text += name;
        shape.push_back(size);
      }
      tensors.push_back(tensor(shape));
    }
    return adapter::ContractOp::create(
        builder, loc, text + "->" + outputs + "|" + inputs, tensors);
  }

  /// One of the leaves whose numbers are computed; null where none has this
  /// shape.
  Value leaf(int64_t out, int64_t in, unsigned depth) {
    bool isSquare = out == in;
    switch (random() % 8) {
    case 0: {
      int64_t count = 1 + random() % 7;
      // Some places twice.
      std::vector<float> indices(2 * count);
      for (int64_t e = 0; e < count; ++e) {
        indices[e] = float(random() % out);
        indices[count + e] = float(random() % in);
      }
      Value places = constant({2, count}, indices, indexFormat());
      return adapter::SparseOp::create(builder, loc, places, tensor({count}),
                                       out, in);
    }
    case 1: {
      int64_t block = 1 + random() % 9;
      if (out % block || in % block)
        return {};
      Value kernels = tensor({out / block, in / block, block});
      return adapter::CirculantOp::create(builder, loc, kernels);
    }
    case 2:
      return isSquare ? adapter::FourierOp::create(builder, loc, out,
                                                   bool(random() % 2))
                            .getResult()
                      : Value();
    case 3: {
      if (in == (out + 1) / 2 * 2)
        return adapter::HaarOp::create(builder, loc, out);
      if (out == (in + 1) / 2 * 2)
        return adapter::HaarOp::create(builder, loc, in, /*transposed=*/true);
      return {};
    }
    case 4: {
      if (!isSquare)
        return {};
      bool orthonormalize = random() % 2;
      int64_t count = 1 + random() % std::min<int64_t>(out, orthonormalize ? 9 : 4);
      // Columns that are independent: a multiple of the identity and noise.
      std::vector<float> numbers(out * count);
      for (int64_t i = 0; i < out; ++i)
        for (int64_t j = 0; j < count; ++j)
          numbers[i * count + j] =
              (i % count == j ? 4.0f : 0.0f) + float(int(random() % 9) - 4) / 16;
      Value u = constant({out, count}, numbers,
                         format::getFormatByName(&context, "f16"));
      return adapter::HouseholderOp::create(builder, loc, u, orthonormalize);
    }
    case 5:
      return isSquare && out > 1 ? skew(out, 0) : Value();
    case 6:
      return network(out, in);
    default: {
      if (!isSquare)
        return {};
      // Of the series more than a skew-symmetric map can be made.
      std::optional<int64_t> terms;
      if (random() % 2)
        terms = 1 + random() % 6;
      if (out > 1 && (!terms || random() % 2))
        return adapter::CayleyOp::create(builder, loc, skew(out, 0), terms);
      if (!terms || depth == 0)
        return {};
      Value operand = map(out, in, depth - 1);
      return adapter::CayleyOp::create(builder, loc, operand, terms);
    }
    }
  }

  /// Ones, or ones and zeros, and rows and columns of zeros.
  Value mask(int64_t out, int64_t in) {
    std::vector<float> numbers(out * in, 1.0f);
    if (random() % 2)
      for (float &number : numbers)
        number = float(random() % 2);
    for (int64_t i = 0; i < out; ++i)
      if (random() % 3 == 0)
        std::fill_n(numbers.begin() + i * in, in, 0.0f);
    for (int64_t j = 0; j < in; ++j)
      for (int64_t i = 0, zero = random() % 3 == 0; zero && i < out; ++i)
        numbers[i * in + j] = 0.0f;
    auto type = mlir::RankedTensorType::get({out, in}, builder.getF32Type());
    return adapter::DenseOp::create(
        builder, loc,
        mlir::arith::ConstantOp::create(
            builder, loc,
            mlir::DenseElementsAttr::get(type, llvm::ArrayRef(numbers))));
  }

  Value map(int64_t out, int64_t in, unsigned depth) {
    unsigned kinds = depth == 0 ? 2 : 14;
    if (random() % 16 == 0)
      return adapter::ZeroOp::create(builder, loc, out, in);
    if (random() % 3 == 0)
      if (Value computed = leaf(out, in, depth))
        return computed;
    if (out == in && random() % 3 == 0) {
      if (random() % 3 == 0)
        return adapter::IdentityOp::create(builder, loc, out);
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
    case 7:
      return adapter::TransposeOp::create(builder, loc,
                                          map(in, out, depth - 1));
    case 8: {
      int64_t o = divisor(out), i = divisor(in);
      Value a = map(o, i, depth - 1), b = map(out / o, in / i, depth - 1);
      return adapter::KronOp::create(builder, loc, a, b);
    }
    case 9: {
      // Most often of two maps, one a pair of factors.
      llvm::SmallVector<Value> maps;
      for (unsigned i = 0, n = random() % 4 == 0 ? 3 : 2; i < n; ++i)
        maps.push_back(map(out, in, i == 0 ? depth - 1 : 0));
      if (random() % 4 == 0)
        maps.insert(maps.begin() + random() % maps.size(), mask(out, in));
      return adapter::HadamardOp::create(builder, loc, maps);
    }
    case 10: {
      llvm::SmallVector<Value> blocks;
      while (out > 1 && in > 1) {
        int64_t o = 1 + random() % (out - 1), i = 1 + random() % (in - 1);
        int64_t members = 1 + random() % std::min(out / o, in / i);
        bool isBank = random() % 2;
        if (!isBank)
          members = 1;
        if (members * o == out || members * i == in)
          break;
        blocks.push_back(isBank ? bank(members, o, i, depth)
                                : map(o, i, depth - 1));
        out -= members * o;
        in -= members * i;
      }
      int64_t members = divisor(std::gcd(out, in));
      blocks.push_back(members == 1
                           ? map(out, in, depth - 1)
                           : bank(members, out / members, in / members, depth));
      return adapter::BlockDiagonalOp::create(builder, loc, blocks);
    }
    case 11:
      // Of a leaf: norms near zero would hide what a map is made of.
      return adapter::NormalizeOp::create(builder, loc, random() % 2,
                                          map(out, in, 0), 0.25);
    case 12: {
      int64_t members = 1 + random() % 4;
      Value whole = bank(members, out, in, depth - 1);
      return adapter::SelectOp::create(builder, loc, whole,
                                       int64_t(random() % members));
    }
    default: {
      int64_t row = random() % 3, column = random() % 3;
      Value whole =
          map(out + row + random() % 3, in + column + random() % 3, depth - 1);
      return adapter::SliceOp::create(builder, loc, whole, row, out, column,
                                      in);
    }
    }
  }

  int64_t divisor(int64_t whole) {
    int64_t result = 1 + random() % whole;
    while (whole % result)
      --result;
    return result;
  }

  /// Maps of one shape, with what can be done to a bank.
  Value bank(int64_t members, int64_t out, int64_t in, unsigned depth) {
    if (out == in && out > 1 && random() % 2) {
      Value operand = skew(out, members);
      if (random() % 3 == 0)
        return operand;
      std::optional<int64_t> terms;
      if (random() % 2)
        terms = 1 + random() % 6;
      if (terms && depth > 0 && random() % 2)
        operand = bank(members, out, in, depth - 1);
      return adapter::CayleyOp::create(builder, loc, operand, terms);
    }
    switch (depth == 0 ? 0 : random() % 6) {
    case 5: {
      // Single maps and banks among them.
      llvm::SmallVector<Value> maps;
      for (int64_t left = members; left > 0;) {
        int64_t count = 1 + random() % left;
        bool isOne = count == 1 && random() % 2;
        maps.push_back(isOne ? map(out, in, depth - 1)
                             : bank(count, out, in, depth - 1));
        left -= count;
      }
      return adapter::BankOp::create(builder, loc, maps);
    }
    case 1:
      return adapter::TransposeOp::create(builder, loc,
                                          bank(members, in, out, depth - 1));
    case 2: {
      Value operand = bank(members, out, in, depth - 1);
      return adapter::ScaleOp::create(builder, loc, operand.getType(), operand,
                                      builder.getF64FloatAttr(-0.5));
    }
    case 3: {
      llvm::SmallVector<Value> maps{bank(members, out, in, depth - 1),
                                    bank(members, out, in, depth - 1)};
      if (random() % 2)
        return adapter::HadamardOp::create(builder, loc, maps);
      return adapter::SumOp::create(builder, loc, maps.front().getType(), maps);
    }
    default:
      return adapter::DenseOp::create(builder, loc, tensor({members, out, in}));
    }
  }

  mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OpBuilder builder{&context};
  std::mt19937 random{20};
};

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_REFERENCE_RANDOMMAPS_H
