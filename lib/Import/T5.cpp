//===- T5.cpp - programs of T5 and its kin ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two stacks of the same blocks; those of the decoder also attend to what the
// encoder gives. `prefill` runs the encoder and gives the keys and values that
// the decoder's layers make of it, `memory`, which `decode` takes.
//
//===----------------------------------------------------------------------===//

#include "T5.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace allot;
using namespace allot::importer;
using mlir::OpFoldResult;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

static constexpr llvm::StringLiteral embeddingPath = "shared",
                                     headPath = "lm_head";

namespace {

class T5Builder {
public:
  T5Builder(ModuleBuilder &module, const T5Config &config,
            const T5FeedForward &feedForward)
      : blocks(module), m(module), b(module.builder()), c(config),
        feedForward(feedForward) {}

  std::vector<ModuleInfo> modules() const;
  void buildLogits();
  void buildForward();
  void buildPrefill();
  void buildDecode();

private:
  /// What the decoder knows of the sequences it works on: without a cache whole
  /// ones.
  struct Stream {
    Value past, count, total, cache;
    /// Of the encoder: which of its places are seen, and what the decoder sees
    /// of them: its result, or the keys and values of all layers.
    Value mask, encoded, memory;
    bool taps = false;
  };

  static std::string block(bool decoder, int64_t layer, int64_t part) {
    return ((decoder ? "decoder.block." : "encoder.block.") +
            llvm::Twine(layer) + ".layer." + llvm::Twine(part))
        .str();
  }
  static T5Place place(bool decoder, int64_t layer) {
    return {decoder, layer, block(decoder, layer, decoder ? 2 : 1)};
  }
  Value normed(const std::string &path, Value x) {
    return blocks.rmsNorm(path + ".layer_norm", x, c.epsilon);
  }
  Value projected(const std::string &path, llvm::StringRef name, Value x) {
    return blocks.heads(m.apply((path + "." + name).str(), x), c.heads);
  }
  std::string table(bool decoder) const {
    if (!c.ownTables)
      return embeddingPath.str();
    return decoder ? "decoder.embed_tokens" : "encoder.embed_tokens";
  }
  Value distances(bool decoder);
  Value encoder(Value tokens, Value mask, bool taps);
  /// The decoder up to the last norm.
  Value decoder(Value tokens, Stream &stream);
  Value withFeedForward(bool decoder, int64_t layer, Value x, bool taps);
  Value memoryOf(Value encoded);
  Value head(Value x);

  RankedTensorType rows() { return blocks.ints({Blocks::any, Blocks::any}); }
  RankedTensorType cacheType() {
    return blocks.floats(
        {c.decoderLayers, 2, Blocks::any, Blocks::any, c.heads, c.headDim});
  }
  /// Arguments that the steps of generation share.
  llvm::SmallVector<Port> stepArguments();
  Port maskPort() { return {"attention_mask", rows(), {"batch", "source"}}; }
  Port memoryPort() {
    return {"memory", cacheType(), {"", "", "batch", "source", "", ""}};
  }
  RankedTensorType logitsType() {
    return blocks.floats({Blocks::any, c.vocab});
  }

  Blocks blocks;
  ModuleBuilder &m;
  mlir::OpBuilder &b;
  const T5Config &c;
  const T5FeedForward &feedForward;
};

} // namespace

