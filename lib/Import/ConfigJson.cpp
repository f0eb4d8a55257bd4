//===- ConfigJson.cpp - config.json of a Hugging Face folder ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/ModelConfig.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
#include <optional>

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;

// Bounds on counts and sizes: far beyond any model, small enough that no
// product of two of them overflows.
static constexpr int64_t maxLayers = 1 << 16, maxSize = int64_t(1) << 30;

namespace {

/// Reads fields one after another and keeps the first error, so that a
/// configuration reads as a list of its fields.
class FieldReader {
public:
  explicit FieldReader(const JsonDocument &document) : document(document) {}
  ~FieldReader() { llvm::consumeError(std::move(failure)); }

  template <typename T>
  T take(llvm::Expected<T> value, T otherwise = {}) {
    if (value)
      return *value;
    keep(value.takeError());
    return otherwise;
  }
  void keep(llvm::Error error) {
    if (failure)
      llvm::consumeError(std::move(error));
    else
      failure = std::move(error);
  }
  int64_t size(llvm::StringRef key, int64_t high = maxSize) {
    return take<int64_t>(document[key].integer(1, high));
  }
  int64_t sizeOr(llvm::StringRef key, int64_t missing, int64_t high = maxSize) {
    return take<int64_t>(document[key].integerOr(missing, 1, high));
  }
  bool flag(llvm::StringRef key, bool missing) {
    return take<bool>(document[key].booleanOr(missing));
  }
  double positive(JsonField field, double missing) {
    double value = take<double>(field.numberOr(missing), missing);
    if (!(value > 0) || !std::isfinite(value))
      keep(field.error("must be a positive number"));
    return value;
  }
  bool failed() { return bool(failure); }
  llvm::Error finish() { return std::move(failure); }

private:
  const JsonDocument &document;
  llvm::Error failure = llvm::Error::success();
};

} // namespace

static llvm::Error unsupported(JsonField field) {
  return field.error("this option is not supported");
}

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

static llvm::Error readYarn(const JsonField &scaling, const JsonField &original,
                            double theta, FieldReader &fields,
                            ModelConfig &model) {
  YarnScaling s;
  s.originalContext = fields.positive(original, double(model.context));
  if (!scaling["factor"].exists())
    return scaling["factor"].error("is missing");
  // The literal null says "as far as the context goes".
  s.factor = fields.positive(scaling["factor"],
                             double(model.context) / s.originalContext);
  // 0 is no value of these: the library takes it for absent.
  auto orDefault = [&](llvm::StringRef key, double missing) {
    double value = fields.take<double>(scaling[key].numberOr(0));
    return value == 0 ? missing : fields.positive(scaling[key], missing);
  };
  s.betaFast = orDefault("beta_fast", 32);
  s.betaSlow = orDefault("beta_slow", 1);
  s.truncate = fields.take<bool>(scaling["truncate"].booleanOr(true), true);
  double m = orDefault("mscale", 0), all = orDefault("mscale_all_dim", 0);
  model.rotaryScale = fields.positive(
      scaling["attention_factor"], m != 0 && all != 0
                                       ? yarnAttentionFactor(s.factor, m) /
                                             yarnAttentionFactor(s.factor, all)
                                       : yarnAttentionFactor(s.factor));
  if (!fields.failed() && theta == 1)
    return scaling["rope_theta"].error("must not be 1");
  if (!fields.failed())
    scaleYarn(model.frequencies, theta, s);
  return llvm::Error::success();
}

/// `rope_parameters`, or `rope_theta` and `rope_scaling` at top level.
static llvm::Error readRope(const JsonDocument &config, FieldReader &fields,
                            ModelConfig &model) {
  JsonField unified = config["rope_parameters"];
  JsonField scaling = unified.isNull() ? config["rope_scaling"] : unified;
  if (!scaling.isNull() && !scaling.isObject())
    return scaling.error("must be an object");
  JsonField theta = unified["rope_theta"].isNull() ? config["rope_theta"]
                                                   : unified["rope_theta"];
  double base = fields.positive(theta, 10000.0);
  for (JsonField partial :
       {config["partial_rotary_factor"], scaling["partial_rotary_factor"]})
    if (fields.take<double>(partial.numberOr(1.0), 1.0) != 1.0)
      return unsupported(partial);

  model.frequencies = rotaryFrequencies(base, model.headDim);
  if (scaling.isNull())
    return llvm::Error::success();
  JsonField kind =
      scaling["rope_type"].exists() ? scaling["rope_type"] : scaling["type"];
  std::string type =
      fields.take<llvm::StringRef>(kind.stringOr("default")).str();
  if (type == "default")
    return llvm::Error::success();
  if (type == "linear") {
    if (!scaling["factor"].exists())
      return scaling["factor"].error("is missing");
    double factor = fields.positive(scaling["factor"], 1.0);
    for (float &frequency : model.frequencies)
      frequency = float(frequency / factor);
    return llvm::Error::success();
  }
  // What the model was trained with before it was stretched.
  JsonField original = config["original_max_position_embeddings"].isNull()
                           ? scaling["original_max_position_embeddings"]
                           : config["original_max_position_embeddings"];
  if (type == "llama3") {
    for (llvm::StringRef key :
         {"factor", "low_freq_factor", "high_freq_factor"})
      if (scaling[key].isNull())
        return scaling[key].error("is missing");
    Llama3Scaling s;
    s.factor = fields.positive(scaling["factor"], 1);
    s.lowFactor = fields.positive(scaling["low_freq_factor"], 1);
    s.highFactor = fields.positive(scaling["high_freq_factor"], 4);
    s.originalContext = fields.positive(original, double(model.context));
    if (!fields.failed() && s.highFactor <= s.lowFactor)
      return scaling["high_freq_factor"].error(
          "must be larger than low_freq_factor");
    if (!fields.failed())
      scaleLlama3(model.frequencies, s);
    return llvm::Error::success();
  }
  if (type == "yarn")
    return readYarn(scaling, original, base, fields, model);
  if (fields.failed())
    return llvm::Error::success();
  return kind.error("rope type " + support::quoted(type) +
                    " is not supported (known: default, linear, llama3, yarn)");
}

