//===- ConfigJson.cpp - config.json of a Hugging Face folder ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
#include <optional>

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;

std::optional<nn::ActivationKind>
importer::activationKind(llvm::StringRef name) {
  using Kind = nn::ActivationKind;
  return llvm::StringSwitch<std::optional<Kind>>(name)
      .Cases({"silu", "swish"}, Kind::SiLU)
      .Case("gelu", Kind::GELU)
      .Cases({"gelu_new", "gelu_pytorch_tanh"}, Kind::GELUTanh)
      .Case("relu", Kind::ReLU)
      .Default(std::nullopt);
}

/// How heads are divided up.
static llvm::Error readHeads(const JsonDocument &config, FieldReader &fields,
                             ModelConfig &model) {
  if (model.heads % model.kvHeads)
    return config["num_key_value_heads"].error(
        "must divide num_attention_heads (" + llvm::Twine(model.heads) + ")");
  JsonField headDim = config[model.family->headDimKey];
  int64_t usual = model.family->defaultHeadDim && !headDim.exists()
                      ? model.family->defaultHeadDim
                      : 0;
  if (headDim.isNull() && !usual && model.hidden % model.heads)
    return config["num_attention_heads"].error("must divide hidden_size (" +
                                               llvm::Twine(model.hidden) +
                                               ") where head_dim is not given");
  model.headDim = fields.take<int64_t>(headDim.integerOr(
      usual ? usual : model.hidden / model.heads, 1, maxHeadDim));
  if (!fields.failed() && (model.headDim < 1 || model.headDim > maxHeadDim))
    return headDim.error("the size of a head (" + llvm::Twine(model.headDim) +
                         ") must be between 1 and " + llvm::Twine(maxHeadDim));
  if (!fields.failed() && model.headDim % 2)
    return headDim.error("the size of a head (" + llvm::Twine(model.headDim) +
                         ") must be even");
  model.valueDim = model.headDim;
  return llvm::Error::success();
}

/// The same where keys and values come out of a latent vector.
static llvm::Error readLatentHeads(const JsonDocument &config,
                                   FieldReader &fields, ModelConfig &model) {
  LatentAttention &latent = model.latent;
  const Family &family = *model.family;
  if (model.kvHeads != model.heads)
    return config["num_key_value_heads"].error(
        "must be num_attention_heads (" + llvm::Twine(model.heads) +
        "): all heads have keys and values of their own");
  latent.rank = fields.sizeOr("kv_lora_rank", family.defaultLatentRank);
  // The literal null says that queries are projected at once.
  JsonField queryRank = config["q_lora_rank"];
  if (!queryRank.exists())
    latent.queryRank = family.defaultQueryRank;
  else if (!queryRank.isNull())
    latent.queryRank = fields.size("q_lora_rank");
  else if (family.scaledLatents)
    return queryRank.error("must be given: queries are scaled by it");
  latent.plain = fields.sizeOr("qk_nope_head_dim", 128, maxHeadDim);
  latent.rotated = fields.sizeOr("qk_rope_head_dim", 64, maxHeadDim);
  model.valueDim = fields.sizeOr("v_head_dim", 128, maxHeadDim);
  model.headDim = latent.plain + latent.rotated;
  if (fields.failed())
    return llvm::Error::success();
  if (latent.rotated % 2)
    return config["qk_rope_head_dim"].error("must be even, but got " +
                                            llvm::Twine(latent.rotated));
  if (fields.sizeOr("qk_head_dim", model.headDim) != model.headDim)
    return config["qk_head_dim"].error(
        "must be qk_nope_head_dim + qk_rope_head_dim (" +
        llvm::Twine(model.headDim) + ")");
  if (!family.scaledLatents)
    return llvm::Error::success();
  for (llvm::StringRef key : {"mla_scale_q_lora", "mla_scale_kv_lora"})
    if (!fields.flag(key, true))
      return unsupported(config[key]);
  latent.queryScale =
      std::sqrt(double(model.hidden) / double(latent.queryRank));
  latent.scale = std::sqrt(double(model.hidden) / double(latent.rank));
  return llvm::Error::success();
}

