//===- Decoder.cpp - programs of Llama-like models --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One set of building blocks for every family: what differs is in ModelConfig.
// A block is built by one function for both uses, over a whole sequence and
// over new tokens behind a cache.
//
//===----------------------------------------------------------------------===//

#include "Containers.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Import/Merge.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

static constexpr llvm::StringLiteral modelPath = "model",
                                     embeddingPath = "model.embed_tokens",
                                     normPath = "model.norm",
                                     headPath = "lm_head";

static std::string inLayer(int64_t layer, llvm::StringRef module) {
  return ("model.layers." + llvm::Twine(layer) + "." + module).str();
}

/// The modules of a model, as adapters see them, in the order of the program.
static std::vector<ModuleInfo> modulesOf(const ModelConfig &c) {
  std::vector<ModuleInfo> modules;
  auto add = [&](std::string path, ModuleKind kind, int64_t out, int64_t in,
                 bool bias = false) {
    modules.push_back({std::move(path), kind, out, in, bias, false});
    ModuleInfo &module = modules.back();
    llvm::StringRef rest = module.path;
    if (!c.layerSources.empty() && rest.consume_front("model.layers.")) {
      auto [layer, name] = rest.split('.');
      module.storedAs = inLayer(c.layerSources[std::stoll(layer.str())], name);
    }
  };
  const auto linear = ModuleKind::Linear, norm = ModuleKind::Norm;
  const Family &f = *c.family;
  int64_t q = c.heads * c.headDim, kv = c.kvHeads * c.headDim;
  add(modelPath.str(), ModuleKind::Model, c.vocab, c.hidden);
  add(embeddingPath.str(), ModuleKind::Embedding, c.vocab, c.hidden);
  for (int64_t l = 0; l < c.layers; ++l) {
    if (f.norms != Family::Norms::After)
      add(inLayer(l, "input_layernorm"), norm, c.hidden, 1);
    if (f.fusedProjections) {
      add(inLayer(l, "self_attn.qkv_proj"), linear, q + 2 * kv, c.hidden,
          c.queryKeyValueBias);
    } else {
      add(inLayer(l, "self_attn.q_proj"), linear, q, c.hidden,
          c.queryKeyValueBias);
      add(inLayer(l, "self_attn.k_proj"), linear, kv, c.hidden,
          c.queryKeyValueBias);
      add(inLayer(l, "self_attn.v_proj"), linear, kv, c.hidden,
          c.queryKeyValueBias);
    }
    if (f.headNorms != Family::HeadNorms::None) {
      bool whole = f.headNorms == Family::HeadNorms::Whole;
      add(inLayer(l, "self_attn.q_norm"), norm, whole ? q : c.headDim, 1);
      add(inLayer(l, "self_attn.k_norm"), norm, whole ? kv : c.headDim, 1);
    }
    add(inLayer(l, "self_attn.o_proj"), linear, c.hidden, q, c.outputBias);
    add(inLayer(l, "self_attn"), ModuleKind::Attention, c.hidden, c.hidden);
    modules.back().heads = c.kvHeads;
    add(inLayer(l, "post_attention_layernorm"), norm, c.hidden, 1);
    if (f.norms == Family::Norms::Around)
      add(inLayer(l, "pre_feedforward_layernorm"), norm, c.hidden, 1);
    if (f.fusedProjections) {
      add(inLayer(l, "mlp.gate_up_proj"), linear, 2 * c.intermediate, c.hidden,
          c.mlpBias);
    } else {
      add(inLayer(l, "mlp.gate_proj"), linear, c.intermediate, c.hidden,
          c.mlpBias);
      add(inLayer(l, "mlp.up_proj"), linear, c.intermediate, c.hidden,
          c.mlpBias);
    }
    add(inLayer(l, "mlp.down_proj"), linear, c.hidden, c.intermediate,
        c.mlpBias);
    if (f.norms != Family::Norms::Before)
      add(inLayer(l, "post_feedforward_layernorm"), norm, c.hidden, 1);
  }
  add(normPath.str(), norm, c.hidden, 1);
  add(headPath.str(), linear, c.vocab, c.hidden);
  modules.back().isHead = true;
  if (c.tied)
    modules.back().tiedTo = embeddingPath.str();
  return modules;
}