/// Which layers attend to a window: `layer_types` where given, else by the
/// habit of the family.
static llvm::Error readWindows(const JsonDocument &config, FieldReader &fields,
                               ModelConfig &model) {
  model.windows.assign(model.layers, 0);
  const Family &family = *model.family;
  JsonField window = config["sliding_window"];
  bool has = window.exists() ? !window.isNull() : family.defaultWindow != 0;
  auto size = [&] {
    return window.exists() ? fields.size("sliding_window")
                           : family.defaultWindow;
  };
  bool all = family.window == Family::Window::AllLayers && has;
  bool some = family.window == Family::Window::FromLayer &&
              fields.flag("use_sliding_window", false) && has;
  JsonField types = config["layer_types"];
  if (!types.isNull()) {
    auto names = types.strings();
    if (!names)
      return names.takeError();
    if (int64_t(names->size()) != model.layers)
      return types.error("has " + llvm::Twine(names->size()) +
                         " entries, num_hidden_layers is " +
                         llvm::Twine(model.layers));
    for (auto [layer, name] : llvm::enumerate(*names)) {
      if (name == "full_attention")
        continue;
      if (name != "sliding_attention" || family.window == Family::Window::None)
        return types.error("layer type " + support::quoted(name) +
                           " is not supported");
      model.windows[layer] = size();
    }
    return llvm::Error::success();
  }
  if (!all && !some)
    return llvm::Error::success();
  int64_t first =
      all ? 0
          : fields.take<int64_t>(
                config["max_window_layers"].integerOr(28, 0, maxLayers));
  for (int64_t layer = first; layer < model.layers; ++layer)
    model.windows[layer] = size();
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
  for (llvm::StringRef key : {"quantization_config", "compression_config"})
    if (!config[key].isNull())
      return unsupported(config[key]);

  FieldReader fields(config);
  model.layers = fields.size("num_hidden_layers", maxLayers);
  model.hidden = fields.size("hidden_size");
  model.intermediate = fields.size("intermediate_size");
  model.vocab = fields.size("vocab_size");
  model.heads = fields.size("num_attention_heads", 1 << 20);
  // The literal null says "as many as heads" in every family.
  bool kvHeadsAbsent = !config["num_key_value_heads"].exists();
  model.kvHeads = fields.sizeOr("num_key_value_heads",
                                kvHeadsAbsent && model.family->defaultKvHeads
                                    ? model.family->defaultKvHeads
                                    : model.heads,
                                1 << 20);
  model.context = fields.sizeOr("max_position_embeddings", 2048);
  model.epsilon = fields.take<double>(config["rms_norm_eps"].numberOr(1e-6));
  if (!(model.epsilon >= 0))
    fields.keep(config["rms_norm_eps"].error("must not be negative"));
  if (fields.failed())
    return fields.finish();

  if (model.heads % model.kvHeads)
    return config["num_key_value_heads"].error(
        "must divide num_attention_heads (" + llvm::Twine(model.heads) + ")");
  JsonField headDim = config["head_dim"];
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

  JsonField act = config["hidden_act"];
  std::string name = fields.take<llvm::StringRef>(act.stringOr("silu")).str();
  if (fields.failed())
    return fields.finish();
  auto kind = activationKind(name);
  if (!kind)
    return act.error("activation " + support::quoted(name) +
                     " is not supported");
  model.activation = *kind;

  using Bias = Family::AttentionBias;
  model.tied = fields.flag("tie_word_embeddings", false);
  bool attentionBias = fields.flag("attention_bias", false);
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
  }
  bool mlpBias = fields.flag("mlp_bias", false);
  if (mlpBias && !model.family->mlpBiasFromConfig)
    return unsupported(config["mlp_bias"]);
  model.mlpBias = mlpBias;

  if (llvm::Error error = readRope(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = readWindows(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = fields.finish())
    return std::move(error);
  return model;
}
