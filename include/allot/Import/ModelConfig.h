//===- ModelConfig.h - what kind of model a checkpoint holds ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Families are rows of one table over shared building blocks: a further family
// of the same blocks is a further row. Configurations of either container are
// read into one ModelConfig, in which nothing is left to be guessed.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_IMPORT_MODELCONFIG_H
#define ALLOT_IMPORT_MODELCONFIG_H

#include "allot/Archive/GGUF.h"
#include "allot/Archive/Json.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Import/Experts.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace allot::importer {

/// The conventions of a family of decoders (RMS norms, rotary positions, gated
/// MLP). What a member does not say is as in Llama.
struct Family {
  /// `model_type` of config.json.
  llvm::StringLiteral modelType;
  /// `general.architecture` of GGUF files; empty where it has none of its own.
  llvm::StringLiteral ggufArchitecture;
  /// Which attention projections have a bias. FromConfig: all four, if
  /// `attention_bias` says so (of latent attention the two that read the
  /// stream and the last one); QueryKeyValueFromConfig: three, if `qkv_bias`
  /// does not deny it.
  enum class AttentionBias {
    None,
    FromConfig,
    QueryKeyValue,
    QueryKeyValueFromConfig
  } attentionBias = AttentionBias::None;
  /// What `attention_bias` is where it is absent.
  bool defaultAttentionBias = false;
  /// `mlp_bias` decides about biases of the MLP.
  bool mlpBiasFromConfig = false;
  /// RMS norms of queries and keys before the rotation: of each head, or of all
  /// heads together.
  enum class HeadNorms { None, PerHead, Whole } headNorms = HeadNorms::None;
  /// Norms of a block: of what attention and MLP read, of what they give, or of
  /// both.
  enum class Norms { Before, After, Around } norms = Norms::Before;
  /// Weights of norms are stored less one, except in GGUF files.
  bool normsLessOne = false;
  /// Embedded tokens are multiplied by the root of the hidden size.
  bool scaledEmbedding = false;
  /// Queries, keys and values are one projection, gate and up are one.
  bool fusedProjections = false;
  /// Keys and values of all heads come out of one short vector, and queries
  /// may: `kv_lora_rank`, `q_lora_rank`, `qk_nope_head_dim`,
  /// `qk_rope_head_dim`, `v_head_dim`.
  bool latentAttention = false;
  /// Latent vectors are multiplied by the root of hidden size over their own.
  bool scaledLatents = false;
  /// A layer is two blocks of attention and dense MLP, `self_attn.0`, `mlps.0`
  /// and so on; what its experts make of what the first MLP reads is added at
  /// its end (Cai et al. 2024, shortcut-connected experts).
  bool shortcut = false;
  /// Queries and keys are mixed with earlier ones: `cca_time0`, `cca_time1`.
  bool convolved = false;
  /// `h (y) + r (x)` is what becomes of the stream x and what a part of a block
  /// gives, each with a vector added and multiplied by one; so are embedded
  /// tokens.
  bool affineResiduals = false;
  /// `lm_head_bias` decides about a bias of the output head.
  bool headBiasFromConfig = false;
  /// Which dimensions of a head turn together. FromConfig: neighbours, if
  /// `rope_interleave` does not deny it.
  enum class Rotary { Halves, Neighbours, FromConfig } rotary = Rotary::Halves;
  /// Each head has a score `self_attn.sinks` of its own in its softmax.
  bool sinks = false;
  /// `clip_qkv` bounds queries, keys and values.
  bool clipped = false;
  /// `embedding_multiplier`, `residual_multiplier`, `attention_multiplier` and
  /// `logits_scaling` are read.
  bool multipliers = false;
  /// Which layers are mixtures of experts. Step: every
  /// `decoder_sparse_step`-th that is not in `mlp_only_layers`; FromLayer: from
  /// `first_k_dense_replace` on.
  enum class Routed { None, AllLayers, Step, FromLayer } routed = Routed::None;
  /// How experts are written and chosen in those.
  const ExpertHabits *experts = nullptr;
  /// `partial_rotary_factor` says how much of a head is rotated.
  bool partialRotary = false;
  /// The part where nothing is said about angles.
  double defaultPartial = 1;
  /// Which layers attend to a window. AllLayers: `sliding_window`, if given;
  /// FromLayer: with `use_sliding_window`, from `max_window_layers` on;
  /// Unrotated: with `use_sliding_window`, those of `no_rope_layers`; Pattern:
  /// all but every `sliding_window_pattern`-th; AllIfAsked: with
  /// `use_sliding_window`; EvenBelowLayer: with `use_sliding_window`, even ones
  /// below `max_window_layers`; ByType: none but those that `layer_types`
  /// names.
  enum class Window {
    None,
    AllLayers,
    FromLayer,
    Unrotated,
    Pattern,
    AllIfAsked,
    EvenBelowLayer,
    ByType
  } window = Window::None;
  /// Layers with a window have rotary angles of their own,
  /// `rope_local_base_freq`.
  bool ownWindowAngles = false;
  /// What `layer_types` calls layers without and with a window.
  llvm::StringLiteral fullType = "full_attention",
                      windowType = "sliding_attention";
  /// `no_rope_layers` says which layers rotate queries and keys.
  bool someUnrotated = false;
  /// `query_pre_attn_scalar`, `attn_logit_softcapping` and
  /// `final_logit_softcapping` are read.
  bool scaledLogits = false;
  /// GGUF files of the family keep rows of q and k in rotary order
  /// (neighbours).
  bool ggufPermuted = false;
  /// What the reference library assumes where config.json has no such key:
  /// `num_key_value_heads` and `head_dim` (0: they follow from the others),
  /// `sliding_window` (0: none), its pattern.
  int64_t defaultKvHeads = 0, defaultHeadDim = 0, defaultWindow = 0;
  int64_t defaultPattern = 0;
  /// `q_lora_rank` (0: queries are projected at once), `kv_lora_rank`,
  /// `first_k_dense_replace`.
  int64_t defaultQueryRank = 0, defaultLatentRank = 0, defaultFirstRouted = 0;
  /// The epsilon of norms in blocks, whatever `rms_norm_eps` says of the last
  /// one; 0: the same.
  double blockEpsilon = 0;
  double defaultEpsilon = 1e-6, defaultTheta = 10000;
  /// 0: none.
  double defaultAttentionCap = 0, defaultLogitCap = 0;
  bool defaultTied = false;
  /// The keys of the number of layers and of the size of the MLP.
  llvm::StringLiteral layersKey = "num_hidden_layers",
                      intermediateKey = "intermediate_size";
  llvm::StringLiteral headDimKey = "head_dim";
  /// The key of the activation, and what it is without one.
  llvm::StringLiteral activationKey = "hidden_act";
  llvm::StringLiteral defaultActivation = "silu";
};