/// Tensors of published files that a program does not need: tables that are
/// computed, the second copy of a tied head, and layers beyond the configured
/// ones.
static bool isIgnored(const ModelConfig &config, llvm::StringRef name) {
  if (name.ends_with(".rotary_emb.inv_freq"))
    return true;
  if (name == "lm_head.weight")
    return config.tied;
  if (!name.consume_front("model.layers."))
    return false;
  uint64_t layer;
  if (name.split('.').first.getAsInteger(10, layer))
    return false;
  if (!config.layerSources.empty())
    return !llvm::is_contained(config.layerSources, int64_t(layer));
  return layer >= uint64_t(config.layers);
}

namespace {

class DecoderBuilder {
public:
  /// `prepending`: the adapter that puts something before every sequence.
  DecoderBuilder(ModuleBuilder &module, const ModelConfig &config,
                 llvm::StringRef prepending)
      : m(module), b(module.builder()), c(config), prepending(prepending) {}

  void buildLogits();
  void buildForward();
  /// An entry that calls the shared body.
  void buildStep(llvm::StringRef name);

private:
  /// What a block needs to know of the sequences it works on. The cache, count
  /// and total are null where whole sequences are run without one.
  struct Stream {
    Value batch, length, past, count, total, cache;
  };

  Stream begin(Value tokens);
  Value block(int64_t layer, Value x, Stream &stream);
  Value attention(int64_t layer, Value x, Stream &stream);
  Value onEveryRow(Value x, const Stream &stream);
  Value prepend(Value prompt, Value x, const Stream &stream);
  Value prefixHeads(int64_t layer, int64_t slot, Value prefix);
  void setPast(Stream &stream, int64_t past);
  Value promptHeads(llvm::StringRef path, Value prompt, const Stream &stream);
  Value seePrompt(int64_t layer, Value q, const ModuleBuilder::Prompt &prompt,
                  const Stream &stream);
  Value mlp(int64_t layer, Value x, const Stream &stream);
  Value norm(llvm::StringRef path, Value x, const Stream &stream);
  Value rope(int64_t layer, Value x, const Stream &stream);
  Value columns(Value x, int64_t first, int64_t count, const Stream &stream);
  Value filled(Value x, double number);
  Value softcapped(Value x, double cap);
  Value embedded(Value tokens);
  Value lastPositions(Value x, const Stream &stream);
  Value heads(Value x, int64_t count, const Stream &stream);
  void intoCache(int64_t layer, int64_t slot, Value fresh, Stream &stream);
  Value fromCache(int64_t layer, int64_t slot, Stream &stream);

  /// `tensor.empty`; the dynamic dimensions are batch and length.
  Value empty(RankedTensorType type, const Stream &stream) {
    llvm::SmallVector<Value> sizes{stream.batch, stream.length};
    sizes.truncate(type.getNumDynamicDims());
    return tensor::EmptyOp::create(b, m.loc(), type.getShape(),
                                   type.getElementType(), sizes);
  }
  RankedTensorType floats(llvm::ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, b.getF32Type());
  }
  RankedTensorType ints(llvm::ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, b.getI32Type());
  }
  llvm::SmallVector<Port> stepArguments() {
    return withChoice({{"tokens", ints({any, any})},
                       {"count", ints({any})},
                       {"past", ints({any})},
                       {"cache", cacheType()}});
  }
  /// With the adapter of each sequence behind the others, where there is a bank
  /// of them.
  llvm::SmallVector<Port> withChoice(llvm::SmallVector<Port> ports) {
    if (m.hasBank())
      ports.push_back({ModuleBuilder::choiceName, ints({any})});
    return ports;
  }
  void choose(mlir::func::FuncOp function, const Stream &stream);
  llvm::SmallVector<Port> stepResults() {
    return {{"logits", floats({any, c.vocab})}, {"cache", cacheType()}};
  }
  RankedTensorType cacheType() {
    return floats({c.layers, 2, any, any, c.kvHeads, c.headDim});
  }

  static constexpr int64_t any = mlir::ShapedType::kDynamic;
  ModuleBuilder &m;
  mlir::OpBuilder &b;
  const ModelConfig &c;
  llvm::StringRef prepending;
  /// Of the function being built; the second ones are those of layers with a
  /// window, where they have their own.
  Value frequencies, windowFrequencies;
};

} // namespace