std::vector<ModuleInfo> T5Builder::modules() const {
  std::vector<ModuleInfo> modules;
  auto add = [&](std::string path, ModuleKind kind, int64_t out, int64_t in) {
    modules.push_back({std::move(path), kind, out, in});
  };
  int64_t all = c.heads * c.headDim;
  auto attention = [&](const std::string &path, llvm::StringRef name) {
    std::string at = path + "." + name.str();
    for (llvm::StringRef part : {".q", ".k", ".v"})
      add(at + part.str(), ModuleKind::Linear, all, c.hidden);
    add(at + ".o", ModuleKind::Linear, c.hidden, all);
    add(path + ".layer_norm", ModuleKind::Norm, c.hidden, 1);
  };
  if (!c.ownTables)
    add(embeddingPath.str(), ModuleKind::Embedding, c.vocab, c.hidden);
  for (bool decoder : {false, true}) {
    if (c.ownTables)
      add(table(decoder), ModuleKind::Embedding, c.vocab, c.hidden);
    int64_t layers = decoder ? c.decoderLayers : c.encoderLayers;
    for (int64_t l = 0; l < layers; ++l) {
      attention(block(decoder, l, 0), "SelfAttention");
      // The first layer's table is that of all.
      if (l == 0)
        add(block(decoder, l, 0) + ".SelfAttention.relative_attention_bias",
            ModuleKind::Embedding, c.buckets, c.heads);
      if (decoder)
        attention(block(decoder, l, 1), "EncDecAttention");
      feedForward.addModules(place(decoder, l), modules);
      add(place(decoder, l).path + ".layer_norm", ModuleKind::Norm, c.hidden,
          1);
    }
    add(decoder ? "decoder.final_layer_norm" : "encoder.final_layer_norm",
        ModuleKind::Norm, c.hidden, 1);
  }
  add(headPath.str(), ModuleKind::Linear, c.vocab, c.hidden);
  modules.back().isHead = true;
  if (c.tied)
    modules.back().tiedTo = embeddingPath.str();
  return modules;
}

/// What scores are raised by, `[heads, 2 farthest + 1]`, from the table of a
/// stack.
Value T5Builder::distances(bool decoder) {
  std::string path =
      block(decoder, 0, 0) + ".SelfAttention.relative_attention_bias";
  std::vector<int32_t> rows =
      relativeBuckets(c.buckets, c.farthest, /*twoSided=*/!decoder);
  auto type = blocks.ints({int64_t(rows.size())});
  Value ids = arith::ConstantOp::create(
      b, m.loc(path),
      mlir::DenseElementsAttr::get(type, llvm::ArrayRef<int32_t>(rows)));
  Value perDistance = m.gather(path, ids);
  Value init = tensor::EmptyOp::create(
      b, m.loc(path), llvm::ArrayRef<int64_t>{c.heads, int64_t(rows.size())},
      b.getF32Type());
  return mlir::linalg::TransposeOp::create(b, m.loc(path), perDistance, init,
                                           llvm::ArrayRef<int64_t>{1, 0})
      ->getResult(0);
}

Value T5Builder::withFeedForward(bool decoder, int64_t layer, Value x,
                                 bool taps) {
  T5Place at = place(decoder, layer);
  Value y = feedForward.build(blocks, at, normed(at.path, x), taps);
  return blocks.add(at.path, x, y);
}

Value T5Builder::encoder(Value tokens, Value mask, bool taps) {
  auto tap = [&](Value x, const llvm::Twine &name) {
    return taps ? blocks.tap(x, name) : x;
  };
  Blocks::Attention how;
  how.past = blocks.perRow(blocks.size(tokens, 0), 0);
  how.mask = mask;
  how.distances = distances(/*decoder=*/false);
  Value x = tap(m.gather(table(false), tokens), "enc_hidden_states.0");
  for (int64_t l = 0; l < c.encoderLayers; ++l) {
    std::string path = block(false, l, 0), self = path + ".SelfAttention";
    Value in = normed(path, x);
    Value y =
        blocks.attend(self, projected(self, "q", in), projected(self, "k", in),
                      projected(self, "v", in), how);
    x = blocks.add(self, x, m.apply(self + ".o", y));
    x = withFeedForward(false, l, x, taps);
    x = tap(x, "enc_hidden_states." + llvm::Twine(l + 1));
  }
  x = blocks.rmsNorm("encoder.final_layer_norm", x, c.epsilon);
  return tap(x, "encoder_last_hidden_state");
}