/// All families, by model_type.
llvm::ArrayRef<Family> families();
/// Null where there is none.
const Family *findFamily(llvm::StringRef modelType);
const Family *findGGUFFamily(llvm::StringRef architecture);
/// The known model types, for messages.
std::string knownModelTypes();
std::string knownGGUFArchitectures();

/// Activations by the names that configurations use for them.
std::optional<nn::ActivationKind> activationKind(llvm::StringRef name);

/// Largest size of a head. No model comes near; a file can say anything, and
/// the angles are computed before a weight is looked at.
constexpr int64_t maxHeadDim = 1 << 16;

/// Multi-head latent attention (DeepSeek-AI 2024, DeepSeek-V2): one projection
/// of the stream gives a latent vector, which is normalised and expanded to the
/// plain part of all keys and to all values, and the rotated part of the key,
/// which all heads share. Heads are `[plain; rotated]`.
struct LatentAttention {
  /// Sizes of the latent vectors; 0: there is none.
  int64_t rank = 0, queryRank = 0;
  /// The parts of a head of queries and keys.
  int64_t plain = 0, rotated = 0;
  /// Multiply the latent of keys and values, and queries.
  double scale = 1, queryScale = 1;
  /// Of the norms of the latent vectors, whatever `rms_norm_eps` says.
  static constexpr double epsilon = 1e-6;
};

/// Compressed convolutional attention (Figliolia et al. 2025): queries and keys
/// are mixed by a convolution of each number and one of the numbers of each
/// head, over so many positions, and half of the values are those of the token
/// before. The cache holds what they need of earlier tokens, beside keys and
/// values.
struct ConvolvedAttention {
  /// 0: there is none.
  int64_t first = 0, second = 0;
  /// Positions before a token that it depends on.
  int64_t history() const { return first + second - 2; }
};