DecoderBuilder::Stream DecoderBuilder::begin(Value tokens) {
  Stream stream;
  stream.batch = tensor::DimOp::create(b, m.loc(), tokens, 0);
  stream.length = tensor::DimOp::create(b, m.loc(), tokens, 1);
  auto table = [&](llvm::ArrayRef<float> angles) -> Value {
    auto type = floats({int64_t(angles.size())});
    return arith::ConstantOp::create(
        b, m.loc(), mlir::DenseElementsAttr::get(type, angles));
  };
  frequencies = table(c.frequencies);
  windowFrequencies =
      c.windowFrequencies.empty() ? frequencies : table(c.windowFrequencies);
  return stream;
}

/// Gives every token the adapter of its sequence.
void DecoderBuilder::choose(mlir::func::FuncOp function, const Stream &stream) {
  if (!m.hasBank())
    return;
  Value ofSequences = function.getArgument(function.getNumArguments() - 1);
  Value ofTokens = mlir::linalg::BroadcastOp::create(
                       b, m.loc(), ofSequences, empty(ints({any, any}), stream),
                       llvm::ArrayRef<int64_t>{1})
                       ->getResult(0);
  m.setChoice(ofSequences, ofTokens);
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

/// [batch, T, count * D] as [batch, T, count, D].
Value DecoderBuilder::heads(Value x, int64_t count, const Stream &stream) {
  llvm::SmallVector<mlir::OpFoldResult> sizes{stream.batch, stream.length,
                                              b.getIndexAttr(count),
                                              b.getIndexAttr(c.headDim)};
  return tensor::ExpandShapeOp::create(
      b, m.loc(), floats({any, any, count, c.headDim}), x,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1}, {2, 3}}, sizes);
}

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

Value DecoderBuilder::rope(int64_t layer, Value x, const Stream &stream) {
  if (!c.unrotated.empty() && c.unrotated[layer])
    return x;
  auto type = mlir::cast<RankedTensorType>(x.getType());
  return nn::RopeOp::create(b, m.loc(), type, nn::RotaryLayout::Halves, x,
                            stream.past,
                            c.windows[layer] ? windowFrequencies : frequencies,
                            llvm::APFloat(c.rotaryScale), empty(type, stream))
      .getResult();
}

/// Puts new keys (slot 0) or values (1) of a layer into the cache.
void DecoderBuilder::intoCache(int64_t layer, int64_t slot, Value fresh,
                               Stream &stream) {
  stream.cache =
      nn::CacheUpdateOp::create(b, m.loc(), cacheType(), fresh, stream.past,
                                stream.count, layer, slot, stream.cache)
          .getResult();
}

/// All keys or values of a layer. They are read after both are written: a read
/// between two writes in place would have to be a copy.
Value DecoderBuilder::fromCache(int64_t layer, int64_t slot, Stream &stream) {
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Value capacity = tensor::DimOp::create(b, m.loc(), stream.cache, 3);
  llvm::SmallVector<mlir::OpFoldResult> offsets{
      b.getIndexAttr(layer), b.getIndexAttr(slot), zero, zero, zero, zero};
  llvm::SmallVector<mlir::OpFoldResult> sizes{one,
                                              one,
                                              stream.batch,
                                              capacity,
                                              b.getIndexAttr(c.kvHeads),
                                              b.getIndexAttr(c.headDim)};
  llvm::SmallVector<mlir::OpFoldResult> strides(6, one);
  return tensor::ExtractSliceOp::create(
      b, m.loc(), floats({any, any, c.kvHeads, c.headDim}), stream.cache,
      offsets, sizes, strides);
}

