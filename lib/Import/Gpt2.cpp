//===- Gpt2.cpp - programs of GPT-2 -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decoder with layer norms, learned positions and an ungated MLP, whose
// weights are stored transposed; queries, keys and values are one projection.
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"
#include "Blocks.h"
#include "ConfigFields.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;

namespace {

struct Gpt2Config {
  int64_t layers = 0, hidden = 0, intermediate = 0, heads = 0;
  int64_t vocab = 0, context = 0;
  double epsilon = 0;
  nn::ActivationKind activation = nn::ActivationKind::GELUTanh;
  bool tied = true;
  /// Scores are divided by the root of the size of a head, and by the number of
  /// the layer, from 1 on.
  bool scaled = true, scaledByLayer = false;
  /// Files of the model without its head lack the first part of the paths.
  bool bare = false;

  int64_t headDim() const { return hidden / heads; }
};

constexpr llvm::StringLiteral modelPath = "transformer.",
                              tokensPath = "transformer.wte",
                              placesPath = "transformer.wpe",
                              normPath = "transformer.ln_f",
                              headPath = "lm_head";

std::string inLayer(int64_t layer, llvm::StringRef path) {
  return ("transformer.h." + llvm::Twine(layer) + "." + path).str();
}

class Gpt2Builder {
public:
  Gpt2Builder(ModuleBuilder &module, const Gpt2Config &config)
      : blocks(module), m(module), b(module.builder()), c(config) {}

  void buildLogits();
  void buildForward();
  void buildStep(llvm::StringRef name);

private:
  /// What the layers know of the sequences: without a cache whole ones.
  struct Stream {
    Value past, count, total, cache;
  };

  Value embedded(Value tokens, Value past);
  Value block(int64_t layer, Value x, Stream &stream);
  Value normed(llvm::StringRef path, Value x) {
    return blocks.layerNorm(path, x, c.epsilon);
  }

  RankedTensorType rows() { return blocks.ints({Blocks::any, Blocks::any}); }
  RankedTensorType cacheType() {
    return blocks.floats(
        {c.layers, 2, Blocks::any, Blocks::any, c.heads, c.headDim()});
  }
  llvm::SmallVector<Port> stepArguments() {
    return {{"tokens", rows(), {"batch", ""}, {0, c.context}},
            {"count", blocks.ints({Blocks::any}), {"batch"}},
            {"past", blocks.ints({Blocks::any}), {"batch"}},
            {"cache",
             cacheType(),
             {"", "", "batch", "", "", ""},
             {0, 0, 0, c.context, 0, 0}}};
  }
  llvm::SmallVector<Port> stepResults() {
    return {{"logits", blocks.floats({Blocks::any, c.vocab})},
            {"cache", cacheType()}};
  }

  Blocks blocks;
  ModuleBuilder &m;
  mlir::OpBuilder &b;
  const Gpt2Config &c;
};

} // namespace

static llvm::Error read(const JsonDocument &config, Gpt2Config &gpt) {
  if (llvm::Error error = refuseQuantized(config))
    return error;
  FieldReader fields(config);
  gpt.layers = fields.size("n_layer", maxLayers);
  gpt.hidden = fields.size("n_embd");
  gpt.heads = fields.size("n_head", 1 << 20);
  gpt.vocab = fields.size("vocab_size");
  gpt.context = fields.sizeOr("n_positions", 1024);
  // The literal null says the usual size.
  gpt.intermediate =
      config["n_inner"].isNull() ? 4 * gpt.hidden : fields.size("n_inner");
  gpt.epsilon = fields.positive(config["layer_norm_epsilon"], 1e-5);
  if (auto kind = fields.activation(config["activation_function"], "gelu_new"))
    gpt.activation = *kind;
  gpt.tied = fields.flag("tie_word_embeddings", true);
  gpt.scaled = fields.flag("scale_attn_weights", true);
  gpt.scaledByLayer = fields.flag("scale_attn_by_inverse_layer_idx", false);
  if (fields.flag("add_cross_attention", false))
    fields.keep(unsupported(config["add_cross_attention"]));
  if (!fields.failed() && gpt.hidden % gpt.heads)
    return config["n_head"].error("must divide n_embd (" +
                                  llvm::Twine(gpt.hidden) + ")");
  return fields.finish();
}

static std::vector<ModuleInfo> modulesOf(const Gpt2Config &c) {
  std::vector<ModuleInfo> modules;
  auto add = [&](std::string path, ModuleKind kind, int64_t out, int64_t in,
                 bool bias = true) {
    modules.push_back({std::move(path), kind, out, in, bias});
    llvm::StringRef rest = modules.back().path;
    if (c.bare && rest.consume_front(modelPath))
      modules.back().storedAs = rest.str();
  };
  const auto turned = ModuleKind::Conv1D, norm = ModuleKind::Norm,
             table = ModuleKind::Embedding;
  int64_t h = c.hidden;
  add(tokensPath.str(), table, c.vocab, h, false);
  add(placesPath.str(), table, c.context, h, false);
  for (int64_t l = 0; l < c.layers; ++l) {
    add(inLayer(l, "ln_1"), norm, h, 1);
    add(inLayer(l, "attn.c_attn"), turned, 3 * h, h);
    add(inLayer(l, "attn.c_proj"), turned, h, h);
    add(inLayer(l, "ln_2"), norm, h, 1);
    add(inLayer(l, "mlp.c_fc"), turned, c.intermediate, h);
    add(inLayer(l, "mlp.c_proj"), turned, h, c.intermediate);
  }
  add(normPath.str(), norm, h, 1);
  add(headPath.str(), ModuleKind::Linear, c.vocab, h, false);
  modules.back().isHead = true;
  if (c.tied)
    modules.back().tiedTo = tokensPath.str();
  return modules;
}

