//===- Bert.cpp - programs of BERT ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An encoder whose norms come after the residual sums. Heads of tasks are not
// part of `encode`: their tensors are left alone.
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"
#include "Blocks.h"
#include "ConfigFields.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using mlir::Value;

namespace {

struct BertConfig {
  int64_t layers = 0, hidden = 0, intermediate = 0, heads = 0;
  int64_t vocab = 0, context = 0, types = 0;
  double epsilon = 0;
  nn::ActivationKind activation = nn::ActivationKind::GELU;
  /// Before all paths: `bert.` in the files of models with a head.
  std::string prefix;
  /// The spelling of the parameters of norms.
  std::string gamma = "weight", beta = "bias";
  bool pooler = false;

  std::string at(llvm::StringRef path) const { return prefix + path.str(); }
  std::string inLayer(int64_t layer, llvm::StringRef path) const {
    return (prefix + "encoder.layer." + llvm::Twine(layer) + "." + path).str();
  }
};

} // namespace

static llvm::Error read(const JsonDocument &config, BertConfig &bert) {
  if (llvm::Error error = refuseQuantized(config))
    return error;
  FieldReader fields(config);
  bert.layers = fields.size("num_hidden_layers", maxLayers);
  bert.hidden = fields.size("hidden_size");
  bert.intermediate = fields.size("intermediate_size");
  bert.heads = fields.size("num_attention_heads", 1 << 20);
  bert.vocab = fields.size("vocab_size");
  bert.context = fields.sizeOr("max_position_embeddings", 512);
  bert.types = fields.sizeOr("type_vocab_size", 2);
  bert.epsilon = fields.positive(config["layer_norm_eps"], 1e-12);
  if (auto kind = fields.activation(config["hidden_act"], "gelu"))
    bert.activation = *kind;
  // What other positions, or a decoder made of the same blocks, would do.
  auto positions = fields.take<llvm::StringRef>(
      config["position_embedding_type"].stringOr("absolute"), "absolute");
  if (positions != "absolute")
    fields.keep(unsupported(config["position_embedding_type"]));
  for (llvm::StringRef key : {"is_decoder", "add_cross_attention"})
    if (fields.flag(key, false))
      fields.keep(unsupported(config[key]));
  if (!fields.failed() && bert.hidden % bert.heads)
    return config["num_attention_heads"].error("must divide hidden_size (" +
                                               llvm::Twine(bert.hidden) + ")");
  return fields.finish();
}

static std::vector<ModuleInfo> modulesOf(const BertConfig &c) {
  std::vector<ModuleInfo> modules;
  auto add = [&](std::string path, ModuleKind kind, int64_t out, int64_t in) {
    modules.push_back({std::move(path), kind, out, in});
    modules.back().hasBias = kind != ModuleKind::Embedding;
    if (kind == ModuleKind::Norm) {
      modules.back().weightName = c.gamma;
      modules.back().biasName = c.beta;
    }
  };
  const auto linear = ModuleKind::Linear, norm = ModuleKind::Norm,
             table = ModuleKind::Embedding;
  int64_t h = c.hidden;
  add(c.at("embeddings.word_embeddings"), table, c.vocab, h);
  add(c.at("embeddings.position_embeddings"), table, c.context, h);
  add(c.at("embeddings.token_type_embeddings"), table, c.types, h);
  add(c.at("embeddings.LayerNorm"), norm, h, 1);
  for (int64_t l = 0; l < c.layers; ++l) {
    for (llvm::StringRef name : {"query", "key", "value"})
      add(c.inLayer(l, ("attention.self." + name).str()), linear, h, h);
    add(c.inLayer(l, "attention.output.dense"), linear, h, h);
    add(c.inLayer(l, "attention.output.LayerNorm"), norm, h, 1);
    add(c.inLayer(l, "intermediate.dense"), linear, c.intermediate, h);
    add(c.inLayer(l, "output.dense"), linear, h, c.intermediate);
    add(c.inLayer(l, "output.LayerNorm"), norm, h, 1);
  }
  if (c.pooler)
    add(c.at("pooler.dense"), linear, h, h);
  return modules;
}

static bool isIgnored(const BertConfig &c, llvm::StringRef name) {
  if (name == c.at("embeddings.position_ids"))
    return true;
  // Heads of tasks.
  return llvm::any_of(
      llvm::ArrayRef<llvm::StringRef>{"cls.", "classifier.", "qa_outputs."},
      [&](llvm::StringRef head) { return name.starts_with(head); });
}