Value T5Builder::decoder(Value tokens, Stream &stream) {
  auto tap = [&](Value x, const llvm::Twine &name) {
    return stream.taps ? blocks.tap(x, name) : x;
  };
  Blocks::Attention self, cross;
  self.past = stream.past;
  self.total = stream.total;
  self.causal = true;
  self.distances = distances(/*decoder=*/true);
  cross.past = stream.past;
  cross.mask = stream.mask;
  Value x = tap(m.gather(table(true), tokens), "dec_hidden_states.0");
  for (int64_t l = 0; l < c.decoderLayers; ++l) {
    std::string path = block(true, l, 0), at = path + ".SelfAttention";
    Value in = normed(path, x);
    Value q = projected(at, "q", in), k = projected(at, "k", in),
          v = projected(at, "v", in);
    if (stream.cache) {
      // Read after both are written: a read between two writes in place would
      // have to be a copy.
      for (auto [slot, fresh] : {std::pair(0, k), std::pair(1, v)})
        stream.cache = nn::CacheUpdateOp::create(
                           b, m.loc(at), cacheType(), fresh, stream.past,
                           stream.count, l, slot, stream.cache)
                           .getResult();
      k = blocks.ofCache(stream.cache, l, 0);
      v = blocks.ofCache(stream.cache, l, 1);
    }
    x = blocks.add(at, x, m.apply(at + ".o", blocks.attend(at, q, k, v, self)));

    path = block(true, l, 1), at = path + ".EncDecAttention";
    q = projected(at, "q", normed(path, x));
    if (stream.memory) {
      k = blocks.ofCache(stream.memory, l, 0);
      v = blocks.ofCache(stream.memory, l, 1);
    } else {
      k = projected(at, "k", stream.encoded);
      v = projected(at, "v", stream.encoded);
    }
    x = blocks.add(at, x,
                   m.apply(at + ".o", blocks.attend(at, q, k, v, cross)));
    x = withFeedForward(true, l, x, stream.taps);
    x = tap(x, "dec_hidden_states." + llvm::Twine(l + 1));
  }
  return x;
}

/// Keys and values of all layers of the decoder, in the layout of a cache.
Value T5Builder::memoryOf(Value encoded) {
  Value batch = blocks.size(encoded, 0), length = blocks.size(encoded, 1);
  Value memory =
      tensor::EmptyOp::create(b, m.loc(), cacheType().getShape(),
                              b.getF32Type(), mlir::ValueRange{batch, length});
  for (int64_t l = 0; l < c.decoderLayers; ++l)
    for (int64_t slot : {0, 1}) {
      std::string path = block(true, l, 1) + ".EncDecAttention";
      Value part = projected(path, slot ? "v" : "k", encoded);
      llvm::SmallVector<OpFoldResult> offsets(6, b.getIndexAttr(0)),
          strides(6, b.getIndexAttr(1)),
          sizes{
              b.getIndexAttr(1),       b.getIndexAttr(1),        batch, length,
              b.getIndexAttr(c.heads), b.getIndexAttr(c.headDim)};
      offsets[0] = b.getIndexAttr(l), offsets[1] = b.getIndexAttr(slot);
      memory = tensor::InsertSliceOp::create(b, m.loc(path), part, memory,
                                             offsets, sizes, strides);
    }
  return memory;
}

/// From the normed stream to the logits.
Value T5Builder::head(Value x) {
  if (c.scaledOutput)
    x = adapter::buildScaled(b, m.loc(headPath), x,
                             1.0 / std::sqrt(double(c.hidden)));
  return m.apply(headPath, x);
}

void T5Builder::buildLogits() {
  Port mask = maskPort();
  mask.otherwise = 1;
  auto function = m.beginFunction(
      "logits",
      {{"input_ids", rows(), {"batch", "source"}},
       {"decoder_input_ids", rows(), {"batch", ""}},
       mask},
      {{"logits", blocks.floats({Blocks::any, Blocks::any, c.vocab})}},
      /*entry=*/true);
  Stream stream;
  stream.taps = true;
  stream.mask = function.getArgument(2);
  stream.encoded = encoder(function.getArgument(0), stream.mask, stream.taps);
  Value tokens = function.getArgument(1);
  stream.past = blocks.perRow(blocks.size(tokens, 0), 0);
  Value x = decoder(tokens, stream);
  x = blocks.rmsNorm("decoder.final_layer_norm", x, c.epsilon);
  m.endFunction(head(blocks.tap(x, "last_hidden_state")));
}

llvm::SmallVector<Port> T5Builder::stepArguments() {
  constexpr int64_t any = Blocks::any;
  return {{"tokens", rows(), {"batch", ""}},
          {"count", blocks.ints({any}), {"batch"}},
          {"past", blocks.ints({any}), {"batch"}},
          {"cache", cacheType(), {"", "", "batch", "", "", ""}}};
}

