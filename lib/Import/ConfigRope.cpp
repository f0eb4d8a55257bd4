//===- ConfigRope.cpp - rotary angles in config.json ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"
#include "allot/Support/Error.h"

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;

/// Rotary angles and what rotated vectors are multiplied by.
namespace {
struct Rotary {
  std::vector<float> frequencies;
  double scale = 1;
  /// By the square of this scores are multiplied besides.
  double attention = 1;
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
  int64_t dim = model.latent.rank ? model.latent.rotated : model.headDim;
  if (scaling.isNull() && model.family->defaultPartial != 1) {
    dim = int64_t(double(model.headDim) * model.family->defaultPartial);
    if (dim < 2 || dim % 2)
      return config[model.family->headDimKey].error(
          "rotates " + llvm::Twine(dim) + " of the " +
          llvm::Twine(model.headDim) + " dimensions, which must be pairs");
  }
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
  if (double all = fields.take<double>(scaling["mscale_all_dim"].numberOr(0));
      model.latent.rank && all != 0)
    rotary.attention =
        yarnAttentionFactor(fields.positive(scaling["factor"], 1), all);
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

llvm::Error importer::readRope(const JsonDocument &config, FieldReader &fields,
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
  // Without it the library takes a scaling of its own making.
  if (family.sinks && scaling.isNull())
    return config["rope_scaling"].error("is missing");
  bool apart = family.ownWindowAngles && scaling[family.fullType].isObject();
  Rotary rotary, ofWindows;
  JsonField whole = apart ? scaling[family.fullType] : scaling;
  JsonField theta =
      whole["rope_theta"].isNull() ? config["rope_theta"] : whole["rope_theta"];
  if (llvm::Error error = read(whole, theta, family.defaultTheta, rotary))
    return error;
  model.frequencies = std::move(rotary.frequencies);
  model.rotaryScale = rotary.scale;
  model.attentionScale *= rotary.attention * rotary.attention;
  model.neighbours = family.rotary == Family::Rotary::Neighbours ||
                     (family.rotary == Family::Rotary::FromConfig &&
                      fields.flag("rope_interleave", true));
  if (!family.ownWindowAngles)
    return llvm::Error::success();
  JsonField local = scaling[family.windowType];
  JsonField base = local["rope_theta"].isNull() ? config["rope_local_base_freq"]
                                                : local["rope_theta"];
  // Without an object of their own they are not scaled.
  JsonField none = config["rope_local_scaling"];
  if (llvm::Error error =
          read(local.isObject() ? local : none, base, 10000, ofWindows))
    return error;
  if (ofWindows.scale != model.rotaryScale)
    return local.error("must scale rotated vectors as " + family.fullType +
                       " does");
  model.windowFrequencies = std::move(ofWindows.frequencies);
  return llvm::Error::success();
}