Value DecoderBuilder::attention(int64_t layer, Value x, Stream &stream) {
  Value q, k, v;
  if (c.family->fusedProjections) {
    int64_t qSize = c.heads * c.headDim, kvSize = c.kvHeads * c.headDim;
    Value all = m.apply(inLayer(layer, "self_attn.qkv_proj"), x);
    q = columns(all, 0, qSize, stream);
    k = columns(all, qSize, kvSize, stream);
    v = columns(all, qSize + kvSize, kvSize, stream);
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
  q = heads(q, c.heads, stream);
  k = heads(k, c.kvHeads, stream);
  v = heads(v, c.kvHeads, stream);
  if (c.family->headNorms == Family::HeadNorms::PerHead)
    normHeads();
  q = rope(layer, q, stream);
  k = rope(layer, k, stream);
  if (stream.cache) {
    intoCache(layer, 0, k, stream);
    intoCache(layer, 1, v, stream);
    k = fromCache(layer, 0, stream);
    v = fromCache(layer, 1, stream);
  } else if (Value prefix = m.prepended(inLayer(layer, "self_attn"))) {
    k = prepend(prefixHeads(layer, 0, prefix), k, stream);
    v = prepend(prefixHeads(layer, 1, prefix), v, stream);
  }
  auto type = mlir::cast<RankedTensorType>(q.getType());
  mlir::IntegerAttr window =
      c.windows[layer] ? b.getI64IntegerAttr(c.windows[layer]) : nullptr;
  Value out = nn::AttentionOp::create(
                  b, m.loc(inLayer(layer, "self_attn")), type, q, k, v,
                  stream.past, stream.total, empty(type, stream),
                  /*causal=*/true, llvm::APFloat(c.attentionScale), window,
                  c.attentionSoftcap ? b.getF64FloatAttr(c.attentionSoftcap)
                                     : mlir::FloatAttr())
                  .getResult();
  auto project = [&](Value heads) {
    Value flat = tensor::CollapseShapeOp::create(
        b, m.loc(), floats({any, any, c.heads * c.headDim}), heads,
        llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1}, {2, 3}});
    return m.apply(inLayer(layer, "self_attn.o_proj"), flat);
  };
  auto prompts = m.prompts(inLayer(layer, "self_attn"));
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

/// Keys or values of a prompt, the same for the whole batch.
Value DecoderBuilder::promptHeads(llvm::StringRef path, Value prompt,
                                  const Stream &stream) {
  Value rows = adapter::buildApplied(b, m.loc(path), m.map(path), prompt);
  if (Value bias = m.bias(path))
    rows = adapter::buildAddedVector(b, m.loc(path), rows, bias);
  int64_t length = mlir::cast<RankedTensorType>(prompt.getType()).getDimSize(0);
  auto type = floats({length, c.kvHeads, c.headDim});
  Value heads = tensor::ExpandShapeOp::create(
      b, m.loc(), type, rows,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1, 2}});
  return onEveryRow(heads, stream);
}

/// The same x for the whole batch.
Value DecoderBuilder::onEveryRow(Value x, const Stream &stream) {
  llvm::SmallVector<int64_t> shape{any};
  llvm::append_range(shape,
                     mlir::cast<RankedTensorType>(x.getType()).getShape());
  Value init = tensor::EmptyOp::create(b, m.loc(), shape, b.getF32Type(),
                                       mlir::ValueRange{stream.batch});
  return mlir::linalg::BroadcastOp::create(b, m.loc(), x, init,
                                           llvm::ArrayRef<int64_t>{0})
      ->getResult(0);
}

/// [length, ...] before each row of [batch, T, ...].
Value DecoderBuilder::prepend(Value prompt, Value x, const Stream &stream) {
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  int64_t length = mlir::cast<RankedTensorType>(prompt.getType()).getDimSize(0);
  auto type = mlir::cast<RankedTensorType>(x.getType());
  Value before = arith::ConstantIndexOp::create(b, m.loc(), length);
  Value total = arith::AddIOp::create(b, m.loc(), stream.length, before);
  llvm::SmallVector<mlir::OpFoldResult> sizes{stream.batch, total};
  for (int64_t size : type.getShape().drop_front(2))
    sizes.push_back(b.getIndexAttr(size));
  llvm::SmallVector<mlir::OpFoldResult> offsets(type.getRank(), zero),
      strides(type.getRank(), one);
  Value whole =
      tensor::EmptyOp::create(b, m.loc(), type.getShape(), b.getF32Type(),
                              mlir::ValueRange{stream.batch, total});
  sizes[1] = b.getIndexAttr(length);
  whole = tensor::InsertSliceOp::create(b, m.loc(), onEveryRow(prompt, stream),
                                        whole, offsets, sizes, strides);
  offsets[1] = b.getIndexAttr(length);
  sizes[1] = stream.length;
  return tensor::InsertSliceOp::create(b, m.loc(), x, whole, offsets, sizes,
                                       strides);
}