void T5Builder::buildForward() {
  llvm::SmallVector<Port> arguments = stepArguments();
  arguments.append({memoryPort(), maskPort()});
  auto function = m.beginFunction(
      "forward", arguments, {{"logits", logitsType()}, {"cache", cacheType()}},
      /*entry=*/false);
  Stream stream;
  stream.count = function.getArgument(1);
  stream.past = function.getArgument(2);
  stream.cache = function.getArgument(3);
  stream.memory = function.getArgument(4);
  stream.mask = function.getArgument(5);
  stream.total = arith::AddIOp::create(b, m.loc(), stream.past, stream.count);
  Value x =
      blocks.atLast(decoder(function.getArgument(0), stream), stream.count);
  x = blocks.rmsNorm("decoder.final_layer_norm", x, c.epsilon);
  m.endFunction({head(x), stream.cache});
}

void T5Builder::buildPrefill() {
  llvm::SmallVector<Port> arguments = stepArguments();
  Port mask = maskPort();
  arguments.append({{"input_ids", rows(), {"batch", "source"}}, mask});
  auto function = m.beginFunction("prefill", arguments,
                                  {{"logits", logitsType()},
                                   {"cache", cacheType()},
                                   {"memory", cacheType()}},
                                  /*entry=*/true);
  function.setArgAttr(3, "bufferization.writable", b.getBoolAttr(true));
  Value seen = function.getArgument(5);
  Value memory =
      memoryOf(encoder(function.getArgument(4), seen, /*taps=*/false));
  llvm::SmallVector<Value> operands(function.getArguments().take_front(4));
  operands.append({memory, seen});
  auto call = mlir::func::CallOp::create(
      b, m.loc(), "forward", mlir::TypeRange{logitsType(), cacheType()},
      operands);
  m.endFunction({call.getResult(0), call.getResult(1), memory});
}

void T5Builder::buildDecode() {
  llvm::SmallVector<Port> arguments = stepArguments();
  arguments.append({memoryPort(), maskPort()});
  auto function = m.beginFunction(
      "decode", arguments, {{"logits", logitsType()}, {"cache", cacheType()}},
      /*entry=*/true);
  function.setArgAttr(3, "bufferization.writable", b.getBoolAttr(true));
  auto call = mlir::func::CallOp::create(
      b, m.loc(), "forward", function.getResultTypes(),
      mlir::ValueRange(function.getArguments()));
  m.endFunction(call.getResults());
}

/// Copies of the embedding, the second copy of a tied head, and a table that
/// some published files have and no layer uses.
static bool isIgnored(const T5Config &c, llvm::StringRef name) {
  if (c.ownTables && name == "shared.weight")
    return true;
  return name == "encoder.embed_tokens.weight" ||
         name == "decoder.embed_tokens.weight" ||
         name == "decoder.block.0.layer.1.EncDecAttention.relative_attention_"
                 "bias.weight" ||
         (c.tied && name == "lm_head.weight");
}

llvm::Error importer::buildT5Like(ModuleBuilder &m, const T5Config &c,
                                  const T5FeedForward &feedForward,
                                  WeightSource &weights,
                                  llvm::ArrayRef<AdapterSource> adapters) {
  T5Builder builder(m, c, feedForward);
  Adaptations adaptations;
  if (llvm::Error error = declareModules(
          m, builder.modules(), weights, adapters, adaptations, "config.json",
          [&](llvm::StringRef name) { return isIgnored(c, name); }))
    return error;
  setFacts(m, c.modelType,
           {{"layers", c.encoderLayers},
            {"decoder_layers", c.decoderLayers},
            {"hidden", c.hidden},
            {"intermediate", c.intermediate},
            {"heads", c.heads},
            {"head_dim", c.headDim},
            {"vocab", c.vocab}});
  m.module()->setAttr("allot.decoder_start",
                      m.builder().getI64IntegerAttr(c.start));
  builder.buildLogits();
  builder.buildForward();
  builder.buildPrefill();
  builder.buildDecode();
  return llvm::Error::success();
}