/// What is multiplied by what, besides the weights.
static llvm::Error readScales(const JsonDocument &config, FieldReader &fields,
                              ModelConfig &model) {
  const Family &family = *model.family;
  model.normsLessOne = family.normsLessOne;
  model.attentionScale = 1.0 / std::sqrt(double(model.headDim));
  model.embeddingScale =
      family.scaledEmbedding ? std::sqrt(double(model.hidden)) : 1.0;
  if (family.scaledLogits) {
    double scalar = fields.positive(config["query_pre_attn_scalar"], 256);
    model.attentionScale = 1.0 / std::sqrt(scalar);
    auto cap = [&](llvm::StringRef key, double missing) {
      JsonField field = config[key];
      bool isNone = field.exists() ? field.isNull() : missing == 0;
      return isNone ? 0.0 : fields.positive(field, missing);
    };
    model.attentionSoftcap =
        cap("attn_logit_softcapping", family.defaultAttentionCap);
    model.logitSoftcap = cap("final_logit_softcapping", family.defaultLogitCap);
    if (fields.flag("use_bidirectional_attention", false))
      return unsupported(config["use_bidirectional_attention"]);
  }
  if (family.multipliers) {
    auto factor = [&](llvm::StringRef key) {
      double value = fields.take<double>(config[key].numberOr(1.0), 1.0);
      if (!std::isfinite(value))
        fields.keep(config[key].error("must be a finite number"));
      return value;
    };
    model.embeddingScale = factor("embedding_multiplier");
    model.residualScale = factor("residual_multiplier");
    model.attentionScale = factor("attention_multiplier");
    model.logitsDivisor = factor("logits_scaling");
    if (model.logitsDivisor == 0)
      return config["logits_scaling"].error("must not be 0");
  }
  JsonField clip = config["clip_qkv"];
  if (family.clipped && !clip.isNull())
    model.clip = fields.positive(clip, 0);
  return llvm::Error::success();
}

llvm::Expected<ModelConfig> importer::readConfig(const JsonDocument &config) {
  if (!config.root().isObject())
    return config.root().error("the configuration must be an object");
  auto type = config["model_type"].string();
  if (!type)
    return type.takeError();
  ModelConfig model;
  model.family = findFamily(*type);
  if (!model.family)
    return config["model_type"].error(
        "model type " + support::quoted(*type) +
        " is not supported (known: " + knownModelTypes() + ")");
  // Packed experts are read with the others.
  bool mayPack = model.family->experts && model.family->experts->columns;
  if (llvm::Error error =
          mayPack ? llvm::Error::success() : refuseQuantized(config))
    return error;

  FieldReader fields(config);
  model.layers = fields.size(model.family->layersKey, maxLayers);
  model.hidden = fields.size("hidden_size");
  model.intermediate = fields.size(model.family->intermediateKey);
  model.vocab = fields.size("vocab_size");
  const ExpertHabits *experts = model.family->experts;
  bool routedAttention = experts && experts->attention;
  if (!routedAttention)
    model.heads = fields.size("num_attention_heads", 1 << 20);
  // The literal null says "as many as heads" in every family whose attention is
  // not routed.
  bool kvHeadsAbsent =
      routedAttention || !config["num_key_value_heads"].exists();
  model.kvHeads = fields.sizeOr("num_key_value_heads",
                                kvHeadsAbsent && model.family->defaultKvHeads
                                    ? model.family->defaultKvHeads
                                    : model.heads,
                                1 << 20);
  // Each expert of a row has a query for each head of keys.
  if (routedAttention)
    model.heads =
        model.kvHeads *
        fields.sizeOr(experts->chosenKey, experts->defaultChosen, 1 << 16);
  model.context = fields.sizeOr("max_position_embeddings", 2048);
  model.epsilon = fields.take<double>(
      config["rms_norm_eps"].numberOr(model.family->defaultEpsilon));
  if (!(model.epsilon >= 0))
    fields.keep(config["rms_norm_eps"].error("must not be negative"));
  if (fields.failed())
    return fields.finish();

  if (llvm::Error error = model.family->latentAttention
                              ? readLatentHeads(config, fields, model)
                              : readHeads(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));

  // The newer of two keys counts where both are there.
  JsonField act = config[model.family->activationKey];
  std::string name =
      fields
          .take<llvm::StringRef>(act.stringOr(model.family->defaultActivation))
          .str();
  if (fields.failed())
    return fields.finish();
  auto kind = activationKind(name);
  if (!kind)
    return act.error("activation " + support::quoted(name) +
                     " is not supported");
  model.activation = *kind;

  using Bias = Family::AttentionBias;
  model.tied = fields.flag("tie_word_embeddings", model.family->defaultTied);
  bool attentionBias =
      fields.flag("attention_bias", model.family->defaultAttentionBias);
  switch (model.family->attentionBias) {
  case Bias::None:
    if (attentionBias)
      return unsupported(config["attention_bias"]);
    break;
  case Bias::FromConfig:
    model.queryKeyValueBias = model.outputBias = attentionBias;
    break;
  case Bias::QueryKeyValue:
    model.queryKeyValueBias = true;
    break;
  case Bias::QueryKeyValueFromConfig:
    model.queryKeyValueBias = fields.flag("qkv_bias", true);
    break;
  }
  bool mlpBias = fields.flag("mlp_bias", false);
  if (mlpBias && !model.family->mlpBiasFromConfig)
    return unsupported(config["mlp_bias"]);
  model.mlpBias = mlpBias;

  if (model.family->headBiasFromConfig)
    model.headBias = fields.flag("lm_head_bias", false);
  if (model.family->convolved) {
    model.convolved.first = fields.sizeOr("cca_time0", 2, 1 << 10);
    model.convolved.second = fields.sizeOr("cca_time1", 2, 1 << 10);
  }

  if (llvm::Error error = readScales(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = readRope(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = readUnrotated(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = readWindows(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = readRoutedLayers(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = readExperts(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = fields.finish())
    return std::move(error);
  return model;
}
