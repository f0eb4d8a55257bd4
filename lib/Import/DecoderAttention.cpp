//===- DecoderAttention.cpp - attention of decoders -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

/// [batch, T, count * size] as [batch, T, count, size].
Value DecoderBuilder::heads(Value x, int64_t count, int64_t size,
                            const Stream &stream) {
  llvm::SmallVector<mlir::OpFoldResult> sizes{
      stream.batch, stream.length, b.getIndexAttr(count), b.getIndexAttr(size)};
  return tensor::ExpandShapeOp::create(
      b, m.loc(), floats({any, any, count, size}), x,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1}, {2, 3}}, sizes);
}

Value DecoderBuilder::rope(int64_t layer, Value x, const Stream &stream) {
  if (!c.unrotated.empty() && c.unrotated[layer])
    return x;
  auto type = mlir::cast<RankedTensorType>(x.getType());
  auto layout =
      c.neighbours ? nn::RotaryLayout::Neighbours : nn::RotaryLayout::Halves;
  return nn::RopeOp::create(b, m.loc(), type, layout, x, stream.past,
                            c.windows[layer] ? windowFrequencies : frequencies,
                            llvm::APFloat(c.rotaryScale), empty(type, stream))
      .getResult();
}

/// Puts new keys (slot 0) or values (1) of an attention block into the cache.
void DecoderBuilder::intoCache(int64_t row, int64_t slot, Value fresh,
                               Stream &stream) {
  stream.cache =
      nn::CacheUpdateOp::create(b, m.loc(), cacheType(), fresh, stream.past,
                                stream.count, row, slot, stream.cache)
          .getResult();
}

/// All keys or values of an attention block. They are read after both are
/// written: a read between two writes in place would have to be a copy.
Value DecoderBuilder::fromCache(int64_t row, int64_t slot, Stream &stream) {
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Value capacity = tensor::DimOp::create(b, m.loc(), stream.cache, 3);
  llvm::SmallVector<mlir::OpFoldResult> offsets{
      b.getIndexAttr(row), b.getIndexAttr(slot), zero, zero, zero, zero};
  int64_t size = slot == 0 ? c.headDim : c.valueDim;
  llvm::SmallVector<mlir::OpFoldResult> sizes{one,
                                              one,
                                              stream.batch,
                                              capacity,
                                              b.getIndexAttr(c.kvHeads),
                                              b.getIndexAttr(size)};
  llvm::SmallVector<mlir::OpFoldResult> strides(6, one);
  return tensor::ExtractSliceOp::create(b, m.loc(),
                                        floats({any, any, c.kvHeads, size}),
                                        stream.cache, offsets, sizes, strides);
}

/// Queries, keys and values, each by a projection of its own or all by one.
DecoderBuilder::Heads DecoderBuilder::project(int64_t layer, Value x,
                                              const Stream &stream) {
  Value q, k, v;
  if (c.family->fusedProjections) {
    int64_t qSize = c.heads * c.headDim, kvSize = c.kvHeads * c.headDim;
    Value all = m.apply(inLayer(layer, "self_attn.qkv_proj"), x);
    q = columns(all, 0, qSize);
    k = columns(all, qSize, kvSize);
    v = columns(all, qSize + kvSize, kvSize);
  } else {
    q = m.apply(inLayer(layer, "self_attn.q_proj"), x);
    k = m.apply(inLayer(layer, "self_attn.k_proj"), x);
    v = m.apply(inLayer(layer, "self_attn.v_proj"), x);
  }
  auto normHeads = [&] {
    q = norm(inLayer(layer, "self_attn.q_norm"), q, stream);
    k = norm(inLayer(layer, "self_attn.k_norm"), k, stream);
  };
  if (c.family->headNorms == Family::HeadNorms::Whole)
    normHeads();
  q = heads(clamped(q), c.heads, c.headDim, stream);
  k = heads(clamped(k), c.kvHeads, c.headDim, stream);
  v = heads(clamped(v), c.kvHeads, c.headDim, stream);
  if (c.family->headNorms == Family::HeadNorms::PerHead)
    normHeads();
  return {rope(layer, q, stream), rope(layer, k, stream), v};
}

Value DecoderBuilder::attend(int64_t layer, llvm::StringRef path, int64_t row,
                             Heads heads, Stream &stream) {
  auto [q, k, v] = heads;
  if (stream.cache) {
    intoCache(row, 0, k, stream);
    intoCache(row, 1, v, stream);
    k = fromCache(row, 0, stream);
    v = fromCache(row, 1, stream);
  } else if (Value prefix = m.prepended(path)) {
    k = prepend(prefixHeads(layer, 0, prefix), k, stream);
    v = prepend(prefixHeads(layer, 1, prefix), v, stream);
  }
  RankedTensorType type = floats({any, any, c.heads, c.valueDim});
  mlir::IntegerAttr window =
      c.windows[layer] ? b.getI64IntegerAttr(c.windows[layer]) : nullptr;
  mlir::FloatAttr softcap;
  if (c.attentionSoftcap)
    softcap = b.getF64FloatAttr(c.attentionSoftcap);
  Value sinks;
  if (c.family->sinks)
    sinks = m.norm(inLayer(layer, "self_attn.sinks"));
  return nn::AttentionOp::create(
             b, m.loc(path), type, q, k, v, stream.past, stream.total,
             /*mask=*/Value(),
             /*distances=*/Value(), sinks, empty(type, stream),
             /*causal=*/true, llvm::APFloat(c.attentionScale), window, softcap)
      .getResult();
}

Value DecoderBuilder::attention(int64_t layer, Value x, Stream &stream,
                                int64_t part) {
  if (c.experts.queries)
    return routedAttention(layer, x, stream);
  std::string path = attentionPath(c, layer, part);
  Heads all = c.latent.rank       ? projectLatent(layer, x, stream, part)
              : c.convolved.first ? projectConvolved(layer, x, stream)
                                  : project(layer, x, stream);
  Value q = all.q;
  Value out = attend(layer, path, layer * c.cacheRows() + part, all, stream);
  auto project = [&](Value heads) {
    Value flat = tensor::CollapseShapeOp::create(
        b, m.loc(), floats({any, any, c.heads * c.valueDim}), heads,
        llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1}, {2, 3}});
    return m.apply(path + ".o_proj", flat);
  };
  auto prompts = m.prompts(path);
  // A bias of the output counts once more for each prompt.
  llvm::SmallVector<Value> apart;
  for (const ModuleBuilder::Prompt &prompt : prompts) {
    Value seen = seePrompt(layer, q, prompt, stream);
    if (c.outputBias)
      apart.push_back(seen);
    else
      out = arith::AddFOp::create(b, m.loc(), out, seen);
  }
  Value y = project(out);
  if (!prompts.empty())
    m.markBeyondMap(y, prompts[0].adapter);
  if (!prepending.empty())
    m.markBeyondMap(y, prepending);
  for (Value seen : apart)
    y = arith::AddFOp::create(b, m.loc(), y, project(seen));
  return y;
}
