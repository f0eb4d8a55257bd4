//===- Experts.h - mixtures of experts in checkpoints -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_IMPORT_EXPERTS_H
#define ALLOT_IMPORT_EXPERTS_H

#include "allot/Dialect/Routed/IR/Routed.h"
#include "allot/Import/WeightSource.h"
#include <memory>
#include <string>

namespace allot::importer {

struct ModelConfig;

/// How a family of decoders writes, chooses and weighs experts. What a member
/// does not say is as in Qwen's: gate, up and down projection of each expert,
/// a softmax over all.
struct ExpertHabits {
  /// The module of a layer that holds router and experts.
  llvm::StringLiteral block = "mlp";
  /// The router in it, and whether it has a bias.
  llvm::StringLiteral router = "gate";
  bool routerBias = false;
  /// What is added to scores for choosing alone; empty: nothing.
  llvm::StringLiteral correction = "";
  /// The projections of an expert, `experts.N.NAME`.
  llvm::StringLiteral gate = "gate_proj", up = "up_proj", down = "down_proj";
  /// Tensors of all experts, where the files have such ones: `[E, 2 I, H]`
  /// (gate rows, then up rows) and `[E, H, I]`, or transposed (`columns`), gate
  /// and up in turn, with biases.
  llvm::StringLiteral allGateUp = "experts.gate_up_proj",
                      allDown = "experts.down_proj";
  bool columns = false;
  /// Keys of config.json: how many experts (under either of two names), how
  /// many a row has, their width, and that of shared ones.
  llvm::StringLiteral countKey = "num_experts", otherCountKey = "";
  llvm::StringLiteral chosenKey = "num_experts_per_tok";
  llvm::StringLiteral widthKey = "moe_intermediate_size";
  int64_t defaultCount = 0, defaultChosen = 0, defaultWidth = 0;
  routed::Score score = routed::Score::Softmax;
  routed::Weighting weighting = routed::Weighting::Normalized;
  /// Weights are divided by their sum only if `norm_topk_prob` says so.
  bool normalizedIfAsked = false, defaultNormalized = false;
  /// The same of GGUF files, which do not say.
  bool normalizedInGGUF = false;
  /// `routed_scaling_factor` multiplies them.
  bool scaled = false;
  double defaultFactor = 1;
  /// `n_group` and `topk_group`. IfAsked: where `topk_method` is
  /// `group_limited_greedy`.
  enum class Groups { None, IfAsked, Always } groups = Groups::None;
  routed::GroupScore groupScore = routed::GroupScore::Largest;
  int64_t defaultGroups = 1, defaultKept = 1;
  /// Experts that every row meets. Gated: `shared_expert` of
  /// `shared_expert_intermediate_size`, times a sigmoid; Plain:
  /// `shared_experts` of `n_shared_experts` widths.
  enum class Shared { None, Gated, Plain } shared = Shared::None;
  int64_t defaultShared = 0;
  /// `zero_expert_num`: experts that give their input. Files may hold gate and
  /// up of those, too, which nothing reads.
  bool identities = false;
  int64_t defaultIdentities = 0;
  /// The router is an MLP, `down_proj` and `router_mlp`, what goes into whose
  /// norm is carried to the router of the next layer; a row may have no expert
  /// (the last class), to which nothing but a low bias is added for choosing.
  bool carriedRouter = false;
  /// Attention is routed, too, by a router
  /// `self_attention.experts.router.layer`: each expert has a projection of
  /// queries and one of the output, keys and values are those of all.
  bool attention = false;
  /// A vector `bias` is added to what the experts of a row give together.
  bool outputBias = false;
  /// Gate and up are bounded by `swiglu_limit`: (up + 1) gate
  /// sigmoid(`swiglu_alpha` gate).
  bool clampedGate = false;
};

/// Experts of a model, in which nothing is left to be guessed.
struct Experts {
  /// Null: the model has none.
  const ExpertHabits *habits = nullptr;
  int64_t count = 0, chosen = 0, width = 0;
  /// Of routed attention: numbers that an expert projects to.
  int64_t queries = 0;
  /// Width of the shared expert; 0: there is none.
  int64_t shared = 0;
  int64_t identities = 0;
  /// Classes of the router that stand for no expert.
  int64_t skips = 0;
  /// Of a router that is an MLP: its width.
  int64_t routerWidth = 0;
  int64_t groups = 1, kept = 1;
  bool normalized = false;
  /// Transposed tensors are not numbers but MXFP4 blocks and scales, as linear
  /// layers have them.
  bool packed = false;
  double factor = 1;
  /// Of clamped gates.
  double limit = 0, alpha = 0;

  /// Experts that the router knows.
  int64_t all() const { return count + identities + skips; }
  routed::Weighting weighting() const {
    return habits->normalizedIfAsked && !normalized ? routed::Weighting::Scores
                                                    : habits->weighting;
  }
};

/// The weights of a checkpoint with every expert under a name of its own,
/// `BLOCK.experts.N.PROJECTION`, whether it is stored so or within the tensor
/// of all experts of a layer.
std::unique_ptr<WeightSource>
separateExperts(std::unique_ptr<WeightSource> weights,
                const ModelConfig &config, llvm::StringRef expectedBy);

} // namespace allot::importer

#endif // ALLOT_IMPORT_EXPERTS_H
