//===- ConfigGGUF.cpp - metadata of a GGUF file -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/ModelConfig.h"
#include "allot/Support/Error.h"
#include <cmath>
#include <cstring>
#include <optional>

using namespace allot;
using namespace allot::importer;
using archive::GGUFFile;

namespace {

/// Keys of one architecture, with bounds.
class KeyReader {
public:
  KeyReader(const GGUFFile &file, llvm::StringRef architecture)
      : file(file), prefix(architecture.str() + ".") {}

  std::string key(llvm::StringRef name) const { return prefix + name.str(); }
  bool has(llvm::StringRef name) const { return file.has(key(name)); }
  llvm::Error error(llvm::StringRef name, const llvm::Twine &message) const {
    return file.keyError(key(name), message);
  }

  /// An integer in [1, high]; `missing`, in the same range, where the key is
  /// absent.
  llvm::Error size(llvm::StringRef name, int64_t &value, int64_t high,
                   std::optional<int64_t> missing = std::nullopt) const {
    auto read = has(name) || !missing
                    ? file.getU64(key(name))
                    : llvm::Expected<uint64_t>(uint64_t(*missing));
    if (!read)
      return read.takeError();
    if (*read < 1 || *read > uint64_t(high))
      return error(name, "is " + llvm::Twine(*read) +
                             ", must be between 1 and " + llvm::Twine(high));
    value = int64_t(*read);
    return llvm::Error::success();
  }

  /// A finite positive number; `missing` where the key is absent.
  llvm::Error positive(llvm::StringRef name, double &value,
                       std::optional<double> missing = std::nullopt) const {
    if (!has(name) && missing) {
      value = *missing;
      return llvm::Error::success();
    }
    auto read = file.getF64(key(name));
    if (!read)
      return read.takeError();
    if (!std::isfinite(*read) || !(*read > 0))
      return error(name, "must be a positive number");
    value = *read;
    return llvm::Error::success();
  }

private:
  const GGUFFile &file;
  std::string prefix;
};

} // namespace

/// Rotary frequencies: plain, scaled by metadata, or divided by the factors of
/// the tensor `rope_freqs.weight`.
static llvm::Error readRope(const GGUFFile &file, const KeyReader &keys,
                            ModelConfig &model) {
  int64_t dim = 0;
  double theta = 0;
  if (llvm::Error e =
          keys.size("rope.dimension_count", dim, maxHeadDim, model.headDim))
    return e;
  if (dim != model.headDim)
    return keys.error("rope.dimension_count",
                      "is " + llvm::Twine(dim) + ", the size of a head is " +
                          llvm::Twine(model.headDim) +
                          ": partial rotation is not supported");
  if (llvm::Error e = keys.positive("rope.freq_base", theta, 10000.0))
    return e;
  model.frequencies = rotaryFrequencies(theta, dim);

  std::string type = "none";
  if (keys.has("rope.scaling.type")) {
    auto read = file.getString(keys.key("rope.scaling.type"));
    if (!read)
      return read.takeError();
    type = read->str();
  }
  if (type == "yarn") {
    YarnScaling s;
    double stretch = 1;
    if (llvm::Error e = keys.positive("rope.scaling.factor", s.factor))
      return e;
    if (llvm::Error e = keys.positive("rope.scaling.original_context_length",
                                      s.originalContext, double(model.context)))
      return e;
    if (llvm::Error e =
            keys.positive("rope.scaling.yarn_beta_fast", s.betaFast, 32))
      return e;
    if (llvm::Error e =
            keys.positive("rope.scaling.yarn_beta_slow", s.betaSlow, 1))
      return e;
    if (llvm::Error e = keys.positive("rope.scaling.attn_factor", stretch, 1))
      return e;
    for (llvm::StringRef key :
         {"rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor",
          "rope.scaling.yarn_log_multiplier"})
      if (keys.has(key))
        return keys.error(key, "this option is not supported");
    if (theta == 1)
      return keys.error("rope.freq_base", "must not be 1");
    scaleYarn(model.frequencies, theta, s);
    model.rotaryScale = stretch * yarnAttentionFactor(s.factor);
  } else if (type != "none" && type != "linear")
    return keys.error("rope.scaling.type", "rope scaling " +
                                               support::quoted(type) +
                                               " is not supported");
  double factor = 1.0;
  // Older files have no type, only `rope.scale_linear`.
  if (type == "linear" || keys.has("rope.scale_linear")) {
    llvm::StringRef name = keys.has("rope.scaling.factor")
                               ? "rope.scaling.factor"
                               : "rope.scale_linear";
    if (llvm::Error e = keys.positive(name, factor))
      return e;
  }
  for (float &frequency : model.frequencies)
    frequency = float(frequency / factor);

  const archive::GGUFTensor *divisors = file.find("rope_freqs.weight");
  if (!divisors)
    return llvm::Error::success();
  if (llvm::StringRef(divisors->type->name) != "F32" ||
      llvm::ArrayRef<int64_t>(divisors->shape) !=
          llvm::ArrayRef<int64_t>{dim / 2})
    return support::tensorError(
        file.path(), divisors->name,
        "is " + llvm::Twine(divisors->type->name) + " of shape " +
            support::shapeString(divisors->shape) + ", must be F32 of shape " +
            llvm::Twine(dim / 2));
  llvm::ArrayRef<uint8_t> bytes = file.data(*divisors);
  for (int64_t i = 0; i < dim / 2; ++i) {
    float divisor;
    std::memcpy(&divisor, bytes.data() + 4 * i, 4);
    if (!std::isfinite(divisor) || !(divisor > 0))
      return support::tensorError(file.path(), divisors->name,
                                  "element " + llvm::Twine(i) +
                                      " is not a positive number");
    model.frequencies[i] /= divisor;
  }
  return llvm::Error::success();
}

