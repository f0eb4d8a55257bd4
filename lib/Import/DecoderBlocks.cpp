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

/// Columns [first, first + count) of [batch, T, all].
Value DecoderBuilder::columns(Value x, int64_t first, int64_t count,
                              const Stream &stream) {
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  llvm::SmallVector<mlir::OpFoldResult> offsets{zero, zero,
                                                b.getIndexAttr(first)};
  llvm::SmallVector<mlir::OpFoldResult> sizes{stream.batch, stream.length,
                                              b.getIndexAttr(count)};
  llvm::SmallVector<mlir::OpFoldResult> strides(3, one);
  return tensor::ExtractSliceOp::create(b, m.loc(), floats({any, any, count}),
                                        x, offsets, sizes, strides);
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
  if (!c.family->scaledEmbedding)
    return x;
  return adapter::buildScaled(b, m.loc(embeddingPath), x,
                              std::sqrt(double(c.hidden)));
}

Value DecoderBuilder::norm(llvm::StringRef path, Value x,
                           const Stream &stream) {
  auto type = mlir::cast<RankedTensorType>(x.getType());
  Value weight = m.norm(path);
  if (c.normsLessOne)
    weight = arith::AddFOp::create(b, m.loc(path), weight, filled(weight, 1.0));
  return nn::NormOp::create(b, m.loc(path), type, nn::NormKind::RMS, x, weight,
                            Value(), llvm::APFloat(c.epsilon),
                            empty(type, stream))
      .getResult();
}

Value DecoderBuilder::block(int64_t layer, Value x, Stream &stream) {
  using Norms = Family::Norms;
  Norms norms = c.family->norms;
  auto normed = [&](llvm::StringRef name, Value value) {
    return norm(inLayer(layer, name), value, stream);
  };
  Value in = norms == Norms::After ? x : normed("input_layernorm", x);
  Value y = attention(layer, in, stream);
  if (norms != Norms::Before)
    y = normed("post_attention_layernorm", y);
  x = arith::AddFOp::create(b, m.loc(inLayer(layer, "self_attn")), x, y);
  in = x;
  if (norms != Norms::After)
    in = normed(norms == Norms::Before ? "post_attention_layernorm"
                                       : "pre_feedforward_layernorm",
                x);
  y = mlp(layer, in, stream);
  if (norms != Norms::Before)
    y = normed("post_feedforward_layernorm", y);
  return arith::AddFOp::create(b, m.loc(inLayer(layer, "mlp")), x, y);
}