/// Masks that are computed, and the second copy of a tied head.
static bool isIgnored(const Gpt2Config &c, llvm::StringRef name) {
  if (c.tied && name == "lm_head.weight")
    return true;
  name.consume_front(modelPath);
  return name.starts_with("h.") &&
         (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias"));
}

Value Gpt2Builder::embedded(Value tokens, Value past) {
  Value places = blocks.positions(tokens, past, c.context - 1);
  return blocks.add(placesPath, m.gather(tokensPath, tokens),
                    m.gather(placesPath, places));
}

Value Gpt2Builder::block(int64_t l, Value x, Stream &stream) {
  std::string at = inLayer(l, "attn");
  Value all = m.apply(at + ".c_attn", normed(inLayer(l, "ln_1"), x));
  auto part = [&](int64_t which) {
    return blocks.heads(blocks.columns(all, which * c.hidden, c.hidden),
                        c.heads);
  };
  Value q = part(0), k = part(1), v = part(2);
  if (stream.cache) {
    // Read after both are written: a read between two writes in place would
    // have to be a copy.
    for (auto [slot, fresh] : {std::pair(0, k), std::pair(1, v)})
      stream.cache = nn::CacheUpdateOp::create(b, m.loc(at), cacheType(), fresh,
                                               stream.past, stream.count, l,
                                               slot, stream.cache)
                         .getResult();
    k = blocks.ofCache(stream.cache, l, 0);
    v = blocks.ofCache(stream.cache, l, 1);
  }
  Blocks::Attention how;
  how.past = stream.past, how.total = stream.total, how.causal = true;
  how.scale = (c.scaled ? 1.0 / std::sqrt(double(c.headDim())) : 1.0) /
              (c.scaledByLayer ? double(l + 1) : 1.0);
  x = blocks.add(at, x,
                 m.apply(at + ".c_proj", blocks.attend(at, q, k, v, how)));
  std::string mlp = inLayer(l, "mlp");
  Value y = blocks.activation(
      mlp, c.activation, m.apply(mlp + ".c_fc", normed(inLayer(l, "ln_2"), x)));
  return blocks.add(mlp, x, m.apply(mlp + ".c_proj", y));
}

void Gpt2Builder::buildLogits() {
  auto function = m.beginFunction(
      "logits", {{"input_ids", rows(), {}, {0, c.context}}},
      {{"logits", blocks.floats({Blocks::any, Blocks::any, c.vocab})}},
      /*entry=*/true);
  Value tokens = function.getArgument(0);
  Stream stream;
  stream.past = blocks.perRow(blocks.size(tokens, 0), 0);
  Value x = blocks.tap(embedded(tokens, Value()), "hidden_states.0");
  for (int64_t l = 0; l < c.layers; ++l)
    x = blocks.tap(block(l, x, stream), "hidden_states." + llvm::Twine(l + 1));
  x = blocks.tap(normed(normPath, x), "last_hidden_state");
  m.endFunction(m.apply(headPath, x));
}

void Gpt2Builder::buildForward() {
  auto function = m.beginFunction("forward", stepArguments(), stepResults(),
                                  /*entry=*/false);
  Value tokens = function.getArgument(0);
  Stream stream;
  stream.count = function.getArgument(1);
  stream.past = function.getArgument(2);
  stream.cache = function.getArgument(3);
  stream.total = arith::AddIOp::create(b, m.loc(), stream.past, stream.count);
  Value x = embedded(tokens, stream.past);
  for (int64_t l = 0; l < c.layers; ++l)
    x = block(l, x, stream);
  x = normed(normPath, blocks.atLast(x, stream.count));
  m.endFunction({m.apply(headPath, x), stream.cache});
}

/// An entry that calls the shared body.
void Gpt2Builder::buildStep(llvm::StringRef name) {
  auto function =
      m.beginFunction(name, stepArguments(), stepResults(), /*entry=*/true);
  function.setArgAttr(3, "bufferization.writable", b.getBoolAttr(true));
  auto call = mlir::func::CallOp::create(
      b, m.loc(), "forward", function.getResultTypes(),
      mlir::ValueRange(function.getArguments()));
  m.endFunction(call.getResults());
}

llvm::Error importer::buildGpt2(ModuleBuilder &m, const JsonDocument &config,
                                WeightSource &weights,
                                llvm::ArrayRef<AdapterSource> adapters) {
  Gpt2Config gpt;
  if (llvm::Error error = read(config, gpt))
    return error;
  gpt.bare = weights.has("wte.weight");
  Adaptations adaptations;
  if (llvm::Error error = declareModules(
          m, modulesOf(gpt), weights, adapters, adaptations, "config.json",
          [&](llvm::StringRef name) { return isIgnored(gpt, name); }))
    return error;
  setFacts(m, "gpt2",
           {{"layers", gpt.layers},
            {"hidden", gpt.hidden},
            {"intermediate", gpt.intermediate},
            {"heads", gpt.heads},
            {"head_dim", gpt.headDim()},
            {"vocab", gpt.vocab},
            {"context", gpt.context}});
  Gpt2Builder builder(m, gpt);
  builder.buildLogits();
  builder.buildForward();
  builder.buildStep("prefill");
  builder.buildStep("decode");
  return llvm::Error::success();
}