/// Keys (slot 0) or values (1) of a layer among those of all layers.
Value DecoderBuilder::prefixHeads(int64_t layer, int64_t slot, Value prefix) {
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  int64_t length = mlir::cast<RankedTensorType>(prefix.getType()).getDimSize(0),
          width = c.kvHeads * c.headDim;
  Value rows = tensor::ExtractSliceOp::create(
      b, m.loc(), floats({length, width}), prefix,
      llvm::ArrayRef<mlir::OpFoldResult>{
          zero, b.getIndexAttr((2 * layer + slot) * width)},
      llvm::ArrayRef<mlir::OpFoldResult>{b.getIndexAttr(length),
                                         b.getIndexAttr(width)},
      llvm::ArrayRef<mlir::OpFoldResult>{one, one});
  return tensor::ExpandShapeOp::create(
      b, m.loc(), floats({length, c.kvHeads, c.headDim}), rows,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1, 2}});
}

/// What the queries of a layer see of a prompt, times its gate. Its keys have
/// no positions.
Value DecoderBuilder::seePrompt(int64_t layer, Value q,
                                const ModuleBuilder::Prompt &prompt,
                                const Stream &stream) {
  Value k =
      promptHeads(inLayer(layer, "self_attn.k_proj"), prompt.tokens, stream);
  Value v =
      promptHeads(inLayer(layer, "self_attn.v_proj"), prompt.tokens, stream);
  auto type = mlir::cast<RankedTensorType>(q.getType());
  Value seen =
      nn::AttentionOp::create(
          b, m.loc(inLayer(layer, "self_attn")), type, q, k, v, stream.past,
          Value(), empty(type, stream), /*causal=*/false,
          llvm::APFloat(1.0 / std::sqrt(double(c.headDim))), nullptr, nullptr)
          .getResult();
  Value zero = arith::ConstantIndexOp::create(b, m.loc(), 0);
  Value gate = tensor::ExtractOp::create(b, m.loc(), prompt.gate, zero);
  Value gates = tensor::SplatOp::create(
      b, m.loc(), type, gate, mlir::ValueRange{stream.batch, stream.length});
  return arith::MulFOp::create(b, m.loc(), seen, gates);
}