/// How many experts there are and how wide; that weights are divided by their
/// sum is a fact of the architecture.
static llvm::Error readExperts(const KeyReader &keys, ModelConfig &model) {
  constexpr int64_t maxExperts = 1 << 16, maxSize = int64_t(1) << 30;
  Experts &e = model.experts;
  e.habits = model.family->experts;
  int64_t dense = 0;
  if (llvm::Error error = keys.size("expert_count", e.count, maxExperts))
    return error;
  if (llvm::Error error = keys.size("expert_used_count", e.chosen, maxExperts))
    return error;
  if (e.chosen > e.count)
    return keys.error("expert_used_count",
                      "is " + llvm::Twine(e.chosen) + ", but there are " +
                          llvm::Twine(e.count) + " experts");
  if (llvm::Error error = keys.size("expert_feed_forward_length", e.width,
                                    maxSize, model.intermediate))
    return error;
  if (keys.has("leading_dense_block_count"))
    if (llvm::Error error =
            keys.size("leading_dense_block_count", dense, model.layers))
      return error;
  if (e.habits->shared == ExpertHabits::Shared::Gated)
    if (llvm::Error error =
            keys.size("expert_shared_feed_forward_length", e.shared, maxSize))
      return error;
  e.normalized = e.habits->normalizedInGGUF;
  model.routed.assign(model.layers, true);
  std::fill_n(model.routed.begin(), dense, false);
  return llvm::Error::success();
}

