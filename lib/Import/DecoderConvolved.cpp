//===- DecoderConvolved.cpp - attention over mixed queries ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compressed convolutional attention (Figliolia et al. 2025), as in ZAYA. What
// a token needs of earlier ones is kept in the cache for all positions, beside
// keys and values: any number of tokens can then come at once, and sequences of
// a batch may have different lengths.
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <limits>

using namespace allot;
using namespace allot::importer;
using mlir::AffineMap;
using mlir::OpFoldResult;
using mlir::RankedTensorType;
using mlir::Value;
using mlir::ValueRange;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;
using Groups = llvm::SmallVector<mlir::ReassociationIndices>;

/// [batch, T, heads, size] with `count` positions in front: what an earlier
/// call put into a slot of the cache, and where a sequence has none the numbers
/// `missing` `[heads, size]` (null: zero). Puts the new ones there, too.
Value DecoderBuilder::withHistory(Value fresh, int64_t count, Value missing,
                                  int64_t row, int64_t slot, Stream &stream) {
  auto type = mlir::cast<RankedTensorType>(fresh.getType());
  int64_t heads = type.getDimSize(2), size = type.getDimSize(3);
  auto index = [](mlir::OpBuilder &nested, mlir::Location at, int64_t n) {
    return arith::ConstantIndexOp::create(nested, at, n).getResult();
  };
  auto body = [&](mlir::OpBuilder &nested, mlir::Location at, ValueRange i) {
    Value number =
        missing
            ? tensor::ExtractOp::create(nested, at, missing,
                                        ValueRange{i[2], i[3]})
                  .getResult()
            : arith::ConstantOp::create(nested, at, nested.getF32FloatAttr(0))
                  .getResult();
    if (stream.cache) {
      Value past = arith::IndexCastOp::create(
          nested, at, nested.getIndexType(),
          tensor::ExtractOp::create(nested, at, stream.past, i[0]));
      Value position = arith::SubIOp::create(
          nested, at, arith::AddIOp::create(nested, at, past, i[1]),
          index(nested, at, count));
      Value zero = index(nested, at, 0);
      Value isThere = arith::CmpIOp::create(
          nested, at, arith::CmpIPredicate::sge, position, zero);
      Value kept = tensor::ExtractOp::create(
          nested, at, stream.cache,
          ValueRange{index(nested, at, row), index(nested, at, slot), i[0],
                     arith::MaxSIOp::create(nested, at, position, zero), i[2],
                     i[3]});
      number = arith::SelectOp::create(nested, at, isThere, kept, number);
    }
    tensor::YieldOp::create(nested, at, number);
  };
  Value old =
      tensor::GenerateOp::create(b, m.loc(), floats({any, count, heads, size}),
                                 ValueRange{stream.batch}, body);
  Value total = arith::AddIOp::create(b, m.loc(), stream.length,
                                      index(b, m.loc(), count));
  Value whole =
      tensor::EmptyOp::create(b, m.loc(), type.getShape(), b.getF32Type(),
                              ValueRange{stream.batch, total});
  auto sizes = tensor::getMixedSizes(b, m.loc(), old);
  llvm::SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0)),
      strides(4, b.getIndexAttr(1));
  whole = tensor::InsertSliceOp::create(b, m.loc(), old, whole, offsets, sizes,
                                        strides);
  offsets[1] = b.getIndexAttr(count);
  sizes[1] = stream.length;
  whole = tensor::InsertSliceOp::create(b, m.loc(), fresh, whole, offsets,
                                        sizes, strides);
  if (stream.cache)
    intoCache(row, slot, fresh, stream);
  return whole;
}

/// Positions [first, first + count) of [batch, T, heads, size].
Value DecoderBuilder::rows(Value x, int64_t first, Value count) {
  auto sizes = tensor::getMixedSizes(b, m.loc(), x);
  llvm::SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0)),
      strides(4, b.getIndexAttr(1));
  offsets[1] = b.getIndexAttr(first);
  sizes[1] = count;
  return tensor::ExtractSliceOp::create(
      b, m.loc(), mlir::cast<RankedTensorType>(x.getType()), x, offsets, sizes,
      strides);
}