Value DecoderBuilder::mlp(int64_t layer, Value x, const Stream &stream) {
  Value gate, up;
  if (c.family->fusedProjections) {
    Value both = m.apply(inLayer(layer, "mlp.gate_up_proj"), x);
    gate = columns(both, 0, c.intermediate, stream);
    up = columns(both, c.intermediate, c.intermediate, stream);
  } else {
    gate = m.apply(inLayer(layer, "mlp.gate_proj"), x);
    up = m.apply(inLayer(layer, "mlp.up_proj"), x);
  }
  gate = nn::ActivationOp::create(b, m.loc(inLayer(layer, "mlp")),
                                  gate.getType(), c.activation, gate);
  Value product =
      arith::MulFOp::create(b, m.loc(inLayer(layer, "mlp")), gate, up);
  return m.apply(inLayer(layer, "mlp.down_proj"), product);
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

/// [batch, T, H] at the last real position of each row: [batch, H]. A row
/// without new tokens takes its first position, whose result nobody uses.
Value DecoderBuilder::lastPositions(Value x, const Stream &stream) {
  auto body = [&](mlir::OpBuilder &inner, mlir::Location loc,
                  mlir::ValueRange at) {
    Value count = tensor::ExtractOp::create(inner, loc, stream.count, at[0]);
    Value size =
        arith::IndexCastOp::create(inner, loc, inner.getIndexType(), count);
    Value zero = arith::ConstantIndexOp::create(inner, loc, 0);
    Value one = arith::ConstantIndexOp::create(inner, loc, 1);
    Value last = arith::MaxSIOp::create(
        inner, loc, arith::SubIOp::create(inner, loc, size, one), zero);
    Value value = tensor::ExtractOp::create(
        inner, loc, x, mlir::ValueRange{at[0], last, at[1]});
    tensor::YieldOp::create(inner, loc, value);
  };
  return tensor::GenerateOp::create(b, m.loc(), floats({any, c.hidden}),
                                    mlir::ValueRange{stream.batch}, body);
}

void DecoderBuilder::setPast(Stream &stream, int64_t past) {
  Value number = arith::ConstantIntOp::create(b, m.loc(), past, 32);
  stream.past = tensor::SplatOp::create(b, m.loc(), ints({any}), number,
                                        mlir::ValueRange{stream.batch});
}

void DecoderBuilder::buildLogits() {
  auto function =
      m.beginFunction("logits", withChoice({{"input_ids", ints({any, any})}}),
                      {{"logits", floats({any, any, c.vocab})}},
                      /*entry=*/true);
  Value tokens = function.getArgument(0);
  Stream stream = begin(tokens);
  choose(function, stream);
  auto lengthOf = [](Value prompt) {
    return mlir::cast<RankedTensorType>(prompt.getType()).getDimSize(0);
  };
  // Positions go on behind what comes before: keys that are given have theirs
  // in them, embedded rows get one as tokens do.
  Value prefix = m.prepended(inLayer(0, "self_attn"));
  setPast(stream, prefix ? lengthOf(prefix) : 0);
  auto tap = [&](Value x, const llvm::Twine &name) -> Value {
    return nn::TapOp::create(b, m.loc(), x, name.str());
  };
  Value x = embedded(tokens);
  if (Value prompt = m.prepended(modelPath)) {
    m.markBeyondMap(x, prepending);
    x = prepend(prompt, x, stream);
    stream.length = tensor::DimOp::create(b, m.loc(), x, 1);
  }
  x = tap(x, "hidden_states.0");
  for (int64_t layer = 0; layer < c.layers; ++layer)
    x = tap(block(layer, x, stream), "hidden_states." + llvm::Twine(layer + 1));
  x = tap(norm(normPath, x, stream), "last_hidden_state");
  m.endFunction(softcapped(m.apply(headPath, x), c.logitSoftcap));
}

void DecoderBuilder::buildForward() {
  auto function = m.beginFunction("forward", stepArguments(), stepResults(),
                                  /*entry=*/false);
  Value tokens = function.getArgument(0);
  Stream stream = begin(tokens);
  choose(function, stream);
  stream.count = function.getArgument(1);
  stream.past = function.getArgument(2);
  stream.cache = function.getArgument(3);
  stream.total = arith::AddIOp::create(b, m.loc(), stream.past, stream.count);
  Value x = embedded(tokens);
  for (int64_t layer = 0; layer < c.layers; ++layer)
    x = block(layer, x, stream);
  x = norm(normPath, lastPositions(x, stream), stream);
  Value logits = softcapped(m.apply(headPath, x), c.logitSoftcap);
  m.endFunction({logits, stream.cache});
}

void DecoderBuilder::buildStep(llvm::StringRef name) {
  auto function =
      m.beginFunction(name, stepArguments(), stepResults(), /*entry=*/true);
  function.setArgAttr(3, "bufferization.writable", b.getBoolAttr(true));
  auto call = mlir::func::CallOp::create(
      b, m.loc(), "forward", function.getResultTypes(),
      mlir::ValueRange(function.getArguments()));
  m.endFunction(call.getResults());
}

/// The model with its layers repeated as adapters want it.
static llvm::Expected<ModelConfig>
withRepeatedLayers(const ModelConfig &config,
                   llvm::ArrayRef<AdapterSource> adapters) {
  auto sources = readLayerSources(adapters, config.layers);
  if (!sources)
    return sources.takeError();
  ModelConfig repeated = config;
  if (sources->empty())
    return repeated;
  repeated.layers = sources->size();
  repeated.windows.clear();
  repeated.unrotated.clear();
  for (int64_t source : *sources) {
    repeated.windows.push_back(config.windows[source]);
    if (!config.unrotated.empty())
      repeated.unrotated.push_back(config.unrotated[source]);
  }
  repeated.layerSources = std::move(*sources);
  return repeated;
}

llvm::Error importer::buildDecoder(ModuleBuilder &m, const ModelConfig &plain,
                                   WeightSource &weights,
                                   llvm::ArrayRef<AdapterSource> adapters,
                                   llvm::StringRef expectedBy) {
  auto withLayers = withRepeatedLayers(plain, adapters);
  if (!withLayers)
    return withLayers.takeError();
  const ModelConfig &config = *withLayers;
  std::vector<ModuleInfo> modules = modulesOf(config);
  auto adaptations = readAdapters(adapters, modules);
  if (!adaptations)
    return adaptations.takeError();
  if (m.hasBank())
    if (llvm::Error e = m.checkBank(*adaptations, modules))
      return e;
  llvm::StringRef prepending;
  for (auto &[path, adaptation] : *adaptations)
    for (const AdapterForm &form : adaptation.forms) {
      if (!form.prepends.empty() && !prepending.empty() &&
          prepending != form.adapter)
        return support::fileError(
            expectedBy, "adapters '" + prepending + "' and '" + form.adapter +
                            "' both put a prompt before the tokens");
      if (!form.prepends.empty())
        prepending = form.adapter;
      // Prompts are projected and attended to as in Llama.
      if (form.attends &&
          (config.family->headNorms != Family::HeadNorms::None ||
           config.family->fusedProjections || config.family->scaledLogits))
        return support::fileError(
            expectedBy, "adapter '" + form.adapter +
                            "' cannot be put on a model that normalises heads, "
                            "scales scores or fuses projections");
      if (!form.arguments.empty())
        return support::fileError(
            expectedBy, "adapter '" + form.adapter + "' takes an argument '" +
                            form.arguments.front() +
                            "', which whole models do not have");
    }
  for (const ModuleInfo &module : modules)
    if (llvm::Error e = m.addModule(module, weights, *adaptations, expectedBy))
      return e;
  // Parameters that an adapter replaces were not asked for.
  auto ignored = [&](llvm::StringRef name) {
    if (isIgnored(config, name))
      return true;
    auto [path, parameter] = name.rsplit('.');
    auto adaptation = adaptations->find(path.str());
    return adaptation != adaptations->end() &&
           ((parameter == "weight" && adaptation->second.weight) ||
            (parameter == "bias" && adaptation->second.bias));
  };
  if (llvm::Error e = weights.checkAllUsed(ignored))
    return e;

  mlir::OpBuilder &b = m.builder();
  auto number = [&](int64_t value) { return b.getI64IntegerAttr(value); };
  llvm::SmallVector<mlir::NamedAttribute> facts{
      b.getNamedAttr("family", b.getStringAttr(config.family->modelType)),
      b.getNamedAttr("layers", number(config.layers)),
      b.getNamedAttr("hidden", number(config.hidden)),
      b.getNamedAttr("intermediate", number(config.intermediate)),
      b.getNamedAttr("heads", number(config.heads)),
      b.getNamedAttr("kv_heads", number(config.kvHeads)),
      b.getNamedAttr("head_dim", number(config.headDim)),
      b.getNamedAttr("vocab", number(config.vocab)),
      b.getNamedAttr("context", number(config.context)),
      b.getNamedAttr("tied", b.getBoolAttr(config.tied))};
  auto dictionary = b.getDictionaryAttr(facts);
  m.module()->setAttr("allot.config", dictionary);
  m.module()->setAttr("allot.vocab", number(config.vocab));
  if (!config.layerSources.empty()) {
    m.module()->setAttr(layerSourcesAttr,
                        b.getDenseI64ArrayAttr(config.layerSources));
    for (int64_t source : config.layerSources)
      m.digest(std::to_string(source));
  }

  DecoderBuilder decoder(m, config, prepending);
  decoder.buildLogits();
  // What comes before a sequence is in no cache: no steps behind one.
  if (!prepending.empty())
    return llvm::Error::success();
  decoder.buildForward();
  decoder.buildStep("prefill");
  decoder.buildStep("decode");
  return llvm::Error::success();
}
