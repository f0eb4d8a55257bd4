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

/// Rotary angles and what rotated vectors are multiplied by.
namespace {
struct Rotary {
  std::vector<float> frequencies;
  double scale = 1;
};
} // namespace

static llvm::Error readYarn(const JsonField &scaling, const JsonField &original,
                            double theta, FieldReader &fields,
                            const ModelConfig &model, Rotary &rotary) {
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
  rotary.scale = fields.positive(scaling["attention_factor"],
                                 m != 0 && all != 0
                                     ? yarnAttentionFactor(s.factor, m) /
                                           yarnAttentionFactor(s.factor, all)
                                     : yarnAttentionFactor(s.factor));
  if (!fields.failed() && theta == 1)
    return scaling["rope_theta"].error("must not be 1");
  if (!fields.failed())
    scaleYarn(rotary.frequencies, theta, s);
  return llvm::Error::success();
}

/// The angles that an object of `rope_parameters`, or `rope_scaling`, and a
/// base say.
static llvm::Error readAngles(const JsonDocument &config, JsonField scaling,
                              double base, FieldReader &fields,
                              const ModelConfig &model, Rotary &rotary) {
  if (!scaling.isNull() && !scaling.isObject())
    return scaling.error("must be an object");
  int64_t dim = model.headDim;
  for (JsonField partial :
       {config["partial_rotary_factor"], scaling["partial_rotary_factor"]}) {
    double factor = fields.take<double>(partial.numberOr(1.0), 1.0);
    if (factor == 1.0)
      continue;
    if (!model.family->partialRotary)
      return unsupported(partial);
    if (!(factor > 0 && factor < 1))
      return partial.error("must be above 0 and at most 1");
    dim = int64_t(double(model.headDim) * factor);
    if (dim < 2 || dim % 2)
      return partial.error("rotates " + llvm::Twine(dim) + " of the " +
                           llvm::Twine(model.headDim) +
                           " dimensions of a head, which must be pairs");
  }
  rotary.frequencies = rotaryFrequencies(base, dim);
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
    for (float &frequency : rotary.frequencies)
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
      scaleLlama3(rotary.frequencies, s);
    return llvm::Error::success();
  }
  if (type == "yarn")
    return readYarn(scaling, original, base, fields, model, rotary);
  if (fields.failed())
    return llvm::Error::success();
  return kind.error("rope type " + support::quoted(type) +
                    " is not supported (known: default, linear, llama3, yarn)");
}

/// `rope_parameters`, or `rope_theta` and `rope_scaling` at top level. Families
/// whose windows have their own angles: an object each, or
/// `rope_local_base_freq` beside.
static llvm::Error readRope(const JsonDocument &config, FieldReader &fields,
                            ModelConfig &model) {
  JsonField unified = config["rope_parameters"];
  JsonField scaling = unified.isNull() ? config["rope_scaling"] : unified;
  if (!scaling.isNull() && !scaling.isObject())
    return scaling.error("must be an object");
  auto read = [&](JsonField scaling, JsonField theta, double missing,
                  Rotary &rotary) -> llvm::Error {
    double base = fields.positive(theta, missing);
    return readAngles(config, scaling, base, fields, model, rotary);
  };
  const Family &family = *model.family;
  bool apart = family.ownWindowAngles && scaling["full_attention"].isObject();
  Rotary rotary, ofWindows;
  JsonField whole = apart ? scaling["full_attention"] : scaling;
  JsonField theta =
      whole["rope_theta"].isNull() ? config["rope_theta"] : whole["rope_theta"];
  if (llvm::Error error = read(whole, theta, family.defaultTheta, rotary))
    return error;
  model.frequencies = std::move(rotary.frequencies);
  model.rotaryScale = rotary.scale;
  if (!family.ownWindowAngles)
    return llvm::Error::success();
  JsonField local = scaling["sliding_attention"];
  JsonField base = local["rope_theta"].isNull() ? config["rope_local_base_freq"]
                                                : local["rope_theta"];
  // Without an object of their own they are not scaled.
  JsonField none = config["rope_local_scaling"];
  if (llvm::Error error =
          read(local.isObject() ? local : none, base, 10000, ofWindows))
    return error;
  if (ofWindows.scale != model.rotaryScale)
    return local.error("must scale rotated vectors as full_attention does");
  model.windowFrequencies = std::move(ofWindows.frequencies);
  return llvm::Error::success();
}

/// Which layers do not rotate: those that `no_rope_layers` gives a 0, or every
/// `no_rope_layer_interval`-th.
static llvm::Error readUnrotated(const JsonDocument &config,
                                 FieldReader &fields, ModelConfig &model) {
  if (!model.family->someUnrotated)
    return llvm::Error::success();
  model.unrotated.assign(model.layers, false);
  JsonField layers = config["no_rope_layers"];
  if (layers.isNull()) {
    int64_t interval = fields.sizeOr("no_rope_layer_interval", 4, maxLayers);
    for (int64_t layer = 0; layer < model.layers; ++layer)
      model.unrotated[layer] = (layer + 1) % interval == 0;
    return llvm::Error::success();
  }
  auto flags = layers.integers();
  if (!flags)
    return flags.takeError();
  if (int64_t(flags->size()) != model.layers)
    return layers.error("has " + llvm::Twine(flags->size()) +
                        " entries, num_hidden_layers is " +
                        llvm::Twine(model.layers));
  for (auto [layer, rotates] : llvm::enumerate(*flags)) {
    if (rotates != 0 && rotates != 1)
      return layers.error("entries are 0 or 1, but got " +
                          llvm::Twine(rotates));
    model.unrotated[layer] = rotates == 0;
  }
  return llvm::Error::success();
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
  if (family.window == Family::Window::Unrotated) {
    if (fields.flag("use_sliding_window", false) && has)
      for (int64_t layer = 0; layer < model.layers; ++layer)
        model.windows[layer] = model.unrotated[layer] ? size() : 0;
    return llvm::Error::success();
  }
  if (family.window == Family::Window::Pattern) {
    llvm::StringRef key = config["_sliding_window_pattern"].exists()
                              ? "_sliding_window_pattern"
                              : "sliding_window_pattern";
    int64_t pattern = fields.sizeOr(key, family.defaultPattern, maxLayers);
    for (int64_t layer = 0; has && layer < model.layers; ++layer)
      model.windows[layer] = (layer + 1) % pattern ? size() : 0;
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
  model.epsilon = fields.take<double>(
      config["rms_norm_eps"].numberOr(model.family->defaultEpsilon));
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

  model.normsLessOne = model.family->normsLessOne;
  model.attentionScale = 1.0 / std::sqrt(double(model.headDim));
  if (model.family->scaledLogits) {
    double scalar = fields.positive(config["query_pre_attn_scalar"], 256);
    model.attentionScale = 1.0 / std::sqrt(scalar);
    auto cap = [&](llvm::StringRef key, double missing) {
      JsonField field = config[key];
      bool isNone = field.exists() ? field.isNull() : missing == 0;
      return isNone ? 0.0 : fields.positive(field, missing);
    };
    model.attentionSoftcap =
        cap("attn_logit_softcapping", model.family->defaultAttentionCap);
    model.logitSoftcap =
        cap("final_logit_softcapping", model.family->defaultLogitCap);
    if (fields.flag("use_bidirectional_attention", false))
      return unsupported(config["use_bidirectional_attention"]);
  }

  if (llvm::Error error = readRope(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = readUnrotated(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = readWindows(config, fields, model))
    return llvm::joinErrors(fields.finish(), std::move(error));
  if (llvm::Error error = fields.finish())
    return std::move(error);
  return model;
}