/// A convolution over positions of each number by itself, or of the numbers of
/// each head: `length` positions, each of so many of x.
Value DecoderBuilder::convolved(const std::string &path, Value x, int64_t taps,
                                Value length, const Stream &stream) {
  mlir::Location at = m.loc(path);
  int64_t heads = mlir::cast<RankedTensorType>(x.getType()).getDimSize(2);
  int64_t size = c.headDim;
  Value weight = m.norm(path);
  int64_t in = mlir::cast<RankedTensorType>(weight.getType()).getDimSize(1);
  Value split = tensor::ExpandShapeOp::create(
      b, at, floats({heads, size, in, taps}), weight, Groups{{0, 1}, {2}, {3}});
  Value bias = tensor::ExpandShapeOp::create(b, at, floats({heads, size}),
                                             m.bias(path), Groups{{0, 1}});
  Value sum = mlir::linalg::BroadcastOp::create(
                  b, at, bias,
                  tensor::EmptyOp::create(
                      b, at, llvm::ArrayRef<int64_t>{any, any, heads, size},
                      b.getF32Type(), ValueRange{stream.batch, length}),
                  llvm::ArrayRef<int64_t>{0, 1})
                  ->getResult(0);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  // Loops: batch, position, head, and its numbers that come out and go in.
  auto dim = [&](unsigned d) { return b.getAffineDimExpr(d); };
  auto map = [&](llvm::ArrayRef<mlir::AffineExpr> results) {
    return AffineMap::get(5, 0, results, b.getContext());
  };
  mlir::AffineExpr read = in == 1 ? dim(3) : dim(4);
  for (int64_t tap = 0; tap < taps; ++tap) {
    Value part = tensor::ExtractSliceOp::create(
        b, at, floats({heads, size, in}), split,
        llvm::ArrayRef<OpFoldResult>{zero, zero, zero, b.getIndexAttr(tap)},
        llvm::ArrayRef<OpFoldResult>{b.getIndexAttr(heads),
                                     b.getIndexAttr(size), b.getIndexAttr(in),
                                     one},
        llvm::SmallVector<OpFoldResult>(4, one));
    sum = vjp::buildStructured(
        b, at, {rows(x, tap, length), part},
        {map({dim(0), dim(1), dim(2), read}), map({dim(2), dim(3), dim(4)}),
         map({dim(0), dim(1), dim(2), dim(3)})},
        sum, [](mlir::OpBuilder &nested, mlir::Location at, ValueRange args) {
          Value product = arith::MulFOp::create(nested, at, args[0], args[1]);
          return arith::AddFOp::create(nested, at, args[2], product)
              .getResult();
        });
  }
  return sum;
}

/// Heads of the length of the root of their size, times a factor each (null:
/// none).
Value DecoderBuilder::unit(Value x, Value factors) {
  mlir::Location at = m.loc();
  AffineMap all = b.getMultiDimIdentityMap(4), perHead = all.dropResult(3);
  auto sizes = tensor::getMixedSizes(b, at, x);
  Value squares = vjp::buildReduction(
      b, at, {x}, {all, perHead}, llvm::ArrayRef(sizes).drop_back(),
      [](mlir::OpBuilder &nested, mlir::Location at, ValueRange args) {
        return arith::MulFOp::create(nested, at, args[0], args[0]).getResult();
      });
  llvm::SmallVector<Value> inputs{x, squares};
  llvm::SmallVector<AffineMap> maps{all, perHead};
  if (factors) {
    inputs.push_back(factors);
    maps.push_back(AffineMap::get(4, 0, b.getAffineDimExpr(2)));
  }
  maps.push_back(all);
  float length = static_cast<float>(std::sqrt(double(c.headDim)));
  return vjp::buildStructured(
      b, at, inputs, maps,
      tensor::EmptyOp::create(b, at, sizes, b.getF32Type()),
      [&](mlir::OpBuilder &nested, mlir::Location at,
          ValueRange args) -> Value {
        auto number = [&](float value) -> Value {
          return arith::ConstantOp::create(nested, at,
                                           nested.getF32FloatAttr(value));
        };
        Value norm = mlir::math::SqrtOp::create(nested, at, args[1]);
        norm = arith::MaximumFOp::create(
            nested, at, norm, number(std::numeric_limits<float>::epsilon()));
        Value scale = arith::DivFOp::create(nested, at, number(length), norm);
        Value y = arith::MulFOp::create(nested, at, args[0], scale);
        return factors ? arith::MulFOp::create(nested, at, y, args[2]) : y;
      });
}