static void buildEncode(ModuleBuilder &m, const BertConfig &c) {
  Blocks blocks(m);
  constexpr int64_t any = Blocks::any;
  auto rows = blocks.ints({any, any});
  Port ids{"input_ids", rows, {"batch", "length"}, {0, c.context}};
  Port types{"token_type_ids", rows, {"batch", "length"}, {}, 0};
  Port seen{"attention_mask", rows, {"batch", "length"}, {}, 1};
  llvm::SmallVector<Port> results{
      {"last_hidden_state", blocks.floats({any, any, c.hidden})}};
  if (c.pooler)
    results.push_back({"pooler_output", blocks.floats({any, c.hidden})});
  auto function =
      m.beginFunction("encode", {ids, types, seen}, results, /*entry=*/true);
  Value tokens = function.getArgument(0);
  Value places = blocks.positions(tokens, Value(), c.context - 1);

  std::string embeddings = c.at("embeddings");
  Value x = m.gather(c.at("embeddings.word_embeddings"), tokens);
  x = blocks.add(embeddings, x,
                 m.gather(c.at("embeddings.token_type_embeddings"),
                          function.getArgument(1)));
  x = blocks.add(embeddings, x,
                 m.gather(c.at("embeddings.position_embeddings"), places));
  x = blocks.layerNorm(c.at("embeddings.LayerNorm"), x, c.epsilon);
  x = blocks.tap(x, "hidden_states.0");

  Blocks::Attention how;
  how.past = blocks.perRow(blocks.size(tokens, 0), 0);
  how.mask = function.getArgument(2);
  how.scale = 1.0 / std::sqrt(double(c.hidden / c.heads));
  for (int64_t l = 0; l < c.layers; ++l) {
    auto apply = [&](llvm::StringRef path, Value in) {
      return m.apply(c.inLayer(l, path), in);
    };
    auto heads = [&](llvm::StringRef path) {
      return blocks.heads(apply(path, x), c.heads);
    };
    Value y = blocks.attend(
        c.inLayer(l, "attention.self"), heads("attention.self.query"),
        heads("attention.self.key"), heads("attention.self.value"), how);
    y = apply("attention.output.dense", y);
    x = blocks.layerNorm(c.inLayer(l, "attention.output.LayerNorm"),
                         blocks.add(c.inLayer(l, "attention.output"), x, y),
                         c.epsilon);
    y = blocks.activation(c.inLayer(l, "intermediate"), c.activation,
                          apply("intermediate.dense", x));
    y = apply("output.dense", y);
    x = blocks.layerNorm(c.inLayer(l, "output.LayerNorm"),
                         blocks.add(c.inLayer(l, "output"), x, y), c.epsilon);
    x = blocks.tap(x, "hidden_states." + llvm::Twine(l + 1));
  }
  llvm::SmallVector<Value> outputs{x};
  if (c.pooler) {
    Value first = m.apply(c.at("pooler.dense"), blocks.atPlace(x, 0));
    outputs.push_back(
        mlir::math::TanhOp::create(m.builder(), m.loc(c.at("pooler")), first));
  }
  m.endFunction(outputs);
}

llvm::Error importer::buildBert(ModuleBuilder &m, const JsonDocument &config,
                                WeightSource &weights,
                                llvm::ArrayRef<AdapterSource> adapters) {
  BertConfig bert;
  if (llvm::Error error = read(config, bert))
    return error;
  if (!weights.has("embeddings.word_embeddings.weight") &&
      weights.has("bert.embeddings.word_embeddings.weight"))
    bert.prefix = "bert.";
  if (weights.has(bert.at("embeddings.LayerNorm.gamma")))
    bert.gamma = "gamma", bert.beta = "beta";
  bert.pooler = weights.has(bert.at("pooler.dense.weight"));
  Adaptations adaptations;
  if (llvm::Error error = declareModules(
          m, modulesOf(bert), weights, adapters, adaptations, "config.json",
          [&](llvm::StringRef name) { return isIgnored(bert, name); }))
    return error;
  setFacts(m, "bert",
           {{"layers", bert.layers},
            {"hidden", bert.hidden},
            {"intermediate", bert.intermediate},
            {"heads", bert.heads},
            {"vocab", bert.vocab},
            {"context", bert.context}});
  buildEncode(m, bert);
  return llvm::Error::success();
}