/// Everything that the shape of a decoder's program depends on.
struct ModelConfig {
  const Family *family = nullptr;
  int64_t layers = 0, hidden = 0, intermediate = 0;
  /// Of each layer the one of the checkpoint whose parameters it has; empty:
  /// its own.
  std::vector<int64_t> layerSources;
  int64_t heads = 0, kvHeads = 0, headDim = 0;
  /// Size of a head of values; that of queries and keys in most families.
  int64_t valueDim = 0;
  LatentAttention latent;
  ConvolvedAttention convolved;
  int64_t vocab = 0, context = 0;
  double epsilon = 0;
  nn::ActivationKind activation = nn::ActivationKind::SiLU;
  /// Attention blocks of a layer, which all have rows in the cache.
  int64_t attentions() const { return family->shortcut ? 2 : 1; }
  /// Of convolved attention: runs of `kvHeads` heads that queries and keys are.
  int64_t mixedRuns() const { return heads / kvHeads + 1; }
  /// Rows of a layer in the cache, each of two slots: keys, values, then what
  /// convolutions and delayed values need.
  int64_t cacheRows() const {
    return convolved.first ? (mixedRuns() + 4) / 2 : attentions();
  }
  /// Size of a head in the cache, which holds keys and values.
  int64_t cacheDim() const { return std::max(headDim, valueDim); }
  /// Rotary angles per position, `[headDim / 2]` or fewer.
  std::vector<float> frequencies;
  /// Multiplies rotated queries and keys (YaRN's attention factor).
  double rotaryScale = 1;
  /// The same for layers with a window, where they have their own; else empty.
  std::vector<float> windowFrequencies;
  /// Layers that do not rotate queries and keys; empty: all do.
  std::vector<bool> unrotated;
  /// What scores of attention are multiplied by.
  double attentionScale = 0;
  /// Scores s become c tanh(s / c), as do the logits; 0: they do not.
  double attentionSoftcap = 0, logitSoftcap = 0;
  /// 2i turns with 2i + 1, else i with i + half.
  bool neighbours = false;
  /// Queries, keys and values are within these bounds; 0: unbounded.
  double clip = 0;
  /// What embedded tokens, what attention and MLP add to the stream, and logits
  /// are multiplied and divided by.
  double embeddingScale = 1, residualScale = 1, logitsDivisor = 1;
  /// What stored weights of norms lack.
  bool normsLessOne = false;
  /// The output head is the embedding table.
  bool tied = false;
  bool queryKeyValueBias = false, outputBias = false, mlpBias = false;
  bool headBias = false;
  /// Per layer: the window of its attention, 0 for none.
  std::vector<int64_t> windows;
  Experts experts;
  /// Layers that are mixtures of experts; empty: none.
  std::vector<bool> routed;
  bool isRouted(int64_t layer) const {
    return !routed.empty() && routed[layer];
  }
};

/// Reads config.json, in the spelling of either generation of the library
/// (`rope_parameters`, or `rope_theta` and `rope_scaling`). Errors name the
/// file and the field.
llvm::Expected<ModelConfig> readConfig(const archive::JsonDocument &config);

/// Reads the metadata of a GGUF file (and its tensors, for what has no key:
/// tied head, biases, scaled frequencies). Errors name the file and the key.
llvm::Expected<ModelConfig> readConfig(const archive::GGUFFile &file);

/// Plain rotary frequencies `theta^(-2i / dim)`, rounded as the reference
/// library does. Source: Su et al. 2021.
std::vector<float> rotaryFrequencies(double theta, int64_t dim);

/// The frequencies of Llama 3.1: kept, divided, or blended by wavelength
/// against the original context length.
struct Llama3Scaling {
  double factor = 1, lowFactor = 1, highFactor = 4, originalContext = 8192;
};
void scaleLlama3(std::vector<float> &frequencies, const Llama3Scaling &scaling);

/// YaRN (Peng et al. 2023): frequencies that turn often within the original
/// context are kept, those that turn seldom divided by `factor`, others are
/// blended by a ramp over the dimensions, whose ends are whole numbers where
/// `truncate` is set.
struct YarnScaling {
  double factor = 1, originalContext = 0, betaFast = 32, betaSlow = 1;
  bool truncate = true;
};
/// `theta` is the base of the plain frequencies, not 1.
void scaleYarn(std::vector<float> &frequencies, double theta,
               const YarnScaling &scaling);
/// 0.1 m ln(factor) + 1, or 1 where nothing is stretched: by what YaRN scales
/// rotated queries and keys.
double yarnAttentionFactor(double factor, double m = 1);

} // namespace allot::importer

#endif // ALLOT_IMPORT_MODELCONFIG_H
