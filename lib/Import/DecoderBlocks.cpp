//===- DecoderBlocks.cpp - blocks of decoders, and their parts --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

/// A slice along the last dimension.
static void sliceColumns(mlir::OpBuilder &b, mlir::Location loc, Value x,
                         int64_t first, int64_t count,
                         llvm::SmallVector<mlir::OpFoldResult> &offsets,
                         llvm::SmallVector<mlir::OpFoldResult> &sizes,
                         llvm::SmallVector<mlir::OpFoldResult> &strides) {
  sizes = tensor::getMixedSizes(b, loc, x);
  offsets.assign(sizes.size(), b.getIndexAttr(0));
  strides.assign(sizes.size(), b.getIndexAttr(1));
  offsets.back() = b.getIndexAttr(first);
  sizes.back() = b.getIndexAttr(count);
}

/// Columns [first, first + count) of [..., all].
Value DecoderBuilder::columns(Value x, int64_t first, int64_t count) {
  llvm::SmallVector<mlir::OpFoldResult> offsets, sizes, strides;
  sliceColumns(b, m.loc(), x, first, count, offsets, sizes, strides);
  auto type = mlir::cast<RankedTensorType>(x.getType());
  return tensor::ExtractSliceOp::create(b, m.loc(),
                                        adapter::withLastDimension(type, count),
                                        x, offsets, sizes, strides);
}

/// `whole` with `part` in its columns from `first` on.
Value DecoderBuilder::intoColumns(Value part, Value whole, int64_t first) {
  int64_t count =
      mlir::cast<RankedTensorType>(part.getType()).getShape().back();
  llvm::SmallVector<mlir::OpFoldResult> offsets, sizes, strides;
  sliceColumns(b, m.loc(), part, first, count, offsets, sizes, strides);
  return tensor::InsertSliceOp::create(b, m.loc(), part, whole, offsets, sizes,
                                       strides);
}

/// x within the bounds of queries, keys and values.
Value DecoderBuilder::clamped(Value x) {
  if (c.clip == 0)
    return x;
  x = arith::MaximumFOp::create(b, m.loc(), x, filled(x, -c.clip));
  return arith::MinimumFOp::create(b, m.loc(), x, filled(x, c.clip));
}

/// A tensor of the shape of x with one number everywhere.
Value DecoderBuilder::filled(Value x, double number) {
  auto type = mlir::cast<RankedTensorType>(x.getType());
  llvm::SmallVector<Value> sizes;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d))
      sizes.push_back(tensor::DimOp::create(b, m.loc(), x, d));
  Value scalar = arith::ConstantOp::create(
      b, m.loc(), b.getF32FloatAttr(static_cast<float>(number)));
  return tensor::SplatOp::create(b, m.loc(), type, scalar, sizes);
}

/// cap * tanh(x / cap); x itself where there is no cap.
Value DecoderBuilder::softcapped(Value x, double cap) {
  if (cap == 0)
    return x;
  Value limit = filled(x, cap);
  Value ratio = arith::DivFOp::create(b, m.loc(), x, limit);
  Value bent = mlir::math::TanhOp::create(b, m.loc(), ratio);
  return arith::MulFOp::create(b, m.loc(), bent, limit);
}

Value DecoderBuilder::embedded(Value tokens) {
  Value x = m.gather(embeddingPath, tokens);
  if (c.family->affineResiduals)
    return affine(modelPath.str() + ".input_hidden_states", x);
  return adapter::buildScaled(b, m.loc(embeddingPath), x, c.embeddingScale);
}

Value DecoderBuilder::norm(llvm::StringRef path, Value x, const Stream &stream,
                           std::optional<double> epsilon) {
  auto type = mlir::cast<RankedTensorType>(x.getType());
  Value weight = m.norm(path);
  if (c.normsLessOne)
    weight = arith::AddFOp::create(b, m.loc(path), weight, filled(weight, 1.0));
  return nn::NormOp::create(b, m.loc(path), type, nn::NormKind::RMS, x, weight,
                            Value(), llvm::APFloat(epsilon.value_or(c.epsilon)),
                            empty(type, stream))
      .getResult();
}

Value DecoderBuilder::affine(const std::string &prefix, Value x) {
  x = adapter::buildAddedVector(b, m.loc(prefix), x, m.norm(prefix + "_bias"));
  return adapter::buildMultipliedByVector(b, m.loc(prefix), x,
                                          m.norm(prefix + "_scale"));
}

/// The stream x with what a part of a block adds to it.
Value DecoderBuilder::residual(llvm::StringRef path, Value x, Value y) {
  y = adapter::buildScaled(b, m.loc(path), y, c.residualScale);
  return arith::AddFOp::create(b, m.loc(path), x, y);
}

/// The output head over the normed stream.
Value DecoderBuilder::logits(Value x) {
  Value y = m.apply(headPath, x);
  if (c.logitsDivisor != 1)
    y = arith::DivFOp::create(b, m.loc(headPath), y,
                              filled(y, c.logitsDivisor));
  return softcapped(y, c.logitSoftcap);
}

Value DecoderBuilder::shortcutBlock(int64_t layer, Value x, Stream &stream) {
  Value routed;
  for (int64_t part : {0, 1}) {
    std::string number = "." + std::to_string(part);
    auto path = [&](llvm::StringRef module) {
      return inLayer(layer, module.str() + number);
    };
    Value in = norm(path("input_layernorm"), x, stream);
    x = residual(path("self_attn"), x, attention(layer, in, stream, part));
    in = norm(path("post_attention_layernorm"), x, stream);
    if (part == 0)
      routed = routedMlp(layer, in, stream);
    x = residual(path("mlps"), x, denseMlp(path("mlps"), in));
  }
  return residual(inLayer(layer, "mlp"), x, routed);
}

Value DecoderBuilder::block(int64_t layer, Value x, Stream &stream) {
  if (c.family->shortcut)
    return shortcutBlock(layer, x, stream);
  using Norms = Family::Norms;
  Norms norms = c.family->norms;
  auto normed = [&](llvm::StringRef name, Value value) {
    double epsilon = c.family->blockEpsilon;
    return norm(inLayer(layer, name), value, stream,
                epsilon ? std::optional(epsilon) : std::nullopt);
  };
  Value in = norms == Norms::After ? x : normed("input_layernorm", x);
  Value y = attention(layer, in, stream);
  if (norms != Norms::Before)
    y = normed("post_attention_layernorm", y);
  auto added = [&](llvm::StringRef name, llvm::StringRef scales) {
    std::string path = inLayer(layer, scales);
    if (!c.family->affineResiduals)
      return residual(inLayer(layer, name), x, y);
    return residual(path, affine(path + ".residual", x),
                    affine(path + ".hidden_states", y));
  };
  x = added("self_attn", "post_attention_residual_scale");
  in = x;
  if (norms != Norms::After)
    in = normed(norms == Norms::Before ? "post_attention_layernorm"
                                       : "pre_feedforward_layernorm",
                x);
  y = mlp(layer, in, stream);
  if (norms != Norms::Before)
    y = normed("post_feedforward_layernorm", y);
  return added("mlp", "post_mlp_residual_scale");
}