DecoderBuilder::Heads DecoderBuilder::projectConvolved(int64_t layer, Value x,
                                                       Stream &stream) {
  auto path = [&](llvm::StringRef name) {
    return inLayer(layer, ("self_attn.qkv_proj." + name).str());
  };
  mlir::Location at = m.loc(inLayer(layer, "self_attn.qkv_proj"));
  int64_t size = c.headDim, group = c.heads / c.kvHeads;
  int64_t run = c.kvHeads * size, all = c.heads + c.kvHeads;
  // Slots behind those of keys and values.
  auto row = [&](int64_t slot) {
    return layer * c.cacheRows() + (slot + 2) / 2;
  };
  Value flatQ = m.apply(path("q_proj"), x), flatK = m.apply(path("k_proj"), x);

  // Queries and keys, run by run, behind what came before.
  const ConvolvedAttention &conv = c.convolved;
  Value taken = arith::AddIOp::create(
      b, at, stream.length,
      arith::ConstantIndexOp::create(b, at, conv.history()));
  Value mixed = tensor::EmptyOp::create(
      b, at, llvm::ArrayRef<int64_t>{any, any, all, size}, b.getF32Type(),
      ValueRange{stream.batch, taken});
  for (int64_t n = 0; n < c.mixedRuns(); ++n) {
    Value flat = n < group ? columns(flatQ, n * run, run) : flatK;
    Value part = heads(flat, c.kvHeads, size, stream);
    if (conv.history())
      part = withHistory(part, conv.history(), Value(), row(n), n % 2, stream);
    auto sizes = tensor::getMixedSizes(b, at, part);
    llvm::SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0)),
        strides(4, b.getIndexAttr(1));
    offsets[2] = b.getIndexAttr(n * c.kvHeads);
    mixed = tensor::InsertSliceOp::create(b, at, part, mixed, offsets, sizes,
                                          strides);
  }
  Value between = arith::AddIOp::create(
      b, at, stream.length,
      arith::ConstantIndexOp::create(b, at, conv.second - 1));
  mixed =
      convolved(path("conv_qk_depthwise"), mixed, conv.first, between, stream);
  mixed = convolved(path("conv_qk_grouped"), mixed, conv.second, stream.length,
                    stream);

  // The mean of each query and its key is added to it, and the mean of those of
  // all queries of a key to the key.
  AffineMap five = b.getMultiDimIdentityMap(5), perKey = five.dropResult(3);
  Value k = heads(flatK, c.kvHeads, size, stream);
  RankedTensorType grouped = floats({any, any, c.kvHeads, group, size});
  llvm::SmallVector<OpFoldResult> sizes{
      stream.batch, stream.length, b.getIndexAttr(c.kvHeads),
      b.getIndexAttr(group), b.getIndexAttr(size)};
  Value q = tensor::ExpandShapeOp::create(b, at, grouped, flatQ,
                                          Groups{{0}, {1}, {2, 3, 4}}, sizes);
  Value mean = vjp::buildStructured(
      b, at, {q, k}, {five, perKey, five}, empty(grouped, stream),
      [](mlir::OpBuilder &nested, mlir::Location at, ValueRange args) -> Value {
        Value half =
            arith::ConstantOp::create(nested, at, nested.getF32FloatAttr(0.5));
        Value sum = arith::AddFOp::create(nested, at, args[0], args[1]);
        return arith::MulFOp::create(nested, at, sum, half);
      });
  float part = 1.0f / static_cast<float>(group);
  Value meanOfKey = vjp::buildReduction(
      b, at, {mean}, {five, perKey}, {sizes[0], sizes[1], sizes[2], sizes[4]},
      [&](mlir::OpBuilder &nested, mlir::Location at,
          ValueRange args) -> Value {
        Value factor =
            arith::ConstantOp::create(nested, at, nested.getF32FloatAttr(part));
        return arith::MulFOp::create(nested, at, args[0], factor);
      });
  Value meanOfQuery =
      tensor::CollapseShapeOp::create(b, at, floats({any, any, c.heads, size}),
                                      mean, Groups{{0}, {1}, {2, 3}, {4}});
  auto mixedHeads = [&](int64_t first, int64_t count) -> Value {
    OpFoldResult zero = b.getIndexAttr(0);
    return tensor::ExtractSliceOp::create(
        b, at, floats({any, any, count, size}), mixed,
        llvm::ArrayRef<OpFoldResult>{zero, zero, b.getIndexAttr(first), zero},
        llvm::ArrayRef<OpFoldResult>{stream.batch, stream.length,
                                     b.getIndexAttr(count),
                                     b.getIndexAttr(size)},
        llvm::SmallVector<OpFoldResult>(4, b.getIndexAttr(1)));
  };
  q = arith::AddFOp::create(b, at, mixedHeads(0, c.heads), meanOfQuery);
  k = arith::AddFOp::create(b, at, mixedHeads(c.heads, c.kvHeads), meanOfKey);
  q = rope(layer, unit(q, Value()), stream);
  k = rope(layer, unit(k, m.norm(inLayer(layer, "self_attn.qk_norm.temp"))),
           stream);

  // The second half of the values is that of the token before; before the first
  // one, that of a stream of zeros.
  Value missing;
  if (Value bias = m.bias(path("v_proj_delayed")))
    missing = tensor::ExpandShapeOp::create(
        b, at, floats({c.kvHeads, size / 2}), bias, Groups{{0, 1}});
  int64_t slot = c.mixedRuns();
  Value delayed = withHistory(
      heads(m.apply(path("v_proj_delayed"), x), c.kvHeads, size / 2, stream), 1,
      missing, row(slot), slot % 2, stream);
  delayed = tensor::CollapseShapeOp::create(b, at, floats({any, any, run / 2}),
                                            rows(delayed, 0, stream.length),
                                            Groups{{0}, {1}, {2, 3}});
  Value v = empty(floats({any, any, run}), stream);
  v = intoColumns(m.apply(path("v_proj_current"), x), v, 0);
  v = intoColumns(delayed, v, run / 2);
  return {q, k, heads(v, c.kvHeads, size, stream)};
}