llvm::Expected<ModelConfig> importer::readConfig(const GGUFFile &file) {
  auto architecture = file.getString("general.architecture");
  if (!architecture)
    return architecture.takeError();
  ModelConfig model;
  model.family = findGGUFFamily(*architecture);
  if (!model.family)
    return file.keyError(
        "general.architecture",
        "architecture " + support::quoted(*architecture) +
            " is not supported (known: " + knownGGUFArchitectures() + ")");
  KeyReader keys(file, *architecture);
  const int64_t maxSize = int64_t(1) << 30;
  uint64_t experts = 0;
  if (keys.has("expert_count")) {
    auto count = file.getU64(keys.key("expert_count"));
    if (!count)
      return count.takeError();
    experts = *count;
  }
  // Mixtral goes by `llama`, too, with experts.
  if (experts && !model.family->experts)
    model.family = *architecture == "llama" ? findFamily("mixtral") : nullptr;
  if (!model.family)
    return keys.error("expert_count",
                      "mixtures of experts are not supported for this "
                      "architecture");
  if (llvm::Error e = keys.size("block_count", model.layers, 1 << 16))
    return std::move(e);
  if (llvm::Error e = keys.size("embedding_length", model.hidden, maxSize))
    return std::move(e);
  if (llvm::Error e =
          keys.size("feed_forward_length", model.intermediate, maxSize))
    return std::move(e);
  if (llvm::Error e = keys.size("attention.head_count", model.heads, 1 << 20))
    return std::move(e);
  if (llvm::Error e = keys.size("attention.head_count_kv", model.kvHeads,
                                1 << 20, model.heads))
    return std::move(e);
  if (model.heads % model.kvHeads)
    return keys.error("attention.head_count_kv",
                      "is " + llvm::Twine(model.kvHeads) +
                          ", must divide attention.head_count (" +
                          llvm::Twine(model.heads) + ")");
  if (!keys.has("attention.key_length") && model.hidden % model.heads)
    return keys.error("attention.head_count",
                      "is " + llvm::Twine(model.heads) +
                          ", must divide embedding_length (" +
                          llvm::Twine(model.hidden) +
                          ") where attention.key_length is not given");
  if (llvm::Error e = keys.size("attention.key_length", model.headDim,
                                maxHeadDim, model.hidden / model.heads))
    return std::move(e);
  int64_t valueDim = 0;
  if (llvm::Error e = keys.size("attention.value_length", valueDim, maxHeadDim,
                                model.headDim))
    return std::move(e);
  if (valueDim != model.headDim)
    return keys.error("attention.value_length",
                      "is " + llvm::Twine(valueDim) +
                          ", must equal the size of a key (" +
                          llvm::Twine(model.headDim) + ")");
  if (model.headDim % 2)
    return keys.error("attention.key_length", "the size of a head (" +
                                                  llvm::Twine(model.headDim) +
                                                  ") must be even");
  if (llvm::Error e = keys.size("context_length", model.context, maxSize, 2048))
    return std::move(e);
  if (llvm::Error e =
          keys.positive("attention.layer_norm_rms_epsilon", model.epsilon))
    return std::move(e);

  auto embedding = file.get("token_embd.weight");
  if (!embedding)
    return embedding.takeError();
  if ((*embedding)->shape.size() != 2 || (*embedding)->shape[0] < 1)
    return support::tensorError(file.path(), (*embedding)->name,
                                "has shape " +
                                    support::shapeString((*embedding)->shape) +
                                    ", must be a matrix");
  model.vocab = (*embedding)->shape[0];
  int64_t vocab = 0;
  if (llvm::Error e = keys.size("vocab_size", vocab, maxSize, model.vocab))
    return std::move(e);
  if (vocab != model.vocab)
    return keys.error("vocab_size", "is " + llvm::Twine(vocab) +
                                        ", token_embd.weight has " +
                                        llvm::Twine(model.vocab) + " rows");

  // What the metadata does not say, the tensors do.
  model.tied = !file.find("output.weight");
  model.queryKeyValueBias =
      model.family->attentionBias == Family::AttentionBias::QueryKeyValue ||
      file.find("blk.0.attn_q.bias");
  model.outputBias = file.find("blk.0.attn_output.bias");
  model.mlpBias = file.find("blk.0.ffn_gate.bias");

  model.valueDim = model.headDim;
  model.attentionScale = 1.0 / std::sqrt(double(model.headDim));
  model.windows.assign(model.layers, 0);
  if (keys.has("attention.sliding_window")) {
    auto window = file.getU64(keys.key("attention.sliding_window"));
    if (!window)
      return window.takeError();
    if (*window > uint64_t(maxSize))
      return keys.error("attention.sliding_window", "is out of range");
    // 0 says that there is none. A pattern over layers cannot be expressed
    // here, so only families whose layers are all alike may have one.
    if (*window && model.family->window == Family::Window::FromLayer)
      return keys.error("attention.sliding_window",
                        "windows are not supported for this architecture");
    model.windows.assign(model.layers, int64_t(*window));
  }
  if (llvm::Error e = readRope(file, keys, model))
    return std::move(e);
  if (model.family->experts)
    if (llvm::Error e = readExperts(keys, model))
      return std::move(e);
  return model;
}
